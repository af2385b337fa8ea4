//! What can go wrong with a store, said so that somebody can mend it.

use std::path::PathBuf;

/// Why the store did not do what it was asked. Cheap to clone: when a commit fails, every write of
/// its group is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A row with the same values in a unique index exists already. The only error that a caller
    /// is expected to act on.
    #[error("`{table}` already has a row with the same {}", columns.join(" and "))]
    UniqueViolation {
        /// The table.
        table: String,
        /// The columns of the index, in its order.
        columns: Vec<String>,
    },

    /// A statement names a table that the store does not have. Tables that are made when they are first used
    /// rely on it: whoever sees it makes the table in a write of its own and begins anew.
    #[error("the store `{}` has no table `{table}`", path.display())]
    NoTable {
        /// The file.
        path: PathBuf,
        /// The table's physical name.
        table: String,
    },

    /// Too many reads or writes wait already.
    #[error("the store `{}` has {waiting} operations waiting and takes no more; send fewer at once", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How many operations wait.
        waiting: usize,
    },

    /// The database server cannot be reached, or the connection to it broke before anything was
    /// kept.
    #[error("the database server of `{}` cannot be reached: {reason}; see that it runs, then try again", path.display())]
    Lost {
        /// The schema's address.
        path: PathBuf,
        /// What the connection or the server said.
        reason: String,
    },

    /// The connection broke while a write was being committed.
    #[error(
        "the connection to the database server of `{}` broke in the middle of a commit, so it is not known whether          the write was kept; read before you write it again", path.display()
    )]
    Undecided {
        /// The schema's address.
        path: PathBuf,
    },

    /// Others changed the same again and again, or held a lock for too long.
    #[error("others keep the store `{}` too busy: {reason}; try again later", path.display())]
    Contended {
        /// The schema's address.
        path: PathBuf,
        /// The server's own words.
        reason: String,
    },

    /// A statement would have taken more work than any may.
    #[error("a statement on the store `{}` took too long and was ended; ask for less at once", path.display())]
    TooLong {
        /// The file, or the schema's address.
        path: PathBuf,
    },

    /// A database's address that cannot be used.
    #[error("the database URL cannot be used: {reason}; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE")]
    Address {
        /// What is wrong with it; never the address itself, which has a password in it.
        reason: String,
    },

    /// The store was closed.
    #[error("the store `{}` is closed", path.display())]
    Closed {
        /// The file.
        path: PathBuf,
    },

    /// The file is no database, or was damaged or cut.
    #[error(
        "`{}` is not a sound database: {reason}; restore it from a backup, or start anew in another folder",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },

    /// The file is a database of some other program.
    #[error(
        "`{}` is a database, but not one of Keyholder's (its application id is {application_id:#010x}); \
         name another file or folder",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// SQLite's `application_id` of the file.
        application_id: u32,
    },

    /// The file was written by a program that knows more migrations than this one.
    #[error(
        "`{}` was last used by a newer Keyholder (it has migration {number}, `{name}`); \
         use that version, or another data folder", path.display()
    )]
    NewerMigration {
        /// The file.
        path: PathBuf,
        /// The first migration that this program does not know.
        number: u32,
        /// Its name.
        name: String,
    },

    /// A migration that the file has already seen reads differently now.
    #[error(
        "migration {number} (`{name}`) of `{}` is not the one that this program knows; the file comes from another \
         build: use that build, or another data folder", path.display()
    )]
    ChangedMigration {
        /// The file.
        path: PathBuf,
        /// Its number.
        number: u32,
        /// Its name in the file.
        name: String,
    },

    /// The file or its folder could not be used at all.
    #[error("could not {doing} `{}`: {reason}", path.display())]
    Unusable {
        /// What was tried, as in "could not ... the file".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },

    /// The disk is full; nothing of the write was kept.
    #[error("no room left for `{}`: free some space on its disk and try again", path.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
    },

    /// A statement that cannot be printed: a mistake in the program, not in its input.
    #[error("malformed statement: {reason}")]
    Statement {
        /// What is wrong with it.
        reason: String,
    },

    /// A value that a store cannot keep, or that is not of the kind that the statement says.
    #[error("{reason}")]
    Value {
        /// Which, and why.
        reason: String,
    },

    /// Anything else that the engine said.
    #[error("the store `{}` failed: {reason}", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// The engine's own words.
        reason: String,
    },
}
