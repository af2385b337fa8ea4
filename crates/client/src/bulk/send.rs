//! Sends a block of rows, and finds out what became of each.
//!
//! A request for many rows is done whole or not at all. Where it is refused for a row of it, its rows go again one by one,
//! in batches, so that each has an answer of its own. What got no answer is sent again: updates and upserts are the same
//! done twice, and a row that is made has an id of the load's choosing. Refused as a duplicate, it is looked for, and when it
//! is there it was made before, by a try whose answer was lost. Each row is looked for by itself: on an elastic table a
//! request for many may have been done in part.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use http::Method;
use uuid::Uuid;

use super::MOST_IN_BATCH;
use super::block::{Rejected, Sealed, Span};
use super::stop::Stop;
use super::target::{Mode, RowIds, Target, Verb};
use crate::dataverse::{Batch, Change, Dataverse, Filter, Outcome, Query, Repeat, Row, segment};
use crate::error::{Error, ErrorKind};

/// How many rows are looked for with one request.
pub(super) const MOST_SOUGHT: usize = 50;
/// The longest wait for an org that is out of reach, before it is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// What is told of a refusal, in characters.
const LONGEST_REASON: usize = 500;

/// Who sends the blocks of a load.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) org: Dataverse,
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) ids: RowIds,
    /// How long in all an org that is out of reach is tried again.
    pub(super) patience: Duration,
    pub(super) stop: Stop,
}

impl Sender {
    /// Sends the rows of a block; gives those that were refused.
    pub(super) async fn send(&self, block: &Sealed) -> Result<Vec<Rejected>, Error> {
        let mut rejected = Vec::new();
        let all: Vec<usize> = (0..block.rows.len()).collect();
        match self.mode {
            Mode::Multiple => self.together(block, all, &mut rejected).await?,
            Mode::Batch => self.in_batches(block, &all, &mut rejected).await?,
            Mode::Single => {
                for row in &all {
                    self.alone(block, *row, &mut rejected).await?;
                }
            }
        }
        Ok(rejected)
    }

    /// All rows with one request, as far as the org takes them so.
    async fn together(&self, block: &Sealed, mut rows: Vec<usize>, rejected: &mut Vec<Rejected>) -> Result<(), Error> {
        while !rows.is_empty() {
            let change = self.multiple(block, &rows);
            let error = match self.patiently(|| self.org.execute(&change)).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if !is_about_rows(&error) {
                return Err(error);
            }
            if error.is_duplicate() && self.target.verb == Verb::Create {
                let there = self.there(block, &rows).await?;
                if !there.is_empty() {
                    rows.retain(|row| !self.id(block, *row).is_some_and(|id| there.contains(&id)));
                    continue;
                }
            }
            if let [row] = rows.as_slice() {
                rejected.extend(block.rows.get(*row).map(|span| refused(span, &error)));
                return Ok(());
            }
            return self.in_batches(block, &rows, rejected).await;
        }
        Ok(())
    }

    /// Each row by itself, many in a request.
    async fn in_batches(&self, block: &Sealed, rows: &[usize], rejected: &mut Vec<Rejected>) -> Result<(), Error> {
        for some in rows.chunks(MOST_IN_BATCH) {
            let mut batch = Batch::new().continue_on_error();
            for row in some {
                batch.change(self.change(block, *row));
            }
            // Done again it is the same: what was made before is found by its id.
            let try_once = || async {
                let outcomes = self.org.batch(&batch).await?;
                let unsettled = outcomes.iter().find_map(|outcome| outcome.error().filter(|error| may_pass(error)));
                if let Some(error) = unsettled { Err(error.clone()) } else { Ok(outcomes) }
            };
            let outcomes = self.patiently(try_once).await?;
            let mut doubled = Vec::new();
            for (row, outcome) in some.iter().zip(outcomes) {
                let error = match outcome {
                    Outcome::Refused(error) => error,
                    Outcome::NotRun => return Err(self.org.lost("a part of a batch was not run".to_owned())),
                    _ => continue,
                };
                if !is_about_rows(&error) {
                    return Err(error);
                }
                doubled.push((*row, error));
            }
            self.judge(block, doubled, rejected).await?;
        }
        Ok(())
    }

    async fn alone(&self, block: &Sealed, row: usize, rejected: &mut Vec<Rejected>) -> Result<(), Error> {
        let change = self.change(block, row);
        match self.patiently(|| self.org.execute(&change)).await {
            Ok(_) => Ok(()),
            Err(error) if is_about_rows(&error) => self.judge(block, vec![(row, error)], rejected).await,
            Err(error) => Err(error),
        }
    }

