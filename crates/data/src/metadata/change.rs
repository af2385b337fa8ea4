//! Making, changing and deleting tables, columns, keys and relationships for a caller.
//!
//! A request says what it wants in the published types; here it becomes changes to what the organization has
//! of its own, which the catalogue makes in the request's own transaction. A new table gets the columns that
//! the platform gives every table of its kind of ownership.

mod standard;
mod update;

use std::sync::Arc;

use http::StatusCode;
use keyholder_dataverse::error;
use keyholder_dataverse::schema::{Column, ColumnDefinition, ColumnKind, LookupTarget, ManyToManyDefinition, Table};
use keyholder_operation::MetadataWrite;
use keyholder_operation::metadata::{MetadataKey, NewColumn, NewTable, OptionChange, Root};
use keyholder_store::Transaction;
use serde_json::json;
use uuid::Uuid;

use super::item::{Item, Schemas};
use super::{not_found, relationship, values};
use crate::answer::Answer;
use crate::catalogue::change::{SchemaChange, change};
use crate::error::Failure;
use crate::execute::{Session, no_content};

/// The activities that can be about the rows of a new table, with how their collections end.
const ACTIVITIES: [(&str, &str); 7] = [
    ("activitypointer", "ActivityPointers"),
    ("appointment", "Appointments"),
    ("email", "Emails"),
    ("fax", "Faxes"),
    ("letter", "Letters"),
    ("phonecall", "PhoneCalls"),
    ("task", "Tasks"),
];

/// Makes a change to the schema.
pub(crate) fn run(session: &Session<'_>, tx: &mut Transaction<'_>, asked: &MetadataWrite) -> Result<Answer, Failure> {
    let schemas = Schemas::of(session.catalogue);
    let mut changes = Vec::new();
    let answer = match asked {
        MetadataWrite::CreateTables(tables) => {
            let mut ids = Vec::with_capacity(tables.len());
            for table in tables {
                ids.push(values::id("entity", &create_table(&schemas, table, &mut changes)?));
            }
            match ids.as_slice() {
                [id] => made(session, &format!("EntityDefinitions({id})")),
                ids => {
                    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateEntitiesResponse", session.base());
                    Answer::json(StatusCode::OK, json!({ "@odata.context": context, "EntityIds": ids }).to_string())
                }
            }
        }
        MetadataWrite::CreateColumn(key, new) => {
            let table = find_table(&schemas, key)?;
            let name = table.logical_name().to_owned();
            if new.base.is_some() {
                changes.extend(currency(&table).map(|column| SchemaChange::AddColumn(name.clone(), Box::new(column))));
            }
            let id = values::id("attribute", &format!("{name}.{}", new.definition.name));
            let columns = columns_of(&schemas, new)?
                .into_iter()
                .map(|column| SchemaChange::AddColumn(name.clone(), Box::new(column)));
            changes.extend(columns);
            made(session, &format!("EntityDefinitions({})/Attributes({id})", values::id("entity", &name)))
        }
        MetadataWrite::CreateKey(key, name, columns) => {
            let table = find_table(&schemas, key)?;
            if let Some(unknown) = columns.iter().find(|column| table.column(column).is_none()) {
                let table = table.logical_name();
                return Err(error::odata(format!("The table '{table}' has no column '{unknown}' for a key.")).into());
            }
            let table = table.logical_name().to_owned();
            let id = values::id("key", &format!("{table}.{name}"));
            // The first id in it is the key's: Microsoft's SDK for Python takes that one.
            let address = format!("EntityDefinitions(LogicalName='{table}')/Keys({id})");
            changes.push(SchemaChange::AddKey(table, name.clone(), columns.clone()));
            made(session, &address)
        }
        MetadataWrite::CreateLookup(table, column) => {
            let id = create_lookup(&schemas, table, column, &mut changes)?;
            made(session, &format!("RelationshipDefinitions({id})"))
        }
        MetadataWrite::CreateManyToMany(pairs) => {
            let pairs = create_pairs(&schemas, pairs)?;
            let id = relationship::pair_id(&pairs);
            changes.push(SchemaChange::AddManyToMany(Box::new(pairs)));
            made(session, &format!("RelationshipDefinitions({id})"))
        }
        MetadataWrite::CreateOptionSet(set) => {
            let id = values::id("optionset", &set.name);
            changes.push(SchemaChange::AddOptionSet(set.clone()));
            made(session, &format!("GlobalOptionSetDefinitions({id})"))
        }
        MetadataWrite::UpdateTable(key, asked) => {
            update::of_table(&schemas, key, asked, &mut changes)?;
            no_content()
        }
        MetadataWrite::UpdateColumn(table, key, asked) => {
            update::of_column(&schemas, table, key, asked, &mut changes)?;
            no_content()
        }
        MetadataWrite::UpdateRelationship(key, asked) => {
            update::of_relationship(&schemas, key, asked, &mut changes)?;
            no_content()
        }
        MetadataWrite::UpdateOptionSet(key, asked) => {
            update::of_option_set(&schemas, key, asked, &mut changes)?;
            no_content()
        }
        MetadataWrite::ChangeOptions(of, asked) => match update::of_options(&schemas, of, asked, &mut changes)? {
            Some(value) => {
                let kind =
                    if matches!(asked, OptionChange::Insert { state: Some(_), .. }) { "Status" } else { "Option" };
                let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.Insert{kind}ValueResponse", session.base());
                let body = json!({ "@odata.context": context, format!("New{kind}Value"): value });
                Answer::json(StatusCode::OK, body.to_string())
            }
            None => no_content(),
        },
        MetadataWrite::DeleteOptionSet(key) => {
            changes.push(SchemaChange::DeleteOptionSet(schemas.option_set(key)?.name.clone()));
            no_content()
        }
        MetadataWrite::DeleteTable(key) => {
            changes.push(SchemaChange::DeleteTable(find_table(&schemas, key)?.logical_name().to_owned()));
            no_content()
        }
        MetadataWrite::DeleteColumn(table, key) => {
            let table = find_table(&schemas, table)?;
            let name = table.logical_name().to_owned();
            let column = column_named(&schemas, &table, key)?;
            // What it was in the org's own currency goes with an amount.
            let base = format!("{}_base", column.name);
            if matches!(column.kind, ColumnKind::Money { base: false, .. }) && table.column(&base).is_some() {
                changes.push(SchemaChange::DeleteColumn(name.clone(), base));
            }
            for companion in column.definition().companions().into_iter().map(|companion| companion.name) {
                if table.column(&companion).is_some_and(|companion| !companion.access.update) {
                    changes.push(SchemaChange::DeleteColumn(name.clone(), companion));
                }
            }
            changes.push(SchemaChange::DeleteColumn(name, column.name.to_string()));
            no_content()
        }
        MetadataWrite::DeleteKey(table, key) => {
            let table = find_table(&schemas, table)?;
            let Item::Key(_, key) = within(&schemas, &table, "Keys", key)? else { return Err(lost()) };
            changes.push(SchemaChange::DeleteKey(table.logical_name().to_owned(), key.name.to_string()));
            no_content()
        }
        MetadataWrite::DeleteRelationship(key) => {
            let found = schemas.named(Root::Relationships, key)?;
            changes.push(match found.ok_or_else(|| not_found(Root::Relationships.name(), key))? {
                Item::Lookup(relation) => SchemaChange::DeleteTarget {
                    table: relation.referencing.logical_name().to_owned(),
                    column: relation.column.to_string(),
                    target: relation.referenced.to_string(),
                },
                Item::Pair(pairs) => SchemaChange::DeleteManyToMany(pairs.name.clone()),
                _ => return Err(lost()),
            });
            no_content()
        }
        // What is changed is there at once.
        MetadataWrite::Publish => return Ok(no_content()),
    };
    change(session.core, tx, &changes, session.request.now)?;
    Ok(answer)
}

