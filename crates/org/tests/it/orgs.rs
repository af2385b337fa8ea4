//! Several tenants and orgs in one process.

use keyholder_foundation::Secret;
use keyholder_org::env_file::{self, AdminCredentials, names};
use keyholder_org::{Listen, Place};
use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

use crate::control;

/// What a tenant's env file says.
struct Env {
    administrators: AdminCredentials,
    tenant: String,
    domain: String,
    url: Option<String>,
}

fn env(world: &World, domain: &str) -> Env {
    let file = env_file::read(&world.file(&format!("{domain}.env"))).unwrap().unwrap();
    let value = |name| file.get(name).map(|variable| variable.value.expose().to_owned());
    Env {
        administrators: env_file::admin(&file).unwrap(),
        tenant: value(names::TENANT_ID).unwrap(),
        domain: value(names::TENANT_DOMAIN).unwrap(),
        url: value(names::ORG_URL),
    }
}

/// Makes a tenant; gives what its env file says.
async fn tenant(world: &World, domain: &str) -> Env {
    let made = control(world, "POST", "tenants", json!({"domain": domain})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    env(world, domain)
}

/// Makes an org; gives its URL.
async fn org(world: &World, name: &str, tenant: &str) -> String {
    let made = control(world, "POST", "orgs", json!({"name": name, "tenant": tenant})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    made.body["url"].as_str().unwrap().to_owned()
}

/// A token of an application of some tenant.
async fn token(world: &World, tenant: &str, client: &str, secret: &Secret, scope: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret.expose()),
        ("scope", &format!("{scope}/.default")),
    ];
    world.token_request(tenant, "v2.0/", &fields).await
}

async fn whoami(world: &World, url: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    world.ask("GET", &format!("{url}/api/data/v9.2/WhoAmI"), &[("authorization", &bearer)], "").await
}

