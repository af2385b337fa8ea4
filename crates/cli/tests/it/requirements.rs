//! What the five guides describe, each as one story on the command line: the rows that no other file of these tests shows
//! as a whole.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use keyholder_org::{Listen, Place};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::person::Person;
use crate::program::{Ended, RunningOrg, ended, free_port, keyholder, run};

const PLAN: &str = "ea126fc5-a19e-42e2-a731-da9d437bffcf";
const PASSWORD: &str = "Correct-horse-9";

/// A world that the commands of a folder find with `--local`.
async fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(Place::Folder(folder.path().join(".keyholder")), Listen::default()).await;
    (world, folder)
}

async fn graph(world: &World, method: &str, path: &str, body: &Value) -> Value {
    let token = world.admin_token().await;
    let answer = world.graph(&token, method, path, Some(body)).await;
    assert!(answer.status < 300, "{}", answer.text);
    answer.body
}

/// A person of the directory.
async fn person(world: &World, name: &str, must_change: bool) -> String {
    let new = json!({
        "displayName": name, "mailNickname": name, "userPrincipalName": user(name), "accountEnabled": true,
        "usageLocation": "DE",
        "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": must_change},
    });
    graph(world, "POST", "users", &new).await["id"].as_str().unwrap().to_owned()
}

async fn license(world: &World, person: &str) {
    let body = json!({"addLicenses": [{"skuId": PLAN, "disabledPlans": []}], "removeLicenses": []});
    graph(world, "POST", &format!("users/{person}/assignLicense"), &body).await;
}

async fn consumed(world: &World) -> u64 {
    let token = world.admin_token().await;
    let skus = world.graph(&token, "GET", "subscribedSkus", None).await.body["value"].clone();
    skus.as_array().unwrap().iter().find(|sku| sku["skuId"] == PLAN).unwrap()["consumedUnits"].as_u64().unwrap()
}

fn user(name: &str) -> String {
    format!("{name}@keyholder.localhost")
}

fn non_interactive(here: &Path, arguments: &[&str]) -> Ended {
    run(here, &[&["non-interactive"], arguments, &["--local"]].concat())
}

fn outcomes(told: &Value) -> Vec<String> {
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let steps = told["steps"].as_array().unwrap().iter();
    steps.map(|step| format!("{} {}", word(step, "step"), word(step, "outcome"))).collect()
}

/// As the person of a password, at an org.
fn as_person(here: &Path, world: &World, name: &str, password: &str) -> Ended {
    fs::write(here.join("password"), password).unwrap();
    let url = world.origin();
    let arguments = ["whoami", "--url", &url, "--username", &user(name), "--password-file", "password"];
    ended(keyholder(here).args(arguments).env("KEYHOLDER_CA_FILE", world.file("ca.pem")))
}

#[tokio::test(flavor = "multi_thread")]
async fn s02_a_licensed_person_becomes_non_interactive_in_the_guides_five_steps() {
    let (world, folder) = world().await;
    let here = folder.path();
    let anna = person(&world, "anna", false).await;
    license(&world, &anna).await;
    let before = consumed(&world).await;
    let planned = non_interactive(here, &["convert", &user("anna"), "--dry-run"]);
    assert_eq!((planned.code(), consumed(&world).await), (2, before), "{planned:#?}");

    let told = non_interactive(here, &["convert", &user("anna"), "--role", "Basic User", "--output", "json"]).json();
    let steps = outcomes(&told);
    for expected in
        ["person found", "orgUser found", "accessMode changed", "licenceReturn removed", "confirmation proved"]
    {
        assert!(steps.iter().any(|step| step == expected), "no {expected} in {steps:?}");
    }
    assert_eq!(consumed(&world).await, before - 1, "the licence is free for somebody else");
    // It outlives the licence, and the person reaches data by programs.
    let row = format!("systemusers?$select=accessmode&$filter=azureactivedirectoryobjectid eq {anna}");
    let row = run(here, &["query", &row, "--local", "--output", "json"]).json();
    assert_eq!(row[0]["accessmode"], 4);
    as_person(here, &world, "anna", PASSWORD).done();
    let again = non_interactive(here, &["convert", &user("anna"), "--output", "json"]).json();
    assert_eq!(again["result"]["changed"], false, "{again}");
}

