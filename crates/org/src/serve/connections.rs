//! Which connections there are, and when one is ended that nobody uses.
//!
//! A connection is ended when no request has come within [`FIRST_REQUEST`] of its start, when none
//! has been under way for [`IDLE`], when an answer has not been taken for [`STALLED`], and when it is
//! the one idle for longest while somebody new finds every place taken. What counts is requests
//! and not bytes: a client that keeps a connection alive byte by byte, or by HTTP/2 pings, uses a
//! place all the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use keyholder_foundation::Sleep;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

/// Connections at once, where the system allows as many files.
const MOST: usize = 1024;
/// And where it allows very few.
const FEWEST: usize = 16;
/// The head of the first request must have come by then, counted from when bytes of HTTP may.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How often a connection is looked at.
const TICK: Duration = Duration::from_secs(15);
/// Without a request under way a connection lives this many ticks.
const IDLE: u32 = 8;
/// An answer of which nothing can be sent for this many ticks ends its connection.
const STALLED: u32 = 4;
/// How long an idle connection gets to go before another is asked.
const MAKE_ROOM: Duration = Duration::from_secs(1);
/// Bytes of all bodies held at once, in KiB.
const BODIES: usize = 64 * 1024;

/// The bounds that all listeners of one org share.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    /// One permit for each KiB of a request's body, from its arrival until the answer is made.
    pub(super) bodies: Arc<Semaphore>,
    open: Mutex<Vec<Weak<Connection>>>,
    /// Counts uses of connections, so that they can be put in order.
    uses: AtomicU64,
    /// What is waited with when the system accepts no more.
    pub(super) sleep: Arc<dyn Sleep>,
}

impl Connections {
    /// As many places as leave files for the databases, of the files that this process may open.
    pub(super) fn of(files: Option<usize>, sleep: Arc<dyn Sleep>) -> Self {
        // A quarter, and some: databases, their logs, and what is being accepted.
        let places = files.map_or(MOST / 2, |files| (files - files / 4).saturating_sub(64)).clamp(FEWEST, MOST);
        Self {
            places: Arc::new(Semaphore::new(places)),
            bodies: Arc::new(Semaphore::new(BODIES)),
            open: Mutex::default(),
            uses: AtomicU64::new(0),
            sleep,
        }
    }

    /// A place for one more connection; idle ones are asked to go while there is none.
    pub(super) async fn enter(self: &Arc<Self>) -> Arc<Connection> {
        let place = loop {
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                break Some(place);
            }
            self.end_idlest();
            match timeout(MAKE_ROOM, Arc::clone(&self.places).acquire_owned()).await {
                Ok(place) => break place.ok(),
                Err(_) => continue,
            }
        };
        let connection = Arc::new(Connection {
            use_of_connections: Arc::clone(self),
            state: Mutex::new(State { last_use: self.next_use(), ..State::default() }),
            end: Notify::new(),
            _place: place,
        });
        let mut open = lock(&self.open);
        if open.len() == open.capacity() {
            open.retain(|connection| connection.strong_count() > 0);
        }
        open.push(Arc::downgrade(&connection));
        connection
    }

    fn end_idlest(&self) {
        let open: Vec<_> = lock(&self.open).iter().filter_map(Weak::upgrade).collect();
        let idle = open.iter().filter_map(|connection| {
            let state = lock(&connection.state);
            (state.requests.is_empty() && !state.ending).then_some((state.last_use, connection))
        });
        if let Some((_, connection)) = idle.min_by_key(|(last_use, _)| *last_use) {
            lock(&connection.state).ending = true;
            connection.end.notify_one();
        }
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }
}

/// One connection, which has its place for as long as this lives.
#[derive(Debug)]
pub(super) struct Connection {
    use_of_connections: Arc<Connections>,
    state: Mutex<State>,
    end: Notify,
    _place: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Default)]
struct State {
    /// Looks at the connection so far.
    ticks: u32,
    /// The tick at which the last request began or ended.
    used: u32,
    last_use: u64,
    began: bool,
    ending: bool,
    next_request: u64,
    requests: Vec<Underway>,
}

#[derive(Debug)]
struct Underway {
    id: u64,
    /// The tick at which something of the answer was last sent; absent until there is an answer.
    sent: Option<u32>,
}

impl Connection {
    /// What all connections share.
    pub(super) fn shared(&self) -> &Connections {
        &self.use_of_connections
    }

    /// Notes a request, which is under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        let mut state = self.used();
        state.began = true;
        state.next_request += 1;
        let id = state.next_request;
        state.requests.push(Underway { id, sent: None });
        drop(state);
        Request { connection: Arc::clone(self), id }
    }

    /// Is ready when the connection must end.
    pub(super) async fn outlived(&self) {
        tokio::select! {
            () = self.end.notified() => {}
            () = self.unused() => {}
        }
    }

    async fn unused(&self) {
        sleep(FIRST_REQUEST).await;
        if !lock(&self.state).began {
            return;
        }
        loop {
            sleep(TICK).await;
            let mut state = lock(&self.state);
            state.ticks = state.ticks.saturating_add(1);
            let since = |tick: u32| state.ticks.saturating_sub(tick);
            let is_idle = state.requests.is_empty() && since(state.used) > IDLE;
            let is_stalled =
                state.requests.iter().any(|request| request.sent.is_some_and(|sent| since(sent) > STALLED));
            if is_idle || is_stalled {
                return;
            }
        }
    }

    /// Ends the connection, whatever is under way on it.
    pub(super) fn cut(&self) {
        self.end.notify_one();
    }

    fn used(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        state.used = state.ticks;
        state.last_use = self.use_of_connections.next_use();
        state
    }
}

/// A request under way, from its head until its answer has been handed over for sending.
#[derive(Debug)]
pub(super) struct Request {
    connection: Arc<Connection>,
    id: u64,
}

impl Request {
    /// Ends the connection in the midst of the answer.
    pub(super) fn cut(&self) {
        self.connection.cut();
    }

    /// Notes that the answer is there, or that more of it could be sent.
    pub(super) fn sent(&self) {
        let mut state = lock(&self.connection.state);
        let now = state.ticks;
        if let Some(request) = state.requests.iter_mut().find(|request| request.id == self.id) {
            request.sent = Some(now);
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.connection.used().requests.retain(|request| request.id != self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one step, so a poisoned lock still holds a whole state.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use keyholder_platform::RuntimeSleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_connection_idle_for_longest_makes_room() {
        let connections = Arc::new(Connections::of(Some(0), Arc::new(RuntimeSleep)));
        let mut open = Vec::new();
        for _ in 0..FEWEST {
            open.push(connections.enter().await);
        }
        let _busy = open[0].begin();
        drop(open[1].begin());
        // The third is now the one that has not been used for longest.
        let third = open.remove(2);
        let ended = tokio::spawn(async move { third.end.notified().await });
        let _new = connections.enter().await;
        ended.await.unwrap();
    }

    #[test]
    fn databases_keep_their_files() {
        for (files, places) in [(Some(1024), 704), (Some(256), 128), (Some(40), 16), (Some(1 << 20), 1024), (None, 512)]
        {
            assert_eq!(Connections::of(files, Arc::new(RuntimeSleep)).places.available_permits(), places, "{files:?}");
        }
    }
}
