//! `BulkDelete`: the rows of queries are deleted, and a job is kept that tells how many.
//!
//! The service does it some time later. Here it is done before the answer, in its transaction: whoever reads the job
//! finds it completed and the rows gone. A row that may not be deleted is counted as a failure, as the service counts it,
//! and the others go.

use http::StatusCode;
use keyholder_dataverse::error;
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Table, Value};
use keyholder_foundation::Timestamp;
use keyholder_operation::{BulkDelete, RowKey};
use keyholder_security::Deleting;
use keyholder_store::Transaction;
use uuid::Uuid;

use super::{Session, delete, make};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::lower::{self, Asked};
use crate::rules;

/// One job deletes at most this many rows: its transaction holds every other writer up.
const MOST_ROWS: u32 = 10_000;
/// A job that is to begin later than so many milliseconds from now is refused rather than done early. Clients' clocks
/// are not the org's.
const SOON: i64 = 24 * 60 * 60 * 1_000;
/// `operationtype` of a job that deletes.
const BULK_DELETE: i64 = 13;
/// `statecode` and `statuscode` of a job that has ended well.
const SUCCEEDED: (i64, i64) = (3, 30);

/// Does the job.
pub(super) fn run(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    job: &BulkDelete,
    queries: &[Deleting],
) -> Result<Answer, Failure> {
    if job.start.is_some_and(|start| start.as_millis() > session.request.now.as_millis() + SOON) {
        return Err(error::not_supported("A BulkDelete that starts on another day (StartDateTime)").into());
    }
    let (mut deleted, mut failed) = (0_i64, 0_i64);
    for deleting in queries {
        for id in rows_of(session, tx, deleting)? {
            match remove(session, tx, deleting, id) {
                Ok(true) => deleted += 1,
                // An earlier one took it along.
                Ok(false) => {}
                Err(Failure::Answer(_)) => failed += 1,
                Err(inside) => return Err(inside),
            }
        }
        make::settle(session, tx, deleting.delete().table())?;
    }
    let id = keep(session, tx, job, queries, (deleted, failed))?;
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.BulkDeleteResponse", session.base());
    let body = serde_json::json!({"@odata.context": context, "JobId": id});
    Ok(Answer::json(StatusCode::OK, body.to_string()))
}

/// The ids of the rows of a query that the caller may see.
fn rows_of(session: &Session<'_>, tx: &mut Transaction<'_>, deleting: &Deleting) -> Result<Vec<Uuid>, Failure> {
    let reading = deleting.reading();
    let query = reading.part();
    let circumstances = session.circumstances(tx, query)?;
    let asked =
        Asked { query, rows: reading.rows(), further: reading.further(), source: None, circumstances: &circumstances };
    let limit = query.top.unwrap_or(MOST_ROWS + 1).min(MOST_ROWS + 1);
    let lowered = lower::page(session.catalogue, &asked, limit, None)?;
    let at = lowered.plan.id;
    let mut ids: Vec<Uuid> = tx.list(&lowered.plan.statement, &lowered.values, |row| row.get(at))?;
    // A row comes once for each of the rows that are joined to it.
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    if ids.len() > MOST_ROWS as usize {
        return Err(error::odata(format!(
            "A query of this job has more than {MOST_ROWS} rows; delete them by several jobs with narrower queries."
        ))
        .into());
    }
    Ok(ids)
}

/// Deletes one row; false when it is not there any more.
fn remove(session: &Session<'_>, tx: &mut Transaction<'_>, deleting: &Deleting, id: Uuid) -> Result<bool, Failure> {
    let rows = deleting.delete();
    let Some(record) = session.find(tx, rows.table(), &RowKey::Id(id))? else { return Ok(false) };
    session.check_reach(tx, rows, &record)?;
    delete::remove(session, tx, &record)?;
    Ok(true)
}

/// Keeps the job and what became of it; gives the job's id.
fn keep(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    job: &BulkDelete,
    queries: &[Deleting],
    (deleted, failed): (i64, i64),
) -> Result<Uuid, Failure> {
    let table = queries.first().map_or("", |deleting| deleting.delete().table().logical_name());
    let job_id = session.new_id();
    let mut row = completed(session, tx, "asyncoperation", job_id, &job.name)?;
    row.set("operationtype", Value::Integer(BULK_DELETE));
    row.set_text("messagename", "BulkDelete");
    row.set_text("primaryentitytype", table);
    row.set_time("startedon", session.request.now);
    row.set_time("completedon", session.request.now);
    row.insert(tx)?;
    let mut told = completed(session, tx, "bulkdeleteoperation", session.new_id(), &job.name)?;
    let type_code = row.layout().table.type_code();
    told.set("asyncoperationid", Value::Lookup(Reference { type_code, id: job_id }));
    told.set("successcount", Value::Integer(deleted));
    told.set("failurecount", Value::Integer(failed));
    told.insert(tx)?;
    Ok(job_id)
}

/// A row of the caller's for something that has ended well.
fn completed(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    table: &str,
    id: Uuid,
    name: &str,
) -> Result<Record, Failure> {
    let mut row = Record::empty(&session.catalogue.layout_of(table)?);
    row.set_id(id);
    row.set_text("name", rules::cut(name, longest_name(&row.layout().table)));
    row.set("statecode", Value::Integer(SUCCEEDED.0));
    row.set("statuscode", Value::Integer(SUCCEEDED.1));
    rules::defaults::complete(&mut row)?;
    make::own(session, tx, &mut row, session.caller_reference())?;
    let now: Timestamp = session.request.now;
    row.set_time("createdon", now);
    row.set("createdby", Value::Lookup(session.caller_reference()));
    make::touch(session, tx, &mut row)?;
    Ok(row)
}

/// The longest name that the table takes, in characters of UTF-16.
fn longest_name(table: &Table) -> usize {
    let kind = table.column("name").map(|column| &column.kind);
    match kind {
        Some(keyholder_dataverse::ColumnKind::Text { max_length }) => usize::try_from(*max_length).unwrap_or(100),
        _ => 100,
    }
}
