//! Answers that the org makes of the rows of a query: rows that come once when they show the same,
//! groups and figures.

use http::StatusCode;
use keyholder_operation::Query;
use keyholder_operation::query::Aggregate;
use keyholder_store::{Snapshot, Value, ValueRef};

use super::Session;
use super::page::{self, Page};
use super::read::{self, Ended, FULL_PAGE, MOST_COUNTED};
use crate::answer::Answer;
use crate::answer::groups::GroupWriter;
use crate::answer::rows::RowWriter;
use crate::error::Failure;
use crate::execute::groups;
use crate::lower::gathered;
use crate::lower::{Asked, Lowered};

/// A page of groups.
pub(super) fn aggregated(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    asked: &Asked<'_>,
    aggregate: &Aggregate,
) -> Result<Answer, Failure> {
    let (query, preferences) = (asked.query, &session.request.bound.preferences);
    let found = groups::found(snapshot, session.catalogue, asked, aggregate)?;
    let page = Page::of(query, preferences, true);
    let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
    let shown = found.get(skip..).unwrap_or_default();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let rows = shown.get(..limit).unwrap_or(shown);
    let writer = GroupWriter::new(snapshot, session, aggregate, rows)?;

    let mut body = read::beginning(session, query.table.entity_set());
    let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
    read::totals(session, query.count.then_some(total), &mut body);
    let at = body.len();
    body.push_str(",\"value\":[");
    for (index, row) in rows.iter().enumerate() {
        body.push_str(if index > 0 { ",{" } else { "{" });
        writer.members(&mut body, row);
        body.push('}');
    }
    body.push(']');
    if page.follows && shown.len() > limit {
        page::more(session, query, &mut body, at, None);
    }
    body.push('}');
    Ok(Answer::json(StatusCode::OK, body).applied(preferences.applied(false).as_deref()))
}

/// A page of rows that come once when they show the same.
pub(super) fn distinct(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    asked: &Asked<'_>,
) -> Result<Answer, Failure> {
    let (query, preferences) = (asked.query, &session.request.bound.preferences);
    let page = Page::of(query, preferences, true);
    let lowered = gathered::distinct(session.catalogue, asked)?;
    let count = match query.count {
        true => Some(differing(snapshot, &lowered, MOST_COUNTED)?),
        false => None,
    };
    let layout = session.catalogue.layout(asked.rows.table());
    let writer = RowWriter::new(snapshot, session.catalogue, layout, &lowered, preferences, &session.caller.grants)?;
    let writer = writer.sparse(query.door.is_sparse());

    let mut body = read::beginning(session, &read::context(query));
    read::totals(session, count, &mut body);
    let at = body.len();
    body.push_str(",\"value\":[");
    let (mut before, mut seen, mut rows, mut more) = (None, 0_u32, 0_u32, false);
    let ended = snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
        if !is_another(&lowered, row, &mut before)? {
            return Ok(());
        }
        seen += 1;
        if seen <= page.skip {
            return Ok(());
        }
        if rows == page.limit {
            more = page.follows;
            return Err(Ended::Early);
        }
        if body.len() >= FULL_PAGE {
            return Err(Ended::TooLarge);
        }
        body.push_str(if rows > 0 { ",{" } else { "{" });
        writer.members(&mut body, row, true)?;
        body.push('}');
        rows += 1;
        Ok(())
    });
    read::unless_early(page, ended)?;
    body.push(']');
    if more {
        page::more(session, query, &mut body, at, None);
    }
    body.push('}');
    Ok(Answer::json(StatusCode::OK, body).applied(preferences.applied(false).as_deref()))
}

/// Whether a row shows something else than the one before it, which stands next to all like it.
fn is_another(
    lowered: &Lowered,
    row: &keyholder_store::Row<'_>,
    before: &mut Option<Vec<Value>>,
) -> Result<bool, keyholder_store::Error> {
    let keys = lowered.plan.order..lowered.plan.id;
    let keys: Vec<Value> = keys.map(|index| row.value(index).map(ValueRef::to_value)).collect::<Result<_, _>>()?;
    let same = before.as_ref() == Some(&keys);
    *before = Some(keys);
    Ok(!same)
}

/// How many different rows there are, counted no further than one beyond `most`.
fn differing(snapshot: &mut Snapshot<'_>, lowered: &Lowered, most: i64) -> Result<i64, Failure> {
    let (mut before, mut count) = (None, 0_i64);
    let ended = snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
        count += i64::from(is_another(lowered, row, &mut before)?);
        if count > most { Err(Ended::Early) } else { Ok(()) }
    });
    match ended {
        Err(Ended::Failed(error)) => Err(error.into()),
        _ => Ok(count),
    }
}

/// How many rows a query has that come once when they show the same.
pub(super) fn counted(session: &Session<'_>, snapshot: &mut Snapshot<'_>, asked: &Asked<'_>) -> Result<i64, Failure> {
    differing(snapshot, &gathered::distinct(session.catalogue, asked)?, MOST_COUNTED)
}

/// Whether the org itself has to look which rows of a query show the same.
pub(super) fn is_distinct(query: &Query) -> bool {
    query.distinct && !gathered::comes_by_id(query)
}
