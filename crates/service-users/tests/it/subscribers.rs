//! Customers of a published application, on a real local org with the clock moved.

use std::sync::Mutex;
use std::time::Duration;

use keyholder_client::Connection;
use keyholder_foundation::{Secret, WallClock};
use keyholder_service_users::declaration::Subscriber;
use keyholder_service_users::subscribers::{Publisher, consent_link, published};
use keyholder_service_users::{Administrator, Error, Event, Reporter, Wishes};
use keyholder_testkit::World;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::non_interactive::world::{HOUR, House, Listening};

const THEIRS: &str = "fabrikam.localhost";

async fn graph(world: &World, method: &str, path: &str, body: Value) -> Value {
    let token = world.admin_token().await;
    let answer = world.graph(&token, method, path, Some(&body)).await;
    assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    answer.body
}

/// A published registration with a secret, and a customer's tenant that knows nothing of it.
async fn house() -> (House, Connection) {
    let house = House::new().await;
    let world = &house.world;
    let wanted = json!({
        "displayName": "Orders Cloud", "signInAudience": "AzureADMultipleOrgs",
        "web": {"redirectUris": ["https://vendor.example/consented?x=1"]},
    });
    let made = graph(world, "POST", "applications", wanted).await;
    let path = format!("applications/{}/addPassword", made["id"].as_str().unwrap());
    let secret = graph(world, "POST", &path, json!({"passwordCredential": {"displayName": "own"}})).await;
    control(world, "tenants", &json!({"domain": THEIRS})).await;
    let secret = Secret::new(secret["secretText"].as_str().unwrap());
    let key = world.connection_as(made["appId"].as_str().unwrap(), secret);
    (house, key)
}

