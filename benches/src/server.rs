//! A server in a process of its own, under load.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::http_client::Target;
use crate::report::Load;
use crate::{Failure, process};

/// How much of a turn passes before it counts: caches and connections settle in it.
const WARM_UP: u32 = 5;

/// A process that has said, with one line of JSON, that it serves.
pub(crate) struct Started {
    child: Child,
    // Kept open, so that what the process prints later does not end it.
    _out: Lines<BufReader<ChildStdout>>,
    /// What it said.
    pub(crate) ready: Value,
}

impl Started {
    /// Starts a server, with these settings beside those of this process.
    pub(crate) async fn new<A: AsRef<OsStr>>(
        program: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let ended = || format!("{} ended at once", program.display());
        let line = out.next_line().await?.ok_or_else(ended)?;
        Ok(Self { child, _out: out, ready: serde_json::from_str(&line)? })
    }

    /// The port that it named.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        let port = self.ready["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        port.ok_or_else(|| "the server named no port".into())
    }
}

/// A server that can be asked.
pub(crate) struct Server {
    started: Started,
    pub(crate) target: Target,
}

impl Server {
    pub(crate) fn new(started: Started, target: Target) -> Self {
        Self { started, target }
    }

    fn pid(&self) -> Result<u32, Failure> {
        self.started.child.id().ok_or_else(|| "the server has ended".into())
    }

    pub(crate) fn resident_megabytes(&self) -> Result<f64, Failure> {
        process::resident_megabytes(self.pid()?)
    }

    /// What it does with `request` over `connections` connections, one under way on each.
    pub(crate) async fn load(
        &self,
        request: &Request<Full<Bytes>>,
        connections: usize,
        time: Duration,
    ) -> Result<Load, Failure> {
        let mut senders = self.target.connect_all(connections).await?;
        self.target.load(&mut senders, request, time / WARM_UP).await?;
        let (pid, clock) = (self.pid()?, SystemClock::new());
        let before = process::Accounts::of(pid)?;
        let mut times = self.target.load(&mut senders, request, time).await?;
        let (wall, cpu) = (clock.elapsed().as_secs_f64(), process::Accounts::of(pid)?.since(&before));
        times.sort_by(f64::total_cmp);
        let answered = times.len() as f64;
        let p99_millis = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        Ok(Load { per_second: answered / wall, cpu_micros: cpu / answered, p99_millis })
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Ok(self.started.child.kill().await?)
    }
}
