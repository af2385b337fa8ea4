//! Related rows inside rows: one statement for each expand of a level, whatever the number of rows.
//!
//! A level's rows are written first, without their closing braces; then the rows of each expand are
//! found by the ids (or lookups) of the whole level, filled in their turn, and put where they belong.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::write_json_text;
use keyholder_operation::query::{JoinOn, Within};
use keyholder_operation::{Expand, PageToken, Query, RowKey, print};
use keyholder_security::ReachedTable;
use keyholder_store::{Error, Row, Snapshot};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::Session;
use crate::answer::rows::{RowWriter, target_of};
use crate::error::Failure;
use crate::lower::cookie::Cookie;
use crate::lower::{self, Asked, Lowered, Parents};

/// A row shows at most this many rows of a collection.
const MOST_OF_ONE: u32 = 5_000;
/// The expands of a request show at most this many rows altogether,
const MOST_ROWS: u32 = 100_000;
/// and hold at most this many bytes of JSON at any moment: the rows that have been read, and those that have been put
/// together from them.
const MOST_BYTES: usize = 64 << 20;

/// What the expands of one request may still do.
#[derive(Debug)]
pub(crate) struct Budget {
    rows: u32,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { rows: MOST_ROWS, bytes: MOST_BYTES }
    }
}

impl Budget {
    fn take_row(&mut self) -> Result<(), Failure> {
        self.rows = self.rows.checked_sub(1).ok_or_else(too_much)?;
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_much)?;
        Ok(())
    }

    /// Counts what is held no more.
    fn give_back(&mut self, bytes: usize) {
        self.bytes += bytes;
    }
}

/// The rows of one level, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) text: String,
    rows: Vec<Placed>,
}

/// Where a row stands in the text, and what its expands need to know of it.
#[derive(Debug)]
struct Placed {
    start: usize,
    /// Where its closing brace has to stand.
    end: usize,
    id: Uuid,
    /// What each lookup that is expanded holds.
    lookups: Vec<Option<Uuid>>,
}

impl Level {
    /// A level whose rows come behind this text.
    pub(crate) fn behind(text: String) -> Self {
        Self { text, rows: Vec::new() }
    }

    /// Notes a row that has just been written to the text from `start` on, without its closing
    /// brace.
    pub(crate) fn note(
        &mut self,
        start: usize,
        lowered: &Lowered,
        expands: &[Expand],
        row: &Row<'_>,
    ) -> Result<(), Error> {
        let plan = &lowered.plan;
        let mut lookups = Vec::with_capacity(plan.lookups.len());
        for (cell, expand) in plan.lookups.iter().zip(expands) {
            lookups.push(match cell.as_ref().map(|cell| (cell, cell.value)) {
                // An id that is no lookup is one of whatever table has it.
                Some((cell, Some(index))) if !cell.column.kind.is_lookup() => row.get(index)?,
                // A lookup that leads to another table is none for this property.
                Some((cell, Some(index))) if target_of(row, cell)? == Some(expand.query.table.type_code()) => {
                    row.get(index)?
                }
                _ => None,
            });
        }
        self.rows.push(Placed { start, end: self.text.len(), id: row.get(plan.id)?, lookups });
        Ok(())
    }
}

/// What the expands of a level are.
#[derive(Clone, Copy)]
pub(crate) struct Expands<'a> {
    /// The table of the rows.
    pub(crate) table: &'a Arc<Table>,
    pub(crate) expands: &'a [Expand],
    /// What may be read of each of their tables.
    pub(crate) further: &'a [ReachedTable],
    /// Whether anything is expanded inside an expand: then collections come in pages.
    pub(crate) deep: bool,
}

impl<'a> Expands<'a> {
    /// The expands of the outermost level.
    pub(crate) fn of(table: &'a Arc<Table>, expands: &'a [Expand], further: &'a [ReachedTable]) -> Self {
        Self { table, expands, further, deep: expands.iter().any(|expand| !expand.query.expand.is_empty()) }
    }
}

