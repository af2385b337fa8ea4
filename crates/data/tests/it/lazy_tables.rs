//! Tables that are made when they are first used.

use keyholder_data::SchemaChange;
use serde_json::json;

use crate::World;
use crate::world::BASE;

/// A world without sample rows.
async fn empty() -> World {
    World::with(|config| config.sample_rows = 0).await
}

async fn has(world: &World, table: &str) -> bool {
    world.organization.made_tables().await.unwrap().iter().any(|made| made == table)
}

#[tokio::test]
async fn a_table_is_made_by_whoever_first_reads_or_writes_it() {
    let world = empty().await;
    assert!(has(&world, "systemuser").await && !has(&world, "account").await && !has(&world, "contact").await);

    assert_eq!(world.get("accounts?$select=name").await.ok().rows().len(), 0);
    assert!(has(&world, "account").await && !has(&world, "contact").await);

    let contact = world.post("contacts", json!({ "lastname": "Lindeholm" })).await.ok().id();
    assert_eq!(world.get(&format!("contacts({contact})")).await.ok().json["lastname"], json!("Lindeholm"));
    assert!(has(&world, "contact").await);
}

#[tokio::test]
async fn who_may_not_read_a_table_does_not_make_it() {
    let world = empty().await;
    let (caller, _) = world.application_user(5, "reader").await;
    world.get_as(&caller, "accounts").await.refused(403, "0x80042f09");
    assert!(!has(&world, "account").await);
}

#[tokio::test]
async fn a_deleted_row_is_let_go_where_there_are_rows_and_nowhere_else() {
    let world = empty().await;
    let account = world.post("accounts", json!({ "name": "Yarrowbay" })).await.ok().id();
    let child = json!({ "name": "Yarrowbay South", "parentaccountid@odata.bind": format!("/accounts({account})") });
    let child = world.post("accounts", child).await.ok().id();
    world.delete(&format!("accounts({account})")).await.ok();
    let row = world.get(&format!("accounts({child})?$select=_parentaccountid_value")).await.ok().json;
    assert_eq!(row["_parentaccountid_value"], json!(null));
    // Contacts point at accounts too, but nobody has used that table.
    assert!(!has(&world, "contact").await);
}

#[tokio::test]
async fn a_table_made_while_the_org_runs_is_there_at_once() {
    let world = empty().await;
    world.get("new_things").await.refused(404, "0x80060888");
    let change = |value: serde_json::Value| serde_json::from_value(value).unwrap();
    let table = change(json!({
        "logical_name": "new_thing", "schema_name": "new_Thing", "entity_set": "new_things", "display_name": "Thing",
        "ownership": "organization", "primary_id": "new_thingid", "columns": [
            { "name": "new_thingid", "label": "Thing", "kind": "guid" },
            { "name": "new_name", "label": "Name", "kind": { "text": { "max_length": 10 } } },
        ],
    }));
    let pairs = serde_json::from_value(json!({
        "name": "new_thing_account", "intersect": "new_thing_account",
        "first": { "table": "new_thing", "column": "new_thingid", "navigation": "new_thing_account" },
        "second": { "table": "account", "column": "accountid", "navigation": "new_thing_account" },
    }))
    .unwrap();
    let changes = vec![SchemaChange::AddTable(Box::new(table)), SchemaChange::AddManyToMany(Box::new(pairs))];
    assert_eq!(world.organization.change_schema(changes).await.unwrap(), Vec::<String>::new());

    assert!(!has(&world, "new_thing").await, "nobody has used it");
    let thing = world.post("new_things", json!({ "new_name": "Ärmel" })).await.ok().id();
    let account = world.post("accounts", json!({ "name": "Yarrowbay" })).await.ok().id();
    let link = json!({ "@odata.id": format!("{BASE}/new_things({thing})") });
    world.post(&format!("accounts({account})/new_thing_account/$ref"), link).await.ok();
    let related = world.get(&format!("accounts({account})/new_thing_account?$filter=new_name eq 'arMEL'")).await.ok();
    assert_eq!(related.rows().len(), 1, "{}", related.text);

    world.organization.change_schema(vec![SchemaChange::DeleteManyToMany("new_thing_account".into())]).await.unwrap();
    world.get(&format!("accounts({account})/new_thing_account")).await.refused(404, "0x80060888");
    world.get(&format!("new_things({thing})")).await.ok();
}

#[tokio::test]
async fn whoever_goes_for_good_or_moves_makes_no_tables() {
    let world = empty().await;
    let (_, user) = world.application_user(5, "leaver").await;
    let unit = json!({ "name": "North", "parentbusinessunitid@odata.bind": world.root_unit().await });
    let unit = world.post("businessunits", unit).await.ok().id();
    let before = world.organization.made_tables().await.unwrap();
    let moved = json!({ "businessunitid@odata.bind": format!("/businessunits({unit})") });
    world.patch(&format!("systemusers({user})"), moved).await.ok();
    world.patch(&format!("systemusers({user})"), json!({ "isdisabled": true })).await.ok();
    world.delete(&format!("systemusers({user})")).await.ok();
    world.delete(&format!("systemusers({user})")).await.ok();
    assert_eq!(world.organization.made_tables().await.unwrap(), before);
}
