//! The key in the env file: gone, expired, refused, another's.

use keyholder_service_users::{Outcome, Step};
use serde_json::json;

use crate::world::{World, event};

fn secrets(world: &World) -> usize {
    world.state().secrets.len()
}

#[tokio::test]
async fn a_lost_file_gets_a_new_secret_and_the_orphan_goes() {
    let world = World::new();
    let first = world.provision().await.0.unwrap().secret_id;
    std::fs::remove_file(world.env_path()).unwrap();
    let (done, events) = world.provision().await;
    assert_ne!(done.unwrap().secret_id, first);
    let event = event(&events, Step::ClientSecret);
    assert_eq!(event.outcome, Outcome::Created);
    assert!(event.notes.iter().any(|note| note.contains("removed 1 of its own")), "{event:?}");
    assert_eq!(secrets(&world), 1);
}

#[tokio::test]
async fn an_expired_or_refused_secret_is_replaced() {
    let world = World::new();
    world.provision().await.0.unwrap();
    world.advance_days(181);
    let (done, events) = world.provision().await;
    done.unwrap();
    assert!(event(&events, Step::ClientSecret).notes[0].contains("expired on"), "{events:?}");
    assert_eq!(secrets(&world), 1);

    for (_, text) in world.state().secrets.values_mut() {
        "changed".clone_into(text);
    }
    let (done, events) = world.provision().await;
    done.unwrap();
    assert!(event(&events, Step::ClientSecret).notes[0].contains("refused (AADSTS7000215)"), "{events:?}");
}

#[tokio::test]
async fn an_unreadable_file_or_another_applications_is_replaced_and_said() {
    let world = World::new();
    world.provision().await.0.unwrap();
    std::fs::write(world.env_path(), "garbage").unwrap();
    let (done, events) = world.provision().await;
    done.unwrap();
    assert!(event(&events, Step::ClientSecret).notes[0].contains("could not be read"), "{events:?}");

    let text = std::fs::read_to_string(world.env_path()).unwrap();
    let id = world.state().applications.values().next().unwrap()["appId"].as_str().unwrap().to_owned();
    std::fs::write(world.env_path(), text.replace(&id, "a0000000-0000-4000-8000-00000000ffff")).unwrap();
    let (done, events) = world.provision().await;
    done.unwrap();
    assert!(event(&events, Step::ClientSecret).notes[0].contains("another application's"), "{events:?}");
    assert_eq!(secrets(&world), 1);
}

#[tokio::test]
async fn secrets_of_others_and_of_other_places_stay() {
    let world = World::new();
    world.provision().await.0.unwrap();
    {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let credentials = application["passwordCredentials"].as_array_mut().unwrap();
        credentials.push(json!({ "keyId": "a0000000-0000-4000-8000-00000000fff1", "displayName": "by hand" }));
        credentials.push(
            json!({ "keyId": "a0000000-0000-4000-8000-00000000fff2", "displayName": "keyholder /other/machine.env" }),
        );
    }
    let text = std::fs::read_to_string(world.env_path()).unwrap();
    let is_secret = |line: &&str| line.starts_with("KEYHOLDER_CLIENT_SECRET=");
    let useless = text.replace(text.lines().find(is_secret).unwrap(), "KEYHOLDER_CLIENT_SECRET=useless");
    std::fs::write(world.env_path(), useless).unwrap();
    world.provision().await.0.unwrap();
    {
        let state = world.state();
        let application = state.applications.values().next().unwrap();
        assert_eq!(application["passwordCredentials"].as_array().unwrap().len(), 3);
    }
    // Without the file and the user nothing tells that the registration is ours, and others can sign in as it.
    std::fs::remove_file(world.env_path()).unwrap();
    world.state().org.users.clear();
    let error = world.provision().await.0.unwrap_err();
    assert_eq!(crate::path::stopped_by(&error), "unexplainedCredentials");
    assert_eq!(error.to_string().matches("secret a0000000").count(), 2, "{error}");
}

#[tokio::test]
async fn an_address_that_has_moved_is_rewritten_around_the_same_secret() {
    let world = World::new();
    let first = world.provision().await.0.unwrap().secret_id;
    let text = std::fs::read_to_string(world.env_path()).unwrap();
    std::fs::write(world.env_path(), text.replace("localhost:8443", "localhost:9443")).unwrap();
    let (done, events) = world.provision().await;
    assert_eq!(done.unwrap().secret_id, first);
    assert_eq!(event(&events, Step::ClientSecret).outcome, Outcome::Changed);
    assert_eq!(std::fs::read_to_string(world.env_path()).unwrap(), text);
}

#[cfg(unix)]
#[tokio::test]
async fn an_exposed_file_is_made_private_again() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    world.provision().await.0.unwrap();
    std::fs::set_permissions(world.env_path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (done, events) = world.provision().await;
    done.unwrap();
    assert_eq!(event(&events, Step::ClientSecret).outcome, Outcome::Changed);
    assert_eq!(std::fs::metadata(world.env_path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_secret_that_cannot_be_kept_is_taken_back() {
    let world = World::new();
    std::fs::create_dir(world.env_path()).unwrap();
    std::fs::write(world.env_path().join("in the way"), "").unwrap();
    let error = world.provision().await.0.unwrap_err();
    assert!(error.to_string().contains("orders-sync.env"), "{error}");
    assert_eq!(secrets(&world), 0);
}

#[tokio::test]
async fn places_of_the_same_path_leave_each_others_secrets_alone() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let path = world.env_path().display().to_string();
    let other = ["a0000000-0000-4000-8000-00000000fff1", "a0000000-0000-4000-8000-00000000fff2"];
    {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let credentials = application["passwordCredentials"].as_array_mut().unwrap();
        for (id, label) in other.iter().zip([format!("keyholder 0123456789ab {path}"), format!("keyholder {path}")]) {
            // Labels are cut at their start when they are long.
            assert!(label.chars().count() <= 100, "{label}");
            credentials.push(json!({ "keyId": id, "displayName": label }));
        }
    }
    std::fs::remove_file(world.env_path()).unwrap();
    let (done, events) = world.provision().await;
    done.unwrap();
    let event = event(&events, Step::ClientSecret);
    assert!(event.notes.iter().any(|note| note.contains("removed 1 of its own")), "{event:?}");
    assert!(event.notes.iter().any(|note| note.starts_with("2 other secret(s)")), "{event:?}");
    let state = world.state();
    let left = state.applications.values().next().unwrap()["passwordCredentials"].as_array().unwrap();
    assert_eq!(left.len(), 3);
    assert!(other.iter().all(|id| left.iter().any(|credential| credential["keyId"] == *id)));
}

#[tokio::test]
async fn a_secret_with_a_label_of_an_earlier_version_is_replaced_by_the_place_that_holds_it() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let path = world.env_path().display().to_string();
    for application in world.state().applications.values_mut() {
        application["passwordCredentials"][0]["displayName"] = json!(format!("keyholder {path}"));
    }
    std::fs::remove_file(world.folder.path().join(".orders-sync.env.place")).unwrap();
    assert!(!world.provision().await.0.unwrap().changed, "it works, so it stays");
    world.advance_days(181);
    let (done, events) = world.provision().await;
    done.unwrap();
    let event = event(&events, Step::ClientSecret);
    assert!(event.notes.iter().any(|note| note.contains("removed 1 of its own")), "{event:?}");
    assert_eq!(secrets(&world), 1);
}