#[tokio::test]
async fn s22_each_org_answers_on_its_own_port_with_its_own_challenge() {
    let world = World::start().await;
    let first_domain = world.org().address().tenant_domain;
    let url = org(&world, "Second", &first_domain).await;
    assert_ne!(url, world.origin());

    let stranger = world.ask("GET", &format!("{url}/api/data/v9.2/"), &[], "").await;
    assert_eq!(stranger.status, 401);
    let expected =
        format!("Bearer authorization_uri={}/{}/oauth2/authorize, resource_id={url}/", world.origin(), world.tenant());
    assert_eq!(stranger.header("www-authenticate"), expected);

    let token = world.token(&world.admin().client_id, &world.admin().client_secret, &url).await;
    let me = whoami(&world, &url, &token).await;
    assert_eq!(me.status, 200, "{}", me.text);
    let first = whoami(&world, &world.origin(), &world.admin_token().await).await;
    assert_ne!(me.body["OrganizationId"], first.body["OrganizationId"]);
    assert_eq!(whoami(&world, &world.origin(), &token).await.status, 401, "a token for one org opens no other");
    assert_eq!(whoami(&world, &url, &world.admin_token().await).await.status, 401);
    for path in ["/v1.0/me", "/common/oauth2/token", "/_keyholder/status", "/api/discovery/v2.0/Instances"] {
        assert_eq!(world.ask("GET", &format!("{url}{path}"), &[], "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn s17_a_tenant_has_administrators_and_orgs_of_its_own() {
    let world = World::start().await;
    let made = tenant(&world, "contoso.localhost").await;
    assert_eq!((made.domain.as_str(), made.url), ("contoso.localhost", None), "it has no org yet");
    let url = org(&world, "Sales", "contoso.localhost").await;
    let Env { administrators: theirs, tenant: their_tenant, url: named, .. } = env(&world, "contoso.localhost");
    assert_eq!(named.as_ref(), Some(&url));

    let answer = token(&world, "contoso.localhost", &theirs.client_id, &theirs.client_secret, &url).await;
    let bearer = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    assert_eq!(whoami(&world, &url, &bearer).await.status, 200);
    let challenge = world.ask("GET", &format!("{url}/api/data/v9.2/"), &[], "").await;
    assert!(challenge.header("www-authenticate").contains(&their_tenant));

    // One tenant's administrator has no way into the other's orgs, nor into the process.
    let foreign = token(&world, &world.tenant(), &theirs.client_id, &theirs.client_secret, &world.origin()).await;
    assert_eq!(foreign.aadsts(), 700_016, "{}", foreign.text);
    let other = token(&world, &their_tenant, &theirs.client_id, &theirs.client_secret, &world.origin()).await;
    if let Some(other) = other.body["access_token"].as_str() {
        assert_eq!(whoami(&world, &world.origin(), other).await.status, 401);
        let headers = [("authorization", format!("Bearer {other}"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(world.ask("GET", "/_keyholder/status", &headers, "").await.status, 401);
    }
    let theirs_for_ours =
        token(&world, &their_tenant, &theirs.client_id, &theirs.client_secret, "https://localhost:1").await;
    assert_eq!(theirs_for_ours.aadsts(), 500_011);
}

#[tokio::test]
async fn tenants_and_orgs_survive_a_restart_on_their_ports() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    tenant(&world, "contoso.localhost").await;
    let url = org(&world, "Sales", "contoso.localhost").await;
    world.stop().await;

    let world = World::with(Place::Folder(path), Listen::default()).await;
    assert_eq!(world.ask("GET", &format!("{url}/api/data/v9.2/"), &[], "").await.status, 401);
    let listed = control(&world, "GET", "orgs", json!(null)).await;
    let urls: Vec<&Value> = listed.body["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|t| t["orgs"].as_array().unwrap())
        .map(|o| &o["url"])
        .collect();
    assert_eq!(urls, [&json!(world.origin()), &json!(url)]);
}

#[tokio::test]
async fn a_reset_takes_further_tenants_and_a_restore_brings_them_back() {
    let world = World::start().await;
    let before = tenant(&world, "contoso.localhost").await;
    let url = org(&world, "Sales", "contoso.localhost").await;
    control(&world, "POST", "snapshot", json!({"name": "two"})).await;
    assert_eq!(control(&world, "POST", "reset", json!(null)).await.status, 200);
    assert!(!world.file("contoso.localhost.env").exists());
    assert_eq!(control(&world, "GET", "orgs", json!(null)).await.body["tenants"].as_array().unwrap().len(), 1);

    assert_eq!(control(&world, "POST", "restore", json!({"name": "two"})).await.status, 200);
    let Env { administrators: theirs, url: named, .. } = env(&world, "contoso.localhost");
    assert_ne!(
        theirs.client_secret.expose(),
        before.administrators.client_secret.expose(),
        "the file was gone, so its secrets are new"
    );
    let url = named.unwrap_or(url);
    let answer = token(&world, "contoso.localhost", &theirs.client_id, &theirs.client_secret, &url).await;
    let bearer = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned();
    assert_eq!(whoami(&world, &url, &bearer).await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_added_is_refused() {
    let world = World::start().await;
    let ours = world.org().address().tenant_domain;
    for (domain, status) in [("", 400), ("org", 400), ("a b.c", 400), ("../x.y", 400), (ours.as_str(), 409)] {
        let refused = control(&world, "POST", "tenants", json!({"domain": domain})).await;
        assert_eq!(refused.status, status, "{domain}: {}", refused.text);
    }
    for (name, tenant, status) in [
        ("", ours.as_str(), 400),
        ("x\u{7}", &ours, 400),
        ("A", "nowhere.localhost", 404),
        ("Keyholder local org", &ours, 409),
    ] {
        let refused = control(&world, "POST", "orgs", json!({"name": name, "tenant": tenant})).await;
        assert_eq!(refused.status, status, "{name}: {}", refused.text);
    }
    assert_eq!(control(&world, "GET", "orgs", json!(null)).await.body["tenants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s18_an_org_can_pretend_to_stand_on_premises() {
    let world = World::start().await;
    let wish = json!({"name": "Cellar", "tenant": world.tenant(), "pretend": "on-premises"});
    let made = control(&world, "POST", "orgs", wish).await;
    let url = made.body["url"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned();
    let token = world.admin_token().await;
    for path in ["/api/data/v9.2/WhoAmI", "/", "/XRMServices/2011/Discovery.svc"] {
        let answer =
            world.ask("GET", &format!("{url}{path}"), &[("authorization", &format!("Bearer {token}"))], "").await;
        assert_eq!(answer.status, 401, "{path}");
        let schemes: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(schemes, ["Negotiate", "NTLM"]);
        assert!(answer.header("server").starts_with("Microsoft-IIS/"));
    }
}

#[tokio::test]
async fn a_persona_and_a_tenant_never_share_a_file() {
    let world = World::start().await;
    // What an earlier version called the first tenant's persona is this tenant's own file.
    let (first, second) = ("fabrikam.localhost", "fabrikam.localhost.without-rights");
    tenant(&world, first).await;
    let before = tenant(&world, second).await;
    for domain in [first, second] {
        let made = control(&world, "POST", &format!("tenants/{domain}/personas/without-rights"), Value::Null).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let file = env_file::read(&world.file(&format!("without-rights@{domain}.env"))).unwrap().unwrap();
        assert_eq!(file.get(names::TENANT_DOMAIN).unwrap().value.expose(), domain);
    }
    let after = env(&world, second);
    assert_eq!(after.administrators.client_id, before.administrators.client_id);
}

#[tokio::test]
async fn a_personas_file_of_an_earlier_version_gets_todays_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place::Folder(folder.path().join("data"));
    let world = World::with(place(), Listen::default()).await;
    tenant(&world, "fabrikam.localhost").await;
    let made = control(&world, "POST", "tenants/fabrikam.localhost/personas/without-rights", Value::Null).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let (old, new) =
        (world.file("fabrikam.localhost.without-rights.env"), world.file("without-rights@fabrikam.localhost.env"));
    world.stop().await;
    std::fs::rename(&new, &old).unwrap();
    let world = World::with(place(), Listen::default()).await;
    assert!(new.exists() && !old.exists());
    world.stop().await;
}
