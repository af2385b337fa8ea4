//! One load over several service users, each as fast as the org allows and never faster.
//!
//! The service limits each user by itself ("Service protection API limits"). A [`Pool`] knows for each of its users
//! how much room there is ([`Pacer`]) and how many requests at once do best, which it finds out by itself. A request
//! waits here until some user has room, rather than being refused there; it goes to the user that has the most. Where a
//! user is refused after all, its `Retry-After` is obeyed, and the request goes to another user meanwhile: what was
//! refused was not carried out.
//!
//! Nothing is queued here. A request that waits is its caller's own future: whoever drops it, takes it back, and
//! whoever sends no more than so many at a time, holds no more than so many. They get their turn in the order in which
//! they came.

mod concurrency;
pub(crate) mod told;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::Response;
use keyholder_foundation::{ClientId, Timestamp};
use keyholder_limits::{Limit, Limits, Next, Pacer, Sent, Told};
use tokio::sync::Notify;

use crate::error::Error;
use crate::token::Tokens;
use crate::waits::{Wait, WaitReason};
use crate::wire::Http;
use concurrency::Concurrency;

/// Service users that share one load on one org.
///
/// ```no_run
/// # async fn example(
/// #     org: keyholder_client::Dataverse, first: std::sync::Arc<keyholder_client::Tokens>,
/// #     second: std::sync::Arc<keyholder_client::Tokens>, rows: Vec<serde_json::Value>,
/// # ) -> Result<(), keyholder_client::Error> {
/// use futures::{StreamExt, TryStreamExt};
/// use keyholder_client::{Limits, Pool};
///
/// let pool = Pool::new([first, second], Limits::TODAY);
/// let org = org.with_pool(pool.clone());
/// // As many at a time as might be under way; how many are is the pool's affair.
/// futures::stream::iter(&rows)
///     .map(|row| org.create("contacts", row))
///     .buffer_unordered(pool.most_at_once())
///     .try_for_each(|_| async { Ok(()) })
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    users: Vec<Arc<Tokens>>,
    loads: Mutex<Vec<Load>>,
    /// Who holds it is the next to go; the others wait in the order in which they came.
    front: tokio::sync::Mutex<()>,
    /// Wakes the one in front.
    answered: Notify,
    /// Wakes whoever drains the pool.
    ended: Notify,
    is_closed: AtomicBool,
}

/// What is known of one user.
#[derive(Debug)]
struct Load {
    pacer: Pacer,
    concurrency: Concurrency,
    sent: u64,
    refused: u64,
    /// When the server said not to come before, and for which limit; none where it could not answer.
    told_off: Option<(Timestamp, Option<Limit>)>,
}

/// One user of a pool, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserLoad {
    /// The application that signs in.
    pub client_id: ClientId,
    /// How many more requests its window takes now.
    pub room: u32,
    /// How many its window takes in all, as far as is known.
    pub limit: u32,
    /// How many are under way.
    pub in_flight: u32,
    /// How many may be under way now.
    pub at_once: u32,
    /// How many were sent.
    pub sent: u64,
    /// How many were refused for a limit.
    pub refused: u64,
}

enum Choice {
    User(usize, Sent),
    /// That user may go from then on; and none before, unless another is merely busy (`true`) and is answered.
    At(Timestamp, usize, bool),
    AfterAnAnswer,
}

