//! Reading: pages of rows, counts, single rows and single columns.

use http::StatusCode;
use keyholder_dataverse::value::write_json_text;
use keyholder_dataverse::{Value, error};
use keyholder_operation::query::PropertyOf;
use keyholder_operation::{Circumstances, Expand, Follow, PageToken, Query, Retrieve, Selection};
use keyholder_security::{ReachedTable, Reading};
use keyholder_store::{Error, FromValue, Snapshot, ValueRef};
use std::fmt::Write;
use uuid::Uuid;

use super::expand::{self, Budget, Expands, Level};
use super::page::{self, Ends, Page};
use super::{Session, gathered, missing};
use crate::answer::Answer;
use crate::answer::rows::RowWriter;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::lower::cookie::Cookie;
use crate::lower::{self, Asked, Lowered};

/// The service counts no further.
pub(super) const MOST_COUNTED: i64 = 5_000;
/// A page ends early, with a next link, when its JSON reaches this many bytes.
pub(super) const FULL_PAGE: usize = 32 << 20;

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
    let circumstances = session.circumstances(snapshot, reading.part())?;
    let count = counted(session, snapshot, &asked(reading, source, &circumstances))?;
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
    let circumstances = session.circumstances(snapshot, query)?;
    let asked = asked(reading, source, &circumstances);
    if let Some(aggregate) = &query.aggregate {
        return gathered::aggregated(session, snapshot, &asked, aggregate);
    }
    if gathered::is_distinct(query) {
        return gathered::distinct(session, snapshot, &asked);
    }
    let page = Page::of(query, preferences, false);
    let after = match &query.page {
        Some(token) => Some(resumed(session, snapshot, &asked, token)?),
        None => None,
    };
    let lowered = lower::page(session.catalogue, &asked, page.most(), after.as_ref())?;
    let layout = session.catalogue.layout(reading.rows().table());
    let writer = RowWriter::new(snapshot, session.catalogue, layout, &lowered, preferences, &session.caller.grants)?;
    let writer = writer.sparse(query.door.is_sparse());

    let shown = if query.references { "Collection($ref)".to_owned() } else { context(query) };
    let mut body = beginning(session, &shown);
    let count = match query.count {
        true => Some(counted(session, snapshot, &asked)?),
        false => None,
    };
    totals(session, count, &mut body);
    let at = body.len();
    body.push_str(",\"value\":[");
    let (mut skipped, mut rows, mut ends, mut more) = (0_u32, 0_u32, None, false);
    let mut level = Level::behind(body);
    let ended = snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
        if skipped < page.skip {
            skipped += 1;
            return Ok(());
        }
        let body = &mut level.text;
        if page.follows && rows == page.limit || page.ends_early && body.len() >= FULL_PAGE {
            more = true;
            return Err(Ended::Early);
        }
        if page.follows && body.len() >= FULL_PAGE {
            return Err(Ended::TooLarge);
        }
        body.push_str(if rows > 0 { ",{" } else { "{" });
        let start = body.len() - 1;
        if query.references {
            body.push_str("\"@odata.id\":");
            write_json_text(body, &session.address(&query.table, row.get(lowered.plan.id)?));
        } else {
            writer.members(body, row, true)?;
        }
        if query.expand.is_empty() {
            body.push('}');
        } else {
            level.note(start, &lowered, &query.expand, row)?;
        }
        rows += 1;
        if page.follows {
            let last = place(&lowered, row)?;
            let first = ends.as_ref().map_or(last.id, |ends: &Ends| ends.first);
            ends = Some(Ends { first, last });
        }
        Ok(())
    });
    unless_early(page, ended)?;
    if !query.expand.is_empty() && rows > 0 {
        let further = reading.further().get(query.joined_tables()..).ok_or_else(error::unexpected)?;
        let wanted = Expands::of(&query.table, &query.expand, further);
        level = expand::fill(session, snapshot, level, wanted, &mut Budget::default())?;
    }
    let mut body = level.text;
    body.push(']');
    if let (true, Some(ends)) = (more, &ends) {
        page::more(session, query, &mut body, at, Some(ends));
    }
    body.push('}');
    Ok(Answer::json(StatusCode::OK, body).applied(preferences.applied(false).as_deref()))
}

