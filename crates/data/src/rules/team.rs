//! Teams: who administers a new one, and what goes with an old one.

use keyholder_dataverse::Value;
use keyholder_store::Transaction;

use super::{Deletion, refusals, user};
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

pub(super) fn before_create(session: &Session<'_>, record: &mut Record) {
    if record.get("administratorid").is_null() {
        record.set("administratorid", Value::Lookup(session.caller_reference()));
    }
}

/// The default team lives as long as its business unit.
pub(super) fn before_delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<Deletion, Failure> {
    if *record.get("isdefault") == Value::Boolean(true) {
        return Err(refusals::is_in_use().into());
    }
    if user::owns_rows(session, tx, record.id())? {
        return Err(refusals::is_in_use().into());
    }
    for pairs in ["teammembership", "teamroles"] {
        session.platform().remove(tx, pairs, "teamid", record.id())?;
    }
    Ok(Deletion::Remove)
}
