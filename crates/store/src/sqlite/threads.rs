//! The threads of one database, and how writes are grouped.
//!
//! Reads are taken one by one, each by the first of the reading threads that is free; what turns out long goes on to
//! threads of its own ([`long`]).
//!
//! A commit costs far more than a small write inside it. The writer therefore takes everything
//! that waits, up to a limit, into one transaction with a savepoint around each, and answers only
//! after the commit. A failing write rolls back to its savepoint and its neighbours never notice.
//!
//! A write that takes more of the engine's work than any may is ended. When that happens in the middle of a
//! change, SQLite ends the whole transaction with it; its neighbours are then run again, each in a
//! transaction of its own, so that every one of them is run twice at most.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::Connection;
use super::long;
use super::open::{self, Purpose};
use super::readers::{Ended, Readers};
use super::work::{LONGEST, SHORT, Work};
use crate::database::Link;
use crate::handover::{self, Handover};
use crate::job::WriteJob;
use crate::pool::{Pool, Read, Together, Write};
use crate::queue::Queue;
use crate::{DatabaseOptions, Error, Migration, Snapshot, Transaction};

/// How many threads do short reads when nothing is said.
const READERS: usize = 2;
/// So many writes share one commit; a few more where they belong together.
const GROUP: usize = 64;

/// The threads of one open database.
pub(crate) struct Threads {
    pool: Pool,
    /// The threads for long reads, which take what the pool's readers give up.
    long: Pool,
    readers: Arc<Readers>,
    /// The temporary folder of an ephemeral database; dropped after the threads have ended.
    _folder: Option<tempfile::TempDir>,
}

impl Threads {
    /// Opens this file, or a temporary one.
    pub(crate) fn start(
        file: Option<&Path>,
        options: &DatabaseOptions,
        migrations: &[Migration],
    ) -> Result<Self, Error> {
        let (path, folder, durability) = match file {
            Some(path) => (path.to_owned(), None, Some(options.durability)),
            None => {
                let folder = tempfile::Builder::new().prefix("keyholder-").tempdir().map_err(|error| {
                    Error::Unusable { doing: "make a folder in", path: std::env::temp_dir(), reason: error.to_string() }
                })?;
                (folder.path().join("ephemeral.db"), Some(folder), None)
            }
        };
        let writer = open::connect(&path, Purpose::Write { durability })?;
        open::migrate(&writer, migrations)?;
        let count = options.readers.unwrap_or(READERS);
        let readers = (0..count).map(|_| open::connect(&path, Purpose::Read)).collect::<Result<Vec<_>, _>>()?;

        let readers = Arc::new(Readers::new(readers, SHORT)?);
        let long = Pool::new(path.clone(), options.queue.min(handover::WAITING));
        let threads = Self { pool: Pool::new(path, options.queue), long, readers, _folder: folder };
        // When a thread cannot be started, dropping `threads` ends those that were.
        for _ in 0..count {
            let (readers, reads) = (Arc::clone(&threads.readers), Arc::clone(&threads.pool.reads));
            let (path, handover) = (threads.path().to_owned(), Handover::new(&threads.long.reads, threads.path()));
            threads.pool.spawn("store-reader", move || run_reads(&readers, &reads, &handover, &path))?;
        }
        for _ in 0..handover::THREADS {
            let (reads, path) = (Arc::clone(&threads.long.reads), threads.path().to_owned());
            threads.long.spawn("store-long-read", move || long::run(&reads, &path, LONGEST))?;
        }
        let writes = Arc::clone(&threads.pool.writes);
        let writer = Writer::new(writer, LONGEST)?;
        threads.pool.spawn("store-writer", move || run_writes(&writer, &writes))?;
        Ok(threads)
    }

    pub(crate) fn path(&self) -> &Path {
        self.pool.place()
    }

    pub(crate) fn read(&self, job: Read) -> Result<(), Error> {
        self.pool.read(job)
    }

