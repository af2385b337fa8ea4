//! Doing an authorised operation inside one snapshot or transaction.
//!
//! Everything that waits (the directory) or that must not happen twice (giving ids, looking at the
//! clock) has been done before; what is here may be run again from its start.

mod blocks;
mod bulk_delete;
pub(crate) mod call;
mod cascade;
mod closing;
pub(crate) mod contents;
pub(crate) mod delete;
pub(crate) mod expand;
mod gathered;
pub(crate) mod groups;
mod initialize;
mod ladder;
pub(crate) mod make;
mod members;
mod merge;
mod nested;
mod page;
pub(crate) mod pair;
mod queueing;
pub(crate) mod read;
mod share;
pub(crate) mod write;

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Value, error};
use keyholder_foundation::{RowIds, Timestamp};
use keyholder_operation::query::Zone;
use keyholder_operation::{Bound, Circumstances, Operation, Query, RowKey, Saved};
use keyholder_security::{Authorised, Calling, ReachedTable, Reading, Subject, authorise};
use keyholder_store::statement::{Select, all, column, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::answer::Answer;
use crate::caller::Caller;
use crate::catalogue::{Catalogue, Record};
use crate::contents::image::Pixels;
use crate::directory::ApplicationFacts;
use crate::error::Failure;
use crate::lower;
use crate::metadata;
use crate::organization::Core;
use crate::platform::Platform;
use crate::rules;
use crate::shares;
use crate::units::Units;

/// A query asks about at most this many hierarchies: each takes a statement for each of its levels.
const MOST_HIERARCHIES: usize = 10;

/// One request of one caller, inside one snapshot.
pub(crate) struct Session<'a> {
    pub(crate) core: &'a Core,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a PreparedRequest,
    /// What its transaction may still decode.
    pub(crate) pixels: &'a Pixels,
}

/// A bound request with everything that was settled before the store was asked.
#[derive(Debug)]
pub(crate) struct PreparedRequest {
    pub(crate) bound: Bound,
    /// The path behind `/api/data/` and the query string as they came, for the address of the
    /// next page.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// The moment that the request's changes carry.
    pub(crate) now: Timestamp,
    /// What the directory knows of the application that a new user is to stand for.
    pub(crate) application: Option<ApplicationFacts>,
    /// The id of the request in answers and error texts.
    pub(crate) id: Uuid,
    /// The bytes of an upload; empty for everything else, whose body has been read.
    pub(crate) contents: Bytes,
}

