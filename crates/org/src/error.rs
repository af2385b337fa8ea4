//! Why a local org cannot be opened or served.

use crate::certificates::CertificateError;
use crate::folder::FolderError;
use crate::listen::ListenError;

/// Why a local org cannot be opened or served.
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
    /// The process is ending.
    #[error("interrupted while starting")]
    Interrupted,
}

impl StartError {
    /// Whether the operating system stood in the way: rights, room, another program.
    #[must_use]
    pub fn is_the_systems(&self) -> bool {
        use keyholder_store::Error::{NoRoom, Unusable};
        let store = match self {
            Self::Identity(keyholder_identity::Error::Store(error))
            | Self::Data(keyholder_data::Error::Store(error)) => error,
            _ => return false,
        };
        matches!(store, Unusable { .. } | NoRoom { .. })
    }
}

/// An error with its causes in one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
