//! What a caller proves itself with, as settings say it: where the key is, not yet read.

use std::path::PathBuf;
use std::sync::Arc;

use keyholder_foundation::{ClientId, Secret};

use crate::credential::federated::{AzureDevOps, GitHubActions, TokenFile};
use crate::credential::{
    AzureCli, ClientCertificate, ClientSecret, Credential, FederatedToken, ManagedIdentity, UsernamePassword,
};
use crate::error::Error;
use crate::sign_ins::{KeptCredential, SignIns, Wanted};

use super::Connection;

/// What a caller proves itself with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CredentialChoice {
    /// An application's secret.
    Secret(Secret),
    /// A PEM file, or a PFX file without a password, with an application's certificate and its private key.
    Certificate(PathBuf),
    /// A PFX file with a password.
    ProtectedCertificate {
        /// The file.
        file: PathBuf,
        /// Its password.
        password: Secret,
    },
    /// A managed identity of Azure's.
    ManagedIdentity(ManagedIdentity),
    /// An outside issuer's token for an application.
    Federated(Federation),
    /// A person's name and password.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// The sign-in of a person that is kept on this machine ([`crate::sign_ins`]).
    Kept {
        /// Where they are kept; nothing where the system does not tell.
        folder: Option<PathBuf>,
        /// Which one is meant, where there are several.
        wanted: Wanted,
    },
    /// Whoever the Azure CLI has signed in.
    AzureCli,
    /// A credential of the program's own.
    Own(Arc<dyn Credential>),
}

/// Where an outside issuer's token comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Federation {
    /// A file that somebody keeps fresh.
    File(PathBuf),
    /// The job of GitHub Actions that this process is a part of.
    GitHub(GitHubActions),
    /// The job of Azure Pipelines that this process is a part of.
    AzureDevOps(AzureDevOps),
}

impl From<Secret> for CredentialChoice {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

impl CredentialChoice {
    /// The secret, when it is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    fn of(&self, client_id: ClientId) -> Result<Arc<dyn Credential>, Error> {
        Ok(match self {
            Self::Secret(secret) => Arc::new(ClientSecret::new(client_id, secret.clone())),
            Self::Certificate(path) => Arc::new(ClientCertificate::read(client_id, path)?),
            Self::ProtectedCertificate { file, password } => {
                Arc::new(ClientCertificate::read_protected(client_id, file, password)?)
            }
            Self::ManagedIdentity(identity) => Arc::new(identity.clone()),
            Self::Federated(Federation::File(path)) => {
                Arc::new(FederatedToken::new(client_id, Arc::new(TokenFile::new(path))))
            }
            Self::Federated(Federation::GitHub(job)) => Arc::new(FederatedToken::new(client_id, Arc::new(job.clone()))),
            Self::Federated(Federation::AzureDevOps(job)) => {
                Arc::new(FederatedToken::new(client_id, Arc::new(job.clone())))
            }
            Self::Password { username, password } => {
                Arc::new(UsernamePassword::new(username.clone(), password.clone()).through(client_id))
            }
            Self::Kept { folder, wanted } => {
                Arc::new(KeptCredential::new(folder.as_ref().map(SignIns::in_folder), wanted.clone()))
            }
            Self::AzureCli => Arc::new(AzureCli::new()),
            Self::Own(credential) => credential.clone(),
        })
    }
}

impl Connection {
    /// The credential, its file read.
    ///
    /// # Errors
    /// [`crate::ConfigurationError::File`] when a certificate's file cannot be used.
    pub fn credential(&self) -> Result<Arc<dyn Credential>, Error> {
        self.credential.of(self.client_id)
    }
}
