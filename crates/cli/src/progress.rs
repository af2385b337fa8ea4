//! What is done, as it is done: lines for people, events for programs.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyholder_service_users::{Event, Outcome, Reporter};
use serde_json::Value;

use crate::printer::Printer;

/// Prints each step as it happens, and remembers it for the JSON at the end.
pub(crate) struct Lines {
    printer: Printer,
    /// A folder whose path is shown as it is seen from here.
    folder: Option<PathBuf>,
    /// Whether what was found in place is shown too.
    everything: bool,
    /// Whether the org is named with each step: with one alone there is nothing to tell apart.
    names_orgs: bool,
    events: Mutex<Vec<Value>>,
}

impl Lines {
    /// Every step, with paths below `folder` as they are seen from here.
    pub(crate) fn of_all(printer: Printer, folder: &Path) -> Self {
        Self {
            printer,
            folder: Some(folder.to_path_buf()),
            everything: true,
            names_orgs: false,
            events: Mutex::default(),
        }
    }

    /// The steps that change or prove something, each with its org where `names_orgs`.
    pub(crate) fn of_changes(printer: Printer, names_orgs: bool) -> Self {
        Self { printer, folder: None, everything: false, names_orgs, events: Mutex::default() }
    }

    /// All steps so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a step so far is about that, in that org.
    pub(crate) fn tells_of(&self, subject: &str, org: Option<&str>) -> bool {
        let text = |event: &Value, name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        self.events()
            .iter()
            .any(|event| text(event, "subject").as_deref() == Some(subject) && text(event, "org").as_deref() == org)
    }

    /// Whether a step so far came to that.
    pub(crate) fn any(&self, outcome: &str) -> bool {
        self.events().iter().any(|event| event.get("outcome").and_then(Value::as_str) == Some(outcome))
    }
}

impl Reporter for Lines {
    fn done(&self, event: &Event) {
        let word = match event.outcome {
            Outcome::Created => "created",
            Outcome::Found => "found",
            Outcome::Changed => "changed",
            Outcome::Proved => "proved",
            Outcome::Skipped => "skipped",
            Outcome::Removed => "removed",
            Outcome::Absent => "absent",
            Outcome::Kept => "kept",
            _ => "done",
        };
        let value = serde_json::to_value(event).unwrap_or_default();
        if self.everything || event.outcome != Outcome::Found {
            // The library names a place by its whole path; a person stands beside it.
            let subject = match &self.folder {
                Some(folder) => event.subject.replace(&folder.display().to_string(), &shown(folder)),
                None => event.subject.clone(),
            };
            let id = event.facts.get("clientId").map(|id| format!(" (client id {id})")).unwrap_or_default();
            let org = event.org.as_ref().filter(|_| self.names_orgs);
            let org = org.map(|org| format!(" in {org}")).unwrap_or_default();
            self.printer.sentence(&format!("  {word:<8} "), &format!("{subject}{id}{org}"));
            for note in &event.notes {
                self.printer.sentence("           ", note);
            }
            self.printer.progress(&value);
        }
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(value);
    }

    fn waiting(&self, what: &str, wait: Duration) {
        self.printer.note(&format!("waiting for {what}, asking again in {:.1} s", wait.as_secs_f64()));
    }
}

/// A path as a person would type it here.
pub(crate) fn shown(path: &Path) -> String {
    let relative = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| path.to_path_buf()).display().to_string()
}

/// A word as a POSIX shell reads it back.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("./target/release/keyholder"), "./target/release/keyholder");
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
