//! What is measured of the local org, by hand, as ratios in one run.
//!
//! ```text
//! cargo build --release --workspace && ./target/release/keyholder-benches
//! ```
//!
//! Each figure is a median. A server's CPU is read from the operating system's own account of
//! that process, so a busy neighbour disturbs it less than it does the clock. Results are kept in
//! `RESULTS.md` with machine and commit. Linux only: it reads `/proc`.
#![expect(clippy::print_stdout, reason = "a report is what this program is for")]

mod constant;
mod http_client;
mod org_process;
mod process;
mod report;

use std::time::Duration;

use report::{Report, median};

/// How long each rate is measured.
const MEASURED: Duration = Duration::from_secs(5);
/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 2;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some(constant::ARGUMENT) {
        return constant::run().await;
    }
    let keyholder = process::beside_me("keyholder")?;
    let mut report = Report::default();

    let help = process::wall_times(&keyholder, &["--help"], 31)?;
    report.figure("keyholder --help, wall", median(&help), "ms");
    let quickstart = process::wall_times(&keyholder, &["quickstart", "--ephemeral", "--listen", "127.0.0.1:0"], 7)?;
    report.figure("quickstart --ephemeral, whole process, wall", median(&quickstart), "ms");

    let (mut new, mut existing, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let folder = tempfile::tempdir()?;
        let started = org_process::Org::start(&keyholder, folder.path()).await?;
        new.push(started.first_answer_millis);
        started.stop().await?;
        for _ in 0..3 {
            let started = org_process::Org::start(&keyholder, folder.path()).await?;
            existing.push(started.first_answer_millis);
            resident.push(started.resident_megabytes()?);
            started.stop().await?;
        }
    }
    report.figure("org start to first answer, new folder, wall", median(&new), "ms");
    report.figure("org start to first answer, existing folder, wall", median(&existing), "ms");
    report.figure("resident after that answer", median(&resident), "MB");

    let folder = tempfile::tempdir()?;
    let org = org_process::Org::start(&keyholder, folder.path()).await?;
    let signature = process::signature_cpu_micros(CONNECTIONS)?;
    report.figure("bare RS256 signature, as many at once, CPU", signature, "us");
    let tokens = org.load(&org.token_request(), CONNECTIONS, MEASURED).await?;
    report.load("tokens by secret", &tokens);
    report.ratio("CPU per token / bare signature", tokens.cpu_micros, signature);

    let constant = org_process::Constant::start().await?;
    let free = constant.load(CONNECTIONS, MEASURED).await?;
    report.load("constant 1 KB body, same listener, no token", &free);
    let top = org.load(&org.api_request("contacts?$top=3").await?, CONNECTIONS, MEASURED).await?;
    report.load("contacts?$top=3 with token and role check", &top);
    report.ratio("contacts?$top=3 rate / constant body's rate", top.per_second, free.per_second);
    let who = org.load(&org.api_request("WhoAmI").await?, CONNECTIONS, MEASURED).await?;
    report.load("WhoAmI", &who);
    report.figure("resident after the load", org.resident_megabytes()?, "MB");
    constant.stop().await?;
    org.stop().await?;
    println!("{report}");
    Ok(())
}
