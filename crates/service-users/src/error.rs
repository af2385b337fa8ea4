//! What can stop provisioning, with what to do about it.

use keyholder_client::{Error as ClientError, ErrorKind};
use uuid::Uuid;

use crate::journal::JournalError;
use crate::non_interactive::Problem;
use crate::plan::Finding;
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
    /// What is declared must not be done.
    #[error("{}", stopped(.0))]
    Stopped(
        /// What stands in the way.
        Vec<Finding>,
    ),
    /// What was planned of does not exist: the plan is of another observation.
    #[error("the plan does not fit what there is: {0} is missing")]
    Unplanned(String),
    /// The application user does not hold what its roles were to give.
    #[error("`{name}` does not hold {}", missing.join(", "))]
    RightsMissing {
        /// The application user.
        name: String,
        /// The privileges, each with its reach.
        missing: Vec<String>,
    },
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

fn stopped(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Service { source, .. } => source.kind(),
            Self::Stopped(findings) => findings.first().map_or(ErrorKind::Other, |finding| finding.kind),
            Self::NoRoleInUnit { .. } => ErrorKind::Configuration,
            Self::RightsMissing { .. } => ErrorKind::NotAllowed,
            Self::Unplanned(_) | Self::Sink(_) | Self::Journal(_) => ErrorKind::Other,
            Self::NonInteractive(problem) => problem.kind(),
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Service { source, .. } => source.hints(),
            Self::Stopped(findings) => findings.iter().flat_map(|finding| finding.hints.clone()).collect(),
            Self::Unplanned(_) => vec!["plan again".to_owned()],
            Self::RightsMissing { .. } => {
                vec!["somebody may have changed the role or taken it away meanwhile: plan again".to_owned()]
            }
            Self::NoRoleInUnit { .. } => vec!["move the user to the root business unit".to_owned()],
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
