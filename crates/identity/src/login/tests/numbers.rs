//! Every number of the table: provoked here, or named in `docs/fidelity.md` with the reason why
//! nothing provokes it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use keyholder_entra::aadsts;
use keyholder_entra::well_known::DYNAMICS_CRM;
use serde_json::json;
use uuid::Uuid;

use super::browser::{Browser, sent_to};
use super::pages::{LOCAL, VERIFIER, WEB, authorize, challenge, portal, redeem, usual};
use super::world::{
    AZURE_CLI, Answer, ORG, ORIGIN, OTHER_DOMAIN, PASSWORD, Registered, START, World, certified, other_certified, sign,
};
use super::{admin_consent, certificates, device, federated};
use crate::directory::applications::{ApplicationChange, ObjectKey};
use crate::directory::people::{PasswordState, SignInRule};
use crate::directory::registrations::Registration;
use crate::directory::service_principals::ServicePrincipalChange;

const NAME: &str = "ada@contoso.example";
const UNKNOWN: &str = "99999999-9999-9999-9999-999999999999";
const PASSWORD_GRANT: (&str, &str) = ("grant_type", "password");
const FOR_ITSELF: (&str, &str) = ("grant_type", "client_credentials");

/// The numbers that were answered.
#[derive(Default)]
struct Seen(BTreeSet<u32>);

impl Seen {
    /// A token error of this number.
    fn error(&mut self, number: u32, answer: &Answer) {
        assert_eq!(answer.number(), u64::from(number), "{}", answer.body);
        let entry = aadsts::explain(number).unwrap_or_else(|| panic!("{number} is not in the table"));
        assert_eq!(answer.status, entry.status, "{}", answer.body);
        self.0.insert(number);
    }

    /// A page, or an address that a page sends to, that says this number.
    fn said(&mut self, number: u32, text: &str) {
        assert!(text.contains(&format!("AADSTS{number}")), "{number}: {text}");
        self.0.insert(number);
    }
}

fn scope() -> String {
    format!("{ORG}/.default")
}

async fn change_principal(world: &World, app: &Registered, change: ServicePrincipalChange) {
    let key = ObjectKey::Object(app.principal);
    world.identity.directory.update_service_principal(world.tenant, key, change).await.unwrap();
}

async fn requests(seen: &mut Seen) {
    let world = World::new().await;
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    let (scope, long) = (scope(), "x".repeat(1 << 20));
    let cli = ("client_id", AZURE_CLI);
    seen.error(900_561, &world.get(&path).await);
    for (number, path, form) in [
        (90_002, "/unknown.example/oauth2/v2.0/token", vec![FOR_ITSELF]),
        (900_023, "/authorize/oauth2/v2.0/token", vec![FOR_ITSELF]),
        (900_144, path.as_str(), vec![FOR_ITSELF]),
        (70_003, path.as_str(), vec![("grant_type", "dance"), cli]),
        (9_002_313, path.as_str(), vec![FOR_ITSELF, cli, cli]),
        (901_002, path.as_str(), vec![FOR_ITSELF, cli, ("resource", ORG), ("client_secret", "x")]),
        (700_016, path.as_str(), vec![FOR_ITSELF, ("client_id", UNKNOWN), ("client_secret", "x"), ("scope", &scope)]),
        (700_025, path.as_str(), vec![FOR_ITSELF, cli, ("client_secret", "x"), ("scope", &scope)]),
        (9_002_346, "/consumers/oauth2/v2.0/devicecode", vec![cli, ("scope", "openid")]),
        (9_001_023, "/common/oauth2/v2.0/token", vec![PASSWORD_GRANT, cli, ("username", NAME), ("password", "x")]),
    ] {
        seen.error(number, &world.post(path, &form).await);
    }
    let too_long = world.post(&path, &[FOR_ITSELF, ("client_id", &long)]).await;
    assert_eq!(too_long.number(), 90_015, "{}", too_long.status);
    seen.0.insert(90_015);
    let instance = "/common/discovery/instance?authorization_endpoint=https://evil.example/t/oauth2/authorize";
    seen.error(50_049, &world.get(instance).await);
}

