//! Opening a file: is it ours, is it whole, is it of today?

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;
use rusqlite::config::DbConfig;

use super::Connection;
use super::connection::explain;
use crate::migration::check_numbers;
use crate::{Durability, Error, Migration, dialect};

/// "KEYH": marks a SQLite file as Keyholder's.
const APPLICATION_ID: u32 = 0x4b45_5948;
/// Plans kept per connection. A plan is some kilobytes; an idle process has to stay small.
const CACHED_STATEMENTS: usize = 64;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write { durability: Option<Durability> },
    Read,
}

/// Opens a connection on a file; the writing one first, since it makes the file.
pub(super) fn connect(path: &Path, purpose: Purpose) -> Result<Connection, Error> {
    if matches!(purpose, Purpose::Write { .. }) {
        inspect(path)?;
    }
    let raw = rusqlite::Connection::open(path).map_err(|error| explain(error, path))?;
    let connection = Connection::new(raw, path);
    connection.raw.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A plan is made for a shape, once. Without this, SQLite looks at the values of some parameters
    // (a limit's, a pattern's) and plans anew each time that they are bound.
    connection
        .raw
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(|error| connection.error(error))?;
    rusqlite::vtab::array::load_module(&connection.raw).map_err(|error| connection.error(error))?;
    connection.wait_for_locks(true)?;
    connection.run("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    match purpose {
        Purpose::Write { durability } => {
            claim(&connection)?;
            let synchronous = match durability {
                Some(Durability::Full) => "FULL",
                Some(Durability::Normal) => "NORMAL",
                None => "OFF",
            };
            connection.run(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA journal_size_limit = 16777216;"
            ))?;
        }
        Purpose::Read => connection.run("PRAGMA query_only = ON;")?,
    }
    Ok(connection)
}

/// Compares the length that a database's header names with the file's. SQLite itself notices a cut
/// only when it meets the missing part, which may be after hours of work.
///
/// With a write-ahead log beside it the file may rightly be shorter than its header says.
fn inspect(path: &Path) -> Result<(), Error> {
    let unusable =
        |error: std::io::Error| Error::Unusable { doing: "open", path: path.to_owned(), reason: error.to_string() };
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unusable(error)),
    };
    let length = file.metadata().map_err(unusable)?.len();
    let mut header = [0; 100];
    if length == 0 {
        return Ok(());
    }
    let whole = length >= 100 && file.read_exact(&mut header).map(|()| true).map_err(unusable)?;
    if !whole || !header.starts_with(b"SQLite format 3\0") {
        return Err(Error::Corrupt { path: path.to_owned(), reason: "it does not begin as a SQLite file does".into() });
    }
    let number = |from: usize| header.get(from..from + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes);
    let page_size = match header.get(16..18) {
        Some([0, 1]) => 65_536,
        Some([high, low]) => u64::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    };
    let pages = u64::from(number(28).unwrap_or(0));
    let has_log = fs::metadata(log_of(path)).is_ok_and(|log| log.len() > 0);
    if !has_log && number(24) == number(92) && length < pages * page_size {
        let reason = format!("it is {length} bytes long and should be {}: its end is missing", pages * page_size);
        return Err(Error::Corrupt { path: path.to_owned(), reason });
    }
    Ok(())
}

/// The write-ahead log's name: the file's with `-wal` behind it.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Marks an empty file as ours; refuses one that is someone else's.
fn claim(connection: &Connection) -> Result<(), Error> {
    let ask = |sql: &str| connection.raw.query_row(sql, [], |row| row.get(0)).map_err(|error| connection.error(error));
    let found: i64 = ask("PRAGMA application_id")?;
    // The pragma shows the 32 bits as a signed number.
    let found = u32::from_ne_bytes(i32::try_from(found).unwrap_or_default().to_ne_bytes());
    if found == APPLICATION_ID {
        return Ok(());
    }
    let objects: i64 = ask("SELECT count(*) FROM sqlite_schema")?;
    if found != 0 || objects != 0 {
        return Err(Error::Foreign { path: connection.path.clone(), application_id: found });
    }
    connection.run(&format!("PRAGMA application_id = {APPLICATION_ID}"))
}

/// Brings the tables to the last of these migrations, each in a transaction of its own.
pub(super) fn migrate(connection: &Connection, migrations: &[Migration]) -> Result<(), Error> {
    check_numbers(migrations)?;
    connection.run(
        "CREATE TABLE IF NOT EXISTS \"keyholder_migration\" \
         (\"number\" INTEGER NOT NULL PRIMARY KEY, \"name\" TEXT NOT NULL, \"checksum\" TEXT NOT NULL) STRICT",
    )?;
    for migration in migrations {
        let checksum = migration.checksum()?;
        let (number, path) = (migration.number, connection.path.clone());
        match recorded(connection, "SELECT number, name, checksum FROM keyholder_migration WHERE number = ?1", number)?
        {
            Some((_, _, known)) if known == checksum => {}
            Some((_, name, _)) => return Err(Error::ChangedMigration { path, number, name }),
            None => {
                connection.run("BEGIN IMMEDIATE")?;
                let applied = apply(connection, migration, &checksum).and_then(|()| connection.run("COMMIT"));
                if let Err(error) = applied {
                    // The first error is the one to tell.
                    drop(connection.run("ROLLBACK"));
                    return Err(error);
                }
            }
        }
    }
    let last = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let newer = "SELECT number, name, checksum FROM keyholder_migration WHERE number > ?1 ORDER BY number LIMIT 1";
    match recorded(connection, newer, last)? {
        Some((number, name, _)) => Err(Error::NewerMigration { path: connection.path.clone(), number, name }),
        None => Ok(()),
    }
}

fn recorded(connection: &Connection, sql: &str, number: u32) -> Result<Option<(u32, String, String)>, Error> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    connection.raw.query_row(sql, [number], read).optional().map_err(|error| connection.error(error))
}

fn apply(connection: &Connection, migration: &Migration, checksum: &str) -> Result<(), Error> {
    for statement in &migration.statements {
        connection.run(&dialect::sqlite::print(statement)?)?;
    }
    connection
        .raw
        .execute(
            "INSERT INTO keyholder_migration (number, name, checksum) VALUES (?1, ?2, ?3)",
            (migration.number, migration.name, checksum),
        )
        .map(drop)
        .map_err(|error| connection.error(error))
}
