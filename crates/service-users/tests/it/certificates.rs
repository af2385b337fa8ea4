//! Certificates as declared credentials: made, renewed, replaced; nothing of the key leaves the sink.

use std::time::Duration;

use keyholder_client::ClientCertificate;
use keyholder_foundation::ClientId;
use keyholder_service_users::declaration::{Credential, Declaration, Sink};
use keyholder_service_users::plan::{Leave, Mark};
use keyholder_service_users::{KeyKind, Outcome, Step};
use serde_json::{Value, json};

use crate::world::{NAME, World, event};

const DAY: Duration = Duration::from_secs(86_400);

/// The quickstart's declaration, with a certificate instead of a secret.
fn declaration(world: &World) -> Declaration {
    let mut declaration = world.declaration();
    let user = declaration.application_users.get_mut(NAME).unwrap();
    user.credentials = vec![Credential::Certificate { lifetime: 90 * DAY, sink: Sink::EnvFile(world.env_path()) }];
    declaration
}

fn keys(world: &World) -> Vec<Value> {
    let state = world.state();
    state.applications.values().next().unwrap()["keyCredentials"].as_array().unwrap().clone()
}

#[tokio::test]
async fn s07_a_certificate_is_made_registered_kept_and_proved() {
    let world = World::new();
    let declaration = declaration(&world);
    let (done, events) = world.provision_as(&declaration).await;
    let done = done.unwrap();
    assert_eq!(done.credential, KeyKind::Certificate.into());
    let event = event(&events, Step::Certificate);
    assert_eq!(event.outcome, Outcome::Created);
    assert_eq!(event.facts["certificateId"], done.secret_id.unwrap().to_string());
    let registered = keys(&world);
    assert_eq!(registered.len(), 1);
    assert!(registered[0]["displayName"].as_str().unwrap().starts_with("keyholder "), "{registered:?}");

    let pem = std::fs::read_to_string(world.folder.path().join("orders-sync.env.pem")).unwrap();
    let client: ClientId = done.client_id;
    let read = ClientCertificate::from_pem(client, &keyholder_foundation::Secret::new(pem.clone()), "x").unwrap();
    // Good for exactly what was declared, and from a minute ago: clocks differ.
    let begins = world.now().minus(Duration::from_secs(60)).whole_seconds();
    assert_eq!(read.facts().not_after, begins.plus(90 * DAY));
    // Nothing of the private key is anywhere else.
    let told = format!("{events:?}{done:?}{:?}", world.state());
    let env = std::fs::read_to_string(world.env_path()).unwrap();
    for line in pem.split("-----END PRIVATE KEY-----").next().unwrap().lines().filter(|line| !line.starts_with('-')) {
        assert!(!told.contains(line) && !env.contains(line));
    }

    let plan = world.plan(&declaration, Leave::default()).await;
    assert!(!plan.has_changes(), "{:#?}", plan.changes);
    assert!(plan.findings.is_empty(), "{:#?}", plan.findings);
    assert!(!world.provision_as(&declaration).await.0.unwrap().changed);
}

#[tokio::test]
async fn s08_a_certificate_that_ends_soon_is_told_of_and_one_that_has_ended_is_replaced() {
    let world = World::new();
    let declaration = declaration(&world);
    let first = world.provision_as(&declaration).await.0.unwrap().secret_id;
    world.advance_days(70);
    let plan = world.plan(&declaration, Leave::default()).await;
    assert!(!plan.has_changes());
    assert_eq!(plan.findings[0].code, "expiresSoon");
    assert!(plan.findings[0].message.starts_with("the certificate of"), "{:?}", plan.findings);
    world.advance_days(30);
    let (done, events) = world.provision_as(&declaration).await;
    assert_ne!(done.unwrap().secret_id, first);
    let event = event(&events, Step::Certificate);
    assert!(event.notes[0].starts_with("the old certificate expired on"), "{event:?}");
    assert_eq!(keys(&world).len(), 1);
}

#[tokio::test]
async fn a_lost_key_is_made_anew_and_the_certificates_of_others_stay() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let client = world.provision_as(&declaration).await.0.unwrap().client_id;
    declaration.application_users.get_mut(NAME).unwrap().client_id = Some(client);
    let others = {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let list = application["keyCredentials"].as_array_mut().unwrap();
        list.push(json!({ "keyId": "a0000000-0000-4000-8000-00000000fff1", "displayName": "by hand" }));
        list.push(json!({ "keyId": "a0000000-0000-4000-8000-00000000fff2", "displayName": "keyholder /other.env" }));
        list[1..].to_vec()
    };
    for id in ["a0000000-0000-4000-8000-00000000fff1", "a0000000-0000-4000-8000-00000000fff2"] {
        world.state().certificates.insert(id.to_owned(), String::new());
    }
    std::fs::remove_file(world.folder.path().join("orders-sync.env.pem")).unwrap();
    // Somebody else writes at the same moment.
    world.state().conflicts = 2;
    let (done, events) = world.provision_as(&declaration).await;
    done.unwrap();
    let event = event(&events, Step::Certificate);
    assert!(event.notes.iter().any(|note| note.contains("is missing")), "{event:?}");
    assert!(event.notes.iter().any(|note| note.starts_with("removed 1 of its own")), "{event:?}");
    let left = keys(&world);
    assert_eq!(left.len(), 3);
    assert!(others.iter().all(|other| left.contains(other)), "{left:#?}");
    assert!(!world.plan(&declaration, Leave::default()).await.has_changes());
}

