//! How much of the engine's work a closure may take, and who waits for it.
//!
//! Tables that are joined to each other without end would otherwise keep a thread for good, and with the
//! one that writes every write. The bound counts the engine's instructions, not time, so that the same
//! closure ends at the same place on a busy machine as on an idle one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Connection;
use crate::Error;
use crate::job::Watch;

/// After how many instructions the engine asks whether it may go on.
pub(super) const PERIOD: u32 = 1_000;
/// How many such periods a closure takes at most on a thread of the store: 10 to 20 seconds' work. Counted with a handler
/// of this period over joins of three tables of 10,000 rows, a busy shared processor does 70 to 140 million
/// instructions a second, an idle one up to 300: a sort and `LIKE` are at the lower end, comparing numbers is
/// at the upper. Pages that have to come from the disk make it longer.
pub(super) const LONGEST: u32 = 1_500_000;

/// How many of them a read takes at most before it counts as long: 2 million instructions, some 25 ms. A page of 5,000
/// rows of a hundred columns takes less.
pub(super) const SHORT: u32 = 2_000;

/// The bound on what one connection does.
#[derive(Debug)]
pub(super) struct Work {
    shared: Arc<Shared>,
    /// How many periods any closure may take.
    longest: u32,
}

struct Shared {
    /// How many periods the closure under way may still take; below zero when it wanted more.
    left: AtomicI64,
    /// Says whether somebody still waits for the closure under way.
    watch: Mutex<Option<Watch>>,
}

impl Work {
    /// Bounds what is done on a connection from now on to so many periods at a time.
    pub(super) fn bound(connection: &mut Connection, longest: u32) -> Result<Self, Error> {
        let shared = Arc::new(Shared { left: AtomicI64::new(longest.into()), watch: Mutex::default() });
        let asked = Arc::clone(&shared);
        connection.ask_every(PERIOD, move || asked.is_over())?;
        Ok(Self { shared, longest })
    }

    /// Gives what comes next the whole bound.
    pub(super) fn renew(&self) {
        self.allow(self.longest);
    }

    /// Gives what comes next so many periods.
    pub(super) fn allow(&self, periods: u32) {
        self.shared.left.store(periods.into(), Ordering::Relaxed);
    }

    /// Whether something has been ended since for want of periods.
    pub(super) fn was_too_much(&self) -> bool {
        self.shared.left.load(Ordering::Relaxed) < 0
    }

    /// Ends what comes next also when this says that nobody waits any more; nothing takes that back.
    pub(super) fn watch(&self, watch: Option<Watch>) {
        *self.shared.watch() = watch;
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) <= 0 || self.watch().as_ref().is_some_and(|is_wanted| !is_wanted())
    }

    fn watch(&self) -> MutexGuard<'_, Option<Watch>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("left", &self.left).finish_non_exhaustive()
    }
}
