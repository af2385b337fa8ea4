//! Which messages the rows of a table answer, as programs look it up.

use keyholder_data::SchemaChange;
use serde_json::json;

use crate::World;

/// The documented question whether a table has a message: the rows of the filter.
async fn answers(world: &World, message: &str, table: &str) -> bool {
    let path = format!(
        "sdkmessagefilters?$select=sdkmessagefilterid&$filter=sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{table}'"
    );
    let rows = world.get(&path).await.ok().rows().len();
    assert!(rows <= 1, "{message} of {table}: {rows}");
    rows == 1
}

#[tokio::test]
async fn programs_find_the_messages_that_a_table_answers() {
    let world = World::new().await;
    for (message, table, expected) in [
        ("CreateMultiple", "account", true),
        ("UpsertMultiple", "contact", true),
        ("CreateMultiple", "systemuser", false),
        ("Create", "systemuser", true),
        ("Assign", "account", true),
        ("Assign", "businessunit", false),
        ("Delete", "activitypointer", true),
        ("Win", "opportunity", true),
        ("Win", "account", false),
        ("CreateMultiple", "nonsense", false),
        ("DeleteMultiple", "account", false),
    ] {
        assert_eq!(answers(&world, message, table).await, expected, "{message} of {table}");
    }
    // The same from FetchXML, and by way of the message.
    let fetch = "<fetch><entity name='sdkmessage'><attribute name='name'/><filter><condition attribute='name' operator='eq' \
                 value='UpdateMultiple'/></filter><link-entity name='sdkmessagefilter' from='sdkmessageid' to='sdkmessageid'>\
                 <filter><condition attribute='primaryobjecttypecode' operator='eq' value='contact'/></filter></link-entity>\
                 </entity></fetch>";
    let found = world.get(&crate::fetching::address("sdkmessages", fetch)).await.ok();
    assert_eq!(found.rows().len(), 1, "{}", found.text);
    // Whoever has any role may look.
    let (caller, user) = world.application_user(2, "bulk").await;
    world.assign(user, world.role("nothing", &[]).await).await.ok();
    world.get_as(&caller, "sdkmessages?$select=name&$filter=name eq 'CreateMultiple'").await.ok();
}

#[tokio::test]
async fn messages_follow_the_tables() {
    let world = World::new().await;
    assert!(!answers(&world, "CreateMultiple", "new_thing").await);
    let table = json!({
        "logical_name": "new_thing", "schema_name": "new_Thing", "entity_set": "new_things", "display_name": "Thing",
        "ownership": "organization", "primary_id": "new_thingid", "columns": [
            { "name": "new_thingid", "label": "Thing", "kind": "guid" },
            { "name": "new_name", "label": "Name", "kind": { "text": { "max_length": 10 } } },
        ],
    });
    let table = SchemaChange::AddTable(Box::new(serde_json::from_value(table).unwrap()));
    world.organization.change_schema(vec![table]).await.unwrap();
    assert!(answers(&world, "CreateMultiple", "new_thing").await);
    assert!(!answers(&world, "Assign", "new_thing").await, "nobody owns its rows");
    world.organization.change_schema(vec![SchemaChange::DeleteTable("new_thing".into())]).await.unwrap();
    assert!(!answers(&world, "CreateMultiple", "new_thing").await);
}
