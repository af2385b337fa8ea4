//! Service users as a domain: declared as data, brought about in orgs and tenants, proved from outside,
//! and removed without a trace.
//!
//! Four stages, each with a type of its own (docs/decisions/0010): a [`Declaration`]
//! says what there shall be; [`observe()`] reads what there is; [`plan()`](plan::plan) compares the two, without any
//! I/O; [`apply()`](apply::apply) carries the plan out and proves each way in. [`bring_about`] is all of them at once. The
//! requests are public documents' own (Microsoft Graph v1.0, the Dataverse Web API), so they do the same on
//! the local org and on the real services. This crate knows no terminal: it reports each step to a
//! [`Reporter`] as it happens and returns facts.
//!
//! # A run may be killed anywhere and repeated
//!
//! There is no state file. What Keyholder made is found again:
//!
//! - a registration by its name and the tag [`TAG`] (or by its client id, when the declaration gives it);
//! - a client secret or certificate by its display name, which says where its value or key was written
//!   ([`SecretSink`]);
//! - a role by its id, which is derived from the org's id and the role's name ([`role_id`]), so that
//!   a create that may have happened cannot happen twice;
//! - an application user by the application id.
//!
//! What merely has the same name but bears no such mark belongs to somebody else: it is used only
//! when named by its id or when it needs no change, and is never removed.
//!
//! # Eventual consistency
//!
//! The directory, the token service and the org learn of each other's changes late. The few
//! errors that mean "not yet" are retried within [`Patience`]; every other error is told at once.

pub mod app_users;
pub mod apply;
pub mod audit;
mod certificate;
pub mod claims;
pub mod codes;
pub mod credentials;
pub mod declaration;
pub mod doctor;
mod error;
mod estate;
mod granted;
mod inventory;
pub mod journal;
mod kept;
mod marks;
pub mod non_interactive;
pub mod observe;
mod outside;
mod patience;
pub mod plan;
mod report;
pub mod rights;
pub mod roles;
pub mod rotate;
mod rules;
mod shell;
mod sink;
pub mod subscribers;
mod turns;
pub mod usage;
mod wishes;

use keyholder_client::{Connection, Dataverse, Graph, Http};
use keyholder_foundation::Timestamp;
use keyholder_foundation::WallClock;

use crate::apply::{Applied, Proving};
use crate::declaration::Declaration;
use crate::observe::Look;
use crate::plan::{Leave, Plan};

pub use apply::Provisioned;
pub use error::Error;
pub use estate::{Borrowing, Estate};
pub use inventory::{Inventory, inventory};
pub use journal::{Journal, JournalError, Loan, Recorded};
pub use kept::KeyKind;
pub use marks::{TAG, role_id};
pub use observe::observe;
pub use outside::OutsideToken;
pub use patience::Patience;
pub use report::{Event, InOrder, Outcome, Reporter, Step};
pub use rules::{CredentialRules, Offence, Rule};
pub use sink::{
    Answer, CommandSink, EnvFileSink, FileSink, GitHubAccess, GitHubSink, Kept, Key, KeyVaultSink, KubernetesSink,
    LeftPlace, Means, SecretSink, SinkError, Sinks, WrittenFor, answer, open as open_sink, variables,
};
pub use wishes::{OfTable, Wish, Wishes};

/// Observes, plans and applies in one go, for a declaration that is made in code: whatever stops a part
/// of it stops all of it.
///
/// # Errors
/// [`Error::Stopped`] with what stands in the way, before anything was changed; else the first failure.
pub async fn bring_about(
    estate: &Estate,
    declaration: &Declaration,
    sinks: &Sinks,
    proving: Proving,
    reporter: &dyn Reporter,
) -> Result<(Plan, Applied), Error> {
    let seen = observe(estate, declaration, sinks, Look::default()).await?;
    let plan = plan::plan(declaration, &seen, Leave::default());
    let stops: Vec<_> = plan.stops().cloned().collect();
    if !stops.is_empty() {
        return Err(Error::Stopped(stops));
    }
    let mut applied = apply::apply(estate, declaration, &seen, &plan, sinks, proving, reporter).await;
    if applied.failures.is_empty() {
        return Ok((plan, applied));
    }
    Err(applied.failures.swap_remove(0).error)
}

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
    /// The way into GitHub, for secrets that are kept there.
    pub github: Option<GitHubAccess>,
    /// What this run has written to lists of certificates.
    certificates: apply::keys::Written,
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
        Ok(Self::of(connection, org, graph, http))
    }

    /// Somebody who is signed in already.
    fn of(connection: Connection, org: Dataverse, graph: Graph, http: Http) -> Self {
        let (patience, certificates) = (Patience::default(), apply::keys::Written::default());
        Self { connection, org, graph, http, patience, github: None, certificates }
    }

    /// The same with a way into GitHub.
    #[must_use]
    pub fn with_github(self, github: Option<GitHubAccess>) -> Self {
        Self { github, ..self }
    }

    /// What it takes to reach places beyond this machine where its keys go.
    #[must_use]
    pub fn means(&self) -> Means {
        Means::of(self.connection.clone(), self.http.clone()).with_github(self.github.clone())
    }

    /// The tenant, by its authority.
    #[must_use]
    pub fn tenant(&self) -> String {
        self.org.tokens().authority().to_string()
    }

    fn now(&self) -> Timestamp {
        self.http.clock().now()
    }
}
