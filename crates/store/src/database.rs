//! One database: handles, closures, snapshots and transactions.

use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::job::{Job, Outcome};
use crate::pool::Together;
use crate::postgresql::{self, Server, Sessions};
use crate::sqlite::{self, Threads};
use crate::value::check;
use crate::{Error, FromValue, Kind, Migration, Prepared, Value, ValueRef};

/// What an acknowledged write survives. On PostgreSQL it survives every node; what it survives of
/// the server's own end is what the server is set to (`synchronous_commit`), and [`Self::Full`] asks
/// for that setting to be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of this process, however sudden.
    #[default]
    Normal,
    /// Also the end of the machine's power. Each commit waits for the disk.
    Full,
}

/// How many closures of [`Database::write_each`] share a commit at most.
pub const MOST_TOGETHER: usize = 128;

/// Where a database is and how it is run.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    location: Location,
    pub(crate) durability: Durability,
    pub(crate) readers: Option<usize>,
    pub(crate) queue: usize,
}

#[derive(Debug, Clone)]
enum Location {
    File(PathBuf),
    Ephemeral,
    Schema(Server, String),
}

impl DatabaseOptions {
    /// A database in this file, made when it is missing. Its folder must exist.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Location::File(path.into()))
    }

    /// A database in a temporary folder of its own, gone with its last handle.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::at(Location::Ephemeral)
    }

    /// A schema of this name on a PostgreSQL server, made when it is missing. Any number of nodes
    /// may have it open.
    pub fn postgresql(server: &Server, schema: impl Into<String>) -> Self {
        Self::at(Location::Schema(server.clone(), schema.into()))
    }

    fn at(location: Location) -> Self {
        Self { location, durability: Durability::default(), readers: None, queue: 1024 }
    }

    /// What an acknowledged write survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many threads read side by side, at least one; when nothing is said, two on SQLite and
    /// four on PostgreSQL, which have to wait for the server. There are two more for reads that turn out
    /// long, of which at most 64 wait before [`Error::Busy`].
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = Some(readers.max(1));
        self
    }

    /// How many reads, and how many writes, may wait before [`Error::Busy`]; 1,024 when nothing is said. Those of
    /// [`Database::write_each`] that share a commit count as one.
    #[must_use]
    pub fn queue(mut self, waiting: usize) -> Self {
        self.queue = waiting.max(1);
        self
    }
}

/// A handle on one database; clones are handles on the same.
///
/// When the last handle is dropped, what waits is still done, and then the threads end and the file
/// is closed; the drop waits for that.
#[derive(Debug, Clone)]
pub struct Database {
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Arc<Threads>),
    Postgresql(Arc<Sessions>),
}

impl Database {
    /// Opens or makes a database and brings its tables to the last of these migrations.
    ///
    /// Blocks for as long as the disk or the server takes: a few milliseconds for a small database.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Foreign`], [`Error::NewerMigration`], [`Error::ChangedMigration`],
    /// [`Error::Unusable`] and [`Error::Lost`] name the file or schema and what to do about it.
    pub fn open(options: &DatabaseOptions, migrations: &[Migration]) -> Result<Self, Error> {
        let engine = match &options.location {
            Location::File(path) => Engine::Sqlite(Arc::new(Threads::start(Some(path), options, migrations)?)),
            Location::Ephemeral => Engine::Sqlite(Arc::new(Threads::start(None, options, migrations)?)),
            Location::Schema(server, schema) => {
                Engine::Postgresql(Arc::new(Sessions::start(server, schema, options, migrations)?))
            }
        };
        Ok(Self { engine })
    }

