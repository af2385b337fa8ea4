//! Waits that somebody would wonder about, told as they begin.

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use keyholder_foundation::{ClientId, Timestamp};
use keyholder_limits::Limit;

/// Shorter waits are not told. Two of one caller's for the same that end within this time of one another are told as one.
const LONG: Duration = Duration::from_secs(3);

/// A wait of several seconds that begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// The application whose requests wait for a limit; none where it is the service that cannot be asked.
    pub client_id: Option<ClientId>,
    /// What for.
    pub reason: WaitReason,
    /// How long, unless answers that come meanwhile say otherwise.
    pub duration: Duration,
    /// When it ends, by this machine's clock.
    pub until: Timestamp,
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitReason {
    /// Room under one of the limits that the service sets each user; which, where it said so.
    Limit(Option<Limit>),
    /// A service that cannot be asked now: it said so, or did not answer.
    Service,
    /// An org that stays out of reach: it is tried again and again until then.
    OutOfReach,
}

/// Who waits, and for what.
type Told = (Option<ClientId>, WaitReason);

type Teller = Box<dyn Fn(&Wait) + Send + Sync>;

/// Who is told of waits.
#[derive(Default)]
pub(crate) struct Waits {
    teller: OnceLock<Teller>,
    /// When the wait ends that was told last, of each caller and for each reason.
    told: Mutex<Vec<(Told, Timestamp)>>,
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Waits {
    /// From now on, these waits are told so; who came first stays.
    pub(crate) fn tell(&self, teller: Teller) {
        let _ = self.teller.set(teller);
    }

    /// A wait begins.
    pub(crate) fn begin(&self, wait: &Wait) {
        let Some(teller) = self.teller.get().filter(|_| wait.duration >= LONG) else { return };
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            // Many requests wait for the same.
            let this = (wait.client_id, wait.reason);
            match told.iter_mut().find(|(known, _)| *known == this) {
                Some((_, until)) if wait.until < until.plus(LONG) => return,
                Some((_, until)) => *until = wait.until,
                None => told.push((this, wait.until)),
            }
        }
        teller(wait);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn long_waits_are_told_once_for_all_that_wait_for_the_same() {
        let (waits, told) = (Waits::default(), Arc::new(Mutex::new(Vec::new())));
        let wait_for = |reason, from: i64, seconds: u64| Wait {
            client_id: None,
            reason,
            duration: Duration::from_secs(seconds),
            until: Timestamp::from_unix_seconds(from).plus(Duration::from_secs(seconds)),
        };
        let wait = |from, seconds| wait_for(WaitReason::Service, from, seconds);
        waits.begin(&wait(0, 100));
        let to = told.clone();
        waits.tell(Box::new(move |wait| to.lock().unwrap().push(wait.until)));
        for (from, seconds) in [(0, 2), (0, 10), (1, 9), (2, 10), (8, 4), (12, 3), (20, 3)] {
            waits.begin(&wait(from, seconds));
        }
        // A long one hides no other's.
        waits.begin(&wait_for(WaitReason::OutOfReach, 20, 100));
        waits.begin(&wait_for(WaitReason::Limit(None), 20, 30));
        waits.begin(&wait_for(WaitReason::OutOfReach, 21, 100));
        let ends: Vec<_> = [10, 15, 23, 120, 50].map(Timestamp::from_unix_seconds).into();
        assert_eq!(*told.lock().unwrap(), ends);
    }

    #[test]
    fn a_long_wait_keeps_no_other_callers_and_no_other_limits_back() {
        let (waits, told) = (Waits::default(), Arc::new(Mutex::new(Vec::new())));
        let to = told.clone();
        waits.tell(Box::new(move |wait| to.lock().unwrap().push((wait.client_id, wait.reason))));
        let [one, two] = [1, 2].map(|id| Some(uuid::Uuid::from_u128(id).to_string().parse().unwrap()));
        let limit = |limit| WaitReason::Limit(Some(limit));
        let all = [
            (one, limit(Limit::Requests), 300),
            (two, limit(Limit::Requests), 60),
            (one, limit(Limit::Execution), 30),
            (None, WaitReason::Service, 10),
        ];
        for _ in 0..2 {
            for (client_id, reason, seconds) in all {
                let duration = Duration::from_secs(seconds);
                let until = Timestamp::from_unix_seconds(0).plus(duration);
                waits.begin(&Wait { client_id, reason, duration, until });
            }
        }
        assert_eq!(*told.lock().unwrap(), all.map(|(client_id, reason, _)| (client_id, reason)));
    }
}
