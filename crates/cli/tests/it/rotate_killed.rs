//! `keyholder rotate`, killed after any request and repeated.

use std::path::Path;
use std::time::Duration;

use keyholder_service_users::declaration::Sink;
use keyholder_service_users::rotate::{Aim, Manner, Overlap, find, rotate};
use keyholder_service_users::{Administrator, Error, Event, Journal, KeyKind, open_sink};
use keyholder_testkit::World;

use crate::killed::{bring_about_once, mortal};
use crate::program::run;

/// What `rotate orders-sync --save-env` does, however it ends.
async fn once(administrator: &Administrator, env: &Path, journal: &Path, manner: Manner) -> Result<bool, Error> {
    let sink = open_sink(&Sink::EnvFile(env.to_path_buf()), None).unwrap();
    let found = find(administrator, "orders-sync").await?;
    let kind = env.with_extension("certificate").exists().then_some(KeyKind::Certificate);
    let aim = Aim { kind, ..found.aim(administrator, sink.as_ref(), None) };
    rotate(&aim, manner, &Journal::new(journal), &|_: &Event| {}).await.map(|rotated| rotated.changed)
}

/// The ids of the application's secrets and certificates.
async fn keys(world: &World) -> Vec<String> {
    let token = world.admin_token().await;
    let found = world.graph(&token, "GET", "applications?$filter=displayName eq 'orders-sync'", None).await;
    let of = |name: &str| found.body["value"][0][name].as_array().cloned().unwrap_or_default();
    let all = of("passwordCredentials").into_iter().chain(of("keyCredentials"));
    all.map(|one| one["keyId"].as_str().unwrap().to_owned()).collect()
}

/// Kills a rotation after each of its requests and runs it again. Whatever the place holds in between lets
/// in, and in the end one new credential is left.
async fn killed_anywhere(certificate: bool) {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let journal = folder.path().join("journal");
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    assert!(bring_about_once(whole().await, &env).await);
    if certificate {
        std::fs::write(env.with_extension("certificate"), "").unwrap();
    }
    let works = |when: &str| {
        let ended = run(folder.path(), &["whoami", "--env-file", "app.env"]);
        assert_eq!(ended.code(), 0, "{when}: {ended:#?}");
    };
    let mut kills = 0;
    for requests in 1.. {
        // The org's clock stands still: two that are made at once would be of one age.
        world.advance(Duration::from_secs(60));
        let before = keys(&world).await;
        assert_eq!(before.len(), 1, "before the run that is killed at request {requests}");
        let killed = match Administrator::connect(world.connection(), mortal(&world, requests)).await {
            Ok(administrator) => once(&administrator, &env, &journal, Manner::default()).await.is_err(),
            Err(_) => true,
        };
        works(&format!("after a kill at request {requests}"));
        let again = once(&whole().await, &env, &journal, Manner::default()).await;
        again.unwrap_or_else(|error| panic!("after a kill at request {requests}: {error}"));
        works(&format!("after the run that followed a kill at request {requests}"));
        let after = keys(&world).await;
        assert!(after.len() == 1 && after != before, "after a kill at request {requests}: {before:?}, {after:?}");
        assert!(Journal::new(&journal).all().unwrap().is_empty(), "after a kill at request {requests}");
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 12, "only {kills} requests were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rotation_of_a_secret_can_be_killed_after_any_request() {
    killed_anywhere(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rotation_of_a_certificate_can_be_killed_after_any_request() {
    killed_anywhere(true).await;
}

/// Nobody but the run that was stopped knows whether the secret is on its way: another machine leaves it alone until
/// it is old.
#[tokio::test(flavor = "multi_thread")]
async fn another_machine_leaves_a_rotation_alone_that_is_under_way_and_takes_it_up_when_it_is_old() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let (here, there) = (folder.path().join("journal"), folder.path().join("journal-of-another-machine"));
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    assert!(bring_about_once(whole().await, &env).await);
    world.advance(Duration::from_secs(60));
    let old = keys(&world).await;
    // Killed once the new secret is there.
    for requests in 1.. {
        if let Ok(administrator) = Administrator::connect(world.connection(), mortal(&world, requests)).await {
            once(&administrator, &env, &here, Manner::default()).await.unwrap_err();
        }
        if keys(&world).await.len() == 2 {
            break;
        }
    }
    let refused = once(&whole().await, &env, &there, Manner::default()).await.unwrap_err();
    assert!(matches!(&refused, Error::Stopped(found) if found[0].code == "rotationUnderWay"), "{refused}");
    assert!(refused.to_string().contains("made at"), "{refused}");
    assert_eq!(keys(&world).await.len(), 2, "nothing was changed");
    world.advance(Duration::from_secs(20 * 60));
    assert!(once(&whole().await, &env, &there, Manner::default()).await.unwrap());
    let new = keys(&world).await;
    assert!(new.len() == 1 && new != old, "{new:?}");
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_rotations_of_one_credential_never_both_go_on() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let (here, there) = (folder.path().join("journal"), folder.path().join("journal-of-another-machine"));
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    assert!(bring_about_once(whole().await, &env).await);
    world.advance(Duration::from_secs(60));
    let (one, other) = (whole().await, whole().await);
    let open = Manner { overlap: Overlap::Open, ..Manner::default() };
    // On one machine, by the lock of its journal.
    let both = futures::join!(once(&one, &env, &here, open), once(&other, &env, &here, open));
    let went = [&both.0, &both.1].into_iter().filter(|ended| matches!(ended, Ok(true))).count();
    assert!(went <= 1 && (both.0.is_ok() || both.1.is_ok()), "{both:?}");
    // On two: what was left open is finished, then both begin anew.
    assert!(once(&one, &env, &here, Manner::default()).await.unwrap());
    let both =
        futures::join!(once(&one, &env, &here, Manner::default()), once(&other, &env, &there, Manner::default()));
    for ended in [&both.0, &both.1] {
        let is_refused = matches!(ended, Err(Error::Stopped(found)) if found[0].code == "rotationUnderWay");
        assert!(ended.is_ok() || is_refused, "{ended:?}");
    }
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}