async fn secrets(seen: &mut Seen) {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let (id, directory) = (app.client.to_string(), &world.identity.directory);
    let ask = async |client: &str, secret: &str, scope: &str| {
        let form = [FOR_ITSELF, ("client_id", client), ("client_secret", secret), ("scope", scope)];
        world.token(&form).await
    };
    let (scope, secret) = (scope(), app.secret.expose());
    seen.error(7_000_216, &world.token(&[FOR_ITSELF, ("client_id", &id), ("scope", &scope)]).await);
    seen.error(7_000_215, &ask(&id, "wrong", &scope).await);
    seen.error(1_002_012, &ask(&id, secret, &format!("{ORG}/user_impersonation")).await);
    let several = format!("{scope} https://graph.microsoft.com/.default");
    seen.error(700_022, &ask(&id, secret, &several).await);
    seen.error(500_011, &ask(&id, secret, "https://x.crm4.dynamics.com/.default").await);
    let single = [PASSWORD_GRANT, ("client_id", &id), ("username", NAME), ("password", "x"), ("scope", &scope)];
    seen.error(50_194, &world.post("/organizations/oauth2/v2.0/token", &single).await);
    seen.error(7_000_218, &world.token(&single).await);

    let address = "api://contoso.example/orders".to_owned();
    let api = world.application_with("orders-api", "AzureADMyOrg", vec![address.clone()]).await;
    let change = ServicePrincipalChange { app_role_assignment_required: Some(true), ..Default::default() };
    change_principal(&world, &api, change).await;
    seen.error(501_051, &ask(&id, secret, &format!("{address}/.default")).await);
    let off = || ServicePrincipalChange { account_enabled: Some(false), ..Default::default() };
    change_principal(&world, &api, off()).await;
    seen.error(500_014, &ask(&id, secret, &format!("{address}/.default")).await);
    change_principal(&world, &app, off()).await;
    seen.error(7_000_112, &ask(&id, secret, &scope).await);

    let tenant = world.tenant().await;
    let named = ApplicationChange { display_name: Some("bare".to_owned()), ..Default::default() };
    let bare = directory.create_application(&tenant, &named).await.unwrap();
    let now = world.identity.clocks.now();
    let ends = now.plus(std::time::Duration::from_secs(60));
    let new = crate::directory::passwords::NewPassword { display_name: None, starts: now, ends };
    let made = directory.add_password(&tenant, ObjectKey::Object(bare.id), new).await.unwrap();
    let (id, secret) = (bare.app_id.to_string(), made.secret_text.unwrap());
    seen.error(7_000_229, &ask(&id, secret.expose(), &scope).await);
    world.advance(60);
    seen.error(7_000_222, &ask(&id, secret.expose(), &scope).await);
}

async fn assertions(seen: &mut Seen) {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    world.add_certificate(&app, certified()).await;
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = certificates::claims(&world, &app);
        claims[name] = value;
        sign(&certified().pkcs8, &certificates::header(), &claims, false)
    };
    let forged = sign(&other_certified().pkcs8, &certificates::header(), &certificates::claims(&world, &app), false);
    for (number, assertion) in [
        (50_027, "a.b".to_owned()),
        (700_021, with("sub", json!(UNKNOWN))),
        (700_023, with("aud", json!(ORG))),
        (700_024, with("exp", json!(START - 300))),
        (700_027, forged),
    ] {
        seen.error(number, &world.by_assertion(app.client, &assertion).await);
    }

    let app = world.application("federated").await;
    let with = |name: &str, value: &str| {
        let mut claims = federated::claims();
        claims[name] = json!(value);
        federated::token(&claims)
    };
    federated::federate(&world, &app, federated::ISSUER, federated::SUBJECT, federated::AUDIENCE).await;
    let ours = format!("{ORIGIN}/{}/v2.0", world.tenant);
    federated::federate(&world, &app, &ours, federated::SUBJECT, federated::AUDIENCE).await;
    let mut of_person = federated::claims();
    of_person["iss"] = json!(ours);
    of_person["scp"] = json!("user_impersonation");
    for (number, assertion) in [
        (700_211, with("iss", "http://localhost:9009")),
        (700_213, with("sub", "another")),
        (700_212, with("aud", ORG)),
        (7_002_138, with("sub", &federated::SUBJECT.to_uppercase())),
        (700_229, federated::token(&of_person)),
        (50_166, federated::token(&federated::claims())),
    ] {
        seen.error(number, &world.by_assertion(app.client, &assertion).await);
    }
    federated::publish(&world, federated::ISSUER, &[]);
    seen.error(7_000_272, &world.by_assertion(app.client, &federated::token(&federated::claims())).await);
}