    /// The file; for a schema of PostgreSQL its address, without user and password, in the form of a path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.engine {
            Engine::Sqlite(threads) => threads.path(),
            Engine::Postgresql(sessions) => sessions.place(),
        }
    }

    /// Runs a closure on one consistent snapshot, beside other reads and writes.
    ///
    /// The closure may be run again from its start (on stores that ask for it), so it must not
    /// change anything outside itself that running it twice would spoil.
    ///
    /// # Errors
    /// What the closure says, or [`Error::Busy`], [`Error::Closed`], [`Error::Engine`].
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Job::new(work);
        match &self.engine {
            Engine::Sqlite(threads) => threads.read(Box::new(job)),
            Engine::Postgresql(sessions) => sessions.read(Box::new(job)),
        }?;
        self.answer(answer).await
    }

    /// The same for a closure that is known to read little: a few dozen rows, found by a key. While a
    /// connection is free it is run here and now, on the calling thread, which saves waking another
    /// and being woken by it. What takes longer than was thought is run again as [`Database::read`]
    /// does it, so nobody else on the calling thread waits for it.
    ///
    /// # Errors
    /// As [`Database::read`].
    pub async fn read_little<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Snapshot<'_>) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let here = match &self.engine {
            Engine::Sqlite(threads) => threads.read_here(|snapshot| work(snapshot)),
            // A server is never waited for on a thread that serves sockets.
            Engine::Postgresql(_) => None,
        };
        match here {
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
            None => self.read(work).await,
        }
    }

    /// Runs a closure in a transaction. When this returns `Ok`, the write is committed and
    /// survives what [`Durability`] says; on any `Err` nothing of it remains.
    ///
    /// Writes that wait at the same time share one transaction, each in a savepoint of its own.
    /// The closure may be run again from its start, as with [`Database::read`].
    ///
    /// # Errors
    /// What the closure says, or [`Error::Busy`], [`Error::Closed`], [`Error::NoRoom`], [`Error::Engine`].
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let (job, answer) = Job::new(work);
        match &self.engine {
            Engine::Sqlite(threads) => threads.write(vec![Box::new(job)]),
            Engine::Postgresql(sessions) => sessions.write(vec![Box::new(job)]),
        }?;
        self.answer(answer).await
    }

    /// Runs several closures one after another as [`Database::write`] runs one: each in a savepoint of its own, so that
    /// one that fails leaves the others as they are. They share a commit, and other writes come before all of them or
    /// behind: up to [`MOST_TOGETHER`] do, of more the next as many follow when those are done.
    ///
    /// Each may be run again from its start, and then all behind it are run again too, but for those of which something
    /// else is known already.
    ///
    /// # Errors
    /// Of each closure, as [`Database::write`].
    pub async fn write_each<T, E, F>(&self, works: impl IntoIterator<Item = F>) -> Vec<Result<T, E>>
    where
        F: Fn(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
        E: From<Error> + Send + 'static,
        T: Send + 'static,
    {
        let (mut works, mut results) = (works.into_iter(), Vec::new());
        loop {
            let (mut jobs, mut answers): (Together, Vec<_>) = (Vec::new(), Vec::new());
            for work in works.by_ref().take(MOST_TOGETHER) {
                let (job, answer) = Job::new(work);
                jobs.push(Box::new(job));
                answers.push(answer);
            }
            if jobs.is_empty() {
                return results;
            }
            let taken = match &self.engine {
                Engine::Sqlite(threads) => threads.write(jobs),
                Engine::Postgresql(sessions) => sessions.write(jobs),
            };
            // They come in order: when the last is there, all are, and nobody was woken for each.
            let mut backwards = Vec::with_capacity(answers.len());
            for answer in answers.into_iter().rev() {
                backwards.push(match &taken {
                    Ok(()) => self.answer(answer).await,
                    Err(error) => Err(error.clone().into()),
                });
            }
            results.extend(backwards.into_iter().rev());
        }
    }

    async fn answer<T, E: From<Error>>(&self, answer: oneshot::Receiver<Outcome<T, E>>) -> Result<T, E> {
        match answer.await {
            Ok(Ok(result)) => result,
            // A panic in a closure is a bug of its caller; let it show there.
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Error::Closed { path: self.path().to_owned() }.into()),
        }
    }

    /// Writes a copy of the database in a file, as of one moment between two writes, to a new file.
    /// The database may be open here or elsewhere; reads and writes go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the new file exists or cannot be made, [`Error::NoRoom`], [`Error::Engine`].
    pub async fn copy(from: &Path, to: &Path) -> Result<(), Error> {
        let (source, target) = (from.to_owned(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || sqlite::copy(&source, &target)).await;
        copied.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(Error::Closed { path: from.to_owned() }),
        })
    }

    /// Does what waits, closes the file, and refuses further work through other handles.
    pub fn close(self) {
        match &self.engine {
            Engine::Sqlite(threads) => threads.stop(),
            Engine::Postgresql(sessions) => sessions.stop(),
        }
    }
}

/// The connection behind a snapshot or a transaction.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Link<'c> {
    Sqlite(&'c sqlite::Connection),
    Postgresql(&'c postgresql::Session),
}

/// A consistent view of the whole database, for the length of one closure.
#[derive(Debug)]
pub struct Snapshot<'c> {
    link: Link<'c>,
}

impl<'c> Snapshot<'c> {
    pub(crate) fn new(link: Link<'c>) -> Self {
        Self { link }
    }

