//! One connection: binding values, reading rows, and what SQLite's errors mean.

use std::cell::Cell;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use keyholder_foundation::Timestamp;
use rusqlite::ffi;
use rusqlite::types::Value as Raw;
use rusqlite::types::ValueRef as RawRef;
use uuid::Uuid;

use crate::value::{decimal_from_bytes, decimal_to_bytes};
use crate::{Error, Kind, Prepared, Value, ValueRef};

/// How long to wait for another process that has the file.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// The plan of a select whose text is longer than this, in bytes, is not kept.
const LONGEST_CACHED: usize = 16 << 10;

/// A connection that knows its file, so that its errors can name it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) raw: rusqlite::Connection,
    pub(super) path: PathBuf,
    held_up: Cell<bool>,
}

impl Connection {
    pub(super) fn new(raw: rusqlite::Connection, path: &Path) -> Self {
        Self { raw, path: path.to_owned(), held_up: Cell::new(false) }
    }

    /// Asks `is_over` after every so many of the engine's instructions, and ends what is under way
    /// when it is.
    pub(super) fn ask_every(
        &mut self,
        instructions: u32,
        is_over: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let instructions = c_int::try_from(instructions).unwrap_or(c_int::MAX);
        self.raw.progress_handler(instructions, Some(is_over)).map_err(|error| explain(error, &self.path))
    }

    /// Whether to wait for another process that has the file, or to fail at once.
    pub(super) fn wait_for_locks(&self, wait: bool) -> Result<(), Error> {
        let wait = if wait { LOCK_WAIT } else { Duration::ZERO };
        self.raw.busy_timeout(wait).map_err(|error| self.error(error))
    }

    /// Whether something failed since the last time for want of time or of a lock.
    pub(super) fn was_held_up(&self) -> bool {
        self.held_up.take()
    }

    pub(crate) fn for_each<E: From<Error>>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut each: impl FnMut(&crate::Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.walk(select, values, |row| each(row).map(|()| true))
    }

    pub(crate) fn first<T>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut read: impl FnMut(&crate::Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut found = None;
        self.walk(select, values, |row| {
            found = Some(read(row)?);
            Ok::<_, Error>(false)
        })?;
        Ok(found)
    }

    /// Gives rows to `each` until it says `false` or there are no more.
    fn walk<E: From<Error>>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut each: impl FnMut(&crate::Row<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        if select.kinds().is_empty() {
            return Err(Error::Statement { reason: format!("this gives no rows to read: {select:?}") }.into());
        }
        let mut statement = self.raw.prepare_cached(select.sql()).map_err(|error| self.error(error))?;
        self.bind(&mut statement, values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.error(error))? {
            if !each(&crate::Row::sqlite(Row { row, path: &self.path }, select.kinds()))? {
                break;
            }
        }
        drop(rows);
        if select.len() > LONGEST_CACHED {
            statement.discard();
        }
        Ok(())
    }

