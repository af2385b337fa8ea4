//! By what Keyholder finds again what it made: tags in the directory, labels on secrets and certificates, derived ids
//! and descriptions of roles.

use std::path::Path;

use keyholder_entra::graph::Application;
use keyholder_foundation::KeyId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::kept::{self, Registered};
use crate::sink::{PLACE_ID_LENGTH, SecretSink, SinkError, is_of_the_network};

/// The tag on the registrations and service principals that Keyholder makes.
pub const TAG: &str = "keyholder";

/// How the tags begin that say which keys have arrived.
const DELIVERED: &str = "keyholder-delivered:";

/// Longest label, in characters; a path is cut at its start, where paths are most alike.
const LABEL_LIMIT: usize = 100;
/// What every label starts with.
const PREFIX: &str = "keyholder ";
/// What stands at the end of the label of a credential that replaces another, before the last digits of that one's id
/// and a closing bracket.
const REPLACES: &str = " (for ";
/// How many digits of an id tell the credentials of one registration apart: the last ones, for ids may begin with the
/// time.
const ID_DIGITS: usize = 8;

/// The tag that says which declaration made a thing. Tags have no blanks.
pub(crate) fn declaration_tag(declaration: &str) -> String {
    let name: String = declaration.chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
    format!("{TAG}:{name}")
}

/// The tags of what a declaration makes.
pub(crate) fn tags(declaration: Option<&str>) -> Vec<String> {
    std::iter::once(TAG.to_owned()).chain(declaration.map(declaration_tag)).collect()
}

/// What a federated credential that Keyholder made says about itself.
pub(crate) const FEDERATION_MARK: &str = "Made by Keyholder";

/// Whether a secret or certificate says that Keyholder made it, for whichever place.
pub(crate) fn is_labelled(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with(PREFIX))
}

/// The tag that says that a place took a key which it does not give back: a program's standard input.
fn delivered_tag(key: KeyId) -> String {
    format!("{DELIVERED}{key}")
}

/// Whether a registration says that a key has arrived where it was going.
pub(crate) fn is_delivered(application: &Application, key: KeyId) -> bool {
    let tag = delivered_tag(key);
    application.tags.contains(&tag)
}

