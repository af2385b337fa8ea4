//! Tables that come from elsewhere: imported, imported again, and used.

use std::process::Command;

use keyholder_data::Imported;
use keyholder_dataverse::Verb;
use keyholder_dataverse::csdl::{self, Provenance};
use keyholder_dataverse::schema::{ColumnKind, Ownership, SchemaDefinition, TableDefinition};
use serde_json::{Value, json};

use crate::World;
use crate::report::shared;
use crate::world::BASE;

fn schema(columns: &[Value]) -> SchemaDefinition {
    let mut all = vec![json!({ "name": "new_visitid", "label": "Visit", "kind": "guid" })];
    all.extend_from_slice(columns);
    let table = json!({
        "logical_name": "new_visit", "schema_name": "new_Visit", "entity_set": "new_visits", "display_name": "Visit",
        "ownership": "organization", "primary_id": "new_visitid", "primary_name": "new_name", "columns": all,
    });
    serde_json::from_value(json!({ "tables": [table] })).unwrap()
}

fn text(name: &str, length: u32) -> Value {
    json!({ "name": name, "label": name, "kind": { "text": { "max_length": length } } })
}

async fn import(world: &World, schema: SchemaDefinition) -> Imported {
    world.organization.import_schema(schema, Provenance::default()).await.unwrap()
}

/// Imports a metadata document, with a side file or without.
async fn import_document(world: &World, document: &str, side: Option<Value>) -> Imported {
    let reading = csdl::read("org.xml", document.as_bytes()).unwrap();
    let mut definition = reading.definition;
    let mut provenance = Provenance { documents: reading.lengths, ..Provenance::default() };
    if let Some(side) = side {
        provenance.told = serde_json::from_value(side).unwrap();
        csdl::tell("side.json", &mut definition, &provenance.told).unwrap();
    }
    world.organization.import_schema(definition, provenance).await.unwrap()
}

const VISITS: &str = include_str!("../../../../examples/visits.xml");

/// What a side file tells of the visits.
fn side() -> Value {
    json!({ "tables": { "new_visit": {
        "display_name": "Call", "schema_name": "new_Visit", "primary_name": "new_title",
        "keys": { "new_bynumber": ["new_number"] },
        "columns": {
            "new_outcome": { "label": "Result", "options": [{ "value": 7, "label": "Good" }] },
            "new_title": { "max_length": 20 },
        },
    } } })
}

async fn definition_of_visits(world: &World) -> String {
    let path = "EntityDefinitions(LogicalName='new_visit')?$expand=Attributes,Keys";
    world.get(path).await.ok().text
}

#[tokio::test]
async fn a_document_takes_nothing_away_that_it_does_not_say() {
    let world = World::new().await;
    let first = import_document(&world, VISITS, Some(side())).await;
    assert_eq!((first.new.as_slice(), first.differences.len()), (&["new_visit".to_owned()][..], 0));
    let known = definition_of_visits(&world).await;
    for text in ["\"Call\"", "\"Result\"", "new_Visit", "new_bynumber", "\"MaxLength\":20,"] {
        assert!(known.contains(text), "{text}: {known}");
    }

    let silent = import_document(&world, VISITS, None).await;
    assert_eq!((silent.changed.as_slice(), silent.columns), (&[][..], 0), "{silent:?}");
    assert_eq!(silent.differences, ["`new_visit`: its key `new_bynumber` over new_number is not there, and stays"]);
    assert_eq!(definition_of_visits(&world).await, known);
    world.post("new_visits", json!({ "new_outcome": 8 })).await.refused(400, "0x8004431a");
    world.post("new_visits", json!({ "new_title": "longer than twenty letters" })).await.refused(400, "0x80044331");

    // The org's own document says no more.
    let own = import_document(&world, &world.get("$metadata").await.ok().text, None).await;
    assert_eq!((own.new.as_slice(), own.changed.as_slice(), &own.differences[..]), (&[][..], &[][..], &[][..]));
    assert_eq!((own.columns, own.lookups, own.many_to_many), (0, 0, 0));
    assert_eq!(definition_of_visits(&world).await, known);

    // What does say something counts.
    let told = json!({ "tables": { "new_visit": { "columns": { "new_outcome": { "label": "Outcome" } } } } });
    let said = import_document(&world, VISITS, Some(told)).await;
    assert_eq!(said.changed, ["new_visit"]);
    assert_eq!(definition_of_visits(&world).await, known.replace("\"Result\"", "\"Outcome\""));
}