/// Fills a level: closes its rows, with the rows that they show inside.
pub(crate) fn fill(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    level: Level,
    wanted: Expands<'_>,
    budget: &mut Budget,
) -> Result<Level, Failure> {
    let mut further = wanted.further;
    let mut shown = Vec::with_capacity(wanted.expands.len());
    for (index, expand) in wanted.expands.iter().enumerate() {
        let of_expand = 1 + expand.query.further_tables().len();
        let (own, others) = further.split_at_checked(of_expand).ok_or_else(error::unexpected)?;
        further = others;
        shown.push(Shown::find(session, snapshot, &level, (index, expand), own, wanted, budget)?);
    }
    let mut filled = Level::default();
    for (number, row) in level.rows.into_iter().enumerate() {
        let before = if number == 0 { level.text.get(..row.start) } else { Some(",") };
        filled.text.push_str(before.unwrap_or_default());
        let start = filled.text.len();
        filled.text.push_str(level.text.get(row.start..row.end).unwrap_or_default());
        let mut at = 0;
        // Where one lookup leads to rows of several tables, its member shows the one that is there.
        for same in shown.chunk_by(|one, other| one.expand.navigation == other.expand.navigation) {
            let found = same.iter().enumerate().find(|(index, shown)| shown.target(&row, at + index).is_some());
            let (index, shown) = found.or_else(|| same.iter().enumerate().next()).ok_or_else(error::unexpected)?;
            let before = filled.text.len();
            shown.write(session, &mut filled.text, &row, at + index);
            budget.take(filled.text.len() - before)?;
            at += same.len();
        }
        filled.text.push('}');
        filled.rows.push(Placed { start, end: filled.text.len(), ..row });
    }
    // What was read stands in the rows that show it now.
    budget.give_back(shown.iter().map(|shown| shown.level.text.len()).sum());
    Ok(filled)
}

fn too_much() -> Failure {
    error::odata(format!(
        "The rows that $expand shows are more than {MOST_ROWS} in all, or larger than {} MB in all; ask for fewer rows or \
         columns.",
        MOST_BYTES >> 20
    ))
    .into()
}

/// The rows of one expand, by the rows that show them.
struct Shown<'a> {
    expand: &'a Expand,
    table: &'a Arc<Table>,
    level: Level,
    by_row: HashMap<Uuid, Vec<usize>>,
    /// For rows that have more: the next page.
    next: HashMap<Uuid, PageToken>,
    /// Whether collections come in pages.
    deep: bool,
}