async fn control(world: &World, what: &str, body: &Value) -> Value {
    let bearer = format!("Bearer {}", world.admin_token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = world.ask("POST", &format!("/_keyholder/{what}"), &headers, &body.to_string()).await;
    assert!(answer.status < 300, "{what}: {}", answer.text);
    answer.body
}

/// What consent makes in the customer's tenant, done by its own administrator.
async fn consent(world: &World, key: &Connection) {
    let env = std::fs::read_to_string(world.file(&format!("{THEIRS}.env"))).unwrap();
    let setting =
        |name: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().trim_matches('\'');
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", setting("KEYHOLDER_ADMIN_CLIENT_ID")),
        ("client_secret", setting("KEYHOLDER_ADMIN_CLIENT_SECRET")),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token = world.token_request(THEIRS, "v2.0/", &fields).await;
    let token = token.body["access_token"].as_str().unwrap().to_owned();
    let made = world.graph(&token, "POST", "servicePrincipals", Some(&json!({"appId": key.client_id}))).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

async fn publisher(house: &House, key: &Connection) -> Publisher {
    Publisher::new(key.clone(), house.access.http.clone()).await.unwrap()
}

#[tokio::test]
async fn s22_a_consent_that_never_comes_is_waited_for_as_long_as_was_said() {
    let (house, key) = house().await;
    let publisher = publisher(&house, &key).await;
    let (listening, before) = (Listening::default(), house.world.clock().now());
    assert!(!publisher.wait_for_consent(THEIRS, HOUR, &listening).await.unwrap());
    assert!(house.world.clock().now() >= before.plus(HOUR));
    let waits = listening.heard().waits;
    assert!(waits.len() > 50 && waits[0].contains(THEIRS), "{} {}", waits.len(), waits[0]);

    // Anything else than "not yet" is told at once.
    consent(&house.world, &key).await;
    let wrong = Connection { credential: Secret::new("wrong").into(), ..key };
    let listening = Listening::default();
    let wrong = Publisher::new(wrong, house.access.http.clone()).await.unwrap();
    let refused = wrong.wait_for_consent(THEIRS, HOUR, &listening).await.unwrap_err();
    assert_eq!(refused.aadsts(), Some(7_000_215), "{refused}");
    assert!(listening.heard().waits.is_empty());
}

/// Lets the customer consent when it is first waited for.
#[derive(Default)]
struct Awaited {
    waits: Mutex<u32>,
    begun: Notify,
}

impl Reporter for Awaited {
    fn done(&self, _: &Event) {}

    fn waiting(&self, _: &str, _: Duration) {
        *self.waits.lock().unwrap() += 1;
        self.begun.notify_one();
    }
}

#[tokio::test]
async fn s22_a_consent_that_comes_while_it_is_waited_for_is_noticed() {
    let (house, key) = house().await;
    let publisher = publisher(&house, &key).await;
    let awaited = Awaited::default();
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let consents = async {
        awaited.begun.notified().await;
        consent(&house.world, &key).await;
    };
    let (consented, ()) = tokio::join!(publisher.wait_for_consent(THEIRS, year, &awaited), consents);
    assert!(consented.unwrap());
    assert!(*awaited.waits.lock().unwrap() > 0);
}

#[tokio::test]
async fn s22_the_link_leads_to_the_subscribers_own_consent_page() {
    let (house, key) = house().await;
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    let found = published(&administrator, "Orders Cloud").await.unwrap();
    assert_eq!(found, published(&administrator, &key.client_id.to_string()).await.unwrap());
    let authority = publisher(&house, &key).await.at(THEIRS).unwrap();
    let link = consent_link(&authority, &found, "a b&c");
    let expected = format!(
        "{}/{THEIRS}/adminconsent?client_id={}&redirect_uri=https%3A%2F%2Fvendor.example%2Fconsented%3Fx%3D1&state=a+b%26c",
        house.world.origin(),
        key.client_id
    );
    assert_eq!(link.as_str(), expected);
    let page = house.world.ask("GET", link.as_str(), &[("accept", "text/html")], "").await;
    assert!(page.status == 200 && page.text.contains("Sign in"), "{}", page.text);

    graph(&house.world, "POST", "applications", json!({"displayName": "inner", "signInAudience": "AzureADMyOrg"}))
        .await;
    graph(&house.world, "POST", "applications", json!({"displayName": "Orders Cloud"})).await;
    for (app, code) in [
        ("inner", "notPublished"),
        ("Orders Cloud", "severalRegistrations"),
        ("Nobody", "noSuchRegistration"),
        ("ORDERS cloud", "noSuchRegistration"),
        ("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001", "noSuchRegistration"),
    ] {
        let error = published(&administrator, app).await.unwrap_err();
        let Error::Stopped(findings) = &error else { panic!("{error}") };
        assert_eq!(findings[0].code, code, "{error}");
    }
}

#[tokio::test]
async fn s22_how_far_a_subscriber_is_is_told_by_the_applications_own_key() {
    let (house, key) = house().await;
    let publisher = publisher(&house, &key).await;
    let org = control(&house.world, "orgs", &json!({"name": "Theirs", "tenant": THEIRS})).await;
    let url = org["url"].as_str().unwrap().parse().unwrap();
    let subscriber = Subscriber { tenant: THEIRS.to_owned(), url: Some(url), application: "app".to_owned() };
    let look = async |subscriber: &Subscriber| publisher.look(subscriber, &Wishes::default(), &[]).await;

    let standing = look(&subscriber).await;
    assert_eq!((standing.is_consented, standing.has_user, standing.is_proved), (Some(false), None, false));
    consent(&house.world, &key).await;
    let standing = look(&subscriber).await;
    assert_eq!((standing.is_consented, standing.has_user, standing.is_proved), (Some(true), Some(false), false));
    assert!(standing.trouble.is_none());
    let nowhere = look(&Subscriber { url: None, ..subscriber.clone() }).await;
    assert_eq!((nowhere.is_consented, nowhere.has_user), (Some(true), None));

    // What cannot be reached is trouble of that one subscriber.
    let elsewhere = Subscriber { url: Some("https://localhost:1".parse().unwrap()), ..subscriber.clone() };
    let standing = look(&elsewhere).await;
    assert!(standing.is_consented == Some(true) && standing.trouble.is_some(), "{standing:?}");
    // An org of another tenant than the subscriber's does not take the application for one of its own.
    let ours = Subscriber { url: Some(house.world.origin().parse().unwrap()), ..subscriber };
    let standing = look(&ours).await;
    assert!(!standing.is_proved && standing.trouble.is_some(), "{standing:?}");
}
