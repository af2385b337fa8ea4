//! Changing the schema while the organization runs: tables, columns, keys and relationships of its own, made and deleted.
//!
//! What ships stays: only what the organization has of its own can be changed or deleted. A change is one transaction; its new
//! epoch makes every node bind the next request anew. Made tables follow at once, the others when they are made.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use keyholder_dataverse::schema::{
    ChangedTable, ColumnDefinition, ColumnKind, LookupTarget, ManyToManyDefinition, OptionSetDefinition,
    SchemaDefinition, TableDefinition, TableLook,
};
use keyholder_dataverse::{Schema, error};
use keyholder_foundation::Timestamp;
use keyholder_store::Transaction;

use super::compose::{compose, holds_other};
use super::migrate::{LetGo, migrate};
use super::{Catalogue, history, made, stored};
use crate::error::Failure;
use crate::organization::Core;
use crate::seed;

/// The most tables of an organization.
const MOST_TABLES: usize = 10_000;
/// The longest text of what an organization has of its own, in bytes.
const LONGEST_TEXT: usize = 128 << 20;

/// One change to what an organization has of its own. Names are logical names.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SchemaChange {
    /// A new table; it gets a type code when it brings none.
    AddTable(Box<TableDefinition>),
    /// What people see of a table, and what addresses call its rows where that is to change.
    ChangeTable(String, Box<TableLook>, Option<String>),
    /// Removes a table with its rows, and what leads to it: lookups, targets of lookups, pairs.
    DeleteTable(String),
    /// A new column. A lookup brings its one-to-many relationships along: its targets.
    AddColumn(String, Box<ColumnDefinition>),
    /// Another label, length, range or list of options; what the column holds stays.
    ChangeColumn(String, Box<ColumnDefinition>),
    /// Removes a column with what stands in it.
    DeleteColumn(String, String),
    /// A new list of options that columns share.
    AddOptionSet(Box<OptionSetDefinition>),
    /// Another look or other options of such a list; the columns that share it follow.
    ChangeOptionSet(Box<OptionSetDefinition>),
    /// Removes such a list, which no column shares any more.
    DeleteOptionSet(String),
    /// One more table that a lookup leads to.
    AddTarget {
        /// The table of the lookup.
        table: String,
        /// The lookup.
        column: String,
        /// Where it leads to.
        target: LookupTarget,
    },
    /// What happens to rows by a lookup: the table, the lookup, where it leads to.
    ChangeTarget(String, String, Box<LookupTarget>),
    /// Lets a lookup lead to a table no more; with the last one the lookup goes.
    DeleteTarget {
        /// The table of the lookup.
        table: String,
        /// The lookup.
        column: String,
        /// The table that it leads to.
        target: String,
    },
    /// A new alternate key: table, name, columns. Rows that are alike in them are refused.
    AddKey(String, String, Vec<String>),
    /// Removes an alternate key: table, name.
    DeleteKey(String, String),
    /// A new many-to-many relationship; its table of pairs is made when there is none of that name.
    AddManyToMany(Box<ManyToManyDefinition>),
    /// Removes a many-to-many relationship with its pairs.
    DeleteManyToMany(String),
}

/// What an organization's schema has become.
#[derive(Debug)]
pub(crate) struct Changed {
    /// The catalogue of now.
    pub(crate) catalogue: Catalogue,
    /// Where what ships counted, and not what the organization has of its own.
    pub(crate) differences: Vec<String>,
}

/// Makes changes, in order, in the transaction of the request that asks for them: all or none.
///
/// # Errors
/// [`Failure::Answer`] naming the table or column that there is not, is there already, or ships and cannot be changed.
pub(crate) fn change(
    core: &Core,
    tx: &mut Transaction<'_>,
    changes: &[SchemaChange],
    now: Timestamp,
) -> Result<Changed, Failure> {
    // First of all: see there.
    core.epochs.bump_made(tx)?;
    let before = stored::own(tx)?;
    let shipped = SchemaDefinition::core()?;
    let mut own = before.clone();
    for change in changes {
        apply(&mut own, &shipped, change)?;
    }
    replace(core, tx, &before, own, now)
}

