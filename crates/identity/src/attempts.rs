//! Trying a person's password, so that guessing in parallel gets no further than guessing in turn.
//!
//! Whether an account is locked is looked up, the password hashed, and a wrong one counted, all in
//! one turn: the attempts at one account wait for one another. Otherwise as many guesses would be
//! judged as were on their way when the first was counted. Counting beforehand instead would lock
//! out whoever signs in often, and rightly, at once.

use keyholder_foundation::{ObjectId, Secret, TenantId};
use tokio::sync::{Mutex, Semaphore};

use crate::Identity;
use crate::credentials::verify_password;
use crate::directory::Refusal;

/// How many passwords are checked at once: each takes a core and some memory.
const CHECKS: usize = 4;
/// Among how many queues the accounts are shared out. Accounts of one queue wait for one another in
/// vain, but rarely.
const QUEUES: usize = 64;

/// The queues of the attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    queues: Vec<Mutex<()>>,
    checks: Semaphore,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Right,
    /// It was counted.
    Wrong,
    /// The account is locked; the password was not looked at.
    Locked,
    /// The account has no password.
    NoPassword,
    /// The account is gone.
    Gone,
    /// The process is ending.
    Unavailable,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { queues: (0..QUEUES).map(|_| Mutex::new(())).collect(), checks: Semaphore::new(CHECKS) }
    }

    /// The queue of an account: always the same.
    fn queue(&self, user: ObjectId) -> Option<&Mutex<()>> {
        let last = user.0.as_bytes().last().copied().unwrap_or_default();
        self.queues.get(usize::from(last) % QUEUES)
    }
}

/// Tries `password` at a person's account.
pub(crate) async fn attempt(
    identity: &Identity,
    tenant: TenantId,
    user: ObjectId,
    password: &Secret,
) -> Result<Attempt, Refusal> {
    let attempts = &identity.attempts;
    let Some(queue) = attempts.queue(user) else { return Ok(Attempt::Unavailable) };
    let _turn = queue.lock().await;
    // Read within the turn: the attempt before this one may have locked the account.
    let Some(person) = identity.directory.find_person(tenant, user).await? else { return Ok(Attempt::Gone) };
    if person.standing.locked_until.is_some_and(|until| identity.clocks.now() < until) {
        return Ok(Attempt::Locked);
    }
    if person.password_hash.is_empty() {
        return Ok(Attempt::NoPassword);
    }
    let Ok(_permit) = attempts.checks.acquire().await else { return Ok(Attempt::Unavailable) };
    let (hash, password) = (person.password_hash, password.clone());
    // Tens of milliseconds of work, so away from the threads that answer requests.
    match tokio::task::spawn_blocking(move || verify_password(&hash, &password)).await {
        Ok(true) => {
            if person.standing.failures > 0 {
                identity.directory.forget_failures(tenant, user).await?;
            }
            Ok(Attempt::Right)
        }
        Ok(false) => {
            identity.directory.count_failure(tenant, user).await?;
            Ok(Attempt::Wrong)
        }
        Err(_) => Ok(Attempt::Unavailable),
    }
}
