//! Faults on order, as a program meets them over a real listener.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyholder_foundation::{ManualClock, Sleep};
use keyholder_org::Settings;
use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

use crate::control;
use crate::nodes::application;

async fn order(world: &World, order: Value) -> Value {
    let ordered = control(world, "POST", "faults", order).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text);
    ordered.body
}

/// Sends a request whose connection may be lost.
async fn send(world: &World, token: &str, method: &str, path: &str, body: &str) -> Result<String, String> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = world.try_to_ask(method, &format!("/api/data/v9.2/{path}"), &headers, body).await;
    answer.map(|answer| answer.text).map_err(|error| error.to_string())
}

async fn who_am_i(world: &World, token: &str) -> Answer {
    world.api(token, "GET", "WhoAmI", None).await
}

async fn contacts(world: &World, token: &str, last_name: &str) -> usize {
    let rows =
        world.api(token, "GET", &format!("contacts?$select=contactid&$filter=lastname eq '{last_name}'"), None).await;
    rows.body["value"].as_array().unwrap().len()
}

#[tokio::test]
async fn refusals_come_as_they_were_ordered_and_end() {
    let world = World::start().await;
    let token = world.admin_token().await;
    order(&world, json!({"fault": "throttle", "retryAfter": 17, "requests": 2})).await;
    order(&world, json!({"fault": "unavailable", "requests": 1})).await;
    order(&world, json!({"fault": "unavailable", "retryAfter": 3, "requests": 1})).await;
    order(&world, json!({"fault": "html", "requests": 1})).await;
    order(&world, json!({"fault": "expired-token", "requests": 1})).await;
    for (status, code, again) in [
        (429, "0x80072322", "17"),
        (429, "0x80072322", "17"),
        (503, "ServiceUnavailable", ""),
        (503, "ServiceUnavailable", "3"),
    ] {
        let answer = who_am_i(&world, &token).await;
        assert_eq!(
            (answer.status, answer.code(), answer.header("retry-after")),
            (status, code, again),
            "{}",
            answer.text
        );
    }
    let page = who_am_i(&world, &token).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.text.starts_with("<!DOCTYPE html>") && page.body.is_null(), "{}", page.text);
    let expired = who_am_i(&world, &token).await;
    assert_eq!(expired.status, 401);
    assert!(expired.header("www-authenticate").contains("authorization_uri="), "{:?}", expired.headers);
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    let listed = control(&world, "GET", "faults", Value::Null).await;
    let used_up = listed.body["faults"].as_array().unwrap().iter().filter(|fault| fault["isUsedUp"] == true).count();
    assert_eq!(used_up, 5, "{}", listed.text);
}

#[tokio::test]
async fn a_connection_is_lost_before_or_after_the_work() {
    let world = World::start().await;
    let token = world.admin_token().await;
    for (fault, rows) in [("drop-before", 0), ("drop-after", 1), ("truncated-body", 1)] {
        order(&world, json!({"fault": fault, "method": "POST", "path": "*/contacts", "requests": 1})).await;
        let made = send(&world, &token, "POST", "contacts", &json!({"lastname": fault}).to_string()).await;
        assert!(made.is_err(), "{fault}: {made:?}");
        assert_eq!(contacts(&world, &token, fault).await, rows, "{fault}");
    }
    // Of an answer with a body a part comes, and is no whole answer.
    order(&world, json!({"fault": "truncated-body", "requests": 1})).await;
    let read = send(&world, &token, "GET", "contacts?$select=fullname", "").await;
    assert!(read.is_err(), "{read:?}");
    assert!(send(&world, &token, "GET", "contacts?$select=fullname", "").await.is_ok());
}

#[tokio::test]
async fn orders_are_for_who_and_what_they_name_and_as_long_as_they_say() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let (client, secret, _) = application(&world, &token).await;
    let other = world.token(&client, &secret, &world.origin()).await;
    let made = order(&world, json!({"fault": "unavailable", "user": client, "seconds": 60})).await;
    assert_eq!((who_am_i(&world, &token).await.status, who_am_i(&world, &other).await.status), (200, 503));
    world.advance(Duration::from_secs(60));
    // A user without a role.
    assert_eq!(who_am_i(&world, &other).await.status, 403);
    order(&world, json!({"fault": "unavailable", "path": "/v1.0/*"})).await;
    assert_eq!(world.graph(&token, "GET", "organization", None).await.status, 503);
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    // What orders faults never meets one.
    order(&world, json!({"fault": "unavailable", "path": "*/v9.2/*"})).await;
    assert_eq!(who_am_i(&world, &token).await.status, 503);
    let path = format!("faults/{}", made["id"]);
    assert_eq!(control(&world, "DELETE", &path, Value::Null).await.body["cleared"], 1);
    assert_eq!(control(&world, "DELETE", &path, Value::Null).await.status, 404);
    assert_eq!(control(&world, "DELETE", "faults", Value::Null).await.body["cleared"], 2);
    assert_eq!(who_am_i(&world, &token).await.status, 200);
    for bad in [json!({"fault": "latency"}), json!({"fault": "quake"}), json!({"fault": "html", "probability": 2})] {
        assert_eq!(control(&world, "POST", "faults", bad.clone()).await.status, 400, "{bad}");
    }
    assert_eq!(control(&world, "PUT", "faults", json!({})).await.status, 405);
}

