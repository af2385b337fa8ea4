//! Putting the schema into a store: the first time, and when a newer program knows more columns.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{Navigation, SchemaError};
use keyholder_store::statement::{Delete, Insert, Select, Statement};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};

use super::{Catalogue, Layout};
use crate::Error;
use crate::epoch::EpochStatements;
use crate::error::Failure;

/// Reads the organization's schema as it stands.
pub(crate) fn load(snapshot: &mut Snapshot<'_>, epochs: &EpochStatements) -> Result<Catalogue, Failure> {
    let packed = stored(snapshot)?.ok_or_else(|| SchemaError::Unreadable { reason: "there is none".to_owned() })?;
    Ok(Catalogue::new(epochs.read(snapshot)?.schema, Arc::new(Schema::from_packed(&packed)?)))
}

fn stored(snapshot: &mut Snapshot<'_>) -> Result<Option<String>, keyholder_store::Error> {
    let read = Prepared::new(Select::from("keyholder_schema").column("packed", Kind::Text))?;
    snapshot.first(&read, &[], |row| row.get(0))
}

/// Reads the organization's schema, or gives it that of this program. The flag says whether
/// anything was new, so that the rows which the platform keeps can follow.
///
/// Columns that a newer program's schema adds are added. What it takes back stays in the store and
/// is not shown; a column that changed what it holds is refused.
pub(crate) fn install(tx: &mut Transaction<'_>, epochs: &EpochStatements) -> Result<(Catalogue, bool), Error> {
    let shipped = Schema::core()?;
    let packed = shipped.to_packed();
    let epoch = epochs.read(tx)?.schema;
    match stored(tx)? {
        Some(stored) if stored == packed => return Ok((Catalogue::new(epoch, Arc::new(shipped)), false)),
        Some(stored) => upgrade(tx, &Schema::from_packed(&stored)?, &shipped)?,
        None => create(tx, &shipped, |_| true)?,
    }
    tx.execute(&Prepared::new(Delete::from("keyholder_schema"))?, &[])?;
    let write = Prepared::new(Insert::into("keyholder_schema").columns(["number", "packed"]))?;
    tx.execute(&write, &[1.into(), packed.into()])?;
    epochs.bump_schema(tx)?;
    epochs.bump_security(tx)?;
    Ok((Catalogue::new(epochs.read(tx)?.schema, Arc::new(shipped)), true))
}

/// Makes those tables of the schema whose logical names are wanted.
fn create(tx: &mut Transaction<'_>, schema: &Schema, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
    let mut pairs: Vec<Statement> = Vec::new();
    for name in schema.names().filter(|name| wanted(&name.logical_name)) {
        let Some(table) = schema.table(&name.logical_name)? else { continue };
        for statement in Layout::new(&table).definition() {
            tx.execute(&Prepared::new(statement)?, &[])?;
        }
        for (_, navigation) in table.navigations() {
            if let Navigation::ManyToMany { relationship, .. } = navigation
                && let Some(intersect) = schema.table(&relationship.intersect)?
            {
                let (first, second) = (&relationship.first.column, &relationship.second.column);
                pairs.extend(Layout::new(&intersect).pair_index(first, second));
            }
        }
    }
    // After all tables, since a relationship's table may come later than its sides. Each is met
    // from both sides; the second time it is there already.
    for statement in pairs {
        tx.execute(&Prepared::new(statement)?, &[])?;
    }
    Ok(())
}

fn upgrade(tx: &mut Transaction<'_>, from: &Schema, to: &Schema) -> Result<(), Error> {
    let known = |logical_name: &str| from.names().any(|name| &*name.logical_name == logical_name);
    for name in to.names() {
        let (Some(before), Some(after)) = (from.table(&name.logical_name)?, to.table(&name.logical_name)?) else {
            continue;
        };
        let (before, after) = (Layout::new(&before), Layout::new(&after));
        for place in &after.places {
            match before.named(&place.column.name) {
                None => {
                    for statement in after.added_columns(place) {
                        tx.execute(&Prepared::new(statement)?, &[])?;
                    }
                }
                Some(old) if old.value == place.value && old.target == place.target => {}
                Some(_) => {
                    let reason =
                        format!("column `{}` of `{}` holds something else now", place.column.name, name.logical_name);
                    return Err(Error::IncompatibleSchema { reason });
                }
            }
        }
    }
    create(tx, to, |logical_name| !known(logical_name))
}

#[cfg(test)]
mod tests {
    use keyholder_store::{Database, DatabaseOptions};
    use serde_json::{Value, json};

    use super::*;
    use crate::catalogue::Record;

    fn schema(columns: &[Value], more: Option<Value>) -> Schema {
        let mut all = vec![json!({ "name": "thingid", "label": "Thing", "kind": "guid" })];
        all.extend_from_slice(columns);
        let table = json!({
            "logical_name": "thing", "schema_name": "Thing", "entity_set": "things", "display_name": "Thing",
            "type_code": 10_001, "ownership": "none", "primary_id": "thingid", "columns": all,
        });
        let tables: Vec<Value> = [Some(table), more].into_iter().flatten().collect();
        Schema::new(serde_json::from_value(json!({ "tables": tables })).unwrap()).unwrap()
    }

    fn run<T: Send + 'static>(
        database: &Database,
        work: impl Fn(&mut Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(database.write(work))
    }

    #[test]
    fn a_newer_schema_adds_columns_and_tables_and_changes_none() {
        let database = Database::open(&DatabaseOptions::ephemeral(), &crate::catalogue::migrations()).unwrap();
        let text = json!({ "name": "name", "label": "Name", "kind": { "text": { "max_length": 10 } } });
        let number = json!({ "name": "name", "label": "Name", "kind": "big_integer" });
        let other = json!({
            "logical_name": "other", "schema_name": "Other", "display_name": "Other", "type_code": 10_002,
            "ownership": "none", "primary_id": "otherid",
            "columns": [{ "name": "otherid", "label": "Other", "kind": "guid" }],
        });
        run(&database, |tx| create(tx, &schema(&[], None), |_| true)).unwrap();
        let wider = std::slice::from_ref(&text).to_vec();
        let read_back = run(&database, move |tx| {
            let newer = schema(&wider, Some(other.clone()));
            upgrade(tx, &schema(&[], None), &newer)?;
            let catalogue = Catalogue::new(1, Arc::new(newer));
            for table in ["thing", "other"] {
                let layout = catalogue.layout_of(table)?;
                let mut record = Record::empty(&layout);
                record.set_id(uuid::Uuid::from_u128(1));
                record.set_text("name", "Ärmel");
                record.insert(tx)?;
            }
            let layout = catalogue.layout_of("thing")?;
            let loaded = Record::load(tx, &catalogue, &layout, uuid::Uuid::from_u128(1))?;
            Ok(loaded.map(|record| record.get("name").clone()))
        });
        assert_eq!(read_back.unwrap(), Some(keyholder_dataverse::Value::Text("Ärmel".to_owned())));

        let refused = run(&database, move |tx| {
            upgrade(tx, &schema(std::slice::from_ref(&text), None), &schema(std::slice::from_ref(&number), None))
        });
        assert!(matches!(refused, Err(Error::IncompatibleSchema { .. })), "{refused:?}");
    }
}
