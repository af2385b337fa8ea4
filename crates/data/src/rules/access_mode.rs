//! How a person's access mode may change, and how many may be non-interactive.
//!
//! A non-interactive user needs a licence to come about and none to stay; a read-write user always
//! needs one. Application users are non-interactive too, and are neither counted nor changed.

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, AccessMode};
use keyholder_dataverse::schema::Ownership;
use keyholder_security::required;
use keyholder_store::statement::{Expr, Select, column, literal, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use super::refusals;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;
use crate::people::decide::{ADMINISTRATIVE, NON_INTERACTIVE, READ_WRITE};
use crate::platform;

/// `accessmode` of a user who only reads: there were such on premises.
const READ: i64 = 2;
/// `accessmode` of the row that stands for Microsoft's support.
const SUPPORT_USER: i64 = 3;
/// `accessmode` of the row that stands for a partner's administrators.
pub(crate) const DELEGATED_ADMIN: i64 = 5;

/// Checks a change of a person's access mode or of whether they are disabled.
pub(super) fn check(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &mut Record,
) -> Result<(), Failure> {
    let mode = |record: &Record| match record.get("accessmode") {
        Value::Integer(mode) => *mode,
        _ => READ_WRITE,
    };
    let is_disabled = |record: &Record| *record.get("isdisabled") == Value::Boolean(true);
    let is = |name: &str| *before.get(name) == Value::Boolean(true);
    let (from, to) = (mode(before), mode(record));
    if matches!(from, SUPPORT_USER | DELEGATED_ADMIN) {
        return Err(refusals::delegated_administrator().into());
    }
    if from != to {
        if to == NON_INTERACTIVE {
            check_delegate(session)?;
        }
        match to {
            READ_WRITE if !is("islicensed") => return Err(refusals::access_mode_needs_licence().into()),
            READ_WRITE | ADMINISTRATIVE | NON_INTERACTIVE => {}
            READ => return Err(refusals::read_only_user().into()),
            _ => return Err(refusals::delegated_administrator().into()),
        }
    }
    let (was_disabled, disabled) = (is_disabled(before), is_disabled(record));
    if was_disabled != disabled {
        if disabled && is("setupuser") {
            return Err(refusals::tenant_administrator().into());
        }
        if !disabled && to == READ_WRITE && !is("islicensed") && is("issyncwithdirectory") {
            return Err(refusals::enabling_needs_licence().into());
        }
        // From here on the state is an administrator's own doing, not the directory's.
        record.set("disabledreason", Value::Null);
    }
    let counts = |mode: i64, disabled: bool| mode == NON_INTERACTIVE && !disabled;
    if counts(to, disabled) && !counts(from, was_disabled) {
        let others = non_interactive(tx, before.id())?;
        if others >= i64::from(session.core.non_interactive_limit) {
            return Err(refusals::non_interactive_quota().into());
        }
    }
    Ok(())
}

/// Refuses a partner's administrator who wants to set up a user for a program: that takes an
/// administrator of the org's own.
pub(crate) fn check_delegate(session: &Session<'_>) -> Result<(), Failure> {
    if session.caller.has_mode(AccessMode::DelegatedAdmin) {
        return Err(refusals::delegate_sets_up_service_user().into());
    }
    Ok(())
}

/// How many people other than this one are enabled non-interactive users.
fn non_interactive(snapshot: &mut Snapshot<'_>, but: Uuid) -> Result<i64, Failure> {
    let is = |name: &str| column(platform::value(name));
    let count = Select::from(platform::table("systemuser"))
        .project(Expr::Count, Kind::Integer)
        .filter(is("accessmode").equals(literal(NON_INTERACTIVE)))
        .filter(is("applicationid").is_null())
        .filter(is("isdisabled").equals(literal(false)))
        .filter(is("systemuserid").differs_from(parameter(0)));
    Ok(snapshot.first(&Prepared::new(count)?, &[but.into()], |row| row.get(0))?.unwrap_or(0))
}

/// Refuses what an Administrative user asks of rows that belong to users: they see settings only.
pub(crate) fn check_reach(session: &Session<'_>) -> Result<(), Failure> {
    if !session.caller.has_mode(AccessMode::Administrative) {
        return Ok(());
    }
    let needs = required(&session.request.bound);
    match needs.iter().any(|need| need.table.ownership() == Ownership::User) {
        true => Err(error::insufficient_access_mode().into()),
        false => Ok(()),
    }
}
