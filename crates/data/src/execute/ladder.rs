//! Rows above rows of the same table: an account's parent account, a contact's contact, a user's manager. Nothing is
//! above itself, however many rows lie between.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, Table};
use keyholder_dataverse::value::Reference;
use keyholder_store::Transaction;
use uuid::Uuid;

use super::Session;
use crate::catalogue::Record;
use crate::error::Failure;

/// So many levels are looked at above a row: each is one more question to the store, in a transaction that holds every
/// other writer up.
const MOST_LEVELS: usize = 1_000;
/// `AccountLoopBeingCreated`.
const ACCOUNT_LOOP: u32 = 0x8004_0507;
/// `ContactLoopBeingCreated`.
const CONTACT_LOOP: u32 = 0x8004_050A;
/// `UserLoopBeingCreated`.
const USER_LOOP: u32 = 0x8004_1D25;
/// `EntityLoopBeingCreated`.
const ENTITY_LOOP: u32 = 0x8004_0387;

/// Refuses a change by which a row would be above itself.
pub(super) fn check(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    let table = &record.layout().table;
    for column in lookups(table).filter(|column| record.at(column) != before.at(column)) {
        if is_above(session, tx, record, column, before.id())? {
            let (code, rows) = match table.logical_name() {
                "account" => (ACCOUNT_LOOP, "Accounts"),
                "contact" => (CONTACT_LOOP, "Contacts"),
                "systemuser" => (USER_LOOP, "users"),
                _ => (ENTITY_LOOP, "this entity"),
            };
            let message = format!("Creating this parental association would create a loop in {rows} hierarchy.");
            return Err(DataverseError::new(code, message).into());
        }
    }
    Ok(())
}

/// Whether a row has the one with the id `above`, of the same table, anywhere above it.
pub(super) fn is_below(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    above: Uuid,
) -> Result<bool, Failure> {
    for column in lookups(&record.layout().table) {
        if is_above(session, tx, record, column, above)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The lookups by which rows of a table have parents in it. Other lookups to the same table may go in circles.
fn lookups(table: &Table) -> impl Iterator<Item = &Arc<Column>> {
    table.columns().iter().filter(|column| {
        let own = column.targets().iter().find(|target| target.table == table.logical_name());
        let manager = table.logical_name() == "systemuser" && &*column.name == "parentsystemuserid";
        own.is_some_and(|target| manager || column.behavior(target).merge)
    })
}

/// Whether the row with the id `above` is found on the way up from `record` by one lookup.
fn is_above(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    column: &Column,
    above: Uuid,
) -> Result<bool, Failure> {
    let layout = record.layout();
    let mut next = parent(record, column);
    for _ in 0..MOST_LEVELS {
        let Some(id) = next else { return Ok(false) };
        if id == above {
            return Ok(true);
        }
        next = Record::load(tx, session.catalogue, layout, id)?.and_then(|row| parent(&row, column));
    }
    Err(error::odata(format!(
        "More than {MOST_LEVELS} rows lie above this one by '{}', or they go in a circle; choose a parent higher up.",
        column.name
    ))
    .into())
}

/// The row of the same table that a lookup names.
fn parent(record: &Record, column: &Column) -> Option<Uuid> {
    match record.at(column) {
        Value::Lookup(Reference { type_code, id }) if *type_code == record.layout().table.type_code() => Some(*id),
        _ => None,
    }
}
