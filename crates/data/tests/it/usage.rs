//! What is counted of a user's operations.

use http::{Method, Request};
use keyholder_data::UserUsage;
use keyholder_foundation::Timestamp;
use keyholder_limits::entitlement::Day;
use serde_json::json;

use crate::world::{BASE, World};

fn today() -> Day {
    Day::of(Timestamp::parse("2026-11-22").unwrap())
}

async fn used(world: &World) -> Vec<UserUsage> {
    world.organization.usage(today()).await.unwrap()
}

/// How many operations the administrator has asked for by now.
async fn counted(world: &World) -> u64 {
    let all = used(world).await;
    let of_administrator = all.iter().find(|one| one.user == world.admin_user);
    of_administrator.map_or(0, |one| one.days.values().sum())
}

#[tokio::test]
async fn s20_every_operation_counts_once_wherever_it_stands() {
    let world = World::new().await;
    for free in [
        "",
        "$metadata",
        "WhoAmI",
        "RetrieveVersion()",
        "EntityDefinitions?$select=LogicalName&$filter=LogicalName eq 'contact'",
    ] {
        world.get(free).await.ok();
    }
    assert_eq!(counted(&world).await, 0);
    world.post("accounts", json!({"name": "First"})).await.ok();
    world.get("accounts?$top=1").await.ok();
    // Not understood: no operation.
    world.get("nothings").await.refused(404, "0x80060888");
    // Understood, and refused.
    assert!(world.delete("accounts(00000000-0000-0000-0000-000000000009)").await.status.is_client_error());
    assert_eq!(counted(&world).await, 3);
    let targets: Vec<_> = (0..7)
        .map(|number| json!({"@odata.type": "Microsoft.Dynamics.CRM.account", "name": format!("Many {number}")}))
        .collect();
    world.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", json!({"Targets": targets})).await.ok();
    assert_eq!(counted(&world).await, 10);
    // A table that is first used makes its request be begun again.
    world.get("incidents?$top=1").await.ok();
    assert_eq!(counted(&world).await, 11);
}

#[tokio::test]
async fn s20_each_request_of_a_batch_and_of_a_change_set_counts() {
    let world = World::new().await;
    let one = |request: &str| format!("--b\r\nContent-Type: application/http\r\n\r\n{request} HTTP/1.1\r\n\r\n\r\n");
    let change = |number: u32, body: &str| {
        format!(
            "--s\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nPOST {BASE}/accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    let set = format!(
        "--b\r\nContent-Type: multipart/mixed; boundary=s\r\n\r\n{}{}--s--\r\n",
        change(1, r#"{"name":"One"}"#),
        change(2, r#"{"name":"Two"}"#)
    );
    let parts = [one(&format!("GET {BASE}/accounts?$top=1")), set, one(&format!("GET {BASE}/WhoAmI"))];
    // Of changes one after another, too, whatever becomes of them.
    let missing = one(&format!("DELETE {BASE}/accounts(00000000-0000-0000-0000-000000000001)"));
    for (parts, prefer, count) in
        [(parts.concat(), "", 3), ([&*missing, &missing, &missing].concat(), "odata.continue-on-error", 6)]
    {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{BASE}/$batch"))
            .header("Content-Type", "multipart/mixed; boundary=b")
            .header("Prefer", prefer)
            .body(format!("{parts}--b--\r\n").into())
            .unwrap();
        let answer = world.organization.respond(&world.admin, request).await;
        assert!(answer.status().is_success());
        assert_eq!(counted(&world).await, count);
    }
}

#[tokio::test]
async fn s20_counts_are_by_user_and_day_and_are_added_up() {
    let world = World::new().await;
    let (worker, user) = world.application_user(2, "worker").await;
    let before = counted(&world).await;
    for _ in 0..3 {
        world.get("contacts?$top=1").await.ok();
        // Written down between, and read twice.
        world.organization.flush_usage().await.unwrap();
        assert_eq!(world.get_as(&worker, "contacts?$top=1").await.status, 403);
    }
    world.advance(86_400);
    assert_eq!(world.get_as(&worker, "contacts?$top=1").await.status, 403);
    assert_eq!(counted(&world).await, before + 3);
    let all = used(&world).await;
    let found = all.iter().find(|one| one.user == user).unwrap();
    assert_eq!(found.days.iter().map(|(day, count)| (day.0 - today().0, *count)).collect::<Vec<_>>(), [(0, 3), (1, 1)]);
    assert!(found.is_application && !found.is_licensed && found.principal == worker.client.0);
    let tomorrow = world.organization.usage(Day(today().0 + 1)).await.unwrap();
    assert_eq!(tomorrow.len(), 1, "{tomorrow:?}");
    // After ninety days it is forgotten.
    world.advance(91 * 86_400);
    world.get("contacts?$top=1").await.ok();
    let all = used(&world).await;
    assert!(all.iter().all(|one| one.user == world.admin_user && one.days.len() == 1), "{all:?}");
}
