//! Bad days: what a program is told when something fails in the middle, and that it can go on afterwards.

use std::sync::Arc;
use std::time::Duration;

use keyholder_client::credential::DYNAMICS_TOOLS;
use keyholder_client::dataverse::{Filter, Query};
use keyholder_client::error::Unreachable;
use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::Network;
use keyholder_client::{
    ClientCertificate, Connection, CredentialChoice, Dataverse, Error, ErrorKind, Http, NetworkOptions,
};
use keyholder_foundation::{ManualClock, Secret, Timestamp, WallClock};
use keyholder_testkit::World;
use serde_json::{Value, json};

/// An org as a machine with a clock of its own has it. Waits move that clock, and take no time.
async fn org(connection: &Connection, clock: &Arc<ManualClock>) -> Dataverse {
    let options = NetworkOptions { ca_file: connection.ca_file.clone(), ..NetworkOptions::default() };
    let network = Arc::new(Network::new(options).unwrap());
    let http = Http::new(network, clock.clone(), Arc::new(SkippingSleep(clock.clone())));
    let org = Dataverse::connect(connection, http).await.unwrap();
    org.who_am_i().await.unwrap();
    org
}

async fn as_admin(world: &World) -> Dataverse {
    org(&world.connection(), &Arc::new(ManualClock::at(world.clock().now()))).await
}

async fn order(world: &World, fault: Value) {
    let bearer = format!("Bearer {}", world.admin_token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let ordered = world.ask("POST", "/_keyholder/faults", &headers, &fault.to_string()).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text);
}

#[tokio::test]
async fn a_key_that_is_taken_away_in_the_middle_is_told_with_its_cause() {
    let world = World::start().await;
    let org = as_admin(&world).await;
    let token = world.admin_token().await;
    org.create("contacts", &json!({ "lastname": "Before" })).await.unwrap();
    let principal = format!("servicePrincipals(appId='{}')", world.admin().client_id);
    order(&world, json!({ "fault": "expired-token", "method": "POST", "path": "*/contacts", "requests": 1 })).await;
    let disabled = world.graph(&token, "PATCH", &principal, Some(&json!({ "accountEnabled": false }))).await;
    assert!(disabled.status < 300, "{}", disabled.text);

    let error = org.create("contacts", &json!({ "lastname": "After" })).await.unwrap_err();
    assert_eq!((error.aadsts(), error.kind()), (Some(7_000_112), ErrorKind::NotAllowed), "{error}");
    assert!(!error.hints().is_empty() && !error.fate_is_unknown(), "{error}");
    // The next request asks once more, and is told the same.
    assert_eq!(org.who_am_i().await.unwrap_err().aadsts(), Some(7_000_112));

    let (username, password) = (world.admin().username.clone(), world.admin().password.clone());
    let person = world.connection_as(&DYNAMICS_TOOLS.to_string(), CredentialChoice::Password { username, password });
    let person = self::org(&person, &Arc::new(ManualClock::at(world.clock().now()))).await;
    for (name, rows) in [("Before", 1), ("After", 0)] {
        let named = Query::rows("contacts").filter(Filter::eq("lastname", name));
        assert_eq!(person.count(&named).await.unwrap(), rows, "{name}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_proxy_that_cuts_bodies_is_told_as_a_lost_connection() {
    let world = World::start().await;
    let org = as_admin(&world).await;
    let query = || Query::rows("contacts").select(["lastname"]).top(3);
    // Four times is once less than a read is tried.
    order(&world, json!({ "fault": "truncated-body", "method": "GET", "path": "*/contacts", "requests": 4 })).await;
    let before = org.http().counted();
    assert_eq!(org.query(query()).collect().await.unwrap().len(), 3);
    assert_eq!(org.http().counted().repeated - before.repeated, 4);

    order(&world, json!({ "fault": "truncated-body", "method": "GET", "path": "*/contacts", "requests": 5 })).await;
    let error = org.query(query()).collect().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { cause: Unreachable::Lost(_), .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::OutOfReach);
    assert!(
        error.to_string().starts_with(&format!("could not reach {}: the connection was lost", world.origin())),
        "{error}"
    );
    assert_eq!(org.query(query()).collect().await.unwrap().len(), 3, "and it goes on");
    world.stop().await;
}

#[tokio::test]
async fn a_page_of_html_is_told_to_be_one() {
    let world = World::start().await;
    let org = as_admin(&world).await;
    order(&world, json!({ "fault": "html", "path": "*/contacts", "requests": 2 })).await;
    let read = org.query(Query::rows("contacts").top(1)).collect().await.unwrap_err();
    let written = org.create("contacts", &json!({ "lastname": "Html" })).await.unwrap_err();
    for error in [&read, &written] {
        let said = format!(
            "{} answered with something that is not understood: an HTML page with HTTP status 200",
            world.origin()
        );
        assert!(error.to_string().starts_with(&said), "{error}");
        assert!(error.hints()[0].contains("a proxy or a sign-in page"), "{:?}", error.hints());
        assert_eq!(error.kind(), ErrorKind::BadData);
    }
    // Whether it was done is not known of a page; with an id of its own, a row can be looked for.
    assert!(written.fate_is_unknown());
    assert_eq!(org.count(&Query::rows("contacts").filter(Filter::eq("lastname", "Html"))).await.unwrap(), 0);
    world.stop().await;
}

/// The admin's own registration, with a certificate beside its secret.
async fn certified(world: &World) -> CredentialChoice {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec![]).unwrap();
    // The world's clock is moved by hours.
    parameters.not_after = rcgen::date_time_ymd(2199, 1, 1);
    let certificate = parameters.self_signed(&key).unwrap();
    let pem = certificate.pem();
    let encoded: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    let token = world.admin_token().await;
    let application = format!("applications(appId='{}')", world.admin().client_id);
    let keys = json!({ "keyCredentials": [{ "type": "AsymmetricX509Cert", "usage": "Verify", "key": encoded }] });
    let answer = world.graph(&token, "PATCH", &application, Some(&keys)).await;
    assert!(answer.status < 300, "{}", answer.text);
    let pem = Secret::new(format!("{pem}{}", key.serialize_pem()));
    let id = world.admin().client_id.parse().unwrap();
    CredentialChoice::Own(Arc::new(ClientCertificate::from_pem(id, &pem, "the test's").unwrap()))
}

#[tokio::test]
async fn a_clock_that_is_wrong_by_ten_minutes_hinders_nobody() {
    let world = World::start().await;
    let certificate = certified(&world).await;
    for wrong in [600_000, -600_000] {
        let now = world.clock().now().as_millis();
        let machine = Arc::new(ManualClock::at(Timestamp::from_millis(now + wrong)));
        let connection = world.connection_as(&world.admin().client_id, certificate.clone());
        // An assertion of ten minutes ago is over, and one of ten minutes ahead has not begun.
        let org = org(&connection, &machine).await;
        assert!((org.http().clock().ahead_millis() + wrong).abs() < 5_000, "{}", org.http().clock().ahead_millis());
        let token = org.tokens().get(org.scope()).await.unwrap();
        let life = token.expires_at().since(world.clock().now()).as_secs();
        assert!((3_000..=6_000).contains(&life), "{life}");

        // A token is renewed when it ends by the org's clock: no request goes out with a dead one.
        let hours = Duration::from_secs(2 * 3600);
        world.advance(hours);
        machine.advance(hours);
        let before = org.http().counted().sent;
        org.who_am_i().await.unwrap();
        assert_eq!(org.http().counted().sent - before, 2, "one for a token, and one with it");
    }
    world.stop().await;
}
