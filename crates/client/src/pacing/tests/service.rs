//! A service with limits, workers and faults, in time of its own.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use keyholder_foundation::{ManualClock, Secret, Sleep, Timestamp, WallClock};
use keyholder_limits::{Limit, Limits, Window};
use url::Url;
use uuid::Uuid;

use crate::authority::{Authority, Discovered};
use crate::error::{Error, Unreachable};
use crate::pacing::Pool;
use crate::testing::{answer, connection};
use crate::transport::Transport;
use crate::{ClientSecret, Dataverse, Http, Tokens};

/// Time that passes when nobody has anything to do.
#[derive(Debug)]
pub(super) struct Time {
    clock: Arc<ManualClock>,
    started: i64,
    timers: Mutex<BTreeMap<(i64, u64), Waker>>,
    next: Mutex<u64>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Time {
    fn new() -> Arc<Self> {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
        let started = clock.now().as_millis();
        Arc::new(Self { clock, started, timers: Mutex::default(), next: Mutex::default() })
    }

    pub(super) fn millis(&self) -> i64 {
        self.clock.now().as_millis() - self.started
    }

    pub(super) fn after(self: &Arc<Self>, duration: Duration) -> BoxFuture<'static, ()> {
        let due = self.clock.now().as_millis() + i64::try_from(duration.as_millis()).unwrap();
        let mut next = self.next.lock().unwrap();
        *next += 1;
        Box::pin(Timer { time: self.clone(), due, number: *next })
    }

    /// Runs to the end, moving the time to the next timer whenever all wait.
    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(flag.clone());
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            if flag.0.swap(false, Ordering::SeqCst) {
                continue;
            }
            let first = self.timers.lock().unwrap().pop_first();
            let ((due, _), waker) = first.expect("somebody waits for something that comes");
            let ahead = due - self.clock.now().as_millis();
            self.clock.advance(Duration::from_millis(u64::try_from(ahead).unwrap_or(0)));
            waker.wake();
            // What is due at one moment comes at once, as answers from far away do.
            let mut timers = self.timers.lock().unwrap();
            while let Some(timer) = timers.first_entry().filter(|timer| timer.key().0 <= due) {
                timer.remove().wake();
            }
        }
    }
}

struct Timer {
    time: Arc<Time>,
    due: i64,
    number: u64,
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.time.clock.now().as_millis() >= self.due {
            return Poll::Ready(());
        }
        self.time.timers.lock().unwrap().insert((self.due, self.number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.time.timers.lock().unwrap().remove(&(self.due, self.number));
    }
}

#[derive(Debug)]
struct Waits(Arc<Time>);

impl Sleep for Waits {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.after(duration)
    }
}

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Every so many requests, one kind after another.
    every: Option<u64>,
    /// The first user's first requests are refused with this `Retry-After`.
    storm: Option<u64>,
    /// Between these two moments, in milliseconds, nobody is there.
    gone: Option<(i64, i64)>,
}

impl Faults {
    pub(super) fn none() -> Self {
        Self { every: None, storm: None, gone: None }
    }

    pub(super) fn every(requests: u64) -> Self {
        Self { every: Some(requests), ..Self::none() }
    }

    pub(super) fn gone(from: i64, to: i64) -> Self {
        Self { gone: Some((from, to)), ..Self::none() }
    }

    fn is_gone(&self, at: i64) -> bool {
        self.gone.is_some_and(|(from, to)| (from..to).contains(&at))
    }

    pub(super) fn storm(seconds: u64) -> Self {
        Self { storm: Some(seconds), ..Self::none() }
    }
}

/// What the service saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// How often each row was made.
    pub(super) rows: HashMap<Uuid, u32>,
    /// Refusals of its own accord.
    pub(super) refused: u64,
    pub(super) last_refusal: i64,
    pub(super) injected: u64,
    /// Who sent, and when it arrived.
    pub(super) sent: Vec<(u128, i64)>,
    requests: u64,
    tokens: u64,
    /// Requests on the line, and the most that there were at once: as many connections are open.
    open: u32,
    connections: u32,
    /// Until when each worker is busy.
    workers: Vec<i64>,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) time: Arc<Time>,
    limits: Limits,
    /// How long a request takes, there and back included.
    takes: u64,
    faults: Faults,
    line: Line,
    windows: Mutex<HashMap<u128, Window>>,
    seen: Mutex<Seen>,
}

/// How far away the service is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    /// Milliseconds, there and back together.
    pub(super) away: u64,
    /// Milliseconds that a new connection takes.
    pub(super) connecting: u64,
}

