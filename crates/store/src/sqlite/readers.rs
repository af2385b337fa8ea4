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
//!
//! A reading thread is bounded too, more widely: what turns out long there is given up and handed to
//! the few threads that do nothing but long reads ([`super::long`]). So a read that is short never
//! waits for one that is long, however many of those there are.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Connection;
use super::work::{PERIOD, Work};
use crate::database::Link;
use crate::pool::Read;
use crate::{Error, Snapshot};

/// How many of the engine's instructions a read takes at most on the calling thread. One row of a
/// wide table takes some hundred, one of a narrow table ten.
const STEPS: u32 = 20_000;

/// All connections that read what is short.
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
    work: Work,
}

/// What became of a read.
pub(super) enum Ended {
    /// It was answered, or nobody waits for it any more.
    Answered,
    /// It takes more work than the reader may do; it has been given up and can be run again.
    TooMuch(Read),
}

impl Readers {
    /// Connections whose reads take at most so many periods each.
    pub(super) fn new(connections: Vec<Connection>, most: u32) -> Result<Self, Error> {
        let reader = |connection| Reader::new(connection, most);
        let free = connections.into_iter().map(reader).collect::<Result<_, _>>()?;
        Ok(Self { state: Mutex::new(State { free, open: true }), returned: Condvar::new() })
    }

    /// Waits for a connection and reads with it. After [`Self::close`] there are none.
    pub(super) fn run(&self, closed: impl FnOnce() -> Error, job: Read) -> Ended {
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
                let ended = reader.run(job);
                self.give_back(reader);
                ended
            }
            None => {
                job.finish(Err(closed()));
                Ended::Answered
            }
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
    /// A connection whose reads take at most so many periods each.
    pub(super) fn new(mut connection: Connection, most: u32) -> Result<Self, Error> {
        let work = Work::bound(&mut connection, most)?;
        Ok(Self { connection, work })
    }

    pub(super) fn run(&self, mut job: Read) -> Ended {
        if !job.is_wanted() {
            return Ended::Answered;
        }
        self.work.renew();
        let mut snapshot = match self.begin() {
            Ok(snapshot) => snapshot,
            Err(error) => {
                job.finish(Err(error));
                return Ended::Answered;
            }
        };
        // Whoever asked may go away meanwhile: nobody else shall wait for a read that is for nobody.
        self.work.watch(Some(job.watch()));
        job.run(&mut snapshot);
        self.work.watch(None);
        let ended = if self.work.was_too_much() {
            // Whatever the closure made of being ended says nothing.
            job.forget();
            Ended::TooMuch(job)
        } else {
            job.finish(Ok(()));
            Ended::Answered
        };
        // Ending it is no part of it.
        self.work.renew();
        self.end();
        ended
    }

    fn run_bounded<T>(&self, work: impl FnOnce(&mut Snapshot<'_>) -> T) -> Option<thread::Result<T>> {
        self.connection.wait_for_locks(false).ok()?;
        self.connection.was_held_up();
        let read = self.begin().ok().map(|mut snapshot| {
            self.work.allow(STEPS / PERIOD);
            let read = catch_unwind(AssertUnwindSafe(|| work(&mut snapshot)));
            self.work.renew();
            self.end();
            read
        });
        let waits_again = self.connection.wait_for_locks(true);
        // Whatever the closure made of being held up says nothing.
        read.filter(|_| !self.connection.was_held_up() && waits_again.is_ok())
    }

    fn begin(&self) -> Result<Snapshot<'_>, Error> {
        self.connection.run_cached("BEGIN DEFERRED")?;
        Ok(Snapshot::new(Link::Sqlite(&self.connection)))
    }

    fn end(&self) {
        // Nothing was written, so ending this way or that is the same; it cannot fail.
        drop(self.connection.run_cached("COMMIT"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::job::Job;
    use crate::sqlite::open::{self, Purpose};
    use crate::statement::{Expr, Select, all};
    use crate::{Kind, Prepared};

    /// One connection on a table of eight rows, whose reads take at most so many periods.
    fn readers(folder: &tempfile::TempDir, most: u32) -> Readers {
        let connection = open::connect(&folder.path().join("t.db"), Purpose::Write { durability: None }).unwrap();
        connection
            .run("CREATE TABLE n (i INTEGER); INSERT INTO n VALUES (1), (2), (3), (4), (5), (6), (7), (8);")
            .unwrap();
        Readers::new(vec![connection], most).unwrap()
    }

    /// Counts the table joined to itself so many times.
    fn count(tables: usize) -> Prepared {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut select = Select::from("n").project(Expr::Count, Kind::Integer);
        for name in names.into_iter().take(tables) {
            select = select.join("n", name, all([]));
        }
        Prepared::new(select).unwrap()
    }

    #[test]
    fn a_read_that_nobody_waits_for_any_more_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder, u32::MAX);
        let (leave, seen) = (Mutex::new(None), Arc::new(Mutex::new(Vec::new())));
        let (leave, ends, select) = (Arc::new(leave), Arc::clone(&seen), count(6));
        let client = Arc::clone(&leave);
        let work = move |snapshot: &mut Snapshot<'_>| {
            let mut read = || snapshot.first(&select, &[], |row| row.get::<i64>(0));
            let whole = read();
            // The client goes away while its read is under way.
            drop(client.lock().unwrap().take());
            ends.lock().unwrap().extend([whole.clone(), read()]);
            whole
        };
        let (job, answer) = Job::<Option<i64>, Error, _>::new(work);
        *leave.lock().unwrap() = Some(answer);
        assert!(matches!(readers.run(|| unreachable!(), Box::new(job)), Ended::Answered));
        let seen = seen.lock().unwrap();
        assert!(matches!(seen[..], [Ok(Some(2_097_152)), Err(Error::TooLong { .. })]), "{seen:?}");
    }

    #[test]
    fn a_read_of_too_much_is_given_up_and_can_be_run_again() {
        let folder = tempfile::tempdir().unwrap();
        let readers = readers(&folder, 20);
        // It hides that it was ended, which counts for nothing.
        let read = |tables: usize| {
            let select = count(tables);
            let work = move |snapshot: &mut Snapshot<'_>| {
                Ok::<_, Error>(snapshot.first(&select, &[], |row| row.get::<i64>(0)).unwrap_or_default())
            };
            Job::<Option<i64>, Error, _>::new(work)
        };
        let (job, mut answer) = read(5);
        let Ended::TooMuch(job) = readers.run(|| unreachable!(), Box::new(job)) else { panic!("it was too much") };
        assert!(answer.try_recv().is_err(), "nothing has been answered");
        // The connection is as good as before.
        let (few, mut answer_to_few) = read(1);
        assert!(matches!(readers.run(|| unreachable!(), Box::new(few)), Ended::Answered));
        assert_eq!(answer_to_few.try_recv().unwrap().unwrap(), Ok(Some(64)));
        let connection = open::connect(&folder.path().join("t.db"), Purpose::Read).unwrap();
        assert!(matches!(Reader::new(connection, 10_000).unwrap().run(job), Ended::Answered));
        assert_eq!(answer.try_recv().unwrap().unwrap(), Ok(Some(262_144)));
    }
}