async fn people(seen: &mut Seen) {
    let world = World::new().await;
    let (directory, scope) = (&world.identity.directory, scope());
    let user = world.person(NAME, PASSWORD).await;
    world.person("empty@contoso.example", "").await;
    let ask = async |name: &str, password: &str| world.by_password(name, password, &scope).await;
    seen.error(50_034, &ask("nobody@contoso.example", PASSWORD).await);
    seen.error(50_056, &ask("empty@contoso.example", PASSWORD).await);
    directory.set_person_enabled(world.tenant, user, false).await;
    seen.error(50_057, &ask(NAME, PASSWORD).await);
    directory.set_person_enabled(world.tenant, user, true).await;
    for (factor, number) in [(crate::MultiFactor::Enforced, 50_076), (crate::MultiFactor::Enabled, 50_079)] {
        world.identity.set_multi_factor(world.tenant, user, factor).await.unwrap();
        seen.error(number, &ask(NAME, PASSWORD).await);
    }
    world.identity.set_multi_factor(world.tenant, user, crate::MultiFactor::Disabled).await.unwrap();
    world.identity.set_sign_in_rule(world.tenant, SignInRule::Block).await.unwrap();
    seen.error(53_003, &ask(NAME, PASSWORD).await);
    world.identity.set_sign_in_rule(world.tenant, SignInRule::None).await.unwrap();

    let app = world.application("portal").await;
    world.register(&app, Registration { is_fallback_public_client: true, ..Registration::default() }).await;
    let client = app.client.to_string();
    let through = async |scope: &str| {
        let person = [("username", NAME), ("password", PASSWORD), ("scope", scope)];
        let form: Vec<_> = [PASSWORD_GRANT, ("client_id", client.as_str())].into_iter().chain(person).collect();
        world.token(&form).await
    };
    let policies = world.by_password(NAME, PASSWORD, "https://graph.microsoft.com/Policy.Read.All").await;
    seen.error(65_002, &policies);
    seen.error(65_001, &through(&format!("{ORG}/user_impersonation")).await);
    world.grant(world.tenant, app.client, DYNAMICS_CRM, &["user_impersonation"]).await;
    for (number, scope) in [
        (650_053, format!("{ORG}/everything")),
        (650_057, "https://graph.microsoft.com/.default".to_owned()),
        (700_022, format!("{ORG}/user_impersonation https://graph.microsoft.com/User.Read")),
        (28_003, String::new()),
        (70_011, ORG.to_owned()),
    ] {
        seen.error(number, &through(&scope).await);
    }
    let change = ServicePrincipalChange { app_role_assignment_required: Some(true), ..Default::default() };
    change_principal(&world, &app, change).await;
    seen.error(50_105, &through(&scope).await);

    must_change(&world, user).await;
    seen.error(50_055, &ask(NAME, PASSWORD).await);
    for _ in 0..10 {
        seen.error(50_126, &ask(NAME, "wrong").await);
    }
    seen.error(50_053, &ask(NAME, PASSWORD).await);
}

