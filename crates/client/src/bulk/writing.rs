//! Rows that a program has in its hands, without a file and a journal.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::block::{Block, Known, Rejected};
use super::lookups::Lookups;
use super::run::{Finished, Ledger, Run, Sizes, Source};
use super::send::Sender;
use super::target::{Mode, RowIds, Target, Verb};
use super::{LoadError, Stop};
use crate::dataverse::{Dataverse, Key, TableInfo, push_members};
use crate::pacing::Pool;

/// How a program's rows are written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// What becomes of them. The columns of a key are those that the rows' own keys name.
    pub verb: Verb,
    /// How many go in a request.
    pub mode: Mode,
    /// So many in each; otherwise as many as do well.
    pub rows_a_request: Option<usize>,
    /// No more requests at once than this; otherwise as many as do well.
    pub at_once: Option<usize>,
    /// How long in all an org that is out of reach is tried again.
    pub patience: Duration,
    /// What the ids of rows that are made are derived from, with their numbers: whoever writes the same rows with the same
    /// load's id again, writes those alone that are not there.
    pub load: Uuid,
}

impl Writing {
    /// Makes rows, whose ids are derived from this load's.
    #[must_use]
    pub fn create(load: Uuid) -> Self {
        let patience = Duration::from_secs(120);
        Self { verb: Verb::Create, mode: Mode::Multiple, rows_a_request: None, at_once: None, patience, load }
    }

    /// The id of the row with this number, from 1, when it is made.
    #[must_use]
    pub fn id(&self, number: u64) -> Uuid {
        RowIds::of(self.load).id(number)
    }
}

/// Some rows one after another that are done with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Batched {
    /// The first one's number, from 1.
    pub first: u64,
    /// How many they are.
    pub rows: u64,
    /// Those of them that were refused.
    pub rejected: Vec<Rejected>,
}

/// Writes rows into the table, each once, as fast as the org allows; `told` hears of all of them, in the order in which they
/// were done. A row is an object, with the key by which it is known unless it is made. Rows are taken from the iterator
/// as they can go, so that memory does not grow with them.
///
/// ```no_run
/// # async fn example(org: keyholder_client::Dataverse) -> Result<(), Box<dyn std::error::Error>> {
/// use keyholder_client::bulk::{self, Stop, Writing};
/// use keyholder_client::{Limits, Pool};
///
/// let pool = Pool::new([org.tokens().clone()], Limits::TODAY);
/// let contact = org.table("contact").await?;
/// let rows = (0..1_000_000).map(|number| (None, serde_json::json!({ "lastname": format!("Contact {number}") })));
/// let how = Writing::create(uuid::Uuid::from_u128(0x5f1e33a8));
/// let mut refused = 0;
/// bulk::write(&org, &pool, &contact, &how, rows, &Stop::default(), &mut |done| refused += done.rejected.len()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What ended it before its end. What was under way then has been waited for and told.
pub async fn write<T: Serialize>(
    org: &Dataverse,
    pool: &Arc<Pool>,
    table: &TableInfo,
    how: &Writing,
    rows: impl IntoIterator<Item = (Option<Key>, T)>,
    stop: &Stop,
    told: &mut dyn FnMut(&Batched),
) -> Result<(), LoadError> {
    let target = Target::new(table, how.verb.clone());
    let by_key = matches!(how.verb, Verb::Update(_)) && !target.is_by_id();
    let mode = if by_key && how.mode == Mode::Multiple { Mode::Batch } else { how.mode };
    let ids = RowIds::of(how.load);
    let sender = Sender {
        org: org.with_pool(pool.clone()),
        target: target.clone(),
        mode,
        ids,
        patience: how.patience,
        stop: stop.clone(),
    };
    let lookups = Lookups::default();
    let run = Run { sender: &sender, lookups: &lookups, pool, at_once: how.at_once, doubts: false };
    let mut source = Given { rows: rows.into_iter(), target, ids, number: 0, key: String::new() };
    run.go(&mut source, &mut Told(told), Sizes::new(mode, how.rows_a_request)).await
}

/// Rows of an iterator.
struct Given<I> {
    rows: I,
    target: Target,
    ids: RowIds,
    /// The last row's.
    number: u64,
    key: String,
}

impl<T: Serialize, I: Iterator<Item = (Option<Key>, T)>> Source for Given<I> {
    fn fill(&mut self, block: &mut Block) -> Result<bool, LoadError> {
        while !block.is_full() {
            let Some((key, row)) = self.rows.next() else { return Ok(false) };
            self.number += 1;
            // A row's place among rows is its number's.
            let (number, place) = (self.number, self.number..self.number + 1);
            self.key.clear();
            let known = match (&self.target.verb, &key) {
                (Verb::Create, None) => Known::New(self.ids.id(number)),
                (Verb::Update(_) | Verb::Upsert(_), Some(Key::Id(id))) => {
                    let _ = write!(self.key, "{id}");
                    Known::Id(&self.key)
                }
                (Verb::Update(_) | Verb::Upsert(_), Some(key)) => {
                    let _ = write!(self.key, "{key}");
                    Known::Address(&self.key)
                }
                (Verb::Create, Some(_)) => {
                    block.reject(number, place, "is to be made, and has a key already".to_owned());
                    continue;
                }
                (_, None) => {
                    block.reject(number, place, "has no key by which it is known".to_owned());
                    continue;
                }
            };
            let draft = block.begin(&self.target, &known);
            match push_members(&mut block.text, &row) {
                Ok(()) => {
                    // The end of the object comes with the row's.
                    block.text.pop();
                    block.end(&draft, number, place);
                }
                Err(problem) => block.take_back(&draft, number, place, problem),
            }
        }
        Ok(true)
    }
}

/// Tells the program.
struct Told<'a>(&'a mut dyn FnMut(&Batched));

impl Ledger for Told<'_> {
    fn done(&mut self, finished: &Finished) -> Result<(), LoadError> {
        let rejected = finished.rejected.clone();
        (self.0)(&Batched { first: finished.place.start, rows: finished.rows, rejected });
        Ok(())
    }
}
