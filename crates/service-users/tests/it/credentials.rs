//! One credential more, one less: killed at any request and repeated.

use std::time::Duration;

use keyholder_service_users::credentials::{Added, Wanted, add, list, look, revoke};
use keyholder_service_users::{EnvFileSink, Error, SecretSink};

use crate::world::{NAME, World};

const LIFETIME: Duration = Duration::from_secs(30 * 86_400);

async fn more(world: &World, certificate: bool) -> Result<Added, Error> {
    let administrator = world.administrator().await;
    let administrator = administrator.map_err(|source| Error::Service { doing: "connect".to_owned(), source })?;
    let sink = EnvFileSink::new(&world.env_path()).unwrap();
    let (lifetime, sink): (_, &dyn SecretSink) = (LIFETIME, &sink);
    let wanted = if certificate { Wanted::Certificate { lifetime, sink } } else { Wanted::Secret { lifetime, sink } };
    add(&administrator, NAME, wanted, &world.journal(), &|_: &keyholder_service_users::Event| {}).await
}

async fn held(world: &World) -> Vec<(String, uuid::Uuid)> {
    let all = list(&world.administrator().await.unwrap(), NAME).await.unwrap();
    all.credentials.iter().map(|one| (one.kind.noun().to_owned(), one.id)).collect()
}

#[tokio::test]
async fn s08_adding_one_can_be_killed_at_every_request_and_the_one_before_still_works() {
    for certificate in [false, true] {
        let begun = || async {
            let world = World::new();
            let first = world.provision().await.0.unwrap().secret_id.unwrap();
            (world, first)
        };
        let (undisturbed, _) = begun().await;
        let before = undisturbed.state().requests.len();
        more(&undisturbed, certificate).await.unwrap();
        let requests = undisturbed.state().requests.len() - before;
        // A key takes long to make: those for certificates begin with the first write.
        let first = undisturbed.state().requests[before..].iter().position(|request| request.starts_with("PATCH"));
        for at in first.unwrap_or_default().max(1)..=requests {
            for executed in [false, true] {
                let (world, first) = begun().await;
                let so_far = world.state().requests.len();
                world.state().dies_at = Some((so_far + at, executed));
                more(&world, certificate).await.unwrap_err();
                world.state().dies_at = None;
                let where_it_died = world.state().requests[so_far + at - 1].clone();
                let added = more(&world, certificate).await.unwrap();
                let there = held(&world).await;
                let is_there = |id| there.iter().any(|(_, known)| *known == id);
                assert!(is_there(first.0), "after {where_it_died} (executed: {executed}): {there:?}");
                assert!(is_there(added.id.unwrap()));
                // One more only where the killed run had written its own already.
                let before = added.before.unwrap();
                assert_eq!(there.len(), if before == first { 2 } else { 3 }, "after {where_it_died}: {there:?}");
            }
        }
    }
}

#[tokio::test]
async fn s08_one_that_does_not_work_leaves_the_file_as_it_was() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (before, there) = (std::fs::read_to_string(world.env_path()).unwrap(), held(&world).await);
    world.state().barred = Some("AADSTS7000112: Application is disabled.");
    let error = more(&world, false).await.unwrap_err();
    let Error::Undone { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(&**source, Error::Service { source, .. } if source.aadsts() == Some(7_000_112)), "{error:?}");
    assert_eq!(std::fs::read_to_string(world.env_path()).unwrap(), before);
    assert_eq!(held(&world).await, there, "the new one is removed again");
}

#[tokio::test]
async fn s07_a_certificate_that_the_directory_keeps_is_no_removed_one() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let id = more(&world, true).await.unwrap().id.unwrap();
    world.state().keeps_certificates = true;
    let administrator = world.administrator().await.unwrap();
    let found = look(&administrator, NAME, &id.to_string(), false).await.unwrap();
    let error =
        revoke(&administrator, found, &world.journal(), &|_: &keyholder_service_users::Event| {}).await.unwrap_err();
    assert!(error.to_string().contains(&id.to_string()) && !error.hints().is_empty(), "{error}");
    world.state().keeps_certificates = false;
    let found = look(&administrator, NAME, &id.to_string(), false).await.unwrap();
    assert_eq!(
        revoke(&administrator, found, &world.journal(), &|_: &keyholder_service_users::Event| {})
            .await
            .unwrap()
            .left_working,
        1
    );
}

#[tokio::test]
async fn s07_revoking_one_can_be_killed_at_every_request() {
    for certificate in [false, true] {
        let begun = || async {
            let world = World::new();
            world.provision().await.0.unwrap();
            let id = more(&world, certificate).await.unwrap().id.unwrap();
            (world, id)
        };
        let less = async |world: &World, id: uuid::Uuid| {
            let administrator = world.administrator().await;
            let administrator =
                administrator.map_err(|source| Error::Service { doing: "connect".to_owned(), source })?;
            let found = look(&administrator, NAME, &id.to_string(), false).await?;
            revoke(&administrator, found, &world.journal(), &|_: &keyholder_service_users::Event| {}).await
        };
        let (undisturbed, id) = begun().await;
        let before = undisturbed.state().requests.len();
        assert_eq!(less(&undisturbed, id).await.unwrap().left_working, 1);
        let requests = undisturbed.state().requests.len() - before;
        for at in 1..=requests {
            let (world, id) = begun().await;
            let so_far = world.state().requests.len();
            world.state().dies_at = Some((so_far + at, true));
            less(&world, id).await.unwrap_err();
            world.state().dies_at = None;
            less(&world, id).await.unwrap();
            let left = held(&world).await;
            assert_eq!(left.len(), 1, "{left:?}");
        }
    }
}
