//! A run that is killed at any request, before or after the service carried it out, and repeated
//! ends in the state of an undisturbed one.

use std::time::Duration;

use keyholder_service_users::declaration::{Credential, Sink};
use keyholder_service_users::plan::Leave;

use crate::plans::declaration;
use crate::world::{NAME, World};

#[tokio::test]
async fn provisioning_can_be_killed_at_every_request() {
    let undisturbed = World::new();
    undisturbed.provision().await.0.unwrap();
    let requests = undisturbed.state().requests.len();
    let wanted = undisturbed.state().shape();
    assert!(requests > 20, "{requests}");
    for at in 1..=requests {
        for executed in [false, true] {
            let world = World::new();
            world.state().dies_at = Some((at, executed));
            world.provision().await.0.unwrap_err();
            world.state().dies_at = None;
            let where_it_died = world.state().requests[at - 1].clone();
            let (done, events) = world.provision().await;
            done.unwrap_or_else(|error| panic!("after {where_it_died} (executed: {executed}): {error:?} {events:#?}"));
            assert_eq!(world.state().shape(), wanted, "after {where_it_died} (executed: {executed})");
            assert!(!world.provision().await.0.unwrap().changed, "after {where_it_died} (executed: {executed})");
        }
    }
}

#[tokio::test]
async fn removal_can_be_killed_at_every_request() {
    let undisturbed = World::new();
    undisturbed.provision().await.0.unwrap();
    let before = undisturbed.state().requests.len();
    undisturbed.remove().await.0.unwrap();
    let requests = undisturbed.state().requests.len() - before;
    let wanted = undisturbed.state().shape();
    for at in 1..=requests {
        for executed in [false, true] {
            let world = World::new();
            world.provision().await.0.unwrap();
            let so_far = world.state().requests.len();
            world.state().dies_at = Some((so_far + at, executed));
            world.remove().await.0.unwrap_err();
            world.state().dies_at = None;
            let where_it_died = world.state().requests[so_far + at - 1].clone();
            world.remove().await.0.unwrap();
            assert_eq!(world.state().shape(), wanted, "after {where_it_died} (executed: {executed})");
            assert!(!world.env_path().exists());
        }
    }
}

/// Nothing that is seen tells whose a key is that a program was to be given; the journal does.
#[cfg(unix)]
#[tokio::test]
async fn s25_making_a_key_for_a_program_can_be_killed_at_every_request() {
    let words = ["sh", "-c", "cat >/dev/null"].map(str::to_owned).to_vec();
    let lifetime = Duration::from_secs(90 * 24 * 60 * 60);
    let declared = |world: &World| {
        let mut declared = declaration(world);
        declared.orgs.remove("second");
        let user = declared.application_users.get_mut(NAME).unwrap();
        user.orgs = vec!["first".to_owned()];
        user.credentials = vec![Credential::Secret { lifetime, sink: Sink::Command(words.clone()) }];
        declared
    };
    let undisturbed = World::new();
    let applied = undisturbed.apply(&declared(&undisturbed), Leave::default()).await.1;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let requests = undisturbed.state().requests.len();
    let mut recorded = 0;
    for at in 1..=requests {
        for executed in [false, true] {
            let world = World::new();
            let declared = declared(&world);
            world.state().dies_at = Some((at, executed));
            world.apply(&declared, Leave::default()).await;
            world.state().dies_at = None;
            recorded += world.journal().all().unwrap().len();
            let context = format!("after {} (executed: {executed})", world.state().requests[at - 1]);
            let (plan, applied, _) = world.apply(&declared, Leave::default()).await;
            assert_eq!(plan.stops().count(), 0, "{context}: {:?}", plan.findings);
            assert!(applied.failures.is_empty(), "{context}: {:?}", applied.failures);
            assert!(!world.plan(&declared, Leave::default()).await.has_changes(), "{context}");
            assert_eq!(world.state().secrets.len(), 1, "{context}");
            assert!(world.journal().all().unwrap().is_empty(), "{context}");
        }
    }
    assert!(recorded > 5, "only {recorded} of the kills left a record");
}
