//! `keyholder org fault`: faults on order, in the running org.

use std::path::Path;

use keyholder_org::DataFolder;
use keyholder_org::faults::{FaultKind, FaultOrder};
use serde_json::{Value, json};

use crate::args::{self, Fault, FaultAdd};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, Control};
use crate::printer::Printer;

pub(super) async fn run(arguments: &Fault, printer: Printer) -> Result<(), Failure> {
    match arguments {
        Fault::Add(arguments) => {
            let order = order(arguments);
            order.check().map_err(|why| Failure::new(Exit::Usage, format!("that fault cannot be ordered: {why}")))?;
            let body = serde_json::to_value(&order).unwrap_or_default();
            let ordered = running(&arguments.folder.data)?.post("faults", &body).await?;
            printer.line(&in_words(&ordered));
            printer.json(&ordered);
        }
        Fault::List(folder) => {
            let listed = running(&folder.data)?.get("faults").await?;
            let faults = listed.get("faults").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if faults.is_empty() {
                printer.line("no faults are ordered");
            }
            for fault in faults {
                printer.line(&in_words(fault));
            }
            printer.json(&listed);
        }
        Fault::Clear(arguments) => {
            let command = arguments.id.map_or_else(|| "faults".to_owned(), |id| format!("faults/{id}"));
            let cleared = running(&arguments.folder.data)?.delete(&command).await?;
            let count = cleared.get("cleared").and_then(Value::as_u64).unwrap_or_default();
            printer.line(&format!("took back {count} {}", if count == 1 { "fault" } else { "faults" }));
            printer.json(&cleared);
        }
    }
    Ok(())
}

/// The org that runs on the folder: faults are the process's.
fn running(path: &Path) -> Result<Control, Failure> {
    if DataFolder::new(path)?.running()?.is_none() {
        let message = format!("no local org runs on `{}`, and faults last as long as one runs", path.display());
        return Err(Failure::new(Exit::Failed, message).hint("start it with `keyholder org start`"));
    }
    local::running(path)
}

fn order(arguments: &FaultAdd) -> FaultOrder {
    let fault = match arguments.kind {
        args::FaultKind::Latency => FaultKind::Latency,
        args::FaultKind::Throttle => FaultKind::Throttle,
        args::FaultKind::Unavailable => FaultKind::Unavailable,
        args::FaultKind::DropBefore => FaultKind::DropBefore,
        args::FaultKind::DropAfter => FaultKind::DropAfter,
        args::FaultKind::SlowBody => FaultKind::SlowBody,
        args::FaultKind::TruncatedBody => FaultKind::TruncatedBody,
        args::FaultKind::Html => FaultKind::Html,
        args::FaultKind::ExpiredToken => FaultKind::ExpiredToken,
    };
    FaultOrder {
        milliseconds: arguments.time.map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX)),
        retry_after: arguments.retry_after.or_else(|| (fault == FaultKind::Throttle).then_some(1)),
        method: arguments.method.clone(),
        path: arguments.path.clone(),
        user: arguments.user,
        requests: arguments.requests,
        seconds: arguments.seconds,
        probability: arguments.probability,
        seed: arguments.seed,
        ..FaultOrder::new(fault)
    }
}

/// One order as a line: `3  throttle  /api/data/*  POST  retryAfter 17  met by 2`.
fn in_words(fault: &Value) -> String {
    let text = |name: &str| match fault.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut words = vec![text("id"), text("fault"), text("path")];
    for name in ["method", "user", "milliseconds", "retryAfter", "requests", "seconds"] {
        if fault.get(name).is_some() {
            words.push(format!("{name} {}", text(name)));
        }
    }
    if fault.get("probability") != Some(&json!(1.0)) {
        words.push(format!("probability {} (seed {})", text("probability"), text("seed")));
    }
    words.push(format!("met by {}", text("struck")));
    if fault.get("isUsedUp") == Some(&Value::Bool(true)) {
        words.push("used up".to_owned());
    }
    words.join("  ")
}