#[test]
fn s03_a_wait_for_the_org_is_told_can_be_killed_and_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port(), "--propagation-delay", "3s"]);
    let name = user("svc-orders");
    let arguments = ["non-interactive", "create", &name, "--usage-location", "DE", "--save-env", "svc.env"];
    let mut command = keyholder(here);
    command.args(arguments).args(["--change-first-password", "--local"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let waits = said.into_iter().any(|line| line.contains("waiting for") && line.contains("asking again in"));
    assert!(waits, "it ended before it had to wait");
    child.kill().unwrap();
    child.wait().unwrap();

    let again = [&arguments[..], &["--change-first-password", "--local", "--output", "json"]].concat();
    let told = run(here, &again).json();
    let steps = outcomes(&told);
    assert!(steps.contains(&"person found".to_owned()), "it begins where it was: {steps:?}");
    for expected in ["confirmation proved", "signIn proved"] {
        assert!(steps.iter().any(|step| step == expected), "no {expected} in {steps:?}");
    }
    assert_eq!(told["result"]["orgs"][0]["roles"][0]["name"], "Basic User", "a lesser role where none is named");
    run(here, &["whoami", "--env-file", "svc.env"]).done();
    let listed = non_interactive(here, &["list"]).done();
    assert!(listed.contains(&name) && listed.contains("no licence"), "{listed}");
}

#[test]
fn s04_the_org_itself_refuses_one_too_many_and_applications_are_unlimited() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port(), "--non-interactive-limit", "2"]);
    let create = |name: &str, more: &[&str]| {
        let env = format!("{name}.env");
        let name = user(name);
        let fixed = ["create", &name, "--usage-location", "DE", "--save-env", &env];
        non_interactive(here, &[&fixed[..], more].concat())
    };
    for name in ["one", "two"] {
        create(name, &[]).done();
    }
    assert!(non_interactive(here, &["list", "--limit", "2"]).done().contains("2 of at most 2"));
    assert!(create("three", &["--limit", "2"]).failed(78).contains("2 of"));
    // The tool takes the org for a newer one, and hears it from the org.
    let refused = create("three", &[]);
    assert_ne!(refused.code(), 0, "{refused:#?}");
    assert!(refused.err.contains("0x80040") || refused.err.to_lowercase().contains("non-interactive"), "{refused:#?}");
    let listed = non_interactive(here, &["list", "--limit", "2", "--output", "json"]).json();
    assert_eq!(listed["orgs"][0]["nonInteractive"].as_array().unwrap().len(), 2, "{listed}");
    for name in ["a", "b", "c"] {
        let env = format!("{name}.env");
        let made = ["app-user", "create", name, "--role", "Basic User", "--save-env", &env, "--local", "--yes"];
        run(here, &made).done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_each_refusal_of_a_password_is_told_and_an_application_is_the_way_out() {
    let (world, folder) = world().await;
    let here = folder.path();
    let name = user("svc-tool");
    let created = ["create", &name, "--usage-location", "DE", "--save-env", "svc.env"];
    non_interactive(here, &created).done();
    let whoami = || run(here, &["whoami", "--env-file", "svc.env"]);
    whoami().done();
    for (state, number) in [("enforced", "AADSTS50076"), ("enabled", "AADSTS50079")] {
        run(here, &["org", "multi-factor", &name, state]).done();
        let said = whoami().failed(77);
        assert!(said.contains(number), "{state}: {said}");
    }
    // The way out: an application user with the same rights, which nobody asks for a second factor.
    non_interactive(here, &["migrate", &name, "--save-env", "app.env"]).done();
    run(here, &["whoami", "--env-file", "app.env"]).done();
    run(here, &["org", "multi-factor", &name, "disabled"]).done();
    whoami().done();

    assert!(as_person(here, &world, "nobody", PASSWORD).failed(77).contains("AADSTS50034"));
    person(&world, "fresh", true).await;
    let said = as_person(here, &world, "fresh", PASSWORD).failed(77);
    assert!(said.contains("AADSTS50055") || said.contains("AADSTS50056"), "{said}");
    let gone = person(&world, "gone", false).await;
    graph(&world, "PATCH", &format!("users/{gone}"), &json!({"accountEnabled": false})).await;
    assert!(as_person(here, &world, "gone", PASSWORD).failed(77).contains("AADSTS50057"));
    person(&world, "guessed", false).await;
    let said: Vec<String> =
        (0..12).map(|_| as_person(here, &world, "guessed", "wrong-password-1").failed(77)).collect();
    assert!(said[0].contains("AADSTS50126"), "{said:?}");
    assert!(said[11].contains("AADSTS50053") && !said[11].contains("wrong-password-1"), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s17_the_orgs_page_is_locked_to_who_reaches_its_data() {
    let (world, folder) = world().await;
    let here = folder.path();
    let anna = person(&world, "anna", false).await;
    license(&world, &anna).await;
    non_interactive(here, &["convert", &user("anna"), "--role", "Basic User"]).done();
    as_person(here, &world, "anna", PASSWORD).done();
    let page = Person::default().sign_in_as(&world, "/", &user("anna"), PASSWORD).await;
    assert_eq!(page.status, 403, "{}", page.text);
    assert!(page.text.contains("This door is locked") && page.text.contains("Non-interactive users cannot access"));
    let admin = world.admin();
    let page = Person::default().sign_in_as(&world, "/", &admin.username, admin.password.expose()).await;
    assert_eq!(page.status, 200, "{}", page.text);
    // An application reaches data, and has nothing that a page would take.
    let made = ["app-user", "create", "orders", "--role", "Basic User", "--save-env", "orders.env", "--local", "--yes"];
    run(here, &made).done();
    run(here, &["whoami", "--env-file", "orders.env"]).done();
    let env = fs::read_to_string(here.join("orders.env")).unwrap();
    let setting =
        |name: &str| env.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_matches('\'').to_owned();
    let (id, secret) = (setting("KEYHOLDER_CLIENT_ID="), setting("KEYHOLDER_CLIENT_SECRET="));
    let page = Person::default().sign_in_as(&world, "/", &id, &secret).await;
    assert!(page.text.contains("An application cannot sign in here: these pages are for people"), "{}", page.text);
    assert!(!page.text.contains(&secret));
}

#[test]
fn s19_a_load_stays_under_the_limits_and_several_users_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port(), "--limits", "100,600,8"]);
    for name in ["one", "two"] {
        let env = format!("{name}.env");
        let made = ["app-user", "create", name, "--role", "Basic User", "--save-env", &env, "--local", "--yes"];
        run(here, &made).done();
    }
    let rows: String = (0..140).map(|number| format!("Shared {number}\n")).collect();
    fs::write(here.join("rows.csv"), format!("lastname\n{rows}")).unwrap();
    let load = ["load", "rows.csv", "--table", "contacts", "--mode", "single", "--env-file", "one.env"];
    let told = run(here, &[&load[..], &["--also-env-file", "two.env"]].concat());
    assert_eq!(told.code(), 0, "{told:#?}");
    let query = "contacts?$select=lastname&$expand=createdby($select=fullname)&$filter=startswith(lastname,'Shared')";
    let made = run(here, &["query", query, "--local", "--output", "json"]).json();
    let by = |name: &str| {
        let made = made.as_array().unwrap().iter();
        made.filter(|row| row["createdby"]["fullname"].as_str().unwrap().contains(name)).count()
    };
    assert_eq!(by("one") + by("two"), 140);
    // More than either may ask for in five minutes: neither was refused, and nobody waited for that.
    assert!(by("one") >= 40 && by("two") >= 40, "{} and {}", by("one"), by("two"));
    // What each has asked for is told beside what it may.
    let usage = run(here, &["usage", "--local", "--output", "json"]).json();
    assert_eq!(usage["windowSeconds"], 300);
    let users = usage["tenants"][0]["users"].as_array().unwrap();
    assert!(users.iter().filter(|user| user["window"].is_object()).count() >= 2, "{usage}");
}