/// The beginning of an answer with rows.
pub(super) fn beginning(session: &Session<'_>, context: &str) -> String {
    let mut body = String::with_capacity(4096);
    body.push_str("{\"@odata.context\":");
    write_json_text(&mut body, &format!("{}/$metadata#{context}", session.base()));
    body
}

/// Why a cursor was left.
pub(super) enum Ended {
    Early,
    /// What has been written is too large, and nothing could go on from there.
    TooLarge,
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// That a cursor was left before its end is no failure.
pub(super) fn unless_early(page: Page, ended: Result<(), Ended>) -> Result<(), Failure> {
    match ended {
        Ok(()) | Err(Ended::Early) => Ok(()),
        Err(Ended::TooLarge) => Err(page.too_large()),
        Err(Ended::Failed(error)) => Err(error.into()),
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
    asked: &Asked<'_>,
    token: &PageToken,
) -> Result<Cookie, Failure> {
    let mut cookie = Cookie::parse(&token.cookie).ok_or_else(|| error::odata("Malformed paging cookie."))?;
    let query = asked.query;
    if !cookie.cut.is_empty() && !query.order.is_empty() {
        let (find, values) = lower::place(session.catalogue, asked, cookie.id)?;
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

/// What is asked, in the form that it is lowered in.
fn asked<'a>(reading: &'a Reading<Query>, source: Option<Uuid>, circumstances: &'a Circumstances<'a>) -> Asked<'a> {
    Asked { query: reading.part(), rows: reading.rows(), further: reading.further(), source, circumstances }
}

fn counted(session: &Session<'_>, snapshot: &mut Snapshot<'_>, asked: &Asked<'_>) -> Result<i64, Failure> {
    if asked.query.distinct {
        return gathered::counted(session, snapshot, asked);
    }
    let (statement, values) = lower::count(session.catalogue, asked)?;
    Ok(snapshot.first(&statement, &values, |row| row.get(0))?.unwrap_or(0))
}

/// The members about the whole result, where they are asked for.
pub(super) fn totals(session: &Session<'_>, count: Option<i64>, body: &mut String) {
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
}

/// What `@odata.context` says of the rows of a query.
pub(super) fn context(query: &Query) -> String {
    context_of(query.table.entity_set(), &query.select, &query.expand)
}

/// `contacts(fullname,_ownerid_value,owninguser(fullname))`: the set, and what was selected and
/// expanded of it.
fn context_of(set: &str, select: &Selection, expands: &[Expand]) -> String {
    let names = select.named().unwrap_or_default().iter().map(|column| column.property_name());
    // One navigation property can lead to rows of several tables.
    let each = expands.chunk_by(|one, other| one.navigation == other.navigation).filter_map(<[Expand]>::first);
    let inner = each.map(|expand| {
        let shown = context_of(&expand.navigation, &expand.query.select, &expand.query.expand);
        if shown.ends_with(')') { shown } else { format!("{shown}()") }
    });
    let all: Vec<String> = names.chain(inner).collect();
    if all.is_empty() { set.to_owned() } else { format!("{set}({})", all.join(",")) }
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
            let related = Related { expands: &part.expand, further: reading.further() };
            let shown = show(session, snapshot, reading.rows(), id, &part.select, related)?;
            if part.unless_version.is_some() && part.unless_version == shown.version {
                return Ok(Answer::empty(StatusCode::NOT_MODIFIED).tagged(shown.version));
            }
            let applied = session.request.bound.preferences.applied(false);
            Ok(Answer::json(StatusCode::OK, shown.body).tagged(shown.version).applied(applied.as_deref()))
        }
        Some(property) => single(session, snapshot, reading.rows(), id, &part.select, property),
    }
}

