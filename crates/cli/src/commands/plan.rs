//! `keyholder plan`: what `apply` would do, and why.

use std::path::Path;

use keyholder_platform::write_private;
use keyholder_service_users::declaration::ONE_ORG;
use keyholder_service_users::plan::{Change, Finding, Leave, Mark, Place, Plan, Severity};
use serde_json::{Value, json};

use crate::args;
use crate::commands::declared::{Declared, stopped};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::{quoted, shown};

pub(crate) async fn run(arguments: &args::Plan, printer: Printer) -> Result<Exit, Failure> {
    let leave = arguments.leave.leave();
    let declared = Declared::read(&arguments.declared, Absent::Refuse, printer).await?;
    let save = arguments.out.as_deref().map(|path| (path, again(&arguments.declared)));
    let outcome = show(&declared, leave, save, printer).await;
    declared.end().await;
    outcome
}

/// Says what would be done, and saves it where that is wanted.
pub(crate) async fn show(
    declared: &Declared,
    leave: Leave,
    save: Option<(&Path, String)>,
    printer: Printer,
) -> Result<Exit, Failure> {
    let (_, plan) = declared.plan(leave).await?;
    print(&plan, declared, printer);
    if let Some((path, again)) = save {
        let text = serde_json::to_string_pretty(&plan).unwrap_or_default();
        write_private(path, format!("{text}\n").as_bytes())?;
        let path = quoted(&shown(path));
        printer.line(&format!("\nSaved. Carry it out with `keyholder apply --plan {path}{again}`."));
    }
    let mut document = to_json(&plan);
    let stop = stopped(&plan).err().map(|stop| stop.within(&mut document));
    printer.json(&document);
    if let Some(stop) = stop {
        return Err(stop);
    }
    Ok(if plan.has_changes() { Exit::Changes } else { Exit::Done })
}

/// The flags that name the same declaration and the same place again.
fn again(declared: &args::Declared) -> String {
    let mut again = String::new();
    if declared.file != Path::new("keyholder.toml") {
        again.push_str(&format!(" --file {}", quoted(&shown(&declared.file))));
    }
    match &declared.local {
        Some(folder) if folder == Path::new(args::DEFAULT_DATA) => again.push_str(" --local"),
        Some(folder) => again.push_str(&format!(" --local={}", quoted(&shown(folder)))),
        None => {}
    }
    let place = &declared.connection.place;
    for (flag, file) in [("env-file", &place.env_file), ("ca-file", &place.ca_file)] {
        if let Some(file) = file {
            again.push_str(&format!(" --{flag} {}", quoted(&shown(file))));
        }
    }
    again
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
    /// Privileges and roles that changes take away.
    taken: usize,
}

impl Summary {
    pub(crate) fn of(plan: &Plan) -> Self {
        let count = |mark: Mark| plan.changes.iter().filter(|change| change.mark == mark).count();
        Self {
            make: count(Mark::Make),
            change: count(Mark::Change),
            remove: count(Mark::Remove),
            keep: count(Mark::Keep),
            taken: plan.changes.iter().map(|change| change.takes.len()).sum(),
        }
    }

    fn to_json(&self) -> Value {
        json!({"make": self.make, "change": self.change, "remove": self.remove, "keep": self.keep, "takenAway": self.taken})
    }

    pub(crate) fn in_words(&self) -> String {
        let Self { make, change, remove, keep, taken } = self;
        let taken = match taken {
            0 => String::new(),
            1 => ", which takes 1 privilege or role away".to_owned(),
            some => format!(", which takes {some} privileges or roles away"),
        };
        format!("{make} to make, {change} to change{taken}, {remove} to remove; {keep} in place")
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
            Place::Org(name) => printer.line(&format!("In the org {}:", declared.org_in_words(name))),
        }
        for change in plan.changes.iter().filter(|change| change.place == *place) {
            print_change(change, printer);
        }
        printer.line("");
    }
    for finding in &plan.findings {
        print_finding(finding, printer);
    }
    let stopped = stopped_items(plan);
    let summary = match (plan.has_changes(), stopped.is_empty()) {
        (true, true) => format!("{}.", Summary::of(plan).in_words()),
        (true, false) => format!("{}; stopped: {stopped}.", Summary::of(plan).in_words()),
        (false, true) => "Nothing to do: everything that is declared is in place.".to_owned(),
        (false, false) => format!("Nothing can be done now; stopped: {stopped}."),
    };
    printer.sentence("", &summary);
}

/// What is stopped, each once.
fn stopped_items(plan: &Plan) -> String {
    let mut items: Vec<String> = Vec::new();
    for finding in plan.stops() {
        let item = match &finding.org {
            Some(org) if *org != finding.item && org != ONE_ORG => format!("`{}` in {org}", finding.item),
            _ if finding.item.is_empty() => continue,
            _ => format!("`{}`", finding.item),
        };
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.is_empty() && plan.stops().next().is_some() { "what is told below".to_owned() } else { items.join(", ") }
}

fn print_change(change: &Change, printer: Printer) {
    printer.sentence(&format!("  {} ", change.mark.sign()), &change.subject);
    if change.is_change() {
        for grant in &change.grants {
            printer.sentence("      ", grant);
        }
    }
    for reason in &change.reasons {
        printer.sentence("      ", reason);
    }
}

fn print_finding(finding: &Finding, printer: Printer) {
    let word = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        // It is told as the failure that it is.
        Severity::Stop => return,
    };
    printer.sentence(&format!("{word}: "), &finding.message);
    for hint in &finding.hints {
        printer.sentence("  ", hint);
    }
}

impl args::LeaveFlags {
    pub(crate) fn leave(&self) -> Leave {
        Leave { prune: self.prune, system_administrator: self.i_know, adds: false }
    }
}
