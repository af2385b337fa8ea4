//! Three clocks, because three kinds of time must not be mixed.
//!
//! - the **org clock** decides everything that has a due time in the local org: token expiry,
//!   secrets, limit windows, row dates. It is the system's time plus an offset that can be moved;
//! - the **monotonic clock** measures how long something took, and bounds waits;
//! - the **system clock** dates TLS certificates, which other people's programs check against
//!   their own unmoved clocks.
//!
//! No timer decides state: due times are stored and compared when read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::Timestamp;

/// Tells the time of day.
pub trait WallClock: Send + Sync + std::fmt::Debug {
    /// The moment it is now.
    fn now(&self) -> Timestamp;
}

/// Tells how much time has passed since some fixed, unspecified moment.
pub trait MonotonicClock: Send + Sync + std::fmt::Debug {
    /// Never less than at any earlier call.
    fn elapsed(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Reads the machine's clocks from now on.
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the machine's clocks")]
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one door to the machine's clocks")]
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |m| -m),
        };
        Timestamp::from_millis(millis)
    }
}

impl MonotonicClock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { millis: AtomicI64::new(now.as_millis()) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.millis.fetch_add(by, Ordering::SeqCst);
    }
}

impl WallClock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::SeqCst))
    }
}

impl MonotonicClock for ManualClock {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.millis.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

/// The org's own time: another clock's, plus an offset that the org keeps in its store.
#[derive(Debug)]
pub struct OrgClock {
    base: Arc<dyn WallClock>,
    offset_millis: AtomicI64,
}

impl OrgClock {
    /// An org clock that runs `offset_millis` ahead of `base` (behind, when negative).
    #[must_use]
    pub fn new(base: Arc<dyn WallClock>, offset_millis: i64) -> Self {
        Self { base, offset_millis: AtomicI64::new(offset_millis) }
    }

    /// How far this clock runs ahead of its base, in milliseconds.
    #[must_use]
    pub fn offset_millis(&self) -> i64 {
        self.offset_millis.load(Ordering::SeqCst)
    }

    /// Sets how far this clock runs ahead of its base, in milliseconds.
    pub fn set_offset_millis(&self, offset: i64) {
        self.offset_millis.store(offset, Ordering::SeqCst);
    }
}

impl WallClock for OrgClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.base.now().as_millis().saturating_add(self.offset_millis()))
    }
}

/// The three clocks of one world.
#[derive(Debug, Clone)]
pub struct Clocks {
    /// What time it is in the org.
    pub org: Arc<OrgClock>,
    /// How long things take.
    pub monotonic: Arc<dyn MonotonicClock>,
    /// What time the machine says it is; for TLS certificates only.
    pub system: Arc<dyn WallClock>,
}

impl Clocks {
    /// The machine's clocks, the org's moved by `offset_millis`.
    #[must_use]
    pub fn system(offset_millis: i64) -> Self {
        let machine = SystemClock::new();
        Self {
            org: Arc::new(OrgClock::new(Arc::new(machine), offset_millis)),
            monotonic: Arc::new(machine),
            system: Arc::new(machine),
        }
    }

    /// The current time in the org.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.org.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_org_clock_is_its_base_plus_an_offset() {
        let base = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1000)));
        let org = OrgClock::new(base.clone(), 0);
        assert_eq!(org.now(), Timestamp::from_unix_seconds(1000));
        org.set_offset_millis(5_000);
        base.advance(Duration::from_secs(1));
        assert_eq!(org.now(), Timestamp::from_unix_seconds(1006));
        assert_eq!(base.now(), Timestamp::from_unix_seconds(1001));
    }
}
