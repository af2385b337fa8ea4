//! The guides' rows, each walked end to end over HTTP as `curl` would, and with the mistake that the
//! row is about.

mod administrators;

use std::time::Duration;

use keyholder_foundation::{Secret, Timestamp};
use keyholder_org::{Settings, world::DEFAULT_NON_INTERACTIVE_LIMIT};
use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

use crate::control;
use crate::propagation::{license, person, set_access_mode, user};

const PASSWORD: &str = "Correct-horse-9";
const DYNAMICS_CRM: &str = "00000007-0000-0000-c000-000000000000";
const USER_IMPERSONATION: &str = "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4";
/// The public client that the guides' tools sign people in with.
const TOOLS: &str = "51f81489-12ee-4a9e-aaae-a2591f45987d";

/// An application as the guides register it: its object, its client id, its secret.
struct Registered {
    id: String,
    client: String,
    secret: Secret,
}

async fn register(world: &World, name: &str, audience: &str) -> Registered {
    let admin = world.admin_token().await;
    let body = json!({"displayName": name, "signInAudience": audience});
    let made = world.graph(&admin, "POST", "applications", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, client) = (made.body["id"].as_str().unwrap(), made.body["appId"].as_str().unwrap());
    let principal = world.graph(&admin, "POST", "servicePrincipals", Some(&json!({"appId": client}))).await;
    assert_eq!(principal.status, 201, "{}", principal.text);
    Registered { id: id.to_owned(), client: client.to_owned(), secret: add_secret(world, id, json!({})).await.1 }
}

/// One more secret: its key id and its text.
async fn add_secret(world: &World, id: &str, wanted: Value) -> (String, Secret) {
    let admin = world.admin_token().await;
    let path = format!("applications/{id}/addPassword");
    let added = world.graph(&admin, "POST", &path, Some(&json!({"passwordCredential": wanted}))).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    (text("keyId"), Secret::new(text("secretText")))
}

/// Asks for a token at the v2 endpoint.
async fn sign_in(world: &World, client: &str, secret: &Secret) -> Answer {
    let scope = format!("{}/.default", world.origin());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret.expose()),
        ("scope", scope.as_str()),
    ];
    world.token_request(&world.tenant(), "v2.0/", &fields).await
}

async fn sign_in_person(world: &World, name: &str, password: &str) -> Answer {
    let scope = format!("{}/.default", world.origin());
    let fields = [
        ("grant_type", "password"),
        ("client_id", TOOLS),
        ("username", name),
        ("password", password),
        ("scope", scope.as_str()),
    ];
    world.token_request(&world.tenant(), "v2.0/", &fields).await
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["access_token"].as_str().unwrap().to_owned()
}

/// Makes an application's user in the org.
async fn application_user(world: &World, client: &str) -> Answer {
    let admin = world.admin_token().await;
    world.api(&admin, "POST", "systemusers", Some(&json!({"applicationid": client}))).await
}

async fn row_of(world: &World, client: &str) -> Value {
    let admin = world.admin_token().await;
    let found = world.api(&admin, "GET", &format!("systemusers?$filter=applicationid eq {client}"), None).await;
    found.body["value"][0].clone()
}

/// The id of a role of the platform.
async fn role(world: &World, name: &str) -> String {
    let admin = world.admin_token().await;
    let found = world.api(&admin, "GET", &format!("roles?$select=roleid&$filter=name eq '{name}'"), None).await;
    found.body["value"][0]["roleid"].as_str().unwrap().to_owned()
}

async fn give_role(world: &World, user: &Value, name: &str) -> Answer {
    let admin = world.admin_token().await;
    let path = format!("systemusers({})/systemuserroles_association/$ref", user["systemuserid"].as_str().unwrap());
    let reference = format!("{}/api/data/v9.2/roles({})", world.origin(), role(world, name).await);
    world.api(&admin, "POST", &path, Some(&json!({"@odata.id": reference}))).await
}

