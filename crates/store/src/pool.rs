//! The threads of one open database, and the two queues that they take their work from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::Error;
use crate::job::{ReadJob, WriteJob};
use crate::queue::{Queue, Refused};

pub(crate) type Read = Box<dyn ReadJob>;
pub(crate) type Write = Box<dyn WriteJob>;
/// Writes that are done one after another, in the same transaction.
pub(crate) type Together = Vec<Write>;

/// The threads of one open database.
pub(crate) struct Pool {
    place: PathBuf,
    pub(crate) reads: Arc<Queue<Read>>,
    pub(crate) writes: Arc<Queue<Together>>,
    running: Mutex<Vec<JoinHandle<()>>>,
}

impl Pool {
    /// No threads yet, for a database at this place; so many reads, and so many writes, may wait.
    pub(crate) fn new(place: PathBuf, capacity: usize) -> Self {
        let (reads, writes) = (Arc::new(Queue::new(capacity)), Arc::new(Queue::new(capacity)));
        Self { place, reads, writes, running: Mutex::default() }
    }

    /// Starts a thread. Its body ends when the queues are closed.
    pub(crate) fn spawn(&self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| Error::Unusable {
            doing: "start a thread for",
            path: self.place.clone(),
            reason: error.to_string(),
        })?;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(())
    }

    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    pub(crate) fn read(&self, job: Read) -> Result<(), Error> {
        self.reads.push(job).map_err(|refused| self.refused(&refused))
    }

    pub(crate) fn write(&self, jobs: Together) -> Result<(), Error> {
        self.writes.push(jobs).map_err(|refused| self.refused(&refused))
    }

    fn refused(&self, refused: &Refused) -> Error {
        let path = self.place.clone();
        match refused {
            Refused::Full(waiting) => Error::Busy { path, waiting: *waiting },
            Refused::Closed => Error::Closed { path },
        }
    }

    /// Waits for writes and takes them, in their order, until there are `most` or, by those that belong together, a few
    /// more. Takes none only when all is done and the queue is closed.
    pub(crate) fn take_writes(writes: &Queue<Together>, most: usize, into: &mut Vec<Write>) {
        let mut taken = Vec::new();
        writes.take_weighed(most, Vec::len, &mut taken);
        into.extend(taken.into_iter().flatten());
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
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("place", &self.place).finish_non_exhaustive()
    }
}
