//! Places beyond this machine: what Keyholder writes there is read by the clients whose places they are, and lets in.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_client::{Http, NetworkOptions};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::credentials::{Wanted, add};
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::rotate::{Manner, find, rotate};
use keyholder_service_users::{
    Administrator, Estate, Event, GitHubAccess, Journal, Means, Sinks, bring_about, open_sink,
};
use keyholder_testkit::services::{GITHUB_KEY, GITHUB_TOKEN, GitHub, KEY_VAULT_TOKEN, KeyVault};
use serde_json::{Value, json};

use crate::stage::Stage;

const NAME: &str = "kept-elsewhere";

#[tokio::test(flavor = "multi_thread")]
async fn s25_what_places_beyond_this_machine_hold_is_read_by_their_own_clients_and_lets_in() {
    let Some(stage) = Stage::start().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (vault, github) = (KeyVault::start(), GitHub::start());
    let (ca, manifest) = (folder.path().join("vault.pem"), folder.path().join("orders.yaml"));
    std::fs::write(&ca, vault.authority()).unwrap();

    let world = stage.world();
    let administrator = Administrator::connect(world.connection(), world.http().clone()).await.unwrap();
    let place = Sink::EnvFile(folder.path().join("first.env"));
    let declaration = Declaration::reading_contacts(NAME, &administrator.connection.url, place);
    let estate = Estate::new(&declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator.clone()))]));
    let quiet = |_: &Event| {};
    let sinks = Sinks::of(&declaration, None).unwrap();
    bring_about(&estate, &declaration, &sinks, Proving::default(), &quiet).await.unwrap();

    let http = Http::over_network(NetworkOptions { ca_file: Some(ca.clone()), ..NetworkOptions::default() }).unwrap();
    let way = GitHubAccess::new(github.url(), GITHUB_TOKEN.to_owned().into());
    let means = Means::of(world.connection(), http).with_github(Some(way));
    let places = [
        Sink::KeyVault(vault.secret("orders-sync").parse().unwrap()),
        Sink::GitHub("contoso/orders#D365_SECRET".parse().unwrap()),
        Sink::Manifest { file: manifest.clone(), secret: "prod/orders".parse().unwrap() },
    ];
    let lifetime = Duration::from_secs(30 * 24 * 60 * 60);
    for place in &places {
        let sink = open_sink(place, Some(&means)).unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        add(&administrator, NAME, Wanted::Secret { lifetime, sink: sink.as_ref() }, &journal, &quiet).await.unwrap();
        // What is there in the end is what replaced it.
        world.advance(Duration::from_secs(60));
        let found = find(&administrator, NAME).await.unwrap();
        let aim = found.aim(&administrator, sink.as_ref(), None);
        let rotated = rotate(&aim, Manner::default(), &journal, &quiet).await.unwrap();
        assert!(rotated.changed, "{rotated:?}");
    }

    let sealed =
        github.seen().iter().rev().find(|asked| asked.method == "PUT").map(|asked| asked.body.clone()).unwrap();
    let sealed: Value = serde_json::from_str(&sealed).unwrap();
    let found = find(&administrator, NAME).await.unwrap();
    let told = json!({
        "clientId": found.client_id,
        "vault": {"secret": vault.secret("orders-sync"), "token": KEY_VAULT_TOKEN, "caFile": ca},
        "github": {"key": STANDARD.encode(GITHUB_KEY), "sealed": sealed["encrypted_value"]},
        "manifest": manifest,
    });
    let places = folder.path().join("places.json");
    std::fs::write(&places, told.to_string()).unwrap();
    stage.python_with("places.py", &[("KEYHOLDER_PLACES", &places)]).await;
    stage.stop().await;
}
