//! The service protection API limits, as a client meets them.

use std::time::Duration;

use keyholder_org::Settings;
use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

use crate::control;
use crate::nodes::application;

const LEFT: &str = "x-ms-ratelimit-burst-remaining-xrm-requests";
const TIME: &str = "x-ms-ratelimit-time-remaining-xrm-requests";

async fn limited(limits: &str) -> World {
    World::behaving(Settings { limits: Some(limits.parse().unwrap()), ..Settings::default() }).await
}

async fn who_am_i(world: &World, token: &str) -> Answer {
    world.api(token, "GET", "WhoAmI", None).await
}

#[tokio::test]
async fn s19_a_user_has_so_many_requests_in_any_five_minutes() {
    let world = limited("3,1200,52").await;
    let token = world.admin_token().await;
    assert_eq!(world.ask("GET", "/api/data/v9.2/WhoAmI", &[], "").await.status, 401);
    assert_eq!(world.graph(&token, "GET", "organization", None).await.status, 200);
    for left in ["2", "1", "0"] {
        let answer = who_am_i(&world, &token).await;
        assert_eq!((answer.status, answer.header(LEFT)), (200, left), "{}", answer.text);
        assert_eq!((answer.header(TIME), answer.header("x-ms-dop-hint")), ("1,200.00", "4"));
        world.advance(Duration::from_secs(10));
    }
    let refused = who_am_i(&world, &token).await;
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (429, "0x80072322", "270"));
    assert_eq!(refused.message(), "Number of requests exceeded the limit of 3 over time window of 300 seconds.");
    assert_eq!((refused.header(LEFT), refused.header("odata-version")), ("", "4.0"));
    world.advance(Duration::from_millis(269_999));
    assert_eq!(who_am_i(&world, &token).await.header("retry-after"), "2", "one second for the room, one for the push");
    world.advance(Duration::from_millis(1));
    assert_eq!(who_am_i(&world, &token).await.header(LEFT), "0", "the first of the three has left the window");
    assert_eq!(who_am_i(&world, &token).await.header("retry-after"), "10");
}

#[tokio::test]
async fn s19_moving_the_orgs_clock_frees_the_window() {
    let world = limited("1,1200,52,60").await;
    let token = world.admin_token().await;
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    let refused = who_am_i(&world, &token).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
    control(&world, "POST", "clock", json!({"move": "+1m"})).await;
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    assert_eq!(who_am_i(&world, &token).await.status, 429);
    control(&world, "POST", "clock", json!({"reset": true})).await;
    assert_eq!(who_am_i(&world, &token).await.status, 200, "what is to come has not happened yet");
}

#[tokio::test]
async fn s19_a_batch_is_one_request_and_each_user_has_a_window_of_their_own() {
    let world = limited("5,1200,52").await;
    let token = world.admin_token().await;
    // Makes the user, with one request.
    let (client, secret, _) = application(&world, &token).await;
    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET /api/data/v9.2/WhoAmI HTTP/1.1\r\n\r\n\r\n";
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/mixed; boundary=b")];
    let batch = world.ask("POST", "/api/data/v9.2/$batch", &headers, &format!("{}--b--\r\n", part.repeat(20))).await;
    assert_eq!((batch.status, batch.header(LEFT)), (200, "3"), "{}", batch.text);
    assert_eq!(batch.text.matches("HTTP/1.1 200 OK").count(), 20);
    let rows: Vec<Value> = (0..20)
        .map(|number| json!({"@odata.type": "Microsoft.Dynamics.CRM.contact", "lastname": format!("Many {number}")}))
        .collect();
    let many = world
        .api(&token, "POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", Some(&json!({"Targets": rows})))
        .await;
    assert_eq!((many.status, many.header(LEFT)), (200, "2"), "{}", many.text);
    // A failed request counts, and says nothing about what is left.
    let failed = world.api(&token, "GET", "nothings", None).await;
    assert_eq!((failed.status, failed.header(LEFT)), (404, ""));
    assert_eq!(who_am_i(&world, &token).await.header(LEFT), "0");
    assert_eq!(who_am_i(&world, &token).await.status, 429);
    let other = world.token(&client, &secret, &world.origin()).await;
    assert_eq!(who_am_i(&world, &other).await.status, 403, "a user without a role, who has asked for nothing yet");
}

#[tokio::test]
async fn s19_each_org_counts_for_itself() {
    let world = limited("1,1200,52").await;
    let domain = world.org().address().tenant_domain;
    let made = control(&world, "POST", "orgs", json!({"name": "Second", "tenant": domain})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let url = made.body["url"].as_str().unwrap().to_owned();
    let token = world.admin_token().await;
    let there = world.token(&world.admin().client_id, &world.admin().client_secret, &url).await;
    let bearer = format!("Bearer {there}");
    let (path, headers) = (format!("{url}/api/data/v9.2/WhoAmI"), [("authorization", bearer.as_str())]);
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    assert_eq!(who_am_i(&world, &token).await.status, 429);
    assert_eq!(world.ask("GET", &path, &headers, "").await.status, 200);
    assert_eq!(world.ask("GET", &path, &headers, "").await.status, 429);
}

#[tokio::test]
async fn without_limits_nobody_is_counted() {
    let world = World::behaving(Settings { limits: None, ..Settings::default() }).await;
    let token = world.admin_token().await;
    let answer = who_am_i(&world, &token).await;
    assert_eq!((answer.status, answer.header(LEFT), answer.header("x-ms-dop-hint")), (200, "", ""));
    assert_eq!(control(&world, "GET", "status", Value::Null).await.body["limits"], "off");
}