/// A request on the line.
struct Open<'a>(&'a Service);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.seen.lock().unwrap().open -= 1;
    }
}

/// A request that was let in. It ends when its caller gives it up, too.
struct Work<'a> {
    service: &'a Service,
    user: u128,
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let now = self.service.time.clock.now();
        let took = Duration::from_millis(self.service.takes / 4);
        let mut windows = self.service.windows.lock().unwrap();
        windows.entry(self.user).or_default().finish(&self.service.limits, now, took);
    }
}

enum Fault {
    LostBefore,
    LostAfter,
    Unavailable,
    Throttled,
    GatewayAfter,
    /// A page of a proxy's: the request is not done, or it is.
    Html,
    HtmlAfter,
    /// The token is not accepted any more.
    Rejected,
    /// The answer takes long.
    Slow,
}

impl Service {
    pub(super) fn new(limits: Limits, takes: u64, workers: Option<usize>, faults: Faults) -> Arc<Self> {
        Self::over(Line::default(), limits, takes, workers, faults)
    }

    pub(super) fn over(line: Line, limits: Limits, takes: u64, workers: Option<usize>, faults: Faults) -> Arc<Self> {
        let seen = Seen { workers: vec![0; workers.unwrap_or(0)], ..Seen::default() };
        let (windows, seen) = (Mutex::default(), Mutex::new(seen));
        Arc::new(Self { time: Time::new(), limits, takes, faults, line, windows, seen })
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// The org, with a pool of so many users that take these for its limits.
    pub(super) fn org(self: &Arc<Self>, users: usize, known: Limits) -> (Dataverse, Arc<Pool>) {
        let (org, tokens) = self.unpaced(users);
        let pool = Pool::new(tokens, known);
        (org.with_pool(pool.clone()), pool)
    }

    /// The org as the first of so many users has it, with nothing that holds requests back.
    pub(super) fn unpaced(self: &Arc<Self>, users: usize) -> (Dataverse, Vec<Arc<Tokens>>) {
        let http = Http::new(self.clone(), self.time.clock.clone(), Arc::new(Waits(self.time.clone())));
        let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
        let tokens: Vec<_> = (0..users)
            .map(|user| {
                let id = Uuid::from_u128(user as u128).to_string().parse().unwrap();
                let credential = Arc::new(ClientSecret::new(id, Secret::new("secret")));
                Tokens::new(credential, authority.clone(), http.clone())
            })
            .collect();
        let found = Discovered { authority, resource: "https://contoso.crm4.dynamics.com".to_owned() };
        let connection = connection("https://contoso.crm4.dynamics.com");
        (Dataverse::new(&connection, &found, tokens[0].clone(), http), tokens)
    }

    fn fault(&self) -> Option<Fault> {
        let mut seen = self.seen.lock().unwrap();
        seen.requests += 1;
        let every = self.faults.every?;
        if !seen.requests.is_multiple_of(every) {
            return None;
        }
        seen.injected += 1;
        Some(match seen.injected % 9 {
            0 => Fault::LostBefore,
            1 => Fault::LostAfter,
            2 => Fault::Unavailable,
            3 => Fault::Throttled,
            4 => Fault::Html,
            5 => Fault::HtmlAfter,
            6 => Fault::Rejected,
            7 => Fault::Slow,
            _ => Fault::GatewayAfter,
        })
    }

    /// How long the work takes: at once, or when a worker is free.
    fn work(&self) -> Duration {
        let mut seen = self.seen.lock().unwrap();
        let now = self.time.millis();
        let takes = i64::try_from(self.takes).unwrap();
        let Some(worker) = seen.workers.iter_mut().min() else { return Duration::from_millis(self.takes) };
        *worker = (*worker).max(now) + takes;
        Duration::from_millis(u64::try_from(*worker - now).unwrap())
    }

    /// Carries the request over the line, and the answer.
    async fn carry(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let (is_new, _open) = {
            let mut seen = self.seen.lock().unwrap();
            seen.open += 1;
            let is_new = seen.open > seen.connections;
            seen.connections = seen.connections.max(seen.open);
            (is_new, Open(self))
        };
        let takes = self.line.away + if is_new { self.line.connecting } else { 0 };
        if takes > 0 {
            self.time.after(Duration::from_millis(takes)).await;
        }
        self.respond(request).await
    }

    async fn respond(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let lost = || {
            let cause = Unreachable::Lost("reset".to_owned());
            Err(Error::Unreachable { origin: "https://test".to_owned(), cause })
        };
        if self.faults.is_gone(self.time.millis()) {
            return Err(Error::Unreachable { origin: "https://test".to_owned(), cause: Unreachable::Refused });
        }
        let page = || Ok(answer(200, &[("content-type", "text/html")], "<html>sign in</html>"));
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        if request.uri().path().ends_with("/token") {
            return Ok(self.token(&body));
        }
        let bearer = request.headers()["authorization"].to_str().unwrap();
        let user = bearer.strip_prefix("Bearer ").unwrap().parse().unwrap();
        self.seen.lock().unwrap().sent.push((user, self.time.millis()));
        let fault = self.fault();
        match fault {
            Some(Fault::LostBefore) => return lost(),
            Some(Fault::Unavailable) => return Ok(answer(503, &[("retry-after", "1")], "")),
            Some(Fault::Throttled) => return Ok(throttled("0x80072322", Duration::from_secs(2))),
            Some(Fault::Html) => return page(),
            Some(Fault::Rejected) => return Ok(answer(401, &[], "")),
            _ => {}
        }
        if let Some(seconds) = self.faults.storm
            && user == 0
            && self.time.millis() < 100
        {
            return Ok(throttled("0x80072322", Duration::from_secs(seconds)));
        }
        let now = self.time.clock.now();
        let admitted = self.windows.lock().unwrap().entry(user).or_default().admit(&self.limits, now);
        let left = match admitted {
            Ok(left) => left,
            Err(refused) => {
                let mut seen = self.seen.lock().unwrap();
                seen.refused += 1;
                seen.last_refusal = self.time.millis();
                let code = match refused.limit {
                    Limit::Requests => "0x80072322",
                    Limit::Execution => "0x80072321",
                    Limit::Concurrency => "0x80072326",
                };
                return Ok(throttled(code, refused.retry_after));
            }
        };
        let work = Work { service: self, user };
        self.time.after(self.work()).await;
        let mut done = self.carry_out(&request, &body);
        drop(work);
        if self.faults.is_gone(self.time.millis()) {
            return lost();
        }
        match fault {
            Some(Fault::LostAfter) => return lost(),
            Some(Fault::HtmlAfter) => return page(),
            Some(Fault::Slow) => self.time.after(Duration::from_secs(10)).await,
            Some(Fault::GatewayAfter) => return Ok(answer(504, &[], "")),
            _ => {}
        }
        let headers = done.headers_mut();
        headers.insert("x-ms-ratelimit-burst-remaining-xrm-requests", left.requests.into());
        headers.insert("x-ms-dop-hint", self.limits.recommended_parallelism().into());
        Ok(done)
    }

    fn token(&self, form: &str) -> Response<Bytes> {
        let mut seen = self.seen.lock().unwrap();
        seen.tokens += 1;
        if self.faults.every.is_some() && seen.tokens == 1 {
            return answer(503, &[], "");
        }
        let (_, id) = form.split_once("client_id=").unwrap();
        let user = Uuid::parse_str(&id[..36]).unwrap().as_u128();
        let body = format!(r#"{{"token_type":"Bearer","expires_in":86400,"access_token":"{user}"}}"#);
        answer(200, &[], &body)
    }

    fn carry_out(&self, request: &Request<Bytes>, body: &str) -> Response<Bytes> {
        let mut seen = self.seen.lock().unwrap();
        if request.method() == Method::GET {
            let (_, id) = request.uri().path().split_once('(').unwrap();
            let id = Uuid::parse_str(id.trim_end_matches(')')).unwrap();
            let missing = r#"{"error":{"code":"0x80040217","message":"Does Not Exist"}}"#;
            return if seen.rows.contains_key(&id) { answer(200, &[], "{}") } else { answer(404, &[], missing) };
        }
        let row: serde_json::Value = serde_json::from_str(body).unwrap();
        let id: Uuid = row["contactid"].as_str().unwrap().parse().unwrap();
        if seen.rows.contains_key(&id) {
            return answer(412, &[], r#"{"error":{"code":"0x80040237","message":"duplicate"}}"#);
        }
        *seen.rows.entry(id).or_default() += 1;
        answer(204, &[("odata-entityid", &format!("https://contoso.crm4.dynamics.com/contacts({id})"))], "")
    }
}

fn throttled(code: &str, wait: Duration) -> Response<Bytes> {
    let body = format!(r#"{{"error":{{"code":"{code}","message":"exceeded"}}}}"#);
    answer(429, &[("retry-after", &wait.as_secs().to_string())], &body)
}

impl Transport for Service {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        Box::pin(self.carry(request))
    }
}
