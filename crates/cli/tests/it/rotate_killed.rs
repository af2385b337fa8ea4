//! `keyholder rotate`, killed after any request and repeated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::OsRandom;
use keyholder_service_users::apply::{Proving, apply};
use keyholder_service_users::credentials::{Wanted, add};
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::observe::{Look, Observation};
use keyholder_service_users::plan::{Leave, Plan, plan};
use keyholder_service_users::rotate::{Aim, Manner, Overlap, find, rotate};
use keyholder_service_users::{
    Administrator, Borrowing, Error, Estate, Event, Journal, KeyKind, Sinks, observe, open_sink,
};
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

fn is_under_way(error: &Error) -> bool {
    matches!(error, Error::Stopped(found) if found[0].code == "rotationUnderWay")
}

/// A rotation that is killed once one more secret is there.
async fn killed_once_it_is_made(world: &World, env: &Path, journal: &Path) {
    let before = keys(world).await.len();
    for requests in 1.. {
        if let Ok(administrator) = Administrator::connect(world.connection(), mortal(world, requests)).await {
            once(&administrator, env, journal, Manner::default()).await.unwrap_err();
        }
        if keys(world).await.len() > before {
            break;
        }
    }
}

/// A world with `orders-sync`, whose secret is in an env file of a folder, and the journals of two machines.
async fn made_a_minute_ago() -> (World, tempfile::TempDir, PathBuf, [PathBuf; 2]) {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let journals = ["journal", "journal-of-another-machine"].map(|name| folder.path().join(name));
    let administrator = Administrator::connect(world.connection(), world.http().clone()).await.unwrap();
    assert!(bring_about_once(administrator, &env).await);
    world.advance(Duration::from_secs(60));
    (world, folder, env, journals)
}

/// However many runs were killed, what is theirs is finished at once; what another machine is about is not taken for it,
/// for as long as the record of the killed one may stand.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_killed_run_excuses_what_that_run_made_and_nothing_else() {
    let (world, folder, env, [here, there]) = made_a_minute_ago().await;
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    // The second one gets as far as a further secret, for the first's is excused.
    for _ in 0..2 {
        killed_once_it_is_made(&world, &env, &here).await;
        world.advance(Duration::from_secs(60));
    }
    assert_eq!(keys(&world).await.len(), 3);
    assert!(once(&whole().await, &env, &here, Manner::default()).await.unwrap());
    assert_eq!(keys(&world).await.len(), 1, "its own are finished at once");

    killed_once_it_is_made(&world, &env, &here).await;
    for later in [20 * 60, 60] {
        world.advance(Duration::from_secs(later));
        killed_once_it_is_made(&world, &env, &there).await;
        world.advance(Duration::from_secs(60));
        let before = keys(&world).await;
        let refused = once(&whole().await, &env, &here, Manner::default()).await.unwrap_err();
        assert!(is_under_way(&refused), "{refused}");
        assert_eq!(keys(&world).await, before, "nothing was changed");
    }
    assert!(once(&whole().await, &env, &there, Manner::default()).await.unwrap());
    assert_eq!(keys(&world).await.len(), 1);
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}

/// A declaration of one application whose secret goes there, and its estate on a machine with that journal.
struct Machine {
    declaration: Declaration,
    journal: Journal,
}

impl Machine {
    fn of(world: &World, sink: Sink, journal: &Path) -> Self {
        let url = world.connection().url;
        Self { declaration: Declaration::reading_contacts("orders-sync", &url, sink), journal: Journal::new(journal) }
    }

