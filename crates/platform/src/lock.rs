//! One process per folder.
//!
//! The lock is the operating system's own on an open file, so it ends with the process however
//! that ends: a killed org leaves nothing that has to be cleaned up by hand.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::files::FileError;
use crate::system;

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
    _file: File,
}

impl FolderLock {
    /// Takes the lock `name` in `folder`, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] when another process has it.
    pub fn take(folder: &Path, name: &str) -> Result<Self, LockError> {
        let path = folder.join(name);
        let io = |source| FileError::Io { doing: "lock", path: path.clone(), source };
        let file = system::open_private_file(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held { path }),
            Err(TryLockError::Error(source)) => Err(FileError::Io { doing: "lock", path, source }.into()),
        }
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
}
