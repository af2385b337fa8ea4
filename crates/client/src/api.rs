//! What the Web API and Graph have in common: an OData service behind a bearer token, at one origin.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument;
use url::Url;

use crate::error::Error;
use crate::pacing::Pool;
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::{Http, json, looks_like, request};

/// A request that a paced user is refused so often is given up: somebody else uses up all that there is.
const MOST_REFUSALS: u32 = 100;

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    /// What its paths are relative to; ends in `/`.
    pub(crate) root: Url,
    pub(crate) scope: String,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) http: Http,
    /// Who sends instead, as each has room.
    pub(crate) pool: Option<Arc<Pool>>,
    /// Reads the service's own error; nothing when the answer is none.
    pub(crate) refusal: fn(&str, &Response<Bytes>) -> Option<Error>,
}

/// A request below the root.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a [(HeaderName, HeaderValue)],
    pub(crate) body: Option<Bytes>,
}

impl Api {
    /// The URL of a path below the root. The path is ours, not a caller's text.
    pub(crate) fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path()));
        url.set_query(query);
        url
    }

    /// Sends, and takes an answer that is a refusal for an error.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Response<Bytes>, Error> {
        let answer = self.exchange(&call).await?;
        if answer.status().is_success() { Ok(answer) } else { Err(self.refused(&call.method, call.url, &answer)) }
    }

    /// Sends with a token; once more with a new one when the service rejects it, which it does
    /// before it carries anything out.
    pub(crate) async fn exchange(&self, call: &Call<'_>) -> Result<Response<Bytes>, Error> {
        self.exchange_as(&call.method, call).await
    }

    /// The same for a request that may be repeated as one of `method` may, whatever its own is: a batch that only reads.
    pub(crate) async fn exchange_as(&self, method: &Method, call: &Call<'_>) -> Result<Response<Bytes>, Error> {
        // The path is told without keys, which are the org's data.
        let path = self.relative(call.url).split('(').next().unwrap_or_default();
        let span = tracing::debug_span!("request", method = %call.method, path);
        async {
            let outcome = match &self.pool {
                Some(pool) => self.paced(pool, method, call).await,
                None => self.unpaced(method, call).await,
            };
            match &outcome {
                Ok(answer) => {
                    let id = ["x-ms-service-request-id", "req_id", "request-id"].iter();
                    let id = id.filter_map(|name| answer.headers().get(*name)?.to_str().ok()).next();
                    tracing::debug!(status = answer.status().as_u16(), request_id = id, bytes = answer.body().len());
                }
                Err(error) => tracing::debug!(kind = ?error.kind(), "no answer"),
            }
            outcome
        }
        .instrument(span)
        .await
    }

    /// Each time by a user that has room. A refusal for a limit is waited out, by another user's turn or by the same
    /// one's later; what was refused was not carried out.
    async fn paced(&self, pool: &Pool, method: &Method, call: &Call<'_>) -> Result<Response<Bytes>, Error> {
        let (mut attempt, mut refusals) = (1, 0);
        // Users whose token was rejected: each has its own, which is renewed once.
        let mut renewed: Vec<Arc<Tokens>> = Vec::new();
        loop {
            let turn = pool.turn(&self.http).await?;
            let tokens = turn.tokens().clone();
            let token = tokens.get(&self.scope).await?;
            let outcome = self.http.send_once(&self.request(call, token.header())?).await;
            turn.answered(&outcome);
            if let Ok(answer) = &outcome {
                match answer.status() {
                    StatusCode::UNAUTHORIZED if !renewed.iter().any(|user| Arc::ptr_eq(user, &tokens)) => {
                        tokens.reject(&self.scope, &token);
                        renewed.push(tokens);
                        continue;
                    }
                    StatusCode::TOO_MANY_REQUESTS if refusals < MOST_REFUSALS => {
                        refusals += 1;
                        self.http.counters().repeated();
                        continue;
                    }
                    StatusCode::TOO_MANY_REQUESTS => return outcome,
                    _ => {}
                }
            }
            match self.http.retries().wait(method, attempt, &outcome, self.http.server_now()) {
                None => return outcome,
                Some(wait) => {
                    self.http.wait_before_repeating(wait, &outcome, Some(tokens.credential().client_id())).await;
                }
            }
            attempt += 1;
        }
    }

    async fn unpaced(&self, method: &Method, call: &Call<'_>) -> Result<Response<Bytes>, Error> {
        let mut token = self.tokens.get(&self.scope).await?;
        let mut answer = self.send(method, call, token.header()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.tokens.reject(&self.scope, &token);
            token = self.tokens.get(&self.scope).await?;
            answer = self.send(method, call, token.header()).await?;
        }
        Ok(answer)
    }

    /// The error that an answer is, which is no success.
    pub(crate) fn refused(&self, method: &Method, url: &Url, answer: &Response<Bytes>) -> Error {
        self.refused_as(&format!("{method} {}", self.relative(url)), url, answer)
    }

    /// The same of what is called so.
    pub(crate) fn refused_as(&self, what: &str, url: &Url, answer: &Response<Bytes>) -> Error {
        let unread = || Error::Protocol { origin: origin_of(url), found: looks_like(answer) };
        (self.refusal)(what, answer).unwrap_or_else(unread)
    }

    async fn send(&self, method: &Method, call: &Call<'_>, token: HeaderValue) -> Result<Response<Bytes>, Error> {
        let caller = Some(self.tokens.credential().client_id());
        self.http.send_as(method, &self.request(call, token)?, caller).await
    }

    fn request(&self, call: &Call<'_>, token: HeaderValue) -> Result<Request<Bytes>, Error> {
        let mut headers: HeaderMap = call.headers.iter().cloned().collect();
        headers.insert(http::header::AUTHORIZATION, token);
        headers.entry(http::header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        if call.body.is_some() {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.entry(http::header::CONTENT_TYPE).or_insert(json);
        }
        let body = call.body.clone().unwrap_or_default();
        request(call.method.clone(), call.url, headers, body)
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<T, Error> {
        let answer = self.call(Call { method: Method::GET, url, headers, body: None }).await?;
        json(url, &answer)
    }

    pub(crate) async fn write<T: Serialize + ?Sized>(
        &self,
        method: Method,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
        body: &T,
    ) -> Result<Response<Bytes>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Protocol {
            origin: "the request".to_owned(),
            found: format!("a body that is no JSON (category {:?})", error.classify()),
        })?;
        self.call(Call { method, url, headers, body: Some(Bytes::from(body)) }).await
    }

    /// The same where nothing but success is to be read of the answer.
    pub(crate) async fn act<T: Serialize + ?Sized>(&self, method: Method, url: &Url, body: &T) -> Result<(), Error> {
        done(url, &self.write(method, url, &[], body).await?)
    }

    pub(crate) async fn delete(&self, url: &Url) -> Result<(), Error> {
        done(url, &self.call(Call { method: Method::DELETE, url, headers: &[], body: None }).await?)
    }

    /// A next page's address. The token must not follow a link to another origin, whoever wrote it.
    pub(crate) fn next_link(&self, link: &str) -> Result<Url, Error> {
        let url = Url::parse(link).ok().filter(|url| url.origin() == self.root.origin());
        url.ok_or_else(|| Error::Protocol {
            origin: origin_of(&self.root),
            found: "a link to a next page on another origin, which was not followed".to_owned(),
        })
    }

    /// A path for messages: relative to the root, without the query.
    fn relative<'a>(&self, url: &'a Url) -> &'a str {
        match url.path().strip_prefix(self.root.path()) {
            Some("") | None => url.path(),
            Some(path) => path,
        }
    }
}

/// Whether it was the service that said yes: it says nothing, or JSON. The page of a proxy that wants a sign-in is a success
/// too by its status.
fn done(url: &Url, answer: &Response<Bytes>) -> Result<(), Error> {
    if answer.body().is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(answer.body()).is_ok() {
        return Ok(());
    }
    Err(Error::Protocol { origin: origin_of(url), found: looks_like(answer) })
}

#[cfg(test)]
mod tests;
