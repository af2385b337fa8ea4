//! What happened, step by step, as data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// One thing that provisioning looks after, in the order of doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Step {
    /// The app registration.
    Registration,
    /// The API permission that the registration declares.
    Permission,
    /// The service principal.
    ServicePrincipal,
    /// Admin consent to the API permission.
    Consent,
    /// The client secret, and where it is kept.
    ClientSecret,
    /// The security role.
    Role,
    /// The application user in the org.
    ApplicationUser,
    /// The role on the user.
    RoleAssignment,
    /// The authority found, and a token got there.
    SignIn,
    /// Who the org takes the application for.
    WhoAmI,
    /// The rows that it was made for.
    Query,
    /// The person in the directory.
    Person,
    /// The person's password, and where it is kept.
    Password,
    /// A licence that is borrowed.
    Licence,
    /// The person's user in the org.
    OrgUser,
    /// The business unit that it is in.
    BusinessUnit,
    /// Its access mode.
    AccessMode,
    /// Licences taken off the person again.
    LicenceReturn,
    /// That it stands as it was made.
    Confirmation,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Outcome {
    /// It was not there and is now.
    Created,
    /// It was there as wanted; nothing was changed.
    Found,
    /// It was there otherwise and is as wanted now.
    Changed,
    /// It was tried and works.
    Proved,
    /// It could not be done, and nothing that follows needs it.
    Skipped,
    /// It was there and is not any more.
    Removed,
    /// It was not there to be removed.
    Absent,
    /// It is there and stays, because it is not ours or others use it.
    Kept,
}

impl Outcome {
    /// Whether anything is different from before.
    #[must_use]
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Created | Self::Changed | Self::Removed)
    }
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Which.
    pub step: Step,
    /// What was done.
    pub outcome: Outcome,
    /// What it is about, for people: "app registration `orders-sync`".
    pub subject: String,
    /// What else there is to know, for people: one sentence each.
    pub notes: Vec<String>,
    /// Ids and other facts, for programs.
    pub facts: BTreeMap<&'static str, String>,
}

impl Event {
    pub(crate) fn new(step: Step, outcome: Outcome, subject: impl Into<String>) -> Self {
        Self { step, outcome, subject: subject.into(), notes: Vec::new(), facts: BTreeMap::new() }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    pub(crate) fn fact(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.facts.insert(name, value.to_string());
        self
    }
}

/// Hears of each step as it is done. Any `FnMut(&Event)` that may cross threads is one.
pub trait Reporter: Send + Sync {
    /// A step is done.
    fn done(&mut self, event: &Event);

    /// Something is waited for, `wait` from now.
    fn waiting(&mut self, _what: &str, _wait: Duration) {}
}

impl<F: FnMut(&Event) + Send + Sync> Reporter for F {
    fn done(&mut self, event: &Event) {
        self(event);
    }
}
