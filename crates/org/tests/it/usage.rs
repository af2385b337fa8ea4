//! The entitlement limits: what is counted, and what is told of it.

use std::time::Duration;

use keyholder_org::{Listen, Place, Settings};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::control;
use crate::nodes::application;

async fn usage(world: &World, query: &str) -> Value {
    let told = control(world, "GET", &format!("usage{query}"), Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.text);
    told.body
}

fn user<'a>(told: &'a Value, name: &str) -> &'a Value {
    let users = told["tenants"][0]["users"].as_array().unwrap();
    users.iter().find(|user| user["name"].as_str().unwrap().contains(name)).unwrap_or_else(|| panic!("{told}"))
}

/// Whose token the administering application's is.
const ADMINISTRATOR: &str = "Keyholder";

#[tokio::test]
async fn s20_each_operation_counts_and_the_pool_is_what_the_tenant_owns() {
    let world = World::start().await;
    let token = world.admin_token().await;
    for path in ["WhoAmI", "$metadata", "EntityDefinitions?$select=LogicalName", ""] {
        assert_eq!(world.api(&token, "GET", path, None).await.status, 200, "{path}");
    }
    let told = usage(&world, "").await;
    assert_eq!((&told["tenants"][0]["users"], &told["tenants"][0]["pool"]["day"]), (&json!([]), &json!(0)));

    assert_eq!(world.api(&token, "GET", "contacts?$top=1", None).await.status, 200);
    // Refused by the store, and counted all the same.
    let nobody = "contacts(00000000-0000-0000-0000-000000000009)";
    assert_eq!(world.api(&token, "DELETE", nobody, None).await.status, 404);
    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET /api/data/v9.2/contacts?$top=1 HTTP/1.1\r\n\r\n\r\n";
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "multipart/mixed; boundary=b")];
    let body = format!("{}--b--\r\n", part.repeat(20));
    assert_eq!(world.ask("POST", "/api/data/v9.2/$batch", &headers, &body).await.status, 200);
    let rows: Vec<Value> = (0..30)
        .map(|number| json!({"@odata.type": "Microsoft.Dynamics.CRM.contact", "lastname": format!("Many {number}")}))
        .collect();
    let many = json!({"Targets": rows});
    let many = world.api(&token, "POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple", Some(&many)).await;
    assert_eq!(many.status, 200, "{}", many.text);

    let told = usage(&world, "").await;
    let administrator = user(&told, ADMINISTRATOR);
    assert_eq!((&administrator["day"], &administrator["kind"]), (&json!(52), &json!("application")), "{told}");
    assert_eq!(
        (&administrator["allowance"], &administrator["window"]["requests"]),
        (&Value::Null, &json!(8)),
        "{told}"
    );
    let pool = &told["tenants"][0]["pool"];
    // Six Enterprise and Professional licences, 25 of each.
    assert_eq!((&pool["day"], &pool["allowance"]), (&json!(52), &json!(500_000 + 150 * 5_000)), "{told}");
    let then = usage(&world, "?entitlement=2019&add-ons=2").await;
    assert_eq!(then["tenants"][0]["pool"]["allowance"], 120_000);
    assert_eq!(control(&world, "GET", "usage?entitlement=1999", Value::Null).await.status, 400);
    assert_eq!(control(&world, "POST", "usage", json!({})).await.status, 405);
}

#[tokio::test]
async fn s20_days_are_those_of_utc_and_nothing_is_blocked() {
    let world = World::behaving(Settings { limits: None, ..Settings::default() }).await;
    control(&world, "POST", "clock", json!({"set": "2027-01-31T12:00:00Z"})).await;
    let token = world.admin_token().await;
    let (client, secret, _) = application(&world, &token).await;
    let other = world.token(&client, &secret, &world.origin()).await;
    for _ in 0..3 {
        // Without a role it is refused, and counts.
        assert_eq!(world.api(&other, "GET", "contacts?$top=1", None).await.status, 403);
    }
    let told = usage(&world, "").await;
    assert_eq!((&told["day"], &told["windowSeconds"]), (&json!("2027-01-31"), &Value::Null));
    let worker = user(&told, "worker");
    assert_eq!(
        (&worker["day"], &worker["forecast"], &worker["window"]),
        (&json!(3), &json!(6), &Value::Null),
        "{told}"
    );
    world.advance(Duration::from_secs(12 * 3_600));
    let told = usage(&world, "").await;
    assert_eq!((&told["day"], &told["tenants"][0]["pool"]["day"]), (&json!("2027-02-01"), &json!(0)), "{told}");
    // The days before stay known, for the pool as for each user.
    let told = usage(&world, "?days=2").await;
    let day = json!({"day": "2027-01-31", "requests": 3, "share": 0.000002});
    let (worker, pool) = (user(&told, "worker"), &told["tenants"][0]["pool"]);
    assert_eq!((&worker["days"][0], worker["days"].as_array().unwrap().len()), (&day, 2), "{told}");
    assert!(pool["days"][0]["requests"].as_u64() >= Some(3) && pool["total"] == pool["days"][0]["requests"], "{told}");
    assert_eq!(worker["outlook"], json!({"daysKnown": 1, "unknown": "too little is known (1 day)"}), "{told}");
    for bad in ["days=0", "days=91", "days=x"] {
        assert_eq!(control(&world, "GET", &format!("usage?{bad}"), Value::Null).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn s20_usage_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place::Folder(folder.path().join("data"));
    let world = World::with(place(), Listen::default()).await;
    control(&world, "POST", "clock", json!({"set": "2027-01-31T12:00:00Z"})).await;
    let token = world.admin_token().await;
    for _ in 0..5 {
        assert_eq!(world.api(&token, "GET", "contacts?$top=1", None).await.status, 200);
    }
    world.stop().await;
    let world = World::with(place(), Listen::default()).await;
    control(&world, "POST", "clock", json!({"set": "2027-01-31T13:00:00Z"})).await;
    let told = usage(&world, "").await;
    assert_eq!(user(&told, ADMINISTRATOR)["day"], 5, "{told}");
}

#[tokio::test]
async fn s20_nodes_add_up() {
    let Some((here, there)) = crate::nodes::two().await else { return };
    control(&here, "POST", "clock", json!({"set": "2027-01-31T12:00:00Z"})).await;
    let token = here.admin_token().await;
    for (node, times) in [(&here, 3), (&there, 4), (&here, 1)] {
        for _ in 0..times {
            assert_eq!(node.api(&token, "GET", "contacts?$top=1", None).await.status, 200);
        }
        // What the other has counted waits there until it is asked, or its second is over.
        usage(node, "").await;
    }
    for node in [&here, &there] {
        assert_eq!(user(&usage(node, "").await, ADMINISTRATOR)["day"], 8);
    }
}
