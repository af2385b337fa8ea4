//! Everything that can go wrong between a program and its org, in one enum.
//!
//! A message says what was being done and what came back, with the service's own code and
//! correlation id, because those are what its support asks for. What to do about it is data
//! apart from the message ([`Error::hints`]), and [`Error::kind`] is as coarse as a process's
//! exit code. No variant can hold a secret or a token: refusals keep what the *service* said, and
//! services do not repeat what they were sent.

pub mod configuration;
pub mod refusal;
pub mod sign_in;

use std::fmt;

pub use configuration::ConfigurationError;
pub use refusal::{
    DataverseRefusal, GraphRefusal, MissingAccess, MissingPrivilege, PowerPlatformRefusal, TokenRefusal,
};
pub use sign_in::SignInError;

/// `DuplicateRecord` and `DuplicateRecordEntityKey`.
const DUPLICATE: &str = "0x80040237";
const DUPLICATE_KEY: &str = "0x80060892";

/// What went wrong.
///
/// ```no_run
/// # async fn example(org: keyholder_client::Dataverse) {
/// use keyholder_client::ErrorKind;
///
/// if let Err(error) = org.create("accounts", &serde_json::json!({ "name": "Contoso" })).await {
///     // Code, status and request id are in the message, and in fields.
///     eprintln!("error: {error}");
///     for hint in error.hints() {
///         eprintln!("hint: {hint}");
///     }
///     let refusal = error.dataverse();
///     if let Some(missing) = refusal.and_then(|refusal| refusal.missing_privilege.as_ref()) {
///         eprintln!("{} on {:?}, at no depth at all", missing.name, missing.table);
///     }
///     if let Some(missing) = refusal.and_then(|refusal| refusal.missing_access.as_ref()) {
///         eprintln!("{:?} on {}, but not as deep as the row {}", missing.rights, missing.table, missing.row);
///     }
///     if error.kind() == ErrorKind::OutOfReach {
///         eprintln!("worth another try after {:?}", refusal.and_then(|refusal| refusal.retry_after));
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answered at that address.
    #[error("could not reach {origin}: {cause}")]
    Unreachable {
        /// Scheme, host and port that were tried.
        origin: String,
        /// What happened.
        cause: Unreachable,
    },
    /// Somebody answered, but could not prove to be who they were asked to be.
    #[error("the certificate of {origin} is not trusted here: {cause}")]
    UntrustedCertificate {
        /// Scheme, host and port that were tried.
        origin: String,
        /// What is wrong with the certificate.
        cause: String,
    },
    /// The URL leads to something that is no Dataverse organization.
    #[error("{url} is not a Dynamics 365 org: {found}")]
    NotAnOrg {
        /// What was asked.
        url: String,
        /// What came back.
        found: String,
    },
    /// The org is a server of its owner's, which no token opens.
    #[error("{url} is an on-premises org behind Windows authentication ({schemes}): no token opens it")]
    OnPremises {
        /// What was asked.
        url: String,
        /// What it offers: `Negotiate`, `NTLM`.
        schemes: String,
    },
    /// The org names an authority that must not be given the credential ([`crate::authority`]).
    #[error("{org} wants sign-in at {authority}, which {reason}; nothing was sent there")]
    UntrustedAuthority {
        /// The org that was asked.
        org: String,
        /// The authority that it named.
        authority: String,
        /// Why it is not trusted, continuing "which ...".
        reason: String,
    },
    /// The token service said no.
    #[error(transparent)]
    TokenRefused(Box<TokenRefusal>),
    /// A sign-in came to nothing before or beside the token service.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The org said no.
    #[error(transparent)]
    Dataverse(Box<DataverseRefusal>),
    /// The directory said no.
    #[error(transparent)]
    Graph(Box<GraphRefusal>),
    /// Power Platform's administration said no.
    #[error(transparent)]
    PowerPlatform(Box<PowerPlatformRefusal>),
    /// The pool of service users was closed before the request was sent.
    #[error("the request was not sent: no more requests are let out")]
    Closed,
    /// The settings are wrong, before anything was sent.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An answer that no service of that kind gives.
    #[error("{origin} answered with something that is not understood: {found}")]
    Protocol {
        /// Who answered.
        origin: String,
        /// What came, and what was expected.
        found: String,
    },
}

/// Why nobody could be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// The name has no address.
    UnknownHost,
    /// The machine answers, the port does not.
    Refused,
    /// No connection, or no whole answer, within the deadline.
    TimedOut,
    /// The connection broke after it had been made: the request may or may not have arrived.
    Lost(String),
    /// Another failure to connect: a proxy's, or the network's.
    Other(String),
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("no such host is known"),
            Self::Refused => f.write_str("the connection was refused"),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::Lost(what) => write!(f, "the connection was lost ({what})"),
            Self::Other(what) => f.write_str(what),
        }
    }
}

/// How coarse a program may sort errors; one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Out of reach now: trying later may help.
    OutOfReach,
    /// The caller may not.
    NotAllowed,
    /// Settings have to change first: an address, a certificate, an id.
    Configuration,
    /// The service did not accept what was sent.
    BadData,
    /// Anything else.
    Other,
}

