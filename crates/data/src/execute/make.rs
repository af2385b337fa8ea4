//! Putting a row together: what the caller gives, what the org adds, and whether the caller may.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{AlternateKey, Column, Ownership, Requirement, Table};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Value, Verb};
use keyholder_operation::{Assigned, Assignment};
use keyholder_security::{Permission, ReachedTable, Writing, privilege_id};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::{Session, missing};
use crate::caller;
use crate::catalogue::Record;
use crate::epoch::SECURITY_TABLES;
use crate::error::Failure;
use crate::rules;

/// The refusal of characters that no store keeps; its text is the published list's.
const INVALID_CHARACTERS_IN_FIELD: u32 = 0x8004_0278;

/// What a request gives for a row.
pub(crate) struct Given<'a, T> {
    pub(crate) table: &'a Arc<Table>,
    pub(crate) values: &'a [Assignment],
    /// Columns that the request names and that clients cannot set.
    pub(crate) ignored: &'a [Arc<Column>],
    /// The id that a new row is to have.
    pub(crate) id: Option<Uuid>,
    pub(crate) writing: &'a Writing<T>,
}

/// Makes a row.
pub(crate) fn new<T>(session: &Session<'_>, tx: &mut Transaction<'_>, given: &Given<'_, T>) -> Result<Record, Failure> {
    make(session, tx, given, |_| {})
}

/// Makes the row that the columns of an alternate key name.
pub(crate) fn new_with_key<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    key: &AlternateKey,
    values: &[Value],
) -> Result<Record, Failure> {
    make(session, tx, given, |record| {
        for (column, value) in key.columns.iter().zip(values) {
            record.set_at(column.position, value.clone());
        }
    })
}

fn make<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    key: impl FnOnce(&mut Record),
) -> Result<Record, Failure> {
    let rows = permitted(given.writing.create(), given.table)?;
    let layout = session.catalogue.layout(given.table);
    let mut record = Record::empty(&layout);
    record.set_id(given.id.unwrap_or_else(|| session.new_id()));
    let owner = assign(session, tx, given, &mut record, |column| column.access.create)?;
    key(&mut record);

    rules::defaults::complete(&mut record)?;
    own(session, tx, &mut record, owner.unwrap_or_else(|| session.caller_reference()))?;
    rules::before_create(session, tx, &mut record, given.ignored)?;
    rules::computed::compute(session, tx, &mut record, None)?;
    record.set_time("createdon", session.request.now);
    record.set("createdby", Value::Lookup(session.caller_reference()));
    touch(session, tx, &mut record)?;
    required(&record, |_| true)?;

    let unit = rules::unit_of_new(&record);
    session.check_reach_in(rows, &record, unit)?;
    if let Some(append) = given.writing.append() {
        session.check_reach_in(append, &record, unit)?;
    }
    if owner.is_some_and(|owner| owner.id != session.caller.user) {
        session.check_reach(permitted(given.writing.assign(), given.table)?, &record)?;
    }
    record.insert(tx)?;
    rules::after_create(session, tx, &record)?;
    settle(session, tx, given.table)?;
    Ok(record)
}

/// Changes a row that the caller reaches: that has been checked.
pub(crate) fn changed<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    before: &Record,
) -> Result<Record, Failure> {
    if let Some(append) = given.writing.append() {
        session.check_reach(append, before)?;
    }
    let mut record = before.clone();
    let owner = assign(session, tx, given, &mut record, |column| column.access.update)?;
    if let Some(owner) = owner.filter(|owner| Some(owner.id) != before.owner()) {
        session.check_reach(permitted(given.writing.assign(), given.table)?, before)?;
        own(session, tx, &mut record, owner)?;
    }
    rules::before_update(session, tx, before, &mut record, given.ignored)?;
    let status_is_given = given.values.iter().any(|given| &*given.column.name == "statuscode");
    rules::defaults::change_state(before, &mut record, status_is_given)?;
    rules::computed::compute(session, tx, &mut record, Some(before))?;
    required(&record, |column| record.at(column) != before.at(column))?;
    touch(session, tx, &mut record)?;
    record.update(tx, session.catalogue, before)?;
    rules::after_update(session, tx, before, &record)?;
    settle(session, tx, given.table)?;
    Ok(record)
}

/// What a permission allows; its refusal when it turns out to be needed.
pub(crate) fn permitted<'a>(permission: Option<&'a Permission>, table: &Table) -> Result<&'a ReachedTable, Failure> {
    match permission {
        Some(Ok(rows)) => Ok(rows),
        Some(Err(denied)) => Err(denied.clone().into()),
        None => Err(error::not_supported(&format!("This change to '{}'", table.logical_name())).into()),
    }
}