#[tokio::test]
async fn s01_both_kinds_of_service_user_reach_data_without_a_licence_and_no_web_page() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    assert_eq!(application_user(&world, &job.client).await.status, 204);
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    assert_eq!(set_access_mode(&world, &user(&world, &anna).await, 4).await.status, 204);
    license(&world, &anna, false).await;
    let app_row = row_of(&world, &job.client).await;
    let row = user(&world, &anna).await;
    assert_eq!((&app_row["accessmode"], &row["accessmode"]), (&json!(4), &json!(4)));
    assert_eq!((&app_row["islicensed"], &row["islicensed"]), (&json!(false), &json!(false)));
    let tokens = [
        token(&sign_in(&world, &job.client, &job.secret).await),
        token(&sign_in_person(&world, "anna@keyholder.localhost", PASSWORD).await),
    ];
    for (bearer, row) in tokens.iter().zip([&app_row, &row]) {
        assert_eq!(
            world.api(bearer, "GET", "accounts?$top=1", None).await.status,
            403,
            "without a role there is nothing"
        );
        assert_eq!(give_role(&world, row, "System Customizer").await.status, 204);
        assert_eq!(world.api(bearer, "GET", "accounts?$top=1", None).await.status, 200);
        // Disabled, the next request is refused; enabled, it is answered.
        for (disabled, status) in [(true, 403), (false, 200)] {
            let admin = world.admin_token().await;
            let path = format!("systemusers({})", row["systemuserid"].as_str().unwrap());
            let set = world.api(&admin, "PATCH", &path, Some(&json!({"isdisabled": disabled}))).await;
            assert_eq!(set.status, 204, "{}", set.text);
            assert_eq!(world.api(bearer, "GET", "accounts?$top=1", None).await.status, status);
        }
    }
    let page = world.ask("GET", "/", &[("authorization", &format!("Bearer {}", tokens[0]))], "").await;
    assert!(page.status == 403 && page.text.contains("0x80044160"), "{}", page.text);
}

#[tokio::test]
async fn s02_a_licensed_person_becomes_non_interactive_and_stays_so_without_the_licence() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    assert_eq!(set_access_mode(&world, &user(&world, &anna).await, 4).await.status, 204);
    license(&world, &anna, false).await;
    let row = user(&world, &anna).await;
    assert_eq!((&row["accessmode"], &row["isdisabled"]), (&json!(4), &json!(false)));
    // In the other order the person is shut out first.
    let bert = person(&world, "bert").await;
    license(&world, &bert, true).await;
    license(&world, &bert, false).await;
    assert_eq!(user(&world, &bert).await["isdisabled"], true);
}

