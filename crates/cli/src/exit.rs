//! Exit codes: stable, documented in `--help`, after BSD's `sysexits.h` where it has a word.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// It failed, for a reason that none of the others names.
    Failed = 1,
    /// `plan`: there are changes.
    Changes = 2,
    /// `audit --fail-on`: there are findings.
    Findings = 3,
    /// The command line is wrong.
    Usage = 64,
    /// Data that was given or received is wrong.
    BadData = 65,
    /// A service is out of reach.
    OutOfReach = 69,
    /// A file, folder or port cannot be made or opened.
    CannotCreate = 73,
    /// Wrong credentials or a missing right.
    NotAllowed = 77,
    /// A setting is missing or wrong.
    BadConfiguration = 78,
    /// Somebody stopped it before it was done: Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
