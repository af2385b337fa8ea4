//! Taking a large schema into an org: how long it takes and what memory.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use keyholder_foundation::{MonotonicClock, SystemClock};
use tokio::process::Command;

use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::Report;
use crate::{Failure, data, process};

/// How often the memory of a process that will end is looked at.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let generated = folder.path().join("generated.xml");
    std::fs::write(&generated, data::wide_document())?;
    let mut documents = vec![("700 generated tables".to_owned(), generated)];
    for path in &arguments.metadata {
        documents.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path.clone()));
    }
    for (name, document) in &documents {
        let (mut wall, mut peak) = (Vec::new(), Vec::new());
        let before = process::children_cpu_millis()?;
        for _ in 0..arguments.rounds() {
            let folder = tempfile::tempdir()?;
            // A folder that has an org, which does not run.
            Org::start(keyholder, folder.path()).await?.stop().await?;
            let imported = import(keyholder, folder.path(), document).await?;
            wall.push(imported.0);
            peak.push(imported.1);
        }
        let cpu = (process::children_cpu_millis()? - before) / arguments.rounds() as f64;
        let megabytes = std::fs::metadata(document)?.len() as f64 / 1e6;
        let name = format!("org import-schema of {name} ({megabytes:.1} MB)");
        report.figure(&format!("{name}, wall"), &wall, "ms", "a few seconds");
        report.figure(&format!("{name}, CPU with starting the org, mean"), &[cpu], "ms", "");
        report.figure(&format!("{name}, memory at the most"), &peak, "MB", "bounded");
    }
    Ok(())
}

/// Wall time in milliseconds and the most memory in megabytes.
async fn import(keyholder: &Path, folder: &Path, document: &PathBuf) -> Result<(f64, f64), Failure> {
    let clock = SystemClock::new();
    let mut child = Command::new(keyholder)
        .args(["org", "import-schema"])
        .arg(document)
        .arg("--data")
        .arg(folder.join("data"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let pid = child.id().ok_or("it has ended")?;
    let mut peak = 0.0_f64;
    loop {
        // One that has ended has no memory.
        peak = peak.max(process::peak_megabytes(pid).unwrap_or_default());
        if let Some(status) = child.try_wait()? {
            let wall = clock.elapsed().as_secs_f64() * 1e3;
            return if status.success() {
                Ok((wall, peak))
            } else {
                Err(format!("the import failed: {status}").into())
            };
        }
        tokio::time::sleep(LOOK).await;
    }
}