/// A registration's tags once a key has arrived; those of keys that are gone are dropped. `known` is the
/// registration as this run knows it, should the directory not show all of it yet.
pub(crate) fn tags_after_delivery(there: &Application, known: &Application, key: KeyId) -> Vec<String> {
    let stays = |tag: &&String| match tag.strip_prefix(DELIVERED) {
        None => true,
        Some(of) => kept::of(there).any(|one| one.key_id.to_string() == of),
    };
    let mut tags: Vec<String> = Vec::new();
    for tag in there.tags.iter().chain(&known.tags).filter(stays).chain([&delivered_tag(key)]) {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags
}

/// Whether Keyholder made it.
pub(crate) fn is_ours(application: &Application) -> bool {
    application.tags.iter().any(|tag| tag == TAG)
}

/// The declaration that a registration says it is of.
pub(crate) fn declaration_of(application: &Application) -> Option<&str> {
    declaration_in(&application.tags)
}

/// The declaration that tags name.
pub(crate) fn declaration_in(tags: &[String]) -> Option<&str> {
    tags.iter().find_map(|tag| tag.strip_prefix(TAG)?.strip_prefix(':'))
}

/// What stands in the description of a role that a declaration makes.
pub(crate) fn role_description(declaration: Option<&str>) -> String {
    format!("Made by Keyholder, which undoes other changes to it ({})", role_mark(declaration))
}

/// What the description of a role has, if that declaration made it.
pub(crate) fn role_mark(declaration: Option<&str>) -> String {
    declaration.map_or_else(|| TAG.to_owned(), declaration_tag)
}

/// What stands in the description of a federated credential that a declaration makes.
pub(crate) fn federation_description(declaration: Option<&str>) -> String {
    match declaration {
        Some(name) => format!("{FEDERATION_MARK} ({})", declaration_tag(name)),
        None => FEDERATION_MARK.to_owned(),
    }
}

/// Whether the description of a federated credential says that Keyholder made it.
pub(crate) fn is_marked(description: Option<&str>) -> bool {
    description.is_some_and(|text| text.starts_with(FEDERATION_MARK))
}

/// Whether a role's description says that this declaration made it.
pub(crate) fn describes(description: Option<&str>, declaration: Option<&str>) -> bool {
    description.is_some_and(|text| text.ends_with(&format!("({})", role_mark(declaration))))
}

/// The other declaration that a role's description says made it; none for what says nothing of that.
pub(crate) fn other_declaration<'a>(description: Option<&'a str>, declaration: Option<&str>) -> Option<&'a str> {
    let (_, mark) = description?.strip_suffix(')')?.rsplit_once('(')?;
    let name = mark.strip_prefix(TAG)?.strip_prefix(':')?;
    (declaration.map(declaration_tag).as_deref() != Some(mark)).then_some(name)
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

    /// The labels of a sink that cannot be looked at.
    pub(crate) fn unknown(sink: &dyn SecretSink) -> Self {
        Self { id: None, place: sink.place().to_owned() }
    }

    /// The display name of secrets whose text goes to that place.
    pub(crate) fn print(place: &str, id: Option<&str>) -> String {
        Self::print_with(place, id, "")
    }

    /// The same of one that is made to replace another: its label says so for as long as it is there, so that a
    /// run which was stopped in between is gone on with from whichever machine.
    pub(crate) fn print_for(place: &str, id: Option<&str>, replaced: KeyId) -> String {
        let all = replaced.to_string();
        let digits = all.get(all.len().saturating_sub(ID_DIGITS)..).unwrap_or(&all);
        Self::print_with(place, id, &format!("{REPLACES}{digits})"))
    }

    fn print_with(place: &str, id: Option<&str>, end: &str) -> String {
        let start = id.map_or_else(|| PREFIX.to_owned(), |id| format!("{PREFIX}{id} "));
        let cut = place.chars().count().saturating_sub(LABEL_LIMIT - start.len() - end.len());
        start + &place.chars().skip(cut).collect::<String>() + end
    }

    /// Whether that is the label of a place, whatever its credential replaces.
    fn is_of(name: &str, place: &str, id: Option<&str>) -> bool {
        name == Self::print(place, id) || ending(name).is_some_and(|end| name == Self::print_with(place, id, end))
    }

    /// Whether a credential's label says that it replaces that other one.
    pub(crate) fn replaces(label: Option<&str>, other: KeyId) -> bool {
        let digits = label.filter(|label| is_labelled(Some(label))).and_then(ending);
        let digits = digits.and_then(|end| end.strip_prefix(REPLACES)?.strip_suffix(')'));
        digits.is_some_and(|digits| other.to_string().ends_with(&digits.to_ascii_lowercase()))
    }

    /// The id and the place that a label names, the place cut where it was too long; nothing for what is no
    /// label, or one of the earlier ones without an id.
    pub(crate) fn parse(label: &str) -> Option<(&str, &str)> {
        let (id, place) = label.strip_prefix(PREFIX)?.split_at_checked(PLACE_ID_LENGTH)?;
        let place = place.strip_prefix(' ')?;
        let place = ending(place).and_then(|end| place.strip_suffix(end)).unwrap_or(place);
        id.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some((id, place))
    }

    /// The place's name.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Whether a secret or certificate was made for this very place, given the id of the one that the
    /// place holds.
    pub(crate) fn is_own(&self, credential: &Registered<'_>, held: Option<KeyId>) -> bool {
        let Some(name) = credential.name else { return false };
        let is_labelled = self.id.as_deref().is_some_and(|id| Self::is_of(name, &self.place, Some(id)));
        let is_held = Some(credential.key_id) == held;
        is_labelled || (is_held && Self::is_of(name, &self.place, None))
    }

    /// The place that a credential was made for by its label, where that is not this one; nothing for what has no label
    /// of Keyholder's.
    pub(crate) fn other_place<'c>(&self, credential: &Registered<'c>) -> Option<&'c str> {
        let name = credential.name?;
        let rest = name.strip_prefix(PREFIX)?;
        let own = [None, self.id.as_deref()];
        if own.iter().any(|id| Self::is_of(name, &self.place, *id)) {
            return None;
        }
        let without_id = ending(rest).and_then(|end| rest.strip_suffix(end)).unwrap_or(rest);
        let (id, place) = Self::parse(name).map_or((None, without_id), |(id, place)| (Some(id), place));
        // The id beside it is the same one: a path may lead to it in several ways, over links.
        let is_same_file = id.is_some() && id == self.id.as_deref() && is_same_file(place, &self.place);
        (!is_same_file).then_some(place)
    }

    /// Whether a secret or certificate was made for a place of this path, perhaps on another machine.
    pub(crate) fn explain(&self, credential: &Registered<'_>) -> bool {
        let Some(name) = credential.name else { return false };
        let id = Self::parse(name).map(|(id, _)| id);
        Self::is_of(name, &self.place, None) || id.is_some_and(|id| Self::is_of(name, &self.place, Some(id)))
    }
}

/// Whether two paths lead to one file. A label can be written by others: no other machine is asked.
fn is_same_file(one: &str, other: &str) -> bool {
    let file = |path: &str| {
        let path = Path::new(path);
        let is_local = path.is_absolute() && !is_of_the_network(path);
        is_local.then(|| path.canonicalize().ok()).flatten()
    };
    file(one).is_some_and(|one| file(other) == Some(one))
}