    /// Rejects the rows that were refused, but for those that were made before.
    async fn judge(
        &self,
        block: &Sealed,
        refusals: Vec<(usize, Error)>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<(), Error> {
        let is_new = self.target.verb == Verb::Create;
        let doubtful = refusals.iter().filter(|(_, error)| is_new && error.is_duplicate());
        let doubtful: Vec<usize> = doubtful.map(|(row, _)| *row).collect();
        let there = self.there(block, &doubtful).await?;
        for (row, error) in refusals {
            let is_there = error.is_duplicate() && self.id(block, row).is_some_and(|id| there.contains(&id));
            if !is_there {
                rejected.extend(block.rows.get(row).map(|span| refused(span, &error)));
            }
        }
        Ok(())
    }

    /// Which of the rows that are to be made are there.
    async fn there(&self, block: &Sealed, rows: &[usize]) -> Result<HashSet<Uuid>, Error> {
        let mut there = HashSet::new();
        let column = self.target.id_column.as_str();
        for some in rows.chunks(MOST_SOUGHT) {
            let ids = some.iter().filter_map(|row| self.id(block, *row));
            let Some(filter) = ids.map(|id| Filter::eq(column, id)).reduce(Filter::or) else { continue };
            let query = Query::rows(&self.target.set).select([column]).filter(filter);
            let found: Vec<Row> = self.patiently(|| self.org.query(query.clone()).collect()).await?;
            let id = |row: &Row| row.get(column)?.as_str()?.parse::<Uuid>().ok();
            there.extend(found.iter().filter_map(id));
        }
        Ok(there)
    }

    fn id(&self, block: &Sealed, row: usize) -> Option<Uuid> {
        let is_new = self.target.verb == Verb::Create;
        block.rows.get(row).filter(|_| is_new).map(|span| self.ids.id(span.number))
    }

    fn multiple(&self, block: &Sealed, rows: &[usize]) -> Change {
        let message = match self.target.verb {
            Verb::Create => "CreateMultiple",
            Verb::Update(_) => "UpdateMultiple",
            Verb::Upsert(_) => "UpsertMultiple",
        };
        let path = format!("{}/Microsoft.Dynamics.CRM.{message}", segment(&self.target.set));
        Change::multiple(path, block.together(rows), Repeat::Never, rows.len(), None)
    }

    fn change(&self, block: &Sealed, row: usize) -> Change {
        let set = segment(&self.target.set);
        let Some(span) = block.rows.get(row) else { return Change::create(&set, &()) };
        let body = block.alone(span, &self.target, self.id(block, row));
        match self.target.verb {
            Verb::Create => Change::written(Method::POST, set, Some(body), Repeat::Never),
            Verb::Upsert(_) => {
                Change::written(Method::PATCH, format!("{set}{}", block.key(span)), Some(body), Repeat::Never)
            }
            Verb::Update(_) => {
                Change::written(Method::PATCH, format!("{set}{}", block.key(span)), Some(body), Repeat::Never)
                    .if_present()
            }
        }
    }

    /// Tries again while the org is out of reach, as long as there is patience and nobody asks to stop.
    pub(super) async fn patiently<T, F: Future<Output = Result<T, Error>>>(
        &self,
        mut work: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let (mut left, mut wait) = (self.patience, Duration::from_secs(1));
        loop {
            match work().await {
                Err(error) if may_pass(&error) && !left.is_zero() => {
                    let this = wait.min(left);
                    let slept = self.org.http().sleep(this).boxed();
                    futures::future::select(slept, self.stop.asked().boxed()).await;
                    if self.stop.is_asked() {
                        return Err(error);
                    }
                    left -= this;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                outcome => return outcome,
            }
        }
    }
}

/// Whether a refusal is about the rows that were sent; any other one would meet all rows.
fn is_about_rows(error: &Error) -> bool {
    error.dataverse().is_some_and(|refusal| match refusal.status {
        401 | 407 | 408 | 429 | 502..=504 => false,
        403 => refusal.missing_privilege.is_none(),
        _ => true,
    })
}

/// Whether the reason may pass by itself: the org is out of reach, or something in between answers.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Protocol { .. } => true,
        Error::Dataverse(_) | Error::TokenRefused(_) => error.kind() == ErrorKind::OutOfReach,
        _ => false,
    }
}

fn refused(span: &Span, error: &Error) -> Rejected {
    let said = match error.dataverse() {
        Some(refusal) if refusal.code.is_empty() => format!("{} (HTTP {})", refusal.message, refusal.status),
        Some(refusal) => format!("{} ({})", refusal.message, refusal.code),
        None => error.to_string(),
    };
    let reason = match said.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}...", said.get(..end).unwrap_or_default()),
        None => said,
    };
    Rejected { number: span.number, place: span.place.clone(), reason }
}
