//! The service protection API limits: how much a user may ask of an org on this node.
//!
//! Each node counts for itself, as each web server of the service does, and in memory. A user counts as who
//! signed in, whoever's name they act in. Counted is every request to the Web API with a good token, a batch
//! as one; what is refused here is not.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use keyholder_data::TokenFacts;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_foundation::{Clocks, OrgId};
use keyholder_limits::{Admitted, Limit, Limits, Refused, Used, Window};
use uuid::Uuid;

const REQUESTS_LEFT: HeaderName = HeaderName::from_static("x-ms-ratelimit-burst-remaining-xrm-requests");
const TIME_LEFT: HeaderName = HeaderName::from_static("x-ms-ratelimit-time-remaining-xrm-requests");
const PARALLELISM: HeaderName = HeaderName::from_static("x-ms-dop-hint");

/// Users are spread over so many locks, none of which is held for longer than it takes to count.
const SHARDS: usize = 16;

/// Somebody who asks an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct User {
    org: OrgId,
    /// The application, when it speaks for itself; else the person.
    who: Uuid,
}

impl User {
    pub(crate) fn of(org: OrgId, token: &TokenFacts) -> Self {
        Self::known(org, token.principal())
    }

    pub(crate) const fn known(org: OrgId, who: Uuid) -> Self {
        Self { org, who }
    }
}

type Users = HashMap<User, Window>;

/// What all users asked for lately.
#[derive(Debug)]
pub(crate) struct Protection {
    /// Absent when there are none.
    limits: Option<Limits>,
    clocks: Clocks,
    hasher: BuildHasherDefault<DefaultHasher>,
    shards: [Mutex<Users>; SHARDS],
}

impl Protection {
    pub(crate) fn new(limits: Option<Limits>, clocks: Clocks) -> Arc<Self> {
        Arc::new(Self { limits, clocks, hasher: BuildHasherDefault::default(), shards: Default::default() })
    }

    /// The limits, when there are any.
    pub(crate) fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref()
    }

    fn shard(&self, user: &User) -> MutexGuard<'_, Users> {
        let hash = usize::try_from(self.hasher.hash_one(user) % SHARDS as u64).unwrap_or(0);
        // A window is sound after each of its steps, so a poisoned lock is usable.
        self.shards[hash % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a user's request in, for as long as what is given lives; nothing where there are no limits.
    pub(crate) fn enter(self: &Arc<Self>, user: User) -> Result<Option<Entered>, Refusal> {
        let Some(limits) = &self.limits else { return Ok(None) };
        let admitted = self.shard(&user).entry(user).or_default().admit(limits, self.clocks.now());
        match admitted {
            Ok(left) => {
                let begun = self.clocks.monotonic.elapsed();
                Ok(Some(Entered { protection: Arc::clone(self), user, left, begun }))
            }
            Err(refused) => Err(Refusal::of(limits, refused)),
        }
    }

    /// What a user asked for in the window that ends now; nothing where nobody counts.
    pub(crate) fn used(&self, user: User) -> Option<Used> {
        let (limits, now) = (self.limits.as_ref()?, self.clocks.now());
        let mut users = self.shard(&user);
        Some(
            users.get_mut(&user).map_or_else(|| Window::default().used(limits, now), |window| window.used(limits, now)),
        )
    }

    /// Forgets the users who asked for nothing in a whole window. Nothing is decided by it.
    pub(crate) fn forget_idle(&self) {
        let Some(limits) = &self.limits else { return };
        let now = self.clocks.now();
        for shard in &self.shards {
            let mut users = shard.lock().unwrap_or_else(PoisonError::into_inner);
            users.retain(|_, window| !window.is_forgettable(limits, now));
            if users.is_empty() {
                users.shrink_to_fit();
            }
        }
    }

    #[cfg(test)]
    fn users(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }
}

/// A request that was let in; its execution time counts when this goes.
#[derive(Debug)]
pub(crate) struct Entered {
    protection: Arc<Protection>,
    user: User,
    left: Admitted,
    begun: Duration,
}

