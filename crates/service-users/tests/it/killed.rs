//! A run that is killed at any request, before or after the service carried it out, and repeated
//! ends in the state of an undisturbed one.

use crate::world::World;

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
