//! Several requests in one.

use std::time::Duration;

use keyholder_identity::{GraphOptions, GraphThrottle};
use serde_json::{Value, json};

use crate::world::World;

fn of<'a>(batch: &'a Value, id: &str) -> &'a Value {
    batch["responses"].as_array().unwrap().iter().find(|response| response["id"] == id).unwrap()
}

#[tokio::test]
async fn each_item_is_answered_as_if_it_had_come_alone() {
    let world = World::new().await;
    let json_header = json!({ "Content-Type": "application/json" });
    let batch = json!({ "requests": [
        { "id": "after", "method": "GET", "url": "/applications?$filter=displayName eq 'made'", "dependsOn": ["make"] },
        { "id": "make", "method": "POST", "url": "/applications", "headers": json_header, "body": { "displayName": "made" } },
        { "id": "bad", "method": "POST", "url": "applications", "headers": json_header, "body": {} },
        { "id": "never", "method": "DELETE", "url": "/applications/x", "dependsOn": ["bad"] },
        { "id": "count", "method": "GET", "url": "/users/$count", "headers": { "ConsistencyLevel": "eventual" } },
        { "id": "untyped", "method": "POST", "url": "/applications", "body": { "displayName": "no" } },
        { "id": "nested", "method": "POST", "url": "/$batch", "headers": json_header, "body": { "requests": [] } },
        { "id": "me", "method": "GET", "url": "/me" },
        { "id": "away", "method": "GET", "url": "https://elsewhere.example/v1.0/me" },
        { "id": "odd", "method": "BREW", "url": "/me" },
    ] });
    let answer = world.graph("POST", "/v1.0/$batch", batch).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let status = |id| of(&answer.body, id)["status"].as_u64().unwrap();
    assert_eq!(status("make"), 201);
    assert!(of(&answer.body, "make")["headers"]["Location"].is_string());
    assert_eq!(of(&answer.body, "after")["body"]["value"][0]["displayName"], "made");
    assert_eq!((status("bad"), status("never"), status("count")), (400, 424, 200));
    assert_eq!(of(&answer.body, "count")["body"], 1);
    for id in ["untyped", "nested", "me", "away", "odd"] {
        assert_eq!(status(id), 400, "{id}");
        assert!(of(&answer.body, id)["body"]["error"]["code"].is_string());
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused_as_a_whole() {
    let world = World::new().await;
    let item =
        |id: u32, after: Value| json!({ "id": id.to_string(), "method": "GET", "url": "/me", "dependsOn": after });
    let many: Vec<_> = (0..21).map(|id| item(id, json!([]))).collect();
    for wrong in [json!({}), json!({ "requests": many }), json!({ "requests": [item(1, json!(["2"]))] })] {
        let refused = world.graph("POST", "/v1.0/$batch", wrong).await;
        assert_eq!((refused.status, refused.graph_error().1), (400, "BadRequest"));
    }
    let circle = json!({ "requests": [item(1, json!(["2"])), item(2, json!(["1"]))] });
    assert_eq!(world.graph("POST", "/v1.0/$batch", circle).await.status, 400);
    assert_eq!(world.graph("GET", "/v1.0/$batch", Value::Null).await.status, 405);
    assert_eq!(world.graph_as("nonsense", "POST", "/v1.0/$batch", json!({ "requests": [] })).await.status, 401);
}

#[tokio::test]
async fn items_are_throttled_one_by_one() {
    let throttle = GraphThrottle { requests: 2, window: Duration::from_secs(10) };
    let world = World::with(GraphOptions { throttle: Some(throttle), ..GraphOptions::default() }).await;
    let items: Vec<_> =
        (0..4).map(|id| json!({ "id": id.to_string(), "method": "GET", "url": "/organization" })).collect();
    let answer = world.graph("POST", "/v1.0/$batch", json!({ "requests": items })).await;
    let statuses: Vec<_> = (0..4).map(|id| of(&answer.body, &id.to_string())["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 429, 429]);
    assert_eq!(of(&answer.body, "3")["headers"]["Retry-After"], "10");
}