#[tokio::test]
async fn s03_a_new_non_interactive_user_is_made_from_nothing() {
    let settings = Settings { propagation_delay: Duration::from_secs(1800), ..Settings::default() };
    let world = World::behaving(settings).await;
    let admin = world.admin_token().await;
    let body = json!({
        "displayName": "Service", "mailNickname": "svc", "accountEnabled": true, "usageLocation": "US",
        "userPrincipalName": "svc@keyholder.localhost", "passwordProfile": {"password": "First-horse-1"},
    });
    let made = world.graph(&admin, "POST", "users", Some(&body)).await;
    let svc = made.body["id"].as_str().unwrap();
    license(&world, svc, true).await;
    assert_eq!(user(&world, svc).await, Value::Null, "minutes to hours");
    world.advance(Duration::from_secs(1801));
    let row = user(&world, svc).await;
    assert_eq!(give_role(&world, &row, "System Customizer").await.status, 204);
    assert_eq!(set_access_mode(&world, &row, 4).await.status, 204);
    license(&world, svc, false).await;
    world.advance(Duration::from_secs(1801));
    assert_eq!(user(&world, svc).await["accessmode"], 4);
    // The first password must be changed before a program can use it.
    let name = "svc@keyholder.localhost";
    assert_eq!(sign_in_person(&world, name, "First-horse-1").await.aadsts(), 50_055);
    let profile = json!({"passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false}});
    let admin = world.admin_token().await;
    assert_eq!(world.graph(&admin, "PATCH", &format!("users/{svc}"), Some(&profile)).await.status, 204);
    let bearer = token(&sign_in_person(&world, name, PASSWORD).await);
    assert_eq!(world.api(&bearer, "GET", "accounts?$top=1", None).await.status, 200);
}

#[tokio::test]
async fn s04_the_cap_holds_for_people_and_not_for_applications() {
    for limit in [DEFAULT_NON_INTERACTIVE_LIMIT, 1] {
        let world = World::behaving(Settings { non_interactive_limit: limit, ..Settings::default() }).await;
        let job = register(&world, "job", "AzureADMyOrg").await;
        assert_eq!(application_user(&world, &job.client).await.status, 204);
        for at in 0..=limit {
            let id = person(&world, &format!("p{at}")).await;
            license(&world, &id, true).await;
            let set = set_access_mode(&world, &user(&world, &id).await, 4).await;
            match at == limit {
                false => assert_eq!(set.status, 204, "{}", set.text),
                true => assert_eq!((set.status, set.code()), (400, "0x8004b050"), "{}", set.text),
            }
        }
    }
}

#[tokio::test]
async fn s05_a_registration_has_a_client_id_and_is_found_again() {
    let world = World::start().await;
    let job = register(&world, "orders sync", "AzureADMyOrg").await;
    let admin = world.admin_token().await;
    for path in [
        format!("applications/{}", job.id),
        format!("applications(appId='{}')", job.client),
        "applications?$filter=displayName eq 'orders sync'".to_owned(),
    ] {
        let found = world.graph(&admin, "GET", &path, None).await;
        let found = found.body["value"].get(0).unwrap_or(&found.body);
        assert_eq!((&found["appId"], &found["id"]), (&json!(job.client), &json!(job.id)), "{path}");
    }
    // The client id is no object id.
    let wrong = world.graph(&admin, "GET", &format!("applications/{}", job.client), None).await;
    assert_eq!((wrong.status, wrong.code()), (404, "Request_ResourceNotFound"));
    // Deleted it comes back with its ids, and signs in again.
    assert_eq!(world.graph(&admin, "DELETE", &format!("applications/{}", job.id), None).await.status, 204);
    assert_eq!(sign_in(&world, &job.client, &job.secret).await.aadsts(), 700_016);
    let restored = world.graph(&admin, "POST", &format!("directory/deletedItems/{}/restore", job.id), None).await;
    assert_eq!((restored.status, &restored.body["appId"]), (200, &json!(job.client)), "{}", restored.text);
    assert_eq!(sign_in(&world, &job.client, &job.secret).await.status, 200);
}

#[tokio::test]
async fn s06_the_api_permission_is_declared_and_an_administrator_consents() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    let admin = world.admin_token().await;
    let declared = json!({"requiredResourceAccess": [{
        "resourceAppId": DYNAMICS_CRM, "resourceAccess": [{"id": USER_IMPERSONATION, "type": "Scope"}],
    }], "isFallbackPublicClient": true});
    let path = format!("applications/{}", job.id);
    assert_eq!(world.graph(&admin, "PATCH", &path, Some(&declared)).await.status, 204);
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    let scope = format!("{}/user_impersonation", world.origin());
    let fields = [
        ("grant_type", "password"),
        ("client_id", job.client.as_str()),
        ("client_secret", job.secret.expose()),
        ("username", "anna@keyholder.localhost"),
        ("password", PASSWORD),
        ("scope", &scope),
    ];
    let refused = world.token_request(&world.tenant(), "v2.0/", &fields).await;
    assert_eq!((refused.status, refused.aadsts()), (400, 65_001), "declared is not granted");
    let principal = async |client: &str| {
        let found = world.graph(&admin, "GET", &format!("servicePrincipals(appId='{client}')"), None).await;
        found.body["id"].as_str().unwrap().to_owned()
    };
    let grant = json!({
        "clientId": principal(&job.client).await, "resourceId": principal(DYNAMICS_CRM).await,
        "consentType": "AllPrincipals", "principalId": null, "scope": "user_impersonation",
    });
    assert_eq!(world.graph(&admin, "POST", "oauth2PermissionGrants", Some(&grant)).await.status, 201);
    let bearer = token(&world.token_request(&world.tenant(), "v2.0/", &fields).await);
    let row = user(&world, &anna).await;
    assert_eq!(give_role(&world, &row, "Basic User").await.status, 204);
    let who = world.api(&bearer, "GET", "WhoAmI", None).await;
    assert_eq!(who.body["UserId"], row["systemuserid"], "access as organization users: {}", who.text);
}

#[tokio::test]
async fn s07_several_keys_each_with_its_own_end_and_each_revocable() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    let now = control(&world, "GET", "clock", Value::Null).await.body["now"].as_str().unwrap().to_owned();
    let soon = Timestamp::parse(&now).unwrap().plus(Duration::from_secs(30 * 86_400)).to_string();
    let (short_id, short) = add_secret(&world, &job.id, json!({"displayName": "short", "endDateTime": soon})).await;
    let (other_id, other) = add_secret(&world, &job.id, json!({"displayName": "other"})).await;
    for secret in [&job.secret, &short, &other] {
        assert_eq!(sign_in(&world, &job.client, secret).await.status, 200);
    }
    let admin = world.admin_token().await;
    let shown = world.graph(&admin, "GET", &format!("applications/{}", job.id), None).await;
    let keys = shown.body["passwordCredentials"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| key["secretText"].is_null() && key["endDateTime"].is_string()), "shown once only");
    assert!(keys.iter().any(|key| key["keyId"] == json!(short_id) && key["displayName"] == "short"));
    world.advance(Duration::from_secs(31 * 86_400));
    let over = sign_in(&world, &job.client, &short).await;
    assert_eq!((over.status, over.aadsts()), (401, 7_000_222));
    let admin = world.admin_token().await;
    let remove = json!({"keyId": other_id});
    let path = format!("applications/{}/removePassword", job.id);
    assert_eq!(world.graph(&admin, "POST", &path, Some(&remove)).await.status, 204);
    assert_eq!(sign_in(&world, &job.client, &other).await.aadsts(), 7_000_215);
    assert_eq!(sign_in(&world, &job.client, &job.secret).await.status, 200);
}