/// Waits for nothing; the org's time passes instead, and it is remembered how much did.
#[derive(Debug, Default)]
struct Passing {
    clock: Mutex<Option<Arc<ManualClock>>>,
    slept: Mutex<Vec<Duration>>,
}

impl Sleep for Passing {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if let Some(clock) = &*self.clock.lock().unwrap() {
            clock.advance(duration);
        }
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

async fn passing(limits: &str) -> (World, Arc<Passing>) {
    let sleep = Arc::new(Passing::default());
    let limits = Some(limits.parse().unwrap());
    let world = World::behaving(Settings { limits, sleep: sleep.clone(), ..Settings::default() }).await;
    *sleep.clock.lock().unwrap() = Some(world.clock());
    (world, sleep)
}

#[tokio::test]
async fn s19_latency_is_execution_time_which_has_a_limit() {
    let (world, _) = passing("100,10,52").await;
    let token = world.admin_token().await;
    order(&world, json!({"fault": "latency", "milliseconds": 6000, "requests": 2})).await;
    let time = "x-ms-ratelimit-time-remaining-xrm-requests";
    assert_eq!(who_am_i(&world, &token).await.header(time), "10.00");
    assert_eq!(who_am_i(&world, &token).await.header(time), "4.00");
    let refused = who_am_i(&world, &token).await;
    assert_eq!((refused.status, refused.code()), (429, "0x80072321"), "{}", refused.text);
    assert_eq!(
        refused.message(),
        "Combined execution time of incoming requests exceeded limit of 10,000 milliseconds over time window of 300 \
         seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later."
    );
    // The first of the two ended six seconds ago.
    assert_eq!(refused.header("retry-after"), "294");
    world.advance(Duration::from_secs(294));
    assert_eq!(who_am_i(&world, &token).await.header(time), "4.00");
}

#[tokio::test]
async fn a_slow_body_comes_whole_and_in_pieces() {
    let (world, sleep) = passing("100,1000,52").await;
    let token = world.admin_token().await;
    let plain = send(&world, &token, "GET", "contacts?$select=fullname&$top=5", "").await.unwrap();
    order(&world, json!({"fault": "slow-body", "milliseconds": 20_000, "requests": 1})).await;
    assert_eq!(send(&world, &token, "GET", "contacts?$select=fullname&$top=5", "").await.unwrap(), plain);
    let slept = sleep.slept.lock().unwrap();
    assert!(
        (15..=20).contains(&slept.len()) && slept.iter().all(|pause| *pause == Duration::from_secs(1)),
        "{slept:?}"
    );
}

/// Waits until it is told that there has been enough waiting.
#[derive(Debug)]
struct Held(tokio::sync::watch::Sender<bool>, tokio::sync::mpsc::UnboundedSender<()>);

impl Sleep for Held {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut enough = self.0.subscribe();
        let _ = self.1.send(());
        Box::pin(async move {
            let _ = enough.wait_for(|enough| *enough).await;
        })
    }
}

#[tokio::test]
async fn s19_only_so_many_requests_are_under_way_at_once() {
    let (asleep, mut fell_asleep) = tokio::sync::mpsc::unbounded_channel();
    let held = Arc::new(Held(tokio::sync::watch::channel(false).0, asleep));
    let settings = Settings { limits: Some("100,1000,2".parse().unwrap()), sleep: held.clone(), ..Settings::default() };
    let world = World::behaving(settings).await;
    let token = world.admin_token().await;
    order(&world, json!({"fault": "latency", "milliseconds": 1, "requests": 2})).await;
    let third = async {
        fell_asleep.recv().await.unwrap();
        fell_asleep.recv().await.unwrap();
        let refused = who_am_i(&world, &token).await;
        // Nobody who moves the clock waits for a request that only seems to work.
        let moved = control(&world, "POST", "clock", json!({"move": "+1s"})).await;
        held.0.send_replace(true);
        (refused, moved)
    };
    let (first, second, (refused, moved)) = tokio::join!(who_am_i(&world, &token), who_am_i(&world, &token), third);
    assert_eq!((first.status, second.status, moved.status), (200, 200, 200));
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (429, "0x80072326", "1"));
    assert_eq!(refused.message(), "Number of concurrent requests exceeded the limit of 2.");
    assert_eq!(who_am_i(&world, &token).await.status, 200);
}
