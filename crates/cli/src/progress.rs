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
    events: Mutex<Vec<Value>>,
}

impl Lines {
    /// Every step, with paths below `folder` as they are seen from here.
    pub(crate) fn of_all(printer: Printer, folder: &Path) -> Self {
        Self { printer, folder: Some(folder.to_path_buf()), everything: true, events: Mutex::default() }
    }

    /// The steps that change or prove something.
    pub(crate) fn of_changes(printer: Printer) -> Self {
        Self { printer, folder: None, everything: false, events: Mutex::default() }
    }

    /// All steps so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
            // With one org alone there is nothing to tell apart.
            let org = event.org.as_ref().filter(|_| !self.everything);
            let org = org.map(|org| format!(" in {org}")).unwrap_or_default();
            self.printer.line(&format!("  {word:<8} {subject}{id}{org}"));
            for note in &event.notes {
                self.printer.line(&format!("           {note}"));
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