#[tokio::test]
async fn s08_a_secret_expires_and_another_takes_over_without_a_gap() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    world.advance(Duration::from_secs(729 * 86_400));
    assert_eq!(sign_in(&world, &job.client, &job.secret).await.status, 200, "two years by default");
    let (_, new) = add_secret(&world, &job.id, json!({})).await;
    assert_eq!(sign_in(&world, &job.client, &new).await.status, 200);
    world.advance(Duration::from_secs(2 * 86_400));
    let over = sign_in(&world, &job.client, &job.secret).await;
    assert_eq!((over.status, over.body["error"].as_str(), over.aadsts()), (401, Some("invalid_client"), 7_000_222));
    assert_eq!(sign_in(&world, &job.client, &new).await.status, 200);
}

#[tokio::test]
async fn s09_an_application_user_is_made_from_its_id_and_the_rest_fills_itself() {
    let world = World::start().await;
    let job = register(&world, "orders sync", "AzureADMyOrg").await;
    let admin = world.admin_token().await;
    let locked = json!({"applicationid": job.client, "azureactivedirectoryobjectid": job.client});
    let refused = world.api(&admin, "POST", "systemusers", Some(&locked)).await;
    assert_eq!(refused.code(), "0x80041d4f", "{}", refused.text);
    let unknown = application_user(&world, "11111111-2222-3333-4444-555555555555").await;
    assert_eq!(unknown.code(), "0x8004f510", "{}", unknown.text);
    assert_eq!(application_user(&world, &job.client).await.status, 204);
    assert_eq!(application_user(&world, &job.client).await.code(), "0x8004f511");
    let row = row_of(&world, &job.client).await;
    let principal = world.graph(&admin, "GET", &format!("servicePrincipals(appId='{}')", job.client), None).await;
    assert_eq!(row["azureactivedirectoryobjectid"], principal.body["id"]);
    assert_eq!((&row["accessmode"], &row["fullname"]), (&json!(4), &json!("# orders sync")));
    let path = format!("systemusers({})", row["systemuserid"].as_str().unwrap());
    let fixed = world.api(&admin, "PATCH", &path, Some(&json!({"lastname": "Other"}))).await;
    assert_eq!(fixed.code(), "0x80041d48", "{}", fixed.text);
    // By the ordinary path nobody is made: people come from the directory.
    let plain = world.api(&admin, "POST", "systemusers", Some(&json!({"lastname": "Person"}))).await;
    assert!(plain.status >= 400, "{}", plain.text);
}

