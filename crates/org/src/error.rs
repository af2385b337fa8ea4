//! Why a local org cannot be opened, served or changed.

use keyholder_platform::FileError;
use serde::{Deserialize, Serialize};

use crate::certificates::CertificateError;
use crate::folder::FolderError;
use crate::listen::ListenError;

/// Where the fault lies, as coarse as an exit code: the same whether a running org says it or one that
/// was opened for the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Fault {
    /// In what was asked for.
    Request,
    /// In what the operating system allows: rights, room, another program.
    System,
    /// In the data folder's content.
    Data,
    /// Elsewhere.
    Other,
}

/// Why a local org cannot be opened, served or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The addresses.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The token service's key.
    #[error("cannot make the token service's signing key: {0}")]
    Key(#[from] keyholder_identity::keys::KeyError),
    /// The directory.
    #[error("{}", chain(.0))]
    Identity(#[from] keyholder_identity::Error),
    /// The org's rows.
    #[error("{}", chain(.0))]
    Data(#[from] keyholder_data::Error),
    /// A database.
    #[error("{}", chain(.0))]
    Store(#[from] keyholder_store::Error),
    /// What seals the keys of a shared world.
    #[error("the master key cannot be used: {0}")]
    MasterKey(#[from] keyholder_identity::keys::SealError),
    /// The world that several nodes share.
    #[error("the world in the database {place}: {why}")]
    Shared {
        /// The database's address, without user and password.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// What was asked for cannot be done as it was asked.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The process is ending.
    #[error("interrupted while starting")]
    Interrupted,
}

impl StartError {
    /// Where the fault lies.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Folder(folder) => match folder {
                FolderError::Damaged { .. } | FolderError::Newer { .. } => Fault::Data,
                FolderError::File(file) => match file {
                    FileError::Io { .. } | FileError::NotOwn { .. } | FileError::Unsettled { .. } => Fault::System,
                    FileError::TooLarge { .. }
                    | FileError::NotText { .. }
                    | FileError::NotRegular { .. }
                    | FileError::Link { .. } => Fault::Data,
                },
                _ => Fault::System,
            },
            Self::Listen(ListenError::Taken { .. } | ListenError::Bind { .. }) => Fault::System,
            Self::Listen(_) | Self::Refused(_) => Fault::Request,
            Self::MasterKey(_) | Self::Store(keyholder_store::Error::Address { .. }) => Fault::Request,
            Self::Certificate(CertificateError::Damaged(_)) | Self::Shared { .. } => Fault::Data,
            Self::Identity(_) | Self::Data(_) | Self::Store(_) if self.is_the_systems() => Fault::System,
            Self::Identity(_) | Self::Data(_) | Self::Store(_) => Fault::Data,
            _ => Fault::Other,
        }
    }

    /// Whether the operating system stood in the way: rights, room, another program.
    fn is_the_systems(&self) -> bool {
        use keyholder_store::Error::{Contended, Lost, NoRoom, Undecided, Unusable};
        let store = match self {
            Self::Identity(keyholder_identity::Error::Store(error))
            | Self::Data(keyholder_data::Error::Store(error))
            | Self::Store(error) => error,
            _ => return false,
        };
        matches!(store, Unusable { .. } | NoRoom { .. } | Lost { .. } | Undecided { .. } | Contended { .. })
    }
}

/// A wish that cannot be granted as it was said; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A time that the org cannot have.
    #[error("the org's time must lie between {earliest} and {latest}")]
    Time {
        /// The first moment that it can be.
        earliest: &'static str,
        /// The moment before which it must be.
        latest: &'static str,
    },
    /// Another node changed the world between this one's look at it and its change.
    #[error("another node changed the world at the same moment; nothing was done, so try again")]
    ChangedElsewhere,
    /// A database's address without what seals the keys in it.
    #[error(
        "a world in PostgreSQL needs a master key: write 64 hexadecimal digits to a file (`openssl rand -hex 32`), the same for \
         every node, and name it in {variable}"
    )]
    NoMasterKey {
        /// The variable that names the file.
        variable: &'static str,
    },
    /// What files can do and a database of many nodes cannot.
    #[error(
        "{what} is not built for a world in PostgreSQL; use the server's own tools, such as pg_dump and pg_restore, \
         while no node runs"
    )]
    OnPostgresql {
        /// What was asked for.
        what: &'static str,
    },
    /// A snapshot's name that is none.
    #[error(
        "`{name}` cannot name a snapshot: use 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or digit"
    )]
    SnapshotName {
        /// What was given, cut to 80 characters.
        name: String,
    },
    /// A snapshot that was never taken.
    #[error("there is no snapshot `{name}`{}", listed(known))]
    NoSnapshot {
        /// What was asked for.
        name: String,
        /// The snapshots that there are.
        known: Vec<String>,
    },
    /// Another tenant has the domain.
    #[error("there is a tenant `{domain}` already")]
    TenantExists {
        /// The domain.
        domain: String,
    },
    /// A text that is no domain.
    #[error("`{domain}` is not a domain such as contoso.localhost: letters, digits and hyphens between dots")]
    Domain {
        /// What was given, cut to 80 characters.
        domain: String,
    },
    /// A tenant that there is not.
    #[error("there is no tenant `{name}`{}", listed(known))]
    NoTenant {
        /// What was asked for.
        name: String,
        /// The domains of the tenants that there are.
        known: Vec<String>,
    },
    /// An org that there is not.
    #[error("there is no org `{name}`{}", listed(known))]
    NoOrg {
        /// What was asked for.
        name: String,
        /// The orgs that there are.
        known: Vec<String>,
    },
    /// A person that the tenant does not have.
    #[error("the tenant has no user `{name}`")]
    NoPerson {
        /// What was asked for, cut to 80 characters.
        name: String,
    },
    /// A group that the tenant does not have, or more than one of that name.
    #[error("the tenant has no group `{name}`, or several of that name: give its id")]
    NoGroup {
        /// What was asked for, cut to 80 characters.
        name: String,
    },
    /// A licence that there is not.
    #[error("there is no licence `{name}`{}", listed(known))]
    NoLicence {
        /// What was asked for, cut to 80 characters.
        name: String,
        /// The licences that there are.
        known: Vec<String>,
    },
    /// A number of days that a password cannot last.
    #[error("a password is good for 14 to 730 days, or for ever")]
    PasswordDays,
    /// The tenant has an org of that name.
    #[error("the tenant `{domain}` has an org `{name}` already")]
    OrgExists {
        /// The name.
        name: String,
        /// The tenant's domain.
        domain: String,
    },
    /// A name that no org can have.
    #[error("an org's name has 1 to 100 characters and no control characters")]
    OrgName,
    /// More orgs than one process should serve.
    #[error("a local org has at most {most} orgs in all")]
    TooManyOrgs {
        /// The bound.
        most: usize,
    },
}

/// ` (there are: a, b)`, when there are any.
fn listed(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (there are: {})", known.join(", ")) }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    keyholder_foundation::causes(error).join(": ")
}