impl Pool {
    /// A pool of these users, each with these limits until answers teach others.
    #[must_use]
    pub fn new(users: impl IntoIterator<Item = Arc<Tokens>>, limits: Limits) -> Arc<Self> {
        let users: Vec<Arc<Tokens>> = users.into_iter().collect();
        let load = || Load {
            pacer: Pacer::new(limits),
            concurrency: Concurrency::new(limits.concurrent),
            sent: 0,
            refused: 0,
            told_off: None,
        };
        Arc::new(Self {
            loads: Mutex::new(users.iter().map(|_| load()).collect()),
            users,
            front: tokio::sync::Mutex::default(),
            answered: Notify::new(),
            ended: Notify::new(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// How many requests may be under way at most, all users together: a caller who sends more at a time gains nothing.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        let most = self.loads().iter().map(|load| load.pacer.limits().concurrent as usize).sum::<usize>();
        most.max(1)
    }

    /// How the users do.
    #[must_use]
    pub fn users(&self, http: &Http) -> Vec<UserLoad> {
        let now = http.local_now();
        let mut loads = self.loads();
        let both = self.users.iter().zip(loads.iter_mut());
        both.map(|(tokens, load)| UserLoad {
            client_id: tokens.credential().client_id(),
            room: load.pacer.room(now),
            limit: load.pacer.limits().requests,
            in_flight: load.pacer.in_flight(),
            at_once: load.concurrency.allowed(),
            sent: load.sent,
            refused: load.refused,
        })
        .collect()
    }

    /// Lets no further request go. Requests that wait for their turn, and those that come after, end in
    /// [`Error::Closed`]; nothing of them was sent. [`Pool::drain`] waits for the others too.
    pub fn close(&self) {
        {
            // Whoever chooses a user holds this too: nobody is let go any more from here on.
            let _loads = self.loads();
            self.is_closed.store(true, Ordering::SeqCst);
        }
        self.answered.notify_one();
    }

    /// The same, and waits until those under way have been answered.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, pool: std::sync::Arc<keyholder_client::Pool>,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// // Somebody has pressed Ctrl+C: what is under way is finished, and nothing new is begun.
    /// pool.drain().await;
    /// assert!(pool.users(org.http()).iter().all(|user| user.in_flight == 0));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(&self) {
        self.close();
        loop {
            let mut ended = std::pin::pin!(self.ended.notified());
            ended.as_mut().enable();
            if self.loads().iter().all(|load| load.pacer.in_flight() == 0) {
                return;
            }
            ended.await;
        }
    }

    /// Waits until a user has room.
    pub(crate) async fn turn<'a>(&'a self, http: &'a Http) -> Result<Turn<'a>, Error> {
        let came = http.local_now();
        let mut has_waited = false;
        let front = match self.front.try_lock() {
            Ok(front) => front,
            Err(_) => {
                has_waited = true;
                self.front.lock().await
            }
        };
        let turn = loop {
            let now = http.local_now();
            match self.choose(now) {
                Some(Choice::User(user, sent)) => {
                    break Turn { pool: self, http, user, sent, sent_at: now, is_open: true };
                }
                Some(Choice::At(moment, user, is_another_busy)) => {
                    has_waited = true;
                    // The millisecond that is under way counts whole.
                    let wait = moment.since(now).max(Duration::from_millis(1));
                    // While another works on, nothing stands still.
                    if !is_another_busy {
                        http.waits().begin(&self.wait(user, now, moment));
                    }
                    futures::future::select(http.sleep(wait).boxed(), self.answered.notified().boxed()).await;
                }
                Some(Choice::AfterAnAnswer) => {
                    has_waited = true;
                    self.answered.notified().await;
                }
                None => return Err(Error::Closed),
            }
        };
        drop(front);
        if has_waited {
            http.counters().waited(http.local_now().since(came));
        }
        Ok(turn)
    }

    /// What a user waits for until then.
    fn wait(&self, user: usize, now: Timestamp, until: Timestamp) -> Wait {
        let mut loads = self.loads();
        let load = loads.get_mut(user);
        let reason = load.map_or(WaitReason::Limit(None), |load| match load.told_off {
            Some((end, Some(limit))) if end >= until => WaitReason::Limit(Some(limit)),
            Some((end, None)) if end >= until => WaitReason::Service,
            _ if load.pacer.room(now) == 0 => WaitReason::Limit(Some(Limit::Requests)),
            _ => WaitReason::Limit(Some(Limit::Execution)),
        });
        let client_id = self.users.get(user).map(|tokens| tokens.credential().client_id());
        Wait { client_id, reason, duration: until.since(now), until }
    }

    /// Takes a place of the user that has the most room; or says when there will be some; nothing once it is closed.
    fn choose(&self, now: Timestamp) -> Option<Choice> {
        let mut loads = self.loads();
        if self.is_closed.load(Ordering::SeqCst) {
            return None;
        }
        let mut best: Option<(usize, u32)> = None;
        let mut first: Option<(Timestamp, usize)> = None;
        let mut is_one_busy = false;
        for (user, load) in loads.iter_mut().enumerate() {
            let next = load.pacer.next(now);
            let is_busy = load.pacer.in_flight() >= load.concurrency.allowed();
            match next {
                Next::Now if !is_busy => {
                    let room = load.pacer.room(now);
                    if best.is_none_or(|(_, most)| room > most) {
                        best = Some((user, room));
                    }
                }
                Next::At(moment) if first.is_none_or(|(earlier, _)| moment < earlier) => first = Some((moment, user)),
                Next::At(_) => {}
                Next::Now | Next::AfterAnAnswer => is_one_busy = true,
            }
        }
        if best.is_none() {
            for load in loads.iter_mut() {
                let at_once = load.pacer.in_flight();
                if at_once >= load.concurrency.allowed() {
                    load.concurrency.held_back(at_once);
                }
            }
        }
        let Some((user, load)) = best.and_then(|(user, _)| Some((user, loads.get_mut(user)?))) else {
            return Some(match first {
                Some((moment, user)) => Choice::At(moment, user, is_one_busy),
                None => Choice::AfterAnAnswer,
            });
        };
        load.sent += 1;
        Some(Choice::User(user, load.pacer.sent(now)))
    }

    fn loads(&self) -> MutexGuard<'_, Vec<Load>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self, user: usize, now: Timestamp, sent: Sent, told: &Told, took: Option<Duration>) {
        if let Some(load) = self.loads().get_mut(user) {
            let at_once = load.pacer.in_flight();
            load.refused += u64::from(told.refused.is_some());
            if let Some(wait) = told.retry_after {
                load.told_off = Some((now.plus(wait), told.refused));
            }
            load.pacer.answered(now, sent, told);
            load.concurrency.learn(told, at_once, took);
        }
        self.answered.notify_one();
        self.ended.notify_waiters();
    }
}

/// A place among a user's requests. Given back without an answer, it counts as one that may have arrived.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pool: &'a Pool,
    http: &'a Http,
    user: usize,
    sent: Sent,
    sent_at: Timestamp,
    is_open: bool,
}

impl Turn<'_> {
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.pool.users[self.user]
    }

    pub(crate) fn answered(mut self, outcome: &Result<Response<Bytes>, Error>) {
        self.is_open = false;
        let now = self.http.local_now();
        let (told, took) = match outcome {
            Ok(answer) => (told::read(answer, self.http.server_now()), Some(now.since(self.sent_at))),
            Err(_) => (Told::default(), None),
        };
        self.pool.done(self.user, now, self.sent, &told, took);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.pool.done(self.user, self.http.local_now(), self.sent, &Told::default(), None);
        }
    }
}

#[cfg(test)]
mod tests;
