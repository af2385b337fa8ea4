//! What the Azure CLI and Power Platform's tools ask.

use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

use crate::control;

const BAP: &str = "/providers/Microsoft.BusinessAppPlatform";
const VERSION: &str = "api-version=2020-10-01";

async fn ask(world: &World, token: &str, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    world.ask(method, path, &headers, &body).await
}

/// Registers an application with a service principal; gives its client id and a token.
async fn application(world: &World, name: &str) -> (String, String) {
    let admin = world.admin_token().await;
    let made = world.graph(&admin, "POST", "applications", Some(&json!({"displayName": name}))).await;
    let (id, client) = (made.body["id"].as_str().unwrap(), made.body["appId"].as_str().unwrap());
    world.graph(&admin, "POST", "servicePrincipals", Some(&json!({"appId": client}))).await;
    let secret = world.graph(&admin, "POST", &format!("applications/{id}/addPassword"), Some(&json!({}))).await;
    let secret = secret.body["secretText"].as_str().unwrap().to_owned().into();
    (client.to_owned(), world.token(client, &secret, &world.origin()).await)
}

#[tokio::test]
async fn the_azure_cli_finds_its_cloud_tenants_and_no_subscriptions() {
    let world = World::start().await;
    let cloud = world.ask("GET", "/metadata/endpoints?api-version=2022-09-01", &[], "").await;
    assert_eq!(cloud.status, 200);
    assert_eq!(cloud.body["authentication"]["loginEndpoint"], world.origin());
    assert_eq!(cloud.body["authentication"]["audiences"][0], world.origin());
    for name in ["resourceManager", "graphAudience", "microsoftGraphResourceId", "gallery"] {
        assert_eq!(cloud.body[name], world.origin(), "{name}");
    }
    let token = world.admin_token().await;
    let tenants = ask(&world, &token, "GET", "/tenants?api-version=2022-12-01", json!(null)).await;
    assert_eq!(tenants.body["value"][0]["tenantId"], world.tenant(), "{}", tenants.text);
    let none = ask(&world, &token, "GET", "/subscriptions?api-version=2022-12-01", json!(null)).await;
    assert_eq!((none.status, &none.body["value"]), (200, &json!([])));
    assert_eq!(ask(&world, &token, "GET", "/subscriptions", json!(null)).await.code(), "MissingApiVersionParameter");
    assert_eq!(ask(&world, &token, "GET", "/subscriptions?api-version=new", json!(null)).await.status, 400);
    assert_eq!(ask(&world, &token, "GET", "/subscriptions/x?api-version=2022-12-01", json!(null)).await.status, 404);
    assert_eq!(ask(&world, &token, "PUT", "/tenants?api-version=2022-12-01", json!(null)).await.status, 405);
    let stranger = world.ask("GET", "/tenants?api-version=2022-12-01", &[], "").await;
    assert_eq!((stranger.status, stranger.code()), (401, "AuthenticationFailed"));
    assert!(stranger.header("www-authenticate").starts_with("Bearer authorization_uri="));
    let graph =
        world.token(&world.admin().client_id, &world.admin().client_secret, "https://graph.microsoft.com").await;
    let wrong = ask(&world, &graph, "GET", "/tenants?api-version=2022-12-01", json!(null)).await;
    assert_eq!((wrong.status, wrong.code()), (401, "InvalidAuthenticationTokenAudience"));
}

