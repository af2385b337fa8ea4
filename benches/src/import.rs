//! Taking a large schema into an org: how long it takes and what memory.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::Report;
use crate::{Failure, data, process};

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let generated = folder.path().join("generated.xml");
    std::fs::write(&generated, data::wide_document())?;
    let mut documents = vec![("700 generated tables".to_owned(), generated)];
    for path in &arguments.metadata {
        documents.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), path.clone()));
    }
    for (name, document) in &documents {
        let (mut wall, mut cpu, mut peak) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.rounds() {
            let folder = tempfile::tempdir()?;
            // A folder that has an org, which does not run.
            Org::start(keyholder, folder.path()).await?.stop().await?;
            let mut command = Command::new(keyholder);
            command.args(["org", "import-schema"]).arg(document).arg("--data").arg(folder.path().join("data"));
            let ran = process::run(command.stdout(Stdio::null())).await?;
            wall.push(ran.wall_millis);
            cpu.push(ran.cpu_micros / 1e3);
            peak.push(ran.peak_megabytes);
        }
        let megabytes = std::fs::metadata(document)?.len() as f64 / 1e6;
        let name = format!("org import-schema of {name} ({megabytes:.1} MB)");
        report.figure(&format!("{name}, wall"), &wall, "ms", "a few seconds");
        report.figure(&format!("{name}, CPU"), &cpu, "ms", "");
        report.figure(&format!("{name}, memory at the most"), &peak, "MB", "bounded");
    }
    Ok(())
}
