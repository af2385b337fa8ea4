//! Files that only their owner may read, written whole or not at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::system;

/// A file or folder that could not be used, with its name.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", "create the folder".
        doing: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than anything that belongs there.
    #[error("`{}` is larger than {limit} bytes, which nothing that belongs there is", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// There is something of that name that is no file with a content of its own: a folder, a pipe, a device.
    #[error("`{}` is no regular file", path.display())]
    NotRegular {
        /// What it was taken for.
        path: PathBuf,
    },
    /// There is a symbolic link of that name, where what it leads to would be changed: anybody can lead one anywhere.
    #[error("`{}` is a link, and links are not followed there; put a file of its own in its place, or nothing", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// The file belongs to another user, who may have put it there to be taken for one's own.
    #[error("`{}` belongs to somebody else", path.display())]
    NotOwn {
        /// Which file.
        path: PathBuf,
    },
    /// The file was written and stands, but nobody knows whether it does after a loss of power.
    #[error("`{}` is written, and may be as it was before after a loss of power: {source}", path.display())]
    Unsettled {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("`{}` is not a UTF-8 text", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
    },
}

impl FileError {
    /// Whether the file or folder simply is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether there is a file or folder of that name.
    #[must_use]
    pub fn is_there_already(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Whether the operating system's own rights stood in the way.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}

/// How the name of a file ends that is still being written; it begins with a dot.
pub const UNFINISHED: &str = ".new";

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_path_buf();
    move |source| FileError::Io { doing, path, source }
}

/// Makes a folder (and its parents) that only its owner may enter; an existing one is narrowed.
///
/// # Errors
/// [`FileError::Io`] when the system refuses, for instance because a file has that name.
pub fn create_private_folder(path: &Path) -> Result<(), FileError> {
    system::create_private_folder(path).map_err(failed("create the folder", path))
}

/// Makes an empty file that only its owner may read (mode 0600); an existing one is narrowed and
/// keeps what is in it.
///
/// # Errors
/// [`FileError::Link`] and [`FileError::NotRegular`] where that name is not a file's own, and [`FileError::Io`] when the
/// system refuses.
pub fn make_private_file(path: &Path) -> Result<(), FileError> {
    let file = open_private_file(path, "make")?;
    system::narrow(&file).map_err(failed("make", path))
}

/// Opens a file to be read and written that is to be its owner's alone, and makes it where there is none.
pub(crate) fn open_private_file(path: &Path, doing: &'static str) -> Result<File, FileError> {
    let file = system::open_private_file(path).map_err(|source| {
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if is_link { FileError::Link { path: path.to_path_buf() } } else { failed(doing, path)(source) }
    })?;
    let found = file.metadata().map_err(failed("look at", path))?;
    if found.is_file() { Ok(file) } else { Err(FileError::NotRegular { path: path.to_path_buf() }) }
}

/// Makes a new file that only its owner may read (mode 0600), to be read and written.
///
/// # Errors
/// [`FileError::Io`], of which [`FileError::is_there_already`] tells whether the name was taken.
pub fn create_private_file(path: &Path) -> Result<File, FileError> {
    system::create_private_file(path).map_err(failed("make", path))
}

/// Lets only its owner read an open file from now on (mode 0600): for who looked at one first whether it is his.
///
/// # Errors
/// [`FileError::Io`] when the system refuses.
pub fn narrow(file: &File, path: &Path) -> Result<(), FileError> {
    system::narrow(file).map_err(failed("take the rights of others from", path))
}

/// The whole path, past symbolic links. There may be no file of that name yet, but its folder.
///
/// # Errors
/// [`FileError::Io`], for instance because there is no such folder.
pub fn whole_path(path: &Path) -> Result<PathBuf, FileError> {
    match std::fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found.map_err(failed("find", path)),
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(folder).map_err(failed("find the folder of", path))?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

/// Whether two paths lead to one file, by whichever names; there may be none yet.
///
/// # Errors
/// As [`whole_path`], and when a file cannot be looked at.
pub fn is_same_file(one: &Path, other: &Path) -> Result<bool, FileError> {
    if whole_path(one)? == whole_path(other)? {
        return Ok(true);
    }
    match system::is_same_file(one, other) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map_err(failed("look at", one)),
    }
}

/// A place of its own in an open file: who reads there moves nobody else's, and the file's name, which may be
/// another file's by now, is not looked up again.
#[derive(Debug, Clone)]
pub struct FileCursor {
    file: Arc<File>,
    offset: u64,
}

impl FileCursor {
    /// So many bytes behind the file's start.
    #[must_use]
    pub fn new(file: Arc<File>, offset: u64) -> Self {
        Self { file, offset }
    }

