//! `keyholder org clock`.

use keyholder_org::{ClockChange, ClockReading};
use serde_json::Value;

use crate::args::Clock;
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;

pub(super) async fn run(arguments: &Clock, printer: Printer) -> Result<(), Failure> {
    let change = match (arguments.shift, arguments.set, arguments.reset) {
        (Some(shift), _, _) => Some(ClockChange::Move(shift)),
        (_, Some(moment), _) => Some(ClockChange::Set(moment)),
        (_, _, true) => Some(ClockChange::Reset),
        _ => None,
    };
    let shown = match (local::holder(&arguments.folder.data).await?, change) {
        (Holder::Running(control), None) => control.get("clock").await?,
        (Holder::Running(control), Some(change)) => control.post("clock", &change.to_json()).await?,
        (Holder::Opened(world), None) => world.clock().to_json(),
        (Holder::Opened(world), Some(change)) => world.change_clock(change).await.map(ClockReading::to_json)?,
    };
    let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
    let offset = match text("offset") {
        "+0s" => "the machine's time".to_owned(),
        offset => format!("{offset} from the machine's time"),
    };
    printer.line(&format!("{}  ({offset})", text("now")));
    printer.json(&shown);
    Ok(())
}
