//! `plan` and `apply`.

use std::path::PathBuf;

use clap::Args;

use super::{CONNECTION, ConnectionFlags, DEFAULT_DATA};

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) declared: Declared,
    /// Save the plan, to be carried out with `apply --plan FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) leave: LeaveFlags,
}

/// `apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) declared: Declared,
    /// Carry out this saved plan, or nothing when it is not what has to be done any more
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prune", "i_know"])]
    pub(crate) plan: Option<PathBuf>,
    /// Do not ask before starting
    #[arg(long)]
    pub(crate) yes: bool,
    /// A token of an issuer that an application accepts instead of a secret: its way in is then proved from here too. In a
    /// pipeline the job's own is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) leave: LeaveFlags,
}

/// Which declaration, and where it is carried out.
#[derive(Debug, Args)]
pub(crate) struct Declared {
    /// The declaration
    #[arg(long, value_name = "FILE", default_value = "keyholder.toml")]
    pub(crate) file: PathBuf,
    /// Rehearse on the local org of a folder instead: the running one, or one that runs as long as this
    /// command
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with_all = CONNECTION
    )]
    pub(crate) local: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
}

/// What is done only when it is asked for.
#[derive(Debug, Args)]
pub(crate) struct LeaveFlags {
    /// Also remove what the declaration made once and does not name any more
    #[arg(long)]
    pub(crate) prune: bool,
    /// Give System Administrator where it is declared
    #[arg(long)]
    pub(crate) i_know: bool,
}