#[tokio::test]
async fn s18_environments_show_the_org_and_take_application_users_from_administrators() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let listed = ask(&world, &token, "GET", &format!("{BAP}/scopes/admin/environments?{VERSION}"), json!(null)).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    let environment = listed.body["value"][0]["name"].as_str().unwrap().to_owned();
    let one = format!("{BAP}/scopes/admin/environments/{environment}");
    let shown = ask(&world, &token, "GET", &format!("{one}?{VERSION}&$expand=permissions"), json!(null)).await;
    let linked = &shown.body["properties"]["linkedEnvironmentMetadata"];
    assert_eq!(linked["instanceUrl"], format!("{}/", world.origin()));

    let (client, own) = application(&world, "worker").await;
    assert_eq!(world.api(&own, "GET", "WhoAmI", None).await.code(), "0x80072560");
    let add = format!("{one}/addAppUser?{VERSION}");
    let body = json!({"servicePrincipalAppId": client});
    let refused = ask(&world, &own, "POST", &add, body.clone()).await;
    assert_eq!(refused.status, 403, "an application cannot let itself in: {}", refused.text);
    for _ in 0..2 {
        let added = ask(&world, &token, "POST", &add, body.clone()).await;
        assert_eq!(added.status, 200, "{}", added.text);
    }
    assert_eq!(world.api(&own, "GET", "accounts?$top=1", None).await.status, 200, "it is a System Administrator");
    let mine = ask(&world, &own, "GET", &format!("{BAP}/environments?{VERSION}"), json!(null)).await;
    assert_eq!(mine.body["value"].as_array().map(Vec::len), Some(1), "{}", mine.text);

    for (path, body, status) in [
        (add.clone(), json!({"servicePrincipalAppId": world.tenant()}), 400),
        (add.clone(), json!({"servicePrincipalAppId": "x"}), 400),
        (add.clone(), json!({}), 400),
        (format!("{one}/addAppUser"), body.clone(), 400),
        (format!("{BAP}/scopes/admin/environments/{}/addAppUser?{VERSION}", world.tenant()), body.clone(), 404),
        (format!("{one}/copy?{VERSION}"), body.clone(), 404),
        (format!("{one}?{VERSION}"), body.clone(), 405),
        (format!("{BAP}/scopes/admin/environments?{VERSION}&$skip=1"), body.clone(), 400),
        (format!("/providers/Microsoft.Compute/x?{VERSION}"), body, 404),
    ] {
        let answer = ask(&world, &token, "POST", &path, body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(!answer.message().is_empty(), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn no_application_registers_itself_as_a_management_application() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let (client, own) = application(&world, "manager").await;
    let path = format!("{BAP}/adminApplications/{client}?{VERSION}");
    for token in [&own, &token] {
        let refused = ask(&world, token, "PUT", &path, json!(null)).await;
        assert_eq!((refused.status, refused.code()), (403, "Forbidden"), "{}", refused.text);
    }
    let listed = ask(&world, &token, "GET", &format!("{BAP}/adminApplications?{VERSION}"), json!(null)).await;
    assert_eq!(listed.body, json!({"value": []}));
    assert_eq!(ask(&world, &token, "GET", &path, json!(null)).await.status, 404);
    assert_eq!(ask(&world, &own, "GET", &path, json!(null)).await.status, 403);
}

#[tokio::test]
async fn s17_one_tenants_administrator_sees_nothing_of_another() {
    let world = World::start().await;
    control(&world, "POST", "tenants", json!({"domain": "contoso.localhost"})).await;
    control(&world, "POST", "orgs", json!({"name": "Theirs", "tenant": "contoso.localhost"})).await;
    let token = world.admin_token().await;
    let listed = ask(&world, &token, "GET", &format!("{BAP}/scopes/admin/environments?{VERSION}"), json!(null)).await;
    assert_eq!(listed.body["value"].as_array().map(Vec::len), Some(1), "{}", listed.text);
}

/// The administrating person's own token, by name and password.
async fn person(world: &World, scope: &str) -> String {
    let fields = [
        ("grant_type", "password"),
        ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        ("username", &world.admin().username),
        ("password", world.admin().password.expose()),
        ("scope", scope),
    ];
    let answer = world.token_request(&world.tenant(), "v2.0/", &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s18_a_person_makes_an_application_an_administrator_of_environments() {
    let world = World::start().await;
    let boss = person(&world, "https://service.powerapps.com/.default").await;
    let (client, own) = application(&world, "manager").await;
    let list = format!("{BAP}/scopes/admin/environments?{VERSION}");
    assert_eq!(ask(&world, &own, "GET", &list, json!(null)).await.status, 403);
    let path = format!("{BAP}/adminApplications/{client}?{VERSION}");
    let registered = ask(&world, &boss, "PUT", &path, json!(null)).await;
    assert_eq!((registered.status, &registered.body), (200, &json!({"applicationId": client})), "{}", registered.text);
    assert_eq!(ask(&world, &own, "GET", &path, json!(null)).await.body, json!({"applicationId": client}));

    let environments = ask(&world, &own, "GET", &list, json!(null)).await;
    let environment = environments.body["value"][0]["name"].as_str().unwrap_or_else(|| panic!("{}", environments.text));
    let add = format!("{BAP}/scopes/admin/environments/{environment}/addAppUser?{VERSION}");
    let added = ask(&world, &own, "POST", &add, json!({"servicePrincipalAppId": client})).await;
    assert_eq!(added.status, 200, "it may let itself in now: {}", added.text);
    assert_eq!(world.api(&own, "GET", "WhoAmI", None).await.status, 200);

    assert_eq!(ask(&world, &boss, "DELETE", &path, json!(null)).await.status, 204);
    assert_eq!(ask(&world, &own, "GET", &list, json!(null)).await.status, 403);
    let unknown = format!("{BAP}/adminApplications/{}?{VERSION}", world.tenant());
    assert_eq!(ask(&world, &boss, "PUT", &unknown, json!(null)).await.status, 404);
    let graph = person(&world, "https://graph.microsoft.com/.default").await;
    assert_eq!(ask(&world, &graph, "GET", &list, json!(null)).await.status, 401, "a token for Graph is for Graph");
}
