//! One thing that an audit found, and what it is about.

use keyholder_foundation::Timestamp;
use serde::{Serialize, Serializer};

use super::baseline::{Acceptance, Outgrown};
use super::facts::moment;

/// How much a finding weighs; the order is that of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It should be mended.
    Warning,
    /// Something does not work, or opens far too much.
    Error,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What kind of thing a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum SubjectKind {
    /// A directory.
    Tenant,
    /// An org.
    Org,
    /// An application of a directory.
    Application,
    /// A secret or certificate of an application.
    Credential,
    /// A user of an org.
    OrgUser,
    /// A person of a directory.
    Person,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Of which kind.
    pub kind: SubjectKind,
    /// The same in every run, made of ids: `application:CLIENT-ID`. Baselines name subjects by it.
    pub key: String,
    /// What people call it.
    pub name: String,
}

/// One of the things that a finding says, in so far as more of them make it worse. Baselines keep them, so its words are
/// the same in every run, and are not changed lightly: what is said in other words counts as new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    said: String,
    /// What says more than this, or the same.
    wider: Vec<String>,
}

impl Point {
    pub(super) fn new(said: impl Into<String>) -> Self {
        Self { said: said.into(), wider: Vec::new() }
    }

    /// What says more: whoever accepted that has accepted this.
    pub(super) fn or(mut self, wider: impl IntoIterator<Item = String>) -> Self {
        self.wider.extend(wider);
        self
    }

    /// In words.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Whether some of these words say as much or more.
    #[must_use]
    pub fn is_within(&self, words: &[String]) -> bool {
        words.iter().any(|word| *word == self.said || self.wider.contains(word))
    }
}

impl From<Severity> for Point {
    fn from(severity: Severity) -> Self {
        let heavier = [Severity::Note, Severity::Warning, Severity::Error].into_iter().filter(|one| *one > severity);
        Self::new(severity.name()).or(heavier.map(|one| one.name().to_owned()))
    }
}

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.said)
    }
}

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id: `KH101`.
    pub rule: &'static str,
    /// The rule's name: `credential-expired`.
    pub name: &'static str,
    /// How much it weighs here, after what the caller says of the rule.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// What is found: a sentence without a full stop.
    pub message: String,
    /// The same point by point, without what changes by itself, such as the days that are left: how grave it is, the orgs,
    /// the rights, the credentials. A baseline keeps it, so that what grows counts again.
    pub what: Vec<Point>,
    /// The orgs that it concerns, by their names in the report.
    pub orgs: Vec<String>,
    /// The programs that it concerns, by the names of their applications or users.
    pub programs: Vec<String>,
    /// What breaks or stays open, where anything does: a sentence without a full stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consequence: Option<String>,
    /// When it breaks, or broke.
    #[serde(serialize_with = "moment", skip_serializing_if = "Option::is_none")]
    pub when: Option<Timestamp>,
    /// What mends it, the best first: commands in backticks, or clicks.
    pub mend: Vec<String>,
    /// Who accepted it and until when, by the baseline. What is accepted does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
    /// That less than this was accepted, by the baseline: then it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outgrown: Option<Outgrown>,
}

impl Finding {
    /// Whether it counts: it is not accepted.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.accepted.is_none()
    }
}