#[test]
fn s21_applications_with_the_same_rights_share_a_user_each_with_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port()]);
    let made = ["app-user", "create", "shared", "--grant", "contact=read:organization", "--save-env", "mail.env"];
    run(here, &[&made[..], &["--local", "--yes"]].concat()).done();
    let added = ["credential", "add", "shared", "--secret", "--save-env", "shop.env", "--local", "--output", "json"];
    run(here, &added).done();
    let who = |env: &str| run(here, &["whoami", "--env-file", env, "--output", "json"]);
    assert_eq!(who("mail.env").json()["userId"], who("shop.env").json()["userId"]);
    // One key is taken back; the other goes on.
    let listed = run(here, &["credential", "list", "shared", "--local", "--output", "json"]).json();
    let credentials = listed["credentials"].as_array().unwrap();
    let of_mail = credentials.iter().find(|one| one["label"].as_str().unwrap().ends_with("mail.env")).unwrap();
    let id = of_mail["id"].as_str().unwrap();
    run(here, &["credential", "revoke", "shared", id, "--local", "--yes"]).done();
    let said = who("mail.env").failed(77);
    assert!(said.contains("AADSTS7000215"), "{said}");
    who("shop.env").done();
    run(here, &["query", "contacts?$top=1", "--env-file", "shop.env"]).done();
}

