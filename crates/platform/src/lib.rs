//! What differs between operating systems, in one place: private files, folder locks, signals,
//! where things are.
//!
//! Most people who administer Dynamics 365 use Windows. Everything Unix-only that Keyholder
//! needs stands in the `unix` module here, with a twin for other systems beside it; no other
//! room asks `cfg(unix)`.

pub mod command;
pub mod env_file;
pub mod files;
pub mod heap;
pub mod lock;
pub mod places;
pub mod signal;
pub mod sleep;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as system;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
use other as system;

pub use command::{CommandError, Ended, Leash, run_with_input};
pub use env_file::{EnvFile, EnvFileError};
pub use files::{
    FileCursor, FileError, create_new, create_private_file, create_private_folder, is_anothers, is_private,
    is_same_file, make_private_file, narrow, open_own, read_bounded, read_bytes_bounded, read_own_bounded,
    regular_file, whole_path, write_private, write_private_passing, write_whole,
};
pub use heap::keep_few_heaps;
pub use lock::{FileLock, FolderLock, LockError};
pub use places::{find_program, has_browser, is_program, open_in_browser, state_folder};
pub use signal::Interruption;
pub use sleep::RuntimeSleep;

/// How many files and sockets this process may have open at once; `None` where the system does not
/// say.
#[must_use]
pub fn open_files() -> Option<usize> {
    system::open_files()
}
