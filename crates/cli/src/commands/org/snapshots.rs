//! `keyholder org snapshot`, `restore`, `snapshots` and `reset`.

use keyholder_org::Taken;
use keyholder_org::control::SnapshotRequest;
use serde_json::{Value, json};

use crate::args::{Reset, Snapshot, Snapshots};
use crate::commands::apply::confirm_untold;
use crate::failure::Failure;
use crate::local::{self, Holder, segment};
use crate::printer::Printer;

pub(super) async fn take(arguments: &Snapshot, printer: Printer) -> Result<(), Failure> {
    let taken = match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => control.post("snapshot", &request(&arguments.name)).await?,
        Holder::Opened(world) => world.snapshot(&arguments.name).await?.to_json(),
    };
    printer.line(&format!("kept as `{}`; go back with `keyholder org restore {0}`", arguments.name));
    printer.json(&taken);
    Ok(())
}

pub(super) async fn restore(arguments: &Snapshot, printer: Printer) -> Result<(), Failure> {
    match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => control.post("restore", &request(&arguments.name)).await.map(drop)?,
        Holder::Opened(world) => world.restore(&arguments.name).await?,
    }
    printer.line(&format!("the org is as it was at `{}`", arguments.name));
    printer.note(
        "the env files of personas made or renewed since are removed: `keyholder org persona WHO` writes one anew",
    );
    printer.json(&json!({"name": arguments.name}));
    Ok(())
}

pub(super) async fn reset(arguments: &Reset, printer: Printer) -> Result<(), Failure> {
    let data = &arguments.folder.data;
    let what = format!("all that was made in the org of `{}` since it was new would be deleted", data.display());
    confirm_untold(arguments.yes, &what, printer).await?;
    match local::holder(data).await? {
        Holder::Running(control) => control.post("reset", &Value::Null).await.map(drop)?,
        Holder::Opened(world) => world.reset().await?,
    }
    printer.line("the org is as it was when it was new");
    printer.json(&json!({"reset": true}));
    Ok(())
}

pub(super) async fn run(arguments: &Snapshots, printer: Printer) -> Result<(), Failure> {
    let holder = local::holder(&arguments.folder.data).await?;
    if let Some(name) = &arguments.remove {
        match holder {
            Holder::Running(control) => control.delete(&format!("snapshots/{}", segment(name))).await.map(drop)?,
            Holder::Opened(world) => world.forget_snapshot(name).await?,
        }
        printer.line(&format!("forgot `{name}`"));
        printer.json(&json!({"removed": name}));
        return Ok(());
    }
    let listed = match holder {
        Holder::Running(control) => control.get("snapshots").await?,
        Holder::Opened(world) => {
            json!({"snapshots": world.snapshots().await?.iter().map(Taken::to_json).collect::<Vec<_>>()})
        }
    };
    let rows = listed.get("snapshots").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        printer.line(&format!("{}  taken {}", text("name"), text("taken")));
    }
    if rows.is_empty() {
        printer.line("no snapshots yet: take one with `keyholder org snapshot NAME`");
    }
    printer.json(&listed);
    Ok(())
}

fn request(name: &str) -> Value {
    serde_json::to_value(SnapshotRequest { name: name.to_owned() }).unwrap_or_default()
}
