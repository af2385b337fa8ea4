//! Where keys go, as the command line declares it: what is written there, what is left alone, what is lost.

use std::fs;
use std::path::Path;

use keyholder_foundation::Secret;
use keyholder_service_users::declaration::{Declaration, Sink};
use keyholder_service_users::plan::{Leave, Plan};
use keyholder_service_users::{FileSink, Key, Sinks, Step};
use serde_json::json;

use crate::world::{NAME, TENANT, World};

const OTHER: &str = "a0000000-0000-4000-8000-00000000ffff";

fn declaration(sink: Sink) -> Declaration {
    Declaration::reading_contacts(NAME, &"https://localhost:8443".parse().unwrap(), sink)
}

fn shell(script: String) -> Sink {
    Sink::Command(vec!["sh".to_owned(), "-c".to_owned(), script])
}

/// A program that keeps what it is given in a file.
fn vault(file: &Path) -> Sink {
    shell(format!("cat >'{}'", file.display()))
}

/// The secret that stands in a file, alone or in an environment file.
fn secret_in(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET="));
    line.map_or(text.clone(), |line| line.trim_matches('\'').to_owned())
}

async fn applied(world: &World, declaration: &Declaration) {
    let (plan, applied, _) = world.apply(declaration, Leave::default()).await;
    assert!(applied.failures.is_empty() && plan.stops().next().is_none(), "{applied:#?} {:#?}", plan.findings);
}

async fn planned(world: &World, declaration: &Declaration) -> Plan {
    world.plan(declaration, Leave::default()).await
}

fn stop(plan: &Plan) -> (&str, &str) {
    let stop = plan.stops().next().unwrap_or_else(|| panic!("{plan:#?}"));
    let others = plan.changes.iter().filter(|change| change.step != Step::Role);
    assert!(others.count() == 0 && !stop.hints.is_empty(), "{plan:#?}");
    (&stop.code, &stop.message)
}

