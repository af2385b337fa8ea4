//! What an error of the server or the connection means.

use std::error::Error as StdError;
use std::path::Path;

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::value::Mismatch;
use crate::Error;

/// What becomes of the transaction under way.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// A unique index refused a row: run the closure again, with a savepoint around each statement.
    Violated,
    /// What the closure expected of some rows is not so: run it again, and let it ask.
    Unexpected,
    /// The server gave the transaction up to let others go on: run it again.
    Again(Error),
    /// Tables are not what a statement was planned for: forget the plans and run it again.
    Moved(Error),
    /// The connection is gone, and with it the transaction.
    Lost(Error),
    /// The transaction can only be rolled back.
    Broken(Error),
    /// Nothing reached the server; the transaction goes on.
    Unsent(Error),
}

impl Failure {
    /// What the closure is told.
    pub(super) fn error(&self) -> Error {
        match self {
            // Seen by nobody: the closure is run again, whatever it makes of this.
            Self::Violated | Self::Unexpected => Error::UniqueViolation { table: String::new(), columns: Vec::new() },
            Self::Again(error) | Self::Moved(error) | Self::Lost(error) | Self::Broken(error) | Self::Unsent(error) => {
                error.clone()
            }
        }
    }
}

/// What an error means for whatever was being done at this place with this text.
pub(super) fn explain(error: &tokio_postgres::Error, place: &Path, sql: &str) -> Failure {
    let path = place.to_owned();
    let Some(said) = error.as_db_error() else {
        if let Some(mismatch) = error.source().and_then(|source| source.downcast_ref::<Mismatch>()) {
            return Failure::Unsent(Error::Value { reason: mismatch.to_string() });
        }
        return Failure::Lost(Error::Lost { path, reason: words(error) });
    };
    let reason = said.message().to_owned();
    let code = said.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        Failure::Violated
    } else if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
        Failure::Again(Error::Contended { path, reason })
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        Failure::Broken(Error::Contended { path, reason })
    } else if *code == SqlState::QUERY_CANCELED {
        Failure::Broken(Error::TooLong { path })
    } else if *code == SqlState::UNDEFINED_TABLE {
        // Not waited for: who rightly misses it makes it, and who wrongly does learns that the schema has moved.
        Failure::Broken(match named(said, sql) {
            Some(table) => Error::NoTable { path, table },
            None => Error::Engine { path, reason },
        })
    } else if [SqlState::UNDEFINED_COLUMN, SqlState::FEATURE_NOT_SUPPORTED].contains(code) {
        Failure::Moved(Error::Engine { path, reason })
    } else if [SqlState::DISK_FULL, SqlState::OUT_OF_MEMORY].contains(code) {
        Failure::Broken(Error::NoRoom { path })
    } else if *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE {
        Failure::Broken(Error::Value { reason: format!("a value cannot be stored: {reason}") })
    } else if is_end(code) {
        Failure::Lost(Error::Lost { path, reason })
    } else {
        Failure::Broken(Error::Engine { path, reason })
    }
}

/// The name in quotes at the place in the text that the server points to: its message is in whatever
/// language it was set to.
fn named(said: &DbError, sql: &str) -> Option<String> {
    let Some(ErrorPosition::Original(place)) = said.position() else { return None };
    // Counted in characters, from one.
    let from: String = sql.chars().skip(usize::try_from(*place).ok()?.checked_sub(1)?).collect();
    let name = from.strip_prefix('"')?.split('"').next()?;
    Some(name.to_owned())
}

/// Whether the server ends the connection with this: it is stopping or starting, refuses who asks, or
/// an administrator wanted it so.
fn is_end(code: &SqlState) -> bool {
    // Classes 08 (connections), 28 (who may), 3D (which database); 53300 is too many connections, and
    // 25P03 a transaction in which nothing was asked for too long.
    ["08", "28", "3D", "57P"].iter().any(|class| code.code().starts_with(class))
        || ["53300", "25P03"].contains(&code.code())
}

/// An error of the connection with its causes; the library names only the outermost.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
