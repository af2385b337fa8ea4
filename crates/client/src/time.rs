//! Waiting and the server's time, both as values: a test neither sleeps nor trusts the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderMap;
use keyholder_foundation::{ManualClock, Timestamp, WallClock};

pub use keyholder_foundation::Sleep;
pub use keyholder_platform::RuntimeSleep;

/// Does not wait at all, but moves a clock as far as it was asked to wait. For tests of what
/// happens after a minute that must not take one.
#[derive(Debug, Clone)]
pub struct SkippingSleep(pub Arc<ManualClock>);

impl Sleep for SkippingSleep {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.advance(duration);
        // Yield once, as a real wait does: others may go first.
        Box::pin(tokio::task::yield_now())
    }
}

/// Differences below this are the whole seconds of the `Date` header and the way there and back.
const NOISE_MILLIS: i64 = 2_000;

/// What time the servers think it is: a local clock, corrected by the `Date` of their answers.
///
/// Tokens expire by the server's clock. A machine whose own runs ten minutes behind would send
/// dead tokens for ten minutes of every hour; a local org may have its clock moved on purpose.
#[derive(Debug)]
pub struct ServerClock {
    local: Arc<dyn WallClock>,
    ahead_millis: AtomicI64,
}

impl ServerClock {
    /// Shows `local`'s time until a server says otherwise.
    #[must_use]
    pub fn new(local: Arc<dyn WallClock>) -> Self {
        Self { local, ahead_millis: AtomicI64::new(0) }
    }

    /// Takes note of an answer's `Date`. An answer with `Age` came out of a cache: its date is old.
    pub fn observe(&self, headers: &HeaderMap) {
        let date = headers.get(http::header::DATE).and_then(|value| value.to_str().ok());
        let Some(date) = date.and_then(Timestamp::parse_http_date) else { return };
        if headers.contains_key(http::header::AGE) {
            return;
        }
        let ahead = date.as_millis().saturating_sub(self.local.now().as_millis());
        let ahead = if ahead.abs() <= NOISE_MILLIS { 0 } else { ahead };
        self.ahead_millis.store(ahead, Ordering::Relaxed);
    }

    /// What the local clock says, uncorrected.
    pub(crate) fn local_now(&self) -> Timestamp {
        self.local.now()
    }

    /// How far the servers' clock runs ahead of the local one, in milliseconds; negative when it
    /// runs behind, zero when they agree.
    #[must_use]
    pub fn ahead_millis(&self) -> i64 {
        self.ahead_millis.load(Ordering::Relaxed)
    }
}

impl WallClock for ServerClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.local.now().as_millis().saturating_add(self.ahead_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{AGE, DATE};

    fn dated(moment: Timestamp) -> HeaderMap {
        HeaderMap::from_iter([(DATE, HeaderValue::from_str(&moment.http_date()).unwrap())])
    }

    #[test]
    fn follows_the_date_of_answers_but_not_their_noise() {
        let local = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_000_000)));
        let clock = ServerClock::new(local.clone());
        clock.observe(&dated(Timestamp::from_unix_seconds(1_000_001)));
        assert_eq!(clock.now(), local.now());
        let ahead = Timestamp::from_unix_seconds(1_000_600);
        clock.observe(&dated(ahead));
        assert_eq!(clock.now(), ahead);
        let mut cached = dated(Timestamp::from_unix_seconds(5));
        cached.insert(AGE, HeaderValue::from_static("60"));
        clock.observe(&cached);
        clock.observe(&HeaderMap::from_iter([(DATE, HeaderValue::from_static("tomorrow"))]));
        assert_eq!(clock.now(), ahead);
    }
}
