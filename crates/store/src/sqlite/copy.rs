//! A copy of a database in another file, as of one moment, while others go on using it.

use std::fs::File;
use std::path::Path;

use rusqlite::OpenFlags;

use super::connection::explain;
use crate::Error;

/// Writes what is committed in the database `from` now to the new file `to`: one file, without a
/// log beside it, so that it can be copied on like any other.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let unusable = |reason: String| Error::Unusable { doing: "copy to", path: to.to_owned(), reason };
    let target = to.to_str().ok_or_else(|| unusable("its name is not UTF-8".to_owned()))?;
    if to.exists() {
        return Err(unusable("there is a file of that name".to_owned()));
    }
    // A missing database is not made, as the default flags would.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(from, flags).map_err(|error| explain(error, from))?;
    connection.execute("VACUUM INTO ?1", [target]).map_err(|error| explain(error, from))?;
    // What is told of as copied must outlive the machine's power.
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| unusable(error.to_string()))
}
