//! What the Web API and Graph have in common: an OData service behind a bearer token, at one origin.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::Error;
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::{Http, json, looks_like, request};

/// One service.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    /// What its paths are relative to; ends in `/`.
    pub(crate) root: Url,
    pub(crate) scope: String,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) http: Http,
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

    /// Sends with a token; once more with a new one when the service rejects it, which it does
    /// before it carries anything out.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Response<Bytes>, Error> {
        let mut token = self.tokens.get(&self.scope).await?;
        let mut answer = self.send(&call, token.header()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.tokens.reject(&self.scope, &token);
            token = self.tokens.get(&self.scope).await?;
            answer = self.send(&call, token.header()).await?;
        }
        if answer.status().is_success() {
            return Ok(answer);
        }
        let what = format!("{} {}", call.method, self.relative(call.url));
        let unread = || Error::Protocol { origin: origin_of(call.url), found: looks_like(&answer) };
        Err((self.refusal)(&what, &answer).unwrap_or_else(unread))
    }

    async fn send(&self, call: &Call<'_>, token: HeaderValue) -> Result<Response<Bytes>, Error> {
        let mut headers: HeaderMap = call.headers.iter().cloned().collect();
        headers.insert(http::header::AUTHORIZATION, token);
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        if call.body.is_some() {
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        }
        let body = call.body.clone().unwrap_or_default();
        self.http.send(&request(call.method.clone(), call.url, headers, body)?).await
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

    pub(crate) async fn delete(&self, url: &Url) -> Result<(), Error> {
        self.call(Call { method: Method::DELETE, url, headers: &[], body: None }).await.map(drop)
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
