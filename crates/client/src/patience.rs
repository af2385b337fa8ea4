//! How long what may pass by itself is waited out: an org that is out of reach, a proxy that answers in its place.

use std::time::Duration;

use crate::RetryPolicy;
use crate::error::Error;
use crate::waits::{Wait, WaitReason};
use crate::wire::Http;

/// The longest wait for an org that is out of reach, before it is tried again.
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// Shorter waits are nothing to tell of.
const LONG: Duration = Duration::from_secs(3);
/// How often work is tried whose token the org does not accept; each try has a new one already.
const MOST_UNACCEPTED: u32 = 3;

/// The patience with one piece of work that may be done twice.
///
/// ```no_run
/// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
/// use keyholder_client::Patience;
/// use std::time::Duration;
///
/// let mut patience = Patience::new(Duration::from_secs(120));
/// let who = loop {
///     match org.who_am_i().await {
///         Ok(who) => break who,
///         Err(error) => match patience.wait(org.http(), &error) {
///             Some(wait) => org.http().sleep(wait).await,
///             None => return Err(error),
///         },
///     }
/// };
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long an org that is out of reach is still tried again.
    left: Duration,
    next: Duration,
    /// How often the org failed, and how often it did not accept a token.
    failures: u32,
    unaccepted: u32,
    is_told: bool,
}

impl Patience {
    /// What is out of reach, or answers nonsense, is tried again for so long in all; what fails (HTTP 500), or does not accept
    /// the token, a few times.
    #[must_use]
    pub fn new(total: Duration) -> Self {
        Self { left: total, next: Duration::from_secs(1), failures: 0, unaccepted: 0, is_told: false }
    }

    /// How long to wait before work is tried again that came to this; nothing where it is not. Who asked with
    /// [`Http::tell_waits`] is told when the org stays out of reach.
    pub fn wait(&mut self, http: &Http, error: &Error) -> Option<Duration> {
        let policy = RetryPolicy::default();
        if error.is_failure() {
            self.failures += 1;
            return (self.failures < policy.attempts).then(|| policy.backoff(self.failures));
        }
        if error.dataverse().is_some_and(|refusal| refusal.status == 401) {
            self.unaccepted += 1;
            return (self.unaccepted < MOST_UNACCEPTED).then(|| policy.backoff(self.unaccepted));
        }
        if !error.may_pass() || self.left.is_zero() {
            return None;
        }
        let wait = self.next.min(self.left);
        if wait >= LONG && !self.is_told {
            self.is_told = true;
            let (duration, until) = (self.left, http.local_now().plus(self.left));
            http.waits().begin(&Wait { client_id: None, reason: WaitReason::OutOfReach, duration, until });
        }
        self.left -= wait;
        self.next = (self.next * 2).min(LONGEST_WAIT);
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::error::{DataverseRefusal, Unreachable};
    use crate::testing::{answer, org};

    fn refused(status: u16) -> Error {
        Error::Dataverse(Box::new(
            DataverseRefusal::read("GET contacts", &answer(status, &[], r#"{"error":{"code":"","message":"no"}}"#))
                .unwrap(),
        ))
    }

    #[tokio::test]
    async fn an_org_out_of_reach_is_tried_as_long_as_said_and_told_once() {
        let (_script, org) = org().await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let to = told.clone();
        org.http().tell_waits(move |wait| to.lock().unwrap().push((wait.reason, wait.duration)));
        let gone = Error::Unreachable { origin: "x".to_owned(), cause: Unreachable::Refused };
        let page = Error::Protocol { origin: "x".to_owned(), found: "an HTML page".to_owned() };
        let mut patience = Patience::new(Duration::from_secs(20));
        let mut waits = Vec::new();
        while let Some(wait) = patience.wait(org.http(), if waits.len().is_multiple_of(2) { &gone } else { &page }) {
            waits.push(wait.as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 5]);
        assert_eq!(*told.lock().unwrap(), [(WaitReason::OutOfReach, Duration::from_secs(17))]);
        assert_eq!(Patience::new(Duration::ZERO).wait(org.http(), &gone), None);
    }

    #[tokio::test]
    async fn what_fails_or_accepts_no_token_is_tried_a_few_times_and_what_is_refused_never() {
        let (_script, org) = org().await;
        for (status, tries) in [(500, 5), (401, 3), (403, 1), (404, 1)] {
            let mut patience = Patience::new(Duration::from_secs(120));
            let again = std::iter::from_fn(|| patience.wait(org.http(), &refused(status))).count();
            assert_eq!(again + 1, tries, "{status}");
        }
    }
}