impl Entered {
    /// Tells the caller what is left, if the request was a success.
    pub(crate) fn tell(&self, response: &mut Response<Bytes>) {
        let Some(limits) = &self.protection.limits else { return };
        if !response.status().is_success() && response.status() != StatusCode::NOT_MODIFIED {
            return;
        }
        let headers = response.headers_mut();
        headers.insert(REQUESTS_LEFT, self.left.requests.into());
        headers.insert(PARALLELISM, limits.recommended_parallelism().into());
        if let Ok(left) = HeaderValue::try_from(seconds(self.left.execution)) {
            headers.insert(TIME_LEFT, left);
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Protection { limits: Some(limits), clocks, .. } = &*self.protection else { return };
        let took = clocks.monotonic.elapsed().saturating_sub(self.begun);
        if let Some(window) = self.protection.shard(&self.user).get_mut(&self.user) {
            window.finish(limits, clocks.now(), took);
        }
    }
}

/// Seconds as the service prints them: `1,200.00`.
fn seconds(time: Duration) -> String {
    format!("{}.{:02}", error::grouped(time.as_secs().into()), time.subsec_millis() / 10)
}

/// Why a request is not let in, and after how many seconds to come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: DataverseError,
    retry_after: u64,
}

impl Refusal {
    pub(crate) fn of(limits: &Limits, refused: Refused) -> Self {
        let error = match refused.limit {
            Limit::Requests => error::requests_exceeded(limits.requests, limits.window),
            Limit::Execution => error::execution_time_exceeded(limits.execution, limits.window),
            Limit::Concurrency => error::concurrency_exceeded(limits.concurrent),
        };
        Self { error, retry_after: refused.retry_after.as_secs() }
    }

    /// Adds when to come again.
    pub(crate) fn tell(&self, mut response: Response<Bytes>) -> Response<Bytes> {
        response.headers_mut().insert(header::RETRY_AFTER, self.retry_after.into());
        response
    }
}

#[cfg(test)]
mod tests {
    use keyholder_foundation::{ManualClock, OrgClock, Timestamp};

    use super::*;

    fn protection(limits: &str) -> (Arc<Protection>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_000_000)));
        let clocks =
            Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock.clone() };
        (Protection::new(Some(limits.parse().unwrap()), clocks), clock)
    }

    fn user(number: u128) -> User {
        User { org: OrgId(Uuid::from_u128(1)), who: Uuid::from_u128(number) }
    }

    #[test]
    fn s19_a_user_is_under_way_until_the_request_ends_however_it_ends() {
        let (protection, clock) = protection("100,10,2");
        let first = protection.enter(user(1)).unwrap();
        let second = protection.enter(user(1)).unwrap();
        let refused = protection.enter(user(1)).unwrap_err();
        assert_eq!((refused.error.code, refused.retry_after), (0x8007_2326, 1));
        assert!(protection.enter(user(2)).is_ok(), "others are others");
        clock.advance(Duration::from_secs(6));
        drop(first);
        assert!(protection.enter(user(1)).is_ok(), "six of ten seconds are used");
        drop(second);
        let refused = protection.enter(user(1)).unwrap_err();
        assert_eq!((refused.error.code, refused.retry_after), (0x8007_2321, 300));
    }

    #[test]
    fn users_are_forgotten_when_their_window_is_empty() {
        let (protection, clock) = protection("100,10,2");
        for number in 0..100 {
            protection.enter(user(number)).unwrap();
        }
        let under_way = protection.enter(user(7)).unwrap();
        assert_eq!(protection.users(), 100);
        protection.forget_idle();
        assert_eq!(protection.users(), 100);
        clock.advance(Duration::from_secs(300));
        protection.forget_idle();
        assert_eq!(protection.users(), 1, "one has a request under way");
        assert_eq!(protection.used(user(7)).unwrap().active, 1);
        drop(under_way);
        assert_eq!(protection.used(user(9)).unwrap().requests, 0, "who is forgotten asked for nothing");
    }

    #[test]
    fn seconds_have_two_decimals_and_a_comma() {
        for (millis, text) in [(1_200_000, "1,200.00"), (1_199_987, "1,199.98"), (0, "0.00"), (999, "0.99")] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}
