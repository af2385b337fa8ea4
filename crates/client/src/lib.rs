//! The client library: how a program signs in to an org as itself, and what it does there.
//!
//! The way in is the one that the Web API documents for server-to-server callers: ask the org
//! without a token, read from its 401 which authority it trusts, get a token there with the
//! application's own credential (OAuth 2.0 client credentials, RFC 6749 section 4.4) or a person's
//! sign-in, and send it with each request. [`Dataverse::connect`] does all of that from a [`Connection`].
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
//! # A tour
//!
//! | for | begin at |
//! |---|---|
//! | where the org is and who calls, from flags, files and the environment | [`connection`] |
//! | a credential: secret, certificate, outside token, managed identity, password, device code, browser, Azure CLI | [`credential`] |
//! | all orgs that the caller may enter | [`Discovery`] |
//! | rows: queries, FetchXML, pages, counts | [`Dataverse::query`], [`Dataverse::get`] |
//! | changes: one, a batch, a change set, many rows of one table | [`dataverse::Change`], [`dataverse::Batch`], [`dataverse::Targets`] |
//! | a change that must happen once, whatever the network does | [`Dataverse::settle`] |
//! | what the org says of a table | [`Dataverse::table`] |
//! | as fast as the limits allow, over several service users | [`Pool`] |
//! | what was sent, refused, waited for, read and written | [`Http::counted`] |
//! | what went wrong, and what to do | [`Error`] |
//! | tokens alone, for another library | [`Tokens`] |
//! | the directory, and Power Platform's administration | [`Graph`], [`PowerPlatform`] |
//!
//! # Who calls
//!
//! A [`Connection`] can be put together as well. Which kind of credential it is decides nothing else:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use keyholder_client::{Connection, CredentialChoice, Dataverse, Http, NetworkOptions};
//!
//! let connection = Connection {
//!     url: "https://contoso.crm4.dynamics.com".parse()?,
//!     tenant: None,
//!     authority: None,
//!     client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse()?,
//!     credential: CredentialChoice::Certificate("orders-sync.pem".into()),
//!     ca_file: None,
//! };
//! let org = Dataverse::connect(&connection, Http::over_network(NetworkOptions::default())?).await?;
//! println!("{}", org.who_am_i().await?.user_id);
//! # Ok(())
//! # }
//! ```
//!
//! # Rows in, rows out
//!
//! Rows are your own serde types, or [`Row`]s. A query reads page by page, so that memory does not grow with the result:
//!
//! ```no_run
//! # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
//! use futures::TryStreamExt;
//! use keyholder_client::dataverse::{Expand, Filter, Query};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Contact {
//!     lastname: String,
//!     emailaddress1: Option<String>,
//! }
//!
//! let ng = Contact { lastname: "Ng".to_owned(), emailaddress1: Some("ng@contoso.example".to_owned()) };
//! let id = org.create("contacts", &ng).await?;
//! org.update("contacts", id, &serde_json::json!({ "jobtitle": "Baker" })).await?;
//!
//! let bakers = Query::rows("contacts")
//!     .select(["lastname", "emailaddress1"])
//!     .filter(Filter::eq("jobtitle", "Baker"))
//!     .expand(Expand::of("parentcustomerid_account").select(["name"]));
//! let mut all = std::pin::pin!(org.query(bakers).rows_as::<Contact>());
//! while let Some(contact) = all.try_next().await? {
//!     println!("{}", contact.lastname);
//! }
//! org.delete("contacts", id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # When it goes wrong
//!
//! Every failure is an [`Error`]: what was being done, what came back, and, apart from the message, hints on what to do.
//! A request that the service refuses for its limits is not one of them: it waits, and is sent again.
//!
//! # What this library will not do
//!
//! - send a secret to an authority that nobody vouched for ([`authority`] has the rule),
//! - send a token anywhere but to the origin that it was got for,
//! - follow a redirect, read an answer without a bound, or wait without a deadline,
//! - repeat a request that may have been carried out ([`retry`]),
//! - install anything process-wide: the TLS provider, the clocks and the transport are values.

mod api;
pub mod authority;
pub mod bulk;
pub mod cloud;
pub mod connection;
mod counters;
pub mod credential;
pub mod dataverse;
pub mod discovery;
pub mod error;
pub mod graph;
mod pacing;
mod patience;
pub mod power_platform;
pub mod profiles;
pub mod retry;
pub mod sign_ins;
pub mod time;
pub mod token;
pub mod transport;
mod waits;
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
pub use keyholder_limits::{Limit, Limits, Told, entitlement, history};
pub use keyholder_platform::EnvFile;
pub use pacing::{Pool, UserLoad};
pub use patience::Patience;
pub use power_platform::PowerPlatform;

pub use retry::RetryPolicy;
pub use token::{AccessToken, Tokens};
pub use transport::{NetworkOptions, Transport};
pub use waits::{Wait, WaitReason};
pub use wire::{Http, Repeated};
