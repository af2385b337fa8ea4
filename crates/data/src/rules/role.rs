//! Roles: unique names in a business unit, the privileges that every new role holds, and that
//! nobody gives what they do not have.
//!
//! A role's privileges lie on the role itself, which is changed and deleted in the business unit
//! that it was made in; the units below have copies that follow ([`crate::units`]).

use keyholder_dataverse::error::{self, MissingPrivilege};
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Depth, Value};
use keyholder_security::{default_role_privileges, privilege_id, privileges_of};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::{Deletion, refusals};
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;
use crate::organization::RolePolicy;
use crate::seed::{SYSTEM_ADMINISTRATOR, SYSTEM_CUSTOMIZER, is_predefined};

pub(super) fn before_create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
) -> Result<(), Failure> {
    check_name(session, tx, record)?;
    let type_code = record.layout().table.type_code();
    record.set("parentrootroleid", Value::Lookup(Reference { type_code, id: record.id() }));
    record.set_guid("roleidunique", session.new_id());
    record.set("componentstate", Value::Integer(0));
    Ok(())
}

pub(super) fn after_create(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    for (privilege, depth) in default_role_privileges() {
        session.platform().grant(tx, session.new_id(), record.id(), privilege.id, depth)?;
    }
    session.units().inherit(tx, record.business_unit().unwrap_or_default())
}

pub(super) fn before_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    cannot_be_changed(before)?;
    if before.get("name") == record.get("name") { Ok(()) } else { check_name(session, tx, record) }
}

pub(super) fn after_update(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    session.units().follow_role(tx, record)
}

pub(super) fn before_delete(record: &Record) -> Result<Deletion, Failure> {
    let template = record.get("roletemplateid").guid();
    if template == Some(SYSTEM_ADMINISTRATOR) {
        return Err(refusals::administrators_role_cannot_be_deleted().into());
    }
    if template == Some(SYSTEM_CUSTOMIZER) {
        return Err(refusals::customizers_role_cannot_be_deleted().into());
    }
    if is_copy(record) {
        return Err(refusals::inherited_role_cannot_be_deleted().into());
    }
    if *record.get("canbedeleted") == Value::Boolean(false) {
        return Err(refusals::fixed_role(record.get("name").text().unwrap_or_default()).into());
    }
    Ok(Deletion::Remove)
}

/// A role goes with what business units have of it.
pub(super) fn on_delete(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let platform = session.platform();
    for copy in platform.copies(tx, record.id())? {
        platform.remove_role(tx, copy)?;
    }
    platform.remove_role(tx, record.id())
}

/// The System Administrator role can be copied, never changed, and the copies that business units
/// have of a role change only with it.
pub(crate) fn cannot_be_changed(role: &Record) -> Result<(), Failure> {
    if role.get("roletemplateid").guid() == Some(SYSTEM_ADMINISTRATOR) {
        return Err(refusals::administrators_role_cannot_be_changed().into());
    }
    if is_copy(role) {
        return Err(refusals::inherited_role_cannot_be_changed().into());
    }
    Ok(())
}

/// Refuses an out-of-the-box role for an application's user, where the organization keeps the rule of 2016.
pub(crate) fn check_role_policy(session: &Session<'_>, user: &Record, role: &Record) -> Result<(), Failure> {
    if session.core.role_policy() == RolePolicy::AnyRole || user.get("applicationid").is_null() {
        return Ok(());
    }
    let root = role.get("parentrootroleid").guid().unwrap_or_else(|| role.id());
    match is_predefined(root, |name| session.core.seed_id(name)) {
        true => Err(refusals::custom_roles_only(role.get("name").text().unwrap_or_default(), user.id()).into()),
        false => Ok(()),
    }
}

/// Whether this is what a business unit has of a role of a unit above.
fn is_copy(role: &Record) -> bool {
    role.get("parentrootroleid").guid().is_some_and(|root| root != role.id())
}

/// The name must be free in the role's business unit and in all that get a copy.
fn check_name(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let unit = record.business_unit().unwrap_or_default();
    let name = record.get("name").text().unwrap_or_default();
    let (platform, folded) = (session.platform(), fold(name));
    let own = platform.copies(tx, record.id())?;
    for unit in platform.subtree(tx, unit)?.iter() {
        match platform.role_named(tx, *unit, &folded)? {
            Some(other) if other != record.id() && !own.contains(&other) => {
                return Err(error::role_already_exists(name, *unit).into());
            }
            _ => {}
        }
    }
    Ok(())
}

/// Refuses to hand out a privilege that the caller does not hold at least as deep.
pub(crate) fn check_held(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    privileges: &[(Uuid, Depth)],
) -> Result<(), Failure> {
    let grants = &session.caller.grants;
    let lacking =
        privileges.iter().find(|(privilege, depth)| grants.depth(*privilege).is_none_or(|held| held < *depth));
    match lacking {
        Some((id, _)) => Err(denied(session, snapshot, *id)?),
        None => Ok(()),
    }
}

/// Refuses a caller who holds no role with this privilege, or whose privilege does not reach the
/// row.
pub(super) fn check_privilege(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    name: &str,
    record: &Record,
) -> Result<(), Failure> {
    let id = privilege_id(name);
    match session.caller.grants.reach(id) {
        Some(reach) if reach.covers(record.owner(), record.business_unit()) => Ok(()),
        _ => Err(denied(session, snapshot, id)?),
    }
}

/// The long refusal that names a privilege.
fn denied(session: &Session<'_>, snapshot: &mut Snapshot<'_>, id: Uuid) -> Result<Failure, Failure> {
    let names = session.platform().privilege_names(snapshot)?;
    let name = names.into_iter().find(|(known, _)| *known == id).map(|(_, name)| name).unwrap_or_default();
    let about = table_of(session, id)?;
    let missing = MissingPrivilege {
        name,
        id,
        table: about.as_ref().map_or("none", |table| table.logical_name()).to_owned(),
        type_code: about.as_ref().map_or(0, |table| table.type_code()),
        display_name: about.as_ref().map_or("", |table| table.display_name()).to_owned(),
    };
    Ok(error::privilege_denied(session.caller.grants.caller(), &missing).into())
}

/// The table that a privilege guards.
fn table_of(session: &Session<'_>, privilege: Uuid) -> Result<Option<std::sync::Arc<Table>>, Failure> {
    for name in session.catalogue.schema.names() {
        let table = session.catalogue.table(&name.logical_name)?;
        if privileges_of(&table).iter().any(|known| known.id == privilege) {
            return Ok(Some(table));
        }
    }
    Ok(None)
}
