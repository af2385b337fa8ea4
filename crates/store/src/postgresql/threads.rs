//! The threads of one schema in this process, how writes are grouped, and what is run again.
//!
//! The writing thread takes everything that waits into one transaction with a savepoint around each,
//! as it does on SQLite: one lock, one commit, and one wait for the server's disk for all of them.
//!
//! A reading thread gives a read up one of whose statements takes longer than [`SHORT`] says, and hands it to two threads
//! that do nothing but long ones ([`crate::handover`]), where a statement has the time that the server's address or
//! [`Server`] gives it.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::failure::Failure;
use super::{Server, Session, open};
use crate::database::Link;
use crate::handover::{self, Handover};
use crate::job::{ReadJob, WriteJob};
use crate::pool::{Pool, Read, Together, Write};
use crate::queue::Queue;
use crate::{DatabaseOptions, Durability, Error, Migration, Snapshot, Transaction};

/// How many threads read when nothing is said.
const READERS: usize = 4;
/// So many writes share one commit; a few more where they belong together.
const GROUP: usize = 64;
/// How often work is begun before it is given up.
const ATTEMPTS: u32 = 6;
/// The longest first pause before something is begun again; each is up to twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(20);

/// One snapshot for the whole closure.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
/// What the sessions of reading threads are set to, also where the server's address says less: a statement that takes half a
/// second makes its read a long one, and ends as the address says where it is done then. So short is it only where it
/// works: who waits for a lock says so first, after [`LOCK_WAIT`].
const SHORT: &str = "SET statement_timeout TO '500ms'; SET lock_timeout TO '400ms'";
/// How long a statement of a reading thread waits for a lock at once.
const LOCK_WAIT: Duration = Duration::from_millis(400);
/// The lock comes before the snapshot (LOCK takes none), so that the snapshot has all that earlier
/// writers committed, and nobody else writes until this one has.
const WRITE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE keyholder_writer IN EXCLUSIVE MODE";

/// The threads of one schema.
#[derive(Debug)]
pub(crate) struct Sessions {
    pool: Pool,
    /// The threads for long reads, which take what the pool's readers give up; they end after those.
    long: Pool,
}

impl Sessions {
    pub(crate) fn start(
        server: &Server,
        schema: &str,
        options: &DatabaseOptions,
        migrations: &[Migration],
    ) -> Result<Self, Error> {
        open::check_name(server, schema)?;
        let pool = Pool::new(server.schema(schema), options.queue);
        let long = Pool::new(server.schema(schema), options.queue.min(handover::WAITING));
        let desk = |setting| Desk {
            server: server.clone(),
            schema: schema.to_owned(),
            durability: options.durability,
            setting,
            runtime: None,
            session: None,
        };
        // The runtime of a connection may not be run inside another: the writer's own thread opens.
        let (opened, is_open) = mpsc::channel();
        let (mut writer, writes, migrations) = (desk(None), Arc::clone(&pool.writes), migrations.to_vec());
        pool.spawn("store-writer", move || {
            let result = writer.open(&migrations);
            let goes_on = result.is_ok();
            // Whoever opens waits for this.
            drop(opened.send(result));
            if goes_on {
                run_writes(&mut writer, &writes);
            }
            writer.close();
        })?;
        is_open.recv().map_err(|_| Error::Closed { path: pool.place().to_owned() })??;
        for _ in 0..options.readers.unwrap_or(READERS) {
            let (mut reader, reads) = (desk(Some(SHORT)), Arc::clone(&pool.reads));
            let handover = Handover::new(&long.reads, long.place());
            pool.spawn("store-reader", move || {
                run_reads(&mut reader, &reads, Some(&handover));
                reader.close();
            })?;
        }
        for _ in 0..handover::THREADS {
            let (mut reader, reads) = (desk(None), Arc::clone(&long.reads));
            long.spawn("store-long-read", move || {
                run_reads(&mut reader, &reads, None);
                reader.close();
            })?;
        }
        Ok(Self { pool, long })
    }

    pub(crate) fn place(&self) -> &Path {
        self.pool.place()
    }

    pub(crate) fn read(&self, job: Read) -> Result<(), Error> {
        self.pool.read(job)
    }

    pub(crate) fn write(&self, jobs: Together) -> Result<(), Error> {
        self.pool.write(jobs)
    }

    /// Lets the threads do what waits, and waits for their end.
    pub(crate) fn stop(&self) {
        self.pool.stop();
        // Only now can nothing long be left any more.
        self.long.stop();
    }
}

