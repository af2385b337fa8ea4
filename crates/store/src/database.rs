//! One database: handles, closures, snapshots and transactions.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::sqlite::{self, Connection, Threads};
use crate::value::check;
use crate::{Error, FromValue, Kind, Migration, Prepared, Value, ValueRef};

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of this process, however sudden.
    #[default]
    Normal,
    /// Also the end of the machine's power. Each commit waits for the disk.
    Full,
}

/// Where a database is and how it is run.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    pub(crate) location: Location,
    pub(crate) durability: Durability,
    pub(crate) readers: usize,
    pub(crate) queue: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum Location {
    File(PathBuf),
    Ephemeral,
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

    fn at(location: Location) -> Self {
        Self { location, durability: Durability::default(), readers: 2, queue: 1024 }
    }

    /// What an acknowledged write survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// How many threads read side by side; two when nothing is said, at least one.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How many reads, and how many writes, may wait before [`Error::Busy`]; 1,024 when nothing is said.
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
    threads: Arc<Threads>,
}

impl Database {
    /// Opens or makes a database and brings its tables to the last of these migrations.
    ///
    /// Blocks for as long as the disk takes: a few milliseconds for a small database.
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Foreign`], [`Error::NewerMigration`], [`Error::ChangedMigration`]
    /// and [`Error::Unusable`] name the file and what to do about it.
    pub fn open(options: &DatabaseOptions, migrations: &[Migration]) -> Result<Self, Error> {
        Ok(Self { threads: Arc::new(Threads::start(options, migrations)?) })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.threads.path()
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
        let (reply, answer) = oneshot::channel();
        let job = move |snapshot: Result<Snapshot<'_>, Error>| {
            if reply.is_closed() {
                return;
            }
            let result = match snapshot {
                Ok(mut snapshot) => catch_unwind(AssertUnwindSafe(|| work(&mut snapshot))),
                Err(error) => Ok(Err(error.into())),
            };
            // Nobody waits any more: then nobody needs the answer.
            drop(reply.send(result));
        };
        self.threads.read(Box::new(job))?;
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
        match self.threads.read_here(|snapshot| work(snapshot)) {
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
        let (reply, answer) = oneshot::channel();
        self.threads.write(Box::new(Write { work, result: None, reply }))?;
        self.answer(answer).await
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
        self.threads.stop();
    }
}

/// What a closure gave, or the panic that it ended in.
type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// A write that waits, as the writer thread sees it.
pub(crate) trait WriteJob: Send {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Does the work; `false` when nothing of it shall remain.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool;
    /// Gives the answer, once it is known whether the group was committed.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

struct Write<T, E, F> {
    work: F,
    result: Option<Outcome<T, E>>,
    reply: oneshot::Sender<Outcome<T, E>>,
}

impl<T, E, F> WriteJob for Write<T, E, F>
where
    F: Fn(&mut Transaction<'_>) -> Result<T, E> + Send,
    E: From<Error> + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(transaction)));
        let keep = matches!(result, Ok(Ok(_)));
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let result = match (self.result, committed) {
            // Its own failure says more than the group's.
            (Some(own @ (Ok(Err(_)) | Err(_))), _) | (Some(own), Ok(())) => own,
            (_, Err(error)) => Ok(Err(error.into())),
            (None, Ok(())) => return,
        };
        drop(self.reply.send(result));
    }
}

/// A consistent view of the whole database, for the length of one closure.
#[derive(Debug)]
pub struct Snapshot<'c> {
    connection: &'c Connection,
}

impl<'c> Snapshot<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection }
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
        self.connection.for_each(select, values, each)
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
        self.connection.first(select, values, read)
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
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { snapshot: Snapshot::new(connection) }
    }

    /// Runs an insert, update, delete or definition; gives the number of rows that it touched.
    ///
    /// # Errors
    /// [`Error::UniqueViolation`] leaves the transaction usable; after any other, give up.
    pub fn execute(&mut self, statement: &Prepared, values: &[Value]) -> Result<u64, Error> {
        self.check(statement, values)?;
        self.connection.execute(statement, values)
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
    row: sqlite::Row<'r>,
    kinds: &'r [Kind],
}

impl<'r> Row<'r> {
    pub(crate) fn new(row: sqlite::Row<'r>, kinds: &'r [Kind]) -> Self {
        Self { row, kinds }
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
        self.row.value(index, kind)
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