/// The answer to whoever made something: where it is.
fn made(session: &Session<'_>, address: &str) -> Answer {
    no_content().at(&format!("{}/{address}", session.base()))
}

fn lost() -> Failure {
    error::bad_syntax().into()
}

fn find_table(schemas: &Schemas<'_>, key: &MetadataKey) -> Result<Arc<Table>, Failure> {
    match schemas.named(Root::Entities, key)? {
        Some(Item::Table(table)) => Ok(table),
        _ => Err(not_found(Root::Entities.name(), key).into()),
    }
}

/// One of a table's columns or keys.
fn within(schemas: &Schemas<'_>, table: &Arc<Table>, member: &str, key: &MetadataKey) -> Result<Item, Failure> {
    let found = Item::Table(Arc::clone(table)).member(schemas, member)?;
    found.into_iter().find(|item| item.is_named(key)).ok_or_else(|| not_found(member, key).into())
}

/// One of a table's columns.
fn column_named(schemas: &Schemas<'_>, table: &Arc<Table>, key: &MetadataKey) -> Result<Arc<Column>, Failure> {
    match within(schemas, table, "Attributes", key)? {
        Item::Column(_, column) => Ok(column),
        _ => Err(lost()),
    }
}

/// Adds what makes a new table; gives its logical name.
fn create_table(schemas: &Schemas<'_>, new: &NewTable, changes: &mut Vec<SchemaChange>) -> Result<String, Failure> {
    let mut table = standard::table(new);
    let name = table.logical_name.clone();
    let needs_currency = new.columns.iter().any(|column| column.base.is_some());
    if needs_currency {
        table.columns.extend(standard::currency(&name));
    }
    for column in &new.columns {
        table.columns.extend(columns_of(schemas, column)?);
    }
    changes.push(SchemaChange::AddTable(Box::new(table)));
    if new.notes {
        notes(schemas, &name, changes);
    }
    if new.activities {
        activities(schemas, &name, changes);
    }
    Ok(name)
}

