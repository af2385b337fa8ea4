//! Many rows of a file into a table: as fast as the org allows, each once, whatever happens on the way.
//!
//! [`load`] reads CSV or JSON lines, checks every row against the table's definition, and sends them in requests for many
//! rows, over a [`Pool`] of service users. Memory does not grow with the rows. What became of them is in a
//! journal beside the file: a load that ended before its end, however it did, is simply begun again, and goes on. Rows that
//! cannot be loaded go to a file of their own, each with the reason; the others go on. [`check`] does all of it but writing.
//!
//! Each row is loaded once: the id of a row that is made is derived from the load's own id, which the journal has, and
//! the row's number; so a row that was sent by a run that was killed, and not written down, is refused as a duplicate and
//! found by that id. Updates and upserts are the same done twice.
//!
//! [`write()`] does the same for rows that a program has in its hands, without a file and a journal.
//!
//! Rows go in several requests at once: of two rows of the file that are about one row of the org, nobody knows which comes
//! last, unless [`Options::at_once`] is one.

mod block;
mod columns;
mod csv;
mod error;
mod input;
mod journal;
mod json_lines;
mod lookups;
mod rejects;
mod row;
mod run;
mod send;
mod stop;
mod target;
mod value;
mod window;
mod writing;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::{Random, Timestamp};
use uuid::Uuid;

use crate::dataverse::{Dataverse, TableInfo};
use crate::pacing::Pool;
use crate::wire::Http;
use block::Block;
use columns::Columns;
use input::Opened;
use journal::{Done, Identity, Journal};
use lookups::Lookups;
use rejects::Rejects;
use row::RowWriter;
use run::{Finished, Ledger, Run, Sizes, Source};
use send::Sender;
use target::RowIds;

pub use block::{Place, Rejected};
pub use columns::Mapped;
pub use csv::records;
pub use error::LoadError;
pub use input::Form;
pub use stop::Stop;
pub use target::{Mode, Verb};
pub use writing::{Batched, Writing, write};

/// What stands before a rejected row: its number and the reason; and what is no row at all. They are no columns.
pub const MARKS: [&str; 3] = ["keyholder_row", "keyholder_reason", "keyholder_line"];
/// How many rows go in a `$batch`.
const MOST_IN_BATCH: usize = 100;
/// How often at most what the journal says is sent to the disk: rows that a power cut takes out of it are done again, and
/// waiting for the disk after each request would hold up all the others.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How many rejected rows [`check`] keeps to be told.
const MOST_TOLD: usize = 20;
/// How many reasons it counts rows of.
const MOST_REASONS: usize = 1_000;

/// What is loaded, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The file with the rows.
    pub file: PathBuf,
    /// How they are written in it.
    pub form: Form,
    /// What becomes of them.
    pub verb: Verb,
    /// Which columns of the table those of the file are; by their names, where nothing is said.
    pub maps: Vec<Mapped>,
    /// Whether an empty cell empties its column; otherwise it is not sent.
    pub empties: bool,
    /// How many rows go in a request.
    pub mode: Mode,
    /// So many rows in each; otherwise as many as do well.
    pub rows_a_request: Option<usize>,
    /// No more requests at once than this; otherwise as many as do well.
    pub at_once: Option<usize>,
    /// How long in all an org that is out of reach is tried again, beside what each request is repeated.
    pub patience: Duration,
    /// Where the journal is.
    pub journal: PathBuf,
    /// Where rows go that cannot be loaded.
    pub rejects: PathBuf,
}

impl Options {
    /// Makes rows of a CSV file, with the journal and the rejected rows beside it.
    ///
    /// ```
    /// let options = keyholder_client::bulk::Options::new("contacts.csv");
    /// assert_eq!(options.journal.to_str(), Some("contacts.csv.journal"));
    /// assert_eq!(options.rejects.to_str(), Some("contacts.csv.rejects.csv"));
    /// ```
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let file: PathBuf = file.into();
        let is_lines = file.extension().is_some_and(|end| ["jsonl", "ndjson"].iter().any(|known| end == *known));
        let beside = |end: &str| {
            let mut name = file.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        Self {
            form: if is_lines { Form::JsonLines } else { Form::Csv(',') },
            verb: Verb::Create,
            maps: Vec::new(),
            empties: false,
            mode: Mode::Multiple,
            rows_a_request: None,
            at_once: None,
            patience: Duration::from_secs(120),
            journal: beside(".journal"),
            rejects: beside(if is_lines { ".rejects.jsonl" } else { ".rejects.csv" }),
            file,
        }
    }