impl Session<'_> {
    pub(crate) fn platform(&self) -> Platform<'_> {
        Platform { catalogue: self.catalogue }
    }

    /// Changes to business units, in the caller's name.
    pub(crate) fn units(&self) -> Units<'_> {
        let (core, catalogue) = (self.core, self.catalogue);
        Units { core, catalogue, now: self.request.now, by: self.caller_reference() }
    }

    /// The root business unit.
    pub(crate) fn root_unit(&self) -> Uuid {
        self.core.seed_id("businessunit")
    }

    /// A row, as a lookup names it.
    pub(crate) fn reference(&self, table: &str, id: Uuid) -> Value {
        Value::Lookup(Reference { type_code: self.catalogue.type_code(table).unwrap_or_default(), id })
    }

    /// What the caller and the moment decide about a query.
    pub(crate) fn circumstances(
        &self,
        snapshot: &mut Snapshot<'_>,
        query: &Query,
    ) -> Result<Circumstances<'_>, Failure> {
        let (mut reports, mut report_teams) = (Vec::new(), Vec::new());
        if query.needs_reports() {
            reports = self.platform().reports(snapshot, self.caller.user)?;
            report_teams = self.platform().teams_of_all(snapshot, &reports)?;
        }
        let mut hierarchies = Vec::new();
        let asked = query.hierarchies();
        if asked.len() > MOST_HIERARCHIES {
            let what = format!("A query with more than {MOST_HIERARCHIES} conditions on hierarchies");
            return Err(error::not_supported(&what).into());
        }
        for hierarchy in asked {
            hierarchies.push(self.platform().hierarchy(snapshot, hierarchy)?);
        }
        Ok(Circumstances {
            hierarchies,
            user: self.caller.user,
            business_unit: self.caller.business_unit,
            teams: self.caller.grants.teams().into(),
            reports: reports.into(),
            report_teams: report_teams.into(),
            now: self.request.now,
            zone: Zone::default(),
        })
    }

    /// A fresh id for a row.
    pub(crate) fn new_id(&self) -> Uuid {
        let ids: &RowIds = &self.core.row_ids;
        ids.next(self.request.now, &*self.core.random)
    }

    /// The address of this version of the API: `https://localhost:8443/api/data/v9.2`.
    pub(crate) fn base(&self) -> String {
        format!("{}/api/data/{}", self.core.org_url, self.request.bound.version.name())
    }

    /// The address of a row.
    pub(crate) fn address(&self, table: &Table, id: Uuid) -> String {
        format!("{}/{}({id})", self.base(), table.entity_set())
    }

    /// Which privileges the caller holds is decided here, before anything is looked at.
    fn authorised(&self) -> Result<Authorised, Failure> {
        rules::access_mode::check_reach(self)?;
        Ok(authorise(&self.caller.grants, self.request.bound.clone())?)
    }

    /// Answers an operation that only reads.
    pub(crate) fn read(&self, snapshot: &mut Snapshot<'_>) -> Result<Answer, Failure> {
        match self.authorised()? {
            Authorised::ServiceDocument => Ok(read::service_document(self)),
            Authorised::MetadataDocument => metadata::document::answer(self),
            Authorised::Metadata(query) => metadata::answer(self, &query),
            Authorised::MetadataChanges(query) => metadata::changes(self, snapshot, &query),
            Authorised::Query(reading) => read::query(self, snapshot, &reading),
            Authorised::Saved(reading) => self.saved(snapshot, &reading),
            Authorised::Count(reading) => read::count(self, snapshot, &reading),
            Authorised::Retrieve(reading) => read::retrieve(self, snapshot, &reading),
            Authorised::Follow(reading) => read::follow(self, snapshot, &reading),
            Authorised::Function(calling) => call::function(self, snapshot, &calling),
            Authorised::Download(reading) => contents::download(self, snapshot, &reading),
            Authorised::Action(calling) => blocks::read(self, snapshot, &calling),
            _ => Err(error::not_supported("This operation").into()),
        }
    }

    /// Answers what a query asks that a row of the org holds, in the caller's name: what the caller
    /// may not read it does not show.
    fn saved(&self, snapshot: &mut Snapshot<'_>, reading: &Reading<Saved>) -> Result<Answer, Failure> {
        let saved = reading.part();
        let record = self.reached(snapshot, reading.rows(), &RowKey::Id(saved.id))?;
        let document = record.get("fetchxml").text().ok_or_else(|| {
            let holder = saved.holder.logical_name();
            DataverseError::new(code::INVALID_ARGUMENT, format!("The {holder} {} has no fetchxml.", saved.id))
        })?;
        let query = saved.query(&self.catalogue.schema, document)?;
        let bound = Bound { operation: Operation::Query(query), ..self.request.bound.clone() };
        match authorise(&self.caller.grants, bound)? {
            Authorised::Query(reading) => read::query(self, snapshot, &reading),
            _ => Err(error::unexpected().into()),
        }
    }

    /// Does an operation that changes rows.
    pub(crate) fn write(&self, tx: &mut Transaction<'_>) -> Result<Answer, Failure> {
        match self.authorised()? {
            Authorised::MetadataChange(asked) => metadata::change::run(self, tx, &asked),
            Authorised::Create(writing) => write::create(self, tx, &writing),
            Authorised::Update(writing) => write::update(self, tx, &writing),
            Authorised::Multiple(kind, rows) => write::multiple(self, tx, kind, &rows),
            Authorised::Delete(reading) => delete::delete(self, tx, &reading),
            Authorised::Upload(reading) => contents::upload(self, tx, &reading),
            Authorised::Associate(linking) => pair::associate(self, tx, &linking),
            Authorised::Disassociate(linking) => pair::disassociate(self, tx, &linking),
            Authorised::Action(calling) => call::action(self, tx, &calling),
            Authorised::BulkDelete(job, queries) => bulk_delete::run(self, tx, &job, &queries),
            Authorised::Merge(merging) => merge::merge(self, tx, &merging),
            Authorised::Close(activity, target) => closing::close(self, tx, &activity, &target),
            Authorised::AddToQueue(adding, item) => queueing::add(self, tx, &adding, &item),
            _ => Err(error::not_supported("This operation").into()),
        }
    }

    /// The id of the row that a key names, whoever owns it; nothing when there is none.
    pub(crate) fn find_id(
        &self,
        snapshot: &mut Snapshot<'_>,
        table: &Arc<Table>,
        key: &RowKey,
    ) -> Result<Option<Uuid>, Failure> {
        let layout = self.catalogue.layout(table);
        let (columns, values) = match key {
            RowKey::Id(id) => (vec![layout.id()], vec![(*id).into()]),
            RowKey::Alternate { key, values } => {
                let names = key.columns.iter().filter_map(|column| Some(layout.place(column)?.compared()?.0.clone()));
                (names.collect(), values.iter().map(lower::comparable).collect())
            }
            _ => return Err(error::not_supported("This kind of key").into()),
        };
        let same = columns.into_iter().enumerate().map(|(slot, name)| column(name).equals(parameter(slot)));
        let find = Select::from(layout.name.clone()).column(layout.id(), Kind::Uuid).filter(all(same));
        Ok(snapshot.first(&Prepared::new(find)?, &values, |row| row.get(0))?)
    }

    /// The row that a key names, whoever owns it; nothing when there is none.
    pub(crate) fn find(
        &self,
        snapshot: &mut Snapshot<'_>,
        table: &Arc<Table>,
        key: &RowKey,
    ) -> Result<Option<Record>, Failure> {
        let id = match key {
            RowKey::Id(id) => Some(*id),
            other => self.find_id(snapshot, table, other)?,
        };
        match id {
            Some(id) => Record::load(snapshot, self.catalogue, &self.catalogue.layout(table), id),
            None => Ok(None),
        }
    }

    /// The row that a key names, if `rows` reaches it.
    pub(crate) fn reached(
        &self,
        snapshot: &mut Snapshot<'_>,
        rows: &ReachedTable,
        key: &RowKey,
    ) -> Result<Record, Failure> {
        let record = self.find(snapshot, rows.table(), key)?.ok_or_else(|| missing(rows.table(), key))?;
        self.check_reach(snapshot, rows, &record)?;
        Ok(record)
    }

    /// A row that a call names, if the caller reaches it for everything that is asked of rows of its sort.
    pub(crate) fn subject<T>(
        &self,
        snapshot: &mut Snapshot<'_>,
        calling: &Calling<T>,
        sort: Subject,
        key: &RowKey,
    ) -> Result<Record, Failure> {
        let mut asked = calling.of(sort);
        // A row of which nothing is asked is nobody's to name.
        let first = asked.next().ok_or_else(|| error::not_supported("This call"))?;
        let record = self.reached(snapshot, first, key)?;
        asked.try_for_each(|rows| self.check_reach(snapshot, rows, &record))?;
        Ok(record)
    }

    /// Refuses a row that is out of reach.
    pub(crate) fn check_reach(
        &self,
        snapshot: &mut Snapshot<'_>,
        rows: &ReachedTable,
        record: &Record,
    ) -> Result<(), Failure> {
        self.check_reach_in(snapshot, rows, record, record.business_unit())
    }

    /// Whether a row of this owner and business unit is within reach, by a share too.
    pub(crate) fn is_reached(
        &self,
        snapshot: &mut Snapshot<'_>,
        rows: &ReachedTable,
        id: Uuid,
        (owner, unit): (Option<Uuid>, Option<Uuid>),
    ) -> Result<bool, Failure> {
        rows.reach().covers_or(owner, unit, |principals| {
            shares::is_shared(snapshot, self.catalogue, (rows.table().type_code(), id), rows.verb(), principals)
        })
    }

    /// Refuses a row that is out of reach in this business unit.
    pub(crate) fn check_reach_in(
        &self,
        snapshot: &mut Snapshot<'_>,
        rows: &ReachedTable,
        record: &Record,
        unit: Option<Uuid>,
    ) -> Result<(), Failure> {
        if self.is_reached(snapshot, rows, record.id(), (record.owner(), unit))? {
            return Ok(());
        }
        Err(self.out_of_reach(rows, record.id()))
    }

    /// The refusal of a row that is out of reach.
    pub(crate) fn out_of_reach(&self, rows: &ReachedTable, id: Uuid) -> Failure {
        let right = format!("{}Access", rows.verb());
        error::row_access_denied(self.caller.user, &right, id, rows.table().logical_name()).into()
    }

    /// Everybody's rights may have changed.
    pub(crate) fn bump_security(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        Ok(self.core.epochs.bump_security(tx)?)
    }
}

/// The refusal of a key that names no row.
pub(crate) fn missing(table: &Table, key: &RowKey) -> Failure {
    match key.id() {
        Some(id) => error::row_not_found(table.schema_name(), id),
        None => error::row_not_found_by_key(table.logical_name()),
    }
    .into()
}

/// The answer to a write that shows nothing.
pub(crate) fn no_content() -> Answer {
    Answer::empty(StatusCode::NO_CONTENT)
}