#[tokio::test]
async fn a_certificate_takes_the_place_of_a_secret_and_the_other_way_round() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let declaration = declaration(&world);
    let (done, events) = world.provision_as(&declaration).await;
    done.unwrap();
    let made = event(&events, Step::Certificate);
    assert!(made.notes[0].contains("a client secret where a certificate is declared"), "{made:?}");
    let secrets = world.state().secrets.len();
    assert_eq!((secrets, keys(&world).len()), (0, 1));
    let (done, events) = world.provision().await;
    done.unwrap();
    let made = event(&events, Step::ClientSecret);
    assert!(made.notes[0].contains("a certificate where a client secret is declared"), "{made:?}");
    let secrets = world.state().secrets.len();
    assert_eq!((secrets, keys(&world).len()), (1, 0));
    assert!(!world.folder.path().join("orders-sync.env.pem").exists());
}

#[tokio::test]
async fn a_certificate_in_a_file_of_its_own_stays_and_one_that_a_program_got_is_believed() {
    let world = World::new();
    let pem = world.folder.path().join("orders.pem");
    let taken = world.folder.path().join("taken.pem");
    let script = format!("umask 077; cat > '{}'", taken.display());
    let sinks = [Sink::File(pem.clone()), Sink::Command(vec!["/bin/sh".to_owned(), "-c".to_owned(), script])];
    let mut declaration = declaration(&world);
    let user = declaration.application_users.get_mut(NAME).unwrap();
    user.credentials = sinks.into_iter().map(|sink| Credential::Certificate { lifetime: 30 * DAY, sink }).collect();
    world.provision_as(&declaration).await.0.unwrap();
    assert_eq!(keys(&world).len(), 2, "made one after the other, though they are independent");
    for file in [&pem, &taken] {
        assert!(std::fs::read_to_string(file).unwrap().contains("BEGIN PRIVATE KEY"));
    }
    let plan = world.plan(&declaration, Leave::default()).await;
    assert!(plan.changes.iter().all(|change| change.mark == Mark::Keep), "{:#?}", plan.changes);
}

#[tokio::test]
async fn a_certificate_whose_sink_fails_is_taken_back_and_the_old_key_still_stands() {
    let world = World::new();
    let mut declaration = declaration(&world);
    world.provision_as(&declaration).await.0.unwrap();
    let user = declaration.application_users.get_mut(NAME).unwrap();
    let missing = Sink::Command(vec!["/no/such/program".to_owned()]);
    user.credentials.push(Credential::Certificate { lifetime: 30 * DAY, sink: missing });
    let error = world.provision_as(&declaration).await.0.unwrap_err();
    assert!(error.to_string().contains("did not take the credential"), "{error}");
    assert_eq!(keys(&world).len(), 1);

    // One that ran may have kept it.
    let sink = |script: &str| Sink::Command(vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()]);
    let broken = world.folder.path().join("broken");
    std::fs::write(&broken, "").unwrap();
    let script = format!("cat >&2; test ! -e '{}'", broken.display());
    let user = declaration.application_users.get_mut(NAME).unwrap();
    user.credentials.pop();
    user.credentials.push(Credential::Certificate { lifetime: 30 * DAY, sink: sink(&script) });
    let error = world.provision_as(&declaration).await.0.unwrap_err();
    assert!(error.to_string().contains("before it failed, so that one works on"), "{error}");
    assert!(!error.to_string().contains("MII"), "{error}");
    assert_eq!(keys(&world).len(), 2);
    std::fs::remove_file(broken).unwrap();
    world.provision_as(&declaration).await.0.unwrap();
    assert_eq!(keys(&world).len(), 2, "what nobody was known to have is removed");
}

#[tokio::test]
async fn making_a_certificate_can_be_killed_at_every_request() {
    // The registration and the rest are there: what remains is about the certificate.
    let begun = || async {
        let world = World::new();
        world.provision().await.0.unwrap();
        let declaration = declaration(&world);
        (world, declaration)
    };
    let (undisturbed, wanted) = begun().await;
    let before = undisturbed.state().requests.len();
    undisturbed.provision_as(&wanted).await.0.unwrap();
    let requests = undisturbed.state().requests.len() - before;
    let shape = undisturbed.state().shape();
    // What is only read before anything is made, other tests are killed at.
    let first = undisturbed.state().requests[before..].iter().position(|request| request.starts_with("PATCH"));
    for at in first.unwrap()..=requests {
        for executed in [false, true] {
            let (world, declaration) = begun().await;
            let so_far = world.state().requests.len();
            world.state().dies_at = Some((so_far + at, executed));
            world.provision_as(&declaration).await.0.unwrap_err();
            world.state().dies_at = None;
            let where_it_died = world.state().requests[so_far + at - 1].clone();
            let (done, events) = world.provision_as(&declaration).await;
            done.unwrap_or_else(|error| panic!("after {where_it_died} (executed: {executed}): {error:?} {events:#?}"));
            assert_eq!(world.state().shape(), shape, "after {where_it_died} (executed: {executed})");
            assert!(!world.provision_as(&declaration).await.0.unwrap().changed, "after {where_it_died}");
        }
    }
}
