//! Several nodes on one schema of PostgreSQL: what one changes, the other's very next request sees.

use std::sync::Arc;

use http::{Method, StatusCode};
use keyholder_data::SchemaChange;
use keyholder_foundation::SeededRandom;
use keyholder_store::DatabaseOptions;
use serde_json::json;

use crate::World;

/// Two nodes of one org, each with its own memory of schema and callers; nothing where no server can be
/// started.
async fn two() -> Option<(World, World)> {
    // One run of these is enough.
    if keyholder_cluster::is_second_run() {
        return None;
    }
    let cluster = keyholder_cluster::server()?;
    let schema = cluster.fresh_schema();
    let server = keyholder_cluster::connect(&cluster.url("postgres"));
    let node = |seed| {
        let database = DatabaseOptions::postgresql(&server, &schema).readers(2);
        World::with(move |config| {
            config.database = database;
            // Nodes do not give the same ids.
            config.random = Arc::new(SeededRandom::new(seed));
        })
    };
    Some((node(1).await, node(2).await))
}

#[tokio::test]
async fn what_one_node_wrote_the_other_reads_in_either_direction() {
    let Some((here, there)) = two().await else { return };
    for number in 0..6 {
        let (writes, reads) = if number % 2 == 0 { (&here, &there) } else { (&there, &here) };
        let made = writes.post("contacts", json!({ "lastname": format!("Number {number}") })).await.ok().id();
        let read = reads.get(&format!("contacts({made})?$select=lastname")).await.ok();
        assert_eq!(read.json["lastname"], format!("Number {number}"));
    }
    // Row versions are given in the order in which they become visible, whoever gives them.
    let versions = here.get("contacts?$select=versionnumber&$orderby=createdon,contactid").await.ok();
    let mut numbers: Vec<_> = versions.rows().iter().map(|row| row["versionnumber"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), versions.rows().len());
}

#[tokio::test]
async fn a_changed_role_and_a_disabled_user_are_seen_by_the_next_request_elsewhere() {
    let Some((here, there)) = two().await else { return };
    // Both nodes ask one directory.
    there.register(7, "worker");
    let (worker, user) = here.application_user(7, "worker").await;
    let role = here.role("Readers", &[("prvReadContact", "Global")]).await;
    let ask = || there.get_as(&worker, "contacts?$select=contactid&$top=1");
    assert_eq!(ask().await.status, StatusCode::FORBIDDEN);
    for _ in 0..3 {
        here.assign(user, role).await.ok();
        assert_eq!(ask().await.status, StatusCode::OK);
        here.delete(&format!("systemusers({user})/systemuserroles_association({role})/$ref")).await.ok();
        assert_eq!(ask().await.status, StatusCode::FORBIDDEN);
    }
    here.assign(user, role).await.ok();
    for disabled in [true, false, true] {
        here.patch(&format!("systemusers({user})"), json!({ "isdisabled": disabled })).await.ok();
        let expected = if disabled { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(ask().await.status, expected);
    }
}

#[tokio::test]
async fn a_new_column_and_a_table_that_is_gone_are_seen_by_the_next_request_elsewhere() {
    let Some((here, there)) = two().await else { return };
    let contact = there.post("contacts", json!({ "lastname": "Old" })).await.ok().id();
    let path = format!("contacts({contact})");
    let text = json!({ "name": "new_colour", "label": "Colour", "kind": { "text": { "max_length": 10 } } });
    let column = serde_json::from_value(text).unwrap();
    here.organization.change_schema(vec![SchemaChange::AddColumn("contact".into(), column)]).await.unwrap();
    there.patch(&path, json!({ "new_colour": "green" })).await.ok();
    assert_eq!(here.get(&format!("{path}?$select=new_colour")).await.ok().json["new_colour"], "green");

    let table: keyholder_dataverse::schema::TableDefinition = serde_json::from_value(json!({
        "logical_name": "new_thing", "schema_name": "new_Thing", "entity_set": "new_things", "display_name": "Thing",
        "ownership": "organization", "primary_id": "new_thingid",
        "columns": [{ "name": "new_thingid", "label": "Thing", "kind": "guid" }],
    }))
    .unwrap();
    let table = Box::new(table);
    for _ in 0..2 {
        here.organization.change_schema(vec![SchemaChange::AddTable(table.clone())]).await.unwrap();
        there.post("new_things", json!({})).await.ok();
        assert_eq!(here.get("new_things").await.ok().rows().len(), 1);
        there.organization.change_schema(vec![SchemaChange::DeleteTable("new_thing".into())]).await.unwrap();
        assert_eq!(here.send(&here.admin, Method::GET, "new_things", &[], None).await.status, StatusCode::NOT_FOUND);
    }
    here.organization
        .change_schema(vec![SchemaChange::DeleteColumn("contact".into(), "new_colour".into())])
        .await
        .unwrap();
    assert_eq!(there.get(&format!("{path}?$select=new_colour")).await.status, StatusCode::BAD_REQUEST);
    there.get(&path).await.ok();
}

#[tokio::test]
async fn nodes_that_write_at_once_keep_every_row_and_every_rule() {
    let Some((here, there)) = two().await else { return };
    let (here, there) = (Arc::new(here), Arc::new(there));
    let mut writing = Vec::new();
    for number in 0..24 {
        let node = if number % 2 == 0 { here.clone() } else { there.clone() };
        writing.push(tokio::spawn(async move {
            node.post("contacts", json!({ "lastname": format!("Racer {number}") })).await.status
        }));
    }
    for written in writing {
        assert_eq!(written.await.unwrap(), StatusCode::NO_CONTENT);
    }
    let racers = here.get("contacts?$select=lastname,versionnumber&$filter=startswith(lastname,'Racer')").await.ok();
    let mut versions: Vec<_> = racers.rows().iter().map(|row| row["versionnumber"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 24);
}
