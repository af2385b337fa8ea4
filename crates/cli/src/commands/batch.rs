//! `keyholder batch`: the operations of a file, many in a request.

mod operations;
mod references;
mod told;

use keyholder_client::dataverse::{Batch, ChangeSet, MOST_REQUESTS};
use keyholder_client::{Dataverse, Error};
use serde_json::{Value, json};

use self::operations::{Mistake, Operation, Request};
use self::told::{Told, of_error, of_part};
use super::rows;
use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

/// Most lines that are named as wrong.
const MOST_MISTAKES: usize = 1_000;

pub(crate) async fn run(arguments: &args::Batch, printer: Printer) -> Result<(), Failure> {
    let text = rows::input(&arguments.file, &arguments.place).await?;
    let file = arguments.file.display();
    let all = operations::read(&text).map_err(|mistakes| wrong(&file.to_string(), &mistakes))?;
    if all.is_empty() {
        return Err(Failure::new(Exit::BadData, format!("`{file}` has no operation")));
    }
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let mut told = Told::new(printer);
    let failed = send(&asked.org, &all, arguments.continue_on_error, &mut told).await;
    asked.end().await;
    end(&mut told, failed, all.len(), printer)
}

fn wrong(file: &str, mistakes: &[Mistake]) -> Failure {
    let (named, more) = mistakes.split_at(mistakes.len().min(MOST_MISTAKES));
    let lines: Vec<String> =
        named.iter().map(|mistake| format!("\n  line {} {}", mistake.line, mistake.problem)).collect();
    let more = if more.is_empty() { String::new() } else { format!("\n  and {} more", more.len()) };
    Failure::new(Exit::BadData, format!("nothing was sent: `{file}` is wrong:{}{more}", lines.concat()))
        .hint("`keyholder batch --help` shows what a line is")
}

/// Sends all operations, batch by batch; gives the failure of a batch as a whole, which ends the run.
async fn send(org: &Dataverse, all: &[Operation], continue_on_error: bool, told: &mut Told) -> Option<Error> {
    let together = |one: &Operation, next: &Operation| one.changeset.is_some() && one.changeset == next.changeset;
    let mut parts = all.chunk_by(together).peekable();
    let mut is_over = false;
    while parts.peek().is_some() {
        let (mut length, mut sent) = (0, Vec::new());
        while let Some(part) = parts.next_if(|part| length + part.len() <= MOST_REQUESTS) {
            length += part.len();
            sent.push(part);
        }
        if is_over {
            not_run(&sent, told);
            continue;
        }
        match org.settle_batch(&batch(&sent, continue_on_error)).await {
            Ok(outcomes) => {
                is_over = !continue_on_error && outcomes.iter().any(|outcome| outcome.error().is_some());
                let parts = sent.iter().zip(&outcomes);
                told.tell(parts.flat_map(|(part, outcome)| part.iter().zip(of_part(outcome, part.len()))).collect());
            }
            Err(error) => {
                // A request that was refused as a whole has done nothing.
                let outcome = if error.fate_is_unknown() { of_error(&error) } else { json!({"outcome": "notRun"}) };
                told.tell(sent.iter().flat_map(|part| part.iter()).map(|one| (one, outcome.clone())).collect());
                parts.for_each(|part| not_run(&[part], told));
                return Some(error);
            }
        }
    }
    None
}

fn not_run(parts: &[&[Operation]], told: &mut Told) {
    let outcome = |one| (one, json!({"outcome": "notRun"}));
    told.tell(parts.iter().flat_map(|part| part.iter()).map(outcome).collect());
}

fn batch(parts: &[&[Operation]], continue_on_error: bool) -> Batch {
    let batch = Batch::new();
    let mut batch = if continue_on_error { batch.continue_on_error() } else { batch };
    for part in parts {
        let mut set = ChangeSet::new();
        for operation in *part {
            match &operation.request {
                Request::Read(query) => batch.read(query),
                Request::Change(change) if operation.changeset.is_none() => batch.change(change.clone()),
                Request::Change(change) => {
                    set.push(change.clone());
                }
            }
        }
        batch.change_set(set);
    }
    batch
}

/// Tells how it came out in all.
fn end(told: &mut Told, failed: Option<Error>, count: usize, printer: Printer) -> Result<(), Failure> {
    let counts = [(told.refused, "refused"), (told.unknown, "of unknown fate"), (told.not_run, "not run")];
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let summary = format!("{} of {count} operations done", told.done);
    let failure = match failed {
        Some(error) => {
            let failure = Failure::from(error);
            Some(failure.hint(format!("{summary}, {}", counts.join(", "))))
        }
        None if counts.is_empty() => None,
        None => Some(Failure::new(Exit::Failed, format!("{summary}, {}", counts.join(", ")))),
    };
    let failure = failure.map(|failure| match (told.unknown, told.not_run) {
        (1.., _) => {
            failure.hint("what is of unknown fate may have been done all the same: look before you run it again")
        }
        (_, 1..) => failure.hint("`--continue-on-error` tries all operations"),
        _ => failure,
    });
    if printer.is_jsonl() {
        return failure.map_or(Ok(()), Err);
    }
    let mut document: Value = told.document();
    let failure = failure.map(|failure| failure.within(&mut document));
    printer.json(&document);
    if failure.is_none() {
        printer.note(&summary);
    }
    failure.map_or(Ok(()), Err)
}