/// Where a thread keeps its connection, which is made when it is first needed and again when it broke.
struct Desk {
    server: Server,
    schema: String,
    durability: Durability,
    /// What its connection is set to beside that.
    setting: Option<&'static str>,
    runtime: Option<Arc<Runtime>>,
    session: Option<Session>,
}

impl Desk {
    fn runtime(&mut self) -> Result<Arc<Runtime>, Error> {
        if let Some(runtime) = &self.runtime {
            return Ok(Arc::clone(runtime));
        }
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = Arc::new(built.map_err(|error| Error::Unusable {
            doing: "make a runtime for",
            path: self.server.schema(&self.schema),
            reason: error.to_string(),
        })?);
        self.runtime = Some(Arc::clone(&runtime));
        Ok(runtime)
    }

    fn open(&mut self, migrations: &[Migration]) -> Result<(), Error> {
        let runtime = self.runtime()?;
        let session = open::open(&runtime, &self.server, &self.schema, migrations)?;
        self.prepare(session).map(drop)
    }

    /// The connection: the one of before, while it can be used.
    fn session(&mut self) -> Result<&Session, Error> {
        let usable = self.session.take().filter(|session| !session.is_over());
        let session = match usable {
            Some(session) => session,
            None => {
                let runtime = self.runtime()?;
                let session = Session::connect(&runtime, &self.server, &self.schema)?;
                return self.prepare(session);
            }
        };
        Ok(self.session.insert(session))
    }

    fn prepare(&mut self, session: Session) -> Result<&Session, Error> {
        for setting in [open::durable(self.durability), self.setting].into_iter().flatten() {
            session.now(setting)?;
        }
        Ok(self.session.insert(session))
    }

    /// Does the work with a connection, and again when what ended it may not be there the next time:
    /// others in the way, tables changed by others, a connection that broke.
    fn repeat(&mut self, mut work: impl FnMut(&Session) -> Result<(), Failure>) -> Result<(), Error> {
        let mut attempt = 0;
        loop {
            let done = match self.session() {
                Ok(session) => work(session).inspect_err(|failure| {
                    session.roll_back();
                    if matches!(failure, Failure::Moved(_)) {
                        session.forget_statements();
                    }
                }),
                Err(error @ Error::Lost { .. }) => Err(Failure::Lost(error)),
                Err(error) => Err(Failure::Broken(error)),
            };
            let Err(failure) = done else { return Ok(()) };
            attempt += 1;
            let again = match &failure {
                Failure::Again(_) => attempt < ATTEMPTS,
                // What is not there now will not come by waiting; a new snapshot or connection may have it.
                Failure::Moved(_) | Failure::Lost(_) => attempt < ATTEMPTS / 2,
                Failure::Violated | Failure::Unexpected | Failure::Broken(_) | Failure::Unsent(_) => false,
            };
            if matches!(failure, Failure::Lost(_)) {
                self.session = None;
            }
            if !again {
                return Err(failure.error());
            }
            self.pause(attempt)?;
        }
    }

    /// Waits a little before something is begun again, so that those who met do not meet again.
    fn pause(&mut self, attempt: u32) -> Result<(), Error> {
        let longest = PAUSE.saturating_mul(1 << attempt.min(6));
        let longest = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        let wait = Duration::from_micros(1 + self.server.random.below(longest));
        let sleep = Arc::clone(&self.server.sleep);
        // Made inside the runtime: its timer is the runtime's.
        self.runtime()?.block_on(async { sleep.sleep(wait).await });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.close();
        }
    }
}

/// Does reads; what is too long for this thread is left where there is a place for it.
fn run_reads(desk: &mut Desk, reads: &Queue<Read>, handover: Option<&Handover>) {
    let mut next = Vec::with_capacity(1);
    loop {
        reads.take(1, &mut next);
        let Some(mut job) = next.pop() else { return };
        if !job.is_wanted() {
            continue;
        }
        let done = desk.repeat(|session| {
            let failure = match handover {
                Some(_) => read_behind_locks(session, &mut *job),
                // Here a statement waits for a lock as long as it may.
                None => read_as_expected(session, &mut *job),
            };
            match failure {
                // Nothing is written, so nothing can violate an index.
                None | Some(Failure::Violated | Failure::Unsent(_)) => Ok(()),
                Some(failure) => Err(failure),
            }
        });
        match (done, handover) {
            (Err(Error::TooLong { .. }), Some(handover)) => {
                // Whatever the closure made of being ended says nothing.
                job.forget();
                handover.leave(job);
            }
            (done, _) => job.finish(done),
        }
        match &desk.session {
            Some(session) if handover.is_some() => session.leave(),
            // Long reads are few: the server keeps no connection for them.
            _ => desk.close(),
        }
    }
}