/// Puts what an organization has of its own in the place of what it had; what it had and has no more is dropped. `core.epochs.bump_made` has been called first in this
/// transaction.
pub(crate) fn replace(
    core: &Core,
    tx: &mut Transaction<'_>,
    before: &SchemaDefinition,
    mut own: SchemaDefinition,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let old = stored::load(tx, &core.epochs)?;
    let shipped = SchemaDefinition::core()?;
    let ships: BTreeSet<String> = shipped.tables.iter().map(|table| table.logical_name.clone()).collect();
    let made = made::list(tx)?;
    let (mut whole, differences) = compose(shipped, &own, Some(&old.schema), &made)?;
    if whole.tables.len() > MOST_TABLES {
        return Err(refused(format!("{} tables are too many; {MOST_TABLES} are the most", whole.tables.len())));
    }
    let known: HashMap<String, i32> =
        old.schema.names().map(|name| (name.logical_name.to_string(), name.type_code)).collect();
    whole.number(&known);
    let codes: HashMap<&str, i32> =
        whole.tables.iter().map(|table| (table.logical_name.as_str(), table.type_code)).collect();
    for table in own.tables.iter_mut().filter(|table| !ships.contains(&table.logical_name)) {
        table.type_code = codes.get(table.logical_name.as_str()).copied().unwrap_or_default();
    }
    drop(codes);
    let schema = Schema::new(whole).map_err(|error| refused(error.to_string()))?;
    let compiled = schema.to_packed();
    let text = serde_json::to_string(&own).map_err(|error| refused(error.to_string()))?;
    if text.len() > LONGEST_TEXT {
        return Err(refused(format!("the schema has {} bytes; {LONGEST_TEXT} are the most", text.len())));
    }
    migrate(tx, &old.schema, &schema, &made, &LetGo::between(before, &own))?;
    stored::write(tx, stored::COMPILED, compiled.clone())?;
    stored::write_own(tx, &own, text)?;
    stored::write(tx, stored::SHIPPED, Schema::core_digest().to_owned())?;
    core.epochs.bump_schema(tx)?;
    core.epochs.bump_security(tx)?;
    let epoch = core.epochs.read(tx)?.schema;
    history::note(tx, epoch, (&old.schema, &old.option_sets), (&schema, &own.option_sets))?;
    let touched = touched(before, &own);
    // Nothing of it is decoded any more: who asks for a table decodes that one.
    let catalogue = Catalogue::new(epoch, Arc::new(Schema::from_packed(&compiled)?)).sharing(own.option_sets);
    seed::privileges_follow(core, &old, &catalogue, tx, now, &touched)?;
    Ok(Changed { catalogue, differences })
}

/// The tables that are not what they were.
fn touched(before: &SchemaDefinition, after: &SchemaDefinition) -> BTreeSet<String> {
    let before: HashMap<&str, &TableDefinition> = by_name(before);
    let after: HashMap<&str, &TableDefinition> = by_name(after);
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).map(|name| (*name).to_owned()).collect()
}

fn by_name(all: &SchemaDefinition) -> HashMap<&str, &TableDefinition> {
    all.tables.iter().map(|table| (table.logical_name.as_str(), table)).collect()
}

