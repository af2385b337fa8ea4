//! Service users as a domain: an application gets its own way into an org, provably, and loses it
//! again without a trace.
//!
//! [`provision()`] does what the guides describe as thirty clicks in two portals. It works through
//! public documents' own requests (Microsoft Graph v1.0, the Dataverse Web API), so it does the
//! same on the local org and on the real services. This crate knows no terminal: it reports each
//! step to a [`Reporter`] as it happens and returns facts.
//!
//! # A run may be killed anywhere and repeated
//!
//! There is no state file. Every step looks before it acts, and what Keyholder made is found again:
//!
//! - the registration by its name and the tag [`TAG`] (or by its client id, when the caller gives it);
//! - a client secret by its display name, which says where its value was written ([`SecretSink`]);
//! - the role by its id, which is derived from the org's id and the role's name ([`role_id`]), so that
//!   a create that may have happened cannot happen twice;
//! - the application user by the application id.
//!
//! What merely has the same name but bears no such mark belongs to somebody else: it is used only
//! when named by its id or when it needs no change, and is never removed.
//!
//! # Eventual consistency
//!
//! The directory, the token service and the org learn of each other's changes late. The few
//! errors that mean "not yet" are retried within [`Patience`]; every other error is told at once.

pub mod declaration;
mod definition;
mod error;
pub mod journal;
pub mod non_interactive;
mod patience;
mod provision;
mod remove;
mod report;
mod sink;

use keyholder_client::{Connection, Dataverse, Graph, Http};
use keyholder_foundation::Timestamp;
use keyholder_foundation::WallClock;

pub use definition::{ApplicationUserDefinition, RoleDefinition, role_id};
pub use error::Error;
pub use journal::{Journal, JournalError, Loan, Recorded};
pub use patience::Patience;
pub use provision::{Provisioned, provision};
pub use remove::remove;
pub use report::{Event, Outcome, Reporter, Step};
pub use sink::{EnvFileSink, Kept, Key, SecretSink, SinkError, variables};

/// The tag on the registrations and service principals that Keyholder makes.
pub const TAG: &str = "keyholder";

/// Somebody who may administer a tenant's directory and one of its orgs, signed in to both.
#[derive(Debug, Clone)]
pub struct Administrator {
    /// The org, and how it is reached. New keys are written with the same address.
    pub connection: Connection,
    /// The org's Web API.
    pub org: Dataverse,
    /// The directory.
    pub graph: Graph,
    /// What requests are sent with.
    pub http: Http,
    /// How long "not yet" is waited out.
    pub patience: Patience,
}

impl Administrator {
    /// Signs in to the org of `connection` and to its tenant's directory.
    ///
    /// # Errors
    /// As [`Dataverse::connect`] and [`Graph::connect`].
    pub async fn connect(connection: Connection, http: Http) -> Result<Self, keyholder_client::Error> {
        let org = Dataverse::connect(&connection, http.clone()).await?;
        let host = connection.url.as_url().host_str();
        let graph = Graph::connect(org.tokens().clone(), host, http.clone()).await?;
        Ok(Self { connection, org, graph, http, patience: Patience::default() })
    }

    fn now(&self) -> Timestamp {
        self.http.clock().now()
    }
}
