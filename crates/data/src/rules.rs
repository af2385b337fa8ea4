//! What the platform adds to a row or refuses about it, table by table, beside what the schema says.
//!
//! Most tables need nothing but the general rules (defaults, computed columns). Users, roles, teams
//! and business units have their own, because they are what security is made of, and activities, which
//! are shown together as well.

pub(crate) mod access_mode;
mod activity;
pub(crate) mod computed;
mod created;
pub(crate) mod defaults;
mod queue_item;
mod refusals;
mod role;
mod team;
mod unit;
mod user;

use std::sync::Arc;

use keyholder_dataverse::schema::Column;
use keyholder_store::Transaction;
use uuid::Uuid;

use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

pub(crate) use activity::{ALL as ALL_ACTIVITIES, refuse_direct, remove_all as remove_activities};
pub(crate) use created::created_on;
pub(crate) use refusals::{
    access_team_holds_no_role, access_team_owns_nothing, already_closed, default_team_loses_no_member,
    default_team_takes_no_member, delegated_administrator, is_in_use, last_administrator, owner_disabled,
    owner_lacks_privilege, privilege_depth, role_for_disabled_user, team_in_wrong_business,
};
pub(crate) use role::{cannot_be_changed, check_held, check_role_policy};
pub(crate) use team::{is_access as is_access_team, is_default as is_default_team};
pub(crate) use user::{application_of, cut, fill as fill_application, is_last_administrator};

/// Before a row is added. `ignored` are columns that the request names and clients cannot set.
pub(crate) fn before_create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
    ignored: &[Arc<Column>],
) -> Result<(), Failure> {
    activity::refuse_direct(record)?;
    defaults::place(session, record);
    defaults::number(session, tx, record)?;
    defaults::begin_counts(record);
    match record.layout().table.logical_name() {
        "systemuser" => user::before_create(session, tx, record, ignored),
        "role" => role::before_create(session, tx, record),
        "team" => team::before_create(session, tx, record),
        "businessunit" => unit::before_create(session, tx, record),
        "incident" => case_has_customer(record),
        "queueitem" => queue_item::before_create(session, tx, record),
        _ if activity::is_one(record) => {
            activity::before_create(record);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A case belongs to an account or a contact, whatever the column's own requirement says.
fn case_has_customer(record: &Record) -> Result<(), Failure> {
    match record.get("customerid").is_null() {
        true => Err(refusals::case_without_customer().into()),
        false => Ok(()),
    }
}

/// After a row was added.
pub(crate) fn after_create(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    match record.layout().table.logical_name() {
        "systemuser" => user::join_default_team(session, tx, record),
        "role" => role::after_create(session, tx, record),
        "businessunit" => unit::after_create(session, tx, record),
        _ if activity::is_one(record) => activity::after_create(session, tx, record),
        _ => Ok(()),
    }
}

/// The business unit by which a new row is reached.
pub(crate) fn unit_of_new(record: &Record) -> Option<Uuid> {
    match record.layout().table.logical_name() {
        "businessunit" => unit::place_of_new(record),
        _ => record.business_unit(),
    }
}

/// Before a row is changed.
pub(crate) fn before_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &mut Record,
    ignored: &[Arc<Column>],
) -> Result<(), Failure> {
    match record.layout().table.logical_name() {
        "systemuser" => user::before_update(session, tx, before, record, ignored),
        "role" => role::before_update(session, tx, before, record),
        "team" => team::before_update(session, tx, before, record),
        "businessunit" => unit::before_update(session, tx, before, record),
        "incident" => case_has_customer(record),
        _ => activity::refuse_direct(record),
    }
}

/// After a row was changed.
pub(crate) fn after_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    match record.layout().table.logical_name() {
        "systemuser" => user::after_update(session, tx, before, record),
        "role" => role::after_update(session, tx, record),
        "team" => team::after_update(session, tx, before, record),
        "businessunit" => unit::after_update(session, tx, before, record),
        _ if activity::is_one(record) => activity::after_update(session, tx, before, record),
        _ => Ok(()),
    }
}

/// What is to be done with a row that a caller may delete.
#[derive(Debug)]
pub(crate) enum Deletion {
    /// Remove it.
    Remove,
    /// Keep it, changed so.
    Keep(Box<Record>),
}

/// Before a row is deleted. Of a row that is to be removed nothing is changed here: more may refuse it.
pub(crate) fn before_delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<Deletion, Failure> {
    match record.layout().table.logical_name() {
        "systemuser" => user::before_delete(session, tx, record),
        "role" => role::before_delete(record),
        "team" => team::before_delete(session, tx, record),
        "businessunit" => unit::before_delete(session, tx, record),
        "transactioncurrency" if record.id() == session.core.seed_id("transactioncurrency") => {
            Err(refusals::is_in_use().into())
        }
        _ => activity::refuse_direct(record).map(|()| Deletion::Remove),
    }
}

/// When a row is removed that nothing refuses to remove any more: what goes with it beside its relationships.
pub(crate) fn on_delete(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    match record.layout().table.logical_name() {
        "role" => role::on_delete(session, tx, record),
        "team" => team::on_delete(session, tx, record),
        "businessunit" => unit::on_delete(session, tx, record),
        _ => Ok(()),
    }
}
