//! What the grants have in common: a form to the token endpoint, and a token or a refusal back.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use keyholder_entra::token::TokenSuccess;
use keyholder_foundation::WallClock;
use url::Url;

use crate::authority::Authority;
use crate::error::{Error, TokenRefusal, Unreachable};
use crate::token::AccessToken;
use crate::transport::origin_of;
use crate::wire::{Http, json, looks_like, request};

/// The authority's token endpoint.
pub(super) const TOKEN: &str = "oauth2/v2.0/token";

/// A form on its way to an authority. Its secret fields are taken out of whatever a refusal repeats.
pub(super) struct Grant<'a> {
    fields: Vec<(&'static str, &'a str)>,
    secrets: Vec<&'a str>,
}

impl<'a> Grant<'a> {
    /// A grant of this type.
    pub(super) fn new(grant_type: &'a str) -> Self {
        Self { fields: vec![("grant_type", grant_type)], secrets: Vec::new() }
    }

    /// A form that is no grant, such as the start of a device sign-in.
    pub(super) fn form() -> Self {
        Self { fields: Vec::new(), secrets: Vec::new() }
    }

    pub(super) fn field(mut self, name: &'static str, value: &'a str) -> Self {
        self.fields.push((name, value));
        self
    }

    pub(super) fn secret(mut self, name: &'static str, value: &'a str) -> Self {
        self.secrets.push(value);
        self.field(name, value)
    }

    /// Sends the form to the token endpoint.
    ///
    /// # Errors
    /// [`Error::TokenRefused`], or what the transport came to.
    pub(super) async fn ask(&self, authority: &Authority, http: &Http) -> Result<TokenSuccess, Error> {
        let (url, answer) = self.post(authority, TOKEN, http).await?;
        json(&url, &answer)
    }

    /// Sends the form to an endpoint of the authority; an answer that is a refusal is an error.
    ///
    /// # Errors
    /// As [`Grant::ask`].
    pub(super) async fn post(
        &self,
        authority: &Authority,
        endpoint: &str,
        http: &Http,
    ) -> Result<(Url, Response<Bytes>), Error> {
        let url = authority.endpoint(endpoint);
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8"),
        );
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish();
        let request = request(Method::POST, &url, headers, Bytes::from(body))?;
        // A code or a refresh token may be used up by the first try; an application's credential never is.
        let is_repeatable = self.fields.contains(&("grant_type", "client_credentials"));
        let answer = if is_repeatable { http.send_repeatable(&request).await? } else { http.send(&request).await? };
        if answer.status().is_success() { Ok((url, answer)) } else { Err(self.refusal(authority, &url, &answer)) }
    }

    fn refusal(&self, authority: &Authority, url: &Url, answer: &Response<Bytes>) -> Error {
        match TokenRefusal::read(&authority.to_string(), answer) {
            Some(mut refusal) => {
                self.secrets.iter().for_each(|secret| refusal.redact(secret));
                Error::TokenRefused(Box::new(refusal))
            }
            None if answer.status().is_server_error() => {
                let cause = Unreachable::Other(format!("it answered with HTTP status {}", answer.status()));
                Error::Unreachable { origin: origin_of(url), cause }
            }
            None => Error::Protocol { origin: origin_of(url), found: looks_like(answer) },
        }
    }
}

/// The access token of an answer.
///
/// # Errors
/// [`Error::Protocol`] when no header can carry it.
pub(super) fn access_token(authority: &Authority, success: &TokenSuccess, http: &Http) -> Result<AccessToken, Error> {
    let life = Duration::from_secs(u64::try_from(success.expires_in).unwrap_or(0));
    bearer(authority, success.access_token.clone(), http.clock().now(), life)
}

/// A token issued at `now` that lives for `life`.
///
/// # Errors
/// [`Error::Protocol`] when no header can carry it.
pub(super) fn bearer(
    authority: &Authority,
    token: keyholder_foundation::Secret,
    now: keyholder_foundation::Timestamp,
    life: Duration,
) -> Result<AccessToken, Error> {
    AccessToken::new(token, now, life).ok_or_else(|| Error::Protocol {
        origin: origin_of(authority.login()),
        found: "a token that no header can carry".to_owned(),
    })
}