async fn must_change(world: &World, user: keyholder_foundation::ObjectId) {
    let hash = crate::credentials::hash_password(&PASSWORD.to_owned().into(), world.identity.random.as_ref()).unwrap();
    let state = PasswordState { must_change: true, expires: None, changed: world.identity.clocks.now() };
    world.identity.directory.set_password(world.tenant, user, hash, state).await.unwrap();
}

async fn sessions(seen: &mut Seen) {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let asked = format!("{ORG}/.default offline_access");
    let token = world.by_password(NAME, PASSWORD, &asked).await.text("refresh_token");
    let form = [("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", token.as_str())];
    seen.error(50_020, &world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form).await);
    let app = world.application("other").await;
    let secret = [("client_secret", app.secret.expose())];
    seen.error(70_000, &world.refresh(&app.client.to_string(), &token, &secret).await);
    world.identity.directory.revoke_sessions(world.tenant, user).await.unwrap();
    seen.error(50_173, &world.refresh(AZURE_CLI, &token, &[]).await);
    let token = world.by_password(NAME, PASSWORD, &asked).await.text("refresh_token");
    world.advance(86_400 * 90);
    seen.error(700_082, &world.refresh(AZURE_CLI, &token, &[]).await);

    let (_, code) = device::start(&world, "organizations").await;
    seen.error(70_016, &device::poll(&world, "organizations", AZURE_CLI, &code).await);
    seen.error(70_018, &device::poll(&world, "organizations", AZURE_CLI, "nonsense").await);
    world.advance(900);
    seen.error(70_019, &device::poll(&world, "organizations", AZURE_CLI, &code).await);
    let (user_code, code) = device::start(&world, "organizations").await;
    let mut browser = Browser::default();
    let page = device::type_in(&world, &mut browser, &user_code).await;
    browser.submit(&world, &page, &[("action", "decline")]).await;
    let declined = device::poll(&world, "organizations", AZURE_CLI, &code).await;
    assert_eq!(declined.error(), (400, "authorization_declined".to_owned(), 65_004));
    seen.0.insert(65_004);
}

async fn pages(seen: &mut Seen) {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let app = portal(&world).await;
    world.grant(world.tenant, app.client, DYNAMICS_CRM, &["user_impersonation"]).await;
    let (client, tenant) = (app.client.to_string(), world.tenant.to_string());
    let (scope, challenge) = (scope(), challenge());
    let asked = |redirect: &str, more: &[(&'static str, &'static str)]| {
        let mut parameters = usual(&client, redirect, &scope, &challenge);
        parameters.extend_from_slice(more);
        authorize(&tenant, &parameters)
    };
    let mut browser = Browser::default();
    seen.said(50_011, &browser.get(&world, &asked("https://evil.example", &[])).await.body);
    let bare = world.application("bare").await.client.to_string();
    let path = authorize(&tenant, &[("client_id", &bare), ("scope", &scope)]);
    seen.said(900_971, &browser.get(&world, &path).await.body);
    let token = authorize(
        &tenant,
        &[("client_id", &client), ("response_type", "token"), ("redirect_uri", WEB), ("scope", &scope)],
    );
    seen.said(700_054, &sent_to(&browser.get(&world, &token).await, WEB)["error_description"]);
    let silent = browser.get(&world, &asked(WEB, &[("prompt", "none")])).await;
    seen.said(50_058, &sent_to(&silent, WEB)["error_description"]);

    let page = browser.get(&world, &asked(WEB, &[])).await;
    let code = sent_to(&browser.sign_in(&world, &page, NAME, PASSWORD).await, WEB)["code"].clone();
    let (verifier, secret) = (("code_verifier", VERIFIER), ("client_secret", app.secret.expose()));
    seen.error(501_481, &redeem(&world, &client, &code, WEB, &[("code_verifier", "x"), secret]).await);
    seen.error(500_112, &redeem(&world, &client, &code, LOCAL, &[verifier, secret]).await);
    let form = [("grant_type", "authorization_code"), ("client_id", AZURE_CLI), ("code", &code), ("redirect_uri", WEB)];
    seen.error(700_005, &world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form).await);
    assert_eq!(redeem(&world, &client, &code, WEB, &[verifier, secret]).await.status, 200);
    seen.error(54_005, &redeem(&world, &client, &code, WEB, &[verifier, secret]).await);
    let spa = "https://spa.example/";
    let query = [("client_id", client.as_str()), ("response_type", "code"), ("redirect_uri", spa), ("scope", &scope)];
    let code = sent_to(&browser.get(&world, &authorize(&tenant, &query)).await, spa)["code"].clone();
    seen.error(9_002_325, &redeem(&world, &client, &code, spa, &[]).await);
    let code = sent_to(&browser.get(&world, &asked(WEB, &[])).await, WEB)["code"].clone();
    world.advance(600);
    seen.error(70_008, &redeem(&world, &client, &code, WEB, &[verifier, secret]).await);

    let mut browser = Browser::default();
    let cloud = admin_consent::published(&world).await;
    let page = browser.get(&world, &admin_consent::link(&cloud, "organizations")).await;
    seen.said(90_094, &browser.sign_in(&world, &page, NAME, PASSWORD).await.body);
    must_change(&world, user).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &asked(WEB, &[])).await;
    let change = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    let fields = [("action", "change"), ("username", NAME), ("password", PASSWORD), ("new_password", "short")];
    let fields: Vec<_> = fields.into_iter().chain([("confirmation", "short")]).collect();
    seen.said(50_052, &browser.submit(&world, &change, &fields).await.body);
    assert_ne!(app.client.0, Uuid::nil());
}