    /// Gives each row of a select to `each`, in order, until it fails.
    ///
    /// # Errors
    /// What `each` says, or the store's own error.
    pub fn for_each<E: From<Error>>(
        &mut self,
        select: &Prepared,
        values: &[Value],
        each: impl FnMut(&Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check(select, values)?;
        match self.link {
            Link::Sqlite(connection) => connection.for_each(select, values, each),
            Link::Postgresql(session) => session.for_each(select, values, each),
        }
    }

    /// What `read` makes of the first row; nothing when there is no row.
    ///
    /// # Errors
    /// What `read` says, or the store's own error.
    pub fn first<T>(
        &mut self,
        select: &Prepared,
        values: &[Value],
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.check(select, values)?;
        match self.link {
            Link::Sqlite(connection) => connection.first(select, values, read),
            Link::Postgresql(session) => session.first(select, values, read),
        }
    }

    /// What `read` makes of each row, in order. For results that are known to be small: use
    /// [`Snapshot::for_each`] for the others.
    ///
    /// # Errors
    /// What `read` says, or the store's own error.
    pub fn list<T>(
        &mut self,
        select: &Prepared,
        values: &[Value],
        mut read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut rows = Vec::new();
        self.for_each(select, values, |row| {
            rows.push(read(row)?);
            Ok::<(), Error>(())
        })?;
        Ok(rows)
    }

    /// Takes the rows of a select to be as expected, where asking for them would be a journey to a server of its own: they are
    /// asked for along with what the closure asks next. Where `is_so` then denies it, nothing that the closure made counts, and
    /// it is run again. `false` when nothing is taken so, and the closure has to ask.
    ///
    /// # Errors
    /// The store's own.
    pub fn expect(
        &mut self,
        select: &Prepared,
        values: &[Value],
        is_so: impl Fn(&[Row<'_>]) -> Result<bool, Error> + Send + 'static,
    ) -> Result<bool, Error> {
        self.check(select, values)?;
        match self.link {
            // Asking is no journey.
            Link::Sqlite(_) => Ok(false),
            Link::Postgresql(session) => session.expect(select, values, Box::new(is_so)),
        }
    }

    /// Whether there is a row.
    ///
    /// # Errors
    /// The store's own.
    pub fn exists(&mut self, select: &Prepared, values: &[Value]) -> Result<bool, Error> {
        Ok(self.first(select, values, |_| Ok(()))?.is_some())
    }

    fn check(&self, statement: &Prepared, values: &[Value]) -> Result<(), Error> {
        if values.len() != statement.parameters() {
            let (given, needed) = (values.len(), statement.parameters());
            return Err(Error::Statement { reason: format!("{given} values for {needed} parameters: {statement:?}") });
        }
        values.iter().try_for_each(check)
    }
}

/// A snapshot that can be changed; its own changes show in it at once.
#[derive(Debug)]
pub struct Transaction<'c> {
    snapshot: Snapshot<'c>,
}

impl<'c> Transaction<'c> {
    pub(crate) fn new(link: Link<'c>) -> Self {
        Self { snapshot: Snapshot::new(link) }
    }

    /// Runs an insert, update, delete or definition; gives the number of rows that it touched.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] leaves the transaction usable; after any other, give up.
    pub fn execute(&mut self, statement: &Prepared, values: &[Value]) -> Result<u64, Error> {
        self.check(statement, values)?;
        match self.link {
            Link::Sqlite(connection) => connection.execute(statement, values),
            Link::Postgresql(session) => session.execute(statement, values),
        }
    }

    /// Runs one statement for each of these sets of values; gives the number of rows in all.
    ///
    /// # Errors
    /// As [`Transaction::execute`]; earlier sets have been done then.
    pub fn execute_each<V: AsRef<[Value]>>(
        &mut self,
        statement: &Prepared,
        sets: impl IntoIterator<Item = V>,
    ) -> Result<u64, Error> {
        if let Link::Postgresql(session) = self.link {
            return session.execute_each(statement, sets.into_iter(), |values| self.check(statement, values));
        }
        let mut rows = 0;
        for values in sets {
            rows += self.execute(statement, values.as_ref())?;
        }
        Ok(rows)
    }
}

impl<'c> Deref for Transaction<'c> {
    type Target = Snapshot<'c>;

    fn deref(&self) -> &Self::Target {
        &self.snapshot
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.snapshot
    }
}

/// One row of a result, while it is being read.
#[derive(Debug)]
pub struct Row<'r> {
    row: RawRow<'r>,
    kinds: &'r [Kind],
}

#[derive(Debug)]
enum RawRow<'r> {
    Sqlite(sqlite::Row<'r>),
    Postgresql(postgresql::Row<'r>),
}

impl<'r> Row<'r> {
    pub(crate) fn sqlite(row: sqlite::Row<'r>, kinds: &'r [Kind]) -> Self {
        Self { row: RawRow::Sqlite(row), kinds }
    }

    pub(crate) fn postgresql(row: postgresql::Row<'r>, kinds: &'r [Kind]) -> Self {
        Self { row: RawRow::Postgresql(row), kinds }
    }

    /// How many columns it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a row always has a column")]
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// A column's value, as the kind that the select names.
    ///
    /// # Errors
    /// [`Error::Value`] when there is no such column, or it holds something else.
    pub fn value(&self, index: usize) -> Result<ValueRef<'_>, Error> {
        let kind = *self.kinds.get(index).ok_or_else(|| Error::Value {
            reason: format!("column {index} of a row of {} columns was asked for", self.kinds.len()),
        })?;
        match &self.row {
            RawRow::Sqlite(row) => row.value(index, kind),
            RawRow::Postgresql(row) => row.value(index, kind),
        }
    }

    /// A column's value as a Rust type; `Option` takes NULL.
    ///
    /// # Errors
    /// [`Error::Value`] when it is of another kind, or NULL and not expected to be.
    pub fn get<'s, T: FromValue<'s>>(&'s self, index: usize) -> Result<T, Error> {
        let value = self.value(index)?;
        T::from_value(value).ok_or_else(|| Error::Value {
            reason: format!("column {index} holds {value:?}, which is no {}", std::any::type_name::<T>()),
        })
    }
}
