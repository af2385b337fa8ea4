//! One cache of tokens for all callers: fetched once however many ask at the same time, refreshed
//! in the background before they expire, dropped when an org rejects them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use http::HeaderValue;
use keyholder_foundation::{Secret, Timestamp, WallClock};

use crate::authority::Authority;
use crate::credential::Credential;
use crate::error::Error;
use crate::wire::Http;

/// A token is renewed this long before it expires, or at half its life if that is later.
const EARLY: Duration = Duration::from_secs(300);
/// After a refresh that failed, the next is tried this much later, while the old token still works.
const AGAIN: Duration = Duration::from_secs(30);

/// A bearer token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    secret: Secret,
    header: HeaderValue,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

impl AccessToken {
    /// A token issued at `now` (by the server's clock) that lives for `life`; nothing when the
    /// text cannot stand in a header.
    #[must_use]
    pub fn new(secret: Secret, now: Timestamp, life: Duration) -> Option<Self> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", secret.expose())).ok()?;
        header.set_sensitive(true);
        Some(Self { secret, header, issued_at: now, expires_at: now.plus(life) })
    }

    /// The token itself. Send it nowhere but to the resource that it was made for.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The `Authorization` header; marked sensitive, so that no HTTP log shows it.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// When it stops working, by the server's clock.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    fn refresh_at(&self) -> Timestamp {
        let half = self.expires_at.since(self.issued_at) / 2;
        self.expires_at.minus(EARLY).max(self.issued_at.plus(half))
    }
}

type Flight = Shared<BoxFuture<'static, Result<Arc<AccessToken>, Error>>>;

#[derive(Debug, Default)]
struct Slot {
    token: Option<Arc<AccessToken>>,
    flight: Option<Flight>,
    /// No refresh before this moment: the last one failed.
    not_before: Option<Timestamp>,
}

type Slots = Arc<Mutex<HashMap<String, Slot>>>;

/// Tokens of one credential at one authority, by scope.
///
/// A program that only needs a token, for another library:
///
/// ```no_run
/// # async fn example(
/// #     connection: keyholder_client::Connection, http: keyholder_client::Http,
/// # ) -> Result<(), keyholder_client::Error> {
/// use keyholder_client::{Tokens, authority};
///
/// let found = authority::discover(&connection, &http).await?;
/// let tokens = Tokens::new(connection.credential()?, found.authority.clone(), http);
/// let token = tokens.get(&found.scope()).await?;
/// let header = token.header();
/// assert!(header.is_sensitive());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tokens {
    credential: Arc<dyn Credential>,
    authority: Authority,
    http: Http,
    slots: Slots,
}

impl Tokens {
    /// An empty cache.
    #[must_use]
    pub fn new(credential: Arc<dyn Credential>, authority: Authority, http: Http) -> Arc<Self> {
        Arc::new(Self { credential, authority, http, slots: Slots::default() })
    }

    /// Where the tokens come from.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Who signs in.
    #[must_use]
    pub fn credential(&self) -> &dyn Credential {
        self.credential.as_ref()
    }

    /// A token for `scope` that is good for some minutes. Callers who ask while one is being
    /// fetched share that request and its outcome, a refusal included: a hundred tasks with a
    /// wrong secret make one failed sign-in, not a hundred. While the old token still works, it is given, and the new
    /// one is fetched in the background; a refresh that fails is nobody's error.
    ///
    /// # Errors
    /// What the fetch came to ([`Credential::fetch`]).
    pub async fn get(&self, scope: &str) -> Result<Arc<AccessToken>, Error> {
        let now = self.http.clock().now();
        let (flight, usable, is_new) = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = slots.entry(scope.to_owned()).or_default();
            if let Some(token) = slot.token.as_ref().filter(|token| now < token.refresh_at()) {
                return Ok(token.clone());
            }
            let usable = slot.token.clone().filter(|token| now < token.expires_at);
            if let Some(token) = &usable
                && slot.not_before.is_some_and(|moment| now < moment)
            {
                return Ok(token.clone());
            }
            let is_new = slot.flight.is_none();
            (slot.flight.get_or_insert_with(|| self.take_off(scope)).clone(), usable, is_new)
        };
        let landing = land(self.slots.clone(), scope.to_owned(), flight, now.plus(AGAIN));
        // Outside a runtime, nobody would carry it on.
        if let (Some(token), Ok(runtime)) = (&usable, tokio::runtime::Handle::try_current()) {
            if is_new {
                runtime.spawn(landing);
            }
            return Ok(token.clone());
        }
        let outcome = landing.await;
        match (outcome, usable) {
            (Err(_), Some(token)) => Ok(token),
            (outcome, _) => outcome,
        }
    }

    /// A fetch that holds nothing of the cache it will be kept in.
    fn take_off(&self, scope: &str) -> Flight {
        let (credential, authority) = (self.credential.clone(), self.authority.clone());
        let (http, scope) = (self.http.clone(), scope.to_owned());
        async move { credential.fetch(&authority, &scope, &http).await.map(Arc::new) }.boxed().shared()
    }

    /// Forgets `token`, because the resource rejected it. A newer one stays.
    pub fn reject(&self, scope: &str, token: &Arc<AccessToken>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get_mut(scope)
            && slot.token.as_ref().is_some_and(|current| Arc::ptr_eq(current, token))
        {
            slot.token = None;
        }
    }
}

