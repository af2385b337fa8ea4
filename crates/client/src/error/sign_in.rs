//! Sign-ins that did not come about, for reasons outside the token service: a person who declined, a
//! browser that never came back, a program or a file that should have had a token and had none.

use url::Url;

use crate::transport::is_loopback;

use super::ErrorKind;

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// No credential was given, and no person's sign-in is kept for that authority.
    #[error("nobody is signed in at {authority}{}", whom.as_ref().map(|whom| format!(" as {whom}")).unwrap_or_default())]
    Nobody {
        /// The authority, with its tenant.
        authority: String,
        /// The person or the application that was asked for.
        whom: Option<String>,
    },
    /// The person said no on the page.
    #[error("the sign-in was declined")]
    Declined,
    /// The person did not sign in in time.
    #[error("nobody signed in within {seconds} seconds")]
    TimedOut {
        /// How long was waited.
        seconds: u64,
    },
    /// The browser came back with an error.
    #[error("the sign-in page ended with {error}: {description}")]
    Page {
        /// OAuth's word.
        error: String,
        /// What the page said.
        description: String,
    },
    /// No port of this machine could be listened on for the browser.
    #[error("cannot wait for the browser on this machine: {0}")]
    CannotListen(String),
    /// The sign-in brought no refresh token, so it could not be used again.
    #[error("{authority} signed the person in for an hour only: it gave no refresh token")]
    NoRefreshToken {
        /// Who signed in.
        authority: String,
    },
    /// A refresh token is for the authority that gave it, and for no other.
    #[error("the sign-in was made at {made_at}; it is not sent to {asked_by}")]
    OtherAuthority {
        /// The origin that gave the refresh token.
        made_at: String,
        /// The origin that wanted it.
        asked_by: String,
    },
    /// There is no Azure CLI.
    #[error("the Azure CLI (`az`) is not installed, or is not on the PATH")]
    NoAzureCli,
    /// The Azure CLI has signed nobody in.
    #[error("the Azure CLI has nobody signed in: {0}")]
    AzureCliSignedOut(String),
    /// The Azure CLI failed otherwise.
    #[error("the Azure CLI gave no token: {0}")]
    AzureCli(String),
    /// Whoever should hand out the federated token did not.
    #[error("{from} gave no federated token: {problem}")]
    FederatedToken {
        /// The file or service.
        from: String,
        /// What is wrong; never the token.
        problem: String,
    },
    /// The managed identity's service gave nothing.
    #[error("the managed identity gave no token: {0}")]
    ManagedIdentity(String),
    /// A credential of another library's gave nothing.
    #[error("{from} gave no token: {problem}")]
    Library {
        /// Whose credential it is, in words.
        from: String,
        /// What the library said; never a token.
        problem: String,
    },
    /// The file of kept sign-ins cannot be used.
    #[error("{0}")]
    Kept(String),
}

impl SignInError {
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Declined | Self::Page { .. } | Self::NoRefreshToken { .. } => ErrorKind::NotAllowed,
            Self::AzureCli(_) | Self::FederatedToken { .. } | Self::ManagedIdentity(_) => ErrorKind::NotAllowed,
            Self::Library { .. } => ErrorKind::NotAllowed,
            Self::TimedOut { .. } | Self::CannotListen(_) => ErrorKind::Other,
            Self::Nobody { .. } | Self::NoAzureCli | Self::AzureCliSignedOut(_) => ErrorKind::Configuration,
            Self::OtherAuthority { .. } | Self::Kept(_) => ErrorKind::Configuration,
        }
    }

    pub(super) fn hints(&self) -> Vec<String> {
        let hint = |text: &str| vec![text.to_owned()];
        match self {
            Self::Nobody { authority, .. } => vec![
                if Url::parse(authority).is_ok_and(|authority| is_loopback(&authority)) {
                    "work as the local org's administering application with `--local`, or sign in yourself with \
                     `keyholder login --url URL`"
                        .to_owned()
                } else {
                    "sign in yourself with `keyholder login --url URL`".to_owned()
                },
                "or give an application's credential: `--client-id` with `--client-secret-file`, `--certificate-file` or `--federated-token-file`, or an `--env-file` that has one".to_owned(),
            ],
            Self::Declined => hint("sign in again, and agree on the last page"),
            Self::TimedOut { .. } => hint("sign in again; the code and the page are good for some minutes only"),
            Self::CannotListen(_) => hint("sign in with `keyholder login --device-code`, which needs no port"),
            Self::NoRefreshToken { .. } => hint("the tenant forbids lasting sign-ins: use an application's credential"),
            Self::OtherAuthority { .. } => hint("sign in there with `keyholder login`"),
            Self::NoAzureCli => hint("install it, or sign in with `keyholder login --device-code`"),
            Self::AzureCliSignedOut(_) => hint("run `az login`, with `--tenant` when you are a guest of that tenant"),
            Self::FederatedToken { .. } => hint(
                "see docs/sign-in.md: GitHub needs `permissions: id-token: write`, Azure Pipelines `SYSTEM_ACCESSTOKEN` and the service connection's id",
            ),
            Self::ManagedIdentity(_) => hint(
                "it is there only on Azure, where a managed identity was assigned; give that identity's client id",
            ),
            Self::Page { .. } | Self::AzureCli(_) | Self::Library { .. } | Self::Kept(_) => Vec::new(),
        }
    }
}
