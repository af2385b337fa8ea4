//! `keyholder apply`: does what `plan` says, and proves it.

use std::io::{IsTerminal, Write};

use keyholder_platform::read_bounded;
use keyholder_service_users::apply::{Applied, Proving};
use keyholder_service_users::plan::{Leave, Plan};
use serde_json::{Value, json};

use crate::args;
use crate::commands::declared::{Declared, stopped};
use crate::commands::plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interruption::Undone;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::Lines;

/// No saved plan is larger, in bytes.
const LARGEST_PLAN: u64 = 64 * 1024 * 1024;

pub(crate) async fn run(arguments: &args::Apply, printer: Printer) -> Result<Exit, Failure> {
    let saved = match &arguments.plan {
        None => None,
        Some(path) => {
            let text = read_bounded(path, LARGEST_PLAN)?;
            let read = Plan::parse(&text);
            let failed = |what| Failure::new(Exit::BadData, format!("`{}` is no saved plan: {what}", path.display()));
            Some(read.map_err(failed)?)
        }
    };
    let declared = Declared::read(&arguments.declared, Absent::Make, printer).await?;
    declared.take_off_elevations(printer).await;
    let declared = declared.with_outside(arguments.issuer_token_file.as_deref(), printer).await?;
    let leave = saved.as_ref().map_or_else(|| arguments.leave.leave(), |saved| saved.leave);
    let manner = Manner { leave, yes: arguments.yes, proving: Proving::default(), whole: false };
    let outcome = carry_out(&declared, manner, saved, printer).await;
    declared.end().await;
    outcome
}

/// How a plan is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// What it is allowed.
    pub(crate) leave: Leave,
    /// Without asking.
    pub(crate) yes: bool,
    /// Which ways in are proved.
    pub(crate) proving: Proving,
    /// Whatever stops a part stops all of it.
    pub(crate) whole: bool,
}

/// Plans, asks, does it and tells how it went. With a plan that was saved, it does that one or nothing.
pub(crate) async fn carry_out(
    declared: &Declared,
    manner: Manner,
    saved: Option<Plan>,
    printer: Printer,
) -> Result<Exit, Failure> {
    let (seen, plan) = declared.plan(manner.leave).await?;
    if let Some(moved) = saved.and_then(|saved| saved.difference(&plan)) {
        return Err(Failure::new(
            Exit::BadData,
            format!("the saved plan is not what has to be done any more: {moved}"),
        )
        .hint("nothing was changed: plan again, and look at it"));
    }
    plan::print(&plan, declared, printer);
    if manner.whole {
        stopped(&plan)?;
    }
    if plan.has_changes() {
        if let Some(missing) = declared.missing_rights(&seen, &plan).await {
            return Err(missing);
        }
        confirm(manner.yes, &plan::Summary::of(&plan).in_words(), printer).await?;
        printer.line("");
    }
    let lines = Lines::of_changes(printer, declared.names_orgs());
    let undone = Undone::of(&plan, &lines, printer);
    let applied = declared.apply(&seen, &plan, manner.proving, &lines).await;
    undone.end();
    conclude(&plan, &applied, &lines, printer)
}

/// As [`confirm`], where the person has not been told yet what would be done: `what`.
pub(crate) async fn confirm_untold(yes: bool, what: &str, printer: Printer) -> Result<(), Failure> {
    if !yes && can_ask(printer) {
        printer.ask(what);
    }
    confirm(yes, what, printer).await
}

/// Whether a person is there to be asked.
fn can_ask(printer: Printer) -> bool {
    std::io::stdin().is_terminal() && !printer.is_json()
}

/// Asks a person, who has been told what would be done; a program has to agree beforehand.
pub(crate) async fn confirm(yes: bool, what: &str, printer: Printer) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !can_ask(printer) {
        let message = format!("nothing was done: {what}, and nobody can be asked here");
        return Err(Failure::new(Exit::Usage, message).hint("say `--yes` to do it without being asked"));
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "Do this? [y/N] ").and_then(|()| err.flush());
    // Aside, so that Ctrl-C is heard meanwhile.
    let answered = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        let _ = std::io::stdin().read_line(&mut answer);
        answer
    });
    match answered.await.unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was done: it was not agreed to")),
    }
}

/// Tells how it went.
pub(crate) fn conclude(plan: &Plan, applied: &Applied, lines: &Lines, printer: Printer) -> Result<Exit, Failure> {
    for proved in &applied.proved {
        for beyond in &proved.beyond {
            printer.line(&format!("BUT `{}` may do more in {} than is declared: {beyond}", proved.name, proved.org));
        }
    }
    for unproved in &applied.unproved {
        printer.line(&format!("The way in of `{}` cannot be proved from here: {}.", unproved.item, unproved.reason));
        printer.line(&format!("  Prove it {}.", unproved.how));
    }
    for failure in &applied.failures {
        let failed = Failure::from(&failure.error);
        let place = failure.org.as_ref().map(|org| format!(" in {org}")).unwrap_or_default();
        printer.sentence("  FAILED   ", &format!("{}{place}", failure.subject));
        printer.line(&format!("           {}", failed.message().replace('\n', "\n           ")));
        for left in &failure.left {
            printer.sentence("           therefore left: ", left);
        }
    }
    let mut document = json!({
        "changed": applied.changed,
        "steps": lines.events(),
        "proved": applied.proved,
        "unproved": applied.unproved,
        "failures": applied.failures.iter().map(failure_json).collect::<Vec<_>>(),
        "findings": plan.findings,
    });
    let failed = failed(applied).or_else(|| stopped(plan).err()).map(|failed| failed.within(&mut document));
    printer.json(&document);
    if let Some(failed) = failed {
        return Err(failed);
    }
    match (plan.has_changes(), applied.proved.len()) {
        (false, 0) => {}
        (false, _) => printer.line("\nThe way in was proved again."),
        (true, 0) => printer.line("\nDone."),
        (true, 1) => printer.line("\nDone; one way in was proved with its own credential."),
        (true, many) => printer.line(&format!("\nDone; {many} ways in were proved with their own credentials.")),
    }
    Ok(Exit::Done)
}

/// The failure that those of single changes amount to.
fn failed(applied: &Applied) -> Option<Failure> {
    let first = applied.failures.first()?;
    let failed = Failure::from(&first.error);
    let message = match applied.failures.len() {
        1 => format!("the {} could not be done", first.subject),
        many => format!("{many} things could not be done, the {} first", first.subject),
    };
    let left: usize = applied.failures.iter().map(|failure| failure.left.len()).sum();
    let rest = match left {
        0 => "everything else was done".to_owned(),
        1 => "what needs it was left, the rest was done".to_owned(),
        many => format!("{many} others that need that were left, the rest was done"),
    };
    let failure = Failure::new(failed.exit(), format!("{message}; {rest}: {}", failed.message()));
    Some(failed.hints().iter().fold(failure, |failure, hint| failure.hint(hint.clone())))
}

fn failure_json(failure: &keyholder_service_users::apply::Failure) -> Value {
    let failed = Failure::from(&failure.error);
    json!({
        "item": failure.item,
        "org": failure.org,
        "subject": failure.subject,
        "message": failed.message(),
        "hints": failed.hints(),
        "left": failure.left,
    })
}
