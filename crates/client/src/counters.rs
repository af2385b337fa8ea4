//! What was sent and received, in numbers that a program can read while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

use crate::error::Error;

/// Counts, shared by all clones of one [`Http`](crate::Http).
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    repeated: AtomicU64,
    waits: AtomicU64,
    waited_millis: AtomicU64,
    rows_read: AtomicU64,
    rows_written: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
}

/// The counts at one moment.
///
/// ```no_run
/// # fn example(http: &keyholder_client::Http) {
/// let so_far = http.counted();
/// assert!(so_far.refused <= so_far.sent);
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counted {
    /// Requests that went out, those for tokens and those sent again among them.
    pub sent: u64,
    /// Requests that got no answer.
    pub failed: u64,
    /// Answers with status 429.
    pub refused: u64,
    /// Requests that were sent again.
    pub repeated: u64,
    /// How often a request waited: for room under the limits, or before it was sent again.
    pub waits: u64,
    /// How long all of them waited together.
    pub waited: Duration,
    /// Rows that were read.
    pub rows_read: u64,
    /// Rows that were written, as far as the answers tell.
    pub rows_written: u64,
    /// Bytes of the bodies that were sent.
    pub bytes_sent: u64,
    /// Bytes of the bodies that were received.
    pub bytes_received: u64,
}

fn add(to: &AtomicU64, number: usize) {
    to.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn exchanged(&self, request: &Request<Bytes>, outcome: &Result<Response<Bytes>, Error>) {
        add(&self.sent, 1);
        add(&self.bytes_sent, request.body().len());
        match outcome {
            Ok(answer) => {
                add(&self.bytes_received, answer.body().len());
                add(&self.refused, usize::from(answer.status() == http::StatusCode::TOO_MANY_REQUESTS));
            }
            Err(_) => add(&self.failed, 1),
        }
    }

    pub(crate) fn repeated(&self) {
        add(&self.repeated, 1);
    }

    pub(crate) fn waited(&self, duration: Duration) {
        add(&self.waits, 1);
        self.waited_millis.fetch_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn read(&self, rows: usize) {
        add(&self.rows_read, rows);
    }

    pub(crate) fn written(&self, rows: usize) {
        add(&self.rows_written, rows);
    }

    pub(crate) fn now(&self) -> Counted {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            sent: of(&self.sent),
            failed: of(&self.failed),
            refused: of(&self.refused),
            repeated: of(&self.repeated),
            waits: of(&self.waits),
            waited: Duration::from_millis(of(&self.waited_millis)),
            rows_read: of(&self.rows_read),
            rows_written: of(&self.rows_written),
            bytes_sent: of(&self.bytes_sent),
            bytes_received: of(&self.bytes_received),
        }
    }
}