    /// Refuses one file under two names.
    fn keep_apart(&self) -> Result<(), LoadError> {
        let (file, journal, rejects) =
            (("the rows", &self.file), ("the journal", &self.journal), ("the rejected rows", &self.rejects));
        for ((one, its), (other, others)) in [(file, journal), (file, rejects), (journal, rejects)] {
            if keyholder_platform::is_same_file(its, others)? {
                return Err(LoadError::input(format!("{one} and {other} cannot be one file, `{}`", others.display())));
            }
        }
        Ok(())
    }

    /// Refuses files that no folder is there for, before anything is read or asked: the rejected rows' is made late.
    fn check_folders(&self) -> Result<(), LoadError> {
        let files = [("write the journal", &self.journal), ("write the rejected rows to", &self.rejects)];
        for (doing, file) in files {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let found = folder.metadata().map_err(LoadError::file(doing, file))?;
            if !found.is_dir() {
                return Err(LoadError::file(doing, file)(ErrorKind::NotADirectory.into()));
            }
        }
        Ok(())
    }

    /// What else than file, org, table and key decides what a row becomes.
    fn reading(&self) -> String {
        let maps: Vec<String> = self.maps.iter().map(|map| format!("{}={}", map.from, map.to)).collect();
        let form = match self.form {
            Form::Csv(delimiter) => format!("csv{delimiter}"),
            Form::JsonLines => "jsonl".to_owned(),
        };
        serde_json::json!({ "form": form, "map": maps, "empties": self.empties }).to_string()
    }
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Rows that are done with, rejected ones and those of earlier runs among them.
    pub rows: u64,
    /// Those of them that were done by this run.
    pub rows_now: u64,
    /// Those of them that were rejected.
    pub rejected: u64,
    /// Bytes of the file that are done with.
    pub bytes: u64,
    /// Those of them that were done by this run.
    pub bytes_now: u64,
    /// All bytes of the file.
    pub of_bytes: u64,
}

/// How a load ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How far it came.
    pub progress: Progress,
    /// Whether an earlier run had begun it.
    pub was_continued: bool,
    /// Whether an earlier run had ended it already: nothing was done.
    pub was_over: bool,
    /// Which verbs on which tables the rows need that were read: at some depth, and Assign only for another owner than the
    /// caller.
    pub needs: Vec<(String, keyholder_dataverse::Verb)>,
    /// Why it ended before its end; what was done until then is in the journal.
    pub failed: Option<LoadError>,
}

