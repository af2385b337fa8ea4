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
    /// Making service users, beside the Azure CLI.
    Provisioning,
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