impl Error {
    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } => ErrorKind::OutOfReach,
            Self::UntrustedCertificate { .. } | Self::NotAnOrg { .. } => ErrorKind::Configuration,
            Self::OnPremises { .. } | Self::UntrustedAuthority { .. } => ErrorKind::Configuration,
            Self::Configuration(_) => ErrorKind::Configuration,
            Self::TokenRefused(refusal) => refusal.kind(),
            Self::SignIn(error) => error.kind(),
            Self::Dataverse(refusal) => refusal.kind(),
            Self::Graph(refusal) => kind_of_status(refusal.status),
            Self::PowerPlatform(refusal) => kind_of_status(refusal.status),
            Self::Protocol { .. } => ErrorKind::BadData,
            Self::Closed => ErrorKind::Other,
        }
    }

    /// What the reader can do about it, most likely first; may be empty.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreachable { origin, cause } => unreachable_hints(origin, cause),
            Self::UntrustedCertificate { .. } => vec![
                "give the certificate authority's PEM file with `--ca-file` or in `KEYHOLDER_CA_FILE` (a local org's is `ca.pem` in its data folder)".to_owned(),
            ],
            Self::NotAnOrg { .. } => vec![
                "give the org's own address, like `https://contoso.crm4.dynamics.com`; the Power Platform admin center shows it as the environment URL".to_owned(),
            ],
            Self::OnPremises { .. } => vec![
                "application users and tokens are for online orgs; on-premises, programs sign in with a Windows account of the domain".to_owned(),
            ],
            Self::UntrustedAuthority { .. } => vec![
                "check the org's URL letter by letter: whoever answers there could be after the client secret".to_owned(),
                "if that authority is really yours, name it with `--authority`, or with `KEYHOLDER_AUTHORITY` where the secret stands".to_owned(),
            ],
            Self::TokenRefused(refusal) => refusal.hints(),
            Self::SignIn(error) => error.hints(),
            Self::Dataverse(refusal) => refusal.hints(),
            Self::Graph(refusal) => refusal.hints(),
            Self::PowerPlatform(refusal) => refusal.hints(),
            Self::Configuration(error) => error.hints(),
            Self::Closed => Vec::new(),
            Self::Protocol { .. } => {
                vec!["a proxy or a sign-in page between here and there may have answered instead".to_owned()]
            }
        }
    }

    /// Whether a service answered that the thing asked for does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Dataverse(refusal) => refusal.status == 404,
            Self::Graph(refusal) => refusal.status == 404,
            Self::PowerPlatform(refusal) => refusal.status == 404,
            _ => false,
        }
    }

    /// Whether the org refused a row because there is one with the same id or the same values in an alternate key.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.dataverse().is_some_and(|refusal| refusal.code == DUPLICATE || refusal.code == DUPLICATE_KEY)
    }

    /// Whether the request may have been carried out although it failed: the connection was lost, no answer came in
    /// time, or something in between answered in the service's place.
    #[must_use]
    pub fn fate_is_unknown(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => matches!(cause, Unreachable::Lost(_) | Unreachable::TimedOut),
            Self::Dataverse(refusal) => matches!(refusal.status, 502..=504) && refusal.retry_after.is_none(),
            Self::Protocol { .. } => true,
            _ => false,
        }
    }

    /// Whether the reason may pass by itself: the service is out of reach, or something in between answers.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Protocol { .. } => true,
            Self::Dataverse(_) | Self::TokenRefused(_) => self.kind() == ErrorKind::OutOfReach,
            _ => false,
        }
    }

    /// Whether the org failed, which may pass by itself, and may be for the row.
    pub(crate) fn is_failure(&self) -> bool {
        self.dataverse().is_some_and(|refusal| refusal.status == 500 || refusal.status > 504)
    }

    /// The AADSTS number, when the token service refused with one.
    #[must_use]
    pub fn aadsts(&self) -> Option<u32> {
        match self {
            Self::TokenRefused(refusal) => refusal.code,
            _ => None,
        }
    }

    /// The Graph error code, when the directory refused.
    #[must_use]
    pub fn graph(&self) -> Option<&GraphRefusal> {
        match self {
            Self::Graph(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What Power Platform's administration said, when it refused.
    #[must_use]
    pub fn power_platform(&self) -> Option<&PowerPlatformRefusal> {
        match self {
            Self::PowerPlatform(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What the org said, when it refused.
    #[must_use]
    pub fn dataverse(&self) -> Option<&DataverseRefusal> {
        match self {
            Self::Dataverse(refusal) => Some(refusal),
            _ => None,
        }
    }
}

fn unreachable_hints(origin: &str, cause: &Unreachable) -> Vec<String> {
    let url = url::Url::parse(origin).ok();
    let loopback = url.as_ref().is_some_and(crate::transport::is_loopback);
    let is_direct = url.as_ref().is_some_and(crate::transport::is_beside_proxies);
    if loopback && origin.starts_with("http:") && !matches!(cause, Unreachable::Refused | Unreachable::UnknownHost) {
        return vec![format!("a local org answers at https: give `https{}`", origin.trim_start_matches("http"))];
    }
    match cause {
        Unreachable::Refused if loopback => {
            vec!["start the local org with `keyholder org start`".to_owned()]
        }
        Unreachable::UnknownHost => vec!["check the spelling of the address".to_owned()],
        Unreachable::TimedOut | Unreachable::Other(_) if !is_direct => {
            vec!["behind a proxy, set `HTTPS_PROXY`".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// What an HTTP status alone says about the kind of a refusal.
pub(crate) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 | 403 => ErrorKind::NotAllowed,
        429 | 502..=504 => ErrorKind::OutOfReach,
        400..=499 => ErrorKind::BadData,
        _ => ErrorKind::Other,
    }
}
