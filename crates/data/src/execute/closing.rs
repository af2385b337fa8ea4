//! Closing a row by an activity that tells how it ended: opportunities are won and lost so, cases resolved.

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::Table;
use keyholder_foundation::Timestamp;
use keyholder_operation::{Assigned, Assignment, Create, Update};
use keyholder_security::Writing;
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Prepared, Transaction};
use uuid::Uuid;

use super::make::{self, Given};
use super::{Session, missing, no_content};
use crate::answer::Answer;
use crate::catalogue::made;
use crate::error::Failure;
use crate::rules::{self, ALL_ACTIVITIES};

/// The milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000;
/// The states of an activity that is still to be done: open and scheduled.
const TO_BE_DONE: [i64; 2] = [0, 3];

/// Makes the activity and changes the row.
pub(super) fn close(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    activity: &Writing<Create>,
    target: &Writing<Update>,
) -> Result<Answer, Failure> {
    let (part, change) = (activity.part(), target.part());
    let before = session.find(tx, &change.table, &change.key)?.ok_or_else(|| missing(&change.table, &change.key))?;
    session.check_reach(tx, make::permitted(target.write(), &change.table)?, &before)?;
    if !matches!(before.get("statecode"), Value::Integer(0) | Value::Null) {
        return Err(rules::already_closed(&change.table).into());
    }
    if change.table.logical_name() == "incident" && has_open_activities(session, tx, before.id())? {
        let text = "The incident can not be closed because there are open activities for this incident.";
        return Err(DataverseError::new(code::INCIDENT_CANNOT_CLOSE, text).into());
    }
    let mut values = part.values.clone();
    complete(&mut values, &part.table, "actualend", session.request.now);
    let given = Given {
        table: &part.table,
        values: &values,
        ignored: &part.ignored,
        id: part.id(),
        parent: None,
        writing: activity,
    };
    let made = make::new(session, tx, &given)?;

    let ended = if let Value::DateTime(moment) = made.get("actualend") { *moment } else { session.request.now };
    let mut values = change.values.clone();
    let midnight = ended.as_millis() - ended.as_millis().rem_euclid(DAY);
    complete(&mut values, &change.table, "actualclosedate", Timestamp::from_millis(midnight));
    let given = Given {
        table: &change.table,
        values: &values,
        ignored: &change.ignored,
        id: None,
        parent: None,
        writing: target,
    };
    make::changed(session, tx, &given, &before)?;
    Ok(no_content())
}

/// Gives a moment to a column that is given none.
fn complete(values: &mut Vec<Assignment>, table: &Table, name: &str, moment: Timestamp) {
    if values.iter().any(|given| &*given.column.name == name) {
        return;
    }
    if let Some(column) = table.column(name) {
        values.push(Assignment { column: column.clone(), value: Assigned::Value(Value::DateTime(moment)) });
    }
}

/// Whether something is still to be done about a row, whoever may see it.
fn has_open_activities(session: &Session<'_>, tx: &mut Transaction<'_>, row: Uuid) -> Result<bool, Failure> {
    if !made::list(tx)?.contains(ALL_ACTIVITIES) {
        return Ok(false);
    }
    let layout = session.catalogue.layout_of(ALL_ACTIVITIES)?;
    let place = |name: &str| layout.named(name).and_then(|place| place.value.clone()).ok_or_else(error::unexpected);
    let ((about, _), (state, kind)) = (place("regardingobjectid")?, place("statecode")?);
    let find = Select::from(layout.name.clone()).column(state, kind).filter(column(about).equals(parameter(0)));
    let states: Vec<Option<i64>> = tx.list(&Prepared::new(find)?, &[row.into()], |row| row.get(0))?;
    Ok(states.into_iter().flatten().any(|state| TO_BE_DONE.contains(&state)))
}