    pub(crate) fn execute(&self, prepared: &Prepared, values: &[Value]) -> Result<u64, Error> {
        if self.is_idle() {
            // Outside a transaction it would be kept, whatever becomes of the rest.
            return Err(self.undone());
        }
        if !prepared.kinds().is_empty() {
            return Err(Error::Statement { reason: format!("a select must be read, not executed: {prepared:?}") });
        }
        if prepared.changes_the_schema() {
            // Done once: not worth a place in the cache.
            return self.run(prepared.sql()).map(|()| 0);
        }
        let mut statement = self.raw.prepare_cached(prepared.sql()).map_err(|error| self.error(error))?;
        self.bind(&mut statement, values)?;
        let rows = statement.raw_execute().map_err(|error| self.error(error))?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// Runs text that needs no values and is not worth keeping.
    pub(super) fn run(&self, sql: &str) -> Result<(), Error> {
        self.raw.execute_batch(sql).map_err(|error| self.error(error))
    }

    /// Runs text that needs no values and is used again and again.
    pub(super) fn run_cached(&self, sql: &str) -> Result<(), Error> {
        let run = || self.raw.prepare_cached(sql)?.execute([]);
        run().map(drop).map_err(|error| self.error(error))
    }

    /// Whether no transaction is open: SQLite ends one by itself when a disk fails or is full.
    pub(super) fn is_idle(&self) -> bool {
        self.raw.is_autocommit()
    }

    /// Why SQLite has undone the whole transaction, not only the statement that failed: that was a change and
    /// was ended in the middle, or the disk failed or is full.
    pub(super) fn undone(&self) -> Error {
        let path = self.path.clone();
        if self.held_up.get() { Error::TooLong { path } } else { Error::NoRoom { path } }
    }

    fn bind(&self, statement: &mut rusqlite::CachedStatement<'_>, values: &[Value]) -> Result<(), Error> {
        for (index, value) in values.iter().enumerate() {
            let place = index + 1;
            match value {
                Value::Null => statement.raw_bind_parameter(place, rusqlite::types::Null),
                Value::Bool(v) => statement.raw_bind_parameter(place, i64::from(*v)),
                Value::Integer(v) | Value::Money(v) => statement.raw_bind_parameter(place, v),
                Value::Double(v) => statement.raw_bind_parameter(place, v),
                Value::Decimal(v) => statement.raw_bind_parameter(place, &decimal_to_bytes(*v)[..]),
                Value::Text(v) => statement.raw_bind_parameter(place, v),
                Value::Uuid(v) => statement.raw_bind_parameter(place, &v.as_bytes()[..]),
                Value::Time(v) => statement.raw_bind_parameter(place, v.as_millis()),
                Value::Bytes(v) => statement.raw_bind_parameter(place, &v[..]),
                Value::Pattern(v) => statement.raw_bind_parameter(place, v.glob()),
                Value::List(_, items) => {
                    let items: Vec<Raw> = items.iter().map(raw).collect();
                    statement.raw_bind_parameter(place, Rc::new(items))
                }
            }
            .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, OperationInterrupted};
        if matches!(error.sqlite_error_code(), Some(OperationInterrupted | DatabaseBusy | DatabaseLocked)) {
            self.held_up.set(true);
        }
        explain(error, &self.path)
    }
}

/// A list's item as SQLite keeps it.
fn raw(value: &Value) -> Raw {
    match value {
        Value::Null | Value::List(..) | Value::Pattern(_) => Raw::Null,
        Value::Bool(v) => Raw::Integer(i64::from(*v)),
        Value::Integer(v) | Value::Money(v) => Raw::Integer(*v),
        Value::Double(v) => Raw::Real(*v),
        Value::Decimal(v) => Raw::Blob(decimal_to_bytes(*v).to_vec()),
        Value::Text(v) => Raw::Text(v.clone()),
        Value::Uuid(v) => Raw::Blob(v.as_bytes().to_vec()),
        Value::Time(v) => Raw::Integer(v.as_millis()),
        Value::Bytes(v) => Raw::Blob(v.clone()),
    }
}

/// What an error of SQLite means to whoever uses the store.
pub(super) fn explain(error: rusqlite::Error, path: &Path) -> Error {
    let path = path.to_owned();
    let reason = error.to_string();
    if let Some(table) = missing_table(&error) {
        return Error::NoTable { path, table };
    }
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return Error::Engine { path, reason };
    };
    match (failure.extended_code, failure.code) {
        (ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY, _) => {
            unique_violation(message.as_deref().unwrap_or_default())
        }
        (_, rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            Error::Corrupt { path, reason: message.unwrap_or(reason) }
        }
        (_, rusqlite::ErrorCode::DiskFull) => Error::NoRoom { path },
        (_, rusqlite::ErrorCode::OperationInterrupted) => Error::TooLong { path },
        (_, rusqlite::ErrorCode::CannotOpen) => {
            Error::Unusable { doing: "open", path, reason: message.unwrap_or(reason) }
        }
        (_, rusqlite::ErrorCode::ReadOnly) => {
            Error::Unusable { doing: "write to", path, reason: message.unwrap_or(reason) }
        }
        (_, rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Error::Unusable {
            doing: "lock",
            path,
            reason: "another program is using it; stop that program first".to_owned(),
        },
        _ => Error::Engine { path, reason: message.unwrap_or(reason) },
    }
}

/// Reads `no such table: d_contact`, which SQLite says when it prepares a statement; nothing of the statement has
/// been done then.
fn missing_table(error: &rusqlite::Error) -> Option<String> {
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message,
        rusqlite::Error::SqlInputError { msg, .. } => msg,
        _ => return None,
    };
    let name = message.strip_prefix("no such table: ")?;
    Some(name.strip_prefix("main.").unwrap_or(name).to_owned())
}

/// Reads `UNIQUE constraint failed: contact.name, contact.number`.
fn unique_violation(message: &str) -> Error {
    let list = message.rsplit(": ").next().unwrap_or_default();
    let (mut table, mut columns) = (String::new(), Vec::new());
    for part in list.split(", ") {
        let (of, column) = part.split_once('.').unwrap_or(("", part));
        of.clone_into(&mut table);
        columns.push(column.to_owned());
    }
    Error::UniqueViolation { table, columns }
}

/// One row of a result, as SQLite has it.
#[derive(Debug)]
pub(crate) struct Row<'r> {
    row: &'r rusqlite::Row<'r>,
    path: &'r Path,
}

impl Row<'_> {
    pub(crate) fn value(&self, index: usize, kind: Kind) -> Result<ValueRef<'_>, Error> {
        let found = self.row.get_ref(index).map_err(|error| explain(error, self.path))?;
        let value = match (kind, found) {
            (_, RawRef::Null) => ValueRef::Null,
            (Kind::Bool, RawRef::Integer(v)) => ValueRef::Bool(v != 0),
            (Kind::Integer, RawRef::Integer(v)) => ValueRef::Integer(v),
            (Kind::Money, RawRef::Integer(v)) => ValueRef::Money(v),
            (Kind::Time, RawRef::Integer(v)) => ValueRef::Time(Timestamp::from_millis(v)),
            (Kind::Double, RawRef::Real(v)) => ValueRef::Double(v),
            (Kind::Text, RawRef::Text(v)) => ValueRef::Text(std::str::from_utf8(v).map_err(|_| self.damaged(index))?),
            (Kind::Bytes, RawRef::Blob(v)) => ValueRef::Bytes(v),
            (Kind::Uuid, RawRef::Blob(v)) => ValueRef::Uuid(Uuid::from_slice(v).map_err(|_| self.damaged(index))?),
            (Kind::Decimal, RawRef::Blob(v)) => {
                ValueRef::Decimal(decimal_from_bytes(v.try_into().map_err(|_| self.damaged(index))?))
            }
            (_, other) => {
                return Err(Error::Value {
                    reason: format!("column {index} was to be read as {kind:?} and holds {}", other.data_type()),
                });
            }
        };
        Ok(value)
    }

    fn damaged(&self, index: usize) -> Error {
        Error::Corrupt { path: self.path.to_owned(), reason: format!("column {index} of a row is damaged") }
    }
}
