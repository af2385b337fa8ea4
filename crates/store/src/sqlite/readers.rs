//! The connections that read, and who reads with them.
//!
//! There are as many as there are reading threads, which take the reads that wait. Waking such a
//! thread and being woken by it again costs more than a small read does, so one that its caller
//! takes to be small is done by the caller itself while a connection is free ([`Readers::here`]).
//!
//! The calling thread serves sockets, so what it may be held up by is bounded: [`STEPS`] of the
//! engine's instructions (well under a millisecond, as long as two signatures take), and no lock of
//! another process. A read that would need more is given up; the reading threads do it again from
//! its start, which every closure allows. A read never waits for a write: it reads the state before
//! it. What is left is the disk, for pages that neither SQLite nor the system has in memory, and
//! the steps bound how many those can be.
//!
//! The other way round no connection is ever kept while a socket is waited for: whoever has one
//! holds it through one synchronous closure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Connection;
use crate::{Error, Snapshot};

/// How many of the engine's instructions a read takes at most on the calling thread. One row of a
/// wide table takes some hundred, one of a narrow table ten.
const STEPS: u32 = 20_000;
/// After how many of them the engine asks whether it may go on.
const PERIOD: u32 = 1_000;

/// All connections that read.
pub(super) struct Readers {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    free: Vec<Reader>,
    open: bool,
}

/// A connection that reads.
pub(super) struct Reader {
    connection: Connection,
    /// How many periods the read under way may still take.
    left: Arc<AtomicU32>,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Result<Self, Error> {
        let free = connections.into_iter().map(Reader::new).collect::<Result<_, _>>()?;
        Ok(Self { state: Mutex::new(State { free, open: true }), returned: Condvar::new() })
    }

    /// Waits for a connection and reads with it. After [`Self::close`] there are none.
    pub(super) fn run(&self, closed: impl FnOnce() -> Error, work: impl FnOnce(Result<Snapshot<'_>, Error>)) {
        let mut state = self.lock();
        let reader = loop {
            match state.free.pop() {
                Some(reader) => break Some(reader),
                None if !state.open => break None,
                None => state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(state);
        match reader {
            Some(reader) => {
                reader.run(work);
                self.give_back(reader);
            }
            None => work(Err(closed())),
        }
    }

    /// Reads on the calling thread, when a connection is free and the read turns out small enough;
    /// otherwise nothing has happened, and the reading threads are there for it.
    pub(super) fn here<T>(&self, work: impl FnOnce(&mut Snapshot<'_>) -> T) -> Option<thread::Result<T>> {
        let reader = self.lock().free.pop()?;
        let read = reader.run_bounded(work);
        self.give_back(reader);
        read
    }

    /// Closes the connections that are free now, and the others when they come back.
    pub(super) fn close(&self) {
        let closed = {
            let mut state = self.lock();
            state.open = false;
            std::mem::take(&mut state.free)
        };
        self.returned.notify_all();
        drop(closed);
    }

    fn give_back(&self, reader: Reader) {
        let mut state = self.lock();
        if state.open {
            state.free.push(reader);
            drop(state);
            self.returned.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    fn new(mut connection: Connection) -> Result<Self, Error> {
        let left = Arc::new(AtomicU32::new(u32::MAX));
        let counted = Arc::clone(&left);
        let is_over = move || counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        connection.ask_every(PERIOD, move || is_over().is_err())?;
        Ok(Self { connection, left })
    }

    fn run(&self, work: impl FnOnce(Result<Snapshot<'_>, Error>)) {
        match self.begin() {
            Ok(snapshot) => {
                work(Ok(snapshot));
                self.end();
            }
            Err(error) => work(Err(error)),
        }
    }

    fn run_bounded<T>(&self, work: impl FnOnce(&mut Snapshot<'_>) -> T) -> Option<thread::Result<T>> {
        self.connection.wait_for_locks(false).ok()?;
        self.connection.was_held_up();
        let read = self.begin().ok().map(|mut snapshot| {
            self.left.store(STEPS / PERIOD, Ordering::Relaxed);
            let read = catch_unwind(AssertUnwindSafe(|| work(&mut snapshot)));
            self.left.store(u32::MAX, Ordering::Relaxed);
            self.end();
            read
        });
        let waits_again = self.connection.wait_for_locks(true);
        // Whatever the closure made of being held up says nothing.
        read.filter(|_| !self.connection.was_held_up() && waits_again.is_ok())
    }

    fn begin(&self) -> Result<Snapshot<'_>, Error> {
        self.connection.run_cached("BEGIN DEFERRED")?;
        Ok(Snapshot::new(&self.connection))
    }

    fn end(&self) {
        // Nothing was written, so ending this way or that is the same; it cannot fail.
        drop(self.connection.run_cached("COMMIT"));
    }
}