#[tokio::test]
async fn s11_client_id_and_secret_give_a_token_for_the_orgs_url() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    let (origin, slashed) = (world.origin(), format!("{}/", world.origin()));
    let scope = format!("{slashed}/.default");
    let secret =
        [("grant_type", "client_credentials"), ("client_id", &job.client), ("client_secret", job.secret.expose())];
    let domain = "keyholder.localhost";
    for tenant in [world.tenant().as_str(), domain, "common"] {
        for resource in [&origin, &slashed] {
            let fields = [secret.as_slice(), &[("resource", resource)]].concat();
            let v1 = world.token_request(tenant, "", &fields).await;
            token(&v1);
            assert_eq!((&v1.body["expires_in"], &v1.body["resource"]), (&json!("3599"), &json!(resource)), "{tenant}");
        }
        let fields = [secret.as_slice(), &[("scope", &scope)]].concat();
        let v2 = world.token_request(tenant, "v2.0/", &fields).await;
        token(&v2);
        assert_eq!(v2.body["expires_in"], 3599, "{tenant}");
    }
    let elsewhere = [secret.as_slice(), &[("resource", "https://other.crm.dynamics.com")]].concat();
    let refused = world.token_request(&world.tenant(), "", &elsewhere).await;
    assert_eq!((refused.status, refused.aadsts()), (400, 500_011));
    let wrong = sign_in(&world, &job.client, &Secret::new("wrong")).await;
    assert_eq!((wrong.status, wrong.aadsts()), (401, 7_000_215));
    let nowhere = world.token_request("nowhere.example", "", &elsewhere).await;
    assert_eq!((nowhere.status, nowhere.aadsts()), (400, 90_002));
}

#[tokio::test]
async fn s12_the_orgs_own_challenge_leads_to_the_token_service() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    assert_eq!(application_user(&world, &job.client).await.status, 204);
    let asked = world.ask("GET", "/api/data/v9.1/contacts?$top=3", &[], "").await;
    assert_eq!(asked.status, 401);
    let challenge = asked.header("www-authenticate").strip_prefix("Bearer ").unwrap().to_owned();
    let part = |name: &str| {
        let parts = challenge.split(", ").filter_map(|part| part.split_once('='));
        parts.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap()
    };
    let authority = part("authorization_uri").strip_suffix("/oauth2/authorize").unwrap().to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&resource={}",
        job.client,
        job.secret.expose(),
        part("resource_id").replace(':', "%3A").replace('/', "%2F")
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let bearer = token(&world.ask("POST", &format!("{authority}/oauth2/token"), &headers, &form).await);
    assert_eq!(give_role(&world, &row_of(&world, &job.client).await, "System Customizer").await.status, 204);
    let rows =
        world.ask("GET", "/api/data/v9.1/accounts?$top=3", &[("authorization", &format!("Bearer {bearer}"))], "").await;
    assert_eq!(rows.status, 200, "{}", rows.text);
}

