//! The client library: how a program signs in to an org as itself, and what it does there.
//!
//! The way in is the one that the Web API documents for server-to-server callers: ask the org
//! without a token, read from its 401 which authority it trusts, get a token there with the
//! application's own credential (OAuth 2.0 client credentials, RFC 6749 section 4.4) or a person's
//! sign-in ([`credential`] has all of them), and send it with each request. [`Dataverse::connect`] does all of that from a [`Connection`].
//!
//! ```no_run
//! # async fn example() -> Result<(), keyholder_client::Error> {
//! use keyholder_client::{Connection, Dataverse, Http, NetworkOptions};
//!
//! let settings = keyholder_client::connection::from_environment(|name| std::env::var(name).ok());
//! let connection = Connection::try_from(settings)?;
//! let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..Default::default() })?;
//! let org = Dataverse::connect(&connection, http).await?;
//! let mut pages = org.query("contacts?$select=fullname&$top=3");
//! while let Some(page) = pages.next().await? {
//!     for row in page.rows {
//!         assert!(row.contains_key("fullname"));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What this library will not do
//!
//! - send a secret to an authority that nobody vouched for ([`authority`] has the rule),
//! - send a token anywhere but to the origin that it was got for,
//! - follow a redirect, read an answer without a bound, or wait without a deadline,
//! - repeat a request that may have been carried out ([`retry`]),
//! - install anything process-wide: the TLS provider, the clocks and the transport are values.
//!
//! Every failure is an [`Error`]: what was being done, what came back, and, apart from the
//! message, hints on what to do.

mod api;
pub mod authority;
pub mod cloud;
pub mod connection;
mod counters;
pub mod credential;
pub mod dataverse;
pub mod discovery;
pub mod error;
pub mod graph;
mod pacing;
pub mod power_platform;
pub mod retry;
pub mod sign_ins;
pub mod time;
pub mod token;
pub mod transport;
pub mod wire;

/// The guide's examples are compiled with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/client.md")]
#[expect(dead_code, reason = "its documentation is what counts")]
struct Guide;

#[cfg(test)]
mod testing;

pub use authority::Authority;
pub use connection::{Connection, CredentialChoice, Federation, OrgUrl};
pub use counters::Counted;
pub use credential::{
    AzureCli, Browser, CertificateFacts, ClientCertificate, ClientSecret, Credential, DeviceCode, FederatedToken,
};
pub use credential::{ManagedIdentity, RefreshToken, UsernamePassword};
pub use dataverse::{Dataverse, Page, Pages, Row, WhoAmI};
pub use discovery::{Discovery, Instance};
pub use error::{
    ConfigurationError, DataverseRefusal, Error, ErrorKind, GraphRefusal, MissingPrivilege, PowerPlatformRefusal,
    SignInError, TokenRefusal,
};
pub use graph::Graph;
pub use keyholder_limits::Limits;
pub use keyholder_platform::EnvFile;
pub use pacing::{Pool, UserLoad};
pub use power_platform::PowerPlatform;

pub use retry::RetryPolicy;
pub use token::{AccessToken, Tokens};
pub use transport::{NetworkOptions, Transport};
pub use wire::Http;
