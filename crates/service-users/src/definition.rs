//! What is wanted, as plain data.

use std::time::Duration;

use keyholder_foundation::ClientId;
use keyholder_security::Depth;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// An application user with its registration, key and role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationUserDefinition {
    /// The registration's name; at most 120 characters.
    pub name: String,
    /// The registration to use, when the name alone does not say which.
    pub client_id: Option<ClientId>,
    /// How long a new client secret works.
    pub secret_lifetime: Duration,
    /// What the application user may do.
    pub role: RoleDefinition,
    /// What it reads to prove that it may.
    pub proof: String,
}

/// A custom security role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    /// Its name; at most 100 characters.
    pub name: String,
    /// What it grants beyond what every new role gets: a privilege's name and how far it reaches.
    pub privileges: Vec<(String, Depth)>,
}

impl ApplicationUserDefinition {
    /// The quickstart's: reads every contact, and nothing else, for 180 days.
    #[must_use]
    pub fn reading_contacts(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            client_id: None,
            secret_lifetime: Duration::from_secs(180 * 24 * 60 * 60),
            role: RoleDefinition {
                name: name.to_owned(),
                privileges: vec![("prvReadContact".to_owned(), Depth::Global)],
            },
            proof: "contacts?$top=3".to_owned(),
        }
    }
}

/// The id of Keyholder's role of that name in that org.
///
/// Dataverse lets the caller choose a new row's id. Deriving it from what the role is makes the
/// role recognisable as ours without a mark that anybody could copy or lose, and makes creating it
/// repeatable: a create whose answer was lost fails the second time instead of making a second
/// role. The form is a version 8 UUID (RFC 9562) of a SHA-256.
#[must_use]
pub fn role_id(organization: Uuid, name: &str) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"keyholder role\0");
    hash.update(organization.as_bytes());
    hash.update(name.as_bytes());
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roles_id_depends_on_org_and_name_and_nothing_else() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(role_id(one, "orders-sync"), role_id(one, "orders-sync"));
        assert_ne!(role_id(one, "orders-sync"), role_id(two, "orders-sync"));
        assert_ne!(role_id(one, "orders-sync"), role_id(one, "orders-sync2"));
        // Roles in the field carry these ids: a change would orphan them.
        assert_eq!(role_id(one, "orders-sync").get_version_num(), 8);
    }
}