/// The end of a label that says what is replaced, if it has one: ` (for 1a2b3c4d)`.
fn ending(label: &str) -> Option<&str> {
    let at = label.len().checked_sub(REPLACES.len() + ID_DIGITS + 1)?;
    let end = label.get(at..)?;
    let digits = end.strip_prefix(REPLACES)?.strip_suffix(')')?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(end)
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
    use crate::kept::KeyKind;

    #[test]
    fn a_roles_id_depends_on_org_and_name_and_nothing_else() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!(role_id(one, "orders-sync"), role_id(one, "orders-sync"));
        assert_ne!(role_id(one, "orders-sync"), role_id(two, "orders-sync"));
        assert_ne!(role_id(one, "orders-sync"), role_id(one, "orders-sync2"));
        // Roles in the field carry these ids: a change would orphan them.
        assert_eq!(role_id(one, "orders-sync").get_version_num(), 8);
    }

    fn credential(name: &str, key_id: KeyId) -> Registered<'_> {
        let kind = KeyKind::Secret;
        Registered { kind, key_id, name: Some(name), starts: None, ends: None, hint: None, thumbprint: None }
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
    fn a_label_says_what_is_replaced_and_is_still_the_places_own() {
        let old = KeyId(Uuid::from_u128(0x1a2b_3c4d));
        let other = KeyId(Uuid::from_u128(0x1a2b_3c4e));
        let id = Some("0123456789ab");
        for place in ["/data/app.env".to_owned(), format!("/{}/orders-sync.env", "ä".repeat(200))] {
            let label = Labels::print_for(&place, id, old);
            assert!(label.ends_with(" (for 1a2b3c4d)") && label.chars().count() <= LABEL_LIMIT, "{label}");
            let labels = Labels { id: id.map(str::to_owned), place: place.clone() };
            let one = KeyId(Uuid::from_u128(1));
            assert!(labels.is_own(&credential(&label, one), None) && labels.explain(&credential(&label, one)));
            assert!(Labels::replaces(Some(&label), old) && !Labels::replaces(Some(&label), other));
            let (_, named) = Labels::parse(&label).unwrap();
            assert!(place.ends_with(named) && named.ends_with(".env"), "{named}");
            assert!(!Labels::replaces(Some(&Labels::print(&place, id)), old));
        }
        // A file may be called so.
        let odd = Labels { id: id.map(str::to_owned), place: "/data/app (for 1a2b3c4d)".to_owned() };
        let label = Labels::print(&odd.place, id);
        assert!(odd.is_own(&credential(&label, other), None));
        assert!(!Labels::replaces(Some("by hand (for 1a2b3c4d)"), old) && !Labels::replaces(None, old));
    }

    #[test]
    fn a_credential_of_another_place_is_known_by_its_label() {
        let labels = |id: Option<&str>| Labels { id: id.map(str::to_owned), place: "/data/app.env".to_owned() };
        let (here, one) = (labels(Some("0123456789ab")), KeyId(Uuid::from_u128(1)));
        let replaced = Labels::print_for("/data/app.env", Some("0123456789ab"), one);
        for own in ["keyholder 0123456789ab /data/app.env", "keyholder /data/app.env", &replaced, "by hand"] {
            assert_eq!(here.other_place(&credential(own, one)), None, "{own}");
        }
        let copied = Labels::print_for("/old/app.env", Some("0123456789ab"), one);
        for (name, place) in [
            (copied.as_str(), "/old/app.env"),
            ("keyholder ba9876543210 /data/app.env", "/data/app.env"),
            ("keyholder /old/app.env", "/old/app.env"),
            ("keyholder ba9876543210 command vault", "command vault"),
        ] {
            assert_eq!(here.other_place(&credential(name, one)), Some(place), "{name}");
        }
        // Without an id beside it, it may be any machine's.
        let unnamed = labels(None);
        assert!(unnamed.other_place(&credential("keyholder 0123456789ab /data/app.env", one)).is_some());
        assert!(unnamed.other_place(&credential("keyholder /data/app.env", one)).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_a_link_leads_to_is_no_other_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/app.env"), "").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        let id = Some("0123456789ab");
        let labels = Labels { id: id.map(str::to_owned), place: at("link/app.env") };
        let one = KeyId(Uuid::from_u128(1));
        assert_eq!(labels.other_place(&credential(&Labels::print(&at("real/app.env"), id), one)), None);
        let copied = Labels::print(&at("real/app.env"), Some("ba9876543210"));
        assert!(labels.other_place(&credential(&copied, one)).is_some());
    }

    #[test]
    fn a_description_says_which_declaration() {
        assert!(describes(Some(&role_description(Some("contoso"))), Some("contoso")));
        assert!(!describes(Some(&role_description(Some("contoso"))), None));
        assert!(describes(Some(&role_description(None)), None));
        assert!(!describes(Some("a role (keyholder:contosox)"), Some("contoso")));
        let of_contoso = role_description(Some("contoso"));
        assert_eq!(other_declaration(Some(&of_contoso), Some("contoso")), None);
        assert_eq!(other_declaration(Some(&of_contoso), Some("fabrikam")), Some("contoso"));
        assert_eq!(other_declaration(Some(&of_contoso), None), Some("contoso"));
        assert_eq!(other_declaration(Some(&role_description(None)), Some("contoso")), None);
        assert_eq!(other_declaration(Some("written anew by hand"), Some("contoso")), None);
        assert_eq!(tags(Some("my orgs")), ["keyholder", "keyholder:my-orgs"]);
    }
}