#[tokio::test]
async fn s16_a_tool_signs_in_with_a_password_until_a_second_factor_is_asked_for() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    let name = "anna@keyholder.localhost";
    let state = async || sign_in_person(&world, name, PASSWORD).await;
    let row = user(&world, &anna).await;
    assert_eq!(give_role(&world, &row, "Basic User").await.status, 204);
    let bearer = token(&state().await);
    assert_eq!(world.api(&bearer, "GET", "WhoAmI", None).await.body["UserId"], row["systemuserid"]);
    assert_eq!(sign_in_person(&world, name, "wrong").await.aadsts(), 50_126);
    assert_eq!(sign_in_person(&world, "nobody@keyholder.localhost", PASSWORD).await.aadsts(), 50_034);

    let domain = "keyholder.localhost";
    let (rule, factor) =
        (format!("tenants/{domain}/conditional-access"), format!("tenants/{domain}/people/{name}/multi-factor"));
    for (word, number) in [("multi-factor", 50_076), ("block", 53_003), ("none", 0)] {
        let set = control(&world, "PUT", &rule, json!({"rule": word})).await;
        assert_eq!((set.status, &set.body["rule"]), (200, &json!(word)), "{}", set.text);
        assert_eq!(control(&world, "GET", &rule, Value::Null).await.body["rule"], word);
        assert_eq!(state().await.aadsts(), number, "{word}");
        // Applications are not asked.
        world.admin_token().await;
    }
    for (word, number) in [("enforced", 50_076), ("enabled", 50_079), ("disabled", 0)] {
        assert_eq!(control(&world, "PUT", &factor, json!({"state": word})).await.status, 200);
        assert_eq!(state().await.aadsts(), number, "{word}");
    }
    assert_eq!(control(&world, "PUT", &rule, json!({"rule": "maybe"})).await.status, 400);
    assert_eq!(control(&world, "PUT", &factor, json!({"state": "maybe"})).await.status, 400);
    assert_eq!(control(&world, "DELETE", &rule, Value::Null).await.status, 405);
    assert_eq!(control(&world, "GET", "tenants/nowhere.example/conditional-access", Value::Null).await.status, 404);

    let expiry = format!("tenants/{domain}/password-expiry");
    assert_eq!(control(&world, "PUT", &expiry, json!({"days": 30})).await.status, 200);
    world.advance(Duration::from_secs(31 * 86_400));
    assert_eq!(state().await.aadsts(), 50_055);
    assert_eq!(control(&world, "PUT", &expiry, json!({"days": null})).await.status, 200);
    assert_eq!(state().await.aadsts(), 0);
    assert_eq!(control(&world, "PUT", &expiry, json!({"days": 1})).await.status, 400);
}

