use keyholder_dataverse::Value as Held;
use keyholder_store::statement::{Delete, DropColumn, column, parameter};
use keyholder_store::{Database, DatabaseOptions, Prepared};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::catalogue::Record;

/// A program's tables: one of these columns, and more tables.
fn definition(columns: &[Value], more: &[Value]) -> SchemaDefinition {
    let mut all = vec![json!({ "name": "thingid", "label": "Thing", "kind": "guid" })];
    all.extend_from_slice(columns);
    let mut tables = vec![json!({
        "logical_name": "thing", "schema_name": "Thing", "entity_set": "things", "display_name": "Thing",
        "type_code": 1, "ownership": "none", "primary_id": "thingid", "columns": all,
    })];
    tables.extend_from_slice(more);
    serde_json::from_value(json!({ "tables": tables })).unwrap()
}

fn table(name: &str, type_code: i32, columns: &[Value]) -> Value {
    let mut all = vec![json!({ "name": format!("{name}id"), "label": name, "kind": "guid" })];
    all.extend_from_slice(columns);
    json!({
        "logical_name": name, "schema_name": name, "entity_set": format!("{name}s"), "display_name": name,
        "type_code": type_code, "ownership": "none", "primary_id": format!("{name}id"), "columns": all,
    })
}

fn text(name: &str) -> Value {
    json!({ "name": name, "label": name, "kind": { "text": { "max_length": 10 } } })
}

fn number(name: &str) -> Value {
    json!({ "name": name, "label": name, "kind": "big_integer" })
}

fn lookup(name: &str, tables: &[&str]) -> Value {
    let targets: Vec<Value> =
        tables.iter().map(|table| json!({ "table": table, "navigation": format!("{name}_{table}") })).collect();
    json!({ "name": name, "label": name, "kind": { "lookup": { "targets": targets } } })
}

fn run<T: Send + 'static>(
    database: &Database,
    work: impl Fn(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(database.write(work))
}

/// Starts a program with these tables on a database.
fn start(database: &Database, definition: &SchemaDefinition) -> Result<Arc<Schema>, Error> {
    let definition = definition.clone();
    run(database, move |tx| {
        let digest = serde_json::to_string(&definition).unwrap_or_default();
        let schema = || Schema::new(definition.clone());
        let whole = || Ok(definition.clone());
        let program = Program { digest: &digest, schema: &schema, definition: &whole };
        Ok(install_of(&program, tx, &EpochStatements::new()?)?.0.schema)
    })
}

/// An empty database of each store, opened as often as is asked for: nodes on the same tables.
fn databases(nodes: usize) -> Vec<Vec<Database>> {
    let open = |options: &DatabaseOptions| Database::open(options, &crate::catalogue::migrations()).unwrap();
    let ephemeral = open(&DatabaseOptions::ephemeral());
    let mut all = vec![vec![ephemeral; nodes]];
    if let Some(cluster) = keyholder_cluster::server() {
        let server = keyholder_cluster::connect(&cluster.url("postgres"));
        let options = DatabaseOptions::postgresql(&server, cluster.fresh_schema()).readers(1);
        all.push((0..nodes).map(|_| open(&options)).collect());
    }
    all
}

/// Adds a row with these values; makes its table if there is none.
fn add(database: &Database, schema: &Arc<Schema>, table: &'static str, id: u128, values: Vec<(&'static str, Held)>) {
    let schema = Arc::clone(schema);
    run(database, move |tx| {
        let catalogue = Catalogue::new(1, Arc::clone(&schema));
        made::make(tx, &catalogue.table(table)?)?;
        let layout = catalogue.layout_of(table)?;
        let mut record = Record::empty(&layout);
        record.set_id(Uuid::from_u128(id));
        for (name, value) in &values {
            record.set(name, value.clone());
        }
        record.insert(tx)?;
        Ok(())
    })
    .unwrap();
}

/// A value of a row.
fn read(database: &Database, schema: &Arc<Schema>, table: &'static str, id: u128, name: &'static str) -> Held {
    let schema = Arc::clone(schema);
    run(database, move |tx| {
        let catalogue = Catalogue::new(1, Arc::clone(&schema));
        let layout = catalogue.layout_of(table)?;
        let row = Record::load(tx, &catalogue, &layout, Uuid::from_u128(id))?;
        Ok(row.map(|row| row.get(name).clone()))
    })
    .unwrap()
    .unwrap_or_else(|| panic!("no row {id} of {table}"))
}

