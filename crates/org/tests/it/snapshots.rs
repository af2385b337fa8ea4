//! Snapshots, restoring, resetting.

use std::path::Path;

use keyholder_org::{Listen, Place};
use keyholder_testkit::World;
use serde_json::json;

use crate::control;

/// The names of the org's accounts.
async fn accounts(world: &World) -> Vec<String> {
    let token = world.admin_token().await;
    let rows = world.api(&token, "GET", "accounts?$select=name&$orderby=name", None).await;
    assert_eq!(rows.status, 200, "{}", rows.text);
    let names = rows.body["value"].as_array().unwrap().iter();
    names.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

async fn add_account(world: &World, name: &str) {
    let token = world.admin_token().await;
    let made = world.api(&token, "POST", "accounts", Some(&json!({"name": name}))).await;
    assert_eq!(made.status, 204, "{}", made.text);
}

async fn register(world: &World, name: &str) {
    let token = world.admin_token().await;
    let made = world.graph(&token, "POST", "applications", Some(&json!({"displayName": name}))).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

async fn registered(world: &World, name: &str) -> usize {
    let token = world.admin_token().await;
    let found = world.graph(&token, "GET", &format!("applications?$filter=displayName%20eq%20'{name}'"), None).await;
    found.body["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn s26_a_snapshot_brings_back_rows_directory_and_time() {
    let world = World::start().await;
    let fresh = accounts(&world).await;
    add_account(&world, "Before").await;
    register(&world, "before").await;
    let taken = control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    assert_eq!((taken.status, &taken.body["name"]), (200, &json!("one")), "{}", taken.text);
    let kept = accounts(&world).await;
    #[cfg(unix)]
    for file in files_below(&world.file("snapshots")) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }

    add_account(&world, "After").await;
    register(&world, "after").await;
    control(&world, "POST", "clock", json!({"move": "+1d"})).await;
    let restored = control(&world, "POST", "restore", json!({"name": "one"})).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    assert_eq!(accounts(&world).await, kept);
    assert_eq!((registered(&world, "before").await, registered(&world, "after").await), (1, 0));
    assert_eq!(control(&world, "GET", "clock", json!(null)).await.body["offsetMillis"], 0);

    // It can be restored as often as one likes, and written to afterwards.
    add_account(&world, "After").await;
    control(&world, "POST", "restore", json!({"name": "one"})).await;
    assert_eq!(accounts(&world).await, kept);

    let reset = control(&world, "POST", "reset", json!(null)).await;
    assert_eq!(reset.status, 200, "{}", reset.text);
    assert_eq!(accounts(&world).await, fresh, "a reset org is the new one, under the same credentials");
    assert_eq!(registered(&world, "before").await, 0);
    let listed = control(&world, "GET", "snapshots", json!(null)).await;
    assert_eq!(listed.body["snapshots"][0]["name"], "one", "snapshots outlive a reset");
    control(&world, "POST", "restore", json!({"name": "one"})).await;
    assert_eq!(accounts(&world).await, kept);
}

#[tokio::test]
async fn a_snapshot_of_the_same_name_replaces_the_first() {
    let world = World::start().await;
    control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    add_account(&world, "Later").await;
    control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    control(&world, "POST", "reset", json!(null)).await;
    control(&world, "POST", "restore", json!({"name": "one"})).await;
    assert!(accounts(&world).await.contains(&"Later".to_owned()));
    assert_eq!(folders(&world.file("snapshots")), 2, "the fresh one and the one that is named");
}

/// How many folders there are in a folder.
fn folders(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().flatten().filter(|entry| entry.path().is_dir()).count()
}

#[tokio::test]
async fn wrong_names_are_refused_and_change_nothing() {
    let world = World::start().await;
    for name in ["", "../x", "a/b", ".hidden", &"x".repeat(65)] {
        let refused = control(&world, "POST", "snapshot", json!({"name": name})).await;
        assert_eq!(refused.status, 400, "{name}: {}", refused.text);
    }
    for wrong in [json!({}), json!([]), json!({"name": 1}), json!({"name": "a", "more": 1})] {
        assert_eq!(control(&world, "POST", "snapshot", wrong.clone()).await.status, 400, "{wrong}");
        assert_eq!(control(&world, "POST", "restore", wrong.clone()).await.status, 400, "{wrong}");
    }
    let missing = control(&world, "POST", "restore", json!({"name": "nothing"})).await;
    assert_eq!(missing.status, 404, "{}", missing.text);
    assert_eq!(control(&world, "DELETE", "snapshots/nothing", json!(null)).await.status, 404);
    assert_eq!(control(&world, "GET", "restore", json!(null)).await.status, 405);
    assert_eq!(control(&world, "GET", "snapshots", json!(null)).await.body["snapshots"], json!([]));
}

#[tokio::test]
async fn renewed_credentials_are_renewed_again_by_a_restore() {
    let world = World::start().await;
    control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    let old = std::fs::read_to_string(world.file("org.env")).unwrap();
    assert_eq!(control(&world, "POST", "credentials/reset", json!(null)).await.status, 200);
    let renewed = world.org().admin_credentials().unwrap().unwrap();
    let token = world.token(&renewed.client_id, &renewed.client_secret, &world.origin()).await;
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let restored = world.ask("POST", "/_keyholder/restore", &headers, r#"{"name":"one"}"#).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    let text = std::fs::read_to_string(world.file("org.env")).unwrap();
    assert_ne!(text, old);
    let now = world.org().admin_credentials().unwrap().unwrap();
    world.token(&now.client_id, &now.client_secret, &world.origin()).await;
}

#[tokio::test]
async fn what_a_killed_restore_leaves_behind_is_swept_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    add_account(&world, "Kept").await;
    world.stop().await;

    // Killed before `world.json` was written: half a state, half a snapshot.
    for half in ["state-2/orgs", "snapshots/77/orgs"] {
        std::fs::create_dir_all(path.join(half)).unwrap();
    }
    std::fs::write(path.join("state-2/directory.db"), "half").unwrap();
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    assert!(accounts(&world).await.contains(&"Kept".to_owned()), "the old state holds");
    assert!(!path.join("state-2").exists() && !path.join("snapshots/77").exists());
    assert_eq!(control(&world, "POST", "restore", json!({"name": "one"})).await.status, 200);
    assert!(!accounts(&world).await.contains(&"Kept".to_owned()));
    world.stop().await;

    // Killed right after: the new state is in use and the old one lies about.
    std::fs::create_dir_all(path.join("state-1/orgs")).unwrap();
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    assert!(!accounts(&world).await.contains(&"Kept".to_owned()));
    assert!(!path.join("state-1").exists());
}

#[tokio::test]
async fn requests_under_way_see_one_state_or_the_other() {
    let world = World::start().await;
    control(&world, "POST", "snapshot", json!({"name": "one"})).await;
    let token = world.admin_token().await;
    let reading = async {
        for _ in 0..20 {
            let rows = world.api(&token, "GET", "accounts?$select=name", None).await;
            assert_eq!(rows.status, 200, "{}", rows.text);
        }
    };
    let restoring = async {
        for _ in 0..3 {
            assert_eq!(control(&world, "POST", "restore", json!({"name": "one"})).await.status, 200);
        }
    };
    tokio::join!(reading, restoring);
}

#[cfg(unix)]
fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    assert!(!found.is_empty(), "{}", folder.display());
    found
}
