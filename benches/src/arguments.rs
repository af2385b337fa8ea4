//! What a run can be told.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the local org of the `keyholder` that was built beside this program.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// What to measure; everything when nothing is said.
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
    /// How often each thing is measured, in turn with the others.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long one turn takes, in milliseconds.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(50..))]
    turn: u16,
    /// Another build of `keyholder`, measured in the same rounds: the state before a change.
    #[arg(long, value_name = "FILE")]
    pub(crate) beside: Option<PathBuf>,
    /// The folder with oidc-provider, installed by `npm --prefix benches/oidc-provider install`.
    #[arg(long, value_name = "DIR", default_value = "benches/oidc-provider")]
    pub(crate) oidc_provider: PathBuf,
    /// The folder with SAP CAP, installed by `npm --prefix benches/cap install`.
    #[arg(long, value_name = "DIR", default_value = "benches/cap")]
    pub(crate) cap: PathBuf,
    /// How many contacts there are in the comparison with SAP CAP.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(5_000..))]
    pub(crate) contacts: u32,
    /// A real org's metadata document to import; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Vec<PathBuf>,
    /// How many rows are loaded; ten times as many in the large loads.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    pub(crate) rows: u32,
    /// How many requests each client has under way at once.
    #[arg(long, default_value_t = 4, value_name = "N")]
    pub(crate) at_once: usize,
    /// How many orgs are audited, in five tenants.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(5..))]
    pub(crate) orgs: u16,
    /// How many application users they have together; measured also with a tenth of them.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(5..))]
    pub(crate) users: u32,
    /// How many secrets are rotated.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) secrets: u16,
    /// The folder with dynamics-web-api, installed by `npm --prefix interop/node install`.
    #[arg(long, value_name = "DIR", default_value = "interop/node")]
    pub(crate) node_clients: PathBuf,
    /// The Python that has Microsoft's Dataverse SDK: `python3 -m venv interop/.venv-dataverse`, then
    /// `interop/.venv-dataverse/bin/pip install --no-deps -r interop/requirements-dataverse.txt`.
    #[arg(long, value_name = "FILE", default_value = "interop/.venv-dataverse/bin/python")]
    pub(crate) dataverse_sdk: PathBuf,
    /// The Azure CLI, where it is installed: `python3 -m venv interop/.venv-az`, then
    /// `interop/.venv-az/bin/pip install --no-deps -r interop/requirements-azure-cli.txt`.
    #[arg(long, value_name = "FILE", default_value = "interop/.venv-az/bin/az")]
    pub(crate) azure_cli: PathBuf,
}

/// Part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// How long commands take to start, and what memory they take.
    Start,
    /// Tokens, beside the bare signature and oidc-provider.
    Tokens,
    /// Requests to the Web API, beside a constant body.
    Requests,
    /// Reading and writing a hundred thousand contacts, beside SAP CAP and raw SQL.
    Data,
    /// Loading and reading contacts by the client library, beside other clients, and with answers that cost nothing.
    Load,
    /// The client library under the service protection API limits, and what they cost the org.
    Limits,
    /// Taking a large schema into an org.
    Import,
    /// Making service users, beside the Azure CLI.
    Provisioning,
    /// Auditing many application users in many orgs and tenants.
    Audit,
    /// Replacing many secrets, beside the Azure CLI.
    Rotate,
    /// Tokens and their checking inside this process.
    InProcess,
}

impl Arguments {
    pub(crate) fn parts(&self) -> &[Part] {
        if self.parts.is_empty() { Part::value_variants() } else { &self.parts }
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.into()
    }

    /// How long a thing is measured before it is another's turn.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_millis(self.turn.into())
    }
}