/// Forgets what was written down of what stays, as a program does that knows nothing of that.
fn forget(database: &Database) {
    run(database, |tx| {
        let delete = Delete::from("keyholder_schema").filter(column("number").equals(parameter(0)));
        Ok(tx.execute(&Prepared::new(delete)?, &[stored::LEFT.into()]).map(drop)?)
    })
    .unwrap();
}

fn reference(type_code: i32, id: u128) -> Held {
    Held::Lookup(keyholder_dataverse::Reference { type_code, id: Uuid::from_u128(id) })
}

#[test]
fn a_newer_program_adds_columns_and_tables_to_what_is_made_and_changes_none() {
    for nodes in databases(1) {
        let [database] = nodes.as_slice() else { panic!() };
        let older = start(database, &definition(&[], &[])).unwrap();
        add(database, &older, "thing", 1, vec![]);
        let newer = start(database, &definition(&[text("name")], &[table("other", 2, &[text("name")])])).unwrap();
        for name in ["thing", "other"] {
            add(database, &newer, name, 2, vec![("name", Held::Text("Ärmel".into()))]);
            assert_eq!(read(database, &newer, name, 2, "name"), Held::Text("Ärmel".into()));
        }
        assert_eq!(read(database, &newer, "thing", 1, "name"), Held::Null);
        let refused = start(database, &definition(&[number("name")], &[])).unwrap_err();
        assert!(matches!(refused, Error::IncompatibleSchema { .. }), "{refused}");
        assert_eq!(read(database, &newer, "thing", 2, "name"), Held::Text("Ärmel".into()));
    }
}

#[test]
fn what_an_older_program_does_not_have_comes_back_with_the_newer_one() {
    let others = [table("one", 11, &[]), table("two", 12, &[])];
    let columns =
        [text("name"), text("colour"), number("rank"), lookup("whose", &["one", "two"]), lookup("mine", &["one"])];
    let more = [&others[..], &[table("extra", 13, &[text("colour")])]].concat();
    let (newer, older) = (definition(&columns, &more), definition(&columns[..1], &others));
    for (nodes, remembers) in
        databases(2).into_iter().zip([true, true]).chain(databases(2).into_iter().zip([false, false]))
    {
        // Two nodes of different versions, which take turns on one database.
        let [here, there] = nodes.as_slice() else { panic!() };
        let schema = start(here, &newer).unwrap();
        let values = |rank| {
            vec![
                ("name", Held::Text("First".into())),
                ("colour", Held::Text("Grün".into())),
                ("rank", Held::Integer(rank)),
                ("whose", reference(12, 7)),
                ("mine", reference(11, 8)),
            ]
        };
        add(here, &schema, "thing", 1, values(3));
        add(here, &schema, "extra", 2, vec![("colour", Held::Text("Rot".into()))]);

        let narrow = start(there, &older).unwrap();
        assert!(narrow.table("extra").unwrap().is_none());
        add(there, &narrow, "thing", 3, vec![("name", Held::Text("Second".into()))]);
        assert_eq!(read(there, &narrow, "thing", 1, "name"), Held::Text("First".into()));
        if !remembers {
            forget(there);
        }

        for _ in 0..2 {
            let schema = start(here, &newer).unwrap();
            for (name, value) in values(3) {
                assert_eq!(read(here, &schema, "thing", 1, name), value, "{name}");
            }
            assert_eq!(read(here, &schema, "thing", 3, "rank"), Held::Null);
            assert_eq!(read(here, &schema, "extra", 2, "colour"), Held::Text("Rot".into()));
            start(there, &older).unwrap();
        }
        let schema = start(here, &newer).unwrap();
        add(here, &schema, "thing", 4, values(5));
        assert_eq!(read(here, &schema, "thing", 4, "whose"), reference(12, 7));
    }
}

#[test]
fn a_table_that_stayed_gets_what_a_later_program_adds_to_it() {
    for nodes in databases(1) {
        let [database] = nodes.as_slice() else { panic!() };
        let first = start(database, &definition(&[], &[table("extra", 13, &[text("colour")])])).unwrap();
        add(database, &first, "extra", 1, vec![("colour", Held::Text("Rot".into()))]);
        start(database, &definition(&[], &[])).unwrap();
        let third = definition(&[], &[table("extra", 13, &[text("colour"), number("rank")])]);
        let third = start(database, &third).unwrap();
        add(database, &third, "extra", 2, vec![("rank", Held::Integer(4))]);
        assert_eq!(read(database, &third, "extra", 1, "colour"), Held::Text("Rot".into()));
        assert_eq!(read(database, &third, "extra", 2, "rank"), Held::Integer(4));
    }
}

