//! Business units: unique names, a hierarchy without loops under one root, and how a unit goes.
//!
//! What every unit brings along (its default team, its copies of roles) is [`crate::units`]'s.

use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_dataverse::fold::fold;
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::role::check_privilege;
use super::{Deletion, refusals, user};
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::{Session, missing};
use crate::seed::SYSTEM_ADMINISTRATOR;

const PARENT: &str = "parentbusinessunitid";

pub(super) fn before_create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
) -> Result<(), Failure> {
    if record.get(PARENT).is_null() {
        record.set(PARENT, session.reference("businessunit", session.root_unit()));
    }
    check_name(session, tx, record)?;
    let parent = record.get(PARENT).guid().unwrap_or_default();
    check_enabled(session, tx, parent, refusals::business_unit_disabled)?;
    match is_disabled(record) {
        true => check_privilege(session, tx, "prvDisableBusinessUnit", record),
        false => Ok(()),
    }
}

pub(super) fn after_create(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let units = session.units();
    units.make_default_team(tx, record)?;
    units.inherit(tx, record.id())
}

pub(super) fn before_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    let changed = |column: &str| record.get(column) != before.get(column);
    if changed("name") {
        check_name(session, tx, record)?;
    }
    if changed(PARENT) {
        check_move(session, tx, before, record)?;
    }
    if is_disabled(before) != is_disabled(record) {
        check_privilege(session, tx, "prvDisableBusinessUnit", before)?;
        if is_disabled(record) {
            check_disabling(session, tx, record)?;
        } else if let Some(parent) = record.get(PARENT).guid() {
            check_enabled(session, tx, parent, refusals::business_unit_disabled)?;
        }
    }
    Ok(())
}

pub(super) fn after_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    let units = session.units();
    if before.get("name") != record.get("name") {
        units.rename_default_team(tx, record)?;
    }
    if before.get(PARENT) != record.get(PARENT) {
        units.inherit(tx, record.id())?;
    }
    if is_disabled(before) != is_disabled(record) {
        units.disable_below(tx, record)?;
    }
    Ok(())
}

/// A unit goes when it is disabled and nobody and nothing is left in it but what it brought along.
pub(super) fn before_delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<Deletion, Failure> {
    let (platform, unit) = (session.platform(), record.id());
    // The root cannot be disabled, so it stays.
    if !is_disabled(record) || unit == session.root_unit() {
        return Err(refusals::business_unit_not_disabled().into());
    }
    if platform.subtree(tx, unit)?.len() > 1 {
        return Err(refusals::business_unit_has_child().into());
    }
    if platform.has_members(tx, unit)? {
        return Err(refusals::is_in_use().into());
    }
    if let Some(team) = platform.default_team(tx, unit)?
        && user::owns_rows(session, tx, team)?
    {
        return Err(refusals::default_team_owns_rows(unit).into());
    }
    Ok(Deletion::Remove)
}

/// A unit goes with its default team and what it has of the roles.
pub(super) fn on_delete(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let (platform, unit) = (session.platform(), record.id());
    if let Some(team) = platform.default_team(tx, unit)? {
        platform.remove_team(tx, team)?;
    }
    for role in platform.roles_of_unit(tx, unit)? {
        platform.remove_role(tx, role.id)?;
    }
    Ok(())
}

/// A new unit is reached by whoever reaches its parent: nobody could reach it itself yet.
pub(super) fn place_of_new(record: &Record) -> Option<Uuid> {
    record.get(PARENT).guid()
}

/// Refuses to put somebody into a unit that is disabled.
pub(super) fn check_assignable(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<(), Failure> {
    let unit = record.business_unit().unwrap_or_default();
    check_enabled(session, tx, unit, |_| refusals::cannot_assign_to_disabled_unit())
}

fn is_disabled(unit: &Record) -> bool {
    *unit.get("isdisabled") == Value::Boolean(true)
}

fn load(session: &Session<'_>, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<Record, Failure> {
    let layout = session.catalogue.layout_of("businessunit")?;
    let found = Record::load(snapshot, session.catalogue, &layout, unit)?;
    found.ok_or_else(|| missing(&layout.table, &keyholder_operation::RowKey::Id(unit)))
}

fn check_enabled(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    unit: Uuid,
    refusal: impl FnOnce(&str) -> error::DataverseError,
) -> Result<(), Failure> {
    let unit = load(session, snapshot, unit)?;
    match is_disabled(&unit) {
        true => Err(refusal(unit.get("name").text().unwrap_or_default()).into()),
        false => Ok(()),
    }
}

/// Names are unique in the whole organization. A unit without one is refused as any row is.
fn check_name(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let Some(name) = record.get("name").text() else { return Ok(()) };
    match session.platform().unit_named(tx, &fold(name))? {
        Some(other) if other != record.id() => Err(refusals::business_unit_exists().into()),
        _ => Ok(()),
    }
}

fn check_move(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    check_privilege(session, tx, "prvReparentBusinessUnit", before)?;
    let Some(parent) = record.get(PARENT).guid() else { return Err(refusals::parent_missing().into()) };
    // Everything lies below the root, so the root can be moved nowhere.
    if session.platform().subtree(tx, record.id())?.contains(&parent) {
        return Err(refusals::business_loop().into());
    }
    check_enabled(session, tx, parent, |_| refusals::cannot_assign_to_disabled_unit())
}

/// The root stays enabled, and so does whoever can administer the org.
fn check_disabling(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    if record.id() == session.root_unit() {
        return Err(refusals::root_cannot_be_disabled().into());
    }
    let platform = session.platform();
    let below = platform.subtree(tx, record.id())?;
    let holders = platform.active_holders(tx, SYSTEM_ADMINISTRATOR)?;
    match holders.iter().any(|(_, unit)| !below.contains(unit)) {
        true => Ok(()),
        false => Err(refusals::no_administrator_outside().into()),
    }
}