impl<'a> Shown<'a> {
    fn find(
        session: &Session<'_>,
        snapshot: &mut Snapshot<'_>,
        level: &Level,
        (index, expand): (usize, &'a Expand),
        reached: &[ReachedTable],
        wanted: Expands<'a>,
        budget: &mut Budget,
    ) -> Result<Self, Failure> {
        let Expands { table, deep, .. } = wanted;
        let mut shown =
            Self { expand, table, level: Level::default(), by_row: HashMap::new(), next: HashMap::new(), deep };
        let ids: HashSet<Uuid> = match expand.on {
            JoinOn::Lookup { .. } => level.rows.iter().filter_map(|row| row.lookups.get(index).copied()?).collect(),
            _ => level.rows.iter().map(|row| row.id).collect(),
        };
        if ids.is_empty() {
            return Ok(shown);
        }
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let query = &expand.query;
        let [rows, further @ ..] = reached else { return Err(error::unexpected().into()) };
        let circumstances = session.circumstances(snapshot, query)?;
        let asked = Asked { query, rows, further, source: None, circumstances: &circumstances };
        let parents = Parents { table, on: &expand.on, ids: &ids };
        let lowered = lower::related(session.catalogue, &asked, MOST_ROWS + 1, parents)?;
        let more = shown.read(session, snapshot, rows, &lowered, budget)?;
        for (parent, last) in more {
            shown.next.insert(parent, next_page(session, &asked, table, expand, parent, last)?);
        }
        if !query.expand.is_empty() {
            let further = further.get(query.joined_tables()..).ok_or_else(error::unexpected)?;
            let inner = Expands { table: &query.table, expands: &query.expand, further, deep };
            shown.level = fill(session, snapshot, shown.level, inner, budget)?;
        }
        Ok(shown)
    }

    /// Writes the rows of the statement, as many for each row as it shows. Gives the rows that have
    /// more, each with the last that it shows.
    fn read(
        &mut self,
        session: &Session<'_>,
        snapshot: &mut Snapshot<'_>,
        rows: &ReachedTable,
        lowered: &Lowered,
        budget: &mut Budget,
    ) -> Result<HashMap<Uuid, Uuid>, Failure> {
        let preferences = &session.request.bound.preferences;
        let query = &self.expand.query;
        let limit = match preferences.max_page_size.filter(|_| self.deep) {
            Some(page) => page.min(MOST_OF_ONE),
            None => query.top.map_or(MOST_OF_ONE, |top| top.min(MOST_OF_ONE)),
        };
        let layout = session.catalogue.layout(rows.table());
        let writer = RowWriter::new(snapshot, session.catalogue, layout, lowered, preferences, &session.caller.grants)?;
        let mut more = HashMap::new();
        snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
            budget.take_row()?;
            let parent: Uuid = row.get(lowered.plan.shown_by.unwrap_or_default())?;
            let of_parent = self.by_row.entry(parent).or_default();
            if of_parent.len() >= limit as usize {
                if let Some(last) = of_parent.last().and_then(|last| self.level.rows.get(*last)) {
                    more.entry(parent).or_insert(last.id);
                }
                return Ok(());
            }
            of_parent.push(self.level.rows.len());
            let start = self.level.text.len();
            self.level.text.push('{');
            if self.expand.references {
                let id: Uuid = row.get(lowered.plan.id)?;
                self.level.text.push_str("\"@odata.id\":");
                write_json_text(&mut self.level.text, &session.address(rows.table(), id));
            } else {
                writer.members(&mut self.level.text, row, true)?;
                if rows.table().is_principal() {
                    // What users and teams have from the type that both derive from.
                    let id: Uuid = row.get(lowered.plan.id)?;
                    let _ = write!(self.level.text, ",\"ownerid\":\"{id}\"");
                }
            }
            self.level.note(start, lowered, &query.expand, row)?;
            if query.expand.is_empty() {
                // What is filled gets its brace then.
                self.level.text.push('}');
                if let Some(last) = self.level.rows.last_mut() {
                    last.end += 1;
                }
            }
            budget.take(self.level.text.len() - start)
        })?;
        if !self.deep {
            more.clear();
        }
        Ok(more)
    }

    /// The row of this expand that a row's lookup names.
    fn target(&self, row: &Placed, index: usize) -> Option<&usize> {
        let target = row.lookups.get(index).copied().flatten()?;
        self.by_row.get(&target)?.first()
    }

    /// Appends the member of a row.
    fn write(&self, session: &Session<'_>, out: &mut String, row: &Placed, index: usize) {
        let name = &*self.expand.navigation;
        let text = |row: &usize| {
            self.level.rows.get(*row).and_then(|row| self.level.text.get(row.start..row.end)).unwrap_or_default()
        };
        let _ = write!(out, ",\"{name}\":");
        if matches!(self.expand.on, JoinOn::Lookup { .. }) {
            out.push_str(self.target(row, index).map_or("null", text));
            return;
        }
        out.push('[');
        for (number, child) in self.by_row.get(&row.id).into_iter().flatten().enumerate() {
            out.push_str(if number > 0 { "," } else { "" });
            out.push_str(text(child));
        }
        out.push(']');
        let token = self.next.get(&row.id);
        if !self.deep || token.is_some() {
            let options = print::query_string(&self.expand.query);
            let mut link = format!("{}/{name}", session.address(self.table, row.id));
            let token =
                token.map(|token| format!("$skiptoken={}", utf8_percent_encode(&token.print(), NON_ALPHANUMERIC)));
            for (number, part) in
                Some(options).filter(|options| !options.is_empty()).into_iter().chain(token).enumerate()
            {
                let _ = write!(link, "{}{part}", if number == 0 { '?' } else { '&' });
            }
            let _ = write!(out, ",\"{name}@odata.nextLink\":");
            write_json_text(out, &link);
        }
    }
}

/// The mark of the page that comes after this row of a collection, as the address of the collection
/// takes it.
fn next_page(
    session: &Session<'_>,
    asked: &Asked<'_>,
    table: &Arc<Table>,
    expand: &Expand,
    parent: Uuid,
    last: Uuid,
) -> Result<PageToken, Failure> {
    let (source, key) = (Arc::clone(table), RowKey::Id(parent));
    let within = match &expand.on {
        JoinOn::Referencing { lookup } => Within::OneToMany { source, key, lookup: Arc::clone(lookup) },
        JoinOn::Pairs { relationship, side } => {
            Within::ManyToMany { source, key, relationship: Arc::clone(relationship), side: *side }
        }
        _ => return Err(error::unexpected().into()),
    };
    let query = Query { within: Some(within), ..asked.query.clone() };
    let asked = Asked { query: &query, source: Some(parent), ..*asked };
    let shape = lower::page(session.catalogue, &asked, 1, None)?.shape;
    // Such a collection has no order but that of the ids.
    let cookie = Cookie { shape, last: Vec::new(), id: last, cut: Vec::new() };
    Ok(PageToken { page: 2, cookie: cookie.print() })
}
