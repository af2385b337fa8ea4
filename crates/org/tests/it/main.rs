//! The local org as its users meet it: over TLS, or opened by a command of its own.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod bad_input;
mod bodies;
mod browser;
mod discovery;
mod distance;
mod door;
mod faults;
mod keys;
mod limits;
mod management;
mod nodes;
mod orgs;
mod propagation;
mod rows;
mod snapshots;
mod time;
mod usage;

use keyholder_testkit::{Answer, World};
use serde_json::Value;

/// Asks the control endpoint as the administering application.
async fn control(world: &World, method: &str, command: &str, body: Value) -> Answer {
    let token = world.admin_token().await;
    let authorization = format!("Bearer {token}");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    world.ask(method, &format!("/_keyholder/{command}"), &headers, &body).await
}
