//! A client secret: the client credentials grant with `client_secret_post` (RFC 6749 sections 4.4
//! and 2.3.1), at the v2 endpoint.

use futures::future::BoxFuture;
use keyholder_foundation::{ClientId, Secret};

use super::Credential;
use super::grant::{Grant, access_token};
use crate::authority::Authority;
use crate::error::Error;
use crate::token::AccessToken;
use crate::wire::Http;

/// A client id and its secret.
///
/// ```
/// use keyholder_client::{ClientSecret, Credential};
/// use keyholder_foundation::Secret;
///
/// let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse()?;
/// let credential = ClientSecret::new(id, Secret::new("from a file, never from an argument"));
/// assert_eq!(credential.client_id(), id);
/// # Ok::<(), uuid::Error>(())
/// ```
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
            let client_id = self.client_id.to_string();
            let grant = Grant::new("client_credentials")
                .field("client_id", &client_id)
                .secret("client_secret", self.secret.expose())
                .field("scope", scope);
            access_token(authority, &grant.ask(authority, http).await?, http)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keyholder_foundation::WallClock;
    use url::Url;

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
