//! What a client that is measured is told to do, and what it says of it. `peers/` has the same in other languages.

use std::fmt;
use std::time::Duration;

use keyholder_client::Limits;
use serde::{Deserialize, Serialize};

/// Which messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Operation {
    Create,
    /// By the alternate key of the mail address.
    Upsert,
    /// All contacts, page by page.
    Read,
}

/// How rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// `CreateMultiple` or `UpsertMultiple`.
    Multiple,
    /// `$batch`, with one change set.
    Batch,
    Single,
}

/// A client's task.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) operation: Operation,
    pub(crate) mode: Mode,
    /// Rows in one request.
    pub(crate) size: u32,
    pub(crate) rows: u32,
    /// Requests under way at once.
    pub(crate) concurrency: usize,
    /// What the org allows, where the client shall know it: requests, seconds of execution, requests at once, and the
    /// window's seconds. The others have no place for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limits: Option<(u32, u64, u32, u64)>,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) seconds: f64,
    /// Rows that were answered for.
    pub(crate) rows: u32,
    /// Requests that were refused for a limit.
    pub(crate) refused: u32,
    /// What else went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

impl Task {
    /// Writes new rows.
    pub(crate) fn create(mode: Mode, size: u32, rows: u32, concurrency: usize) -> Self {
        Self { operation: Operation::Create, mode, size, rows: rows / size * size, concurrency, limits: None }
    }

    /// Changes rows by their key, or makes them.
    pub(crate) fn upsert(size: u32, rows: u32, concurrency: usize) -> Self {
        Self { operation: Operation::Upsert, ..Self::create(Mode::Multiple, size, rows, concurrency) }
    }

    /// The same of a client that knows these limits.
    pub(crate) fn under(self, limits: &Limits) -> Self {
        let (execution, window) = (limits.execution.as_secs(), limits.window.as_secs());
        Self { limits: Some((limits.requests, execution, limits.concurrent, window)), ..self }
    }

    /// The limits that the client knows.
    pub(crate) fn limits(&self) -> Option<Limits> {
        let (requests, execution, concurrent, window) = self.limits?;
        let [execution, window] = [execution, window].map(Duration::from_secs);
        Some(Limits { requests, execution, concurrent, window })
    }

    /// Reads all contacts, of which there are so many.
    pub(crate) fn read(rows: u32) -> Self {
        Self { operation: Operation::Read, mode: Mode::Single, size: 1, rows, concurrency: 1, limits: None }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, size, concurrency, .. } = self;
        match (self.operation, self.mode) {
            (Operation::Read, _) => write!(f, "{rows} rows read in pages"),
            (Operation::Create, Mode::Multiple) => write!(f, "{rows} rows by CreateMultiple of {size}"),
            (Operation::Upsert, Mode::Multiple) => write!(f, "{rows} rows by UpsertMultiple of {size}"),
            (_, Mode::Batch) => write!(f, "{rows} rows by batches of {size} creates"),
            (_, Mode::Single) => write!(f, "{rows} rows by single creates"),
        }?;
        if concurrency > &1 { write!(f, ", {concurrency} at once") } else { Ok(()) }
    }
}