    /// Another place in the same file.
    #[must_use]
    pub fn at(&self, offset: u64) -> Self {
        Self { file: self.file.clone(), offset }
    }
}

impl Read for FileCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = system::read_at(&self.file, buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// The file that a path leads to, past symbolic links: where it is to be read, and written anew without a
/// link being replaced by a file. There may be none yet.
///
/// # Errors
/// [`FileError::NotRegular`] for a folder, a pipe or a device, whose reading might never end, and
/// [`FileError::Io`] for a link that leads nowhere.
pub fn regular_file(path: &Path) -> Result<PathBuf, FileError> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_path_buf()),
        found => found.map_err(failed("look at", path))?,
    };
    let (file, found) = if found.is_symlink() {
        let file = std::fs::canonicalize(path).map_err(|source| FileError::Io {
            doing: "follow the link",
            path: path.to_path_buf(),
            // Not "missing": that would be taken for a file that is still to be made.
            source: io::Error::other(source),
        })?;
        let found = std::fs::metadata(&file).map_err(failed("look at", path))?;
        (file, found)
    } else {
        (path.to_path_buf(), found)
    };
    if found.is_file() { Ok(file) } else { Err(FileError::NotRegular { path: path.to_path_buf() }) }
}

/// Opens a file that an earlier run has left, to be gone on with: one of the caller's own, and no link to another, which
/// anybody could have made in a folder that is shared.
///
/// # Errors
/// [`FileError::NotRegular`] for a link, a folder, a pipe or a device, [`FileError::NotOwn`] for another user's file, and
/// [`FileError::Io`].
pub fn open_own(path: &Path) -> Result<File, FileError> {
    open_itself(path, true)
}

/// As [`read_bounded`], of a file as [`open_own`] takes it.
///
/// # Errors
/// [`FileError`] as these two have it.
pub fn read_own_bounded(path: &Path, limit: u64) -> Result<String, FileError> {
    text(read_to(open_itself(path, false)?, path, limit)?, path)
}

fn open_itself(path: &Path, write: bool) -> Result<File, FileError> {
    let not_regular = || FileError::NotRegular { path: path.to_path_buf() };
    let file = system::open_itself(path, write).map_err(|source| {
        let is_other = std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file());
        if is_other { not_regular() } else { failed("open", path)(source) }
    })?;
    if !file.metadata().map_err(failed("look at", path))?.is_file() {
        return Err(not_regular());
    }
    if system::is_own(&file).map_err(failed("look at", path))? {
        Ok(file)
    } else {
        Err(FileError::NotOwn { path: path.to_path_buf() })
    }
}

/// Whether there is a file of that name that belongs to another user: written anew it would be the caller's, and that
/// user's programs could not read it any more.
///
/// # Errors
/// [`FileError::Io`] when it cannot be looked at.
pub fn is_anothers(path: &Path) -> Result<bool, FileError> {
    match system::is_anothers(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map_err(failed("look at", path)),
    }
}

/// Whether nobody but the owner may read the file.
///
/// # Errors
/// [`FileError::Io`] when it cannot be looked at.
pub fn is_private(path: &Path) -> Result<bool, FileError> {
    system::is_private(path).map_err(failed("look at", path))
}

/// Writes `content` to a file that only its owner may read (mode 0600), whole or not at all:
/// a new file beside it is written, made durable and renamed over it.
///
/// # Errors
/// [`FileError::Io`]; the old content then still stands. [`FileError::Unsettled`], where the new one does.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write(path, content, true, system::create_private_file)
}

