//! How a caller proves to the token service who it is: an application that it is itself, or a
//! program that a person signed in.
//!
//! One file per credential. A credential only knows how to ask; when to ask again, and that many
//! callers share one answer, is [`crate::token`]'s concern.
//!
//! | credential | who calls | what it needs |
//! |---|---|---|
//! | [`ClientSecret`] | an application | a secret |
//! | [`ClientCertificate`] | an application | a PEM or PFX file with a certificate and its RSA key |
//! | [`FederatedToken`] | an application | a token of an outside issuer: no secret at all |
//! | [`ManagedIdentity`] | an application that runs in Azure | nothing: Azure knows it |
//! | [`UsernamePassword`] | a person without a second factor | a password |
//! | [`DeviceCode`] | a person | any browser, anywhere |
//! | [`Browser`] | a person | a browser on this machine |
//! | [`RefreshToken`] | a person who has signed in before | what that left |
//! | [`AzureCli`] | a person or application | a signed-in `az` |
//!
//! All of them hand their secret only to the [`Authority`] that they are asked with, which somebody
//! vouched for ([`crate::authority`]); a [`RefreshToken`] goes only to the one that gave it.

mod azure_cli;
mod browser;
mod certificate;
mod client_secret;
mod device_code;
pub mod federated;
mod grant;
mod managed_identity;
mod password;
mod person;
mod refresh_token;

use std::fmt::Debug;

use futures::future::BoxFuture;
use keyholder_foundation::ClientId;

use crate::authority::Authority;
use crate::error::Error;
use crate::token::AccessToken;
use crate::wire::Http;

pub use azure_cli::{AZURE_CLI, AzureCli};
pub use browser::{Browser, OpenPage};
pub use certificate::{AssertionAlgorithm, CertificateFacts, ClientCertificate};
pub use client_secret::ClientSecret;
pub use device_code::{DeviceCode, DeviceCodePrompt, ShowDeviceCode};
pub use federated::FederatedToken;
pub use managed_identity::ManagedIdentity;
pub use password::{DYNAMICS_TOOLS, UsernamePassword};
pub use person::{Account, SignedIn};
pub use refresh_token::{KeepRefreshToken, RefreshToken};

/// A way to get tokens.
///
/// One of a program's own:
///
/// ```
/// use futures::future::BoxFuture;
/// use keyholder_client::{AccessToken, Authority, Credential, Error, Http};
/// use keyholder_foundation::{ClientId, Secret, WallClock};
///
/// /// Somebody else gets the tokens.
/// #[derive(Debug)]
/// struct Vault {
///     client_id: ClientId,
/// }
///
/// impl Credential for Vault {
///     fn client_id(&self) -> ClientId {
///         self.client_id
///     }
///
///     fn fetch<'a>(
///         &'a self,
///         _authority: &'a Authority,
///         scope: &'a str,
///         http: &'a Http,
///     ) -> BoxFuture<'a, Result<AccessToken, Error>> {
///         Box::pin(async move {
///             let token = Secret::new(format!("what the vault has for {scope}"));
///             let life = std::time::Duration::from_secs(600);
///             AccessToken::new(token, http.clock().now(), life).ok_or_else(|| Error::Protocol {
///                 origin: "the vault".to_owned(),
///                 found: "a token that fits into no header".to_owned(),
///             })
///         })
///     }
/// }
/// ```
pub trait Credential: Send + Sync + Debug {
    /// The application that signs in: the caller itself, or the public client through which a
    /// person does.
    fn client_id(&self) -> ClientId;

    /// Whether a person stands behind it: tokens then carry the person's rights, not an
    /// application's own.
    fn is_person(&self) -> bool {
        false
    }

    /// Asks `authority` for a token for `scope` (`<resource>/.default`). One credential is asked
    /// for several resources: an org, Microsoft Graph, Power Platform.
    ///
    /// # Errors
    /// [`Error::TokenRefused`] with what the token service said, [`Error::SignIn`] when it was not
    /// even asked, and what the transport came to.
    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>>;
}