/// Lets notes be attached to the rows of a table.
fn notes(schemas: &Schemas<'_>, name: &str, changes: &mut Vec<SchemaChange>) {
    if there(schemas, "annotation") {
        let (navigation, collection) = (format!("objectid_{name}"), format!("{name}_Annotations"));
        changes.push(lead("annotation", "objectid", name, navigation, collection));
    }
}

/// Lets activities be about the rows of a table.
fn activities(schemas: &Schemas<'_>, name: &str, changes: &mut Vec<SchemaChange>) {
    for (kind, ending) in ACTIVITIES.iter().filter(|(kind, _)| there(schemas, kind)) {
        let own = if *kind == "activitypointer" { String::new() } else { format!("_{kind}") };
        let (navigation, collection) = (format!("regardingobjectid_{name}{own}"), format!("{name}_{ending}"));
        changes.push(lead(kind, "regardingobjectid", name, navigation, collection));
    }
}

fn there(schemas: &Schemas<'_>, table: &str) -> bool {
    schemas.table(table).is_ok_and(|table| table.is_some())
}

/// Lets a lookup of another table lead to this one.
fn lead(from: &str, column: &str, to: &str, navigation: String, collection: String) -> SchemaChange {
    let target = LookupTarget { table: to.to_owned(), navigation, collection: Some(collection), behavior: None };
    SchemaChange::AddTarget { table: from.to_owned(), column: column.to_owned(), target }
}

/// A new column, with the options that it shares, and what comes with it.
fn columns_of(schemas: &Schemas<'_>, new: &NewColumn) -> Result<Vec<ColumnDefinition>, Failure> {
    let mut definition = new.definition.clone();
    if let Some(key) = &new.shared {
        let set = schemas.option_set(key)?;
        if let Some(options) = definition.kind.options_mut() {
            options.clone_from(&set.options);
        }
        if let ColumnKind::Choice { options, default: Some(default) } = &definition.kind
            && !options.iter().any(|option| option.value == *default)
        {
            let (set, column) = (&set.name, &definition.name);
            return Err(
                error::odata(format!("The DefaultFormValue {default} of '{column}' is no option of '{set}'.")).into()
            );
        }
        definition.option_set = Some(set.name.clone());
    }
    let companions = definition.companions();
    Ok(std::iter::once(definition).chain(new.base.clone()).chain(companions).collect())
}

/// What an amount needs and a table has not yet: its currency and the rate.
fn currency(table: &Table) -> impl Iterator<Item = ColumnDefinition> + '_ {
    standard::currency(table.logical_name()).into_iter().filter(|column| table.column(&column.name).is_none())
}

fn create_lookup(
    schemas: &Schemas<'_>,
    table: &str,
    column: &ColumnDefinition,
    changes: &mut Vec<SchemaChange>,
) -> Result<Uuid, Failure> {
    let ColumnKind::Lookup { targets } = &column.kind else { return Err(lost()) };
    let [target] = targets.as_slice() else { return Err(lost()) };
    for name in [table, target.table.as_str()] {
        if schemas.table(name)?.is_none() {
            return Err(error::odata(format!("There is no table '{name}' for the relationship.")).into());
        }
    }
    changes.push(SchemaChange::AddColumn(table.to_owned(), Box::new(column.clone())));
    let collection = target.collection.clone().unwrap_or_default();
    Ok(relationship::lookup_id(table, &column.name, &collection))
}

/// The relationship with the names of its columns: those of the ids that they hold.
fn create_pairs(schemas: &Schemas<'_>, pairs: &ManyToManyDefinition) -> Result<ManyToManyDefinition, Failure> {
    let mut pairs = pairs.clone();
    let with_itself = pairs.first.table == pairs.second.table;
    for (end, which) in [(&mut pairs.first, "one"), (&mut pairs.second, "two")] {
        let table = schemas.table(&end.table)?;
        let table =
            table.ok_or_else(|| error::odata(format!("There is no table '{}' for the relationship.", end.table)))?;
        let id = &table.primary_id().name;
        end.column = if with_itself { format!("{id}{which}") } else { id.to_string() };
    }
    if schemas.table(&pairs.intersect)?.is_some() {
        let name = &pairs.intersect;
        return Err(error::odata(format!("There is a table '{name}' already, which cannot hold the pairs.")).into());
    }
    Ok(pairs)
}
