//! The ways of getting a token, one file each.

use keyholder_entra::aadsts::{self, Problem};

use super::Failure;
use super::token::{Asking, Granted, Trail};

mod client_credentials;

/// A grant that this service offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// An application for itself (RFC 6749 section 4.4).
    ClientCredentials,
}

impl Grant {
    /// The grant of a `grant_type`.
    pub(super) fn find(grant_type: &str) -> Result<Self, Problem> {
        match grant_type {
            "client_credentials" => Ok(Self::ClientCredentials),
            other => Err(aadsts::unsupported_grant_type(other)),
        }
    }

    /// Its name in the log of sign-ins.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// What it gives.
    pub(super) async fn take(self, asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
        match self {
            Self::ClientCredentials => client_credentials::grant(asking, trail).await,
        }
    }
}
