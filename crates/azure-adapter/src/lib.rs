//! Between Keyholder's credentials and those of Microsoft's Azure SDK for Rust, both ways.
//!
//! - [`FromAzure`]: a credential of the SDK's (`azure_identity`, or any [`TokenCredential`]) signs in to an org.
//! - [`ForAzure`]: a credential of Keyholder's serves the SDK's clients, with what it has and theirs lack: passwords,
//!   device codes, browsers, certificates without OpenSSL, tokens that are renewed in the background.
//!
//! Only `azure_core` is used, without its transport.

mod for_azure;
mod from_azure;
#[cfg(test)]
mod tests;

pub use for_azure::ForAzure;
pub use from_azure::FromAzure;

#[expect(unused_imports, reason = "the documentation names it")]
use azure_core::credentials::TokenCredential;
