//! Settings that are wrong before anything is sent. None of these ever repeats a value that
//! could be a secret: a client secret pasted behind the wrong name is still a secret.

/// What is wrong with the settings, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// A setting that is needed was given nowhere.
    #[error("{what} is not given")]
    Missing {
        /// The setting in words: "the org's URL".
        what: &'static str,
        /// Where it can be given, in order of precedence.
        places: Vec<String>,
    },
    /// A setting has a value that cannot be.
    #[error("{what} {problem} (from {origin})")]
    Invalid {
        /// The setting in words.
        what: &'static str,
        /// What is wrong, continuing the sentence; without the value where that may be a secret.
        problem: String,
        /// Where it was given.
        origin: String,
    },
    /// Two settings of the same place contradict each other.
    #[error("both {one} ({one_origin}) and {other} ({other_origin}) are given")]
    Conflict {
        /// One, in words: "a client secret".
        one: &'static str,
        /// Where it was given.
        one_origin: String,
        /// The other.
        other: &'static str,
        /// Where it was given.
        other_origin: String,
    },
    /// A file that settings name cannot be used.
    #[error("{0}")]
    File(String),
    /// The org belongs to another tenant than the one that was given.
    #[error("{org} belongs to the tenant {actual}, but the tenant {given} was given")]
    WrongTenant {
        /// The org.
        org: String,
        /// The tenant in the org's challenge.
        actual: String,
        /// The tenant in the settings.
        given: String,
    },
}

impl ConfigurationError {
    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { places, .. } => vec![format!("give it with {}", places.join(", "))],
            Self::Conflict { .. } => vec![
                "leave one of them out, or name the one that is meant with a flag, which wins over files and environment"
                    .to_owned(),
            ],
            Self::WrongTenant { actual, .. } => {
                vec![format!(
                    "leave the tenant out, or use {actual}; a multi-tenant application needs its service principal there"
                )]
            }
            _ => Vec::new(),
        }
    }
}

impl From<keyholder_platform::EnvFileError> for ConfigurationError {
    fn from(error: keyholder_platform::EnvFileError) -> Self {
        Self::File(error.to_string())
    }
}
