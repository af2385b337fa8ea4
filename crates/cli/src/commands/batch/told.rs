//! What became of each operation: a table for people, JSON for programs.

use keyholder_client::Error;
use keyholder_client::dataverse::{Done, Outcome, Row};
use serde_json::{Value, json};

use super::operations::Operation;
use crate::printer::Printer;
use crate::table;

/// Most refusals that are told whole beside the table.
const MOST_TOLD: usize = 20;

/// What has been told so far.
#[derive(Debug)]
pub(super) struct Told {
    printer: Printer,
    /// All of them, where one document is wanted.
    all: Vec<Value>,
    /// How many refusals were told.
    messages: usize,
    pub(super) done: usize,
    pub(super) refused: usize,
    pub(super) unknown: usize,
    pub(super) not_run: usize,
}

impl Told {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer, all: Vec::new(), messages: 0, done: 0, refused: 0, unknown: 0, not_run: 0 }
    }

    /// Tells what became of the operations of a batch: each with its outcome as JSON.
    pub(super) fn tell(&mut self, outcomes: Vec<(&Operation, Value)>) {
        let mut rows = Vec::new();
        let told: Vec<&Operation> = outcomes.iter().map(|(operation, _)| *operation).collect();
        for (at, (operation, outcome)) in outcomes.into_iter().enumerate() {
            let kind = outcome.get("outcome").and_then(Value::as_str).unwrap_or_default();
            match kind {
                "done" => self.done += 1,
                "refused" => self.refused += 1,
                "unknown" => self.unknown += 1,
                _ => self.not_run += 1,
            }
            let is_wrong = matches!(kind, "refused" | "unknown");
            let message = outcome.pointer("/error/message").and_then(Value::as_str);
            if !self.printer.is_json() {
                if let Some(message) = message.filter(|_| is_wrong)
                    && let Some(lines) = lines(&told, at)
                    && self.messages < MOST_TOLD
                {
                    self.messages += 1;
                    self.printer.ask(&format!("{lines}: {kind}: {message}"));
                }
                rows.push(row(operation, kind, &outcome));
                continue;
            }
            let mut told = head(operation);
            if let (Some(told), Value::Object(outcome)) = (told.as_object_mut(), outcome) {
                told.extend(outcome);
            }
            if self.printer.is_jsonl() {
                self.printer.progress(&told);
            } else {
                self.all.push(told);
            }
        }
        if !rows.is_empty() {
            self.printer.line(&table::of(&rows, true, table::width()).text);
        }
    }

    /// The document of all.
    pub(super) fn document(&mut self) -> Value {
        json!({
            "operations": std::mem::take(&mut self.all),
            "done": self.done,
            "refused": self.refused,
            "unknown": self.unknown,
            "notRun": self.not_run,
        })
    }
}

/// The lines of an operation, and of the change set that it begins; nothing within one, which has one outcome.
fn lines(all: &[&Operation], at: usize) -> Option<String> {
    let one = all.get(at)?;
    let is_of_set = |other: &&&Operation| one.changeset.is_some() && other.changeset == one.changeset;
    if at.checked_sub(1).and_then(|before| all.get(before)).filter(is_of_set).is_some() {
        return None;
    }
    let last = all.get(at..)?.iter().take_while(is_of_set).last();
    Some(match last.filter(|last| last.line > one.line) {
        Some(last) => format!("lines {}-{}, a change set", one.line, last.line),
        None => format!("line {}", one.line),
    })
}

fn head(operation: &Operation) -> Value {
    let mut told = json!({ "line": operation.line });
    if let Some(told) = told.as_object_mut() {
        told.extend(operation.id.as_ref().map(|id| ("id".to_owned(), json!(id))));
        told.extend(operation.changeset.as_ref().map(|set| ("changeset".to_owned(), json!(set))));
        told.insert("method".to_owned(), json!(operation.method.as_str()));
        told.insert("path".to_owned(), json!(operation.path));
    }
    told
}

fn row(operation: &Operation, kind: &str, outcome: &Value) -> Row {
    let rows = outcome.get("rows").and_then(Value::as_array).map(|rows| match rows.len() {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    });
    let id = outcome.get("rowId").and_then(Value::as_str).map(str::to_owned);
    let code = outcome.pointer("/error/code").and_then(Value::as_str).map(str::to_owned);
    let mut row = Row::new();
    row.insert("line".to_owned(), json!(operation.line));
    row.insert("id".to_owned(), json!(operation.id));
    row.insert("operation".to_owned(), json!(format!("{} {}", operation.method, operation.path)));
    row.insert("outcome".to_owned(), json!(kind));
    row.insert("result".to_owned(), json!(rows.or(id).or(code)));
    row
}

/// What became of one part, for each of its `count` operations.
pub(super) fn of_part(outcome: &Outcome, count: usize) -> Vec<Value> {
    match outcome {
        Outcome::Read(page) => {
            vec![json!({"outcome": "done", "rows": page.rows, "hasMore": !page.is_last()})]
        }
        Outcome::Changed(done) => vec![changed(done)],
        Outcome::ChangedTogether(all) => all.iter().map(changed).collect(),
        Outcome::Refused(error) => vec![of_error(error); count],
        _ => vec![json!({"outcome": "notRun"}); count],
    }
}

/// What a failure means for an operation that was to be sent, or was.
pub(super) fn of_error(error: &Error) -> Value {
    let kind = if error.fate_is_unknown() { "unknown" } else { "refused" };
    let mut told = json!({ "message": error.to_string() });
    if let (Some(told), Some(refusal)) = (told.as_object_mut(), error.dataverse()) {
        told.insert("code".to_owned(), json!(refusal.code));
        told.insert("status".to_owned(), json!(refusal.status));
    }
    json!({"outcome": kind, "error": told})
}

fn changed(done: &Done) -> Value {
    let mut told = json!({"outcome": "done", "status": done.status.as_u16()});
    if let Some(told) = told.as_object_mut() {
        told.extend(done.id.map(|id| ("rowId".to_owned(), json!(id))));
        told.extend(done.etag.as_ref().map(|etag| ("etag".to_owned(), json!(etag))));
        told.extend(done.row.as_ref().map(|row| ("value".to_owned(), json!(row))));
    }
    told
}
