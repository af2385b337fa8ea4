//! The texts that an organization's schema is kept as.
//!
//! What the org has of its own (imported, or made while it ran) is kept as it was given, beside the compiled whole. So a newer
//! program, which ships other tables, can compile both anew; and the program that compiled last does not compile again.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{OptionSetDefinition, SchemaDefinition, SchemaError};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};

use super::Catalogue;
use crate::epoch::EpochStatements;
use crate::error::Failure;

/// The compiled schema: what requests are bound against.
pub(super) const COMPILED: i64 = 1;
/// What the org has of its own, as a [`SchemaDefinition`] in JSON.
pub(super) const OWN: i64 = 2;
/// Which shipped tables the compiled schema was made of.
pub(super) const SHIPPED: i64 = 3;
/// What stays in the store though the schema has it no more.
pub(super) const LEFT: i64 = 4;
/// The lists of options that columns share, as they stand in what the org has of its own: whoever reads a schema needs no more of that.
const OPTION_SETS: i64 = 5;
/// What changed at which epoch.
pub(super) const HISTORY: i64 = 6;
/// That the tables which have been made have places for their files: see [`mod@super::install`].
pub(super) const FILES: i64 = 7;

/// Reads the organization's schema as it stands.
pub(crate) fn load(snapshot: &mut Snapshot<'_>, epochs: &EpochStatements) -> Result<Catalogue, Failure> {
    let compiled =
        read(snapshot, COMPILED)?.ok_or_else(|| SchemaError::Unreadable { reason: "there is none".to_owned() })?;
    let catalogue = Catalogue::new(epochs.read(snapshot)?.schema, Arc::new(Schema::from_packed(&compiled)?));
    Ok(catalogue.sharing(option_sets(snapshot)?))
}

/// The lists of options that columns share.
pub(super) fn option_sets(snapshot: &mut Snapshot<'_>) -> Result<Vec<OptionSetDefinition>, Failure> {
    let text = read(snapshot, OPTION_SETS)?;
    let unreadable = |error: serde_json::Error| SchemaError::Unreadable { reason: error.to_string() };
    Ok(text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()?.unwrap_or_default())
}

/// Writes what the organization has of its own.
pub(super) fn write_own(tx: &mut Transaction<'_>, own: &SchemaDefinition, text: String) -> Result<(), Failure> {
    write(tx, OWN, text)?;
    // Names and labels always serialise.
    Ok(write(tx, OPTION_SETS, serde_json::to_string(&own.option_sets).unwrap_or_default())?)
}

/// What the organization has of its own beside the tables that ship.
pub(crate) fn own(snapshot: &mut Snapshot<'_>) -> Result<SchemaDefinition, Failure> {
    match read(snapshot, OWN)? {
        Some(text) => Ok(SchemaDefinition::from_json(&text)?),
        None => Ok(SchemaDefinition::empty()),
    }
}

pub(super) fn read(snapshot: &mut Snapshot<'_>, number: i64) -> Result<Option<String>, keyholder_store::Error> {
    let read =
        Select::from("keyholder_schema").column("packed", Kind::Text).filter(column("number").equals(parameter(0)));
    snapshot.first(&Prepared::new(read)?, &[number.into()], |row| row.get(0))
}

pub(super) fn write(tx: &mut Transaction<'_>, number: i64, text: String) -> Result<(), keyholder_store::Error> {
    let delete = Delete::from("keyholder_schema").filter(column("number").equals(parameter(0)));
    tx.execute(&Prepared::new(delete)?, &[number.into()])?;
    let write = Prepared::new(Insert::into("keyholder_schema").columns(["number", "packed"]))?;
    tx.execute(&write, &[number.into(), text.into()]).map(drop)
}
