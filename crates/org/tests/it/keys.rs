//! The token service's keys.

use keyholder_org::{Listen, Place};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::control;

async fn published(world: &World) -> Vec<String> {
    let keys = world.ask("GET", "/common/discovery/keys", &[], "").await;
    assert_eq!(keys.status, 200, "{}", keys.text);
    keys.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_new_key_signs_and_what_the_old_one_signed_stays_good_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    let old = published(&world).await;
    let token = world.admin_token().await;
    let rotated = control(&world, "POST", "keys/rotate", Value::Null).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    let new = rotated.body["keyId"].as_str().unwrap().to_owned();
    assert_eq!(published(&world).await, [new.clone(), old[0].clone()]);
    assert_eq!(world.api(&token, "GET", "WhoAmI", None).await.status, 200);
    world.stop().await;

    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    assert_eq!(published(&world).await, [new.clone(), old[0].clone()], "the order survives a restart");
    control(&world, "POST", "clock", json!({"move": "+30d"})).await;
    assert_eq!(published(&world).await, [new]);
    control(&world, "POST", "keys/rotate", Value::Null).await;
    assert!(!path.join("signing-1.pem").exists(), "the first key's file says nothing to anybody any more");
    assert!(path.join("signing-2.pem").exists() && path.join("signing-3.pem").exists());
    world.admin_token().await;
}

#[tokio::test]
async fn a_folder_of_an_earlier_version_gets_a_certificate_for_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    let before = published(&world).await;
    world.stop().await;
    let file = path.join("signing-1.pem");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (key, _) = whole.split_once("-----BEGIN CERTIFICATE-----").unwrap();
    std::fs::write(&file, key).unwrap();

    let world = World::with(Place::Folder(path), Listen::default()).await;
    assert_eq!(published(&world).await, before, "the thumbprint follows from the key");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), whole);
    let keys = world.ask("GET", "/common/discovery/v2.0/keys", &[], "").await;
    assert_eq!(keys.body["keys"][0]["x5c"].as_array().unwrap().len(), 1);
    let token = world.admin_token().await;
    assert_eq!(world.api(&token, "GET", "WhoAmI", None).await.status, 200);
}
