//! Which credential is to be replaced, and how.

use std::time::Duration;

use keyholder_client::OrgUrl;
use keyholder_foundation::{ClientId, KeyId, ObjectId};

use crate::Administrator;
use crate::kept::KeyKind;
use crate::rules::CredentialRules;
use crate::sink::SecretSink;

/// One credential of an application: the one that a place holds.
pub struct Aim<'a> {
    /// The application, for people.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// Its registration.
    pub registration: ObjectId,
    /// Somebody who may administer its tenant.
    pub administrator: &'a Administrator,
    /// The org that the place leads to.
    pub url: &'a OrgUrl,
    /// Every org that has to let it in, by name.
    pub orgs: Vec<(String, &'a Administrator)>,
    /// The place.
    pub sink: &'a dyn SecretSink,
    /// What the new one is to be; of the old one's kind when nothing is said.
    pub kind: Option<KeyKind>,
    /// How long the new one works; as long as the old one did when nothing is said.
    pub lifetime: Option<Duration>,
    /// Which one it replaces, where the place does not tell.
    pub replaces: Option<KeyId>,
    /// Whether it is declared, so that `apply` makes what is missing.
    pub is_declared: bool,
    /// What the tenant allows.
    pub rules: &'a CredentialRules,
}

/// How credentials are replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Only those that work no longer than this; all when nothing is said.
    pub due: Option<Duration>,
    /// How long the old one goes on working beside the new one.
    pub overlap: Overlap,
    /// How long a sign-in of somebody else's with the new one is waited for before the old one is revoked.
    pub wait_for_use: Option<Duration>,
    /// Also the credential that the caller is signed in with.
    pub even_my_own: bool,
}

/// How long an old credential goes on working beside the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// Not longer than it takes.
    #[default]
    None,
    /// From when the new one was made.
    For(Duration),
    /// Until a later run says otherwise.
    Open,
}
