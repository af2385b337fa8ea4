//! Reading: pages of rows, counts, single rows and single columns.

use http::StatusCode;
use keyholder_dataverse::error;
use keyholder_dataverse::value::write_json_text;
use keyholder_operation::query::PropertyOf;
use keyholder_operation::{PageToken, Query, Retrieve, Selection};
use keyholder_security::{ReachedTable, Reading};
use keyholder_store::{Error, FromValue, Snapshot, ValueRef};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;
use uuid::Uuid;

use super::{Session, missing};
use crate::answer::Answer;
use crate::answer::rows::RowWriter;
use crate::error::Failure;
use crate::lower::cookie::Cookie;
use crate::lower::{self, Lowered};

/// The rows of a page when nobody says how many, and at most.
const PAGE: u32 = 5_000;
/// The service counts no further.
const MOST_COUNTED: i64 = 5_000;
/// A page ends early, with a next link, when its JSON reaches this many bytes.
const FULL_PAGE: usize = 32 << 20;

/// The list of entity sets.
pub(crate) fn service_document(session: &Session<'_>) -> Answer {
    let mut body = format!("{{\"@odata.context\":\"{}/$metadata\",\"value\":[", session.base());
    let sets = session.catalogue.schema.names().filter_map(|name| name.entity_set.as_deref());
    for (index, set) in sets.enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Names of entity sets need no escapes.
        let _ = write!(body, "{comma}{{\"name\":\"{set}\",\"kind\":\"EntitySet\",\"url\":\"{set}\"}}");
    }
    body.push_str("]}");
    Answer::json(StatusCode::OK, body)
}

/// How many rows, as plain text.
pub(crate) fn count(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Query>,
) -> Result<Answer, Failure> {
    let source = source(session, snapshot, reading)?;
    let count = counted(session, snapshot, reading.rows(), reading.part(), source)?;
    // The service begins this answer with a byte order mark.
    Ok(Answer::text(format!("\u{feff}{}", count.min(MOST_COUNTED))))
}

/// A page of rows.
pub(crate) fn query(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Query>,
) -> Result<Answer, Failure> {
    let (query, preferences) = (reading.part(), &session.request.bound.preferences);
    let source = source(session, snapshot, reading)?;
    // A page size takes the place of `$top`.
    let (limit, pages) = match (preferences.max_page_size, query.top) {
        (Some(rows), _) => (rows.min(PAGE), true),
        (None, Some(top)) => (top.min(PAGE), false),
        (None, None) => (PAGE, true),
    };
    let after = match &query.page {
        Some(token) => Some(resumed(session, snapshot, reading, source, token)?),
        None => None,
    };
    // One row more than the page holds tells whether there is another page.
    let asked = if pages { limit + 1 } else { limit };
    let lowered = lower::page(session.catalogue, reading.rows(), query, source, asked, after.as_ref())?;
    let layout = session.catalogue.layout(reading.rows().table());
    let writer = RowWriter::new(snapshot, session.catalogue, layout, &lowered, preferences, &session.caller.grants)?;

    let mut body = String::with_capacity(4096);
    let _ = write!(body, "{{\"@odata.context\":");
    write_json_text(
        &mut body,
        &format!("{}/$metadata#{}", session.base(), context(query.table.entity_set(), &query.select)),
    );
    totals(session, snapshot, reading, source, &mut body)?;
    body.push_str(",\"value\":[");
    let (mut rows, mut last, mut more) = (0_u32, None, false);
    let ended = snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
        if pages && (rows == limit || body.len() >= FULL_PAGE) {
            more = true;
            return Err(Ended::Early);
        }
        body.push_str(if rows > 0 { ",{" } else { "{" });
        writer.members(&mut body, row, true)?;
        body.push('}');
        rows += 1;
        if pages {
            last = Some(place(&lowered, row)?);
        }
        Ok(())
    });
    match ended {
        Ok(()) | Err(Ended::Early) => {}
        Err(Ended::Failed(error)) => return Err(error.into()),
    }
    body.push(']');
    if let (true, Some(cookie)) = (more, last) {
        let page = query.page.as_ref().map_or(1, |token| token.page).saturating_add(1);
        body.push_str(",\"@odata.nextLink\":");
        write_json_text(&mut body, &next_link(session, &PageToken { page, cookie: cookie.print() }));
    }
    body.push('}');
    Ok(Answer::json(StatusCode::OK, body).applied(preferences.applied(false).as_deref()))
}

