//! What replacing many secrets costs: `keyholder rotate --all`, beside new ones by the Azure CLI one after the other.

use std::path::Path;
use std::process::Stdio;

use keyholder_foundation::{MonotonicClock, SystemClock};
use tokio::process::Command;

use crate::arguments::Arguments;
use crate::azure_cli::AzureCli;
use crate::estate::{Estate, In};
use crate::org_process::{Org, Requests, env_file};
use crate::report::Report;
use crate::{Failure, process};

const FILE: &str = "rotated.toml";

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let (secrets, rounds) = (usize::from(arguments.secrets), arguments.rounds());
    let near = Bench::start(keyholder, "0ms", secrets).await?;
    let ours = near.keyholder(rounds).await?;
    ours.report(&format!("{secrets} secrets by keyholder rotate"), report);
    let name = format!("{secrets} secrets by the Azure CLI");
    match near.azure_cli(&arguments.azure_cli).await? {
        None => report.missing(&name, &format!("there is no {}", arguments.azure_cli.display())),
        Some(theirs) => {
            theirs.report(&name, report);
            // Theirs is done once: each of ours is held against that.
            let time = "time of the Azure CLI / of keyholder rotate";
            report.ratio(time, theirs.millis.into_iter().cycle(), ours.millis, "");
            let cpu = "CPU of the Azure CLI / of keyholder rotate";
            report.ratio(cpu, theirs.cpu_millis.into_iter().cycle(), ours.cpu_millis, "");
        }
    }
    near.org.stop().await?;
    let far = Bench::start(keyholder, "100ms", secrets).await?;
    far.keyholder(rounds).await?.report(&format!("{secrets} secrets by keyholder rotate, 100 ms away"), report);
    far.org.stop().await
}

/// What replacing all secrets took, each time.
#[derive(Default)]
struct Job {
    millis: Vec<f64>,
    cpu_millis: Vec<f64>,
    /// The most memory; of one process alone.
    megabytes: Vec<f64>,
    /// To the token service, Microsoft Graph and the org.
    requests: [Vec<f64>; 3],
}

impl Job {
    fn report(&self, name: &str, report: &mut Report) {
        report.figure(&format!("{name}, wall"), &self.millis, "ms", "");
        report.figure(&format!("{name}, own CPU"), &self.cpu_millis, "ms", "");
        if !self.megabytes.is_empty() {
            report.figure(&format!("{name}, memory at the most"), &self.megabytes, "MB", "");
        }
        for (to, counts) in ["the token service", "Microsoft Graph", "the org"].iter().zip(&self.requests) {
            report.figure(&format!("{name}, requests to {to}"), counts, "", "");
        }
    }
}

/// A local org with applications that have a secret each, and a folder to work in.
struct Bench<'a> {
    keyholder: &'a Path,
    folder: tempfile::TempDir,
    org: Org,
    estate: Estate,
}

impl<'a> Bench<'a> {
    async fn start(keyholder: &'a Path, latency: &str, secrets: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let org = Org::start_with(keyholder, folder.path(), &["--latency", latency], &[]).await?;
        let orgs = vec![org.url().to_owned()];
        let estate = Estate { orgs, users: secrets, each_in: In::All, name: "rotated".to_owned() };
        std::fs::write(folder.path().join(FILE), estate.to_string())?;
        let bench = Self { keyholder, folder, org, estate };
        process::run(&mut bench.command(&["apply", "--yes", "--quiet", "--file", FILE])).await?;
        Ok(bench)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.keyholder);
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.envs(self.org.administrator()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// What each env file says by this name.
    fn held(&self, name: &str) -> Result<Vec<String>, Failure> {
        let of = |file: String| {
            let settings = env_file(&self.folder.path().join(&file))?;
            let found = settings.into_iter().find(|(own, _)| own == name);
            found.map(|(_, value)| value).ok_or_else(|| format!("`{file}` has no {name}").into())
        };
        self.estate.env_files().map(of).collect()
    }

    /// Replaces all by the declaration: each new one is proved and written, and the old one revoked.
    async fn keyholder(&self, rounds: usize) -> Result<Job, Failure> {
        let mut job = Job::default();
        for _ in 0..rounds {
            let (old, before) = (self.held("KEYHOLDER_CLIENT_SECRET")?, self.org.requests().await?);
            let ran = process::run(&mut self.command(&["rotate", "--all", "--yes", "--quiet", "--file", FILE])).await?;
            self.count(before, &mut job).await?;
            job.millis.push(ran.wall_millis);
            job.cpu_millis.push(ran.cpu_micros / 1e3);
            job.megabytes.push(ran.peak_megabytes);
            let new = self.held("KEYHOLDER_CLIENT_SECRET")?;
            if let Some(same) = old.iter().zip(&new).position(|(old, new)| old == new) {
                return Err(format!("secret {same} was not replaced").into());
            }
        }
        Ok(job)
    }

    /// A new one for each by the Azure CLI, once, for it takes minutes; nothing where that is not installed.
    async fn azure_cli(&self, az: &Path) -> Result<Option<Job>, Failure> {
        let Some(az) = AzureCli::sign_in(az, &self.org, self.folder.path())? else { return Ok(None) };
        let clients = self.held("KEYHOLDER_CLIENT_ID")?;
        let clients: Vec<&str> = clients.iter().map(String::as_str).collect();
        let mut script = az.script("rotate.sh", &clients)?;
        let mut job = Job::default();
        let (before, clock, cpu) = (self.org.requests().await?, SystemClock::new(), process::children_cpu_millis()?);
        let status = script.status()?;
        job.millis.push(clock.elapsed().as_secs_f64() * 1e3);
        job.cpu_millis.push(process::children_cpu_millis()? - cpu);
        self.count(before, &mut job).await?;
        if status.success() { Ok(Some(job)) } else { Err(format!("rotate.sh failed: {status}").into()) }
    }

    async fn count(&self, before: Requests, job: &mut Job) -> Result<(), Failure> {
        let requests = self.org.requests().await?.since(before);
        let all = [requests.login, requests.directory, requests.org];
        job.requests.iter_mut().zip(all).for_each(|(counts, count)| counts.push(count));
        Ok(())
    }
}
