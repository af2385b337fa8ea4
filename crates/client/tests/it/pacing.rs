//! A pool of service users against a local org that has the service's limits, in the org's own time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use http::{Request, Response};
use keyholder_client::dataverse::{Change, Filter, Query};
use keyholder_client::time::Sleep;
use keyholder_client::transport::{Network, Transport};
use keyholder_client::{Dataverse, Error, Http, Limits, NetworkOptions, Pool};
use keyholder_foundation::{ManualClock, WallClock};
use keyholder_org::Settings;
use keyholder_testkit::World;
use serde_json::{Value, json};
use uuid::Uuid;

/// Execution time without end: a request that the org has answered may not have ended there when the clock moves on.
const LIMITS: &str = "40,1000000,52,300";

/// The network, and how many requests are under way on it.
#[derive(Debug)]
struct Watched {
    network: Network,
    under_way: AtomicU32,
}

impl Transport for Watched {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let answer = self.network.send(request);
        Box::pin(answer.inspect(|_| {
            self.under_way.fetch_sub(1, Ordering::SeqCst);
        }))
    }
}

/// Moves the clock as far as it is asked to wait, but not while requests are under way: how far they have got by then
/// is the machine's affair.
#[derive(Debug)]
struct IdleSleep(Arc<Watched>, Arc<ManualClock>);

impl Sleep for IdleSleep {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let (watched, clock) = (self.0.clone(), self.1.clone());
        Box::pin(async move {
            while watched.under_way.load(Ordering::SeqCst) > 0 {
                tokio::task::yield_now().await;
            }
            clock.advance(duration);
        })
    }
}

/// The org as a client has it whose waits move the org's clock, and who sends to it.
pub(crate) async fn paced(world: &World, limits: Limits) -> (Dataverse, Arc<Pool>) {
    let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
    let network = Network::new(options).unwrap();
    let watched = Arc::new(Watched { network, under_way: AtomicU32::new(0) });
    let http = Http::new(watched.clone(), world.clock(), Arc::new(IdleSleep(watched, world.clock())));
    let org = Dataverse::connect(&world.connection(), http).await.unwrap();
    let pool = Pool::new([org.tokens().clone()], limits);
    (org.with_pool(pool.clone()), pool)
}

async fn load(org: &Dataverse, rows: Range<u128>) {
    futures::stream::iter(rows)
        .map(|row| async move {
            let values = json!({ "lastname": "Loaded" });
            let change = Change::create_with_id("contacts", "contactid", Uuid::from_u128(row), &values);
            org.settle(&change).await.unwrap();
        })
        .buffer_unordered(8)
        .for_each(|()| async {})
        .await;
}

async fn loaded(org: &Dataverse) -> u64 {
    org.count(&Query::rows("contacts").filter(Filter::eq("lastname", "Loaded"))).await.unwrap()
}

async fn world() -> World {
    World::behaving(Settings { limits: Some(LIMITS.parse().unwrap()), ..Settings::default() }).await
}

#[tokio::test]
async fn s22_a_load_over_the_limit_waits_and_is_never_refused() {
    let world = world().await;
    let (org, pool) = paced(&world, LIMITS.parse().unwrap()).await;
    let started = world.clock().now();
    load(&org, 1..101).await;
    assert_eq!(loaded(&org).await, 100);
    let counted = org.http().counted();
    assert_eq!((counted.refused, counted.rows_written), (0, 100), "{counted:?}");
    assert!(counted.waits > 0 && counted.bytes_sent > 0 && counted.bytes_received > 0);
    // 101 requests are three windows' worth.
    let passed = world.clock().now().since(started).as_secs();
    assert!((600..1_200).contains(&passed), "{passed}");
    let users = pool.users(org.http());
    assert_eq!((users.len(), users[0].refused, users[0].in_flight, users[0].limit), (1, 0, 0, 40), "{users:?}");
    world.stop().await;
}

#[tokio::test]
async fn s22_what_goes_wrong_on_the_way_loses_and_doubles_nothing() {
    let world = world().await;
    let (org, _) = paced(&world, LIMITS.parse().unwrap()).await;
    let bearer = format!("Bearer {}", world.admin_token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    // Nobody knows which requests are struck: both of an order may be one row's, which is tried five times, but gets
    // one new token. So one order follows another, each with rows of its own.
    let faults = [
        json!({"fault": "drop-before", "requests": 2}),
        json!({"fault": "drop-after", "requests": 2}),
        json!({"fault": "truncated-body", "requests": 2}),
        json!({"fault": "html", "requests": 2}),
        json!({"fault": "expired-token", "requests": 1}),
        json!({"fault": "throttle", "retryAfter": 17, "requests": 2}),
        json!({"fault": "unavailable", "retryAfter": 3, "requests": 2}),
        json!({"fault": "unavailable", "requests": 2}),
    ];
    for (first, mut order) in (1..).step_by(5).zip(faults) {
        order["method"] = json!("POST");
        order["path"] = json!("*/contacts");
        let ordered = world.ask("POST", "/_keyholder/faults", &headers, &order.to_string()).await;
        assert_eq!(ordered.status, 200, "{}", ordered.text);
        load(&org, first..first + 5).await;
    }
    assert_eq!(loaded(&org).await, 40);
    let listed = world.ask("GET", "/_keyholder/faults", &headers, "").await;
    let used_up = |fault: &&Value| fault["isUsedUp"] == true;
    assert_eq!(listed.body["faults"].as_array().unwrap().iter().filter(used_up).count(), 8, "{}", listed.text);
    let counted = org.http().counted();
    assert_eq!(counted.refused, 2, "those that were ordered: {counted:?}");
    world.stop().await;
}
