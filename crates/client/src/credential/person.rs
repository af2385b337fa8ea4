//! What device code and browser have in common: a person signs in once, and what that leaves is
//! redeemed for every resource until it ends.

use std::future::Future;

use futures::lock::Mutex;
use keyholder_entra::jws::Compact;
use keyholder_entra::token::TokenSuccess;
use keyholder_foundation::{ClientId, Secret};
use serde::Deserialize;

use super::grant::access_token;
use super::refresh_token::RefreshToken;
use crate::authority::Authority;
use crate::error::refusal::cut;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::wire::Http;

/// What is asked for beside the resource: who signed in, and a refresh token.
const BESIDE: &str = "openid profile offline_access";

/// The scope of a person's sign-in for the resource of `scope`.
pub(super) fn scope_with_session(scope: &str) -> String {
    format!("{scope} {BESIDE}")
}

/// Who signed in, as the token service tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The sign-in name: `ada@contoso.com`.
    pub username: String,
    /// The tenant that the person signed in to, by its id.
    pub tenant_id: String,
}

#[derive(Deserialize)]
struct IdClaims {
    preferred_username: Option<String>,
    upn: Option<String>,
    #[serde(default)]
    tid: String,
}

impl Account {
    /// Reads the `id_token`. It came straight from the authority over TLS, so its signature need not
    /// be checked (OpenID Connect Core, section 3.1.3.7).
    fn read(answer: &TokenSuccess) -> Option<Self> {
        let token = answer.id_token.as_ref()?;
        let claims: IdClaims = Compact::parse(token.expose()).ok()?.claims().ok()?;
        let username = claims.preferred_username.or(claims.upn)?;
        Some(Self { username: cut(&username), tenant_id: cut(&claims.tid) })
    }
}

/// A person who has just signed in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who it is; nothing when the token service did not say.
    pub account: Option<Account>,
    /// A token for what was asked.
    pub access_token: AccessToken,
    /// What further tokens are got with, when there is such a thing.
    pub refresh_token: Option<Secret>,
}

impl SignedIn {
    pub(super) fn read(authority: &Authority, answer: &TokenSuccess, http: &Http) -> Result<Self, Error> {
        Ok(Self {
            account: Account::read(answer),
            access_token: access_token(authority, answer, http)?,
            refresh_token: answer.refresh_token.clone(),
        })
    }
}

/// The sign-in that a credential has had, if any. Two resources that are asked for at once lead to
/// one sign-in.
#[derive(Debug, Default)]
pub(super) struct Session(Mutex<Option<RefreshToken>>);

impl Session {
    /// A token from the sign-in that there is; by a new one, when there is none or it has ended.
    pub(super) async fn fetch<F>(
        &self,
        client_id: ClientId,
        authority: &Authority,
        scope: &str,
        http: &Http,
        sign_in: impl FnOnce() -> F,
    ) -> Result<AccessToken, Error>
    where
        F: Future<Output = Result<SignedIn, Error>>,
    {
        let mut session = self.0.lock().await;
        if let Some(session) = session.as_ref() {
            match session.redeem(authority, scope, http).await {
                Err(Error::TokenRefused(refusal)) if refusal.error == "invalid_grant" => {}
                outcome => return outcome,
            }
        }
        let signed_in = sign_in().await?;
        *session = signed_in.refresh_token.map(|token| RefreshToken::new(client_id, authority, token));
        Ok(signed_in.access_token)
    }
}

/// A sign-in as an error when the page or the device flow ended without one.
pub(super) fn declined(error: &str) -> Option<SignInError> {
    matches!(error, "authorization_declined" | "access_denied").then_some(SignInError::Declined)
}