/// Loads the rows of a file into the table, going on where an earlier run ended.
///
/// All requests go through the pool; when the load ends before its end, the pool is closed. `told` is called
/// whenever some rows are done.
///
/// ```no_run
/// # async fn example(org: keyholder_client::Dataverse) -> Result<(), Box<dyn std::error::Error>> {
/// use keyholder_client::bulk::{self, Options, Stop};
/// use keyholder_client::{Limits, Pool};
/// use keyholder_foundation::OsRandom;
///
/// let contact = org.table("contact").await?;
/// let pool = Pool::new([org.tokens().clone()], Limits::TODAY);
/// let options = Options::new("contacts.csv");
/// let ended = bulk::load(&org, &pool, contact, &options, &OsRandom, &Stop::default(), &mut |_| {}).await?;
/// println!("{} rows, {} of them rejected", ended.progress.rows, ended.progress.rejected);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// What kept the load from beginning: nothing was sent then.
pub async fn load(
    org: &Dataverse,
    pool: &Arc<Pool>,
    table: TableInfo,
    options: &Options,
    random: &dyn Random,
    stop: &Stop,
    told: &mut dyn FnMut(&Progress),
) -> Result<Ended, LoadError> {
    options.check_folders()?;
    // What is wrong with the file's columns is told before there is a journal of it.
    let mut prepared = Prepared::new(org, pool, table, options, stop).await?;
    let _held = prepared.rows.opened.lock()?;
    options.keep_apart()?;
    let identity = Identity {
        load: random.uuid(),
        size: prepared.rows.opened.size,
        sha256: prepared.rows.opened.sha256.clone(),
        org: org.scope().trim_end_matches("/.default").to_owned(),
        table: prepared.sender.target.table.clone(),
        verb: options.verb.word().to_owned(),
        key: options.verb.key().to_vec(),
        reading: options.reading(),
        rejects: journal::rejects_from(&options.journal, &options.rejects)?,
    };
    let mut journal = Journal::open(&options.journal, identity)?;
    let past = &journal.past;
    let mut progress = Progress {
        rows: past.rows,
        rejected: past.rejected,
        bytes: past.done.iter().map(|(start, (end, _))| end - start).sum(),
        of_bytes: prepared.rows.opened.size,
        ..Progress::default()
    };
    let was_continued = journal.is_continued;
    if past.is_over {
        progress.bytes = progress.of_bytes;
        return Ok(Ended { progress, was_continued, was_over: true, needs: Vec::new(), failed: None });
    }
    let opened = &prepared.rows.opened;
    let rejects = Rejects::open(&options.rejects, opened.from(0), options.form, &opened.header, past)?;
    prepared.begin(RowIds::of(journal.identity.load), past.done.clone());
    // Not before it is known that no file is in the way: from here on those rows are this load's.
    journal.begin()?;
    let Prepared { mut rows, sender, lookups } = prepared;
    // Row by row, rows are rejected however many they are.
    let doubts = options.mode != Mode::Single;
    let run = Run { sender: &sender, lookups: &lookups, pool, at_once: options.at_once, doubts };
    let mut ledger = Books { http: org.http(), synced: org.http().local_now(), journal, rejects, progress, told };
    let sizes = Sizes::new(sender.mode, options.rows_a_request);
    let outcome = run.go(&mut rows, &mut ledger, sizes).await;
    let is_kept = match outcome {
        Ok(()) => ledger.journal.over(),
        Err(error) => {
            // Why it ended is told, and not what came of that: rows that the journal does not have are found by their ids.
            let _ = ledger.journal.sync();
            Err(error)
        }
    };
    let failed = is_kept.err();
    Ok(Ended { progress: ledger.progress, was_continued, was_over: false, needs: rows.needs(), failed })
}

/// What a check of all rows came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Checked {
    /// How many rows there are.
    pub rows: u64,
    /// How many of them cannot be loaded.
    pub rejected: u64,
    /// The first of those.
    pub told: Vec<Rejected>,
    /// On which line of the file each of them begins, from 1: the first line and blank ones are no rows, and a row may have
    /// several lines.
    pub lines: Vec<u64>,
    /// How many rows there are of each reason, most first; of more than a thousand reasons some are left out.
    pub reasons: Vec<(String, u64)>,
    /// Which verbs on which tables the rows need, as in [`Ended`].
    pub needs: Vec<(String, keyholder_dataverse::Verb)>,
}

/// Checks every row of a file against the table, and writes nothing, neither to the org nor here. Lookups by a column that is
/// no alternate key are looked for. `told` is called for each row that cannot be loaded, with the line that it begins on.
///
/// # Errors
/// What would keep a load from beginning, and what the requests came to.
pub async fn check(
    org: &Dataverse,
    pool: &Arc<Pool>,
    table: TableInfo,
    options: &Options,
    stop: &Stop,
    told: &mut dyn FnMut(&Rejected, u64),
) -> Result<Checked, LoadError> {
    let Prepared { mut rows, sender, lookups } = Prepared::new(org, pool, table, options, stop).await?;
    let mut checked = Checked::default();
    let (mut lines, mut reasons) = (rows.opened.lines(), BTreeMap::new());
    loop {
        if stop.is_asked() {
            return Err(LoadError::Stopped);
        }
        let mut block = Block::new(1_000, 512 << 10, 0);
        let more = rows.fill(&mut block)?;
        lookups.complete(&sender, &mut block).await?;
        let mut rejected = std::mem::take(&mut block.rejected);
        rejected.sort_by_key(|row| row.number);
        checked.rows += block.count();
        checked.rejected += rejected.len() as u64;
        for row in rejected {
            let line = lines.at(row.place.start)?;
            told(&row, line);
            if let Some(count) = reasons.get_mut(&row.reason) {
                *count += 1;
            } else if reasons.len() < MOST_REASONS {
                reasons.insert(row.reason.clone(), 1_u64);
            }
            if checked.told.len() < MOST_TOLD {
                checked.told.push(row);
                checked.lines.push(line);
            }
        }
        if !more {
            checked.reasons = reasons.into_iter().collect();
            checked.reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            checked.needs = rows.needs();
            return Ok(checked);
        }
        // Who waits for the end may go first.
        tokio::task::yield_now().await;
    }
}

