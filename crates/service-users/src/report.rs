//! What happened, step by step, as data.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyholder_foundation::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that provisioning looks after, in the order of doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// The certificate, and where its key is kept.
    Certificate,
    /// The tokens of another issuer that are accepted instead of a secret.
    Federation,
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
    /// A team that it is a member of.
    Team,
    /// The declared rights that cannot be tried without changing data.
    Rights,
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

/// A point in time as programs read it; null for none.
pub(crate) fn moment<S: serde::Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}

/// A step that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The place of what it is about in the order of doing; what is done side by side is told of as it
    /// happens.
    #[serde(skip)]
    pub index: usize,
    /// Whether there is more to come about the same.
    #[serde(skip)]
    pub is_last: bool,
    /// Which.
    pub step: Step,
    /// What was done.
    pub outcome: Outcome,
    /// What it is about, for people: "app registration `orders-sync`".
    pub subject: String,
    /// The declared service user or role.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// The org by its name in the declaration, for what happens in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// What else there is to know, for people: one sentence each.
    pub notes: Vec<String>,
    /// Ids and other facts, for programs.
    pub facts: BTreeMap<String, String>,
}

impl Event {
    pub(crate) fn new(step: Step, outcome: Outcome, subject: impl Into<String>) -> Self {
        Self {
            index: 0,
            is_last: true,
            step,
            outcome,
            subject: subject.into(),
            item: String::new(),
            org: None,
            notes: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn fact(mut self, name: &str, value: &impl ToString) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }
}

/// Hears of each step as it is done, from several threads at once. Any `Fn(&Event)` that may cross
/// threads is one.
pub trait Reporter: Send + Sync {
    /// A step is done.
    fn done(&self, event: &Event);

    /// Something is waited for, `wait` from now.
    fn waiting(&self, _what: &str, _wait: Duration) {}
}

impl<F: Fn(&Event) + Send + Sync> Reporter for F {
    fn done(&self, event: &Event) {
        self(event);
    }
}

/// Passes events on in the order of doing, whatever order they come in: what is ahead is held back
/// until all before it has come.
pub struct InOrder<'a> {
    to: &'a dyn Reporter,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: usize,
    events: BTreeMap<usize, Vec<Event>>,
}

impl<'a> InOrder<'a> {
    /// Passes on to `to`.
    pub fn new(to: &'a dyn Reporter) -> Self {
        Self { to, held: Mutex::default() }
    }

    /// Passes on what is still held back: what should have come before never will.
    pub fn flush(&self) {
        let held = std::mem::take(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner).events);
        held.values().flatten().for_each(|event| self.to.done(event));
    }
}

impl Reporter for InOrder<'_> {
    fn done(&self, event: &Event) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.events.entry(event.index).or_default().push(event.clone());
        loop {
            let next = held.next;
            let events = held.events.remove(&next).unwrap_or_default();
            events.iter().for_each(|event| self.to.done(event));
            if !events.last().is_some_and(|event| event.is_last) {
                return;
            }
            held.next += 1;
        }
    }

    fn waiting(&self, what: &str, wait: Duration) {
        self.to.waiting(what, wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_passed_on_in_the_order_of_doing() {
        let heard = Mutex::new(Vec::new());
        let listen = |event: &Event| heard.lock().unwrap().push((event.index, event.is_last));
        let in_order = InOrder::new(&listen);
        let event = |index, is_last| Event { index, is_last, ..Event::new(Step::Role, Outcome::Created, "role") };
        for (index, is_last) in [(2, false), (0, true), (4, true), (1, true), (2, true)] {
            in_order.done(&event(index, is_last));
        }
        assert_eq!(*heard.lock().unwrap(), [(0, true), (1, true), (2, false), (2, true)]);
        in_order.flush();
        assert_eq!(heard.lock().unwrap().last(), Some(&(4, true)));
    }
}
