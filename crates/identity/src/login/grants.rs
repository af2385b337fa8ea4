//! The ways of getting a token, one file each.

use keyholder_entra::aadsts::{self, Problem};

pub(super) mod client_credentials;

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
}
