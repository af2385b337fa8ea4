//! How often a caller may ask: a switch, off unless the identity service is opened with it.
//!
//! Requests of an application in a tenant are counted in windows of the org's clock that begin with
//! its first request. Whoever asks too often is told how long the window still lasts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyholder_foundation::{ClientId, TenantId, Timestamp};

/// How many requests an application may make in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphThrottle {
    /// How many.
    pub requests: u32,
    /// In which time.
    pub window: Duration,
}

/// How many windows are remembered before those that are over are forgotten.
const REMEMBERED: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    windows: Mutex<HashMap<(TenantId, ClientId), (Timestamp, u32)>>,
}

impl Counts {
    /// Counts one request; the seconds after which to come again when it is one too many.
    pub(crate) fn count(&self, limit: GraphThrottle, caller: (TenantId, ClientId), now: Timestamp) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins a new window, as one that has moved on does.
        let is_over = |start: Timestamp| now < start || now.since(start) >= limit.window;
        if windows.len() >= REMEMBERED {
            windows.retain(|_, (start, _)| !is_over(*start));
        }
        let (start, requests) = windows.entry(caller).or_insert((now, 0));
        if is_over(*start) {
            (*start, *requests) = (now, 0);
        }
        if *requests >= limit.requests {
            let left = limit.window.saturating_sub(now.since(*start));
            return Err(u64::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1));
        }
        *requests += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_window_is_full_until_it_is_over() {
        let limit = GraphThrottle { requests: 2, window: Duration::from_secs(10) };
        let caller = |id| (TenantId(Uuid::nil()), ClientId(Uuid::from_u128(id)));
        let at = |millis: i64| Timestamp::from_millis(1_000_000 + millis);
        let counts = Counts::default();
        assert_eq!(counts.count(limit, caller(1), at(0)), Ok(()));
        assert_eq!(counts.count(limit, caller(1), at(1)), Ok(()));
        assert_eq!(counts.count(limit, caller(1), at(2500)), Err(8));
        assert_eq!(counts.count(limit, caller(2), at(2500)), Ok(()), "another application");
        assert_eq!(counts.count(limit, caller(1), at(9999)), Err(1));
        assert_eq!(counts.count(limit, caller(1), at(10_000)), Ok(()));
        assert_eq!(counts.count(limit, caller(1), at(-1)), Ok(()), "the clock was set back");
    }
}
