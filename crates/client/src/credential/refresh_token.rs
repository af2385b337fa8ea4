//! A refresh token: what a person's sign-in leaves, good for weeks and for every resource that the
//! client may ask for (RFC 6749 section 6).

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use keyholder_foundation::{ClientId, Secret};
use url::Url;

use super::Credential;
use super::grant::{Grant, access_token};
use super::person::scope_with_session;
use crate::authority::Authority;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::transport::origin_of;
use crate::wire::Http;

/// Somebody who keeps refresh tokens beyond this process ([`crate::sign_ins`]).
pub trait KeepRefreshToken: Send + Sync + Debug {
    /// The service gave a newer one. The old one still works, so a keeper that cannot write now
    /// loses nothing.
    fn renewed(&self, token: &Secret);
}

/// A person who has signed in before.
///
/// ```
/// use keyholder_client::credential::{AZURE_CLI, Credential, RefreshToken};
/// use keyholder_client::Authority;
/// use keyholder_foundation::Secret;
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::new(&"https://login.microsoftonline.com".parse()?, "contoso.com")?;
/// let credential = RefreshToken::new(AZURE_CLI, &authority, Secret::new("from an earlier sign-in"));
/// assert!(credential.is_person());
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Debug)]
pub struct RefreshToken {
    client_id: ClientId,
    /// The login origin that gave it.
    made_at: Url,
    current: Mutex<Secret>,
    keeper: Option<Arc<dyn KeepRefreshToken>>,
}

impl RefreshToken {
    /// A refresh token that `authority` gave to a person through the public client `client_id`.
    #[must_use]
    pub fn new(client_id: ClientId, authority: &Authority, token: Secret) -> Self {
        Self { client_id, made_at: authority.login().clone(), current: Mutex::new(token), keeper: None }
    }

    /// Tells `keeper` of newer ones.
    #[must_use]
    pub fn kept_by(mut self, keeper: Arc<dyn KeepRefreshToken>) -> Self {
        self.keeper = Some(keeper);
        self
    }

    pub(super) async fn redeem(&self, authority: &Authority, scope: &str, http: &Http) -> Result<AccessToken, Error> {
        if authority.login().origin() != self.made_at.origin() {
            let (made_at, asked_by) = (origin_of(&self.made_at), origin_of(authority.login()));
            return Err(SignInError::OtherAuthority { made_at, asked_by }.into());
        }
        let token = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (client_id, scope) = (self.client_id.to_string(), scope_with_session(scope));
        let grant = Grant::new("refresh_token")
            .field("client_id", &client_id)
            .secret("refresh_token", token.expose())
            .field("scope", &scope);
        let answer = grant.ask(authority, http).await?;
        if let Some(newer) = &answer.refresh_token {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = newer.clone();
            if let Some(keeper) = &self.keeper {
                keeper.renewed(newer);
            }
        }
        access_token(authority, &answer, http)
    }
}

impl Credential for RefreshToken {
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
        Box::pin(self.redeem(authority, scope, http))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::AZURE_CLI;
    use crate::testing::{Script, answer};

    const POST: &str = "POST /t/oauth2/v2.0/token";

    fn authority(login: &str) -> Authority {
        Authority::new(&Url::parse(login).unwrap(), "t").unwrap()
    }

    fn token(access: &str, refresh: &str) -> http::Response<bytes::Bytes> {
        let body = format!(r#"{{"expires_in":3599,"access_token":"{access}","refresh_token":"{refresh}"}}"#);
        answer(200, &[], &body)
    }

    #[derive(Debug, Default)]
    struct Keeper(Mutex<Vec<String>>);

    impl KeepRefreshToken for Keeper {
        fn renewed(&self, token: &Secret) {
            self.0.lock().unwrap().push(token.expose().to_owned());
        }
    }

    #[tokio::test]
    async fn it_is_redeemed_for_each_resource_and_renewed_each_time() {
        let (script, http) = Script::http();
        let authority = authority("https://login.microsoftonline.com");
        let keeper = Arc::new(Keeper::default());
        let credential = RefreshToken::new(AZURE_CLI, &authority, Secret::new("first")).kept_by(keeper.clone());
        for (resource, sent) in [("https://org.example", "first"), ("https://graph.example", "second")] {
            script.expect(POST, token("tok", "second"));
            credential.fetch(&authority, &format!("{resource}/.default"), &http).await.unwrap();
            let seen = script.seen();
            let form: Vec<(String, String)> =
                form_urlencoded::parse(seen.last().unwrap().body()).into_owned().collect();
            assert!(form.contains(&("refresh_token".to_owned(), sent.to_owned())), "{form:?}");
            let scope = format!("{resource}/.default openid profile offline_access");
            assert!(form.contains(&("scope".to_owned(), scope)), "{form:?}");
        }
        assert_eq!(*keeper.0.lock().unwrap(), ["second", "second"]);
        let bare = RefreshToken::new(AZURE_CLI, &authority, Secret::new("refresh-value"));
        assert!(!format!("{bare:?}").contains("refresh-value"));
    }

    #[tokio::test]
    async fn it_goes_only_to_the_authority_that_gave_it() {
        let (script, http) = Script::http();
        let credential =
            RefreshToken::new(AZURE_CLI, &authority("https://login.microsoftonline.com"), Secret::new("first"));
        let error = credential.fetch(&authority("https://login.evil.example"), "s", &http).await.unwrap_err();
        assert!(matches!(error, Error::SignIn(SignInError::OtherAuthority { .. })), "{error}");
        assert!(script.seen().is_empty());
    }
}
