//! Running the real binary in a folder of its own, with nothing of this machine's settings.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

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
        if name.starts_with("KEYHOLDER_") || name.starts_with("AZURE_") || name.to_ascii_uppercase().ends_with("_PROXY")
        {
            command.env_remove(name);
        }
    }
    command
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

/// A port that is free now, for runs that must answer at the same address each time.
pub(crate) fn free_port() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("127.0.0.1:{}", listener.local_addr().unwrap().port())
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
        let mut command = keyholder(folder);
        command.args(["org", "start", "--output", "json"]).args(arguments);
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