#[tokio::test]
async fn the_metadata_document_of_a_new_org_changes_nothing_in_it() {
    let world = World::new().await;
    let document = world.get("$metadata").await.ok().text;
    let own = import_document(&world, &document, None).await;
    assert_eq!((own.new.as_slice(), own.changed.as_slice(), &own.differences[..]), (&[][..], &[][..], &[][..]));
    assert_eq!((own.kept, own.columns, own.lookups, own.many_to_many), (0, 0, 0, 0));
    assert_eq!(world.get("$metadata").await.ok().text, document);
}

/// A document of stages, visits that have one by a plain id, and calls, which are activities.
fn staged() -> String {
    let entity = |name: &str, base: &str, id: &str, inner: &str| {
        format!(
            "<EntityType Name=\"{name}\" BaseType=\"mscrm.{base}\"><Key><PropertyRef Name=\"{id}\"/></Key>\
             <Property Name=\"{id}\" Type=\"Edm.Guid\"/>{inner}</EntityType>"
        )
    };
    let stage = entity(
        "new_stage",
        "crmbaseentity",
        "new_stageid",
        "<Property Name=\"new_name\" Type=\"Edm.String\"/>\
         <NavigationProperty Name=\"new_stage_visits\" Type=\"Collection(mscrm.new_visit)\" Partner=\"stageid_new_stage\"/>",
    );
    let visit = entity(
        "new_visit",
        "crmbaseentity",
        "new_visitid",
        "<Property Name=\"new_name\" Type=\"Edm.String\"/><Property Name=\"stageid\" Type=\"Edm.Guid\"/>\
         <NavigationProperty Name=\"stageid_new_stage\" Type=\"mscrm.new_stage\" Partner=\"new_stage_visits\">\
         <ReferentialConstraint Property=\"stageid\" ReferencedProperty=\"new_stageid\"/></NavigationProperty>",
    );
    let pointer = "<EntityType Name=\"activitypointer\" BaseType=\"mscrm.crmbaseentity\" Abstract=\"true\"><Key>\
         <PropertyRef Name=\"activityid\"/></Key><Property Name=\"activityid\" Type=\"Edm.Guid\"/>\
         <Property Name=\"subject\" Type=\"Edm.String\"/><Property Name=\"_ownerid_value\" Type=\"Edm.Guid\"/>\
         <Property Name=\"_owningbusinessunit_value\" Type=\"Edm.Guid\"/>\
         <Property Name=\"new_mood\" Type=\"Edm.String\"/><NavigationProperty Name=\"activity_pointer_new_call\" Type=\"Collection(mscrm.new_call)\" \
         Partner=\"activityid_activitypointer\"/></EntityType>";
    // Without a constraint, as activities have it.
    let call = "<EntityType Name=\"new_call\" BaseType=\"mscrm.activitypointer\"><Property Name=\"new_length\" Type=\"Edm.Int32\"/>\
         <NavigationProperty Name=\"activityid_activitypointer\" Type=\"mscrm.activitypointer\" \
         Partner=\"activity_pointer_new_call\"/></EntityType>";
    let sets = [
        ("new_stage", "new_stages"),
        ("new_visit", "new_visits"),
        ("activitypointer", "activitypointers"),
        ("new_call", "new_calls"),
    ];
    let sets = sets
        .map(|(name, set)| format!("<EntitySet Name=\"{set}\" EntityType=\"Microsoft.Dynamics.CRM.{name}\"/>"))
        .concat();
    format!(
        "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>\
         <Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\
         <EntityType Name=\"crmbaseentity\" Abstract=\"true\"/>{stage}{visit}{pointer}{call}\
         <EntityContainer Name=\"System\">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    )
}

#[tokio::test]
async fn a_plain_id_is_followed_both_ways_and_never_set_by_what_it_names() {
    let world = World::new().await;
    import_document(&world, &staged(), None).await;
    let stage = world.post("new_stages", json!({ "new_name": "First" })).await.ok().id();
    let visit = world.post("new_visits", json!({ "new_name": "Oda", "stageid": stage })).await.ok().id();
    let expand = "$select=new_name,stageid&$expand=stageid_new_stage($select=new_name)";
    let row = world.get(&format!("new_visits({visit})?{expand}")).await.ok().json;
    assert_eq!((&row["stageid"], &row["stageid_new_stage"]["new_name"]), (&json!(stage), &json!("First")));
    let found = world.get("new_visits?$select=new_name&$filter=stageid_new_stage/new_name eq 'first'").await.ok();
    assert_eq!(found.rows().len(), 1);
    let back = world.get(&format!("new_stages({stage})?$expand=new_stage_visits($select=new_name)")).await.ok().json;
    assert_eq!(back["new_stage_visits"][0]["new_name"], "Oda");
    assert_eq!(world.get(&format!("new_visits({visit})/stageid_new_stage")).await.ok().json["new_name"], "First");
    let known = "RelationshipDefinitions/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata?$filter=SchemaName eq 'new_stage_visits'";
    assert_eq!(world.get(known).await.ok().rows()[0]["ReferencingAttribute"], "stageid");

    let bind = json!({ "stageid_new_stage@odata.bind": format!("/new_stages({stage})") });
    let refused = world.patch(&format!("new_visits({visit})"), bind).await;
    assert!(refused.status.as_u16() == 501 && refused.text.contains("'stageid'"), "{}", refused.text);
    let refused = world.post(&format!("new_stages({stage})/new_stage_visits"), json!({ "new_name": "x" })).await;
    assert_eq!(refused.status.as_u16(), 501, "{}", refused.text);
    // What the row was of is gone, and the id stays what it was.
    world.delete(&format!("new_stages({stage})")).await.ok();
    let row = world.get(&format!("new_visits({visit})?{expand}")).await.ok().json;
    assert_eq!((&row["stageid"], &row["stageid_new_stage"]), (&json!(stage), &Value::Null));
    assert_eq!(world.get(&format!("new_visits({visit})/stageid_new_stage")).await.status.as_u16(), 204);

    let call = world.post("new_calls", json!({ "subject": "Hello" })).await.ok().id();
    let row =
        world.get(&format!("new_calls({call})?$expand=activityid_activitypointer($select=subject)")).await.ok().json;
    assert_eq!(row["activityid_activitypointer"]["subject"], "Hello");
    let every =
        world.get("activitypointers?$select=subject&$expand=activity_pointer_new_call($select=new_length)").await.ok();
    let found = every.rows().iter().find(|row| row["activityid"] == json!(call)).unwrap();
    assert_eq!(found["activity_pointer_new_call"][0]["activityid"], json!(call));

    // What all activities have, those have too that the document did not tell of.
    world.post("tasks", json!({ "subject": "Wait", "new_mood": "fine" })).await.ok();
    let own = import_document(&world, &world.get("$metadata").await.ok().text, None).await;
    assert!(
        own.new.is_empty() && !own.changed.iter().any(|table| table == "new_visit" || table == "new_stage"),
        "{own:?}"
    );
}

#[tokio::test]
async fn a_relationship_or_key_that_is_another_there_is_said() {
    let world = World::new().await;
    let with = |first: &str, keys: Value| {
        let mut all = serde_json::to_value(schema(&[text("new_name", 5)])).unwrap();
        all["tables"][0]["keys"] = keys;
        let end = |table: &str, column: &str| json!({ "table": table, "column": column, "navigation": "new_visitors" });
        all["many_to_many"] = json!([{ "name": "new_visitors", "intersect": "new_visitors",
            "first": end(first, &format!("{first}id")), "second": end("new_visit", "new_visitid") }]);
        all["tables"].as_array_mut().unwrap().push(json!({
            "logical_name": "new_visitors", "schema_name": "new_visitors", "display_name": "Visitors", "ownership": "none",
            "primary_id": "new_visitorsid", "columns": [
                { "name": "new_visitorsid", "label": "Id", "kind": "guid" },
                { "name": format!("{first}id"), "label": "One", "kind": "guid" },
                { "name": "new_visitid", "label": "Other", "kind": "guid" },
            ],
        }));
        serde_json::from_value(all).unwrap()
    };
    import(&world, with("contact", json!([["new_byname", ["new_name"]]]))).await;
    let other = import(&world, with("account", json!([]))).await;
    assert_eq!(
        other.differences,
        [
            "`new_visit`: its key `new_byname` over new_name is not there, and stays",
            "`new_visitors`.`contactid`: it is not there any more, and stays",
            "relationship `new_visitors`: it is of `account`.`new_visitors` and `new_visit`.`new_visitors` there and was of \
             `contact`.`new_visitors` and `new_visit`.`new_visitors`, which it stays",
        ]
    );
}

#[tokio::test]
async fn what_a_side_file_asks_for_in_vain_is_said() {
    let world = World::new().await;
    import_document(&world, VISITS, None).await;
    let mut side = side();
    side["tables"]["account"] = json!({ "display_name": "Client" });
    side["tables"]["new_visit"]["ownership"] = json!("user");
    let done = import_document(&world, VISITS, Some(side)).await;
    assert_eq!(
        done.differences,
        [
            "`account`: `display_name` \"Client\" was asked for, \"Account\" stays: what ships counts",
            "`new_visit`: its rows' owner is User there and was Organization, which it stays",
            "`new_visit`.`new_title`: `max_length` 20 was asked for, 1048576 stays: rows may have longer texts already",
        ]
    );
    assert!(definition_of_visits(&world).await.contains("\"Result\""));
}

#[tokio::test]
async fn importing_again_migrates_and_takes_nothing_away() {
    let world = World::new().await;
    let first = import(&world, schema(&[text("new_name", 5), text("new_old", 10)])).await;
    assert_eq!((first.new.as_slice(), first.columns), (&["new_visit".to_owned()][..], 3));
    let row = world.post("new_visits", json!({ "new_name": "Oda", "new_old": "kept" })).await.ok().id();
    world.post("new_visits", json!({ "new_name": "too long" })).await.refused(400, "0x80044331");

    let same = import(&world, schema(&[text("new_name", 5), text("new_old", 10)])).await;
    assert_eq!((same.unchanged, same.changed.len(), same.new.len()), (1, 0, 0));

    // Longer, more, one column less, and one that holds something else.
    let number = json!({ "name": "new_old", "label": "Old", "kind": "big_integer" });
    let again = import(&world, schema(&[text("new_name", 50), text("new_more", 10), number])).await;
    assert_eq!((again.changed.as_slice(), again.columns), (&["new_visit".to_owned()][..], 1));
    assert_eq!(again.differences, ["`new_visit`.`new_old`: Edm.Int64 there and was Edm.String, which it stays"]);
    let body = json!({ "new_name": "longer than five", "new_more": "more" });
    world.patch(&format!("new_visits({row})"), body).await.ok();
    let read = world.get(&format!("new_visits({row})?$select=new_name,new_old,new_more")).await.ok().json;
    assert_eq!(
        (&read["new_name"], &read["new_old"], &read["new_more"]),
        (&json!("longer than five"), &json!("kept"), &json!("more"))
    );

    let shorter = import(&world, schema(&[text("new_name", 5)])).await;
    assert_eq!(shorter.differences.len(), 3, "{:?}", shorter.differences);
    world.patch(&format!("new_visits({row})"), json!({ "new_name": "still longer than five" })).await.ok();
    world.get(&format!("new_visits({row})?$select=new_old,new_more")).await.ok();
}

#[tokio::test]
async fn the_metadata_document_has_sets_that_are_called_as_their_tables() {
    let world = World::new().await;
    let mut alike = schema(&[text("new_name", 5)]);
    alike.tables[0].entity_set = Some("new_visit".to_owned());
    import(&world, alike).await;
    world.get("new_visit").await.ok();
    let document = world.get("$metadata").await.ok().text;
    assert!(document.contains("<EntitySet Name=\"new_visit\" EntityType=\"Microsoft.Dynamics.CRM.new_visit\""));
    let service = world.get("").await.ok().json;
    let sets: std::collections::BTreeSet<_> =
        service["value"].as_array().unwrap().iter().map(|set| set["name"].as_str().unwrap()).collect();
    let read = csdl::read("ours.xml", document.as_bytes()).unwrap().definition;
    assert_eq!(
        read.tables.iter().filter_map(|table| table.entity_set.as_deref()).collect::<std::collections::BTreeSet<_>>(),
        sets
    );
}

#[tokio::test]
async fn what_cannot_be_used_is_named_and_changes_nothing() {
    let world = World::new().await;
    let twice = schema(&[text("new_name", 5), text("new_name", 5)]);
    let refused = world.organization.import_schema(twice, Provenance::default()).await.unwrap_err().to_string();
    assert!(refused.contains("new_visit") && refused.contains("two columns `new_name`"), "{refused}");
    world.get("new_visits").await.refused(404, "0x80060888");
}

#[tokio::test]
async fn a_shipped_table_gets_what_is_new_and_keeps_what_counts() {
    let world = World::new().await;
    let table = json!({
        "logical_name": "account", "schema_name": "Account", "entity_set": "accounts", "display_name": "Client",
        "ownership": "organization", "primary_id": "accountid", "columns": [
            { "name": "accountid", "label": "Account", "kind": "guid" },
            { "name": "name", "label": "Name", "kind": "big_integer" },
            { "name": "new_rank", "label": "Rank", "kind": { "integer": { "min": 0, "max": 9 } } },
        ],
    });
    let done = import(&world, serde_json::from_value(json!({ "tables": [table] })).unwrap()).await;
    assert_eq!((done.changed.as_slice(), done.columns), (&["account".to_owned()][..], 1));
    assert_eq!(done.differences, ["`account`.`name`: Edm.Int64 there, Edm.String in what ships, which counts"]);
    // The table has rows already.
    let row = world.post("accounts", json!({ "name": "Yarrowbay", "new_rank": 3 })).await.ok().id();
    let read = world.get(&format!("accounts({row})")).await.ok().json;
    assert_eq!((&read["new_rank"], &read["_ownerid_value"]), (&json!(3), &json!(world.admin_user)));
    world.post("accounts", json!({ "name": "Yarrowby", "new_rank": 10 })).await.refused(400, "0x8004432f");
}

#[tokio::test]
async fn columns_that_the_platform_fills_elsewhere_can_hold_something_else_here() {
    let world = World::new().await;
    let currency = json!({ "name": "transactioncurrencyid", "label": "Currency", "kind": { "lookup": { "targets": [
        { "table": "transactioncurrency", "navigation": "transactioncurrencyid" } ] } } });
    let number = json!({ "name": "createdon", "label": "Made", "kind": "big_integer" });
    import(&world, schema(&[text("new_name", 50), text("exchangerate", 50), text("ownerid", 50), currency, number]))
        .await;
    let known = world.get("transactioncurrencies?$select=transactioncurrencyid").await.ok();
    let known = known.rows()[0]["transactioncurrencyid"].as_str().unwrap().to_owned();
    let bound =
        json!({ "new_name": "Oda", "transactioncurrencyid@odata.bind": format!("/transactioncurrencies({known})") });
    let row = world.post("new_visits", bound).await.ok().id();
    world.patch(&format!("new_visits({row})"), json!({ "exchangerate": "as agreed" })).await.ok();
    let read = world.get(&format!("new_visits({row})?$select=exchangerate,createdon")).await.ok().json;
    assert_eq!((&read["exchangerate"], &read["createdon"]), (&json!("as agreed"), &Value::Null));
}

#[tokio::test]
async fn roles_grant_imported_tables_and_the_org_holds_callers_to_them() {
    let world = World::new().await;
    import(&world, schema(&[text("new_name", 50)])).await;
    let (caller, user) = world.application_user(11, "visitor").await;
    let role = world.role("Visitor", &[("prvReadnew_Visit", "Global")]).await;
    world.assign(user, role).await.ok();
    world.get_as(&caller, "new_visits").await.ok();
    let body = Some(json!({ "new_name": "Oda" }));
    let refused = world.send(&caller, http::Method::POST, "new_visits", &[], body).await;
    assert!(refused.refused(403, "0x80040220").contains("prvCreatenew_Visit"), "{}", refused.text);
}

#[tokio::test]
async fn what_was_imported_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("org.db");
    let open = || World::with(|config| config.database = keyholder_store::DatabaseOptions::file(path.clone()));
    let world = open().await;
    import(&world, schema(&[text("new_name", 50)])).await;
    let row = world.post("new_visits", json!({ "new_name": "Oda" })).await.ok().id();
    world.organization.clone().close();
    let world = open().await;
    let read = world.get(&format!("new_visits({row})?$select=new_name")).await.ok().json;
    assert_eq!(read["new_name"], json!("Oda"));
}

