//! A client secret: the client credentials grant with `client_secret_post` (RFC 6749 sections 4.4
//! and 2.3.1), at the v2 endpoint.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use keyholder_entra::token::TokenSuccess;
use keyholder_foundation::{ClientId, Secret, WallClock};
use url::Url;

use super::Credential;
use crate::authority::Authority;
use crate::error::{Error, TokenRefusal, Unreachable};
use crate::token::AccessToken;
use crate::transport::origin_of;
use crate::wire::{Http, json, looks_like, request};

/// A client id and its secret.
#[derive(Debug, Clone)]
pub struct ClientSecret {
    client_id: ClientId,
    secret: Secret,
}

impl ClientSecret {
    /// Signs in as `client_id`.
    #[must_use]
    pub fn new(client_id: ClientId, secret: Secret) -> Self {
        Self { client_id, secret }
    }

    fn body(&self, scope: &str) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id.to_string())
            .append_pair("client_secret", self.secret.expose())
            .append_pair("scope", scope)
            .finish()
    }
}

impl Credential for ClientSecret {
    fn client_id(&self) -> ClientId {
        self.client_id
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move {
            let url = authority.endpoint("oauth2/v2.0/token");
            let request = form_post(&url, self.body(scope))?;
            let answer = http.send(&request).await?;
            if answer.status().is_success() {
                let token: TokenSuccess = json(&url, &answer)?;
                let life = Duration::from_secs(u64::try_from(token.expires_in).unwrap_or(0));
                return AccessToken::new(token.access_token, http.clock().now(), life).ok_or_else(|| {
                    let found = "a token that no header can carry".to_owned();
                    Error::Protocol { origin: origin_of(&url), found }
                });
            }
            Err(refusal(authority, &url, &answer, &self.secret))
        })
    }
}

fn form_post(url: &Url, body: String) -> Result<Request<Bytes>, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8"),
    );
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    request(Method::POST, url, headers, Bytes::from(body))
}

fn refusal(authority: &Authority, url: &Url, answer: &Response<Bytes>, secret: &Secret) -> Error {
    match TokenRefusal::read(&authority.to_string(), answer) {
        Some(mut refusal) => {
            refusal.redact(secret.expose());
            Error::TokenRefused(Box::new(refusal))
        }
        None if answer.status().is_server_error() => {
            let cause = Unreachable::Other(format!("it answered with HTTP status {}", answer.status()));
            Error::Unreachable { origin: origin_of(url), cause }
        }
        None => Error::Protocol { origin: origin_of(url), found: looks_like(answer) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SECRET, Script, answer};

    const PATH: &str = "POST /contoso.example/oauth2/v2.0/token";

    fn authority() -> Authority {
        Authority::new(&Url::parse("https://login.microsoftonline.com").unwrap(), "contoso.example").unwrap()
    }

    fn credential() -> ClientSecret {
        ClientSecret::new("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap(), Secret::new(SECRET))
    }

    #[tokio::test]
    async fn asks_with_a_form_and_keeps_the_secret_out_of_the_url() {
        let (script, http) = Script::http();
        script.expect(PATH, answer(200, &[], r#"{"token_type":"Bearer","expires_in":3599,"access_token":"tok"}"#));
        let token = credential().fetch(&authority(), "https://org.example/.default", &http).await.unwrap();
        assert_eq!(token.secret().expose(), "tok");
        assert_eq!(token.expires_at(), http.clock().now().plus(Duration::from_secs(3599)));
        let seen = script.seen();
        assert!(!seen[0].uri().to_string().contains(SECRET));
        assert_eq!(
            seen[0].body().as_ref(),
            b"grant_type=client_credentials&client_id=0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001&client_secret=the-client-secret-value&scope=https%3A%2F%2Forg.example%2F.default"
        );
    }

    #[tokio::test]
    async fn a_refusal_has_code_and_advice_and_never_the_secret() {
        let (script, http) = Script::http();
        let body = format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret '{SECRET}'. Trace ID: x","error_codes":[7000215],"correlation_id":"c1"}}"#
        );
        script.expect(PATH, answer(401, &[], &body));
        let error = credential().fetch(&authority(), "s", &http).await.unwrap_err();
        assert_eq!(error.aadsts(), Some(7_000_215));
        let text = format!("{error} {error:?} {:?}", error.hints());
        assert!(text.contains("c1") && text.contains("(redacted)"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(script.is_done(), "a wrong secret is not tried twice");
    }

    #[tokio::test]
    async fn what_is_no_token_service_is_said_to_be_none() {
        let (script, http) = Script::http();
        script.expect(PATH, answer(200, &[("content-type", "text/html")], "<html>"));
        let error = credential().fetch(&authority(), "s", &http).await.unwrap_err();
        assert!(error.to_string().contains("an HTML page"), "{error}");
        script.expect(PATH, answer(200, &[], r#"{"access_token":{"hidden":"token-value"},"expires_in":1}"#));
        let error = credential().fetch(&authority(), "s", &http).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }) && !format!("{error:?}").contains("token-value"), "{error:?}");
        script.expect(PATH, answer(500, &[], "oops"));
        let error = credential().fetch(&authority(), "s", &http).await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::OutOfReach);
    }
}