/// As [`write_private`], for what means nothing after the machine's power is gone: not waiting for
/// the disk saves some ten milliseconds.
///
/// # Errors
/// [`FileError::Io`]; the old content then still stands.
pub fn write_private_passing(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write(path, content, false, system::create_private_file)
}

/// Writes `content` to a file that others may read as far as the user's new files let them, or as far as the file that is there
/// did; whole or not at all, as [`write_private`].
///
/// # Errors
/// As [`write_private`].
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write(path, content, true, |beside| {
        let file = File::create_new(beside)?;
        if let Ok(there) = std::fs::metadata(path) {
            file.set_permissions(there.permissions())?;
        }
        Ok(file)
    })
}

fn write(
    path: &Path,
    content: &[u8],
    durable: bool,
    make: impl FnOnce(&Path) -> io::Result<File>,
) -> Result<(), FileError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}{UNFINISHED}", std::process::id()));
    let beside = folder.join(name);
    // A killed run with the same process id may have left one.
    let _ = std::fs::remove_file(&beside);
    let written = (|| {
        let mut file = make(&beside)?;
        file.write_all(content)?;
        if durable {
            file.sync_all()?;
        }
        std::fs::rename(&beside, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(failed("write", path))?;
    if !durable {
        return Ok(());
    }
    system::sync_folder(folder).map_err(|source| FileError::Unsettled { path: path.to_path_buf(), source })
}

/// Writes `content` to a new file, with the rights that the user's new files have; one that is there
/// stays as it is.
///
/// # Errors
/// [`FileError::Io`], of which [`FileError::is_there_already`] tells whether the name was taken.
pub fn create_new(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut file = File::create_new(path).map_err(failed("make", path))?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a file is worse than none.
        let _ = std::fs::remove_file(path);
    }
    written.map_err(failed("write", path))
}

/// Reads a text of at most `limit` bytes.
///
/// # Errors
/// [`FileError`] when it cannot be read, is larger, or is not UTF-8.
pub fn read_bounded(path: &Path, limit: u64) -> Result<String, FileError> {
    text(read_bytes_bounded(path, limit)?, path)
}

fn text(bytes: Vec<u8>, path: &Path) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|_| FileError::NotText { path: path.to_path_buf() })
}

/// The same for a file of any bytes.
///
/// # Errors
/// When it cannot be read, or is larger than `limit` bytes.
pub fn read_bytes_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_to(File::open(path).map_err(failed("read", path))?, path, limit)
}

