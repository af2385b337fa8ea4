//! How long commands take to start, and the memory of an idle org.

use std::path::Path;

use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::Report;
use crate::{Failure, process};

const HELP: [&str; 1] = ["--help"];
const QUICKSTART: [&str; 4] = ["quickstart", "--ephemeral", "--listen", "127.0.0.1:0"];
/// A short command is run this often in a round.
const OFTEN: usize = 4;

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let programs: Vec<&Path> = std::iter::once(keyholder).chain(arguments.beside.as_deref()).collect();
    let mut found: Vec<Starts> = programs.iter().map(|_| Starts::default()).collect();
    // The first run of each reads the program from the disk.
    for program in &programs {
        process::wall_millis(program, &HELP)?;
        process::wall_millis(program, &QUICKSTART)?;
    }
    for _ in 0..arguments.rounds() {
        for (program, starts) in programs.iter().zip(&mut found) {
            starts.round(program).await?;
        }
    }
    for (starts, of) in found.iter().zip(["", ", beside"]) {
        starts.report(of, report);
    }
    Ok(())
}

#[derive(Default)]
struct Starts {
    help: Vec<f64>,
    quickstart: Vec<f64>,
    new_folder: Vec<f64>,
    existing_folder: Vec<f64>,
    resident: Vec<f64>,
}

impl Starts {
    async fn round(&mut self, keyholder: &Path) -> Result<(), Failure> {
        for _ in 0..OFTEN {
            self.help.push(process::wall_millis(keyholder, &HELP)?);
        }
        self.quickstart.push(process::wall_millis(keyholder, &QUICKSTART)?);
        let folder = tempfile::tempdir()?;
        let started = Org::start(keyholder, folder.path()).await?;
        self.new_folder.push(started.first_answer_millis);
        started.stop().await?;
        for _ in 0..OFTEN {
            let started = Org::start(keyholder, folder.path()).await?;
            self.existing_folder.push(started.first_answer_millis);
            self.resident.push(started.resident_megabytes()?);
            started.stop().await?;
        }
        Ok(())
    }

    fn report(&self, of: &str, report: &mut Report) {
        report.figure(&format!("keyholder --help, wall{of}"), &self.help, "ms", "10 ms");
        let name = format!("quickstart --ephemeral, whole process, wall{of}");
        report.figure(&name, &self.quickstart, "ms", "its own work well under 1 s");
        let name = format!("org start to first answer, new folder, wall{of}");
        report.figure(&name, &self.new_folder, "ms", "250 ms");
        let name = format!("org start to first answer, existing folder, wall{of}");
        report.figure(&name, &self.existing_folder, "ms", "60 ms");
        report.figure(&format!("resident after that answer{of}"), &self.resident, "MB", "20 MB");
    }
}
