//! The sign-in page: authorization code with PKCE, everything that may come between, and what must
//! not get through.

use aws_lc_rs::digest::{SHA256, digest};
use keyholder_entra::base64url;
use keyholder_entra::claims::IdTokenClaims;
use keyholder_entra::jws::Compact;
use keyholder_entra::well_known::DYNAMICS_CRM;

use super::browser::{Browser, heading, hidden, sent_to};
use super::world::{AZURE_CLI, Answer, ORG, OTHER_DOMAIN, PASSWORD, Registered, World};
use crate::directory::applications::ObjectKey;
use crate::directory::registrations::{Platform, RedirectUri, Registration};
use crate::directory::service_principals::ServicePrincipalChange;

const NAME: &str = "ada@contoso.example";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const LOCAL: &str = "http://localhost:54321/";
pub(super) const WEB: &str = "https://portal.example/signin-oidc";

pub(super) fn challenge() -> String {
    base64url::encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// The address of the sign-in page.
pub(super) fn authorize(tenant: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/{tenant}/oauth2/v2.0/authorize?{query}")
}

pub(super) fn usual<'a>(
    client: &'a str,
    redirect: &'a str,
    scope: &'a str,
    challenge: &'a str,
) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_id", client),
        ("response_type", "code"),
        ("redirect_uri", redirect),
        ("scope", scope),
        ("state", "st&te=1"),
        ("nonce", "n-0S6"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

pub(super) async fn redeem(world: &World, client: &str, code: &str, redirect: &str, more: &[(&str, &str)]) -> Answer {
    let mut form =
        vec![("grant_type", "authorization_code"), ("client_id", client), ("code", code), ("redirect_uri", redirect)];
    form.extend_from_slice(more);
    world.token(&form).await
}

pub(super) async fn portal(world: &World) -> Registered {
    let app = world.application("portal").await;
    let uri = |platform, uri: &str| RedirectUri { platform, uri: uri.to_owned() };
    let redirect_uris = vec![
        uri(Platform::Web, WEB),
        uri(Platform::Spa, "https://spa.example/"),
        uri(Platform::PublicClient, "http://localhost/done"),
    ];
    world.register(&app, Registration { redirect_uris, ..Registration::default() }).await;
    app
}

#[tokio::test]
async fn s16_a_person_signs_in_on_the_page_and_the_code_is_redeemed_once() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let (scope, challenge) = (format!("{ORG}/.default openid profile offline_access"), challenge());
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize("organizations", &usual(AZURE_CLI, LOCAL, &scope, &challenge))).await;
    assert_eq!((page.status, heading(&page).as_str()), (200, "Sign in"));
    assert!(page.body.contains("Microsoft Azure CLI"), "{}", page.body);
    assert!(page.header("content-security-policy").contains("form-action 'self' http://localhost:54321;"));
    let wrong = browser.sign_in(&world, &page, NAME, "wrong").await;
    assert_eq!((wrong.status, heading(&wrong).as_str()), (200, "Sign in"));
    assert!(wrong.body.contains("AADSTS50126") && wrong.body.contains(NAME), "{}", wrong.body);
    assert!(!wrong.body.contains("wrong\""), "a password does not come back");
    let nobody = browser.sign_in(&world, &wrong, "<b>@elsewhere.example", PASSWORD).await;
    assert!(nobody.body.contains("AADSTS50034") && !nobody.body.contains("<b>"), "{}", nobody.body);

    let done = browser.sign_in(&world, &wrong, &format!(" {} ", NAME.to_uppercase()), PASSWORD).await;
    let back = sent_to(&done, LOCAL);
    assert_eq!(back["state"], "st&te=1");
    let code = back["code"].as_str();
    for (more, number) in [
        (vec![], 900_144),
        (vec![("code_verifier", "x")], 501_481),
        (vec![("code_verifier", challenge.as_str())], 501_481),
    ] {
        assert_eq!(redeem(&world, AZURE_CLI, code, LOCAL, &more).await.number(), number, "{more:?}");
    }
    let verifier = [("code_verifier", VERIFIER), ("client_info", "1")];
    let other = redeem(&world, AZURE_CLI, code, "http://localhost:1/", &verifier).await;
    assert_eq!(other.error(), (400, "invalid_grant".to_owned(), 500_112));
    let answer = redeem(&world, AZURE_CLI, code, LOCAL, &verifier).await;
    let claims = answer.claims();
    assert_eq!((claims.aud.as_str(), claims.oid, claims.scp.as_deref()), (ORG, Some(user), Some("user_impersonation")));
    let id_token = answer.text("id_token");
    let id: IdTokenClaims = Compact::parse(&id_token).unwrap().claims().unwrap();
    assert_eq!(id.nonce.as_deref(), Some("n-0S6"));
    assert!(answer.json()["refresh_token"].is_string() && answer.json()["client_info"].is_string());
    let again = redeem(&world, AZURE_CLI, code, LOCAL, &verifier).await;
    assert_eq!(again.error(), (400, "invalid_grant".to_owned(), 54_005));
    assert_eq!(world.refresh(AZURE_CLI, &answer.text("refresh_token"), &[]).await.status, 200);
}