/// Runs a read, and again for as long as it meets locks, until that took as long as a statement may wait: others change the
/// tables, which takes as long as it does. Each time is as short as the first, so that a read which turns out long once the
/// lock is gone keeps no other from this thread.
fn read_behind_locks(session: &Session, job: &mut dyn ReadJob) -> Option<Failure> {
    let mut failure = read_as_expected(session, job);
    let (mut waited, mut longest) = (LOCK_WAIT, None);
    while matches!(failure, Some(Failure::Broken(Error::Contended { .. }))) && job.is_wanted() {
        session.roll_back();
        let longest = match longest {
            Some(known) => known,
            None => match session.longest_wait() {
                Ok(wait) => *longest.insert(wait),
                // What became of the connection is noted.
                Err(error) => return Some(session.take_failure().unwrap_or(Failure::Broken(error))),
            },
        };
        if longest.is_some_and(|longest| waited >= longest) {
            return failure;
        }
        failure = read_as_expected(session, job);
        waited = waited.saturating_add(LOCK_WAIT);
    }
    failure
}

/// Runs a read, and once more when what it expected may not be so.
fn read_as_expected(session: &Session, job: &mut dyn ReadJob) -> Option<Failure> {
    let failure = read(session, job, true)?;
    // What takes too long or waits too long does so whatever was expected.
    if !session.has_expected() || matches!(failure, Failure::Broken(Error::TooLong { .. } | Error::Contended { .. })) {
        return Some(failure);
    }
    // It was not so, or nobody knows whether what failed did so because it is not.
    session.roll_back();
    read(session, job, false)
}

/// Runs a read on a snapshot of its own, where it may expect something or not.
fn read(session: &Session, job: &mut dyn ReadJob, may_expect: bool) -> Option<Failure> {
    job.forget();
    session.begin(READ);
    if may_expect {
        session.may_expect();
    }
    job.run(&mut Snapshot::new(Link::Postgresql(session)));
    session.settle();
    session.take_failure()
}

fn run_writes(desk: &mut Desk, writes: &Queue<Together>) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        Pool::take_writes(writes, GROUP, &mut group);
        if group.is_empty() {
            return;
        }
        run_group(desk, &mut group);
    }
}

/// Runs a group in one transaction and answers every write in it.
fn run_group(desk: &mut Desk, group: &mut Vec<Write>) {
    group.retain(|job| job.is_wanted());
    let mut ends = Vec::new();
    let committed = desk.repeat(|session| {
        ends.clear();
        group.iter_mut().for_each(|job| job.forget());
        session.begin(WRITE);
        for job in group.iter_mut() {
            ends.push(in_savepoint(session, &mut **job)?);
        }
        session.commit()
    });
    if committed.is_err() {
        // What the closures gave does not count, and none of them may say that it was done.
        group.iter_mut().for_each(|job| job.forget());
        ends.clear();
    }
    let mut ends = ends.into_iter();
    for job in group.drain(..) {
        job.finish(committed.clone().and(ends.next().unwrap_or(Ok(()))));
    }
}

/// Runs one write so that, when it fails, nothing of it remains. The inner error is the write's own,
/// the outer one ends the whole group.
fn in_savepoint(session: &Session, job: &mut dyn WriteJob) -> Result<Result<(), Error>, Failure> {
    session.later("SAVEPOINT one");
    let mut keep = job.run(&mut Transaction::new(Link::Postgresql(session)));
    let mut failure = session.take_failure();
    if let Some(Failure::Violated) = failure {
        // A savepoint around each change costs a journey for some; so it is taken only by who needs it.
        undo(session)?;
        session.later("SAVEPOINT one");
        session.be_careful(true);
        keep = job.run(&mut Transaction::new(Link::Postgresql(session)));
        session.be_careful(false);
        failure = session.take_failure();
    }
    match failure {
        None | Some(Failure::Unsent(_)) => {
            session.later(if keep { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" });
            Ok(Ok(()))
        }
        Some(Failure::Broken(error)) => {
            undo(session)?;
            Ok(Err(error))
        }
        Some(failure) => Err(failure),
    }
}

/// Undoes what a closure did whose transaction takes nothing else any more.
fn undo(session: &Session) -> Result<(), Failure> {
    let undone = session.now("ROLLBACK TO one; RELEASE one");
    undone.map_err(|error| session.take_failure().unwrap_or(Failure::Broken(error)))
}
