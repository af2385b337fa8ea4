//! Processes from outside: how long they take, what CPU and memory the system says they used.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use keyholder_foundation::{MonotonicClock, SystemClock};

use crate::Failure;
use crate::report::median;

/// The kernel counts a process's CPU in hundredths of a second (`USER_HZ` on every Linux).
const TICK_MICROS: f64 = 10_000.0;

/// Another binary of the same build.
pub(crate) fn beside_me(name: &str) -> Result<PathBuf, Failure> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        return Err(format!("{} is missing: cargo build --release --workspace", path.display()).into());
    }
    Ok(path)
}

/// The wall time of whole processes, in milliseconds, after one that is not counted.
pub(crate) fn wall_times(program: &Path, arguments: &[&str], runs: usize) -> Result<Vec<f64>, Failure> {
    let clock = SystemClock::new();
    let mut times = Vec::new();
    for run in 0..=runs {
        let from = clock.elapsed();
        let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if !status.success() {
            return Err(format!("{} {arguments:?} failed: {status}", program.display()).into());
        }
        if run > 0 {
            times.push((clock.elapsed() - from).as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

/// User and system CPU of a process so far, in microseconds.
pub(crate) fn cpu_micros(pid: u32) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which may hold blanks.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    Ok((ticks(11) + ticks(12)) * TICK_MICROS)
}

/// Resident memory of a process, in megabytes (10^6 bytes).
pub(crate) fn resident_megabytes(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}

/// CPU of one RS256 signature with a kept 2048-bit key, in microseconds, while as many threads
/// sign as there will be connections: two threads on one core's two halves are slower each, and
/// the server's tokens meet the same. This process does nothing else meanwhile, so its own account
/// is the signatures'.
pub(crate) fn signature_cpu_micros(threads: usize) -> Result<f64, Failure> {
    const SIGNATURES: usize = 2_000;
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut samples = Vec::new();
    for _ in 0..5 {
        let from = cpu_micros(std::process::id())?;
        std::thread::scope(|scope| {
            let sign = || {
                let (random, message) = (SystemRandom::new(), [b'x'; 800]);
                let mut signature = vec![0; key.public_modulus_len()];
                (0..SIGNATURES).try_for_each(|_| key.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature))
            };
            let signing: Vec<_> = (0..threads).map(|_| scope.spawn(sign)).collect();
            signing
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| "a signing thread failed")?.map_err(|_| "cannot sign"))
        })?;
        samples.push((cpu_micros(std::process::id())? - from) / (SIGNATURES * threads) as f64);
    }
    Ok(median(&samples))
}