#[tokio::test]
async fn the_page_sends_back_who_is_not_assigned() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let app = portal(&world).await;
    let change = ServicePrincipalChange { app_role_assignment_required: Some(true), ..Default::default() };
    let key = ObjectKey::Object(app.principal);
    world.identity.directory.update_service_principal(world.tenant, key, change).await.unwrap();
    let (client, scope, challenge) = (app.client.to_string(), format!("{ORG}/.default"), challenge());
    let mut browser = Browser::default();
    let tenant = world.tenant.to_string();
    let page = browser.get(&world, &authorize(&tenant, &usual(&client, WEB, &scope, &challenge))).await;
    let back = sent_to(&browser.sign_in(&world, &page, NAME, PASSWORD).await, WEB);
    assert_eq!(back["error"], "interaction_required");
    assert!(back["error_description"].starts_with("AADSTS50105:"), "{back:?}");
}

#[tokio::test]
async fn a_browser_that_is_signed_in_is_not_asked_again_unless_it_shall_be() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    let asked = |more: &[(&'static str, &'static str)]| {
        let mut parameters = usual(AZURE_CLI, LOCAL, &scope, &challenge);
        parameters.extend_from_slice(more);
        authorize("organizations", &parameters)
    };
    let mut browser = Browser::default();
    let silent = browser.get(&world, &asked(&[("prompt", "none")])).await;
    let refused = sent_to(&silent, LOCAL);
    assert_eq!((refused["error"].as_str(), refused["state"].as_str()), ("login_required", "st&te=1"));
    assert!(refused["error_description"].starts_with("AADSTS50058: "));

    let page = browser.get(&world, &asked(&[("login_hint", NAME)])).await;
    assert!(page.body.contains(&format!("value=\"{NAME}\"")));
    assert!(sent_to(&browser.sign_in(&world, &page, NAME, PASSWORD).await, LOCAL).contains_key("code"));
    for quiet in [asked(&[]), asked(&[("prompt", "none")]), asked(&[("login_hint", NAME)])] {
        assert!(sent_to(&browser.get(&world, &quiet).await, LOCAL).contains_key("code"), "{quiet}");
    }
    for loud in [
        asked(&[("prompt", "login")]),
        asked(&[("prompt", "select_account")]),
        asked(&[("login_hint", "other@contoso.example")]),
    ] {
        let page = browser.get(&world, &loud).await;
        assert_eq!((page.status, heading(&page).as_str()), (200, "Sign in"), "{loud}");
    }
    let page = browser.get(&world, &asked(&[("prompt", "login")])).await;
    assert!(sent_to(&browser.sign_in(&world, &page, NAME, PASSWORD).await, LOCAL).contains_key("code"));
    let elsewhere =
        authorize(OTHER_DOMAIN, &usual(AZURE_CLI, LOCAL, "https://fabrikam.crm.example/.default", &challenge));
    assert_eq!(heading(&browser.get(&world, &elsewhere).await), "Sign in", "of another tenant");

    world.advance(86_400);
    assert_eq!(heading(&browser.get(&world, &asked(&[])).await), "Sign in", "a day later");
    let page = browser.get(&world, &asked(&[])).await;
    browser.sign_in(&world, &page, NAME, PASSWORD).await;
    let cookies = browser.cookies.clone();
    let out = browser.get(&world, "/common/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.example").await;
    assert_eq!((out.status, heading(&out).as_str()), (200, "Signed out"));
    browser.cookies = cookies;
    assert_eq!(heading(&browser.get(&world, &asked(&[])).await), "Sign in", "the cookie alone is worth nothing now");
}

