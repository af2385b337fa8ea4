//! What can stop provisioning, with what to do about it.

use keyholder_client::{Error as ClientError, ErrorKind};
use keyholder_foundation::ClientId;
use uuid::Uuid;

use crate::journal::JournalError;
use crate::non_interactive::Problem;
use crate::sink::SinkError;

/// Why an application user could not be provisioned or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A service refused or could not be reached.
    #[error("could not {doing}")]
    Service {
        /// What was being done: "create the service principal of `orders-sync`".
        doing: String,
        /// What came back.
        #[source]
        source: ClientError,
    },
    /// More than one registration has the name.
    #[error("{} app registrations are called `{name}`: {}", ids.len(), listed(ids))]
    SeveralRegistrations {
        /// The name.
        name: String,
        /// Their client ids.
        ids: Vec<ClientId>,
    },
    /// The one registration of that name is somebody else's.
    #[error("there is an app registration `{name}` (client id {client_id}) that Keyholder did not make")]
    ForeignRegistration {
        /// The name.
        name: String,
        /// Its client id.
        client_id: ClientId,
    },
    /// Somebody else can sign in as the registration of that name.
    #[error(
        "the app registration `{name}` (client id {client_id}) bears Keyholder's mark, but has credentials that do not \
         come from here: {}", credentials.join(", ")
    )]
    UnexplainedCredentials {
        /// The name.
        name: String,
        /// Its client id.
        client_id: ClientId,
        /// The credentials, each with its kind and id.
        credentials: Vec<String>,
    },
    /// No registration has the client id that was asked for.
    #[error("the tenant has no app registration with the client id {client_id}")]
    NoSuchRegistration {
        /// The client id.
        client_id: ClientId,
    },
    /// The org knows no privilege of that name.
    #[error("the org has no privilege called {}", .0.join(", "))]
    NoSuchPrivilege(
        /// The names that it does not know.
        Vec<String>,
    ),
    /// A role of that name exists, is somebody else's, and grants too little.
    #[error("there is a role `{name}` ({id}) that Keyholder did not make, and it lacks {}", missing.join(", "))]
    ForeignRole {
        /// The role's name.
        name: String,
        /// Its id.
        id: Uuid,
        /// The privileges that it would need.
        missing: Vec<String>,
    },
    /// The org has no business unit without a parent, which no real org lacks.
    #[error("the org shows no root business unit")]
    NoRootBusinessUnit,
    /// The role has no copy in the user's business unit.
    #[error("the role `{role}` has no copy in the application user's business unit {business_unit}")]
    NoRoleInUnit {
        /// The role's name.
        role: String,
        /// The user's business unit.
        business_unit: Uuid,
    },
    /// The key could not be kept.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// What is borrowed could not be written down, so nothing was borrowed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody cannot be a non-interactive user.
    #[error(transparent)]
    NonInteractive(#[from] Box<Problem>),
}

fn listed(ids: &[ClientId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Service { source, .. } => source.kind(),
            Self::SeveralRegistrations { .. }
            | Self::ForeignRegistration { .. }
            | Self::UnexplainedCredentials { .. }
            | Self::NoSuchRegistration { .. } => ErrorKind::Configuration,
            Self::NoSuchPrivilege(_) | Self::ForeignRole { .. } | Self::NoRoleInUnit { .. } => ErrorKind::Configuration,
            Self::NoRootBusinessUnit | Self::Sink(_) | Self::Journal(_) => ErrorKind::Other,
            Self::NonInteractive(problem) => problem.kind(),
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Service { source, .. } => source.hints(),
            Self::SeveralRegistrations { .. } => vec!["say which with `--client-id`".to_owned()],
            Self::ForeignRegistration { client_id, .. } => {
                vec![format!(
                    "to use it all the same, name it with `--client-id {client_id}`; it will not be removed later"
                )]
            }
            Self::UnexplainedCredentials { client_id, .. } => vec![
                "whoever made those credentials would get the same way in: find out who that was".to_owned(),
                format!("if they are yours (another folder's or machine's), name it with `--client-id {client_id}`"),
            ],
            Self::NoSuchRegistration { .. } => {
                vec!["check the client id; the object id of a registration is another one".to_owned()]
            }
            Self::NoSuchPrivilege(_) => {
                vec![
                    "privileges are called `prv`, the verb and the table's schema name, like `prvReadContact`"
                        .to_owned(),
                ]
            }
            Self::ForeignRole { .. } => {
                vec!["rename that role, choose another name, or add the privileges to it by hand".to_owned()]
            }
            Self::NoRoleInUnit { .. } => vec!["move the user to the root business unit".to_owned()],
            Self::NoRootBusinessUnit => vec!["the administrator may lack the right to read business units".to_owned()],
            Self::Sink(error) => error.hints(),
            Self::Journal(error) => error.hints(),
            Self::NonInteractive(problem) => problem.hints(),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Box::new(problem).into()
    }
}

/// Says what was being done when a request failed.
pub(crate) trait While<T> {
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> While<T> for Result<T, ClientError> {
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Service { doing: doing(), source })
    }
}
