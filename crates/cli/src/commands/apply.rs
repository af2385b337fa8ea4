//! `keyholder apply`: does what `plan` says, and proves it.

use std::io::{IsTerminal, Write};

use keyholder_platform::read_bounded;
use keyholder_service_users::apply::{Applied, Proving};
use keyholder_service_users::plan::{Finding, Plan};
use serde_json::{Value, json};

use crate::args;
use crate::commands::declared::{Declared, stopped};
use crate::commands::plan;
use crate::exit::Exit;
use crate::failure::Failure;
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
    let declared = Declared::read(&arguments.declared, printer).await?;
    let outcome = carry_out(arguments, saved, &declared, printer).await;
    declared.end().await;
    outcome
}

async fn carry_out(
    arguments: &args::Apply,
    saved: Option<Plan>,
    declared: &Declared,
    printer: Printer,
) -> Result<Exit, Failure> {
    let leave = saved.as_ref().map_or_else(|| arguments.leave.leave(), |saved| saved.leave);
    let (seen, plan) = declared.plan(leave).await?;
    if let Some(moved) = saved.and_then(|saved| saved.difference(&plan)) {
        return Err(Failure::new(
            Exit::BadData,
            format!("the saved plan is not what has to be done any more: {moved}"),
        )
        .hint("nothing was changed: plan again, and look at it"));
    }
    plan::print(&plan, declared, printer);
    if plan.has_changes() {
        if let Some(missing) = declared.missing_rights(&seen, &plan).await {
            return Err(missing);
        }
        confirm(arguments, &plan, printer)?;
        printer.line("");
    }
    let lines = Lines::of_changes(printer);
    let applied = declared.apply(&seen, &plan, Proving::default(), &lines).await;
    conclude(&plan, &applied, &lines, printer)
}

/// Asks a person; a program has to say so beforehand.
fn confirm(arguments: &args::Apply, plan: &Plan, printer: Printer) -> Result<(), Failure> {
    if arguments.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || printer.is_json() {
        let message = format!("nothing was done: {}, and nobody can be asked here", plan::Summary::of(plan).in_words());
        return Err(Failure::new(Exit::Usage, message).hint("say `--yes` to do it without being asked"));
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "Do this? [y/N] ").and_then(|()| err.flush());
    let mut answer = String::new();
    let _ = std::io::stdin().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was done: it was not agreed to")),
    }
}

fn conclude(plan: &Plan, applied: &Applied, lines: &Lines, printer: Printer) -> Result<Exit, Failure> {
    for proved in &applied.proved {
        for beyond in &proved.beyond {
            printer.line(&format!("BUT `{}` may do more in {} than is declared: {beyond}", proved.name, proved.org));
        }
    }
    for failure in &applied.failures {
        let failed = Failure::from(&failure.error);
        let place = failure.org.as_ref().map(|org| format!(" in {org}")).unwrap_or_default();
        printer.line(&format!("  FAILED   {}{place}", failure.subject));
        printer.line(&format!("           {}", failed.message().replace('\n', "\n           ")));
        for left in &failure.left {
            printer.line(&format!("           therefore left: {left}"));
        }
    }
    let stops: Vec<&Finding> = plan.stops().collect();
    printer.json(&json!({
        "changed": applied.changed,
        "steps": lines.events(),
        "proved": applied.proved,
        "failures": applied.failures.iter().map(failure_json).collect::<Vec<_>>(),
        "findings": plan.findings,
    }));
    if let Some(first) = applied.failures.first() {
        let failed = Failure::from(&first.error);
        let message = match applied.failures.len() {
            1 => format!("the {} could not be done", first.subject),
            many => format!("{many} things could not be done, the {} first", first.subject),
        };
        let failure = Failure::new(failed.exit(), format!("{message}; everything else was: {}", failed.message()));
        return Err(failed.hints().iter().fold(failure, |failure, hint| failure.hint(hint.clone())));
    }
    if !stops.is_empty() {
        stopped(plan)?;
    }
    match (plan.has_changes(), applied.proved.len()) {
        (false, _) => {}
        (true, 0) => printer.line("\nDone."),
        (true, 1) => printer.line("\nDone; one way in was proved with its own credential."),
        (true, many) => printer.line(&format!("\nDone; {many} ways in were proved with their own credentials.")),
    }
    Ok(Exit::Done)
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