#[tokio::test]
async fn nobody_is_sent_anywhere_that_is_not_registered() {
    let world = World::new().await;
    let app = portal(&world).await;
    let client = app.client.to_string();
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    let ask = async |redirect: &str| {
        let path = authorize(&world.tenant.to_string(), &usual(&client, redirect, &scope, &challenge));
        Browser::default().get(&world, &path).await
    };
    for good in [WEB, "https://spa.example/", "http://localhost/done", "http://localhost:7777/done"] {
        assert_eq!(ask(good).await.status, 200, "{good}");
    }
    for bad in [
        "https://evil.example",
        "https://portal.example",
        "https://portal.example/signin-oidc/",
        "https://portal.example/signin-oidc?x=1",
        "https://portal.example/signin-oidc#x",
        "HTTPS://PORTAL.EXAMPLE/signin-oidc",
        "https://portal.example@evil.example/signin-oidc",
        "https://portal.example:444/signin-oidc",
        "http://localhost:7777/",
        "https://localhost/done",
        "javascript:alert(1)",
        "//evil.example",
        "https://portal.example/signin-oidc\r\nx: y",
    ] {
        let page = ask(bad).await;
        assert_eq!(page.status, 400, "{bad}");
        assert!(page.body.contains("AADSTS50011"), "{bad}: {}", page.body);
        assert!(page.headers.get("location").is_none());
    }
    // Without one, the first that is registered.
    let path = authorize(&world.tenant.to_string(), &[("client_id", &client), ("scope", &scope)]);
    let back = sent_to(&Browser::default().get(&world, &path).await, WEB);
    assert_eq!(back["error"], "invalid_request");
    let bare = world.application("bare").await;
    let path = authorize(&world.tenant.to_string(), &[("client_id", &bare.client.to_string()), ("scope", &scope)]);
    assert!(Browser::default().get(&world, &path).await.body.contains("AADSTS900971"));
    for (tenant, client, number) in [
        (world.tenant.to_string(), "99999999-9999-9999-9999-999999999999", "AADSTS700016"),
        ("unknown.example".to_owned(), client.as_str(), "AADSTS90002"),
        ("consumers".to_owned(), client.as_str(), "AADSTS9002346"),
        ("common".to_owned(), client.as_str(), "AADSTS50194"),
        (world.tenant.to_string(), "", "AADSTS900144"),
    ] {
        let page = Browser::default().get(&world, &authorize(&tenant, &usual(client, WEB, &scope, &challenge))).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains(number), "{tenant} {client}: {}", page.body);
    }
}

#[tokio::test]
async fn what_the_application_did_wrong_goes_back_to_it() {
    let world = World::new().await;
    let app = portal(&world).await;
    let client = app.client.to_string();
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    for (name, value, error, number) in [
        ("response_type", "token", "unsupported_response_type", 700_054),
        ("response_type", "id_token", "unsupported_response_type", 700_054),
        ("response_type", "", "invalid_request", 900_144),
        ("scope", "", "invalid_request", 900_144),
        ("scope", "https://x", "invalid_scope", 70_011),
        ("code_challenge", "short", "invalid_request", 9_002_313),
        ("code_challenge_method", "S512", "invalid_request", 9_002_313),
        ("prompt", "dance", "invalid_request", 9_002_313),
        ("resource", ORG, "invalid_request", 901_002),
    ] {
        let mut parameters: Vec<_> =
            usual(&client, WEB, &scope, &challenge).into_iter().filter(|(known, _)| *known != name).collect();
        parameters.push((name, value));
        let page = Browser::default().get(&world, &authorize(&world.tenant.to_string(), &parameters)).await;
        let back = sent_to(&page, WEB);
        assert_eq!(back["error"], error, "{name}={value}");
        assert!(back["error_description"].starts_with(&format!("AADSTS{number}: ")), "{}", back["error_description"]);
        assert_eq!(back["state"], "st&te=1");
    }
    let mut twice = usual(&client, WEB, &scope, &challenge);
    twice.push(("state", "other"));
    let page = Browser::default().get(&world, &authorize(&world.tenant.to_string(), &twice)).await;
    assert!(page.status == 400 && page.body.contains("AADSTS9002313"), "{}", page.body);
}

