//! Keeps as many blocks under way as do well, and writes down what became of each.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::block::{Block, Place, Rejected};
use super::lookups::Lookups;
use super::send::Sender;
use super::{LoadError, Mode};
use crate::error::Error;
use crate::pacing::Pool;

/// The most bytes of rows that are under way: memory is flat, however many requests the org takes at once.
const MOST_BYTES: usize = 4 << 20;
/// A block with so many bytes takes no further row.
const LARGEST_BLOCK: usize = 512 << 10;
/// How many rows the first requests for many have, and how many at most.
const FIRST_ROWS: usize = 100;
const MOST_ROWS: usize = 1_000;
const LEAST_ROWS: usize = 10;
/// A request that takes less may have more rows.
const QUICK: Duration = Duration::from_secs(3);
/// One that takes more has too many: two minutes are all that it has.
const SLOW: Duration = Duration::from_secs(20);
/// How many rows are written down together where each goes by itself.
const SINGLE_ROWS: usize = 20;

/// How many rows go in a request.
#[derive(Debug)]
pub(super) struct Sizes {
    rows: usize,
    is_fixed: bool,
}

impl Sizes {
    pub(super) fn new(mode: Mode, wanted: Option<usize>) -> Self {
        let rows = match mode {
            Mode::Multiple => FIRST_ROWS,
            Mode::Batch => super::MOST_IN_BATCH,
            Mode::Single => SINGLE_ROWS,
        };
        Self { rows: wanted.unwrap_or(rows).max(1), is_fixed: wanted.is_some() || mode != Mode::Multiple }
    }

    /// Learns from a request for so many rows.
    fn learn(&mut self, rows: u64, took: Duration) {
        if self.is_fixed || rows < self.rows as u64 {
            return;
        }
        if took < QUICK {
            self.rows = (self.rows * 2).min(MOST_ROWS);
        } else if took > SLOW {
            self.rows = (self.rows / 2).max(LEAST_ROWS);
        }
    }
}

/// A block that came to its end.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) rows: u64,
    pub(super) place: Place,
    pub(super) rejected: Vec<Rejected>,
    took: Duration,
}

/// Where rows come from.
pub(super) trait Source {
    /// Writes the next rows into the block until it is full; false when there are no more.
    fn fill(&mut self, block: &mut Block) -> Result<bool, LoadError>;
}

/// Where it is written down what became of them.
pub(super) trait Ledger {
    /// Called once for each block.
    fn done(&mut self, finished: &Finished) -> Result<(), LoadError>;
}

/// What sends, and how much of it.
pub(super) struct Run<'a> {
    pub(super) sender: &'a Sender,
    pub(super) lookups: &'a Lookups,
    pub(super) pool: &'a Pool,
    /// The most blocks under way.
    pub(super) at_once: Option<usize>,
}

impl Run<'_> {
    /// Sends all rows of the source. When it ends before, what was under way has been waited for and written down.
    pub(super) async fn go(
        &self,
        source: &mut impl Source,
        ledger: &mut impl Ledger,
        mut sizes: Sizes,
    ) -> Result<(), LoadError> {
        let stop = self.sender.stop.clone();
        let mut under_way = FuturesUnordered::new();
        let (mut bytes, mut expected) = (0, 0);
        let (mut is_over, mut is_broken, mut is_closed) = (false, false, false);
        let mut failed: Option<LoadError> = None;
        loop {
            while failed.is_none() && !is_over && self.has_room(under_way.len(), bytes) {
                let mut block = Block::new(sizes.rows, LARGEST_BLOCK, expected);
                match source.fill(&mut block) {
                    Ok(more) => is_over = !more,
                    // What was read of a file that changed is perhaps no row; those before another fault are whole.
                    Err(error @ LoadError::Changed { .. }) => {
                        failed = Some(error);
                        break;
                    }
                    Err(error) => failed = Some(error),
                }
                if block.count() > 0 {
                    expected = block.text.len();
                    bytes += block.bytes();
                    under_way.push(self.block(block));
                }
            }
            if under_way.is_empty() {
                return failed.map_or(Ok(()), Err);
            }
            let outcome = tokio::select! {
                outcome = under_way.next() => outcome,
                () = stop.asked(), if !is_closed => {
                    failed = failed.or(Some(LoadError::Stopped));
                    is_closed = true;
                    self.pool.close();
                    continue;
                }
            };
            let result = match outcome {
                Some((Ok(finished), size)) => {
                    bytes -= size;
                    sizes.learn(finished.rows, finished.took);
                    // What is not written down is found out again: it is not lost.
                    if is_broken { Ok(()) } else { ledger.done(&finished).inspect_err(|_| is_broken = true) }
                }
                Some((Err(error), size)) => {
                    bytes -= size;
                    Err(error.into())
                }
                None => Ok(()),
            };
            if let Err(error) = result {
                failed = failed.or(Some(if stop.is_asked() { LoadError::Stopped } else { error }));
                is_closed = true;
                self.pool.close();
            }
        }
    }

    /// Whether another block may go: no more wait here than may be let out at once, and a few.
    fn has_room(&self, under_way: usize, bytes: usize) -> bool {
        if under_way == 0 {
            return true;
        }
        let users = self.pool.users(self.sender.org.http());
        let most: usize = users.iter().map(|user| user.at_once as usize + 1).sum();
        bytes < MOST_BYTES && under_way < self.at_once.unwrap_or(usize::MAX).min(most)
    }

    /// Sends one block; gives how many bytes it had, whatever became of it.
    async fn block(&self, mut block: Block) -> (Result<Finished, Error>, usize) {
        let bytes = block.bytes();
        let outcome = self.send(&mut block).await;
        (outcome, bytes)
    }

    async fn send(&self, block: &mut Block) -> Result<Finished, Error> {
        self.lookups.complete(self.sender, block).await?;
        let (rows, place) = (block.count(), block.place());
        let mut rejected = std::mem::take(&mut block.rejected);
        let sealed = std::mem::replace(block, Block::new(0, 0, 0)).seal();
        let began = self.sender.org.http().local_now();
        if !sealed.rows.is_empty() {
            rejected.extend(self.sender.send(&sealed).await?);
        }
        rejected.sort_by_key(|row| row.number);
        let took = self.sender.org.http().local_now().since(began);
        Ok(Finished { rows, place, rejected, took })
    }
}