    fn estate(&self, administrator: Administrator) -> Estate {
        let borrowing = Borrowing { journal: self.journal.clone(), random: Arc::new(OsRandom) };
        let orgs = BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]);
        Estate::new(&self.declaration, orgs).borrowing(borrowing)
    }

    fn sinks(&self) -> Sinks {
        Sinks::of(&self.declaration, None).unwrap()
    }

    async fn look(&self, administrator: Administrator) -> (Estate, Observation, Plan) {
        let estate = self.estate(administrator);
        let seen = observe(&estate, &self.declaration, &self.sinks(), Look::default()).await.unwrap();
        let made = plan(&self.declaration, &seen, Leave::default());
        (estate, seen, made)
    }

    async fn apply(&self, (estate, seen, plan): (Estate, Observation, Plan)) -> Vec<Error> {
        let (sinks, quiet) = (self.sinks(), |_: &Event| {});
        let applied = apply(&estate, &self.declaration, &seen, &plan, &sinks, Proving::default(), &quiet);
        applied.await.failures.into_iter().map(|failure| failure.error).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_leaves_what_another_machines_run_is_about_to_bring_to_its_place() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let (here, there) = (folder.path().join("journal"), folder.path().join("journal-of-another-machine"));
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    let machine = |journal| Machine::of(&world, Sink::EnvFile(env.clone()), journal);
    let (this, other) = (machine(&here), machine(&there));
    assert!(this.apply(this.look(whole().await).await).await.is_empty());
    world.advance(Duration::from_secs(60));
    killed_once_it_is_made(&world, &env, &there).await;
    let (_, _, noted) = this.look(whole().await).await;
    let told = noted.changes.iter().any(|change| change.reasons.iter().any(|reason| reason.contains("is left")));
    assert!(!noted.has_changes() && told, "{noted:?}");
    // Nor does one command more revoke it.
    let (administrator, sink) = (whole().await, open_sink(&Sink::EnvFile(env.clone()), None).unwrap());
    let wanted = Wanted::Secret { lifetime: Duration::from_secs(24 * 60 * 60), sink: sink.as_ref() };
    let refused = add(&administrator, "orders-sync", wanted, &this.journal, &|_: &Event| {}).await.unwrap_err();
    assert!(is_under_way(&refused) && keys(&world).await.len() == 2, "{refused}");
    // The machine whose it is knows it for its own, at once.
    let (_, _, own) = other.look(whole().await).await;
    assert!(own.has_changes(), "{own:?}");
    assert!(other.apply(other.look(whole().await).await).await.is_empty());
    assert_eq!(keys(&world).await.len(), 1);

    // One that has ended is made anew, but not beside another run.
    let long = Duration::from_secs(400 * 24 * 60 * 60);
    world.advance(long);
    killed_once_it_is_made(&world, &env, &there).await;
    let (_, _, stopped) = this.look(whole().await).await;
    assert!(stopped.stops().any(|finding| finding.code == "rotationUnderWay"), "{stopped:?}");
    assert!(!other.look(whole().await).await.2.stops().any(|_| true));
    world.advance(Duration::from_secs(20 * 60));
    assert!(this.apply(this.look(whole().await).await).await.is_empty());
    assert_eq!(keys(&world).await.len(), 1);
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_does_nothing_to_a_place_that_another_run_has_changed_since_it_was_planned() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let journal = folder.path().join("journal");
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    let machine = Machine::of(&world, Sink::EnvFile(env.clone()), &journal);
    assert!(machine.apply(machine.look(whole().await).await).await.is_empty());
    // Planned: the old one has ended, so that one is made.
    world.advance(Duration::from_secs(400 * 24 * 60 * 60));
    let planned = machine.look(whole().await).await;
    assert!(planned.2.has_changes());
    assert!(once(&whole().await, &env, &journal, Manner::default()).await.unwrap());
    let rotated = keys(&world).await;
    let failed = machine.apply(planned).await;
    assert!(matches!(&failed[0], Error::Stopped(found) if found[0].code == "changedMeanwhile"), "{failed:?}");
    assert_eq!(keys(&world).await, rotated);
    assert!(Journal::new(&journal).all().unwrap().is_empty());
    // Planned: what a killed run left is taken away.
    world.advance(Duration::from_secs(60));
    killed_once_it_is_made(&world, &env, &journal).await;
    let planned = machine.look(whole().await).await;
    assert!(planned.2.has_changes());
    assert!(once(&whole().await, &env, &journal, Manner::default()).await.unwrap());
    let failed = machine.apply(planned).await;
    assert!(matches!(&failed[0], Error::Stopped(found) if found[0].code == "changedMeanwhile"), "{failed:?}");
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}

/// Nobody but the run that was stopped knows whether the secret is on its way: another machine leaves it alone until
/// it is old.
#[tokio::test(flavor = "multi_thread")]
async fn another_machine_leaves_a_rotation_alone_that_is_under_way_and_takes_it_up_when_it_is_old() {
    let (world, folder, env, [here, there]) = made_a_minute_ago().await;
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    let old = keys(&world).await;
    killed_once_it_is_made(&world, &env, &here).await;
    let refused = once(&whole().await, &env, &there, Manner::default()).await.unwrap_err();
    assert!(is_under_way(&refused), "{refused}");
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
    let (world, folder, env, [here, there]) = made_a_minute_ago().await;
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
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
        let refused = match ended {
            Err(Error::Undone { source, .. }) => Some(&**source),
            other => other.as_ref().err(),
        };
        assert!(refused.is_none_or(is_under_way), "{ended:?}");
    }
    assert_eq!(run(folder.path(), &["whoami", "--env-file", "app.env"]).code(), 0);
}