/// A file and a table that fit each other, before the first row is read.
struct Prepared {
    rows: input::Rows,
    sender: Sender,
    lookups: Lookups,
}

impl Prepared {
    async fn new(
        org: &Dataverse,
        pool: &Arc<Pool>,
        table: TableInfo,
        options: &Options,
        stop: &Stop,
    ) -> Result<Self, LoadError> {
        let opened = Opened::open(&options.file, options.form)?;
        // Definitions are for who calls: the pool's other users may have no right to read them.
        let columns = Columns::new(org, table, &options.verb, options.maps.clone(), &opened.names).await?;
        let org = org.with_pool(pool.clone());
        let (target, ids) = (columns.target(), RowIds::of(Uuid::nil()));
        let key_is_text = columns.key_is_text.clone();
        let writer = RowWriter { target: target.clone(), ids, key_is_text, empties: options.empties };
        let rows = opened.rows(columns, writer)?;
        // Rows that are changed by another key than their id, the service takes one by one.
        let by_key = matches!(options.verb, Verb::Update(_)) && !target.is_by_id();
        let mode = if by_key && options.mode == Mode::Multiple { Mode::Batch } else { options.mode };
        let sender = Sender { org, target, mode, ids, patience: options.patience, stop: stop.clone() };
        Ok(Self { lookups: Lookups::new(rows.lookups()), rows, sender })
    }

    /// Rows that are made get these ids; what was done is left out.
    fn begin(&mut self, ids: RowIds, done: BTreeMap<u64, (u64, u64)>) {
        self.sender.ids = ids;
        self.rows.begin(ids, done);
    }
}

impl Source for input::Rows {
    fn fill(&mut self, block: &mut Block) -> Result<bool, LoadError> {
        input::Rows::fill(self, block)
    }
}

/// The journal and the rejected rows.
struct Books<'a> {
    http: &'a Http,
    /// When the journal was last known to be on the disk.
    synced: Timestamp,
    journal: Journal,
    rejects: Rejects,
    progress: Progress,
    told: &'a mut dyn FnMut(&Progress),
}

impl Ledger for Books<'_> {
    fn done(&mut self, finished: &Finished) -> Result<(), LoadError> {
        if !finished.rejected.is_empty() && self.rejects.is_to_be_made() {
            self.journal.makes_rejects()?;
        }
        self.rejects.add(&finished.rejected)?;
        // They are there before the journal counts them.
        if !finished.rejected.is_empty() {
            self.rejects.sync()?;
        }
        let (rows, rejected) = (finished.rows, finished.rejected.len() as u64);
        let (start, end) = (finished.place.start, finished.place.end);
        let Rejects { length, sum, .. } = self.rejects;
        self.journal.done(Done { rows, start, end, rejected, rejects: length, sum })?;
        let now = self.http.local_now();
        // A clock that was set back says nothing of how long ago it was.
        if now < self.synced || now.since(self.synced) >= SYNC_EVERY {
            self.journal.sync()?;
            self.synced = now;
        }
        let progress = &mut self.progress;
        progress.rows += rows;
        progress.rows_now += rows;
        progress.rejected += rejected;
        progress.bytes += end - start;
        progress.bytes_now += end - start;
        (self.told)(progress);
        Ok(())
    }
}
