//! Processes from outside: how long they take, what CPU and memory the system says they used.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use keyholder_foundation::{MonotonicClock, SystemClock};

use crate::Failure;

/// How often a process that will end is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Another binary of the same build.
pub(crate) fn beside_me(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        return Err(format!("{} is missing: cargo build --release --workspace", path.display()).into());
    }
    Ok(path)
}

/// The wall time of a whole process, in milliseconds.
pub(crate) fn wall_millis(program: &Path, arguments: &[&str]) -> Result<f64, Failure> {
    let clock = SystemClock::new();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("{} {arguments:?} failed: {status}", program.display()).into());
    }
    Ok(clock.elapsed().as_secs_f64() * 1e3)
}

/// The CPU of each thread of a process so far, in microseconds.
///
/// The threads' own accounts are kept in nanoseconds, that of the process in hundredths of a second.
#[derive(Debug)]
pub(crate) struct Accounts(HashMap<OsString, f64>);

impl Accounts {
    pub(crate) fn of(pid: u32) -> Result<Self, Failure> {
        let mut accounts = HashMap::new();
        for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?;
            // One that has ended between the two looks has nothing to tell.
            if let Ok(account) = std::fs::read_to_string(thread.path().join("schedstat")) {
                accounts.insert(thread.file_name(), on_cpu(&account)?);
            }
        }
        Ok(Self(accounts))
    }

    /// What was used since `earlier`, in microseconds, by the threads that are there now. One that
    /// has ended meanwhile took its account with it: those that serve stay, idle helpers end.
    pub(crate) fn since(&self, earlier: &Self) -> f64 {
        self.0.iter().map(|(thread, micros)| micros - earlier.0.get(thread).copied().unwrap_or_default()).sum()
    }
}

/// What a process took from its start to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) wall_millis: f64,
    /// Of a thread that ended before the process, as it was when it was last seen.
    pub(crate) cpu_micros: f64,
    pub(crate) peak_megabytes: f64,
}

/// Runs a command to its end; one that fails is a failure.
pub(crate) async fn run(command: &mut tokio::process::Command) -> Result<Ran, Failure> {
    let clock = SystemClock::new();
    let mut child = command.stderr(Stdio::null()).spawn()?;
    let pid = child.id().ok_or("it has ended")?;
    let (mut accounts, mut peak) = (Accounts(HashMap::new()), 0.0_f64);
    let wall_millis = loop {
        // One that has ended and waits to be asked for has no memory, but its main thread's account.
        let has_ended = std::fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(") Z ");
        let wall = clock.elapsed().as_secs_f64() * 1e3;
        accounts.0.extend(Accounts::of(pid)?.0);
        peak = peak.max(peak_megabytes(pid).unwrap_or_default());
        if has_ended {
            break wall;
        }
        tokio::time::sleep(LOOK).await;
    };
    let status = child.wait().await?;
    if !status.success() {
        // Not its environment, which has a secret.
        let arguments: Vec<_> = command.as_std().get_args().collect();
        return Err(format!("{arguments:?} failed: {status}").into());
    }
    Ok(Ran { wall_millis, cpu_micros: accounts.0.values().sum(), peak_megabytes: peak })
}

/// The CPU of this process's children that have ended, and of theirs, in milliseconds. The system tells it in
/// hundredths of a second, so it takes several children to be exact.
pub(crate) fn children_cpu_millis() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field is a name in parentheses, which may hold blanks. Children's times are the 16th and 17th.
    let (_, fields) = stat.rsplit_once(')').ok_or("an odd /proc/self/stat")?;
    let ticks = fields.split_ascii_whitespace().skip(13).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * 10.0)
}

/// The CPU of the calling thread so far, in microseconds.
pub(crate) fn thread_cpu_micros() -> Result<f64, Failure> {
    on_cpu(&std::fs::read_to_string("/proc/thread-self/schedstat")?)
}

/// The first of `/proc/PID/schedstat`'s fields: nanoseconds on a processor.
fn on_cpu(schedstat: &str) -> Result<f64, Failure> {
    let nanos: f64 = schedstat.split_ascii_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanos / 1e3)
}

/// Resident memory of a process, in megabytes (10^6 bytes).
pub(crate) fn resident_megabytes(pid: u32) -> Result<f64, Failure> {
    megabytes(pid, "VmRSS:")
}

fn megabytes(pid: u32, name: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// The most memory of a process that was resident at a time, in megabytes (10^6 bytes).
pub(crate) fn peak_megabytes(pid: u32) -> Result<f64, Failure> {
    megabytes(pid, "VmHWM:")
}

/// CPU of one RS256 signature with a kept key, in microseconds, while as many threads sign as there
/// will be connections: two threads on one core's two halves are slower each, and the server's
/// tokens meet the same.
pub(crate) fn signature_cpu_micros(key: &RsaKeyPair, threads: usize, time: Duration) -> Result<f64, Failure> {
    let sign = || {
        let (random, message, clock) = (SystemRandom::new(), [b'x'; 800], SystemClock::new());
        let mut signature = vec![0; key.public_modulus_len()];
        let mut signatures = 0_u32;
        let before = thread_cpu_micros()?;
        while clock.elapsed() < time {
            let signed = key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature);
            signed.map_err(|_| "cannot sign")?;
            signatures += 1;
        }
        Ok::<_, Failure>((thread_cpu_micros()? - before, signatures))
    };
    std::thread::scope(|scope| {
        let signing: Vec<_> = (0..threads).map(|_| scope.spawn(sign)).collect();
        let (mut cpu, mut signatures) = (0.0, 0);
        for thread in signing {
            let (own_cpu, own) = thread.join().map_err(|_| "a signing thread failed")??;
            cpu += own_cpu;
            signatures += own;
        }
        Ok(cpu / f64::from(signatures))
    })
}
