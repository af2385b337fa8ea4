//! `keyholder plan`: what `apply` would do, and why.

use keyholder_platform::write_private;
use keyholder_service_users::plan::{Change, Finding, Leave, Mark, Place, Plan, Severity};
use serde_json::{Value, json};

use crate::args;
use crate::commands::declared::{Declared, stopped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::shown;

pub(crate) async fn run(arguments: &args::Plan, printer: Printer) -> Result<Exit, Failure> {
    let leave = arguments.leave.leave();
    let declared = Declared::read(&arguments.declared, printer).await?;
    let outcome = async {
        let (_, plan) = declared.plan(leave).await?;
        print(&plan, &declared, printer);
        printer.json(&to_json(&plan));
        if let Some(path) = &arguments.out {
            let text = serde_json::to_string_pretty(&plan).unwrap_or_default();
            write_private(path, format!("{text}\n").as_bytes())?;
            let path = shown(path);
            printer.line(&format!("\nSaved. Carry it out with `keyholder apply --plan {path}`."));
        }
        stopped(&plan)?;
        Ok(if plan.has_changes() { Exit::Changes } else { Exit::Done })
    };
    let outcome = outcome.await;
    declared.end().await;
    outcome
}

/// The plan with what a program would otherwise have to count.
pub(crate) fn to_json(plan: &Plan) -> Value {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.insert("summary".to_owned(), Summary::of(plan).to_json());
    }
    value
}

/// How much there is to do.
pub(crate) struct Summary {
    make: usize,
    change: usize,
    remove: usize,
    keep: usize,
}

impl Summary {
    pub(crate) fn of(plan: &Plan) -> Self {
        let count = |mark: Mark| plan.changes.iter().filter(|change| change.mark == mark).count();
        Self {
            make: count(Mark::Make),
            change: count(Mark::Change),
            remove: count(Mark::Remove),
            keep: count(Mark::Keep),
        }
    }

    fn to_json(&self) -> Value {
        json!({"make": self.make, "change": self.change, "remove": self.remove, "keep": self.keep})
    }

    pub(crate) fn in_words(&self) -> String {
        format!("{} to make, {} to change, {} to remove; {} in place", self.make, self.change, self.remove, self.keep)
    }
}

/// Prints the plan for people: where, what, why, and what it grants.
pub(crate) fn print(plan: &Plan, declared: &Declared, printer: Printer) {
    let mut places: Vec<&Place> = Vec::new();
    for change in &plan.changes {
        if !places.contains(&&change.place) {
            places.push(&change.place);
        }
    }
    for place in places {
        match place {
            Place::Tenant(authority) => printer.line(&format!("In the directory of {authority}:")),
            Place::Org(name) => printer.line(&format!("In the org {name} ({}):", declared.url(name))),
        }
        for change in plan.changes.iter().filter(|change| change.place == *place) {
            print_change(change, printer);
        }
        printer.line("");
    }
    for finding in &plan.findings {
        print_finding(finding, printer);
    }
    if plan.has_changes() {
        printer.line(&format!("{}.", Summary::of(plan).in_words()));
    } else {
        printer.line("Nothing to do: everything that is declared is in place.");
    }
}

fn print_change(change: &Change, printer: Printer) {
    printer.line(&format!("  {} {}", change.mark.sign(), change.subject));
    if change.is_change() {
        for grant in &change.grants {
            printer.line(&format!("      {grant}"));
        }
    }
    for reason in &change.reasons {
        printer.line(&format!("      {reason}"));
    }
}

fn print_finding(finding: &Finding, printer: Printer) {
    let word = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        // It is told as the failure that it is.
        Severity::Stop => return,
    };
    printer.line(&format!("{word}: {}", finding.message));
    for hint in &finding.hints {
        printer.line(&format!("  {hint}"));
    }
}

impl args::LeaveFlags {
    pub(crate) fn leave(&self) -> Leave {
        Leave { prune: self.prune, system_administrator: self.i_know }
    }
}
