//! Creating and changing rows.

use http::StatusCode;
use keyholder_dataverse::error;
use keyholder_operation::{Create, MultipleKind, RowKey, Update};
use keyholder_security::{Authorised, Permission, Writing};
use keyholder_store::Transaction;

use super::make::{self, Given};
use super::{Session, missing, nested, no_content, read};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;

/// Makes a row.
pub(crate) fn create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
) -> Result<Answer, Failure> {
    let record = create_row(session, tx, writing, None)?;
    let related = read::Related { expands: &writing.part().expand, further: writing.further() };
    answer(session, tx, &record, (&writing.part().select, related), writing.read(), true)
}

/// Makes a row and everything inside its body; `parent` is the row whose body it stands in itself.
pub(super) fn create_row(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
    parent: Option<&Record>,
) -> Result<Record, Failure> {
    let part = writing.part();
    let (values, ignored) = (&part.values, &part.ignored);
    let given = Given { table: &part.table, values, ignored, id: part.id(), parent, writing };
    let record = make::new(session, tx, &given)?;
    nested::relate(session, tx, writing, &record)?;
    Ok(record)
}

/// Changes a row, or makes it when it is not there and the request allows it.
pub(crate) fn update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Update>,
) -> Result<Answer, Failure> {
    let (record, is_new) = update_row(session, tx, writing, None)?;
    answer(session, tx, &record, (&writing.part().select, read::Related::NONE), writing.read(), is_new)
}

/// The row as it is then, and whether it is new; `parent` is the row that names it in its collection.
pub(super) fn update_row(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Update>,
    parent: Option<&Record>,
) -> Result<(Record, bool), Failure> {
    let part = writing.part();
    let (values, ignored) = (&part.values, &part.ignored);
    let given = Given { table: &part.table, values, ignored, id: part.key.id(), parent, writing };
    match session.find(tx, &part.table, &part.key)? {
        Some(before) => {
            if !part.may_update {
                return Err(error::duplicate_record().into());
            }
            // First: a version may only be guessed at by whoever may write the row.
            session.check_reach(tx, make::permitted(writing.write(), &part.table)?, &before)?;
            if part.if_version.is_some() && part.if_version != before.version() {
                return Err(error::version_mismatch().into());
            }
            Ok((make::changed(session, tx, &given, &before)?, false))
        }
        None if part.may_create && part.if_version.is_none() => {
            let record = match &part.key {
                RowKey::Alternate { key, values } => make::new_with_key(session, tx, &given, key, values)?,
                _ => make::new(session, tx, &given)?,
            };
            Ok((record, true))
        }
        None => Err(missing(&part.table, &part.key)),
    }
}

/// Makes or changes several rows: the first that is refused ends all of them, with the transaction.
pub(crate) fn multiple(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    kind: MultipleKind,
    rows: &[Authorised],
) -> Result<Answer, Failure> {
    let mut ids = Vec::with_capacity(rows.len());
    for row in rows {
        match row {
            Authorised::Create(writing) => ids.push(create_row(session, tx, writing, None)?.id()),
            Authorised::Update(writing) => drop(update_row(session, tx, writing, None)?),
            _ => return Err(error::not_supported("This operation on several rows").into()),
        }
    }
    if kind != MultipleKind::Create {
        return Ok(no_content());
    }
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse", session.base());
    let body = serde_json::json!({"@odata.context": context, "Ids": ids});
    Ok(Answer::json(StatusCode::OK, body.to_string()))
}

/// Where the row is, or the row itself when the caller prefers that.
fn answer(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    (select, related): (&keyholder_operation::Selection, read::Related<'_>),
    permission: Option<&Permission>,
    is_new: bool,
) -> Result<Answer, Failure> {
    let (table, preferences) = (&record.layout().table, &session.request.bound.preferences);
    let address = session.address(table, record.id());
    match permission.filter(|_| preferences.representation) {
        None => Ok(no_content().at(&address).applied(preferences.applied(true).as_deref())),
        Some(Err(denied)) => Err(denied.clone().into()),
        Some(Ok(rows)) => {
            let shown = read::show(session, tx, rows, record.id(), select, related)?;
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            let answer = Answer::json(status, shown.body).at(&address).tagged(shown.version);
            Ok(answer.applied(preferences.applied(true).as_deref()))
        }
    }
}