/// Puts what the request gives into a row; gives the owner that it names, which is not put there.
fn assign<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    record: &mut Record,
    settable: impl Fn(&Column) -> bool,
) -> Result<Option<Reference>, Failure> {
    let owner_column = (given.table.ownership() == Ownership::User).then(|| given.table.owner_column()).flatten();
    let mut owner = None;
    for (index, assignment) in given.values.iter().enumerate() {
        let column = &assignment.column;
        let is_id = column.position == given.table.primary_id().position;
        if is_id || !settable(column) {
            continue;
        }
        let value = match &assignment.value {
            Assigned::Value(value) => {
                check_text(column, value)?;
                value.clone()
            }
            Assigned::Row { table, key } => {
                let id = session.find_id(tx, table, key)?.ok_or_else(|| missing(table, key))?;
                let binding = given.writing.bindings().iter().find(|binding| binding.assignment() == index);
                if let Some(binding) = binding {
                    let layout = session.catalogue.layout(table);
                    let target =
                        Record::load(tx, session.catalogue, &layout, id)?.ok_or_else(|| missing(table, key))?;
                    session.check_reach(binding.target(), &target)?;
                }
                Value::Lookup(Reference { type_code: table.type_code(), id })
            }
            _ => return Err(error::not_supported(&format!("This value of '{}'", column.name)).into()),
        };
        match (owner_column, value) {
            (Some(of), Value::Lookup(reference)) if of.position == column.position => owner = Some(reference),
            (Some(of), _) if of.position == column.position => {
                return Err(error::missing_required(&column.name, given.table.logical_name()).into());
            }
            (_, value) => record.set_at(column.position, value),
        }
    }
    Ok(owner)
}

fn check_text(column: &Column, value: &Value) -> Result<(), Failure> {
    if value.text().is_some_and(|text| text.contains('\0')) {
        let message = format!("The field '{}' contains one or more invalid characters.", column.name);
        return Err(DataverseError::new(INVALID_CHARACTERS_IN_FIELD, message).into());
    }
    Ok(())
}

/// Gives the row an owner and that owner's business unit.
fn own(session: &Session<'_>, tx: &mut Transaction<'_>, record: &mut Record, owner: Reference) -> Result<(), Failure> {
    let table = Arc::clone(&record.layout().table);
    if table.ownership() != Ownership::User {
        return Ok(());
    }
    let owners =
        session.catalogue.schema.table_of_code(owner.type_code)?.ok_or_else(|| error::not_supported("This owner"))?;
    let layout = session.catalogue.layout(&owners);
    let row = Record::load(tx, session.catalogue, &layout, owner.id)?
        .ok_or_else(|| error::row_not_found(owners.schema_name(), owner.id))?;
    let is_team = owners.logical_name() == "team";
    if owner.id != session.caller.user {
        may_own(session, tx, &table, &row, is_team)?;
    }
    let unit = row.business_unit().unwrap_or(session.caller.business_unit);
    let reference = |value: Option<Reference>| value.map_or(Value::Null, Value::Lookup);
    record.set("ownerid", Value::Lookup(owner));
    record.set("owninguser", reference((!is_team).then_some(owner)));
    record.set("owningteam", reference(is_team.then_some(owner)));
    let type_code = session.catalogue.type_code("businessunit").unwrap_or_default();
    record.set("owningbusinessunit", Value::Lookup(Reference { type_code, id: unit }));
    Ok(())
}

/// A new owner must be able to see the row that becomes theirs, and must not be disabled.
fn may_own(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    table: &Table,
    owner: &Record,
    is_team: bool,
) -> Result<(), Failure> {
    if *owner.get("isdisabled") == Value::Boolean(true) {
        return Err(rules::owner_disabled().into());
    }
    let Some(privilege) = table.privilege_name(Verb::Read) else { return Ok(()) };
    let id = privilege_id(&privilege);
    let holds = if is_team {
        let mut held = false;
        for role in session.platform().roles(snapshot, owner.id(), true)? {
            held |= session.platform().privileges(snapshot, role.root)?.iter().any(|(privilege, _)| *privilege == id);
        }
        held
    } else {
        caller::grants(snapshot, session.catalogue, owner)?.depth(id).is_some()
    };
    if holds {
        return Ok(());
    }
    Err(rules::owner_lacks_privilege(owner.id(), owner.layout().table.type_code(), &privilege, id).into())
}

/// Who changed the row, when, and its new version.
fn touch(session: &Session<'_>, tx: &mut Transaction<'_>, record: &mut Record) -> Result<(), Failure> {
    record.set_time("modifiedon", session.request.now);
    record.set("modifiedby", Value::Lookup(session.caller_reference()));
    let version = session.core.epochs.versions(tx, 1)?;
    record.set("versionnumber", Value::Integer(version));
    Ok(())
}

/// Columns that the service insists on.
fn required(record: &Record, asked: impl Fn(&Column) -> bool) -> Result<(), Failure> {
    let table = &record.layout().table;
    let empty = table
        .columns()
        .iter()
        .find(|column| column.requirement == Requirement::System && record.at(column).is_null() && asked(column));
    match empty {
        Some(column) => Err(error::missing_required(&column.name, table.logical_name()).into()),
        None => Ok(()),
    }
}

/// What has to be known elsewhere after a change to this table.
pub(crate) fn settle(session: &Session<'_>, tx: &mut Transaction<'_>, table: &Table) -> Result<(), Failure> {
    if SECURITY_TABLES.contains(&table.logical_name()) { session.bump_security(tx) } else { Ok(()) }
}

impl Session<'_> {
    /// The caller, as a lookup names them.
    pub(crate) fn caller_reference(&self) -> Reference {
        Reference { type_code: self.catalogue.type_code("systemuser").unwrap_or_default(), id: self.caller.user }
    }
}
