//! What can go wrong with the identity service itself, as opposed to what it answers to a caller.

use keyholder_foundation::TenantId;

use crate::keys::KeyError;

/// Why the identity service could not be opened or changed from inside the process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory's store failed.
    #[error("the tenant directory's database cannot be used")]
    Store(#[from] keyholder_store::Error),
    /// There is no key to sign with.
    #[error("the token service has no signing key: hand in at least one")]
    NoSigningKey,
    /// A signing key cannot be used.
    #[error("a signing key of the token service cannot be used")]
    Key(#[from] KeyError),
    /// The origin is no `https://host:port`.
    #[error("`{0}` is not an origin like https://localhost:8443 (scheme, host and port, without a path)")]
    Origin(String),
    /// A tenant's domain is no domain name.
    #[error("`{0}` is not a domain name like contoso.example")]
    Domain(String),
    /// A tenant's domain belongs to another tenant already.
    #[error("the domain `{0}` belongs to another tenant already")]
    DomainTaken(String),
    /// There is no such tenant.
    #[error("there is no tenant `{0}` in this directory")]
    NoTenant(TenantId),
    /// A password could not be hashed.
    #[error("the administrator's password could not be hashed: {0}")]
    Password(String),
    /// What is stored is not what was written.
    #[error("the directory is damaged: {0}; restore the data folder, or start with a new one")]
    Damaged(String),
}