#[test]
fn what_comes_back_as_something_else_is_refused_by_name() {
    let others = [table("one", 11, &[]), table("two", 12, &[])];
    let choice =
        json!({ "name": "rank", "label": "Rank", "kind": { "money": { "precision": 2, "min": 0.0, "max": 9.0 } } });
    for (was, now, said) in [
        (number("rank"), text("rank"), "holds Edm.Int64, and Edm.String"),
        // Both are whole numbers in the store, and only what was written down tells them apart.
        (number("rank"), choice, "holds Edm.Int64, and Edm.Decimal"),
    ] {
        for nodes in databases(1) {
            let [database] = nodes.as_slice() else { panic!() };
            let schema = start(database, &definition(std::slice::from_ref(&was), &others)).unwrap();
            add(database, &schema, "thing", 1, vec![("rank", Held::Integer(3))]);
            start(database, &definition(&[], &others)).unwrap();
            let refused = start(database, &definition(std::slice::from_ref(&now), &others)).unwrap_err();
            assert!(matches!(refused, Error::ColumnStayed { .. }), "{refused:?}");
            let refused = refused.to_string();
            assert!(refused.contains("the column `rank` of `thing`") && refused.contains(said), "{refused}");
            // Nothing of it is kept, and whoever had it has it again.
            let schema = start(database, &definition(std::slice::from_ref(&was), &others)).unwrap();
            assert_eq!(read(database, &schema, "thing", 1, "rank"), Held::Integer(3));
        }
    }
}

#[test]
fn a_lookup_that_comes_back_leads_where_it_can() {
    let others = [table("one", 11, &[]), table("two", 12, &[])];
    for remembers in [true, false] {
        for nodes in databases(1) {
            let [database] = nodes.as_slice() else { panic!() };
            let wide = definition(&[lookup("whose", &["one", "two"])], &others);
            let schema = start(database, &wide).unwrap();
            add(database, &schema, "thing", 1, vec![("whose", reference(11, 7))]);
            add(database, &schema, "thing", 2, vec![("whose", reference(12, 7))]);
            start(database, &definition(&[], &others)).unwrap();
            if !remembers {
                forget(database);
            }
            let schema = start(database, &definition(&[lookup("whose", &["one"])], &others)).unwrap();
            assert_eq!(read(database, &schema, "thing", 1, "whose"), reference(11, 7));
            assert_eq!(read(database, &schema, "thing", 2, "whose"), Held::Null);
            start(database, &definition(&[], &others)).unwrap();
            if remembers {
                let schema = start(database, &wide).unwrap();
                assert_eq!(read(database, &schema, "thing", 1, "whose"), reference(11, 7));
            } else {
                forget(database);
                let refused = start(database, &wide).unwrap_err().to_string();
                assert!(refused.contains("`whose` of `thing`"), "{refused}");
            }
        }
    }
}

/// An earlier program had file columns in its schema and kept none: the tables that it made have no room for them.
#[test]
fn tables_that_an_earlier_program_made_get_room_for_files_once() {
    for nodes in databases(1) {
        let [database] = nodes.as_slice() else { panic!() };
        let file = json!({ "name": "contract", "label": "Contract", "kind": "file" });
        let definition = definition(&[text("name"), file], &[table("other", 2, &[text("name")])]);
        let schema = start(database, &definition).unwrap();
        for table in ["thing", "other"] {
            add(database, &schema, table, 1, vec![("name", Held::Text("before".into()))]);
        }
        let lies = |database: &Database| {
            run(database, |tx| Ok(left::columns_of(tx, "d_thing")?.iter().any(|column| column.name == "v_contract")))
                .unwrap()
        };
        let forget = |database: &Database| {
            run(database, |tx| {
                let delete = Delete::from("keyholder_schema").filter(column("number").equals(parameter(0)));
                Ok(tx.execute(&Prepared::new(delete)?, &[stored::FILES.into()]).map(drop)?)
            })
            .unwrap();
        };
        forget(database);
        run(database, |tx| {
            let drop_column = DropColumn { table: "d_thing".into(), column: "v_contract".into() };
            Ok(tx.execute(&Prepared::new(drop_column)?, &[]).map(drop)?)
        })
        .unwrap();
        assert!(!lies(database));

        let schema_again = start(database, &definition).unwrap();
        assert!(lies(database));
        for table in ["thing", "other"] {
            assert_eq!(read(database, &schema_again, table, 1, "name"), Held::Text("before".into()));
            add(database, &schema_again, table, 2, vec![("name", Held::Text("after".into()))]);
        }
        // Where there is room already nothing is added.
        forget(database);
        start(database, &definition).unwrap();
        assert_eq!(read(database, &schema_again, "thing", 2, "name"), Held::Text("after".into()));
    }
}