/// Waits for a fetch and keeps what it brought.
async fn land(slots: Slots, scope: String, flight: Flight, again: Timestamp) -> Result<Arc<AccessToken>, Error> {
    let outcome = flight.clone().await;
    let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = slots.entry(scope).or_default();
    // The first to wake clears the way for the next fetch; a newer flight stays.
    if slot.flight.as_ref().is_some_and(|current| current.ptr_eq(&flight)) {
        slot.flight = None;
        match &outcome {
            Ok(token) => (slot.token, slot.not_before) = (Some(token.clone()), None),
            Err(_) => slot.not_before = Some(again),
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::ClientSecret;
    use crate::testing::{SECRET, Script, answer};
    use keyholder_foundation::ManualClock;
    use url::Url;

    const POST: &str = "POST /t/oauth2/v2.0/token";

    fn token(text: &str) -> http::Response<bytes::Bytes> {
        answer(200, &[], &format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{text}"}}"#))
    }

    fn refused() -> http::Response<bytes::Bytes> {
        answer(401, &[], r#"{"error":"invalid_client","error_description":"AADSTS7000215: no"}"#)
    }

    fn world() -> (Arc<Script>, Arc<Tokens>, Arc<ManualClock>) {
        let (script, http, clock) = Script::with_clock();
        let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
        let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap();
        let credential = ClientSecret::new(id, Secret::new(SECRET));
        (script, Tokens::new(Arc::new(credential), authority, http), clock)
    }

    /// Lets what runs in the background come to its end; it has sent so many requests by then.
    async fn settled(script: &Script, requests: usize) {
        for _ in 0..500 {
            tokio::task::yield_now().await;
        }
        assert_eq!(script.seen().len(), requests);
    }

    #[tokio::test]
    async fn many_callers_share_one_fetch() {
        let (script, tokens, _) = world();
        script.expect(POST, token("one"));
        let all = futures::future::join_all((0..20).map(|_| tokens.get("s"))).await;
        assert!(all.iter().all(|token| token.as_ref().unwrap().secret().expose() == "one"));
        assert_eq!(script.seen().len(), 1);
        tokens.get("s").await.unwrap();
        script.expect(POST, token("other"));
        assert_eq!(tokens.get("another scope").await.unwrap().secret().expose(), "other");
    }

    #[tokio::test]
    async fn many_callers_share_one_refusal_and_the_next_caller_asks_again() {
        let (script, tokens, _) = world();
        script.expect(POST, refused());
        let all = futures::future::join_all((0..20).map(|_| tokens.get("s"))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(script.seen().len(), 1);
        script.expect(POST, token("now"));
        assert!(tokens.get("s").await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_does_not_take_the_fetch_with_it() {
        let (script, tokens, _) = world();
        script.expect(POST, token("one"));
        {
            let first = tokens.get("s");
            futures::pin_mut!(first);
            assert!(futures::poll!(first.as_mut()).is_pending());
        }
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "one");
        assert_eq!(script.seen().len(), 1);
    }

    #[tokio::test]
    async fn tokens_are_renewed_early_and_the_old_one_bridges_a_failure() {
        let (script, tokens, clock) = world();
        script.expect(POST, token("one"));
        tokens.get("s").await.unwrap();
        clock.advance(Duration::from_secs(3299));
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "one");
        clock.advance(Duration::from_secs(1));
        script.expect(POST, refused());
        for _ in 0..20 {
            assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "one", "while it is refreshed");
        }
        settled(&script, 2).await;
        // A token service that refuses is not asked with each request.
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "one");
        settled(&script, 2).await;
        clock.advance(AGAIN);
        script.expect(POST, token("two"));
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "one");
        settled(&script, 3).await;
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "two");
        clock.advance(Duration::from_secs(3601));
        script.expect(POST, refused());
        assert!(tokens.get("s").await.is_err(), "a dead token bridges nothing");
    }

    #[tokio::test]
    async fn a_rejected_token_is_forgotten_once() {
        let (script, tokens, _) = world();
        script.expect(POST, token("one"));
        let one = tokens.get("s").await.unwrap();
        tokens.reject("s", &one);
        script.expect(POST, token("two"));
        tokens.get("s").await.unwrap();
        tokens.reject("s", &one);
        assert_eq!(tokens.get("s").await.unwrap().secret().expose(), "two");
    }

    #[test]
    fn formatting_a_token_shows_nothing_of_it() {
        let token = AccessToken::new(Secret::new("tok-value"), Timestamp::EPOCH, EARLY).unwrap();
        assert!(!format!("{token:?}").contains("tok-value"));
    }
}
