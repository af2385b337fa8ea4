//! Keeps as many blocks under way as do well, and writes down what became of each.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::block::{Block, Place, Rejected, Span};
use super::lookups::Lookups;
use super::send::{Sender, Sent, is_of_row};
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
/// So many blocks, and so many rows, of which the org refuses all with one code, end a load.
const MOST_DOUBTED_BLOCKS: usize = 3;
const MOST_DOUBTED_ROWS: u64 = 100;
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

impl Finished {
    /// The code with which the org refused every row of it, where it says nothing of each by itself.
    fn refused_with(&self) -> Option<&str> {
        let mut codes = self.rejected.iter().filter_map(|row| row.code.as_deref());
        let code = codes.next().filter(|code| !is_of_row(code))?;
        (self.rejected.len() as u64 == self.rows && codes.all(|other| other == code)).then_some(code)
    }

    /// Whether the org was asked for nothing: every row was found wanting here.
    fn is_unsent(&self) -> bool {
        self.rejected.len() as u64 == self.rows && self.rejected.iter().all(|row| row.code.is_none())
    }
}

/// Whether the org refuses rows for what they are, or would refuse any. Where it refuses every row of a block with one code,
/// the block is held back until a row is done, or another code comes. Too many such blocks end the load, with no word of them
/// in the ledger.
#[derive(Debug, Default)]
struct Doubt {
    held: Vec<Finished>,
    code: String,
    rows: u64,
    is_confirmed: bool,
}

impl Doubt {
    /// Takes a block that came to its end; gives those that may be written down.
    fn weigh(&mut self, finished: Finished) -> Vec<Finished> {
        let refused = finished.refused_with().map(str::to_owned);
        match refused {
            Some(code) if code == self.code => {
                self.rows += finished.rows;
                self.held.push(finished);
                self.is_confirmed |= self.held.len() >= MOST_DOUBTED_BLOCKS && self.rows >= MOST_DOUBTED_ROWS;
                Vec::new()
            }
            _ if self.is_confirmed || finished.is_unsent() => vec![finished],
            refused => {
                let mut sound = std::mem::take(self).held;
                match refused {
                    Some(code) => *self = Self { rows: finished.rows, held: vec![finished], code, is_confirmed: false },
                    None => sound.push(finished),
                }
                sound
            }
        }
    }

    /// The load's end where every row was refused.
    fn confirmed(&self) -> Result<(), LoadError> {
        if !self.is_confirmed {
            return Ok(());
        }
        let first = self.held.first().and_then(|finished| finished.rejected.iter().find(|row| row.code.is_some()));
        let reason = first.map_or_else(String::new, |row| row.reason.clone());
        Err(LoadError::AllRefused { rows: self.rows, code: self.code.clone(), reason })
    }

    /// What is still held back when there are no more blocks, if it may be written down.
    fn end(&mut self) -> Vec<Finished> {
        if self.is_confirmed { Vec::new() } else { std::mem::take(&mut self.held) }
    }
}

/// What sends, and how much of it.
pub(super) struct Run<'a> {
    pub(super) sender: &'a Sender,
    pub(super) lookups: &'a Lookups,
    pub(super) pool: &'a Pool,
    /// The most blocks under way.
    pub(super) at_once: Option<usize>,
    /// Whether it ends where every row is refused for one reason ([`Doubt`]).
    pub(super) doubts: bool,
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
        let mut doubt = Doubt::default();
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
                for finished in doubt.end() {
                    if !is_broken && let Err(error) = ledger.done(&finished) {
                        is_broken = true;
                        failed = failed.or(Some(error));
                    }
                }
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
            let Some((Became { finished, ended }, size)) = outcome else { continue };
            bytes -= size;
            let mut result = Ok(());
            if let Some(finished) = finished {
                if ended.is_none() {
                    sizes.learn(finished.rows, finished.took);
                }
                let sound = if self.doubts { doubt.weigh(finished) } else { vec![finished] };
                result = doubt.confirmed();
                for finished in sound {
                    // What is not written down is found out again: it is not lost.
                    if !is_broken && let Err(error) = ledger.done(&finished) {
                        is_broken = true;
                        result = Err(error);
                    }
                }
            }
            if let Err(error) = result.and(ended.map_or(Ok(()), |error| Err(error.into()))) {
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
    async fn block(&self, mut block: Block) -> (Became, usize) {
        let bytes = block.bytes();
        let became = self.send(&mut block).await;
        (became, bytes)
    }

    async fn send(&self, block: &mut Block) -> Became {
        if let Err(error) = self.lookups.complete(self.sender, block).await {
            return Became { finished: None, ended: Some(error) };
        }
        let (count, place) = (block.count(), block.place());
        let mut rejected = std::mem::take(&mut block.rejected);
        let sealed = std::mem::replace(block, Block::new(0, 0, 0)).seal();
        let began = self.sender.org.http().local_now();
        let sent = if sealed.rows.is_empty() {
            Sent { rejected: Vec::new(), ended: None }
        } else {
            self.sender.send(&sealed).await
        };
        let took = self.sender.org.http().local_now().since(began);
        let (rows, place) = match sent.ended.as_ref().map(|ended| ended.at) {
            None => (count, place),
            Some(at) => begun(&sealed.rows, at, &mut rejected, place.start),
        };
        rejected.extend(sent.rejected);
        rejected.sort_by_key(|row| row.number);
        let finished = (rows > 0).then_some(Finished { rows, place, rejected, took });
        Became { finished, ended: sent.ended.map(|ended| ended.error) }
    }
}