/// Makes one change to what an organization has of its own.
fn apply(own: &mut SchemaDefinition, shipped: &SchemaDefinition, change: &SchemaChange) -> Result<(), Failure> {
    match change {
        SchemaChange::AddTable(table) => {
            let name = &table.logical_name;
            if own.table(name).is_some() || shipped.table(name).is_some() {
                return Err(refused(format!("There is a table '{name}' already.")));
            }
            own.tables.push((**table).clone());
        }
        SchemaChange::ChangeTable(name, look, entity_set) => match shipped.table(name) {
            Some(ships) => {
                if entity_set.as_ref().is_some_and(|set| ships.entity_set.as_ref() != Some(set)) {
                    return Err(refused(format!(
                        "The entity set of the table '{name}' is the platform's and stays as it is."
                    )));
                }
                changed(own, name).look = Some((**look).clone());
            }
            None => {
                let table = own_table(own, shipped, name)?;
                table.display_name.clone_from(&look.display_name);
                table.display_collection_name.clone_from(&look.display_collection_name);
                table.description.clone_from(&look.description);
                table.audit = look.audit;
                if entity_set.is_some() {
                    table.entity_set.clone_from(entity_set);
                }
            }
        },
        SchemaChange::DeleteTable(name) => {
            own_table(own, shipped, name)?;
            delete_table(own, name);
        }
        SchemaChange::AddColumn(table, column) => {
            let ships = shipped.table(table).and_then(|table| table.column(&column.name)).is_some();
            let table = any_table(own, shipped, table)?;
            if ships || table.column(&column.name).is_some() {
                let (table, column) = (&table.logical_name, &column.name);
                return Err(refused(format!("The table '{table}' has a column '{column}' already.")));
            }
            table.columns.push((**column).clone());
        }
        SchemaChange::ChangeColumn(table, column) => change_column(own, shipped, table, column)?,
        SchemaChange::DeleteColumn(table, name) => {
            own_column(own, shipped, table, name)?;
            delete_column(own, table, name)?;
        }
        SchemaChange::AddTarget { table, column, target } => {
            if let Some(known) = shipped.table(table).and_then(|table| table.column(column)) {
                // Its further targets are told by a column of the same name.
                if !matches!(known.kind, ColumnKind::Lookup { .. }) {
                    return Err(refused(format!("The column '{column}' of '{table}' takes no further tables.")));
                }
                let mut more = known.clone();
                more.kind = ColumnKind::Lookup { targets: Vec::new() };
                let table = any_table(own, shipped, table)?;
                if table.column(column).is_none() {
                    table.columns.push(more);
                }
            }
            any_table(own, shipped, table)?;
            let targets = own_targets(own, table, column)?;
            if targets.iter().any(|known| known.table == target.table) {
                return Err(refused(format!("The lookup '{column}' leads to '{}' already.", target.table)));
            }
            targets.push(target.clone());
        }
        SchemaChange::DeleteTarget { table, column, target } => {
            let found = own_column(own, shipped, table, column)?;
            let targets = found.kind.targets_mut();
            let targets = targets.ok_or_else(|| refused(format!("The column '{column}' is no lookup.")))?;
            let count = targets.len();
            targets.retain(|known| known.table != *target);
            if targets.len() == count {
                return Err(refused(format!("The lookup '{column}' does not lead to '{target}'.")));
            }
            if targets.is_empty() {
                delete_column(own, table, column)?;
            }
        }
        SchemaChange::AddOptionSet(set) => {
            if own.option_sets.iter().any(|known| known.name.eq_ignore_ascii_case(&set.name)) {
                return Err(refused(format!("There is an option set '{}' already.", set.name)));
            }
            own.option_sets.push((**set).clone());
        }
        SchemaChange::ChangeOptionSet(set) => {
            let known = own.option_sets.iter_mut().find(|known| known.name == set.name);
            known.ok_or_else(|| no_option_set(&set.name))?.clone_from(set);
            let columns = own.tables.iter_mut().flat_map(|table| &mut table.columns);
            for column in columns.filter(|column| column.option_set.as_ref() == Some(&set.name)) {
                if let Some(options) = column.kind.options_mut() {
                    options.clone_from(&set.options);
                }
                // What is no option any more is given to no new row.
                if let ColumnKind::Choice { options, default } = &mut column.kind {
                    *default = default.filter(|value| options.iter().any(|option| option.value == *value));
                }
            }
        }
        SchemaChange::DeleteOptionSet(name) => {
            let shares = |table: &TableDefinition| {
                let column = table.columns.iter().find(|column| column.option_set.as_ref() == Some(name))?;
                Some((table.logical_name.clone(), column.name.clone()))
            };
            if let Some((table, column)) = own.tables.iter().find_map(shares) {
                return Err(refused(format!(
                    "The option set '{name}' is shared by the column '{column}' of '{table}', and stays as long as one shares it."
                )));
            }
            let count = own.option_sets.len();
            own.option_sets.retain(|known| known.name != *name);
            if own.option_sets.len() == count {
                return Err(no_option_set(name));
            }
        }
        SchemaChange::ChangeTarget(table, column, target) => {
            let found = own_targets(own, table, column)?;
            let known =
                found.iter_mut().find(|known| known.table == target.table && known.navigation == target.navigation);
            let known = known.ok_or_else(|| {
                refused(format!("Where the lookup '{column}' of '{table}' leads is the platform's and stays as it is."))
            })?;
            known.behavior = target.behavior;
        }
        SchemaChange::AddKey(table, name, columns) => {
            let ships = shipped.table(table).is_some_and(|table| table.keys.iter().any(|(known, _)| known == name));
            let table = any_table(own, shipped, table)?;
            if ships || table.keys.iter().any(|(known, _)| known == name) {
                return Err(refused(format!("There is a key '{name}' already.")));
            }
            table.keys.push((name.clone(), columns.clone()));
        }
        SchemaChange::DeleteKey(table, name) => {
            let table = any_table(own, shipped, table)?;
            let count = table.keys.len();
            table.keys.retain(|(known, _)| known != name);
            if table.keys.len() == count {
                return Err(refused(format!("There is no key '{name}' that could be deleted.")));
            }
        }
        SchemaChange::AddManyToMany(pairs) => {
            let taken = |all: &SchemaDefinition| {
                all.many_to_many.iter().any(|known| known.name.eq_ignore_ascii_case(&pairs.name))
            };
            if taken(own) || taken(shipped) {
                return Err(refused(format!("There is a relationship '{}' already.", pairs.name)));
            }
            if own.table(&pairs.intersect).is_none() && shipped.table(&pairs.intersect).is_none() {
                let entity_set = Some(format!("{}set", pairs.intersect));
                own.tables.push(TableDefinition { entity_set, ..pairs.table_of_pairs() });
            }
            own.many_to_many.push((**pairs).clone());
        }
        SchemaChange::DeleteManyToMany(name) => {
            let found = own.many_to_many.iter().position(|known| known.name.eq_ignore_ascii_case(name));
            let found =
                found.ok_or_else(|| refused(format!("There is no relationship '{name}' that could be deleted.")))?;
            let gone = own.many_to_many.remove(found);
            own.tables.retain(|table| table.logical_name != gone.intersect);
        }
    }
    Ok(())
}

