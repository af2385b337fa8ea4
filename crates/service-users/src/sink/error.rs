//! Why a key could not be kept, read or removed.

use std::path::PathBuf;

use keyholder_client::{Error as ClientError, ErrorKind};

/// Why a key could not be kept, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The file system said no.
    #[error(transparent)]
    File(keyholder_platform::FileError),
    /// There is no such folder.
    #[error("there is no folder `{}` for it", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// What stands there is not this application's.
    #[error("`{place}` is not overwritten: {reason}")]
    Foreign {
        /// The place.
        place: String,
        /// What stands there instead.
        reason: String,
    },
    /// What it was handed to did not take it.
    #[error("{place} did not take the credential: {reason}")]
    Refused {
        /// The place.
        place: String,
        /// What it said.
        reason: String,
    },
    /// Nothing opens a place beyond this machine.
    #[error("`{place}` cannot be opened: {reason}")]
    NoAccess {
        /// The place.
        place: String,
        /// What is missing.
        reason: String,
        /// What the reader can do about it.
        mend: &'static str,
    },
    /// A service beyond this machine refused a request.
    #[error("`{place}`: the service refused to {doing}: {answer}")]
    Answered {
        /// The place.
        place: String,
        /// What was being done: "keep the credential".
        doing: &'static str,
        /// The status, and what the service said, without what it was sent.
        answer: String,
        /// What the reader can do about it; may be empty.
        mend: String,
        /// The exit code's kind.
        kind: ErrorKind,
    },
    /// A service beyond this machine gave no answer, or nobody could sign in to it.
    #[error("`{place}`: could not {doing}: {source}")]
    Unanswered {
        /// The place.
        place: String,
        /// What was being done.
        doing: &'static str,
        /// What it came to.
        source: Box<ClientError>,
    },
    /// What was kept there is not what can be read there.
    #[error("`{place}` holds something else than what was written there: {reason}")]
    NotKept {
        /// The place.
        place: String,
        /// What is there.
        reason: &'static str,
    },
    /// Something failed after the key was on its way: the place may hold it.
    #[error(transparent)]
    MayHold(
        /// What failed.
        Box<SinkError>,
    ),
}

impl From<keyholder_platform::FileError> for SinkError {
    fn from(error: keyholder_platform::FileError) -> Self {
        let stands = matches!(error, keyholder_platform::FileError::Unsettled { .. });
        let error = Self::File(error);
        if stands { error.may_hold() } else { error }
    }
}

impl SinkError {
    /// The same error, of a place that may hold the key all the same.
    pub(crate) fn may_hold(self) -> Self {
        match self {
            Self::MayHold(_) => self,
            error => Self::MayHold(Box::new(error)),
        }
    }

    /// Whether the place may hold the key all the same.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        matches!(self, Self::MayHold(_))
    }

    /// What the place itself said when it did not take the key.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => Some(reason),
            Self::MayHold(error) => error.refusal(),
            _ => None,
        }
    }

    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoFolder { .. } | Self::NoAccess { .. } => ErrorKind::Configuration,
            Self::Answered { kind, .. } => *kind,
            Self::MayHold(error) => error.kind(),
            Self::Unanswered { source, .. } => source.kind(),
            Self::File(_) | Self::Foreign { .. } | Self::Refused { .. } | Self::NotKept { .. } => ErrorKind::Other,
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) if error.is_denied() => {
                vec!["run as the user whom that file belongs to, or move it away".to_owned()]
            }
            Self::File(keyholder_platform::FileError::NotOwn { .. }) => vec![
                "written by you it would be yours alone, and whoever reads it now could not any more: run this as the user \
                 whom it belongs to, or hand the credential to a program that gives it to that user (`--save-with 'install -m \
                 600 -o USER /dev/stdin FILE'`)"
                    .to_owned(),
            ],
            Self::File(keyholder_platform::FileError::NotRegular { .. }) => {
                vec!["choose the path of a file, or one where nothing is yet".to_owned()]
            }
            Self::File(_) => vec!["put that file or folder right, or choose another path".to_owned()],
            Self::NoFolder { .. } => vec!["make the folder, or choose another path".to_owned()],
            Self::Foreign { .. } => vec!["move what stands there away, or choose another place".to_owned()],
            Self::Refused { .. } => vec!["it must read its standard input to the end and exit with 0".to_owned()],
            Self::NoAccess { mend, .. } => vec![(*mend).to_owned()],
            Self::Answered { mend, .. } if mend.is_empty() => Vec::new(),
            Self::Answered { mend, .. } => vec![mend.clone()],
            Self::Unanswered { source, .. } => source.hints(),
            Self::MayHold(error) => error.hints(),
            Self::NotKept { .. } => vec!["somebody else may write there too: look, and run this again".to_owned()],
        }
    }
}
