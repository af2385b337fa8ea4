//! What making service users costs: the seed job beside the same scripted with the Azure CLI, near and far, and a
//! plan over many orgs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyholder_foundation::{MonotonicClock, SystemClock};

use crate::arguments::Arguments;
use crate::azure_cli::AzureCli;
use crate::estate::{Estate, In};
use crate::org_process::Org;
use crate::report::Report;
use crate::{Failure, process};

/// How often the Azure CLI's job is measured: it takes half a minute.
const AZURE_CLI_ROUNDS: usize = 3;
/// The size of the estate that is planned over.
const ORGS: usize = 20;
const USERS: [usize; 2] = [5, 50];

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    for (latency, distance, aim) in [("0ms", "", "20"), ("100ms", ", 100 ms away", "5")] {
        let bench = Bench::start(keyholder, latency).await?;
        let ours = bench.keyholder(arguments.rounds()).await?;
        ours.report(&format!("seed job by keyholder apply{distance}"), report);
        match bench.azure_cli(&arguments.azure_cli).await? {
            None => report.missing(
                &format!("seed job by the Azure CLI{distance}"),
                &format!("there is no {}", arguments.azure_cli.display()),
            ),
            Some(theirs) => {
                theirs.report(&format!("seed job by the Azure CLI{distance}"), report);
                let name = format!("time of the Azure CLI / of keyholder apply{distance}");
                report.ratio(
                    &name,
                    theirs.millis.iter().copied(),
                    ours.millis.iter().copied(),
                    &format!("{aim} or more"),
                );
            }
        }
        bench.org.stop().await?;
    }
    over_many_orgs(keyholder, arguments, report).await
}

/// What a job took, each time that it was done.
#[derive(Default)]
struct Job {
    millis: Vec<f64>,
    requests: Vec<f64>,
    /// Those of them that went to orgs.
    org_requests: Vec<f64>,
    cpu_millis: f64,
}

impl Job {
    fn report(&self, name: &str, report: &mut Report) {
        report.figure(&format!("{name}, wall"), &self.millis, "ms", "");
        report.figure(&format!("{name}, requests"), &self.requests, "", "");
        let aim = if name.contains("keyholder") { "50 ms" } else { "" };
        report.figure(&format!("{name}, own CPU, mean"), &[self.cpu_millis], "ms", aim);
    }
}

/// A local org and a folder to work in.
struct Bench {
    keyholder: PathBuf,
    folder: tempfile::TempDir,
    org: Org,
}

impl Bench {
    async fn start(keyholder: &Path, latency: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let org = Org::start_with(keyholder, folder.path(), &["--latency", latency], &[]).await?;
        Ok(Self { keyholder: keyholder.to_path_buf(), folder, org })
    }

    /// `keyholder` with the administering application's credential and a folder of its own for what it keeps.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.keyholder);
        command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null()).env("HOME", self.folder.path());
        command.envs(self.org.administrator());
        command
    }

    /// Does a job and says what it took.
    async fn time(&self, command: &mut Command, job: &mut Job) -> Result<(), Failure> {
        let (before, clock) = (self.org.requests().await?, SystemClock::new());
        let status = command.status()?;
        job.millis.push(clock.elapsed().as_secs_f64() * 1e3);
        let requests = self.org.requests().await?.since(before);
        job.requests.push(requests.all());
        job.org_requests.push(requests.org);
        if status.success() { Ok(()) } else { Err(format!("{command:?} failed: {status}").into()) }
    }

    /// From nothing to a proved application user, several times, each a new one.
    async fn keyholder(&self, rounds: usize) -> Result<Job, Failure> {
        let mut job = Job::default();
        let cpu = process::children_cpu_millis()?;
        for round in 0..rounds {
            let file = format!("seed-{round}.toml");
            let orgs = vec![self.org.url().to_owned()];
            let declaration = Estate { orgs, users: 1, each_in: In::All, name: format!("seed-{round}") };
            std::fs::write(self.folder.path().join(&file), declaration.to_string())?;
            self.time(&mut self.command(&["apply", "--yes", "--quiet", "--file", &file]), &mut job).await?;
        }
        job.cpu_millis = (process::children_cpu_millis()? - cpu) / rounds as f64;
        Ok(job)
    }

    /// The same by the Azure CLI, without the proof; nothing where that is not installed.
    async fn azure_cli(&self, az: &Path) -> Result<Option<Job>, Failure> {
        let Some(az) = AzureCli::sign_in(az, &self.org, self.folder.path())? else { return Ok(None) };
        let mut job = Job::default();
        let cpu = process::children_cpu_millis()?;
        for round in 0..AZURE_CLI_ROUNDS {
            self.time(&mut az.script("seed.sh", &[&format!("az-seed-{round}")])?, &mut job).await?;
        }
        job.cpu_millis = (process::children_cpu_millis()? - cpu) / AZURE_CLI_ROUNDS as f64;
        Ok(Some(job))
    }
}

/// How many requests `plan` makes of each org, with few users and with many.
async fn over_many_orgs(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let bench = Bench::start(keyholder, "0ms").await?;
    let mut orgs = vec![bench.org.url().to_owned()];
    for number in 2..=ORGS {
        orgs.push(bench.org.add_org(&format!("Org {number}")).await?);
    }
    for users in USERS {
        let declaration = Estate { orgs: orgs.clone(), users, each_in: In::All, name: "many".to_owned() };
        std::fs::write(bench.folder.path().join("many.toml"), declaration.to_string())?;
        let mut made = Job::default();
        bench.time(&mut bench.command(&["apply", "--yes", "--quiet", "--file", "many.toml"]), &mut made).await?;
        let mut planned = Job::default();
        for _ in 0..arguments.rounds() {
            // It ends with 0 only where nothing is left to do.
            bench.time(&mut bench.command(&["plan", "--quiet", "--file", "many.toml"]), &mut planned).await?;
        }
        let name = format!("{ORGS} orgs with {users} application users each");
        report.figure(&format!("apply to {name}, wall"), &made.millis, "ms", "");
        report.figure(&format!("plan over {name}, wall"), &planned.millis, "ms", "");
        report.figure(&format!("plan over {name}, requests"), &planned.requests, "", "");
        let of_each = planned.org_requests.iter().map(|requests| requests / ORGS as f64).collect::<Vec<_>>();
        report.figure(&format!("plan over {name}, requests to each org"), &of_each, "", "the same for all");
    }
    bench.org.stop().await
}