    /// Reads on the calling thread; nothing when that is not the time or the read for it.
    pub(crate) fn read_here<T>(&self, work: impl FnOnce(&mut Snapshot<'_>) -> T) -> Option<thread::Result<T>> {
        self.readers.here(work)
    }

    pub(crate) fn write(&self, jobs: Together) -> Result<(), Error> {
        self.pool.write(jobs)
    }

    /// Lets the threads do what waits, and waits for their end.
    pub(crate) fn stop(&self) {
        self.pool.stop();
        // Only now can nothing long be left any more.
        self.long.stop();
        self.readers.close();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("path", &self.path()).finish_non_exhaustive()
    }
}

fn run_reads(readers: &Readers, reads: &Queue<Read>, handover: &Handover, path: &Path) {
    let mut next = Vec::with_capacity(1);
    loop {
        reads.take(1, &mut next);
        let Some(job) = next.pop() else { return };
        if let Ended::TooMuch(job) = readers.run(|| Error::Closed { path: path.to_owned() }, job) {
            handover.leave(job);
        }
    }
}

fn run_writes(writer: &Writer, writes: &Queue<Together>) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        Pool::take_writes(writes, GROUP, &mut group);
        if group.is_empty() {
            return;
        }
        writer.run(&mut group);
    }
}

/// The connection that writes.
struct Writer {
    connection: Connection,
    work: Work,
}

impl Writer {
    /// A connection whose writes take at most so many periods of work each.
    fn new(mut connection: Connection, longest: u32) -> Result<Self, Error> {
        let work = Work::bound(&mut connection, longest)?;
        Ok(Self { connection, work })
    }

    /// Runs a group in one transaction and answers every write in it.
    fn run(&self, group: &mut Vec<Write>) {
        group.retain(|job| job.is_wanted());
        let Some(ended) = self.run_together(group) else { return };
        group.remove(ended).finish(Err(self.too_long()));
        for mut job in std::mem::take(group) {
            if !job.is_wanted() {
                continue;
            }
            job.forget();
            let mut alone = vec![job];
            if self.run_together(&mut alone).is_some() {
                alone.into_iter().for_each(|job| job.finish(Err(self.too_long())));
            }
        }
    }

    /// Runs these in one transaction and answers them; or answers none and nothing is kept, because the one at
    /// this place took more work than any may.
    fn run_together(&self, group: &mut Vec<Write>) -> Option<usize> {
        let mut ends = Vec::with_capacity(group.len());
        self.work.renew();
        let mut work = || {
            self.connection.run_cached("BEGIN IMMEDIATE")?;
            for job in group.iter_mut() {
                ends.push(self.in_savepoint(&mut **job)?);
            }
            self.connection.run_cached("COMMIT")
        };
        let committed = work();
        if committed.is_err() && !self.connection.is_idle() {
            // The first error is the one to tell.
            drop(self.connection.run_cached("ROLLBACK"));
        }
        if matches!(committed, Err(Error::TooLong { .. })) && ends.len() < group.len() {
            return Some(ends.len());
        }
        // After a failure some of the group have not been run: they are told the same.
        let mut ends = ends.into_iter();
        for job in group.drain(..) {
            job.finish(ends.next().unwrap_or(Ok(())).and(committed.clone()));
        }
        None
    }

    /// Runs one write so that, when it fails, nothing of it remains. The inner error is the write's own, the
    /// outer one ends the whole group.
    fn in_savepoint(&self, job: &mut dyn WriteJob) -> Result<Result<(), Error>, Error> {
        self.connection.run_cached("SAVEPOINT one")?;
        self.connection.was_held_up();
        self.work.renew();
        let keep = job.run(&mut Transaction::new(Link::Sqlite(&self.connection)));
        let was_too_much = self.work.was_too_much();
        // Ending it is no part of it.
        self.work.renew();
        if self.connection.is_idle() {
            return Err(self.connection.undone());
        }
        // Whatever the closure made of being ended says nothing.
        let keep = keep && !was_too_much;
        if !keep {
            self.connection.run_cached("ROLLBACK TO one")?;
        }
        self.connection.run_cached("RELEASE one")?;
        Ok(if was_too_much { Err(self.too_long()) } else { Ok(()) })
    }

    fn too_long(&self) -> Error {
        Error::TooLong { path: self.connection.path.clone() }
    }
}

#[cfg(test)]
mod tests;