/// Why a cursor was left.
enum Ended {
    Early,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Where a row stands in the order of its query.
fn place(lowered: &Lowered, row: &keyholder_store::Row<'_>) -> Result<Cookie, Error> {
    let plan = &lowered.plan;
    let last = (plan.order..plan.id).map(|index| row.value(index).map(ValueRef::to_value)).collect::<Result<_, _>>()?;
    Ok(Cookie { shape: lowered.shape, last, id: row.get(plan.id)?, cut: Vec::new() })
}

/// The place that a token marks.
fn resumed(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Query>,
    source: Option<Uuid>,
    token: &PageToken,
) -> Result<Cookie, Failure> {
    let mut cookie = Cookie::parse(&token.cookie).ok_or_else(|| error::odata("Malformed paging cookie."))?;
    let query = reading.part();
    if !cookie.cut.is_empty() && !query.order.is_empty() {
        let (find, values) = lower::place(session.catalogue, reading.rows(), query, source, cookie.id)?;
        let row = snapshot.first(&find, &values, |row| {
            (0..row.len()).map(|index| row.value(index).map(ValueRef::to_value)).collect::<Result<_, _>>()
        })?;
        let descending: Vec<bool> = query.order.iter().map(|order| order.descending).collect();
        cookie.complete(row, &descending);
    }
    Ok(cookie)
}

/// The row whose related rows are asked for, if it is there and within reach.
fn source(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Query>,
) -> Result<Option<Uuid>, Failure> {
    match (&reading.part().within, reading.source()) {
        (None, _) => Ok(None),
        (Some(within), Some(rows)) => session.reached(snapshot, rows, within.source().1).map(|row| Some(row.id())),
        (Some(_), None) => Err(error::not_supported("This way to related rows").into()),
    }
}

fn counted(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    rows: &ReachedTable,
    query: &Query,
    source: Option<Uuid>,
) -> Result<i64, Failure> {
    let (statement, values) = lower::count(session.catalogue, rows, query, source)?;
    Ok(snapshot.first(&statement, &values, |row| row.get(0))?.unwrap_or(0))
}

/// The members about the whole result, where they are asked for.
fn totals(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Query>,
    source: Option<Uuid>,
    body: &mut String,
) -> Result<(), Failure> {
    let query = reading.part();
    let count = match query.count {
        true => Some(counted(session, snapshot, reading.rows(), query, source)?),
        false => None,
    };
    if let Some(count) = count {
        let _ = write!(body, ",\"@odata.count\":{}", count.min(MOST_COUNTED));
    }
    let annotations = session.request.bound.preferences.annotations.as_ref();
    let wants = |name| annotations.is_some_and(|annotations| annotations.include(name));
    if wants("Microsoft.Dynamics.CRM.totalrecordcount") {
        let total = count.map_or(-1, |count| count.min(MOST_COUNTED));
        let _ = write!(body, ",\"@Microsoft.Dynamics.CRM.totalrecordcount\":{total}");
    }
    if wants("Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded") {
        let exceeded = count.is_some_and(|count| count > MOST_COUNTED);
        let _ = write!(body, ",\"@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded\":{exceeded}");
    }
    if wants("Microsoft.Dynamics.CRM.globalmetadataversion") {
        let _ = write!(body, ",\"@Microsoft.Dynamics.CRM.globalmetadataversion\":\"{}\"", session.catalogue.epoch);
    }
    Ok(())
}

/// `contacts(fullname,_ownerid_value)`: the set, and what was selected of it.
fn context(set: &str, select: &Selection) -> String {
    match select.named() {
        None => set.to_owned(),
        Some(columns) => {
            let names: Vec<String> = columns.iter().map(|column| column.property_name()).collect();
            format!("{set}({})", names.join(","))
        }
    }
}

/// The address of the next page: this one's, with another token.
fn next_link(session: &Session<'_>, token: &PageToken) -> String {
    let mut link = format!("{}/api/data/{}?", session.core.org_url, session.request.path);
    for option in session.request.query.as_deref().unwrap_or_default().split('&') {
        let name = option.split('=').next().unwrap_or_default().replace("%24", "$");
        if !option.is_empty() && name != "$skiptoken" {
            link.push_str(option);
            link.push('&');
        }
    }
    let _ = write!(link, "$skiptoken={}", utf8_percent_encode(&token.print(), NON_ALPHANUMERIC));
    link
}

/// One row, or one column of it.
pub(crate) fn retrieve(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Retrieve>,
) -> Result<Answer, Failure> {
    let part = reading.part();
    let id = session.find_id(snapshot, &part.table, &part.key)?.ok_or_else(|| missing(&part.table, &part.key))?;
    match &part.property {
        None => {
            let shown = show(session, snapshot, reading.rows(), id, &part.select)?;
            if part.unless_version.is_some() && part.unless_version == shown.version {
                return Ok(Answer::empty(StatusCode::NOT_MODIFIED).tagged(shown.version));
            }
            let applied = session.request.bound.preferences.applied(false);
            Ok(Answer::json(StatusCode::OK, shown.body).tagged(shown.version).applied(applied.as_deref()))
        }
        Some(property) => single(session, snapshot, reading.rows(), id, &part.select, property),
    }
}

/// A row as a document of its own.
pub(crate) struct Shown {
    pub(crate) body: String,
    pub(crate) version: Option<i64>,
}

/// Shows a row, if it is within reach.
pub(crate) fn show(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    rows: &ReachedTable,
    id: Uuid,
    select: &Selection,
) -> Result<Shown, Failure> {
    let table = rows.table();
    let found = lower::one(session.catalogue, rows, id, select)?;
    let layout = session.catalogue.layout(table);
    let preferences = &session.request.bound.preferences;
    let writer = RowWriter::new(snapshot, session.catalogue, layout, &found, preferences, &session.caller.grants)?;
    let mut body = String::with_capacity(2048);
    body.push_str("{\"@odata.context\":");
    let context = format!("{}/$metadata#{}/$entity", session.base(), context(table.entity_set(), select));
    write_json_text(&mut body, &context);
    let shown = snapshot.first(&found.plan.statement, &found.values, |row| {
        let at = |index: Option<usize>| index.map_or(Ok(None), |index| row.get::<Option<Uuid>>(index));
        let reached = rows.reach().covers(at(found.plan.owner)?, at(found.plan.unit)?);
        if reached {
            writer.members(&mut body, row, false)?;
        }
        Ok(reached.then_some(writer.version(row)?))
    })?;
    match shown {
        None => Err(error::row_not_found(table.schema_name(), id).into()),
        Some(None) => Err(error::row_access_denied(session.caller.user, "ReadAccess", id, table.logical_name()).into()),
        Some(Some(version)) => {
            body.push('}');
            Ok(Shown { body, version })
        }
    }
}

fn single(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    rows: &ReachedTable,
    id: Uuid,
    select: &Selection,
    property: &PropertyOf,
) -> Result<Answer, Failure> {
    let table = rows.table();
    let found = lower::one(session.catalogue, rows, id, select)?;
    let mut value = String::new();
    let mut text = None;
    let reached = snapshot.first(&found.plan.statement, &found.values, |row| {
        let at = |index: Option<usize>| index.map_or(Ok(None), |index| row.get::<Option<Uuid>>(index));
        if let Some(cell) = found.plan.cells.first() {
            RowWriter::value(&mut value, row, cell)?;
            let own = cell.value.map(|index| row.value(index)).transpose()?;
            text = own.and_then(String::from_value);
        }
        Ok(rows.reach().covers(at(found.plan.owner)?, at(found.plan.unit)?))
    })?;
    match reached {
        None => return Err(error::row_not_found(table.schema_name(), id).into()),
        Some(false) => {
            return Err(error::row_access_denied(session.caller.user, "ReadAccess", id, table.logical_name()).into());
        }
        Some(true) => {}
    }
    if value == "null" {
        return Ok(super::no_content());
    }
    if property.raw {
        // A text as it is; anything else as in JSON, without quotes.
        return Ok(Answer::text(text.unwrap_or_else(|| value.trim_matches('"').to_owned())));
    }
    let mut body = String::from("{\"@odata.context\":");
    let address =
        format!("{}/$metadata#{}({id})/{}", session.base(), table.entity_set(), property.column.property_name());
    write_json_text(&mut body, &address);
    let _ = write!(body, ",\"value\":{value}}}");
    Ok(Answer::json(StatusCode::OK, body))
}