/// What became of a block: what of it is done with, and what ended it before its end.
struct Became {
    finished: Option<Finished>,
    ended: Option<Error>,
}

/// How much of a block is done with that ended at one of its rows: those before are, in their order as they were read. What
/// was found wanting here and stands behind is found so again.
fn begun(rows: &[Span], at: usize, rejected: &mut Vec<Rejected>, start: u64) -> (u64, Place) {
    let next = rows.get(at).map_or(u64::MAX, |row| row.number);
    rejected.retain(|row| row.number < next);
    let done = rows.get(..at).unwrap_or(rows);
    let ends = done.iter().map(|row| row.place.end).chain(rejected.iter().map(|row| row.place.end));
    let end = ends.max().unwrap_or(start);
    ((done.len() + rejected.len()) as u64, start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(at: u64, rows: u64, codes: &[Option<&str>]) -> Finished {
        let rejected = codes.iter().zip(at..).map(|(code, number)| {
            let (reason, code) = (format!("reason {number}"), code.map(str::to_owned));
            Rejected { number, place: number..number + 1, reason, code }
        });
        Finished { rows, place: at..at + rows, rejected: rejected.collect(), took: Duration::ZERO }
    }

    fn firsts(blocks: &[Finished]) -> Vec<u64> {
        blocks.iter().map(|block| block.place.start).collect()
    }

    #[test]
    fn blocks_that_are_refused_alike_are_held_back_until_a_row_is_done() {
        let (bad, other) = (Some("0x80040265"), Some("0x80040266"));
        let mut doubt = Doubt::default();
        assert!(doubt.weigh(block(0, 40, &[bad; 40])).is_empty());
        // What was not sent tells nothing; what is of rows alone, and what is done, tells that it is the rows.
        assert_eq!(firsts(&doubt.weigh(block(1_000, 1, &[None]))), [1_000]);
        assert!(doubt.weigh(block(40, 40, &[bad; 40])).is_empty());
        assert_eq!(firsts(&doubt.weigh(block(80, 40, &[bad; 39]))), [0, 40, 80]);
        assert!(doubt.weigh(block(120, 1, &[bad])).is_empty());
        assert_eq!(firsts(&doubt.weigh(block(121, 1, &[Some("0x80040237")]))), [120, 121]);
        // Another code begins anew.
        assert!(doubt.weigh(block(200, 60, &[bad; 60])).is_empty());
        assert_eq!(firsts(&doubt.weigh(block(260, 60, &[other; 60]))), [200]);
        assert!(doubt.confirmed().is_ok());
        assert_eq!(firsts(&doubt.end()), [260]);
        assert!(doubt.end().is_empty());
    }

    #[test]
    fn of_a_block_that_ended_what_stands_before_is_done_with() {
        let row =
            |number: u64| Span { number, place: number * 10..number * 10 + 10, text: 0..0, members: 0..0, key: 0..0 };
        let rows = [row(1), row(3), row(4), row(6)];
        let bad =
            |number: u64| Rejected { number, place: number * 10..number * 10 + 10, reason: String::new(), code: None };
        for (at, done, end, left) in [(0, 0, 10, 0), (1, 2, 30, 1), (2, 3, 40, 1), (3, 5, 60, 2)] {
            let mut rejected = vec![bad(2), bad(5)];
            assert_eq!((begun(&rows, at, &mut rejected, 10), rejected.len()), ((done, 10..end), left), "{at}");
        }
    }

    #[test]
    fn three_such_blocks_with_a_hundred_rows_end_a_load() {
        let bad = Some("0x80040265");
        let mut doubt = Doubt::default();
        for at in 0..100 {
            assert!(doubt.confirmed().is_ok());
            assert!(doubt.weigh(block(at, 1, &[bad])).is_empty());
        }
        let error = doubt.confirmed().unwrap_err();
        assert!(error.to_string().ends_with("each of 100 rows in a row, all for the same reason: reason 0"), "{error}");
        // Those that were under way are written down as they ended.
        assert_eq!(firsts(&doubt.weigh(block(100, 2, &[bad]))), [100]);
        assert!(doubt.weigh(block(102, 1, &[bad])).is_empty());
        assert!(doubt.end().is_empty());
        let mut doubt = Doubt::default();
        for at in [0, 500] {
            assert!(doubt.weigh(block(at, 500, &[bad; 500])).is_empty());
        }
        assert!(doubt.confirmed().is_ok());
    }
}
