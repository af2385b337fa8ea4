//! A user name and a password: the resource owner password credentials grant (RFC 6749 section
//! 4.3), as today's non-interactive users still sign in.
//!
//! It works for people of the directory itself without a second factor, and for nobody else;
//! Microsoft advises against it, and so does Keyholder.

use futures::future::BoxFuture;
use keyholder_foundation::{ClientId, Secret};
use uuid::Uuid;

use super::Credential;
use super::grant::{Grant, access_token};
use crate::authority::Authority;
use crate::error::Error;
use crate::token::AccessToken;
use crate::wire::Http;

/// Microsoft's public client for Dynamics 365's development tools, which every tenant trusts.
pub const DYNAMICS_TOOLS: ClientId = ClientId(Uuid::from_u128(0x51f8_1489_12ee_4a9e_aaae_a259_1f45_987d));

/// A person's name and password.
///
/// ```
/// use keyholder_client::credential::{Credential, DYNAMICS_TOOLS, UsernamePassword};
/// use keyholder_foundation::Secret;
///
/// let credential = UsernamePassword::new("svc-orders@contoso.com", Secret::new("from a file"));
/// assert_eq!(credential.client_id(), DYNAMICS_TOOLS);
/// assert!(credential.is_person());
/// ```
#[derive(Debug, Clone)]
pub struct UsernamePassword {
    client_id: ClientId,
    username: String,
    password: Secret,
}

impl UsernamePassword {
    /// Signs in through [`DYNAMICS_TOOLS`].
    #[must_use]
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self { client_id: DYNAMICS_TOOLS, username: username.into(), password }
    }

    /// Signs in through another public client: one of your own, with "Allow public client flows".
    #[must_use]
    pub fn through(mut self, client_id: ClientId) -> Self {
        self.client_id = client_id;
        self
    }
}

impl Credential for UsernamePassword {
    fn client_id(&self) -> ClientId {
        self.client_id
    }

    fn is_person(&self) -> bool {
        true
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move {
            let client_id = self.client_id.to_string();
            let grant = Grant::new("password")
                .field("client_id", &client_id)
                .field("username", &self.username)
                .secret("password", self.password.expose())
                .field("scope", scope);
            access_token(authority, &grant.ask(authority, http).await?, http)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, answer};
    use url::Url;

    #[tokio::test]
    async fn a_wrong_password_is_told_and_not_shown() {
        let (script, http) = Script::http();
        let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
        let credential = UsernamePassword::new("ada@contoso.example", Secret::new("hunter2&hunter2"));
        let body = r#"{"error":"invalid_grant","error_description":"AADSTS50126: wrong: hunter2%26hunter2"}"#;
        script.expect("POST /t/oauth2/v2.0/token", answer(400, &[], body));
        let error = credential.fetch(&authority, "https://org.example/.default", &http).await.unwrap_err();
        assert_eq!(error.aadsts(), Some(50126));
        let shown = format!("{error} {error:?} {credential:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let sent = script.seen();
        let sent = String::from_utf8_lossy(sent[0].body()).into_owned();
        assert!(sent.contains("grant_type=password&client_id=51f81489-12ee-4a9e-aaae-a2591f45987d&"), "{sent}");
        assert!(sent.contains("password=hunter2%26hunter2&scope=https%3A%2F%2Forg.example%2F.default"), "{sent}");
    }
}
