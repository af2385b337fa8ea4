//! What the doctor found, for people.

use keyholder_client::OrgUrl;
use keyholder_service_users::doctor::{Check, Seen, State, Step, Trouble};

use crate::failure::{Failure, exit_of_kind};
use crate::printer::Printer;
use crate::table::width;
use crate::wrap::wrapped;

/// Where sentences begin: behind the mark and the step's name.
const INDENT: usize = 22;

/// Who is looked at, and where.
pub(super) fn headline(seen: &Seen, url: &OrgUrl, printer: Printer) {
    let what = seen.credential.as_ref().map_or("a credential", |credential| credential.what);
    let kind = if seen.is_person { "A person" } else { "The application" };
    let client = if seen.is_person { String::new() } else { format!(" {}", seen.client) };
    lines("", &format!("{kind}{client}, with {what}, at {url}"), printer);
    printer.line("");
}

pub(super) fn tell(step: &Step, printer: Printer) {
    let mark = match step.state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failed => "FAILED",
        _ => "-",
    };
    lines(&format!("{:<9}{:<13}", mark, step.check.title()), &step.told, printer);
    for sentence in &step.details {
        lines(&format!("{:INDENT$}  ", ""), sentence, printer);
    }
    if let Some(trouble) = &step.trouble {
        explain(trouble, printer);
    }
}

fn explain(trouble: &Trouble, printer: Printer) {
    let part = |name: &str, words: &str| lines(&format!("{:INDENT$}{name:<9}", ""), words, printer);
    if let Some(code) = &trouble.code {
        part("code", code);
    }
    if let Some(id) = &trouble.request_id {
        part("request", id);
    }
    if let Some(meaning) = &trouble.meaning {
        part("means", meaning);
    }
    for mend in &trouble.mends {
        part("mend", mend);
    }
    if let Some(command) = &trouble.command {
        part("such as", command);
    }
    part("who", &trouble.who);
}

fn lines(start: &str, words: &str, printer: Printer) {
    for line in wrapped(start, words, width().min(100)) {
        printer.line(&line);
    }
}

pub(super) fn has_failed(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.state == State::Failed)
}

fn names(steps: &[Step], state: State) -> Vec<&'static str> {
    let mut names: Vec<&str> = steps.iter().filter(|step| step.state == state).map(|step| step.check.title()).collect();
    names.dedup();
    names
}

/// What is in the way, and what was not looked at, by names alone.
pub(super) fn summary(steps: &[Step], printer: Printer) {
    let failed = names(steps, State::Failed);
    let warned = names(steps, State::Warning);
    let unchecked = names(steps, State::NotChecked);
    let first = match failed.as_slice() {
        [] => "Nothing is in the way.".to_owned(),
        failed => format!("In the way: {}.", failed.join(", ")),
    };
    printer.line("");
    lines("", &first, printer);
    for (what, names) in [("Worth a look", warned), ("Not checked", unchecked)] {
        if !names.is_empty() {
            lines("", &format!("{what}: {}.", names.join(", ")), printer);
        }
    }
}

/// The first step that failed, as why the command ends so.
pub(super) fn failure(steps: &[Step]) -> Option<Failure> {
    let step = steps.iter().find(|step| step.state == State::Failed)?;
    let trouble = step.trouble.as_ref()?;
    let title = match step.check {
        Check::Can => "what was asked".to_owned(),
        check => format!("`{}`", check.title()),
    };
    let mut failure = Failure::new(exit_of_kind(trouble.kind), format!("{title} is in the way: {}", step.told));
    if let Some(mend) = trouble.mends.first() {
        failure = failure.hint(mend.clone());
    }
    Some(failure)
}
