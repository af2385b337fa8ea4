//! Teams: who administers a new one, what a default team is held to, and what goes with an old one.

use keyholder_dataverse::Value;
use keyholder_store::Transaction;

use super::role::check_privilege;
use super::{Deletion, refusals, unit, user};
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

pub(super) fn before_create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
) -> Result<(), Failure> {
    if record.get("administratorid").is_null() {
        record.set("administratorid", Value::Lookup(session.caller_reference()));
    }
    unit::check_assignable(session, tx, record)
}

pub(super) fn before_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    let moves = before.business_unit() != record.business_unit();
    if is_access(record) && !is_access(before) && user::owns_rows(session, tx, before.id())? {
        return Err(refusals::access_team_owns_nothing(before.id()).into());
    }
    if is_default(before) {
        if before.get("name") != record.get("name") {
            return Err(refusals::default_team_cannot_be_renamed(before.id()).into());
        }
        if moves {
            return Err(refusals::default_team_cannot_be_moved(before.id()).into());
        }
    }
    if moves {
        check_privilege(session, tx, "prvReparentTeam", before)?;
        unit::check_assignable(session, tx, record)?;
    }
    Ok(())
}

/// A team that moves to another business unit loses its roles, and its rows go with it.
pub(super) fn after_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    match record.business_unit() {
        Some(unit) if before.business_unit() != Some(unit) => {
            session.platform().remove(tx, "teamroles", "teamid", record.id())?;
            session.units().move_rows(tx, record.id(), unit)
        }
        _ => Ok(()),
    }
}

/// The default team lives as long as its business unit.
pub(super) fn before_delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<Deletion, Failure> {
    if is_default(record) {
        return Err(refusals::default_team_cannot_be_deleted(record.id()).into());
    }
    if user::owns_rows(session, tx, record.id())? {
        return Err(refusals::is_in_use().into());
    }
    Ok(Deletion::Remove)
}

/// A team goes with its members and roles.
pub(super) fn on_delete(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    for pairs in ["teammembership", "teamroles"] {
        session.platform().remove(tx, pairs, "teamid", record.id())?;
    }
    Ok(())
}

/// Whether a team is its business unit's own.
pub(crate) fn is_default(team: &Record) -> bool {
    *team.get("isdefault") == Value::Boolean(true)
}

/// Whether a team is one that rows are shared with, which owns nothing and holds no roles.
pub(crate) fn is_access(team: &Record) -> bool {
    *team.get("teamtype") == Value::Integer(1)
}