/// Changes what a column looks like and its limits, whoever it is of.
fn change_column(
    own: &mut SchemaDefinition,
    shipped: &SchemaDefinition,
    table: &str,
    now: &ColumnDefinition,
) -> Result<(), Failure> {
    let name = &now.name;
    let fits = |was: &ColumnDefinition| match holds_other(was, now) {
        false => Ok(()),
        true => {
            let (was, now) = (was.kind.described(), now.kind.described());
            Err(refused(format!("The column '{name}' of '{table}' holds {was} and cannot hold {now}.")))
        }
    };
    let ships = shipped.table(table).and_then(|table| table.column(name));
    let ours = own.table_mut(table).and_then(|table| table.columns.iter_mut().find(|column| column.name == *name));
    match (ships, ours) {
        // One that ships stays what it is below its look; what an organization adds to a lookup is told elsewhere.
        (Some(ships), ours) if ours.as_ref().is_none_or(|ours| !holds_other(ours, ships)) => {
            fits(ships)?;
            let columns = &mut changed(own, table).columns;
            columns.retain(|known| known.name != *name);
            columns.push(now.clone());
        }
        (_, Some(ours)) => {
            fits(ours)?;
            ours.clone_from(now);
        }
        (_, None) => return Err(refused(format!("There is no column '{name}' in '{table}' that could be changed."))),
    }
    Ok(())
}

/// What an organization has changed of a table that ships.
fn changed<'a>(own: &'a mut SchemaDefinition, table: &str) -> &'a mut ChangedTable {
    let place = own.changed.iter().position(|known| known.table == table).unwrap_or_else(|| {
        own.changed.push(ChangedTable { table: table.to_owned(), look: None, columns: Vec::new() });
        own.changed.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "the place was found, or made, above")]
    &mut own.changed[place]
}

