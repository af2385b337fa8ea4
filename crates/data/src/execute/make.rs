//! Putting a row together: what the caller gives, what the org adds, and whether the caller may.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{AlternateKey, Column, Ownership, Requirement, Table};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Value, Verb};
use keyholder_operation::{Assigned, Assignment, RowKey};
use keyholder_security::{Permission, ReachedTable, Writing, privilege_id};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::{Session, cascade, contents, ladder, missing, nested};
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
    /// The row whose body this one stands in, or that names this one in its collection.
    pub(crate) parent: Option<&'a Record>,
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
    contents::only_primary_image(given.table, given.values)?;
    let layout = session.catalogue.layout(given.table);
    let mut record = Record::empty(&layout);
    record.set_id(given.id.unwrap_or_else(|| session.new_id()));
    let owner = assign(session, tx, given, &mut record, |column| column.access.create)?;
    key(&mut record);

    rules::defaults::complete(&mut record)?;
    own(session, tx, &mut record, owner.unwrap_or_else(|| session.caller_reference()))?;
    rules::before_create(session, tx, &mut record, given.ignored)?;
    rules::computed::compute(session, tx, &mut record, None)?;
    let created_on = rules::created_on(session, tx, &mut record)?;
    record.set_time("createdon", created_on);
    record.set("createdby", Value::Lookup(session.caller_reference()));
    record.set("createdonbehalfby", session.real_caller());
    touch(session, tx, &mut record)?;
    required(&record, |_| true)?;
    check_keys(session, tx, &record, None)?;

    let unit = rules::unit_of_new(&record);
    session.check_reach_in(tx, rows, &record, unit)?;
    if let Some(append) = given.writing.append() {
        session.check_reach_in(tx, append, &record, unit)?;
    }
    if owner.is_some_and(|owner| owner.id != session.caller.user) {
        session.check_reach(tx, permitted(given.writing.assign(), given.table)?, &record)?;
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
        session.check_reach(tx, append, before)?;
    }
    let mut record = before.clone();
    let owner = assign(session, tx, given, &mut record, |column| column.access.update)?;
    if let [Assignment { column, value: Assigned::Unlinked { .. } }] = given.values
        && record.at(column) == before.at(column)
    {
        // A link that is not there is as good as removed.
        return Ok(record);
    }
    if let Some(owner) = owner.filter(|owner| Some(owner.id) != before.owner()) {
        session.check_reach(tx, permitted(given.writing.assign(), given.table)?, before)?;
        own(session, tx, &mut record, owner)?;
    }
    rules::before_update(session, tx, before, &mut record, given.ignored)?;
    let status_is_given = given.values.iter().any(|given| &*given.column.name == "statuscode");
    rules::defaults::change_state(before, &mut record, status_is_given)?;
    rules::computed::compute(session, tx, &mut record, Some(before))?;
    required(&record, |column| record.at(column) != before.at(column))?;
    check_keys(session, tx, &record, Some(before))?;
    ladder::check(session, tx, before, &record)?;
    touch(session, tx, &mut record)?;
    record.update(tx, session.catalogue, before)?;
    rules::after_update(session, tx, before, &record)?;
    if record.owner() != before.owner() {
        cascade::assign(session, tx, before, &record)?;
    }
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
            Assigned::Row { table, key } => pointed(session, tx, given, index, (table, key))?,
            Assigned::Unlinked { table, key } => {
                if *record.at(column) != pointed(session, tx, given, index, (table, key))? {
                    continue;
                }
                Value::Null
            }
            Assigned::New(row) => {
                let nested = given.writing.nested(index).ok_or_else(|| error::not_supported("This nested row"))?;
                let target = nested::create(session, tx, nested, None, &row.place)?;
                points_at(session, tx, given, index, &target).map_err(|refused| refused.at_place(&row.place))?
            }
            Assigned::Image(bytes) => contents::image(session, tx, record, column, bytes)?,
            Assigned::Parent { .. } => {
                let parent = given.parent.ok_or_else(|| error::not_supported("This nested row"))?;
                points_at(session, tx, given, index, parent)?
            }
            _ => return Err(error::not_supported(&format!("This value of '{}'", column.name)).into()),
        };
        match (owner_column, value) {
            (Some(of), Value::Lookup(reference)) if of.position == column.position => owner = Some(reference),
            (Some(of), _) if of.position == column.position => {
                return Err(error::missing_required(&column.name, given.table.logical_name()).into());
            }
            (_, value) => {
                if column.contents().is_some() {
                    contents::follow(session, tx, record, column, &value)?;
                }
                record.set_at(column.position, value);
            }
        }
    }
    Ok(owner)
}

/// Refuses what points at a row that the caller may let no row point at.
pub(super) fn check_pointed<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
) -> Result<(), Failure> {
    for (index, assignment) in given.values.iter().enumerate() {
        if let Assigned::Row { table, key } = &assignment.value {
            pointed(session, tx, given, index, (table, key))?;
        }
    }
    Ok(())
}

