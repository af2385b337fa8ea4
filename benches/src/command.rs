//! The commands `load` and `query` as clients that are measured: whole processes, less what they take for one row.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::clients::Cost;
use crate::own_client::SHOWN;
use crate::task::{Done, Mode, Operation, Task};
use crate::{Failure, process, rows};

/// Does the task by command. What is read and written stands in files in `folder`.
pub(crate) async fn run(
    keyholder: &Path,
    environment: &[(String, String)],
    folder: &Path,
    task: &Task,
) -> Result<Cost, Failure> {
    // A load that finds its journal goes on with it.
    let folder = tempfile::tempdir_in(folder)?;
    let folder = folder.path();
    let mut ran = Vec::new();
    // The one row has a number behind all others.
    for (name, numbers) in [("one", task.rows..task.rows + 1), ("all", 0..task.rows)] {
        let (mut command, written) = if task.operation == Operation::Read {
            query(keyholder, folder, name, if name == "one" { "&$top=1" } else { "" })?
        } else {
            (load(keyholder, folder, name, numbers, task)?, None)
        };
        command.envs(environment.iter().cloned()).env("HOME", folder).stdin(Stdio::null());
        ran.push((process::run(&mut command).await?, written));
    }
    let [(one, _), (all, written)] = ran.as_slice() else { return Err("nothing was run".into()) };
    let rows = match written {
        Some(file) => u32::try_from(std::fs::read_to_string(file)?.lines().count())?,
        // It has ended well, so all were loaded.
        None => task.rows,
    };
    let seconds = (all.wall_millis - one.wall_millis) / 1e3;
    let cpu_millis = (all.cpu_micros - one.cpu_micros) / 1e3 / (f64::from(rows) / 1e3);
    let done = Done { seconds, rows, ..Done::default() };
    Ok(Cost { done, cpu_millis, peak: all.peak_megabytes, lost: 0, doubled: 0 })
}

fn load(
    keyholder: &Path,
    folder: &Path,
    name: &str,
    numbers: std::ops::Range<u32>,
    task: &Task,
) -> Result<Command, Failure> {
    let file = folder.join(format!("{name}.csv"));
    let columns = ["firstname", "lastname", "emailaddress1", "telephone1"];
    let mut text = format!("{}\n", columns.join(","));
    for number in numbers {
        let row = rows::contact(number);
        let cells = columns.map(|column| row.get(column).and_then(|value| value.as_str()).unwrap_or_default());
        text.push_str(&format!("{}\n", cells.join(",")));
    }
    std::fs::write(&file, text)?;
    let mut command = Command::new(keyholder);
    let mode = match task.mode {
        Mode::Multiple => "multiple",
        Mode::Batch => "batch",
        Mode::Single => "single",
    };
    let (chunk, at_once) = (task.size.to_string(), task.concurrency.to_string());
    command.arg("load").arg(file).args(["--table", "contacts", "--mode", mode, "--chunk", &chunk]);
    command.args(["--at-once", &at_once]).stdout(Stdio::null());
    if task.operation == Operation::Upsert {
        command.args(["--key", "emailaddress1"]);
    }
    Ok(command)
}

/// The command, and the file that it prints into.
fn query(keyholder: &Path, folder: &Path, name: &str, more: &str) -> Result<(Command, Option<PathBuf>), Failure> {
    let file = folder.join(format!("{name}.jsonl"));
    let mut command = Command::new(keyholder);
    command.arg("query").arg(format!("contacts?$select={}{more}", SHOWN.join(","))).args(["--output", "jsonl"]);
    command.stdout(std::fs::File::create(&file)?);
    Ok((command, Some(file)))
}
