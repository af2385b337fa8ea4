//! One process per folder.
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

/// Why a folder could not be locked.
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

/// Holds a folder until it is dropped or the process ends.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
}

impl FolderLock {
    /// Takes the lock `name` in `folder`, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn take(folder: &Path, name: &str) -> Result<Self, LockError> {
        let path = folder.join(name);
        let io = |source| FileError::Io { doing: "lock", path: path.clone(), source };
        for _ in 0..TRIES {
            let lock = Self { file: system::open_private_file(&path).map_err(io)?, path: path.clone() };
            match lock.file.try_lock() {
                Ok(()) if lock.stands().map_err(io)? => return Ok(lock),
                // Whoever had it removed the file between opening and locking.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(source)) => return Err(io(source).into()),
            }
        }
        Err(LockError::Held { path })
    }

    /// Whether the file that is locked is the one that others would open.
    fn stands(&self) -> io::Result<bool> {
        match system::is_file_at(&self.file, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other,
        }
    }

    /// Gives the lock back and removes its file, while nobody else can have it. The file stays where
    /// the system does not remove an open one, and nobody misses it then.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
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
    fn a_lock_on_a_file_that_was_removed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = FolderLock::take(folder.path(), "lock").unwrap();
        // Opened by somebody else before it was removed, locked after that.
        let late = FolderLock { file: system::open_private_file(&path).unwrap(), path: path.clone() };
        held.remove();
        assert!(!path.exists());
        late.file.try_lock().unwrap();
        assert!(!late.stands().unwrap());
        let new = FolderLock::take(folder.path(), "lock").unwrap();
        assert!(new.stands().unwrap() && !late.stands().unwrap());
    }
}
