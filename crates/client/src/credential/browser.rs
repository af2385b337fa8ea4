//! Browser sign-in: the authorization code grant with PKCE (RFC 7636), the way for programs on
//! somebody's own machine (RFC 8252). The browser brings the code to a port of loopback that is open
//! for this one sign-in.

mod listener;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use futures::future::BoxFuture;
use keyholder_entra::base64url;
use keyholder_foundation::{ClientId, OsRandom, Random, Secret};
use url::Url;

use super::Credential;
use super::grant::Grant;
use super::person::{Session, SignedIn, declined, scope_with_session};
use crate::authority::Authority;
use crate::error::refusal::cut;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::wire::Http;

use listener::{Listener, Returned};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Opens a page for a person; called once for each sign-in.
pub trait OpenPage: Send + Sync + Debug {
    /// Opens it in a browser of this machine, or shows it to somebody who does; returns at once.
    fn open(&self, page: &Url);
}

/// A person with a browser on this machine.
///
/// ```
/// use std::sync::Arc;
/// use keyholder_client::credential::{AZURE_CLI, Browser, Credential, OpenPage};
///
/// #[derive(Debug)]
/// struct Shown;
///
/// impl OpenPage for Shown {
///     fn open(&self, page: &url::Url) {
///         eprintln!("open {page}");
///     }
/// }
///
/// let credential = Browser::new(AZURE_CLI, Arc::new(Shown));
/// assert!(credential.is_person());
/// ```
#[derive(Debug)]
pub struct Browser {
    client_id: ClientId,
    open: Arc<dyn OpenPage>,
    random: Arc<dyn Random>,
    login_hint: Option<String>,
    session: Session,
}

impl Browser {
    /// Signs in through the public client `client_id`, which must have `http://localhost` among its
    /// redirect URIs. The page is opened by `open`.
    #[must_use]
    pub fn new(client_id: ClientId, open: Arc<dyn OpenPage>) -> Self {
        Self { client_id, open, random: Arc::new(OsRandom), login_hint: None, session: Session::default() }
    }

    /// Fills in the person's name on the page.
    #[must_use]
    pub fn expecting(mut self, username: Option<String>) -> Self {
        self.login_hint = username;
        self
    }

    /// Takes state and verifier from `random`.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// 256 random bits as text.
    fn token(&self) -> Secret {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        Secret::new(base64url::encode(bytes))
    }

    /// Signs a person in now, whatever went before.
    ///
    /// # Errors
    /// [`SignInError`] when the person declines, takes too long or the page ends with an error;
    /// [`Error::TokenRefused`], and what the transport came to.
    pub async fn sign_in(&self, authority: &Authority, scope: &str, http: &Http) -> Result<SignedIn, Error> {
        let (state, verifier) = (self.token(), self.token());
        let listener = Listener::open().await.map_err(|error| SignInError::CannotListen(error.to_string()))?;
        let (client_id, scope) = (self.client_id.to_string(), scope_with_session(scope));
        let redirect_uri = listener.redirect_uri();
        let mut page = authority.endpoint("oauth2/v2.0/authorize");
        page.query_pairs_mut()
            .append_pair("client_id", &client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", &redirect_uri)
            .append_pair("response_mode", "query")
            .append_pair("scope", &scope)
            .append_pair("state", state.expose())
            .append_pair("code_challenge", &base64url::encode(digest(&SHA256, verifier.expose().as_bytes())))
            .append_pair("code_challenge_method", "S256");
        match &self.login_hint {
            Some(name) => page.query_pairs_mut().append_pair("login_hint", name),
            // Without it the browser's own session decides silently who it is.
            None => page.query_pairs_mut().append_pair("prompt", "select_account"),
        };
        self.open.open(&page);
        let code = tokio::select! {
            returned = listener.wait(&state, http) => match returned {
                Returned::Code(code) => code,
                Returned::Error { error, description } => {
                    let (error, description) = (cut(&error), cut(&description));
                    return Err(declined(&error).unwrap_or(SignInError::Page { error, description }).into());
                }
            },
            () = http.sleep(PATIENCE) => return Err(SignInError::TimedOut { seconds: PATIENCE.as_secs() }.into()),
        };
        let grant = Grant::new("authorization_code")
            .field("client_id", &client_id)
            .field("scope", &scope)
            .secret("code", code.expose())
            .field("redirect_uri", &redirect_uri)
            .secret("code_verifier", verifier.expose());
        SignedIn::read(authority, &grant.ask(authority, http).await?, http)
    }
}

impl Credential for Browser {
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
            let sign_in = || self.sign_in(authority, scope, http);
            self.session.fetch(self.client_id, authority, scope, http, sign_in).await
        })
    }
}

#[cfg(test)]
mod tests;
