//! What is measured of the local org and of the client library, by hand, as ratios in one run.
//!
//! ```text
//! cargo build --release --workspace && ./target/release/keyholder-benches
//! ```
//!
//! What is compared is measured in turn, a second each, round after round, so that a busy neighbour
//! disturbs both sides alike; each figure is the median of its rounds, a ratio the median of the
//! rounds' ratios. A server's CPU is read from the operating system's own account of that process.
//! Results are kept in `RESULTS.md` with machine and commit. Linux only: it reads `/proc`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is what this program is for")]

mod arguments;
mod audit;
mod azure_cli;
mod cap;
mod certified;
mod clients;
mod command;
mod constant;
mod counted;
mod data;
mod estate;
mod free;
mod http_client;
mod import;
mod in_process;
mod limits;
mod load;
mod oidc_provider;
mod org_process;
mod own_client;
mod process;
mod provisioning;
mod raw_sql;
mod report;
mod requests;
mod rotate;
mod rows;
mod server;
mod start;
mod task;
mod tokens;

use arguments::{Arguments, Part};
use clap::Parser;
use report::Report;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match given.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [constant::ARGUMENT] => return constant::run().await,
        [free::ARGUMENT, ..] => return free::run(&given[1..]).await,
        [own_client::ARGUMENT, task] => return own_client::run(task).await,
        _ => {}
    }
    let arguments = Arguments::parse();
    let keyholder = process::beside_me("keyholder")?;
    let mut report = Report::default();
    for part in arguments.parts() {
        match part {
            Part::Start => start::measure(&keyholder, &arguments, &mut report).await?,
            Part::Tokens => tokens::measure(&keyholder, &arguments, &mut report).await?,
            Part::Requests => requests::measure(&keyholder, &arguments, &mut report).await?,
            Part::Data => data::measure(&keyholder, &arguments, &mut report).await?,
            Part::Load => load::measure(&keyholder, &arguments, &mut report).await?,
            Part::Limits => limits::measure(&keyholder, &arguments, &mut report).await?,
            Part::Import => import::measure(&keyholder, &arguments, &mut report).await?,
            Part::Provisioning => provisioning::measure(&keyholder, &arguments, &mut report).await?,
            Part::Audit => audit::measure(&keyholder, &arguments, &mut report).await?,
            Part::Rotate => rotate::measure(&keyholder, &arguments, &mut report).await?,
            Part::InProcess => in_process::measure(&arguments, &mut report).await?,
        }
    }
    println!("{report}");
    Ok(())
}