/// A lookup to a row that is there, if the caller may let rows point at it.
fn pointed<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    assignment: usize,
    (table, key): (&Arc<Table>, &RowKey),
) -> Result<Value, Failure> {
    let id = session.find_id(tx, table, key)?.ok_or_else(|| missing(table, key))?;
    if let Some(binding) = given.writing.bindings().iter().find(|binding| binding.assignment() == assignment) {
        let layout = session.catalogue.layout(table);
        let target = Record::load(tx, session.catalogue, &layout, id)?.ok_or_else(|| missing(table, key))?;
        session.check_reach(tx, binding.target(), &target)?;
    }
    Ok(Value::Lookup(Reference { type_code: table.type_code(), id }))
}

/// A lookup to a row of the same request, if the caller may let rows point at it.
fn points_at<T>(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    given: &Given<'_, T>,
    assignment: usize,
    target: &Record,
) -> Result<Value, Failure> {
    if let Some(binding) = given.writing.bindings().iter().find(|binding| binding.assignment() == assignment) {
        session.check_reach(tx, binding.target(), target)?;
    }
    Ok(Value::Lookup(Reference { type_code: target.layout().table.type_code(), id: target.id() }))
}

fn check_text(column: &Column, value: &Value) -> Result<(), Failure> {
    if value.text().is_some_and(|text| text.contains('\0')) {
        let message = format!("The field '{}' contains one or more invalid characters.", column.name);
        return Err(DataverseError::new(INVALID_CHARACTERS_IN_FIELD, message).into());
    }
    Ok(())
}

/// Gives the row an owner and that owner's business unit.
pub(super) fn own(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
    owner: Reference,
) -> Result<(), Failure> {
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
    if is_team && rules::is_access_team(&row) {
        return Err(rules::access_team_owns_nothing(row.id()).into());
    }
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
pub(super) fn may_own(
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
pub(super) fn touch(session: &Session<'_>, tx: &mut Transaction<'_>, record: &mut Record) -> Result<(), Failure> {
    record.set_time("modifiedon", session.request.now);
    record.set("modifiedby", Value::Lookup(session.caller_reference()));
    record.set("modifiedonbehalfby", session.real_caller());
    let version = session.core.epochs.versions(tx, 1)?;
    record.set("versionnumber", Value::Integer(version));
    Ok(())
}

/// Columns that the service insists on. What clients cannot give, they are not asked for.
fn required(record: &Record, asked: impl Fn(&Column) -> bool) -> Result<(), Failure> {
    let table = &record.layout().table;
    let empty = table
        .columns()
        .iter()
        .filter(|column| column.access.create || column.access.update)
        .find(|column| column.requirement == Requirement::System && record.at(column).is_null() && asked(column));
    match empty {
        Some(column) => Err(error::missing_required(&column.name, table.logical_name()).into()),
        None => Ok(()),
    }
}

/// Refuses values that another row has in an alternate key. A key with an empty column names no row.
fn check_keys(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    before: Option<&Record>,
) -> Result<(), Failure> {
    let table = Arc::clone(&record.layout().table);
    for key in table.keys() {
        let is_new = before.is_none_or(|before| key.columns.iter().any(|of| record.at(of) != before.at(of)));
        let whole = key.columns.iter().all(|column| !record.at(column).is_null());
        if !is_new || !whole {
            continue;
        }
        let values = key.columns.iter().map(|column| match record.at(column) {
            Value::Lookup(reference) => Value::Guid(reference.id),
            value => value.clone(),
        });
        let values = values.collect();
        let found = session.find_id(tx, &table, &RowKey::Alternate { key: Arc::clone(key), values })?;
        if found.is_some_and(|other| other != record.id()) {
            let labels: Vec<&str> = key.columns.iter().map(|column| &*column.label).collect();
            return Err(error::duplicate_key(&key.name, &labels.join(", ")).into());
        }
    }
    Ok(())
}

/// What has to be known elsewhere after a change to this table.
pub(crate) fn settle(session: &Session<'_>, tx: &mut Transaction<'_>, table: &Table) -> Result<(), Failure> {
    if SECURITY_TABLES.contains(&table.logical_name()) { session.bump_security(tx) } else { Ok(()) }
}

impl Session<'_> {
    /// Who really calls, where somebody else's name is used; null else.
    fn real_caller(&self) -> Value {
        self.caller.really.map_or(Value::Null, |(user, _)| self.reference("systemuser", user))
    }

    /// The caller, as a lookup names them.
    pub(crate) fn caller_reference(&self) -> Reference {
        Reference { type_code: self.catalogue.type_code("systemuser").unwrap_or_default(), id: self.caller.user }
    }
}
