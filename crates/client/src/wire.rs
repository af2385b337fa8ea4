//! A transport with the manners that every request shares: retries, counts, and an eye on the servers'
//! clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use keyholder_foundation::{ClientId, SystemClock, Timestamp, WallClock};
use url::Url;

use crate::counters::{Counted, Counters};
use crate::error::Error;
use crate::pacing::told::named;
use crate::retry::RetryPolicy;
use crate::time::{RuntimeSleep, ServerClock, Sleep};
use crate::transport::{Network, NetworkOptions, Transport, origin_of};
use crate::waits::{Wait, WaitReason, Waits};

/// Sends requests. Cheap to clone; clones share connections and the servers' time.
#[derive(Debug, Clone)]
pub struct Http {
    transport: Arc<dyn Transport>,
    clock: Arc<ServerClock>,
    sleep: Arc<dyn Sleep>,
    policy: RetryPolicy,
    counters: Arc<Counters>,
    waits: Arc<Waits>,
}

impl Http {
    /// Over any transport, by the given clock and way of waiting.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, clock: Arc<dyn WallClock>, sleep: Arc<dyn Sleep>) -> Self {
        Self {
            transport,
            clock: Arc::new(ServerClock::new(clock)),
            sleep,
            policy: RetryPolicy::default(),
            counters: Arc::default(),
            waits: Arc::default(),
        }
    }

    /// Over the real network, by the machine's clock.
    ///
    /// # Errors
    /// When the CA file cannot be used.
    pub fn over_network(options: NetworkOptions) -> Result<Self, Error> {
        let network = Network::new(options)?;
        Ok(Self::new(Arc::new(network), Arc::new(SystemClock::new()), Arc::new(RuntimeSleep)))
    }

    /// The same with other retries.
    #[must_use]
    pub fn with_retries(mut self, policy: RetryPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// How often a request is tried.
    #[must_use]
    pub fn retries(&self) -> &RetryPolicy {
        &self.policy
    }

    /// The servers' time.
    #[must_use]
    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// This machine's time, for what is counted here: that of the servers may jump with each answer.
    pub(crate) fn local_now(&self) -> Timestamp {
        self.clock.local_now()
    }

    pub(crate) fn server_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What was sent and received so far, by this and all its clones.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counters.now()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells of every wait of several seconds as it begins: for room under the limits, or before a request is sent again.
    /// Of many requests that wait for the same, one is told. For all clones; once it was said who is told, that stays.
    ///
    /// ```no_run
    /// # fn example(http: &keyholder_client::Http) {
    /// http.tell_waits(|wait| eprintln!("waiting until {}", wait.until));
    /// # }
    /// ```
    pub fn tell_waits(&self, teller: impl Fn(&Wait) + Send + Sync + 'static) {
        self.waits.tell(Box::new(teller));
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }

    /// Sends the request, again where [`RetryPolicy`] says that this is safe.
    ///
    /// # Errors
    /// What the transport's last try came to; an answer of any status is none.
    pub async fn send(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.send_as(request.method(), request, None).await
    }

    /// The same for a request that may be carried out twice whatever its method says: one for a token, one that puts a
    /// whole thing in its place.
    ///
    /// The answer says by [`Repeated`] whether it is that of a further try.
    ///
    /// # Errors
    /// As [`Http::send`].
    pub async fn send_repeatable(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
        self.send_as(&Method::GET, request, None).await
    }

    /// The same for a request of this caller's that may be repeated as one of `method` may.
    pub(crate) async fn send_as(
        &self,
        method: &Method,
        request: &Request<Bytes>,
        caller: Option<ClientId>,
    ) -> Result<Response<Bytes>, Error> {
        let mut attempt = 1;
        let mut is_repeated = false;
        loop {
            let mut outcome = self.send_once(request).await;
            match self.policy.wait(method, attempt, &outcome, self.clock.now()) {
                Some(wait) => self.wait_before_repeating(wait, &outcome, caller).await,
                None => {
                    if let Ok(answer) = &mut outcome
                        && is_repeated
                    {
                        answer.extensions_mut().insert(Repeated);
                    }
                    return outcome;
                }
            }
            // What a limit refused was not carried out.
            is_repeated |= !matches!(&outcome, Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS);
            attempt += 1;
        }
    }

    /// Waits before a request of this caller's is sent again that came to that.
    pub(crate) async fn wait_before_repeating(
        &self,
        wait: Duration,
        outcome: &Result<Response<Bytes>, Error>,
        caller: Option<ClientId>,
    ) {
        // Other services refuse for limits of their own, which are not the org's.
        let limit =
            outcome.as_ref().ok().filter(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS).and_then(named);
        let (client_id, reason) = match limit {
            Some(limit) => (caller, WaitReason::Limit(Some(limit))),
            None => (None, WaitReason::Service),
        };
        self.waits.begin(&Wait { client_id, reason, duration: wait, until: self.local_now().plus(wait) });
        self.counters.repeated();
        self.counters.waited(wait);
        self.sleep.sleep(wait).await;
    }

    /// Sends the request once.
    pub(crate) async fn send_once(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let outcome = self.transport.send(request.clone()).await;
        if let Ok(answer) = &outcome {
            self.clock.observe(answer.headers());
        }
        self.counters.exchanged(request, &outcome);
        outcome
    }
}

/// Among the extensions of an answer: the request had been sent before, and may have been carried out then, whatever this
/// answer says.
#[derive(Debug, Clone, Copy)]
pub struct Repeated;

/// A request of `method` on `url` with these headers.
pub(crate) fn request(method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Request<Bytes>, Error> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.as_str())
        .body(body)
        .map_err(|error| Error::Protocol { origin: origin_of(url), found: error.to_string() })?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// An answer that should have been JSON of a certain shape.
pub(crate) fn json<T: serde::de::DeserializeOwned>(url: &Url, answer: &Response<Bytes>) -> Result<T, Error> {
    // serde's own message can repeat a value of the answer, and that may be a token: only where
    // the answer stops making sense is told.
    serde_json::from_slice(answer.body()).map_err(|error| Error::Protocol {
        origin: origin_of(url),
        found: format!("{}, wrong at line {} column {}", looks_like(answer), error.line(), error.column()),
    })
}

/// What an answer looks like, for messages: never its content, which may hold a token.
pub(crate) fn looks_like(answer: &Response<Bytes>) -> String {
    let kind = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let start: Vec<u8> = answer.body().iter().copied().filter(|b| !b.is_ascii_whitespace()).take(9).collect();
    let html = kind.is_some_and(|kind| kind.starts_with("text/html"))
        || start.eq_ignore_ascii_case(b"<!doctype")
        || start.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"<html"));
    let status = answer.status().as_u16();
    if html {
        format!("an HTML page with HTTP status {status}")
    } else if answer.body().is_empty() {
        format!("an empty answer with HTTP status {status}")
    } else {
        format!("an answer of type {} with HTTP status {status}", kind.unwrap_or("unknown"))
    }
}
