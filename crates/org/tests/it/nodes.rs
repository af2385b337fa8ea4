//! Two nodes that serve one world from one database of PostgreSQL, in one process.

use std::net::SocketAddr;
use std::sync::Arc;

use keyholder_foundation::{OsRandom, Secret};
use keyholder_org::{DataFolder, Listen, LocalOrg, Options, Place, SharedDatabase};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::control;

fn shared(url: &str, digit: &str) -> SharedDatabase {
    let sleep = Arc::new(keyholder_platform::RuntimeSleep);
    SharedDatabase::new(&Secret::new(url), &Secret::new(digit.repeat(64)), Arc::new(OsRandom), sleep).unwrap()
}

/// Two nodes on a new database, at one origin; nothing where no server can be started.
pub(crate) async fn two() -> Option<(World, World)> {
    let url = keyholder_cluster::server()?.fresh_database();
    let here = World::node(shared(&url, "a"), SocketAddr::from(([127, 0, 0, 1], 0)), None).await;
    let port = here.org().addresses()[0].port();
    let address = SocketAddr::from(([127, 0, 0, 2], port));
    let there = World::node(shared(&url, "a"), address, Some(here.admin())).await;
    assert_eq!(here.origin(), there.origin());
    Some((here, there))
}

async fn published(world: &World) -> Vec<String> {
    let keys = world.ask("GET", "/common/discovery/keys", &[], "").await;
    keys.body["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Registers an application at one node and makes it an application user; gives its client id, secret and
/// user.
pub(crate) async fn application(world: &World, token: &str) -> (String, Secret, String) {
    let made = world.graph(token, "POST", "applications", Some(&json!({"displayName": "worker"}))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let client = made.body["appId"].as_str().unwrap().to_owned();
    let principal = world.graph(token, "POST", "servicePrincipals", Some(&json!({"appId": client}))).await;
    assert_eq!(principal.status, 201, "{}", principal.text);
    let path = format!("applications/{}/addPassword", made.body["id"].as_str().unwrap());
    let secret = world.graph(token, "POST", &path, Some(&json!({}))).await;
    let secret = Secret::new(secret.body["secretText"].as_str().unwrap());
    let user = json!({"applicationid": client, "accessmode": 4});
    let user = world.api(token, "POST", "systemusers", Some(&user)).await;
    assert_eq!(user.status, 204, "{}", user.text);
    let user = user.header("odata-entityid").rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
    (client, secret, user)
}

#[tokio::test]
async fn a_token_of_one_node_is_good_at_the_other_and_rows_are_everywhere() {
    let Some((here, there)) = two().await else { return };
    let (token, other) = (here.admin_token().await, there.admin_token().await);
    for (writes, reads, token) in [(&here, &there, &token), (&there, &here, &token), (&there, &here, &other)] {
        let made = writes.api(token, "POST", "contacts", Some(&json!({"lastname": "Shared"}))).await;
        assert_eq!(made.status, 204, "{}", made.text);
        let path = made.header("odata-entityid").rsplit_once("/").unwrap().1.to_owned();
        let read = reads.api(token, "GET", &path, None).await;
        assert_eq!((read.status, &read.body["lastname"]), (200, &json!("Shared")), "{}", read.text);
    }
    here.stop().await;
    assert_eq!(there.api(&token, "GET", "WhoAmI", None).await.status, 200, "one node goes, the other stays");
}

#[tokio::test]
async fn what_one_nodes_directory_and_users_become_the_other_knows_at_its_next_request() {
    let Some((here, there)) = two().await else { return };
    let admin = here.admin_token().await;
    let (client, secret, user) = application(&here, &admin).await;
    // Registered there, and already good for a token here.
    let token = there.token(&client, &secret, &there.origin()).await;
    let ask = || there.api(&token, "GET", "contacts?$select=contactid&$top=1", None);
    assert_eq!(ask().await.status, 403);
    let roles = here.api(&admin, "GET", "roles?$filter=name eq 'System Administrator'&$select=roleid", None).await;
    let role = roles.body["value"][0]["roleid"].as_str().unwrap().to_owned();
    let path = format!("systemusers({user})/systemuserroles_association");
    let body = json!({"@odata.id": format!("{}/api/data/v9.2/roles({role})", here.origin())});
    assert_eq!(here.api(&admin, "POST", &format!("{path}/$ref"), Some(&body)).await.status, 204);
    assert_eq!(ask().await.status, 200);
    for disabled in [true, false] {
        let change = json!({"isdisabled": disabled});
        let changed = here.api(&admin, "PATCH", &format!("systemusers({user})"), Some(&change)).await;
        assert_eq!(changed.status, 204, "{}", changed.text);
        assert_eq!(ask().await.status, if disabled { 403 } else { 200 });
    }
    assert_eq!(here.api(&admin, "DELETE", &format!("{path}({role})/$ref"), None).await.status, 204);
    assert_eq!(ask().await.status, 403);
    // And what the directory loses is lost everywhere.
    let deleted = here.graph(&admin, "DELETE", &format!("applications(appId='{client}')"), None).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", secret.expose()),
        ("scope", &format!("{}/.default", there.origin())),
    ];
    assert_eq!(there.token_request(&there.tenant(), "v2.0/", &fields).await.aadsts(), 700_016);
}

#[tokio::test]
async fn keys_the_clock_and_further_orgs_are_every_nodes() {
    let Some((here, there)) = two().await else { return };
    let old = there.admin_token().await;
    let rotated = control(&here, "POST", "keys/rotate", Value::Null).await;
    assert_eq!(rotated.status, 200, "{}", rotated.text);
    let new = here.admin_token().await;
    // Its first request after that has a body, and a token of a key that it has not seen.
    let made = there.api(&new, "POST", "contacts", Some(&json!({"lastname": "New key"}))).await;
    assert_eq!(made.status, 204, "{}", made.text);
    assert_eq!(published(&there).await, published(&here).await);
    assert_eq!(published(&there).await.len(), 2);
    assert_eq!(here.api(&old, "GET", "WhoAmI", None).await.status, 200);

    let moved = control(&there, "POST", "clock", json!({"move": "+1h"})).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
    assert_eq!(control(&here, "GET", "clock", Value::Null).await.body["offset"], "+1h");
    assert_eq!(control(&there, "POST", "clock", json!({"reset": true})).await.status, 200);

    let tenant = here.org().address().tenant_domain;
    let made = control(&here, "POST", "orgs", json!({"name": "Second", "tenant": tenant})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let listed = control(&there, "GET", "orgs", Value::Null).await;
    assert!(listed.text.contains("Second"), "{}", listed.text);
    for (command, body) in [("reset", json!({})), ("snapshot", json!({"name": "one"}))] {
        let refused = control(&there, "POST", command, body).await;
        assert!(refused.message().contains("not built for a world in PostgreSQL"), "{command}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_node_with_another_master_key_or_folder_is_refused() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let url = cluster.fresh_database();
    let here = World::node(shared(&url, "a"), SocketAddr::from(([127, 0, 0, 1], 0)), None).await;
    let database = url.rsplit('/').next().unwrap();
    let kept = cluster.run(database, "SELECT encode(sealed, 'escape') FROM keyholder_world.signing_key").unwrap();
    assert!(!kept.is_empty() && !kept.contains("PRIVATE KEY"), "{kept}");

    let folder = tempfile::tempdir().unwrap();
    let start = async |database, path: &std::path::Path| {
        let listen = Listen { address: Some(SocketAddr::from(([127, 0, 0, 1], 0))), ..Listen::default() };
        let options = Options {
            place: Place::Folder(path.to_owned()),
            listen,
            is_passing: false,
            world: keyholder_testkit::options(database),
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
        };
        match LocalOrg::start(options).await {
            Ok(org) => {
                org.stop().await;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    };
    let path = folder.path().join("node");
    let wrong = start(Some(shared(&url, "b")), &path).await.unwrap_err();
    assert!(wrong.contains("another master key") && !wrong.contains("only-for-tests"), "{wrong}");
    start(Some(shared(&url, "a")), &path).await.unwrap();
    // From now on the folder is that database's: neither its own, nor another's.
    let alone = start(None, &path).await.unwrap_err();
    assert!(alone.contains("KEYHOLDER_DATABASE_URL") && !alone.contains("only-for-tests"), "{alone}");
    let other = start(Some(shared(&cluster.fresh_database(), "a")), &path).await.unwrap_err();
    assert!(other.contains("is in the database"), "{other}");
    let own = folder.path().join("own");
    start(None, &own).await.unwrap();
    let own = start(Some(shared(&url, "a")), &own).await.unwrap_err();
    assert!(own.contains("a local org of its own"), "{own}");
    assert!(DataFolder::new(&path).unwrap().exists().unwrap());
    drop(here);
}