/// The metadata documents of real orgs, where they are at hand.
pub(crate) fn real_documents() -> Vec<(String, SchemaDefinition)> {
    let folder = shared().join("data/csdl");
    if !folder.is_dir() {
        #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
        {
            println!("skipped: no folder with metadata documents is at hand");
        }
        return Vec::new();
    }
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".xml.gz"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let unpacked = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let reading = csdl::read(&name, &unpacked.stdout).unwrap();
        (name, reading.definition)
    };
    files.iter().map(read).collect()
}

#[tokio::test]
async fn real_orgs_are_imported_and_rows_of_their_own_tables_written_and_read() {
    for (name, definition) in real_documents() {
        let world = World::new().await;
        let done = import(&world, definition.clone()).await;
        // Its own document tells it nothing.
        let back = import_document(&world, &world.get("$metadata").await.ok().text, None).await;
        assert_eq!((back.new.as_slice(), back.changed.as_slice()), (&[][..], &[][..]), "{name}: {back:?}");
        assert_eq!(back.differences, Vec::<String>::new(), "{name}");
        // A table of that org alone, with owners and a name; of an org without any, one that does not ship.
        let new = definition.tables.iter().filter(|table| done.new.contains(&table.logical_name));
        let usable = |table: &&TableDefinition| {
            let named = table.primary_name.is_some() && table.entity_set.is_some();
            named && table.ownership == Ownership::User && table.privileges.is_none()
        };
        let mut usable: Vec<_> = new.filter(usable).collect();
        usable.sort_by_key(|table| !table.logical_name.contains('_'));
        let table =
            usable.first().map(|table| (*table).clone()).unwrap_or_else(|| panic!("{name} has no table to try"));

        let (set, named) = (table.entity_set.unwrap(), table.primary_name.unwrap());
        let row = world.post(&set, json!({ named.as_str(): "Ärmel" })).await.ok().id();
        let read = world.get(&format!("{set}?$filter={named} eq 'armel'")).await.ok();
        assert_eq!(read.rows().len(), 1, "{name}: {}", read.text);
        assert_eq!(read.rows()[0][table.primary_id.as_str()], json!(row));
        assert_eq!(read.rows()[0]["_ownerid_value"], json!(world.admin_user));
        // A lookup to a table that ships, bound and followed.
        let lookup = table.columns.iter().find_map(|column| {
            let target =
                column.kind.targets().iter().find(|target| target.table == "contact" || target.table == "account")?;
            (column.access.create && matches!(column.kind, ColumnKind::Lookup { .. } | ColumnKind::Customer { .. }))
                .then(|| (column.name.clone(), target.clone()))
        });
        if let Some((column, target)) = lookup {
            let other = if target.table == "account" { json!({ "name": "a" }) } else { json!({ "lastname": "c" }) };
            let other = world.post(&format!("{}s", target.table), other).await.ok().id();
            let bind = format!("{}@odata.bind", target.navigation);
            let body = json!({ bind: format!("{BASE}/{}s({other})", target.table) });
            world.patch(&format!("{set}({row})"), body).await.ok();
            let read = world.get(&format!("{set}({row})?$select=_{column}_value")).await.ok().json;
            assert_eq!(read[format!("_{column}_value")], json!(other), "{name} {column}");
        }
        // Only its privileges are new, and whoever may everything may this too.
        let verb = format!("prv{}{}", Verb::Delete, table.schema_name);
        world.privilege(&verb).await;
        world.delete(&format!("{set}({row})")).await.ok();
    }
}
