//! Guessing at an application's secret is answered later and later.
//!
//! An application is never locked out: anybody who knows its client id could do that to it. Each
//! wrong secret beyond a few makes the next refusal come later; the right secret is answered at once,
//! always. This room has no timers, so it only says how long the answer should wait
//! ([`AnswerAfter`](super::answer::AnswerAfter)).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyholder_foundation::{ClientId, TenantId};

use crate::cache::Cache;

/// How many wrong secrets in a row are answered at once.
const AT_ONCE: u32 = 5;
/// How long the first refusal after those waits; each further one twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// How long a refusal waits at most.
const LONGEST: Duration = Duration::from_secs(5);
/// How many applications are remembered, at least.
const REMEMBERED: usize = 1024;

/// How often each application was asked for with a wrong secret since the last right one.
#[derive(Debug)]
pub(crate) struct Guesses {
    failures: Cache<(TenantId, ClientId), u32>,
    /// Spares the right secret a look while nobody ever guessed.
    any: AtomicBool,
}

impl Guesses {
    pub(crate) fn new() -> Self {
        Self { failures: Cache::new(REMEMBERED), any: AtomicBool::new(false) }
    }

    /// Counts a wrong secret; gives how long its refusal should wait.
    pub(crate) fn failed(&self, tenant: TenantId, client: ClientId) -> Duration {
        self.any.store(true, Ordering::Relaxed);
        let failures = self.failures.find(&(tenant, client)).unwrap_or(0).saturating_add(1);
        self.failures.insert((tenant, client), failures);
        match failures.checked_sub(AT_ONCE + 1) {
            None => Duration::ZERO,
            Some(over) => FIRST.saturating_mul(2_u32.saturating_pow(over)).min(LONGEST),
        }
    }

    /// Forgets the wrong secrets: the right one came.
    pub(crate) fn succeeded(&self, tenant: TenantId, client: ClientId) {
        if self.any.load(Ordering::Relaxed)
            && self.failures.find(&(tenant, client)).is_some_and(|failures| failures > 0)
        {
            self.failures.insert((tenant, client), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn refusals_come_later_until_the_right_secret_comes() {
        let guesses = Guesses::new();
        let (tenant, client) = (TenantId(Uuid::nil()), ClientId(Uuid::nil()));
        let waits: Vec<u128> = (0..14).map(|_| guesses.failed(tenant, client).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(guesses.failed(tenant, ClientId(Uuid::from_u128(1))), Duration::ZERO, "each on its own account");
        guesses.succeeded(tenant, client);
        assert_eq!(guesses.failed(tenant, client), Duration::ZERO);
    }
}