fn read_to(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge { path: path.to_path_buf(), limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_files_are_private_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        create_private_folder(&inner).unwrap();
        let file = inner.join("secret.env");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(read_bounded(&file, 10).unwrap(), "two");
        assert!(is_private(&file).unwrap());
        assert!(is_private(&inner).unwrap());
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1, "nothing is left beside it");
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_their_files_and_what_is_no_file_is_refused() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(regular_file(&at("none")).unwrap(), at("none"));
        std::fs::write(at("file"), "x").unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink("link", at("second")).unwrap();
        let file = at("file").canonicalize().unwrap();
        assert_eq!(regular_file(&at("file")).unwrap(), at("file"));
        assert_eq!(regular_file(&at("second")).unwrap(), file);
        symlink(at("nowhere"), at("lost")).unwrap();
        let lost = regular_file(&at("lost")).unwrap_err();
        assert!(!lost.is_missing() && lost.to_string().contains("lost"), "{lost}");
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        for name in ["pipe", "."] {
            let error = regular_file(&at(name)).unwrap_err();
            assert!(matches!(error, FileError::NotRegular { .. }), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_gone_on_with_is_a_file_of_ones_own() {
        use std::os::unix::fs::{MetadataExt, chown, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        open_own(&at("file")).unwrap().write_all(b"own").unwrap();
        assert_eq!(read_own_bounded(&at("file"), 3).unwrap(), "own");
        assert!(matches!(read_own_bounded(&at("file"), 2), Err(FileError::TooLarge { .. })));
        assert!(open_own(&at("none")).unwrap_err().is_missing());
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("lost")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        for name in ["link", "lost", "pipe", "."] {
            assert!(matches!(open_own(&at(name)), Err(FileError::NotRegular { .. })), "{name}");
            assert!(matches!(read_own_bounded(&at(name), 10), Err(FileError::NotRegular { .. })), "{name}");
        }
        // Another's file: one of the system's, or one given away by whoever may do that.
        let mut foreign = std::path::PathBuf::from("/etc/passwd");
        if std::fs::metadata(&foreign).unwrap().uid() == std::fs::metadata(at("file")).unwrap().uid() {
            foreign = at("file");
            chown(&foreign, Some(65_534), None).unwrap();
            assert!(matches!(open_own(&foreign), Err(FileError::NotOwn { .. })));
        }
        let error = read_own_bounded(&foreign, 1 << 20).unwrap_err();
        assert!(matches!(error, FileError::NotOwn { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_made_private_through_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::fs::set_permissions(at("file"), std::fs::Permissions::from_mode(0o644)).unwrap();
        symlink(at("file"), at("link")).unwrap();
        symlink(at("nowhere"), at("lost")).unwrap();
        for name in ["link", "lost"] {
            let error = make_private_file(&at(name)).unwrap_err();
            assert!(matches!(error, FileError::Link { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(!is_private(&at("file")).unwrap(), "its rights are as they were");
        assert!(!at("nowhere").exists(), "and nothing was made");
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        assert!(matches!(make_private_file(&at("pipe")), Err(FileError::NotRegular { .. })));
        make_private_file(&at("file")).unwrap();
        make_private_file(&at("new")).unwrap();
        assert!(is_private(&at("file")).unwrap() && is_private(&at("new")).unwrap());
        assert_eq!(read_bounded(&at("file"), 10).unwrap(), "x");
    }

    #[test]
    fn one_file_is_known_by_whichever_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("inner")).unwrap();
        let other = at("inner").join("..").join("new");
        assert!(is_same_file(&at("new"), &other).unwrap() && !is_same_file(&at("new"), &at("old")).unwrap());
        std::fs::write(at("new"), "x").unwrap();
        assert!(is_same_file(&at("new"), &other).unwrap() && !is_same_file(&at("new"), &at("old")).unwrap());
        std::fs::write(at("old"), "x").unwrap();
        assert!(!is_same_file(&at("new"), &at("old")).unwrap());
        assert!(is_same_file(&at("none").join("new"), &at("new")).is_err());
        if cfg!(unix) {
            std::fs::hard_link(at("new"), at("linked")).unwrap();
            assert!(is_same_file(&at("linked"), &other).unwrap());
        }
    }

    #[test]
    fn a_cursor_reads_the_file_that_was_opened_wherever_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "0123456789").unwrap();
        let mut first = FileCursor::new(Arc::new(File::open(at("file")).unwrap()), 2);
        std::fs::write(at("new"), "another").unwrap();
        std::fs::rename(at("new"), at("file")).unwrap();
        let mut bytes = [0; 3];
        first.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"234");
        let mut rest = String::new();
        first.at(8).read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "89");
        first.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"567");
    }

    #[test]
    fn a_file_that_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keyholder.toml");
        create_new(&file, b"one").unwrap();
        assert!(create_new(&file, b"two").unwrap_err().is_there_already());
        assert_eq!(read_bounded(&file, 10).unwrap(), "one");
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nothing");
        let error = read_bounded(&missing, 10).unwrap_err();
        assert!(error.is_missing() && error.to_string().contains("nothing"), "{error}");
        std::fs::write(folder.path().join("large"), "0123456789x").unwrap();
        assert!(matches!(read_bounded(&folder.path().join("large"), 10), Err(FileError::TooLarge { .. })));
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        assert!(matches!(read_bounded(&folder.path().join("binary"), 10), Err(FileError::NotText { .. })));
        assert!(create_private_folder(&folder.path().join("large")).is_err());
    }
}