#[tokio::test]
async fn the_answer_travels_as_it_was_asked() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    let mut parameters = usual(AZURE_CLI, LOCAL, &scope, &challenge);
    parameters.push(("response_mode", "fragment"));
    let mut browser = Browser::default();
    let page = browser.get(&world, &authorize("common", &parameters)).await;
    let done = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert!(done.header("location").starts_with(&format!("{LOCAL}#code=")), "{}", done.header("location"));

    let last = parameters.len() - 1;
    parameters[last] = ("response_mode", "form_post");
    let posted = browser.get(&world, &authorize("common", &parameters)).await;
    assert_eq!((posted.status, heading(&posted).as_str()), (200, "Continue"));
    assert!(posted.body.contains(&format!("<form method=\"post\" action=\"{LOCAL}\">")), "{}", posted.body);
    assert_eq!(hidden(&posted, "state"), "st&te=1");
    let code = hidden(&posted, "code");
    let answer = redeem(&world, AZURE_CLI, &code, LOCAL, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(answer.status, 200);
    parameters[last] = ("response_mode", "web_message");
    assert_eq!(browser.get(&world, &authorize("common", &parameters)).await.status, 400);
    // The same as a posted form, and at the v1 endpoint.
    parameters.pop();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&parameters).finish();
    let request = http::Request::post("/common/oauth2/v2.0/authorize")
        .header("content-type", super::world::FORM)
        .body(bytes::Bytes::from(body))
        .unwrap();
    assert_eq!(heading(&world.ask(request).await), "Sign in");
    let v1 = format!(
        "/common/oauth2/authorize?client_id={AZURE_CLI}&response_type=code&redirect_uri={LOCAL}&resource={ORG}"
    );
    let back = sent_to(&browser.get(&world, &v1).await, LOCAL);
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", AZURE_CLI),
        ("code", &back["code"]),
        ("redirect_uri", LOCAL),
    ];
    assert_eq!(world.post("/common/oauth2/token", &form).await.claims().aud, ORG);
}

#[tokio::test]
async fn a_code_is_its_clients_alone_and_for_ten_minutes() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let app = portal(&world).await;
    let client = app.client.to_string();
    world.grant(world.tenant, app.client, DYNAMICS_CRM, &["user_impersonation"]).await;
    let (scope, challenge) = (format!("{ORG}/.default offline_access"), challenge());
    let tenant = world.tenant.to_string();
    let mut browser = Browser::default();
    let path = |redirect: &'static str| authorize(&tenant, &usual(&client, redirect, &scope, &challenge));
    let page = browser.get(&world, &path(WEB)).await;
    browser.sign_in(&world, &page, NAME, PASSWORD).await;
    let verifier = ("code_verifier", VERIFIER);
    let secret = ("client_secret", app.secret.expose());

    let code = sent_to(&browser.get(&world, &path(WEB)).await, WEB)["code"].clone();
    assert_eq!(redeem(&world, &client, &code, WEB, &[verifier]).await.number(), 7_000_218);
    assert_eq!(redeem(&world, AZURE_CLI, &code, WEB, &[verifier]).await.number(), 70_000);
    let form = [("grant_type", "authorization_code"), ("client_id", AZURE_CLI), ("code", &code), ("redirect_uri", WEB)];
    assert_eq!(world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form).await.number(), 700_005);
    world.advance(600);
    assert_eq!(redeem(&world, &client, &code, WEB, &[verifier, secret]).await.number(), 70_008);
    for nonsense in ["x", "1.AAAA", "OAAABAAAAiL9Kn2Z27UubvWFPbm0gLWQJVzCTE9UkP3pSx1aXxUjq"] {
        let refused = redeem(&world, &client, nonsense, WEB, &[verifier, secret]).await;
        assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 9_002_313), "{nonsense}");
    }
    let code = sent_to(&browser.get(&world, &path(WEB)).await, WEB)["code"].clone();
    let answer = redeem(&world, &client, &code, WEB, &[verifier, secret]).await;
    assert_eq!(answer.claims().appidacr.as_deref(), Some("1"));
    let token = answer.text("refresh_token");
    assert_eq!(world.refresh(&client, &token, &[]).await.number(), 7_000_218);
    assert_eq!(world.refresh(&client, &token, &[secret]).await.status, 200);
    // A page in a browser has no secret, but must have PKCE.
    let spa = "https://spa.example/";
    let code = sent_to(&browser.get(&world, &path(spa)).await, spa)["code"].clone();
    let answer = redeem(&world, &client, &code, spa, &[verifier]).await;
    let token = answer.text("refresh_token");
    assert_eq!(world.refresh(&client, &token, &[]).await.status, 200, "and goes on without");
    let query = [("client_id", client.as_str()), ("response_type", "code"), ("redirect_uri", spa), ("scope", &scope)];
    let code = sent_to(&browser.get(&world, &authorize(&tenant, &query)).await, spa)["code"].clone();
    assert_eq!(redeem(&world, &client, &code, spa, &[]).await.number(), 9_002_325);
    // A code does not outlive its person's sessions.
    let code = sent_to(&browser.get(&world, &path(WEB)).await, WEB)["code"].clone();
    world.identity.directory.revoke_sessions(world.tenant, user).await.unwrap();
    assert_eq!(redeem(&world, &client, &code, WEB, &[verifier, secret]).await.number(), 70_000);
    assert_eq!(heading(&browser.get(&world, &path(WEB)).await), "Sign in");
}

