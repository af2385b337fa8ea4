//! By what Keyholder finds again what it made: tags in the directory, labels on secrets, derived ids
//! and descriptions of roles.

use keyholder_entra::graph::{Application, PasswordCredential};
use keyholder_foundation::KeyId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sink::{PLACE_ID_LENGTH, SecretSink, SinkError};

/// The tag on the registrations and service principals that Keyholder makes.
pub const TAG: &str = "keyholder";

/// Longest label, in characters; a path is cut at its start, where paths are most alike.
const LABEL_LIMIT: usize = 100;
/// What every label starts with.
const PREFIX: &str = "keyholder ";

/// The tag that says which declaration made a thing. Tags have no blanks.
pub(crate) fn declaration_tag(declaration: &str) -> String {
    let name: String = declaration.chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
    format!("{TAG}:{name}")
}

/// The tags of what a declaration makes.
pub(crate) fn tags(declaration: Option<&str>) -> Vec<String> {
    std::iter::once(TAG.to_owned()).chain(declaration.map(declaration_tag)).collect()
}

/// Whether Keyholder made it.
pub(crate) fn is_ours(application: &Application) -> bool {
    application.tags.iter().any(|tag| tag == TAG)
}

/// The declaration that a registration says it is of.
pub(crate) fn declaration_of(application: &Application) -> Option<&str> {
    application.tags.iter().find_map(|tag| tag.strip_prefix(TAG)?.strip_prefix(':'))
}

/// What stands in the description of a role that a declaration makes.
pub(crate) fn role_description(declaration: Option<&str>) -> String {
    format!("Made by Keyholder, which undoes other changes to it ({})", role_mark(declaration))
}

/// What the description of a role has, if that declaration made it.
pub(crate) fn role_mark(declaration: Option<&str>) -> String {
    declaration.map_or_else(|| TAG.to_owned(), declaration_tag)
}

/// Whether a role's description says that this declaration made it.
pub(crate) fn describes(description: Option<&str>, declaration: Option<&str>) -> bool {
    description.is_some_and(|text| text.ends_with(&format!("({})", role_mark(declaration))))
}

/// How the secrets of one sink are told from others': `keyholder 6f0c1a2b3d4e /data/app.env`.
///
/// A path alone names no place: two containers have the same. So a label has the place's own id,
/// which the place keeps beside the secret. Earlier labels were without it: a secret that bears
/// such a one is ours for certain only if the sink holds that very secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    id: Option<String>,
    place: String,
}

impl Labels {
    /// The labels of a sink; one without an id has made no secret yet.
    pub(crate) fn of(sink: &dyn SecretSink) -> Result<Self, SinkError> {
        Ok(Self { id: sink.place_id()?, place: sink.place().to_owned() })
    }

    /// The display name of secrets whose text goes to that place.
    pub(crate) fn print(place: &str, id: Option<&str>) -> String {
        let start = id.map_or_else(|| PREFIX.to_owned(), |id| format!("{PREFIX}{id} "));
        let cut = place.chars().count().saturating_sub(LABEL_LIMIT - start.len());
        start + &place.chars().skip(cut).collect::<String>()
    }

    /// The place's name.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a secret was made for this very place, given the id of the one that the place holds.
    pub(crate) fn is_own(&self, credential: &PasswordCredential, held: Option<KeyId>) -> bool {
        let Some(name) = credential.display_name.as_deref() else { return false };
        let is_labelled = self.id.as_deref().is_some_and(|id| name == Self::print(&self.place, Some(id)));
        let is_held = Some(credential.key_id) == held;
        is_labelled || (is_held && name == Self::print(&self.place, None))
    }

    /// Whether a secret was made for a place of this path, perhaps on another machine.
    pub(crate) fn explain(&self, credential: &PasswordCredential) -> bool {
        let Some(name) = credential.display_name.as_deref() else { return false };
        let id = name.strip_prefix(PREFIX).and_then(|rest| rest.get(..PLACE_ID_LENGTH));
        let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        name == Self::print(&self.place, None) || id.is_some_and(|id| name == Self::print(&self.place, Some(id)))
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

    fn credential(name: &str, id: KeyId) -> PasswordCredential {
        let shown = serde_json::json!({ "keyId": id, "displayName": name });
        serde_json::from_value(shown).unwrap()
    }

    #[test]
    fn labels_keep_the_end_of_long_paths() {
        assert_eq!(Labels::print("/a/b.env", None), "keyholder /a/b.env");
        assert_eq!(Labels::print("/a/b.env", Some("0123456789ab")), "keyholder 0123456789ab /a/b.env");
        let long = format!("/{}/orders-sync.env", "ä".repeat(200));
        for id in [None, Some("0123456789ab")] {
            let label = Labels::print(&long, id);
            assert_eq!(label.chars().count(), LABEL_LIMIT);
            assert!(label.ends_with("ä/orders-sync.env"));
        }
    }

    #[test]
    fn a_path_alone_makes_a_secret_nobodys_own() {
        let labels = Labels { id: Some("0123456789ab".to_owned()), place: "/data/app.env".to_owned() };
        let (one, other) = (KeyId(Uuid::from_u128(1)), KeyId(Uuid::from_u128(2)));
        let cases = [
            ("keyholder 0123456789ab /data/app.env", None, true, true),
            ("keyholder ba9876543210 /data/app.env", Some(one), false, true),
            ("keyholder /data/app.env", None, false, true),
            ("keyholder /data/app.env", Some(other), false, true),
            ("keyholder /data/app.env", Some(one), true, true),
            ("keyholder 0123456789ab /other/app.env", Some(one), false, false),
            ("keyholder not an id! /data/app.env", Some(one), false, false),
            ("by hand", Some(one), false, false),
        ];
        for (name, held, own, explained) in cases {
            let credential = credential(name, one);
            assert_eq!((labels.is_own(&credential, held), labels.explain(&credential)), (own, explained), "{name}");
        }
        let unnamed = Labels { id: None, place: "/data/app.env".to_owned() };
        assert!(!unnamed.is_own(&credential("keyholder 0123456789ab /data/app.env", one), None));
    }

    #[test]
    fn a_description_says_which_declaration() {
        assert!(describes(Some(&role_description(Some("contoso"))), Some("contoso")));
        assert!(!describes(Some(&role_description(Some("contoso"))), None));
        assert!(describes(Some(&role_description(None)), None));
        assert!(!describes(Some("a role (keyholder:contosox)"), Some("contoso")));
        assert_eq!(tags(Some("my orgs")), ["keyholder", "keyholder:my-orgs"]);
    }
}