#[tokio::test]
async fn s22_a_published_application_reaches_a_subscriber_only_after_its_consent() {
    let world = World::start().await;
    let app = register(&world, "published", "AzureADMultipleOrgs").await;
    control(&world, "POST", "tenants", json!({"domain": "contoso.localhost"})).await;
    let made = control(&world, "POST", "orgs", json!({"name": "Theirs", "tenant": "contoso.localhost"})).await;
    let url = made.body["url"].as_str().unwrap().to_owned();
    let scope = format!("{url}/.default");
    let ask = async || {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", app.client.as_str()),
            ("client_secret", app.secret.expose()),
            ("scope", scope.as_str()),
        ];
        world.token_request("contoso.localhost", "v2.0/", &fields).await
    };
    let before = ask().await;
    assert!([700_016, 7_000_229].contains(&before.aadsts()), "{}", before.text);
    let env = std::fs::read_to_string(world.file("contoso.localhost.env")).unwrap();
    let setting = |name: &str| {
        env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().trim_matches('\'').to_owned()
    };
    let mut browser = crate::browser::Browser::default();
    let page = browser.open(&world, &format!("/contoso.localhost/adminconsent?client_id={}", app.client)).await;
    let (name, password) = (setting("KEYHOLDER_ADMIN_USERNAME"), setting("KEYHOLDER_ADMIN_PASSWORD"));
    let page = browser.sign_in(&world, &page, &name, &password).await;
    let done = browser.submit(&world, &page, &[("action", "accept")]).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let bearer = format!("Bearer {}", token(&ask().await));
    let stranger = world.ask("GET", &format!("{url}/api/data/v9.2/WhoAmI"), &[("authorization", &bearer)], "").await;
    assert_eq!((stranger.status, stranger.code()), (403, "0x80072560"), "consent makes no user: {}", stranger.text);
    // The subscriber's administrator makes the user; then the publisher is in.
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &setting("KEYHOLDER_ADMIN_CLIENT_ID")),
        ("client_secret", &setting("KEYHOLDER_ADMIN_CLIENT_SECRET")),
        ("scope", &scope),
    ];
    let admin = format!("Bearer {}", token(&world.token_request("contoso.localhost", "v2.0/", &fields).await));
    let headers = [("authorization", admin.as_str()), ("content-type", "application/json")];
    let body = json!({"applicationid": app.client}).to_string();
    let made = world.ask("POST", &format!("{url}/api/data/v9.2/systemusers"), &headers, &body).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let roleless = world.ask("GET", &format!("{url}/api/data/v9.2/WhoAmI"), &[("authorization", &bearer)], "").await;
    assert_ne!(roleless.code(), "0x80072560", "{}", roleless.text);
}

#[tokio::test]
async fn s23_a_licence_that_is_taken_back_is_free_for_somebody_else() {
    const PLAN: &str = "ea126fc5-a19e-42e2-a731-da9d437bffcf";
    let world = World::start().await;
    let (anna, bert) = (person(&world, "anna").await, person(&world, "bert").await);
    let admin = world.admin_token().await;
    let used = async || {
        let skus = world.graph(&admin, "GET", "subscribedSkus", None).await;
        let skus = skus.body["value"].as_array().unwrap().clone();
        let plan = skus.into_iter().find(|sku| sku["skuId"] == PLAN).unwrap();
        (plan["consumedUnits"].as_u64().unwrap(), plan["prepaidUnits"]["enabled"].as_u64().unwrap())
    };
    let (before, _) = used().await;
    // One more than is in use: for one person, and no second one.
    let set = control(
        &world,
        "PUT",
        "tenants/keyholder.localhost/licences/DYN365_ENTERPRISE_PLAN1",
        json!({"units": before + 1}),
    );
    assert_eq!(set.await.status, 200);
    license(&world, &anna, true).await;
    assert_eq!(used().await, (before + 1, before + 1));
    let body = json!({"addLicenses": [{"skuId": PLAN, "disabledPlans": []}], "removeLicenses": []});
    let path = format!("users/{bert}/assignLicense");
    let refused = world.graph(&admin, "POST", &path, Some(&body)).await;
    assert!(
        refused.status == 400 && refused.message().contains("does not have any available licenses"),
        "{}",
        refused.text
    );
    assert_eq!(set_access_mode(&world, &user(&world, &anna).await, 4).await.status, 204);
    license(&world, &anna, false).await;
    assert_eq!(used().await.0, before);
    assert_eq!(world.graph(&admin, "POST", &path, Some(&body)).await.status, 200);
    assert_eq!(user(&world, &anna).await["isdisabled"], false, "what was freed is not missed");
    let unknown = control(&world, "PUT", "tenants/keyholder.localhost/licences/GOLD", json!({"units": 1})).await;
    assert_eq!(unknown.status, 404);
}
