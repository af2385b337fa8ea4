//! Bodies that nobody reads, and in which shape each room says so.

use keyholder_testkit::World;
use serde_json::{Value, json};

#[tokio::test]
async fn a_body_too_large_is_refused_in_the_shape_of_what_was_asked() {
    let world = World::start().await;
    let long = "x".repeat(200_000);
    let tenant = world.tenant();
    let token = world.token_request(&tenant, "v2.0/", &[("client_id", &long)]).await;
    assert_eq!(token.status, 413, "{}", token.text);
    assert_eq!(token.body["error_codes"], json!([90_015]));
    assert!(token.body["error_description"].as_str().unwrap().starts_with("AADSTS90015:"), "{}", token.text);
    let admin = world.admin_token().await;
    let body: Value = json!({"displayName": "x".repeat(300_000)});
    let graph = world.graph(&admin, "POST", "applications", Some(&body)).await;
    assert_eq!((graph.status, graph.code()), (413, "RequestBodyTooLarge"), "{}", graph.text);
    assert!(graph.body["error"]["innerError"]["request-id"].is_string(), "{}", graph.text);
}
