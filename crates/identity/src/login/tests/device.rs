//! Device code: the code, the page, and what a client is told while it waits.

use super::browser::{Browser, heading};
use super::world::{AZURE_CLI, DOMAIN, DYNAMICS_TOOLS, ORG, ORIGIN, OTHER_DOMAIN, PASSWORD, World};

const NAME: &str = "ada@contoso.example";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(super) async fn start(world: &World, tenant: &str) -> (String, String) {
    let scope = format!("{ORG}/.default openid profile offline_access");
    let path = format!("/{tenant}/oauth2/v2.0/devicecode");
    let answer = world.post(&path, &[("client_id", AZURE_CLI), ("scope", &scope)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!((json["expires_in"].as_i64(), json["interval"].as_i64()), (Some(900), Some(5)));
    assert_eq!(answer.text("verification_uri"), format!("{ORIGIN}/devicelogin"));
    let user_code = answer.text("user_code");
    assert!(answer.text("message").ends_with(&format!("enter the code {user_code} to authenticate.")));
    assert!(json.get("verification_uri_complete").is_none());
    (user_code, answer.text("device_code"))
}

pub(super) async fn poll(world: &World, tenant: &str, client: &str, code: &str) -> super::world::Answer {
    let form = [("grant_type", GRANT), ("client_id", client), ("device_code", code), ("code", code)];
    world.post(&format!("/{tenant}/oauth2/v2.0/token"), &form).await
}

/// Types the code in and signs in; the page that asks whether it was meant.
pub(super) async fn type_in(world: &World, browser: &mut Browser, user_code: &str) -> super::world::Answer {
    let page = browser.get(world, "/devicelogin").await;
    assert_eq!(heading(&page), "Enter code");
    let page = browser.submit(world, &page, &[("action", "code"), ("user_code", user_code)]).await;
    assert_eq!(heading(&page), "Sign in");
    assert!(page.body.contains("Microsoft Azure CLI"), "{}", page.body);
    let page = browser.sign_in(world, &page, NAME, PASSWORD).await;
    assert_eq!(heading(&page), "Are you trying to sign in?");
    page
}

#[tokio::test]
async fn s16_a_person_signs_in_on_another_device() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    for tenant in ["organizations", DOMAIN] {
        let (user_code, code) = start(&world, tenant).await;
        let pending = poll(&world, tenant, AZURE_CLI, &code).await;
        assert_eq!(pending.error(), (400, "authorization_pending".to_owned(), 70_016));
        let mut browser = Browser::default();
        let page =
            type_in(&world, &mut browser, &format!("{}-{}", &user_code[..3].to_lowercase(), &user_code[3..])).await;
        world.advance(5);
        assert_eq!(poll(&world, tenant, AZURE_CLI, &code).await.number(), 70_016, "not before it is confirmed");
        let done = browser.submit(&world, &page, &[("action", "accept")]).await;
        assert_eq!(heading(&done), "You have signed in");
        let answer = poll(&world, tenant, AZURE_CLI, &code).await;
        assert_eq!((answer.claims().oid, answer.claims().aud.as_str()), (Some(user), ORG));
        assert!(answer.json()["refresh_token"].is_string() && answer.json()["id_token"].is_string());
        assert_eq!(poll(&world, tenant, AZURE_CLI, &code).await.number(), 54_005);
        let again = browser.submit(&world, &page, &[("action", "accept")]).await;
        assert!(again.body.contains("AADSTS70019"), "{}", again.body);
    }
}

#[tokio::test]
async fn s16_each_answer_to_a_waiting_client_has_its_word() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let (user_code, code) = start(&world, "organizations").await;
    let ask = async |code: &str| poll(&world, "organizations", AZURE_CLI, code).await.error();
    assert_eq!(ask("nonsense").await, (400, "bad_verification_code".to_owned(), 70_018));
    let other = poll(&world, "organizations", DYNAMICS_TOOLS, &code).await;
    assert_eq!(other.number(), 70_018);
    assert_eq!(ask(&code).await.1, "authorization_pending");
    assert_eq!(ask(&code).await.1, "authorization_pending", "once too early is forgiven");
    assert_eq!(ask(&code).await.1, "slow_down");
    world.advance(5);
    assert_eq!(ask(&code).await.1, "authorization_pending");

    let mut browser = Browser::default();
    let page = type_in(&world, &mut browser, &user_code).await;
    let declined = browser.submit(&world, &page, &[("action", "decline")]).await;
    assert_eq!(heading(&declined), "Cancelled");
    assert_eq!(ask(&code).await, (400, "authorization_declined".to_owned(), 65_004));

    let (user_code, code) = start(&world, "organizations").await;
    world.advance(900);
    assert_eq!(ask(&code).await, (400, "expired_token".to_owned(), 70_019));
    let page = browser.get(&world, "/devicelogin").await;
    for (typed, number) in [(user_code.as_str(), "AADSTS70019"), ("WRONGCODE", "AADSTS70018"), ("<b>", "AADSTS70018")] {
        let page = browser.submit(&world, &page, &[("action", "code"), ("user_code", typed)]).await;
        assert_eq!(heading(&page), "Enter code");
        assert!(page.body.contains(number) && !page.body.contains("<b>"), "{}", page.body);
    }
    let linked = browser.get(&world, "/devicelogin?otc=%22%3E%3Cb%3E").await;
    assert!(!linked.body.contains("<b>"), "{}", linked.body);
}

#[tokio::test]
async fn a_device_sign_in_is_of_the_tenant_that_was_asked() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let (user_code, code) = start(&world, OTHER_DOMAIN).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, "/devicelogin").await;
    let page = browser.submit(&world, &page, &[("action", "code"), ("user_code", &user_code)]).await;
    let refused = browser.sign_in(&world, &page, NAME, PASSWORD).await;
    assert!(refused.body.contains("AADSTS50034"), "{}", refused.body);
    assert_eq!(poll(&world, OTHER_DOMAIN, AZURE_CLI, &code).await.number(), 70_016);
}

#[tokio::test]
async fn s16_v1_asks_for_a_resource() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let form = [("client_id", AZURE_CLI), ("resource", ORG)];
    let answer = world.post("/common/oauth2/devicecode", &form).await;
    assert!(answer.json()["expires_in"].is_string(), "{}", answer.body);
    assert_eq!(answer.text("verification_url"), format!("{ORIGIN}/devicelogin"));
    let mut browser = Browser::default();
    let page = type_in(&world, &mut browser, &answer.text("user_code")).await;
    browser.submit(&world, &page, &[("action", "accept")]).await;
    let code = answer.text("device_code");
    let form = [("grant_type", "device_code"), ("client_id", AZURE_CLI), ("resource", ORG), ("code", &code)];
    assert_eq!(world.post("/common/oauth2/token", &form).await.claims().aud, ORG);

    for (path, form, number) in [
        ("/common/oauth2/v2.0/devicecode", vec![("scope", "openid")], 900_144),
        ("/common/oauth2/v2.0/devicecode", vec![("client_id", AZURE_CLI)], 900_144),
        ("/common/oauth2/v2.0/devicecode", vec![("client_id", AZURE_CLI), ("scope", "")], 28_003),
        ("/common/oauth2/v2.0/devicecode", vec![("client_id", "x"), ("scope", "openid")], 700_016),
        ("/consumers/oauth2/v2.0/devicecode", vec![("client_id", AZURE_CLI), ("scope", "openid")], 9_002_346),
        ("/common/oauth2/devicecode", vec![("client_id", AZURE_CLI)], 900_144),
    ] {
        assert_eq!(world.post(path, &form).await.number(), number, "{path} {form:?}");
    }
}
