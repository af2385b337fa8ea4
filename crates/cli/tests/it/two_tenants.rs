//! One application in orgs of two tenants, by an administrator of both.

use std::fs;

use keyholder_platform::write_private;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{ended, keyholder};

const THEIRS: &str = "fabrikam.localhost";
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

/// A second tenant with an org, in which the first tenant's administrating application administers too.
async fn second_tenant(world: &World) -> String {
    let token = world.admin_token().await;
    let control = async |what: &str, body: Value| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let answer = world.ask("POST", &format!("/_keyholder/{what}"), &headers, &body.to_string()).await;
        assert!(answer.status < 300, "{what}: {}", answer.text);
        answer.body
    };
    control("tenants", json!({"domain": THEIRS})).await;
    let url = control("orgs", json!({"name": "Theirs", "tenant": THEIRS})).await["url"].as_str().unwrap().to_owned();

    let env = fs::read_to_string(world.file(&format!("{THEIRS}.env"))).unwrap();
    let setting = |name: &str| {
        let value = env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        value.trim_matches('\'').to_owned()
    };
    let (client, secret) = (setting("KEYHOLDER_ADMIN_CLIENT_ID"), setting("KEYHOLDER_ADMIN_CLIENT_SECRET"));
    let their_token = async |scope: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("client_secret", secret.as_str()),
            ("scope", &format!("{scope}/.default")),
        ];
        let answer = world.token_request(THEIRS, "v2.0/", &fields).await;
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
    };

    let ours = &world.admin().client_id;
    let published = json!({"signInAudience": "AzureADMultipleOrgs"});
    let graph = async |token: &str, method: &str, path: &str, body: &Value| {
        let answer = world.graph(token, method, path, Some(body)).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    };
    graph(&token, "PATCH", &format!("applications(appId='{ours}')"), &published).await;
    let theirs = their_token("https://graph.microsoft.com").await;
    let principal = graph(&theirs, "POST", "servicePrincipals", &json!({"appId": ours})).await;
    let role = json!({
        "principalId": principal["id"], "roleDefinitionId": GLOBAL_ADMINISTRATOR, "directoryScopeId": "/",
    });
    graph(&theirs, "POST", "roleManagement/directory/roleAssignments", &role).await;

    let bearer = format!("Bearer {}", their_token(&url).await);
    let org = async |method: &str, path: &str, body: Value| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("prefer", "return=representation"),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = world.ask(method, &format!("{url}/api/data/v9.2/{path}"), &headers, &body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    };
    let user = org("POST", "systemusers", json!({"applicationid": ours})).await;
    let roles = org("GET", "roles?$select=roleid&$filter=name%20eq%20'System%20Administrator'", Value::Null).await;
    let role = format!("{url}/api/data/v9.2/roles({})", roles["value"][0]["roleid"].as_str().unwrap());
    let path = format!("systemusers({})/systemuserroles_association/$ref", user["systemuserid"].as_str().unwrap());
    org("POST", &path, json!({"@odata.id": role})).await;
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_one_application_in_orgs_of_two_tenants_is_applied_and_at_rest() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let away = second_tenant(&world).await;
    let declaration = format!(
        "[tenants.ours]\nid = \"{}\"\n[tenants.theirs]\nid = \"{THEIRS}\"\n\
         [orgs.home]\nurl = \"{}\"\ntenant = \"ours\"\n[orgs.away]\nurl = \"{away}\"\ntenant = \"theirs\"\n\
         [roles.orders.privileges]\ncontact = \"read:organization\"\n\
         [application-users.everywhere]\norgs = [\"home\", \"away\"]\nroles = [\"orders\"]\nmulti-tenant = true\n\
         credential.secret.env-file = \"everywhere.env\"\n",
        world.tenant(),
        world.origin()
    );
    fs::write(folder.path().join("keyholder.toml"), declaration).unwrap();
    write_private(&folder.path().join("ours"), world.admin().client_secret.expose().as_bytes()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = keyholder(folder.path());
        command.args(arguments).args(["--client-id", &world.admin().client_id, "--client-secret-file", "ours"]);
        ended(command.env("KEYHOLDER_CA_FILE", world.file("ca.pem")))
    };
    let applied = run(&["apply", "--yes", "--output", "json"]).json();
    assert_eq!(applied["failures"], json!([]), "{applied:#}");
    let proved = applied["proved"].as_array().unwrap();
    assert_eq!(proved.len(), 2, "{applied:#}");
    // The principal in the second tenant is found again by the client id that the first tenant tells.
    let planned = run(&["plan"]);
    assert_eq!(planned.code(), 0, "{planned:#?}");
    let again = run(&["apply", "--yes", "--output", "json"]).json();
    assert_eq!(again["changed"], json!(false), "{again:#}");
}
