//! Which tables of the schema the store has: made when they are first used.
//!
//! A real org has seven hundred tables and a program uses ten. Making them all would cost every start and every
//! connection, so a new organization has those that the platform itself relies on. A statement that names another
//! one fails before anything is done, with the table's name; the request that met it makes the table in a short write of
//! its own and begins anew. So nothing is defined inside the snapshot of a read, and what has been made costs nothing.
//!
//! `keyholder_made` lists the tables that there are, for whoever must look at all of them: deleting a row, changing
//! the schema, starting.

use std::collections::HashSet;
use std::sync::Arc;

use keyholder_dataverse::schema::Table;
use keyholder_store::statement::{Delete, DropTable, Insert, Select, column, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};

use super::layout::physical;
use super::{Catalogue, Layout};
use crate::epoch::EpochStatements;
use crate::error::Failure;

/// What the platform relies on, whatever is asked: itself, who may come in, and what they may.
pub(crate) const AT_START: [&str; 12] = [
    "organization",
    "transactioncurrency",
    "businessunit",
    "systemuser",
    "team",
    "role",
    "roletemplate",
    "privilege",
    "roleprivileges",
    "systemuserroles",
    "teamroles",
    "teammembership",
];

/// The logical names of the tables that have been made.
pub(crate) fn list(snapshot: &mut Snapshot<'_>) -> Result<HashSet<String>, keyholder_store::Error> {
    let read = Prepared::new(Select::from("keyholder_made").column("name", Kind::Text))?;
    Ok(snapshot.list(&read, &[], |row| row.get(0))?.into_iter().collect())
}

/// Makes a table and its indexes. One that is there stays as it is.
pub(crate) fn make(tx: &mut Transaction<'_>, table: &Arc<Table>) -> Result<(), keyholder_store::Error> {
    record(tx, table.logical_name())?;
    for statement in Layout::new(table).definition() {
        tx.execute(&Prepared::new(statement)?, &[])?;
    }
    Ok(())
}

/// Writes down that there is a table.
pub(crate) fn record(tx: &mut Transaction<'_>, logical_name: &str) -> Result<(), keyholder_store::Error> {
    let write = Prepared::new(Insert::into("keyholder_made").columns(["name"]).or_nothing())?;
    tx.execute(&write, &[logical_name.into()]).map(drop)
}

/// Removes a table with its rows, and that there was one.
pub(crate) fn drop_table(tx: &mut Transaction<'_>, logical_name: &str) -> Result<(), keyholder_store::Error> {
    let forget = Delete::from("keyholder_made").filter(column("name").equals(parameter(0)));
    tx.execute(&Prepared::new(forget)?, &[logical_name.into()])?;
    tx.execute(&Prepared::new(DropTable { name: physical("d_", logical_name) })?, &[]).map(drop)
}

/// Makes the table with this physical name, in the write of one request that met its lack; gives its logical name. Nothing is
/// done when the schema is not the one that the request was bound against: then the table may be another one by now.
pub(crate) fn make_missing(
    tx: &mut Transaction<'_>,
    epochs: &EpochStatements,
    catalogue: &Catalogue,
    physical_name: &str,
) -> Result<Option<String>, Failure> {
    // First of all: see there.
    epochs.bump_made(tx)?;
    if epochs.read(tx)?.schema != catalogue.epoch {
        return Err(Failure::Stale);
    }
    let found = catalogue.schema.names().find(|name| &*physical("d_", &name.logical_name) == physical_name);
    let Some(name) = found else { return Ok(None) };
    make(tx, &catalogue.table(&name.logical_name)?)?;
    Ok(Some(name.logical_name.to_string()))
}
