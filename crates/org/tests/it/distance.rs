//! What an org tells of the requests that it got, and how far away it seems.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyholder_foundation::Sleep;
use keyholder_org::Settings;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::control;

#[tokio::test]
async fn requests_are_counted_by_what_they_are_for() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let before = control(&world, "GET", "status", Value::Null).await.body["requests"].clone();
    let bearer = format!("Bearer {token}");
    for path in ["/v1.0/organization", "/api/data/v9.2/WhoAmI", "/api/data/v9.2/contacts?$top=1", "/tenants"] {
        world.ask("GET", path, &[("authorization", &bearer)], "").await;
    }
    // Asking for the counts takes a token, and is not counted itself.
    let after = control(&world, "GET", "status", Value::Null).await.body["requests"].clone();
    let more = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
    let more = json!({
        "login": more("login"), "directory": more("directory"), "org": more("org"), "management": more("management"),
    });
    assert_eq!(more, json!({"login": 1, "directory": 1, "org": 2, "management": 1}));
}

/// Waits for nothing, and remembers for how long it was asked to.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<Duration>>);

impl Sleep for Asked {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_distant_org_holds_every_request_back() {
    let (latency, asked) = (Duration::from_secs(20), Arc::new(Asked::default()));
    let world = World::behaving(Settings { latency, sleep: asked.clone(), ..Settings::default() }).await;
    let token = world.admin_token().await;
    assert_eq!(*asked.0.lock().unwrap(), [latency]);
    let bearer = format!("Bearer {token}");
    let answer = world.ask("GET", "/api/data/v9.2/WhoAmI", &[("authorization", &bearer)], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(*asked.0.lock().unwrap(), [latency; 2]);
    // What looks after the org is not held back: a token is.
    control(&world, "GET", "status", Value::Null).await;
    assert_eq!(*asked.0.lock().unwrap(), [latency; 3]);
}
