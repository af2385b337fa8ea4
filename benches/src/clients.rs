//! Clients in processes of their own, each told the same task, and what the system says that it cost them.
//!
//! A client says when it is signed in and knows what it has to know of the org; what it has cost until then, starting
//! an interpreter and loading libraries among it, is not counted.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::arguments::Arguments;
use crate::task::{Done, Task};
use crate::{Failure, command, own_client, process};

/// A client that can be started.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) is_own: bool,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Library(Library),
    /// `keyholder`, whose commands do it.
    Commands(PathBuf),
}

/// A program that uses a library.
#[derive(Debug, Clone)]
struct Library {
    program: PathBuf,
    arguments: Vec<PathBuf>,
    /// The folder with the libraries, where there is one.
    installed: PathBuf,
}

/// What a task cost.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) done: Done,
    /// CPU for each 1,000 rows, in milliseconds.
    pub(crate) cpu_millis: f64,
    /// The most memory that was resident, in megabytes.
    pub(crate) peak: f64,
    /// Rows that were to be written and are not there, and rows that are there more than once.
    pub(crate) lost: u32,
    pub(crate) doubled: u32,
}

impl Cost {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.done.rows) / self.done.seconds
    }
}

impl Client {
    /// This project's library.
    pub(crate) fn own() -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let library = Library { program, arguments: vec![own_client::ARGUMENT.into()], installed: PathBuf::new() };
        Ok(Self { name: "keyholder's library", is_own: true, kind: Kind::Library(library) })
    }

    /// This project's commands `load` and `query`.
    pub(crate) fn commands(keyholder: &Path) -> Self {
        Self { name: "keyholder's commands", is_own: true, kind: Kind::Commands(keyholder.to_path_buf()) }
    }

    /// The other clients that are installed, and what it takes to have the others.
    pub(crate) fn peers(arguments: &Arguments) -> (Vec<Self>, Vec<(&'static str, String)>) {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        let node = arguments.node_clients.clone();
        let has_node = node.join("node_modules/dynamics-web-api").is_dir();
        let python = arguments.dataverse_sdk.clone();
        let programs = [
            ("dynamics-web-api", has_node, PathBuf::from("node"), "dynamics_web_api.mjs", node),
            ("the Dataverse SDK for Python", python.is_file(), python.clone(), "dataverse_sdk.py", python.clone()),
        ];
        for (name, is_there, program, script, installed) in programs {
            if is_there {
                let script = Path::new("benches/peers").join(script);
                // A program of a virtual environment is a link that finds the environment by its own path.
                let installed = std::path::absolute(&installed).unwrap_or(installed);
                let library = Library { program, arguments: vec![script], installed };
                found.push(Self { name, is_own: false, kind: Kind::Library(library) });
            } else {
                missing.push((name, format!("there is no {}", installed.display())));
            }
        }
        (found, missing)
    }

    /// Starts it with these settings, lets it do its task, and tells what that cost, or why it failed. Whether rows were
    /// lost is for the caller to find out. Its files are in `folder`.
    pub(crate) async fn run(&self, environment: &[(String, String)], folder: &Path, task: &Task) -> Cost {
        let outcome = match &self.kind {
            Kind::Commands(keyholder) => command::run(keyholder, environment, folder, task).await,
            Kind::Library(library) => library.run(self.name, environment, task).await,
        };
        outcome.unwrap_or_else(|error| Cost {
            done: Done { failed: Some(error.to_string()), ..Done::default() },
            cpu_millis: f64::NAN,
            peak: f64::NAN,
            lost: 0,
            doubled: 0,
        })
    }
}

impl Library {
    async fn run(&self, name: &'static str, environment: &[(String, String)], task: &Task) -> Result<Cost, Failure> {
        let mut running = Running::start(name, self, environment, task).await?;
        let pid = running.child.id().ok_or("the client has ended")?;
        let before = process::Accounts::of(pid)?;
        running.say().await?;
        let done: Done = serde_json::from_str(&running.line().await?)?;
        let cpu = process::Accounts::of(pid)?.since(&before);
        let peak = process::peak_megabytes(pid)?;
        running.say().await?;
        running.child.wait().await?;
        let thousands = f64::from(done.rows.max(1)) / 1e3;
        Ok(Cost { done, cpu_millis: cpu / 1e3 / thousands, peak, lost: 0, doubled: 0 })
    }
}

/// A client that has said that it is ready.
struct Running {
    name: &'static str,
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Running {
    async fn start(
        name: &'static str,
        library: &Library,
        environment: &[(String, String)],
        task: &Task,
    ) -> Result<Self, Failure> {
        let ca = environment.iter().find(|(name, _)| name == "KEYHOLDER_CA_FILE").map_or("", |(_, value)| value);
        let mut child = Command::new(&library.program)
            .args(&library.arguments)
            .arg(serde_json::to_string(task)?)
            .envs(environment.iter().cloned())
            .env("PEER_FOLDER", &library.installed)
            .env("NODE_EXTRA_CA_CERTS", ca)
            .env("REQUESTS_CA_BUNDLE", ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", library.program.display()))?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let mut running = Self { name, child, to, from };
        running.line().await?;
        Ok(running)
    }

    async fn line(&mut self) -> Result<String, Failure> {
        let line = self.from.next_line().await?;
        line.ok_or_else(|| format!("{} ended before its task", self.name).into())
    }

    async fn say(&mut self) -> Result<(), Failure> {
        self.to.write_all(b"\n").await?;
        Ok(self.to.flush().await?)
    }
}
