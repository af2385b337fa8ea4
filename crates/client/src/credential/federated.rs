//! Workload identity federation: a token of an outside issuer stands in for the application's
//! secret, so that there is no secret to keep (Microsoft's "Workload identity federation").
//!
//! Where the outside token comes from is a [`TokenSource`]: a file that somebody keeps fresh (AKS
//! and other clusters), GitHub Actions, or Azure Pipelines. It is fetched anew for each sign-in,
//! because such tokens live for minutes.

mod azure_devops;
mod file;
mod github;

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;
use keyholder_entra::jws::Compact;
use keyholder_foundation::{ClientId, Secret};
use url::Url;

use super::Credential;
use super::certificate::with_assertion;
use crate::authority::Authority;
use crate::cloud;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::transport::is_loopback;
use crate::wire::Http;

pub use azure_devops::AzureDevOps;
pub use file::TokenFile;
pub use github::GitHubActions;

/// Somebody who hands out tokens of an outside issuer.
pub trait TokenSource: Send + Sync + Debug {
    /// A fresh token for `audience`, where the source lets that be chosen.
    ///
    /// # Errors
    /// [`SignInError::FederatedToken`], and what asking came to.
    fn token<'a>(&'a self, audience: &'a str, http: &'a Http) -> BoxFuture<'a, Result<Secret, Error>>;
}

/// An application that an outside issuer vouches for.
///
/// ```
/// use std::sync::Arc;
/// use keyholder_client::{Credential, FederatedToken};
/// use keyholder_client::credential::federated::TokenFile;
///
/// let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse()?;
/// let source = TokenFile::new("/var/run/secrets/azure/tokens/azure-identity-token");
/// let credential = FederatedToken::new(id, Arc::new(source));
/// assert!(!credential.is_person());
/// # Ok::<(), uuid::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FederatedToken {
    client_id: ClientId,
    source: Arc<dyn TokenSource>,
}

impl FederatedToken {
    /// Signs in as `client_id` with the tokens of `source`.
    #[must_use]
    pub fn new(client_id: ClientId, source: Arc<dyn TokenSource>) -> Self {
        Self { client_id, source }
    }
}

impl Credential for FederatedToken {
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
            let audience = cloud::token_exchange_audience(authority.login());
            let token = self.source.token(audience, http).await?;
            with_assertion(self.client_id, &token, authority, scope, http).await
        })
    }
}

fn failed(from: impl Into<String>, problem: impl Into<String>) -> Error {
    SignInError::FederatedToken { from: from.into(), problem: problem.into() }.into()
}

/// A token that at least looks like one: what does not is never sent anywhere.
fn checked(from: &str, token: Secret) -> Result<Secret, Error> {
    match Compact::parse(token.expose()) {
        Ok(_) => Ok(token),
        Err(problem) => Err(failed(from, format!("what it gave is no signed token ({problem})"))),
    }
}

/// The address of a pipeline's own service: https, or this machine.
fn service_url(from: &str, text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "https" || is_loopback(url));
    url.ok_or_else(|| failed(from, "its address is no https address"))
}

#[cfg(test)]
mod tests;
