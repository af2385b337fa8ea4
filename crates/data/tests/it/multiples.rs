//! Several rows in one message.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Reply, World};

const TYPE: &str = "Microsoft.Dynamics.CRM.contact";

async fn send(world: &World, name: &str, targets: Value) -> Reply {
    let path = format!("contacts/Microsoft.Dynamics.CRM.{name}");
    world.post(&path, json!({"Targets": targets})).await
}

async fn last_names(world: &World) -> Vec<Value> {
    let path = "contacts?$select=lastname&$filter=startswith(lastname,'multiple')&$orderby=lastname";
    let found = world.get(path).await.ok();
    found.rows().iter().map(|row| row["lastname"].clone()).collect()
}

fn new(last_name: &str) -> Value {
    json!({"@odata.type": TYPE, "lastname": last_name})
}

#[tokio::test]
async fn rows_are_made_changed_and_made_where_they_are_not_there() {
    let world = World::new().await;
    let made = send(&world, "CreateMultiple", json!([new("multiple a"), new("multiple b")])).await.ok();
    assert_eq!(made.status, 200);
    let context = made.json["@odata.context"].as_str().unwrap();
    assert!(context.ends_with("/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"), "{context}");
    let ids: Vec<Uuid> = serde_json::from_value(made.json["Ids"].clone()).unwrap();
    assert_eq!(last_names(&world).await, ["multiple a", "multiple b"]);

    let changed = send(
        &world,
        "UpdateMultiple",
        json!([
            {"@odata.type": TYPE, "contactid": ids[0], "lastname": "multiple c"},
            {"@odata.type": TYPE, "@odata.id": format!("contacts({})", ids[1]), "lastname": "multiple d"},
        ]),
    )
    .await;
    assert_eq!((changed.status.as_u16(), changed.text.as_str()), (204, ""));
    assert_eq!(last_names(&world).await, ["multiple c", "multiple d"]);

    let fresh = Uuid::from_u128(0x77);
    let upserted = send(
        &world,
        "UpsertMultiple",
        json!([
            {"@odata.type": TYPE, "contactid": ids[0], "lastname": "multiple e"},
            {"@odata.type": TYPE, "contactid": fresh, "lastname": "multiple f"},
        ]),
    )
    .await;
    assert_eq!(upserted.status, 204, "{}", upserted.text);
    assert_eq!(last_names(&world).await, ["multiple d", "multiple e", "multiple f"]);
    world.get(&format!("contacts({fresh})")).await.ok();
}

#[tokio::test]
async fn one_that_is_refused_ends_all() {
    let world = World::new().await;
    let wrong = json!({"@odata.type": TYPE, "lastname": "x", "nonsense": 1});
    send(&world, "CreateMultiple", json!([new("multiple g"), wrong])).await.refused(400, "0x80048d19");
    let missing = json!({"@odata.type": TYPE, "contactid": Uuid::from_u128(5), "lastname": "multiple h"});
    let there = send(&world, "CreateMultiple", json!([new("multiple i")])).await.ok().json["Ids"][0].clone();
    let both = json!([{"@odata.type": TYPE, "contactid": there, "lastname": "multiple j"}, missing]);
    send(&world, "UpdateMultiple", both).await.refused(404, "0x80040217");
    assert_eq!(last_names(&world).await, ["multiple i"]);
}

#[tokio::test]
async fn what_is_no_list_of_typed_rows_is_refused_by_name() {
    let world = World::new().await;
    let said = send(&world, "CreateMultiple", json!([{"lastname": "x"}])).await;
    assert!(said.refused(400, "0x80048d19").contains("@odata.type"));
    let said = send(&world, "UpdateMultiple", json!([new("x")])).await;
    assert!(said.refused(400, "0x8004031f").contains("contactid"), "{}", said.text);
    let said = send(&world, "CreateMultiple", json!({"lastname": "x"})).await;
    assert!(said.refused(400, "0x80048d19").contains("Targets"));
    let said = send(&world, "DeleteMultiple", json!([])).await;
    assert_eq!(said.refused(400, "0x80060888"), "DeleteMultiple has not yet been implemented.");
    let said = send(&world, "UpsertMultiple", json!([])).await;
    assert!(said.refused(400, "0x80048d19").contains("no items"));
    let two = json!([{"@odata.type": TYPE, "@odata.id": format!("contacts({})", Uuid::from_u128(1)), "contactid": Uuid::from_u128(2)}]);
    let said = send(&world, "UpdateMultiple", two).await;
    assert!(said.refused(400, "0x80048d19").contains("another in 'contactid'"), "{}", said.text);
    let account = json!([{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "x"}]);
    send(&world, "CreateMultiple", account).await.refused(400, "0x80048d19");
    let path = "contacts/Microsoft.Dynamics.CRM.CreateMultiple";
    world.send(&world.admin, Method::GET, path, &[], None).await.refused(405, "0x80060888");
}

#[tokio::test]
async fn every_right_is_asked_for() {
    let world = World::new().await;
    let (writer, user) = world.application_user(9, "multiple-writer").await;
    let role = world.role("multiple writers", &[("prvReadContact", "Global"), ("prvWriteContact", "Global")]).await;
    world.assign(user, role).await.ok();
    let targets =
        json!({"Targets": [{"@odata.type": TYPE, "contactid": Uuid::from_u128(6), "lastname": "multiple k"}]});
    let path = |name: &str| format!("contacts/Microsoft.Dynamics.CRM.{name}");
    let said = world.send(&writer, Method::POST, &path("UpsertMultiple"), &[], Some(targets)).await;
    assert!(said.refused(403, "0x80040220").contains("prvCreateContact"), "{}", said.text);
    let targets = json!({"Targets": [new("multiple l")]});
    let said = world.send(&writer, Method::POST, &path("CreateMultiple"), &[], Some(targets)).await;
    assert!(said.refused(403, "0x80040220").contains("prvCreateContact"), "{}", said.text);
}