#[tokio::test]
async fn s06_a_person_consents_on_the_page_and_for_everyone_only_an_administrator() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    world.person("bob@contoso.example", PASSWORD).await;
    let app = portal(&world).await;
    let client = app.client.to_string();
    let (scope, challenge) = (format!("{ORG}/user_impersonation"), challenge());
    let tenant = world.tenant.to_string();
    let path = authorize(&tenant, &usual(&client, WEB, &scope, &challenge));
    let mut ada = Browser::default();
    let page = ada.get(&world, &path).await;
    let asked = ada.sign_in(&world, &page, NAME, PASSWORD).await;
    assert_eq!(heading(&asked), "Permissions requested");
    assert!(asked.body.contains("user_impersonation") && asked.body.contains("portal"), "{}", asked.body);
    assert!(!asked.body.contains("Consent on behalf of your organization"));
    let declined = sent_to(&ada.submit(&world, &asked, &[("action", "decline")]).await, WEB);
    assert_eq!(declined["error"], "access_denied");
    assert!(declined["error_description"].starts_with("AADSTS65004"));
    let cheated = ada.submit(&world, &asked, &[("action", "accept"), ("everyone", "1")]).await;
    assert!(cheated.status == 400 && cheated.body.contains("AADSTS90094"), "{}", cheated.body);
    assert!(sent_to(&ada.submit(&world, &asked, &[("action", "accept")]).await, WEB).contains_key("code"));
    assert!(sent_to(&ada.get(&world, &path).await, WEB).contains_key("code"), "asked once");
    let again = ada.get(&world, &format!("{path}&prompt=consent")).await;
    assert_eq!(heading(&again), "Permissions requested");

    let mut bob = Browser::default();
    let page = bob.get(&world, &path).await;
    assert_eq!(heading(&bob.sign_in(&world, &page, "bob@contoso.example", PASSWORD).await), "Permissions requested");
    let silent = sent_to(&bob.get(&world, &format!("{path}&prompt=none")).await, WEB);
    assert_eq!((silent["error"].as_str(), silent["error_subcode"].as_str()), ("invalid_grant", "consent_required"));
    let mut admin = Browser::default();
    let page = admin.get(&world, &path).await;
    let (name, password) = (&world.admin.user_principal_name, world.admin.password.expose());
    let asked = admin.sign_in(&world, &page, name, password).await;
    assert!(asked.body.contains("Consent on behalf of your organization"), "{}", asked.body);
    let done = admin.submit(&world, &asked, &[("action", "accept"), ("everyone", "1")]).await;
    assert!(sent_to(&done, WEB).contains_key("code"));
    assert!(sent_to(&bob.get(&world, &path).await, WEB).contains_key("code"), "nobody else is asked again");
}

