//! What can stop provisioning, with what to do about it.

use keyholder_client::{Error as ClientError, ErrorKind};
use keyholder_foundation::KeyId;
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
    /// No key could be made.
    #[error("could not make a key with its certificate: {0}")]
    KeyMaking(String),
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
    /// A key was made and did not work, or did not get where it was going; nor could it be taken back.
    #[error("{source}; and the {noun} {key_id} that was made for it could not be revoked ({revocation})")]
    Stranded {
        /// What it is: "client secret".
        noun: &'static str,
        /// Its id in the registration.
        key_id: KeyId,
        /// Why it did not get there.
        #[source]
        source: Box<Error>,
        /// Why it could not be taken back.
        revocation: Box<Error>,
    },
    /// A key was made and did not work, or did not get where it was going; it was taken back.
    #[error("{source}; the new {noun} {key_id} was revoked again, and what was there before it stays as it was")]
    Undone {
        /// What it is: "client secret".
        noun: &'static str,
        /// Its id in the registration.
        key_id: KeyId,
        /// Why it did not get there.
        #[source]
        source: Box<Error>,
    },
    /// A key was made and works, and its place failed when it may have had it: it works on, and so does the one before.
    #[error(
        "{source}; it may have taken the new {noun} {key_id} before it failed, so that one works on, and so does the one before it"
    )]
    Unsure {
        /// What it is: "client secret".
        noun: &'static str,
        /// Its id in the registration.
        key_id: KeyId,
        /// What failed.
        #[source]
        source: Box<Error>,
    },
    /// Something failed, and then what was lent to an application could not be taken off it.
    #[error("{}; and System Administrator could not be taken off `{name}` again: {taking_off}", with_causes(first.as_ref()))]
    Elevated {
        /// The application.
        name: String,
        /// What failed first.
        first: Box<Error>,
        /// Why it could not be taken off.
        taking_off: ClientError,
    },
    /// Certificates were removed, and the registration goes on showing them.
    #[error(
        "the directory took the removal of the certificate {} and still shows it: it may still work",
        certificates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    StillThere {
        /// Their ids in the registration.
        certificates: Vec<KeyId>,
    },
    /// What is borrowed could not be written down, so nothing was borrowed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Somebody cannot be a non-interactive user.
    #[error(transparent)]
    NonInteractive(#[from] Box<Problem>),
}

/// An error with its causes in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    keyholder_foundation::causes(error).join(": ")
}

fn stopped(findings: &[Finding]) -> String {
    // Names that others gave make no lines of their own.
    findings.iter().map(|finding| finding.message.replace('\n', "\\n")).collect::<Vec<_>>().join("; ")
}

impl Error {
    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Service { source, .. } => source.kind(),
            Self::Elevated { first, .. } => first.kind(),
            Self::Stopped(findings) => findings.first().map_or(ErrorKind::Other, |finding| finding.kind),
            Self::Sink(error) => error.kind(),
            Self::NoRoleInUnit { .. } => ErrorKind::Configuration,
            Self::RightsMissing { .. } => ErrorKind::NotAllowed,
            Self::Stranded { source, .. } | Self::Undone { source, .. } | Self::Unsure { source, .. } => source.kind(),
            Self::Unplanned(_) | Self::KeyMaking(_) | Self::StillThere { .. } | Self::Journal(_) => ErrorKind::Other,
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
            Self::KeyMaking(_) => Vec::new(),
            Self::RightsMissing { .. } => {
                vec!["somebody may have changed the role or taken it away meanwhile: plan again".to_owned()]
            }
            Self::NoRoleInUnit { .. } => vec!["move the user to the root business unit".to_owned()],
            Self::Sink(error) => error.hints(),
            Self::Undone { source, .. } => source.hints(),
            Self::Stranded { source, .. } => {
                let mut hints = source.hints();
                hints.push("the next `apply` revokes it; or remove it in the registration by hand".to_owned());
                hints
            }
            Self::Unsure { source, .. } => {
                let mut hints = source.hints();
                hints.push(
                    "run the same command again: `apply` and `rotate` revoke what is not needed; after `credential add` \
                     do so with `keyholder credential revoke`"
                        .to_owned(),
                );
                hints
            }
            Self::StillThere { .. } => {
                vec![
                    "look in a minute with `keyholder credential list`, and remove again what is there still"
                        .to_owned(),
                ]
            }
            Self::Journal(error) => error.hints(),
            Self::Elevated { first, taking_off, .. } => {
                let mut hints = first.hints();
                hints.extend(taking_off.hints());
                hints.push(
                    "any later command takes it off: leave the application's key where it is until then".to_owned(),
                );
                hints
            }
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