/// Where a lookup leads by what the organization has of its own.
fn own_targets<'a>(
    own: &'a mut SchemaDefinition,
    table: &str,
    column: &str,
) -> Result<&'a mut Vec<LookupTarget>, Failure> {
    let found = own.table_mut(table).and_then(|table| table.columns.iter_mut().find(|known| known.name == column));
    let targets = found.and_then(|column| column.kind.targets_mut());
    targets.ok_or_else(|| refused(format!("There is no lookup '{column}' of its own in '{table}'.")))
}

fn no_option_set(name: &str) -> Failure {
    refused(format!("There is no option set '{name}'."))
}

/// Removes a table, and what leads to it.
fn delete_table(own: &mut SchemaDefinition, name: &str) {
    let pairs: Vec<String> = own
        .many_to_many
        .iter()
        .filter(|pairs| [&pairs.first.table, &pairs.second.table, &pairs.intersect].contains(&&name.to_owned()))
        .map(|pairs| pairs.intersect.clone())
        .collect();
    own.many_to_many.retain(|known| !pairs.contains(&known.intersect));
    own.tables.retain(|table| table.logical_name != name && !pairs.contains(&table.logical_name));
    for table in &mut own.tables {
        let mut lost = Vec::new();
        for column in &mut table.columns {
            if let Some(targets) = column.kind.targets_mut() {
                let count = targets.len();
                targets.retain(|target| target.table != name);
                if targets.is_empty() && count > 0 {
                    lost.push(column.name.clone());
                }
            }
        }
        table.columns.retain(|column| !lost.contains(&column.name));
        table.keys.retain(|(_, columns)| !columns.iter().any(|column| lost.contains(column)));
    }
}

fn delete_column(own: &mut SchemaDefinition, table: &str, name: &str) -> Result<(), Failure> {
    let Some(table) = own.table_mut(table) else { return Ok(()) };
    if table.primary_id == name || table.primary_name.as_deref() == Some(name) {
        return Err(refused(format!("The column '{name}' names the rows of '{}' and stays.", table.logical_name)));
    }
    if let Some((key, _)) = table.keys.iter().find(|(_, columns)| columns.iter().any(|column| column == name)) {
        return Err(refused(format!("The column '{name}' is part of the key '{key}'; delete that first.")));
    }
    table.columns.retain(|column| column.name != name);
    Ok(())
}

/// A table that the organization has of its own.
fn own_table<'a>(
    own: &'a mut SchemaDefinition,
    shipped: &SchemaDefinition,
    name: &str,
) -> Result<&'a mut TableDefinition, Failure> {
    if shipped.table(name).is_some() {
        return Err(refused(format!("The table '{name}' is one of the platform's and stays as it is.")));
    }
    own.table_mut(name).ok_or_else(|| no_table(name))
}

/// Where an organization keeps its own part of a table, whoever the table comes from.
fn any_table<'a>(
    own: &'a mut SchemaDefinition,
    shipped: &SchemaDefinition,
    name: &str,
) -> Result<&'a mut TableDefinition, Failure> {
    if own.table(name).is_none() {
        let known = shipped.table(name).ok_or_else(|| no_table(name))?;
        own.tables.push(known.part());
    }
    own.table_mut(name).ok_or_else(|| no_table(name))
}

/// A column that the organization has of its own: also one that it had before another of its name shipped.
fn own_column<'a>(
    own: &'a mut SchemaDefinition,
    shipped: &SchemaDefinition,
    table: &str,
    name: &str,
) -> Result<&'a mut ColumnDefinition, Failure> {
    let found = own.table_mut(table).and_then(|table| table.columns.iter_mut().find(|column| column.name == name));
    if let Some(ships) = shipped.table(table).and_then(|table| table.column(name))
        && found.as_ref().is_none_or(|own| !holds_other(own, ships))
    {
        return Err(refused(format!("The column '{name}' of '{table}' is one of the platform's and stays as it is.")));
    }
    found.ok_or_else(|| refused(format!("There is no column '{name}' in '{table}' that could be changed.")))
}

fn no_table(name: &str) -> Failure {
    refused(format!("There is no table '{name}'."))
}

fn refused(reason: String) -> Failure {
    error::odata(reason).into()
}

#[cfg(test)]
mod tests;