#[tokio::test]
async fn s16_a_first_password_is_changed_and_a_second_factor_given_on_the_page() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let directory = &world.identity.directory;
    let hash = crate::credentials::hash_password(&PASSWORD.to_owned().into(), world.identity.random.as_ref()).unwrap();
    let state = crate::directory::people::PasswordState {
        must_change: true,
        expires: None,
        changed: world.identity.clocks.now(),
    };
    directory.set_password(world.tenant, user, hash, state).await.unwrap();
    world.identity.set_multi_factor(world.tenant, user, crate::MultiFactor::Enforced).await.unwrap();
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    let path = authorize("organizations", &usual(AZURE_CLI, LOCAL, &scope, &challenge));
    let mut browser = Browser::default();
    let page = browser.get(&world, &path).await;
    let change = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert_eq!(heading(&change), "Change your password");
    assert!(!browser.cookies.contains_key("__Host-keyholder-session"), "not signed in yet");
    let new = "Another Horse 2";
    let fields = |old: &'static str, new: &'static str, again: &'static str| {
        [("action", "change"), ("username", NAME), ("password", old), ("new_password", new), ("confirmation", again)]
    };
    for (bad, number) in [
        (fields("wrong", new, new), "AADSTS50126"),
        (fields(PASSWORD, new, "Another Horse 3"), "AADSTS50052"),
        (fields(PASSWORD, PASSWORD, PASSWORD), "AADSTS50052"),
        (fields(PASSWORD, "short", "short"), "AADSTS50052"),
    ] {
        let page = browser.submit(&world, &change, &bad).await;
        assert_eq!(heading(&page), "Change your password");
        assert!(page.body.contains(number), "{number}: {}", page.body);
    }
    let factor = browser.submit(&world, &change, &fields(PASSWORD, new, new)).await;
    assert_eq!(heading(&factor), "Approve the sign-in");
    let denied = browser.submit(&world, &factor, &[("action", "cancel")]).await;
    assert_eq!(sent_to(&denied, LOCAL)["error"], "access_denied");
    let done = browser.submit(&world, &factor, &[("action", "approve")]).await;
    let code = sent_to(&done, LOCAL)["code"].clone();
    let answer = redeem(&world, AZURE_CLI, &code, LOCAL, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(answer.claims().amr, Some(vec!["pwd".to_owned(), "mfa".to_owned()]));
    assert_eq!(world.by_password(NAME, PASSWORD, &scope).await.number(), 50_126, "the old password is over");
    world.identity.set_sign_in_rule(world.tenant, crate::SignInRule::Block).await.unwrap();
    let blocked = sent_to(&browser.get(&world, &path).await, LOCAL);
    assert!(blocked["error_description"].starts_with("AADSTS53003"));
}

#[tokio::test]
async fn a_form_must_come_from_a_page_of_ours_to_this_browser() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let (scope, challenge) = (format!("{ORG}/.default"), challenge());
    let path = authorize("organizations", &usual(AZURE_CLI, LOCAL, &scope, &challenge));
    let mut browser = Browser::default();
    let page = browser.get(&world, &path).await;
    let fields = [("action", "sign-in"), ("username", NAME), ("password", PASSWORD)];
    // Another browser's page, and no cookie at all.
    let mut other = Browser::default();
    other.get(&world, &path).await;
    for browser in [&mut other, &mut Browser::default()] {
        let refused = browser.submit(&world, &page, &fields).await;
        assert!(refused.status == 400 && refused.body.contains("AADSTS9002313"), "{}", refused.body);
        assert!(!browser.cookies.contains_key("__Host-keyholder-session"));
    }
    // The proof of another form.
    let second = browser.get(&world, "/devicelogin").await;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("journey", &hidden(&page, "journey")).append_pair("proof", &hidden(&second, "proof"));
    form.extend_pairs(&fields);
    assert_eq!(browser.post(&world, form.finish()).await.status, 400);
    // From another site.
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("journey", &hidden(&page, "journey"))
        .append_pair("proof", &hidden(&page, "proof"))
        .extend_pairs(&fields)
        .finish();
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = http::Request::post("/common/login")
        .header("content-type", super::world::FORM)
        .header("cookie", cookies.join("; "))
        .header("sec-fetch-site", "cross-site")
        .body(bytes::Bytes::from(body))
        .unwrap();
    assert_eq!(world.ask(request).await.status, 400);
    assert!(
        sent_to(&browser.submit(&world, &page, &fields).await, LOCAL).contains_key("code"),
        "the page itself is good"
    );
    assert_eq!(browser.submit(&world, &page, &[("action", "dance")]).await.status, 400);
}

#[tokio::test]
async fn s17_a_page_of_the_origin_can_ask_who_it_is() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let mut browser = Browser::default();
    let path = format!("/{}/signin?return_to=/main.aspx", world.tenant);
    let page = browser.get(&world, &path).await;
    assert_eq!(heading(&page), "Sign in");
    let done = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert_eq!((done.status, done.header("location")), (302, "/main.aspx"));
    let mut headers = http::HeaderMap::new();
    assert!(world.identity.visitor(&headers).await.unwrap().is_none());
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    headers.insert("cookie", cookies.join("; ").parse().unwrap());
    let visitor = world.identity.visitor(&headers).await.unwrap().unwrap();
    assert_eq!((visitor.tenant, visitor.object_id), (world.tenant, user));
    assert_eq!(visitor.user_principal_name, NAME);
    for outside in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        let target = form_urlencoded::byte_serialize(outside.as_bytes()).collect::<String>();
        let sent = browser.get(&world, &format!("/{}/signin?return_to={target}", world.tenant)).await;
        assert_eq!(sent.header("location"), "/", "{outside}");
    }
}
