//! `/_keyholder/` over HTTP: who is let in, and what it answers.

use keyholder_testkit::World;
use serde_json::json;

fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("{user}:{password}").into_bytes();
    let mut text = String::from("Basic ");
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |n, byte| (n << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_are_let_in() {
    let world = World::start().await;
    let status = "/_keyholder/status";
    let admin = basic(&world.admin().client_id, world.admin().client_secret.expose());
    let bearer = format!("Bearer {}", world.admin_token().await);
    for good in [&admin, &bearer] {
        let answer = world.ask("GET", status, &[("authorization", good)], "").await;
        assert_eq!(
            (answer.status, answer.body["origin"].as_str()),
            (200, Some(world.origin().as_str())),
            "{}",
            answer.text
        );
        assert!(!answer.text.contains(world.admin().client_secret.expose()));
    }
    let graph_only =
        world.token(&world.admin().client_id, &world.admin().client_secret, "https://graph.microsoft.com").await;
    let wrong = basic(&world.admin().client_id, "wrong");
    for bad in ["", "Basic !", "Bearer x.y.z", "Keyholder wrong", "Keyholder ", &wrong, &format!("Bearer {graph_only}")]
    {
        let answer = world.ask("GET", status, &[("authorization", bad)], "").await;
        assert_eq!(answer.status, 401, "{bad}: {}", answer.text);
    }
    assert_eq!(world.ask("GET", status, &[], "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_bounded_and_unknown_ones_are_named() {
    let world = World::start().await;
    let admin = basic(&world.admin().client_id, world.admin().client_secret.expose());
    let headers = [("authorization", admin.as_str()), ("content-type", "application/json")];
    let added = world.ask("POST", "/_keyholder/sample", &headers, &json!({"rows": 12, "seed": 5}).to_string()).await;
    assert_eq!((added.status, &added.body["contacts"]), (200, &json!(12)), "{}", added.text);
    for bad in ["", "{", "{\"rows\":0}", "{\"rows\":99999999}", "{\"rows\":1,\"colour\":2}"] {
        assert_eq!(world.ask("POST", "/_keyholder/sample", &headers, bad).await.status, 400, "{bad}");
    }
    assert_eq!(world.ask("GET", "/_keyholder/sample", &headers, "").await.status, 405);
    let unknown = world.ask("POST", "/_keyholder/explode", &headers, "").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("sample"), "{}", unknown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_are_not_answered() {
    let world = World::start().await;
    let admin = basic(&world.admin().client_id, world.admin().client_secret.expose());
    let page = [("authorization", admin.as_str()), ("origin", "https://evil.example")];
    assert_eq!(world.ask("GET", "/_keyholder/status", &page, "").await.status, 403);
    let form = [("authorization", admin.as_str()), ("content-type", "text/plain")];
    assert_eq!(world.ask("POST", "/_keyholder/sample", &form, "{\"rows\":1}").await.status, 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_send_no_large_bodies() {
    let world = World::start().await;
    let large = "x".repeat(70 * 1024);
    let headers = [("content-type", "application/json")];
    let answer = world.ask("POST", "/api/data/v9.2/contacts", &headers, &large).await;
    assert_eq!(answer.status, 401, "{}", answer.text);
    for path in ["/common/oauth2/token", "/_keyholder/sample"] {
        assert_eq!(world.ask("POST", path, &headers, &large).await.status, 413, "{path}");
    }
    let larger = "x".repeat(300 * 1024);
    assert_eq!(world.ask("POST", "/v1.0/applications", &headers, &larger).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_bound() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let large = "x".repeat(17 * 1024 * 1024);
    let answer = world.ask("POST", "/api/data/v9.2/contacts", &headers, &large).await;
    assert_eq!((answer.status, answer.code()), (413, "0x8004418A"), "{}", answer.text);
}