/// The row that a lookup of another names. Where it names none, there is nothing to answer.
pub(crate) fn follow(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Follow>,
) -> Result<Answer, Failure> {
    let (part, rows) = (reading.part(), reading.rows());
    let source = reading.source().ok_or_else(error::unexpected)?;
    let record = session.reached(snapshot, source, &part.key)?;
    let id = match record.at(&part.lookup) {
        Value::Lookup(reference) if reference.type_code == part.table.type_code() => reference.id,
        // An id that is no lookup may name a row of another table, or none any more.
        Value::Guid(id) => {
            let layout = session.catalogue.layout(&part.table);
            match Record::load(snapshot, session.catalogue, &layout, *id)? {
                Some(_) => *id,
                None => return Ok(super::no_content()),
            }
        }
        _ => return Ok(super::no_content()),
    };
    if part.references {
        let mut body = String::from("{\"@odata.context\":");
        write_json_text(&mut body, &format!("{}/$metadata#$ref", session.base()));
        body.push_str(",\"@odata.id\":");
        write_json_text(&mut body, &session.address(&part.table, id));
        body.push('}');
        return Ok(Answer::json(StatusCode::OK, body));
    }
    let related = Related { expands: &part.expand, further: reading.further() };
    let shown = show(session, snapshot, rows, id, &part.select, related)?;
    let applied = session.request.bound.preferences.applied(false);
    Ok(Answer::json(StatusCode::OK, shown.body).tagged(shown.version).applied(applied.as_deref()))
}

/// Related rows that a single row shows.
#[derive(Clone, Copy)]
pub(crate) struct Related<'a> {
    pub(crate) expands: &'a [Expand],
    /// What may be read of their tables.
    pub(crate) further: &'a [ReachedTable],
}

impl Related<'_> {
    pub(crate) const NONE: Self = Self { expands: &[], further: &[] };
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
    related: Related<'_>,
) -> Result<Shown, Failure> {
    let table = rows.table();
    let found = lower::one(session.catalogue, rows, id, select, related.expands)?;
    let layout = session.catalogue.layout(table);
    let preferences = &session.request.bound.preferences;
    let writer = RowWriter::new(snapshot, session.catalogue, layout, &found, preferences, &session.caller.grants)?;
    let mut body = String::with_capacity(2048);
    body.push_str("{\"@odata.context\":");
    let context = context_of(table.entity_set(), select, related.expands);
    write_json_text(&mut body, &format!("{}/$metadata#{context}/$entity", session.base()));
    let mut level = Level::behind(body);
    // A row that is reached only by a share is read a second time.
    let mut is_shared = false;
    let shown = loop {
        let found = snapshot.first(&found.plan.statement, &found.values, |row| {
            let at = |index: Option<usize>| index.map_or(Ok(None), |index| row.get::<Option<Uuid>>(index));
            let place = (at(found.plan.owner)?, at(found.plan.unit)?);
            let reached = is_shared || rows.reach().covers(place.0, place.1);
            if reached {
                writer.members(&mut level.text, row, false)?;
                if !related.expands.is_empty() {
                    level.note(0, &found, related.expands, row)?;
                }
            }
            Ok((reached.then_some(writer.version(row)?), place))
        })?;
        match found {
            Some((None, place)) if session.is_reached(snapshot, rows, id, place)? => is_shared = true,
            other => break other.map(|(shown, _)| shown),
        }
    };
    match shown {
        None => Err(error::row_not_found(table.schema_name(), id).into()),
        Some(None) => Err(error::row_access_denied(session.caller.user, "ReadAccess", id, table.logical_name()).into()),
        Some(Some(version)) if related.expands.is_empty() => {
            level.text.push('}');
            Ok(Shown { body: level.text, version })
        }
        Some(Some(version)) => {
            let wanted = Expands::of(table, related.expands, related.further);
            let filled = expand::fill(session, snapshot, level, wanted, &mut Budget::default())?;
            Ok(Shown { body: filled.text, version })
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
    let found = lower::one(session.catalogue, rows, id, select, &[])?;
    let mut value = String::new();
    let mut text = None;
    let reached = snapshot.first(&found.plan.statement, &found.values, |row| {
        let at = |index: Option<usize>| index.map_or(Ok(None), |index| row.get::<Option<Uuid>>(index));
        if let Some(cell) = found.plan.cells.first() {
            RowWriter::value(&mut value, row, cell)?;
            let own = cell.value.map(|index| row.value(index)).transpose()?;
            text = own.and_then(String::from_value);
        }
        Ok((at(found.plan.owner)?, at(found.plan.unit)?))
    })?;
    let reached = reached.map(|place| session.is_reached(snapshot, rows, id, place)).transpose()?;
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
