//! The threads of one database, and how writes are grouped.
//!
//! A commit costs far more than a small write inside it. The writer therefore takes everything
//! that waits, up to a limit, into one transaction with a savepoint around each, and answers only
//! after the commit. A failing write rolls back to its savepoint and its neighbours never notice.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::Connection;
use super::open::{self, Purpose};
use super::queue::{Queue, Refused};
use super::readers::Readers;
use crate::database::{Location, WriteJob};
use crate::{DatabaseOptions, Error, Migration, Snapshot, Transaction};

/// The most writes that share one commit.
const GROUP: usize = 64;

type Read = Box<dyn FnOnce(Result<Snapshot<'_>, Error>) + Send>;
type Write = Box<dyn WriteJob>;

/// The threads of one open database.
pub(crate) struct Threads {
    path: PathBuf,
    readers: Arc<Readers>,
    reads: Arc<Queue<Read>>,
    writes: Arc<Queue<Write>>,
    running: Mutex<Vec<JoinHandle<()>>>,
    /// The temporary folder of an ephemeral database; dropped after the threads have ended.
    _folder: Option<tempfile::TempDir>,
}

impl Threads {
    pub(crate) fn start(options: &DatabaseOptions, migrations: &[Migration]) -> Result<Self, Error> {
        let (path, folder, durability) = match &options.location {
            Location::File(path) => (path.clone(), None, Some(options.durability)),
            Location::Ephemeral => {
                let folder = tempfile::Builder::new().prefix("keyholder-").tempdir().map_err(|error| {
                    Error::Unusable { doing: "make a folder in", path: std::env::temp_dir(), reason: error.to_string() }
                })?;
                (folder.path().join("ephemeral.db"), Some(folder), None)
            }
        };
        let writer = open::connect(&path, Purpose::Write { durability })?;
        open::migrate(&writer, migrations)?;
        let readers =
            (0..options.readers).map(|_| open::connect(&path, Purpose::Read)).collect::<Result<Vec<_>, _>>()?;

        let threads = Self {
            readers: Arc::new(Readers::new(readers)?),
            reads: Arc::new(Queue::new(options.queue)),
            writes: Arc::new(Queue::new(options.queue)),
            running: Mutex::default(),
            path,
            _folder: folder,
        };
        // When a thread cannot be started, dropping `threads` ends those that were.
        for _ in 0..options.readers {
            let (readers, reads) = (Arc::clone(&threads.readers), Arc::clone(&threads.reads));
            let path = threads.path.clone();
            threads.spawn("store-reader", move || run_reads(&readers, &reads, &path))?;
        }
        let writes = Arc::clone(&threads.writes);
        threads.spawn("store-writer", move || run_writes(&writer, &writes))?;
        Ok(threads)
    }

    fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| Error::Unusable {
            doing: "start a thread for",
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn read(&self, job: Read) -> Result<(), Error> {
        self.reads.push(job).map_err(|refused| self.refused(&refused))
    }

    /// Reads on the calling thread; nothing when that is not the time or the read for it.
    pub(crate) fn read_here<T>(&self, work: impl FnOnce(&mut Snapshot<'_>) -> T) -> Option<thread::Result<T>> {
        self.readers.here(work)
    }

    pub(crate) fn write(&self, job: Write) -> Result<(), Error> {
        self.writes.push(job).map_err(|refused| self.refused(&refused))
    }

    fn refused(&self, refused: &Refused) -> Error {
        let path = self.path.clone();
        match refused {
            Refused::Full(waiting) => Error::Busy { path, waiting: *waiting },
            Refused::Closed => Error::Closed { path },
        }
    }

    /// Lets the threads do what waits, and waits for their end.
    pub(crate) fn stop(&self) {
        self.reads.close();
        self.writes.close();
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in running {
            // A closure that holds the last handle drops it on one of these threads.
            if thread.thread().id() != thread::current().id() {
                // Closures' panics are caught; a panic of the thread itself has been printed.
                drop(thread.join());
            }
        }
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
        f.debug_struct("Threads").field("path", &self.path).finish_non_exhaustive()
    }
}

fn run_reads(readers: &Readers, reads: &Queue<Read>, path: &Path) {
    let mut next = Vec::with_capacity(1);
    loop {
        reads.take(1, &mut next);
        let Some(job) = next.pop() else { return };
        readers.run(|| Error::Closed { path: path.to_owned() }, job);
    }
}

fn run_writes(connection: &Connection, writes: &Queue<Write>) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        writes.take(GROUP, &mut group);
        if group.is_empty() {
            return;
        }
        run_group(connection, &mut group);
    }
}

/// Runs a group in one transaction and answers every write in it.
fn run_group(connection: &Connection, group: &mut Vec<Write>) {
    group.retain(|job| job.is_wanted());
    let work = |group: &mut [Write]| {
        connection.run_cached("BEGIN IMMEDIATE")?;
        group.iter_mut().try_for_each(|job| in_savepoint(connection, &mut **job))?;
        connection.run_cached("COMMIT")
    };
    let committed = work(group);
    if committed.is_err() && !connection.is_idle() {
        // The first error is the one to tell.
        drop(connection.run_cached("ROLLBACK"));
    }
    // After a failure some of the group have not been run: they are told the same.
    for job in group.drain(..) {
        job.finish(committed.clone());
    }
}

/// Runs one write so that, when it fails, nothing of it remains. The error is one that ends the
/// whole group.
fn in_savepoint(connection: &Connection, job: &mut dyn WriteJob) -> Result<(), Error> {
    connection.run_cached("SAVEPOINT one")?;
    let keep = job.run(&mut Transaction::new(connection));
    if connection.is_idle() {
        // A full or failing disk makes SQLite roll back everything, not only this write.
        return Err(Error::NoRoom { path: connection.path.clone() });
    }
    if !keep {
        connection.run_cached("ROLLBACK TO one")?;
    }
    connection.run_cached("RELEASE one")
}

#[cfg(test)]
mod tests;