/// The numbers that the page on readings says nothing here provokes.
fn left_out() -> BTreeSet<u32> {
    let page = include_str!("../../../../../docs/fidelity.md");
    let (_, section) = page.split_once("## Numbers that nothing provokes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let words = section.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split('|').nth(1));
    words.flat_map(|cell| cell.split(',')).filter_map(|word| word.trim().parse().ok()).collect()
}

#[tokio::test]
async fn every_number_is_provoked_or_left_out_for_a_reason() {
    let mut seen = Seen::default();
    requests(&mut seen).await;
    secrets(&mut seen).await;
    assertions(&mut seen).await;
    people(&mut seen).await;
    sessions(&mut seen).await;
    pages(&mut seen).await;
    let all: BTreeSet<u32> = aadsts::explanations().iter().map(|entry| entry.number).collect();
    let left_out = left_out();
    let both: Vec<_> = seen.0.intersection(&left_out).collect();
    assert!(both.is_empty(), "provoked, and said not to be: {both:?}");
    let known: BTreeSet<u32> = seen.0.union(&left_out).copied().collect();
    let neither: Vec<_> = all.difference(&known).collect();
    assert!(neither.is_empty(), "neither provoked nor left out for a reason: {neither:?}");
    let strange: Vec<_> = known.difference(&all).collect();
    assert!(strange.is_empty(), "not in the table: {strange:?}");
}

#[test]
fn every_number_of_the_fact_sheet_is_in_the_table() {
    let sheet = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("facts/entra-and-graph.md");
    let Ok(text) = std::fs::read_to_string(&sheet) else {
        println!("skipped: there is no {}", sheet.display());
        return;
    };
    let (_, table) = text.split_once("### 2.3 Codes that matter").unwrap();
    let cells = table.lines().take_while(|line| !line.starts_with("Order of checks"));
    let cells = cells.filter_map(|line| line.strip_prefix("| ")?.split('|').next().map(str::to_owned));
    let named = text.split("AADSTS").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    let numbers: BTreeSet<u32> = cells
        .flat_map(|cell| cell.split(['/', ',']).map(str::to_owned).collect::<Vec<_>>())
        .chain(named)
        .filter_map(|word: String| word.trim().parse().ok())
        .collect();
    assert!(numbers.len() >= 70, "only {} numbers were found in {}", numbers.len(), sheet.display());
    let missing: Vec<_> = numbers.into_iter().filter(|number| aadsts::explain(*number).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