#[test]
fn s15_what_an_application_makes_and_changes_bears_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port()]);
    for name in ["maker", "changer"] {
        let env = format!("{name}.env");
        let grants = ["create", "read", "write"].map(|right| format!("contact={right}:organization"));
        let grants = grants.iter().flat_map(|grant| ["--grant", grant]).collect::<Vec<_>>();
        let made = ["app-user", "create", name, "--save-env", &env, "--local", "--yes"];
        run(here, &[&made[..], &grants].concat()).done();
    }
    let made = ["create", "contacts", "--set", "lastname=Ng", "--env-file", "maker.env", "--output", "json"];
    run(here, &made).done();
    let named = |columns: &str| {
        let query = format!("contacts?$select={columns}&$filter=lastname eq 'Ng'");
        let rows = run(here, &["query", &query, "--annotations", "--local", "--output", "json"]).json();
        rows[0].clone()
    };
    let id = named("contactid")["contactid"].as_str().unwrap().to_owned();
    let changed = ["update", &format!("contacts({id})"), "--set", "firstname=Ada", "--env-file", "changer.env"];
    run(here, &changed).done();
    let row = named("_createdby_value,_modifiedby_value");
    let label = |column: &str| row[format!("{column}@OData.Community.Display.V1.FormattedValue")].to_string();
    assert!(label("_createdby_value").contains("maker"), "{row}");
    assert!(label("_modifiedby_value").contains("changer"), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s06_the_permission_of_the_guides_is_asked_for_and_consented_to() {
    let (world, folder) = world().await;
    let here = folder.path();
    let file = "[orgs.prod]\nurl = 'https://contoso.crm4.dynamics.com'\n[roles.r.privileges]\ncontact = 'read:organization'\n\
        [application-users.orders]\nroles = ['r']\nuser-impersonation = true\ncredential.secret.env-file = 'orders.env'\n";
    fs::write(here.join("keyholder.toml"), file).unwrap();
    run(here, &["apply", "--local", "--yes"]).done();
    let token = world.admin_token().await;
    let found =
        world.graph(&token, "GET", "applications?$filter=displayName eq 'orders'", None).await.body["value"].clone();
    let asked = &found[0]["requiredResourceAccess"][0];
    // Dynamics CRM, and "access as organization users", delegated.
    assert_eq!(asked["resourceAppId"], "00000007-0000-0000-c000-000000000000", "{found}");
    assert_eq!(
        asked["resourceAccess"],
        json!([{"id": "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4", "type": "Scope"}]),
        "{found}"
    );
    let path = format!("servicePrincipals(appId='{}')", found[0]["appId"].as_str().unwrap());
    let principal = world.graph(&token, "GET", &path, None).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("oauth2PermissionGrants?$filter=clientId eq '{principal}'");
    let grants = world.graph(&token, "GET", &path, None).await.body["value"].clone();
    assert_eq!(
        (&grants[0]["consentType"], &grants[0]["scope"], grants.as_array().unwrap().len()),
        (&json!("AllPrincipals"), &json!("user_impersonation"), 1),
        "an administrator has consented for everybody: {grants}"
    );
    assert_eq!(run(here, &["plan", "--local"]).code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_an_application_user_is_a_row_of_which_the_org_fills_in_the_rest() {
    let (world, folder) = world().await;
    let here = folder.path();
    let token = world.admin_token().await;
    let new = json!({"displayName": "by hand", "signInAudience": "AzureADMyOrg"});
    let application = graph(&world, "POST", "applications", &new).await["appId"].as_str().unwrap().to_owned();
    let principal = graph(&world, "POST", "servicePrincipals", &json!({"appId": application})).await;
    let create = |more: &[&str]| run(here, &[&["create", "systemusers"], more, &["--local"]].concat());
    let id = format!("applicationid={application}");
    let locked = create(&["--set", &id, "--set", &format!("azureactivedirectoryobjectid={application}")]);
    assert!(locked.failed(65).to_lowercase().contains("0x80041d4f"));
    let unknown = create(&["--set", "applicationid=11111111-2222-3333-4444-555555555555"]);
    assert!(unknown.failed(65).to_lowercase().contains("0x8004f510"));
    create(&["--set", &id]).done();
    assert!(create(&["--set", &id]).failed(65).to_lowercase().contains("0x8004f511"));
    let query = format!("systemusers?$filter=applicationid eq {application}");
    let row = run(here, &["query", &query, "--local", "--output", "json"]).json()[0].clone();
    assert_eq!(
        (&row["fullname"], &row["accessmode"], &row["azureactivedirectoryobjectid"]),
        (&json!("# by hand"), &json!(4), &principal["id"]),
        "{row}"
    );
    // It has no licence, and is no person who could be given one.
    assert_eq!(row["islicensed"], false, "{row}");
    assert_eq!(world.graph(&token, "GET", &format!("users/{application}"), None).await.status, 404);
    let fixed = ["update", &format!("systemusers({})", row["systemuserid"].as_str().unwrap())];
    let fixed = run(here, &[&fixed[..], &["--set", "lastname=Other", "--local"]].concat()).failed(65);
    assert!(fixed.to_lowercase().contains("0x80041d48"), "{fixed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_the_tenant_is_named_by_id_by_domain_or_not_at_all() {
    let (world, folder) = world().await;
    let here = folder.path();
    let made = ["app-user", "create", "orders", "--role", "Basic User", "--save-env", "orders.env", "--local", "--yes"];
    run(here, &made).done();
    let env = fs::read_to_string(here.join("orders.env")).unwrap();
    let without: String = env.lines().filter(|line| !line.contains("TENANT")).flat_map(|line| [line, "\n"]).collect();
    keyholder_platform::write_private(&here.join("orders.env"), without.as_bytes()).unwrap();
    let id = world.tenant();
    for tenant in [&[][..], &["--tenant", &id], &["--tenant", "keyholder.localhost"], &["--tenant", "common"]] {
        let asked = [&["token", "--decode", "--env-file", "orders.env", "--output", "json"], tenant].concat();
        let said = run(here, &asked).done();
        assert!(said.contains(&id) && said.contains(&world.origin()), "{tenant:?}: {said}");
        run(here, &[&["whoami", "--env-file", "orders.env"], tenant].concat()).done();
    }
    let said = run(here, &["whoami", "--env-file", "orders.env", "--tenant", "elsewhere.example"]).failed(78);
    assert!(said.contains("AADSTS90002"), "{said}");
}

#[test]
fn s23_what_still_needs_a_licence_is_written_down() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/non-interactive-users.md");
    let text = fs::read_to_string(document).unwrap().to_lowercase();
    assert!(text.contains("multiplexing"), "the rule on people behind an application");
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_an_administrative_user_is_shown_apart_reads_no_data_and_is_never_converted() {
    let (world, folder) = world().await;
    let here = folder.path();
    let boss = person(&world, "boss", false).await;
    let role = json!({
        "principalId": boss, "directoryScopeId": "/", "roleDefinitionId": "11648597-926c-4cf3-9c36-bcebb0ba8dcc",
    });
    graph(&world, "POST", "roleManagement/directory/roleAssignments", &role).await;
    non_interactive(here, &["create", &user("svc"), "--usage-location", "DE", "--save-env", "svc.env"]).done();
    let listed = non_interactive(here, &["list", "--output", "json"]).json();
    let names = |kind: &str| {
        let users = listed["orgs"][0][kind].as_array().unwrap().iter();
        users.map(|one| one["userName"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names("nonInteractive"), names("administrative")), (vec![user("svc")], vec![user("boss")]), "{listed}");
    let shown = non_interactive(here, &["list"]).done();
    assert!(shown.contains("1 of at most 7") && shown.to_lowercase().contains("administrative"), "{shown}");
    let said = non_interactive(here, &["convert", &user("boss")]).failed(78);
    assert!(said.contains("Power Platform Administrator") && said.contains("administrative"), "{said}");
    // Settings, and no data.
    as_person(here, &world, "boss", PASSWORD).done();
    fs::write(here.join("password"), PASSWORD).unwrap();
    let (url, name) = (world.origin(), user("boss"));
    let query = ["query", "contacts?$top=1", "--url", &url, "--username", &name, "--password-file", "password"];
    let refused = ended(keyholder(here).args(query).env("KEYHOLDER_CA_FILE", world.file("ca.pem")));
    assert_ne!(refused.code(), 0, "{refused:#?}");
}
