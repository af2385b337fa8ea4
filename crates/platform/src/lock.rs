//! One process per folder, or per file.
//!
//! The lock is the operating system's own on an open file, so it ends with the process however
//! that ends: a killed org leaves nothing that has to be cleaned up by hand.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::files::FileError;
use crate::system;

/// How often a lock is tried whose file goes away under the hand.
const TRIES: u32 = 16;

/// Why a folder or file could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("`{}` is in use by another process", path.display())]
    Held {
        /// The lock's file.
        path: PathBuf,
    },
    /// The lock's file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Holds a file until it is dropped or the process ends.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Takes the lock of a file, without waiting, and opens it to be read and written; it is made, for its owner alone, where
    /// there is none. One that is there keeps its rights.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn open(path: &Path) -> Result<Self, LockError> {
        Self::open_by(path, |path| {
            system::open_file(path).map_err(|source| FileError::Io { doing: "open", path: path.to_path_buf(), source })
        })
    }

    fn open_by(path: &Path, open: impl Fn(&Path) -> Result<File, FileError>) -> Result<Self, LockError> {
        let io = |source| FileError::Io { doing: "open", path: path.to_path_buf(), source };
        for _ in 0..TRIES {
            let lock = Self::take(open(path)?, path)?;
            // Otherwise, whoever had it removed the file between opening and locking.
            if lock.stands().map_err(io)? {
                return Ok(lock);
            }
        }
        Err(LockError::Held { path: path.to_path_buf() })
    }

    /// Takes the lock of an open file, without waiting; open for reading is enough. Where the system lets nobody else read
    /// a locked file (as Windows does), it can be read by this handle of it.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it; [`LockError::File`] also where the file is on a file system without
    /// locks, or one that locks only what is open for writing (as NFS does).
    pub fn of(file: &File, path: &Path) -> Result<Self, LockError> {
        let io = |source| FileError::Io { doing: "lock", path: path.to_path_buf(), source };
        Self::take(file.try_clone().map_err(io)?, path)
    }

    fn take(file: File, path: &Path) -> Result<Self, LockError> {
        let path = path.to_path_buf();
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(FileError::Io { doing: "lock", path, source }.into()),
        }
    }

    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether the file that is locked is the one that others would open by its name: nobody removed, moved or replaced it.
    ///
    /// # Errors
    /// What the system says of the file, but for its absence.
    pub fn stands(&self) -> io::Result<bool> {
        match system::is_file_at(&self.file, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other,
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing it gives the lock back only when no other process has the same open file, and a program that another
        // thread is starting has all of this process's until it runs.
        let _ = self.file.unlock();
    }
}

/// Holds a folder until it is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock(FileLock);

impl FolderLock {
    /// Takes the lock `name` in `folder`, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it; [`LockError::File`] also where that name is a link's.
    pub fn take(folder: &Path, name: &str) -> Result<Self, LockError> {
        let lock = FileLock::open_by(&folder.join(name), |path| crate::files::open_private_file(path, "open"))?;
        crate::files::narrow(lock.file(), &lock.path)?;
        Ok(Self(lock))
    }

    /// Lets the programs that are started while it is held hold it too: when this process is killed, it ends with the last
    /// of them. Dropping it gives it back at once, whoever still runs. Only Unix can do it.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn hand_down(&self) -> Result<(), FileError> {
        let io = |source| FileError::Io { doing: "lock", path: self.0.path.clone(), source };
        system::hand_down(&self.0.file).map_err(io)
    }

    /// Gives the lock back and removes its file, while nobody else can have it. The file stays where
    /// the system does not remove an open one, and nobody misses it then.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.0.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path(), "lock").unwrap();
        assert!(matches!(FolderLock::take(folder.path(), "lock"), Err(LockError::Held { .. })));
        drop(held);
        FolderLock::take(folder.path(), "lock").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_not_held_by_a_file_elsewhere() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let other = elsewhere.path().join("other");
        std::fs::write(&other, "x").unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&other, folder.path().join("lock")).unwrap();
        let refused = FolderLock::take(folder.path(), "lock").unwrap_err();
        assert!(matches!(refused, LockError::File(FileError::Link { .. })), "{refused}");
        assert!(!crate::is_private(&other).unwrap(), "its rights are as they were");
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FolderLock::take(folder.path(), "lock").unwrap();
        // Opened by somebody else before it was removed, locked after that.
        let late = system::open_file(&path).unwrap();
        held.remove();
        assert!(!path.exists());
        let late = FileLock::of(&late, &path).unwrap();
        assert!(!late.stands().unwrap());
        let new = FolderLock::take(folder.path(), "lock").unwrap();
        assert!(new.0.stands().unwrap() && !late.stands().unwrap());
    }

    #[test]
    fn a_file_that_is_only_read_is_locked_too_and_given_back_by_all_its_handles() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        std::fs::write(&path, "x").unwrap();
        let (file, other) = (File::open(&path).unwrap(), File::open(&path).unwrap());
        let held = FileLock::of(&file, &path).unwrap();
        assert!(matches!(FileLock::of(&other, &path), Err(LockError::Held { .. })));
        // `file` is the same open file, as a program's is that is being started.
        drop(held);
        FileLock::of(&other, &path).unwrap();
    }
}
