//! Running the real binary in a folder of its own, with nothing of this machine's settings.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// How the binary ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// What it said, having ended well.
    pub(crate) fn done(self) -> String {
        assert!(self.status.success(), "{self:#?}");
        self.out
    }

    /// What it said, having failed with this code. Whatever fails says so in one message with no
    /// trace of the program's insides.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code(), code, "{self:#?}");
        assert!(self.err.contains("error: "), "{self:#?}");
        for inside in ["panicked", "RUST_BACKTRACE", "stack backtrace", "Error {", "Some("] {
            assert!(!self.err.contains(inside), "{self:#?}");
        }
        self.err
    }

    pub(crate) fn json(self) -> Value {
        let out = self.done();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

/// The binary, to be run in `folder`.
pub(crate) fn keyholder(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyholder"));
    command.current_dir(folder).stdin(Stdio::null());
    // What is kept between runs is kept here, not where the user of this machine keeps it.
    command.env("XDG_STATE_HOME", folder.join("state")).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let own = ["KEYHOLDER_", "AZURE_", "GITHUB_", "GH_"];
        if own.iter().any(|own| name.starts_with(own)) || name.to_ascii_uppercase().ends_with("_PROXY") {
            command.env_remove(name);
        }
    }
    command
}

/// The binary, to be run in `folder` as the administrator of the local org there: as against any org that
/// is not this machine's own.
pub(crate) fn as_administrator(folder: &Path) -> Command {
    let mut command = keyholder(folder);
    for (name, value) in [
        ("KEYHOLDER_ORG_URL", "KEYHOLDER_ORG_URL"),
        ("KEYHOLDER_CLIENT_ID", "KEYHOLDER_ADMIN_CLIENT_ID"),
        ("KEYHOLDER_CLIENT_SECRET", "KEYHOLDER_ADMIN_CLIENT_SECRET"),
        ("KEYHOLDER_CA_FILE", "KEYHOLDER_CA_FILE"),
    ] {
        command.env(name, setting(&folder.join(".keyholder/org.env"), value));
    }
    command
}

/// A variable of an env file.
#[track_caller]
pub(crate) fn setting(file: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let line =
        text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap_or_else(|| panic!("no {name}"));
    line.trim_matches('\'').to_owned()
}

/// Runs the binary to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Ended {
    ended(keyholder(folder).args(arguments))
}

/// Runs a command to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    Ended {
        status: output.status,
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Ports that no system gives out by itself: neither to whoever asks for any, nor to connections.
const UNGIVEN: std::ops::Range<u16> = 12_000..32_000;

/// A port that is free now, for runs that must answer at the same address each time. Nobody else gets it meanwhile:
/// the tests of one process count, those of several begin at different places.
pub(crate) fn free_port() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let ports = u32::from(UNGIVEN.end - UNGIVEN.start);
    let first = std::process::id().wrapping_mul(997);
    let mut tried = std::iter::repeat_with(|| first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % ports);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let found = tried.by_ref().take(1000).map(|at| UNGIVEN.start + u16::try_from(at).unwrap()).find(is_free);
    format!("127.0.0.1:{}", found.expect("of a thousand ports one is free"))
}

/// A running `org start`, killed when dropped.
pub(crate) struct RunningOrg {
    pub(crate) child: Child,
    pub(crate) ready: Value,
    out: BufReader<std::process::ChildStdout>,
}

impl RunningOrg {
    /// Starts an org in `folder` and waits for its ready event.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, arguments, &[])
    }

    /// The same in an environment with these variables.
    pub(crate) fn start_with(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = keyholder(folder);
        command.args(["org", "start", "--output", "json"]).args(arguments).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let ready = match serde_json::from_str(&line) {
            Ok(ready) => ready,
            Err(error) => panic!("{error}: {line:?} {:?}", child.wait_with_output()),
        };
        Self { child, ready, out }
    }

    /// Asks it to stop as Ctrl-C does, and waits for its end.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.out, &mut rest).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for RunningOrg {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