#[cfg(unix)]
#[tokio::test]
async fn whenever_a_run_is_killed_the_place_has_a_key_that_works_after_the_next() {
    let sinks: [fn(&Path) -> Sink; 3] =
        [|file| Sink::EnvFile(file.to_path_buf()), |file| Sink::File(file.to_path_buf()), vault];
    for sink in sinks {
        // A key whose time is over is replaced.
        let expired = async || {
            let world = World::new();
            let declaration = declaration(sink(&world.folder.path().join("key")));
            applied(&world, &declaration).await;
            world.advance_days(181);
            (world, declaration)
        };
        let (undisturbed, of) = expired().await;
        let before = undisturbed.state().requests.len();
        applied(&undisturbed, &of).await;
        let requests = undisturbed.state().requests.len() - before;
        let wanted = undisturbed.state().shape();
        for at in 1..=requests {
            for executed in [false, true] {
                let (world, declaration) = expired().await;
                let dies = world.state().requests.len() + at;
                world.state().dies_at = Some((dies, executed));
                world.apply(&declaration, Leave::default()).await;
                world.state().dies_at = None;
                let died = world.state().requests[dies - 1].clone();
                applied(&world, &declaration).await;
                assert_eq!(world.state().shape(), wanted, "after {died} ({executed})");
                let secret = secret_in(&world.folder.path().join("key"));
                assert!(world.state().secrets.values().any(|(_, text)| *text == secret), "after {died} ({executed})");
                assert!(!planned(&world, &declaration).await.has_changes(), "after {died} ({executed})");
            }
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_neither_arrived_nor_could_be_revoked_is_told_and_goes_next_time() {
    let world = World::new();
    // A program that cannot be started has nothing.
    let program = world.folder.path().join("program");
    let mend = || std::os::unix::fs::symlink("/bin/sh", &program).unwrap();
    mend();
    let words = [program.display().to_string(), "-c".to_owned(), "cat >/dev/null".to_owned()];
    let declaration = declaration(Sink::Command(words.to_vec()));
    applied(&world, &declaration).await;
    world.advance_days(181);
    fs::remove_file(&program).unwrap();
    let before = world.state().requests.len();
    assert!(!world.apply(&declaration, Leave::default()).await.1.failures.is_empty());
    // The same once more, and the revocation comes to nothing.
    let is_revocation = |request: &String| request.contains("removePassword");
    let revoked = world.state().requests[before..].iter().position(is_revocation).unwrap();
    let dies = world.state().requests.len() + revoked + 1;
    world.state().dies_at = Some((dies, false));
    let (_, failed, _) = world.apply(&declaration, Leave::default()).await;
    world.state().dies_at = None;
    let mut said = failed.failures.iter().map(|failure| failure.error.to_string());
    let said = said.find(|said| said.contains("did not take")).unwrap();
    assert!(said.contains("cannot run") && said.contains("could not be revoked"), "{said}");
    let key = world.state().secrets.keys().find(|key| said.contains(*key)).unwrap().clone();
    mend();
    applied(&world, &declaration).await;
    let state = world.state();
    assert!(state.secrets.len() == 1 && !state.secrets.contains_key(&key), "{:?}", state.secrets.keys());
}

#[tokio::test]
async fn what_somebody_else_keeps_in_a_file_is_neither_tried_nor_replaced() {
    let world = World::new();
    let file = world.folder.path().join("token");
    let declaration = declaration(Sink::File(file.clone()));
    // Both before there is an application and when there is one.
    for _ in 0..2 {
        fs::write(&file, "somebodys-token-0123456789").unwrap();
        let (plan, applied, _) = world.apply(&declaration, Leave::default()).await;
        let (code, message) = stop(&plan);
        assert!(code == "foreignSink" && message.contains("token`"), "{message}");
        assert!(applied.failures.is_empty());
        assert_eq!(fs::read_to_string(&file).unwrap(), "somebodys-token-0123456789");
        assert!(!world.state().tried.iter().any(|secret| secret.contains("somebodys")));
        fs::remove_file(&file).unwrap();
        self::applied(&world, &declaration).await;
        assert!(!planned(&world, &declaration).await.has_changes());
    }
    assert_eq!(world.state().secrets.len(), 1);
}

#[tokio::test]
async fn the_key_of_a_registration_that_is_gone_is_replaced() {
    let sinks: [fn(&Path) -> Sink; 2] =
        [|file| Sink::EnvFile(file.to_path_buf()), |file| Sink::File(file.to_path_buf())];
    for sink in sinks {
        let world = World::new();
        let file = world.folder.path().join("key");
        let declaration = declaration(sink(&file));
        applied(&world, &declaration).await;
        let lost = secret_in(&file);
        world.state().applications.clear();
        world.state().principals.clear();
        let plan = planned(&world, &declaration).await;
        let reasons: Vec<_> = plan.changes.iter().flat_map(|change| &change.reasons).collect();
        assert!(reasons.iter().any(|reason| reason.contains("another application's")), "{reasons:?}");
        applied(&world, &declaration).await;
        assert_ne!(secret_in(&file), lost);
        assert!(!planned(&world, &declaration).await.has_changes());
    }
}

#[tokio::test]
async fn the_key_of_another_application_that_is_there_is_left_alone() {
    let world = World::new();
    let file = world.folder.path().join("key");
    let other = json!({
        "id": OTHER, "appId": OTHER, "displayName": "other", "tags": [], "passwordCredentials": [], "keyCredentials": []
    });
    world.state().applications.insert(OTHER.to_owned(), other);
    let key = Key {
        url: "https://localhost:8443".parse().unwrap(),
        tenant: TENANT.to_owned(),
        authority: None,
        client_id: OTHER.parse().unwrap(),
        secret: Secret::new("secret-of-another"),
        key_id: None,
        expires: None,
        ca_file: None,
    };
    for sink in [Sink::File(file.clone()), Sink::EnvFile(file.clone())] {
        let declaration = declaration(sink);
        let sinks = Sinks::of(&declaration, None).unwrap();
        sinks.get(NAME, 0).unwrap().save(&key).await.unwrap();
        let plan = planned(&world, &declaration).await;
        let (code, message) = stop(&plan);
        assert!(code == "foreignSink" && message.contains(OTHER), "{message}");
        assert!(!world.state().tried.contains(&"secret-of-another".to_owned()));
        assert_eq!(secret_in(&file), "secret-of-another");
        // Of another tenant's application nobody here can tell whether it is gone.
        let abroad = Key { tenant: "another".to_owned(), client_id: TENANT.parse().unwrap(), ..key.clone() };
        sinks.get(NAME, 0).unwrap().save_over(&abroad, Some(key.client_id)).await.unwrap();
        assert_eq!(stop(&planned(&world, &declaration).await).0, "foreignSink");
        fs::remove_file(&file).unwrap();
    }
}

#[tokio::test]
async fn a_sign_in_that_is_refused_for_another_reason_costs_no_secret() {
    let world = World::new();
    let declaration = declaration(Sink::File(world.folder.path().join("key")));
    applied(&world, &declaration).await;
    for (description, said) in [
        ("AADSTS7000112: Application is disabled.", false),
        ("AADSTS53003: Access has been blocked by Conditional Access policies.", true),
    ] {
        world.state().barred = Some(description);
        let plan = planned(&world, &declaration).await;
        assert!(!plan.has_changes(), "{plan:#?}");
        let warned = plan.findings.iter().any(|finding| finding.code == "signInRefused");
        assert_eq!(warned, said, "{description}: {:#?}", plan.findings);
    }
    assert_eq!(world.state().secrets.len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_place_that_cannot_be_looked_at_stops_its_user_alone() {
    let world = World::new();
    let pipe = world.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for sink in [Sink::File(pipe.clone()), Sink::EnvFile(pipe.clone()), Sink::File(world.folder.path().to_path_buf())] {
        let mut declaration = declaration(sink);
        let mut second = declaration.application_users[NAME].clone();
        "second".clone_into(&mut second.name);
        second.credentials = self::declaration(Sink::File(world.folder.path().join("second"))).application_users[NAME]
            .credentials
            .clone();
        declaration.application_users.insert("second".to_owned(), second);
        let (plan, applied, _) = world.apply(&declaration, Leave::default()).await;
        let stops: Vec<_> = plan.stops().collect();
        assert!(stops.len() == 1 && stops[0].item == NAME, "{stops:#?}");
        assert!(stops[0].message.contains("is no regular file") && !stops[0].hints.is_empty(), "{stops:#?}");
        assert!(applied.failures.is_empty(), "{applied:#?}");
        assert!(!secret_in(&world.folder.path().join("second")).is_empty());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn one_program_that_takes_its_time_does_not_keep_the_others_waiting() {
    let world = World::new();
    let pipe = world.folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.display();
    // Neither end of the pipe opens before the other.
    let mut declaration = declaration(shell(format!("cat >/dev/null; echo done >'{pipe}'")));
    let mut second = self::declaration(shell(format!("cat >/dev/null; cat '{pipe}'")));
    let mut second = second.application_users.remove(NAME).unwrap();
    "second".clone_into(&mut second.name);
    declaration.application_users.insert("second".to_owned(), second);
    applied(&world, &declaration).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed() {
    let world = World::new();
    let (file, link) = (world.folder.path().join("real"), world.folder.path().join("link"));
    for sink in [Sink::File(link.clone()), Sink::EnvFile(link.clone())] {
        FileSink::new(&file).unwrap().remove().unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let declaration = declaration(sink);
        let stopped = planned(&world, &declaration).await;
        assert!(stop(&stopped).1.contains("link"), "a link to nothing is named");
        fs::write(&file, "").unwrap();
        applied(&world, &declaration).await;
        assert!(link.is_symlink() && secret_in(&file).starts_with("text-of-"));
        assert!(!planned(&world, &declaration).await.has_changes());
        fs::remove_file(&link).unwrap();
        fs::remove_file(&file).unwrap();
    }
}
