//! Creating and changing rows.

use http::StatusCode;
use keyholder_dataverse::error;
use keyholder_operation::{Create, RowKey, Update};
use keyholder_security::{Permission, Writing};
use keyholder_store::Transaction;

use super::make::{self, Given};
use super::{Session, missing, no_content, read};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;

/// Makes a row.
pub(crate) fn create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
) -> Result<Answer, Failure> {
    let part = writing.part();
    let given = Given { table: &part.table, values: &part.values, ignored: &part.ignored, id: part.id(), writing };
    let record = make::new(session, tx, &given)?;
    answer(session, tx, &record, &part.select, writing.read(), true)
}

/// Changes a row, or makes it when it is not there and the request allows it.
pub(crate) fn update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Update>,
) -> Result<Answer, Failure> {
    let part = writing.part();
    let given = Given { table: &part.table, values: &part.values, ignored: &part.ignored, id: part.key.id(), writing };
    match session.find(tx, &part.table, &part.key)? {
        Some(before) => {
            if !part.may_update {
                return Err(error::duplicate_record().into());
            }
            // First: a version may only be guessed at by whoever may write the row.
            session.check_reach(make::permitted(writing.write(), &part.table)?, &before)?;
            if part.if_version.is_some() && part.if_version != before.version() {
                return Err(error::version_mismatch().into());
            }
            let record = make::changed(session, tx, &given, &before)?;
            answer(session, tx, &record, &part.select, writing.read(), false)
        }
        None if part.may_create && part.if_version.is_none() => {
            let record = match &part.key {
                RowKey::Alternate { key, values } => make::new_with_key(session, tx, &given, key, values)?,
                _ => make::new(session, tx, &given)?,
            };
            answer(session, tx, &record, &part.select, writing.read(), true)
        }
        None => Err(missing(&part.table, &part.key)),
    }
}

/// Where the row is, or the row itself when the caller prefers that.
fn answer(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    select: &keyholder_operation::Selection,
    permission: Option<&Permission>,
    is_new: bool,
) -> Result<Answer, Failure> {
    let (table, preferences) = (&record.layout().table, &session.request.bound.preferences);
    let address = session.address(table, record.id());
    match permission.filter(|_| preferences.representation) {
        None => Ok(no_content().at(&address).applied(preferences.applied(true).as_deref())),
        Some(Err(denied)) => Err(denied.clone().into()),
        Some(Ok(rows)) => {
            let shown = read::show(session, tx, rows, record.id(), select)?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            let answer = Answer::json(status, shown.body).at(&address).tagged(shown.version);
            Ok(answer.applied(preferences.applied(true).as_deref()))
        }
    }
}
