//! The locked door: what somebody with a browser finds at the org's address.

use keyholder_testkit::{Answer, World};
use serde_json::json;

use crate::browser::{Browser, heading};
use crate::control;
use crate::propagation::{license, person, set_access_mode, user};

const PASSWORD: &str = "Correct-horse-9";

/// Opens the org's address in a fresh browser and signs in.
async fn visit(world: &World, name: &str, password: &str) -> (Browser, Answer) {
    let mut browser = Browser::default();
    let page = browser.open(world, "/").await;
    assert_eq!((page.status, heading(&page)), (200, "Sign in"), "{}", page.text);
    let inside = browser.sign_in(world, &page, name, password).await;
    (browser, inside)
}

fn is_guarded(page: &Answer) {
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    assert!(!page.text.contains("<script") && !page.text.contains(" on"), "{}", page.text);
}

#[tokio::test]
async fn s17_a_person_with_access_sees_who_they_are_and_in_which_org() {
    let world = World::start().await;
    let (mut browser, page) = visit(&world, &world.admin().username, world.admin().password.expose()).await;
    assert_eq!((page.status, heading(&page)), (200, "Keyholder local org"), "{}", page.text);
    assert!(page.text.contains(&world.admin().username) && page.text.contains("System Administrator"));
    is_guarded(&page);
    let again = browser.open(&world, "/main.aspx").await;
    assert_eq!(heading(&again), "Keyholder local org", "the browser stays signed in");
    let out = browser.open(&world, &format!("/{}/oauth2/logout", world.tenant())).await;
    assert_eq!(out.status, 200);
    assert_eq!(heading(&browser.open(&world, "/").await), "Sign in");
}

#[tokio::test]
async fn s17_a_non_interactive_user_finds_the_door_locked() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    assert_eq!(set_access_mode(&world, &user(&world, &anna).await, 4).await.status, 204);
    let (_, page) = visit(&world, "anna@keyholder.localhost", PASSWORD).await;
    assert_eq!((page.status, heading(&page)), (403, "This door is locked"));
    assert!(
        page.text.contains("0x80044160: Non-interactive users cannot access the web user interface."),
        "{}",
        page.text
    );
    is_guarded(&page);
}

#[tokio::test]
async fn s17_whoever_stays_outside_is_told_why() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    let (mut browser, page) = visit(&world, "anna@keyholder.localhost", PASSWORD).await;
    assert_eq!((page.status, heading(&page)), (403, "You have no licence"));
    assert!(page.text.contains("0x80072560"), "{}", page.text);
    license(&world, &anna, true).await;
    let page = browser.open(&world, "/").await;
    assert_eq!((page.status, heading(&page)), (403, "You have no role here"));
    assert!(page.text.contains("0x80042f09"), "{}", page.text);
    license(&world, &anna, false).await;
    let page = browser.open(&world, "/").await;
    assert_eq!((page.status, heading(&page)), (403, "Your user is disabled"));
    assert!(page.text.contains("0x80040225") && page.text.contains("has no license"), "{}", page.text);
    is_guarded(&page);
}

#[tokio::test]
async fn s17_an_application_cannot_sign_in_at_all() {
    let world = World::start().await;
    let bearer = format!("Bearer {}", world.admin_token().await);
    let page = world.ask("GET", "/", &[("authorization", &bearer)], "").await;
    assert_eq!((page.status, heading(&page)), (403, "This door is locked"));
    assert!(page.text.contains("An application cannot sign in here") && page.text.contains("0x80044160"));
    let posted = world.ask("POST", "/", &[], "x=1").await;
    assert_eq!(posted.status, 405);
    let mut browser = Browser::default();
    let sign_in = browser.open(&world, "/").await;
    let client = &world.admin().client_id;
    let refused = browser.sign_in(&world, &sign_in, client, world.admin().client_secret.expose()).await;
    assert_eq!(heading(&refused), "Sign in", "an id and a secret are nobody's name and password");
}

#[tokio::test]
async fn s17_further_orgs_have_doors_of_their_own() {
    let world = World::start().await;
    let made = control(&world, "POST", "orgs", json!({"name": "Second <b>", "tenant": world.tenant()})).await;
    let url = made.body["url"].as_str().unwrap().to_owned();
    let mut browser = Browser::default();
    let page = browser.open(&world, &format!("{url}/")).await;
    assert_eq!(heading(&page), "Sign in");
    assert!(browser.at().starts_with(&world.origin()), "people sign in at the token service alone");
    let page = browser.sign_in(&world, &page, &world.admin().username, world.admin().password.expose()).await;
    assert_eq!((page.status, heading(&page)), (200, "Second &lt;b&gt;"), "{}", page.text);
    assert_eq!(browser.at(), format!("{url}/"));

    control(&world, "POST", "tenants", json!({"domain": "contoso.localhost"})).await;
    let made = control(&world, "POST", "orgs", json!({"name": "Theirs", "tenant": "contoso.localhost"})).await;
    let theirs = made.body["url"].as_str().unwrap().to_owned();
    let page = browser.open(&world, &format!("{theirs}/")).await;
    assert_eq!((page.status, heading(&page)), (403, "You are not a user of this org"));
    assert_eq!(world.ask("GET", &format!("/_org/{}", world.tenant()), &[], "").await.status, 404);
    assert_eq!(world.ask("GET", "/_org/https://evil.example", &[], "").await.status, 404);
}

#[tokio::test]
async fn s26_an_administrative_user_is_let_in_to_settings() {
    let world = World::start().await;
    let boss = person(&world, "boss").await;
    let token = world.admin_token().await;
    let role = json!({"principalId": boss, "directoryScopeId": "/", "roleDefinitionId": "11648597-926c-4cf3-9c36-bcebb0ba8dcc"});
    world.graph(&token, "POST", "roleManagement/directory/roleAssignments", Some(&role)).await;
    let (_, page) = visit(&world, "boss@keyholder.localhost", PASSWORD).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("Your access mode is Administrative"), "{}", page.text);
}

#[tokio::test]
async fn a_clock_that_moves_ends_the_session() {
    let world = World::start().await;
    let (mut browser, page) = visit(&world, &world.admin().username, world.admin().password.expose()).await;
    assert_eq!(page.status, 200);
    control(&world, "POST", "clock", json!({"move": "+30d"})).await;
    assert_eq!(heading(&browser.open(&world, "/").await), "Sign in");
}
