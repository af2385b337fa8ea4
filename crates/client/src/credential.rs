//! How an application proves to the token service that it is itself.
//!
//! One file per credential. A credential only knows how to ask; when to ask again, and that many
//! callers share one answer, is [`crate::token`]'s concern.

mod client_secret;

use std::fmt::Debug;

use futures::future::BoxFuture;
use keyholder_foundation::ClientId;

use crate::authority::Authority;
use crate::error::Error;
use crate::token::AccessToken;
use crate::wire::Http;

pub use client_secret::ClientSecret;

/// A way to get tokens.
pub trait Credential: Send + Sync + Debug {
    /// The application that signs in.
    fn client_id(&self) -> ClientId;

    /// Asks `authority` for a token for `scope` (`<resource>/.default`).
    ///
    /// # Errors
    /// [`Error::TokenRefused`] with what the token service said, and what the transport came to.
    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>>;
}
