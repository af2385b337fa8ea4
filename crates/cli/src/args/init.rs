//! `init`.

use std::path::PathBuf;

use clap::Args;

use super::{CONNECTION, ConnectionFlags, DEFAULT_DATA};

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The file to write
    #[arg(value_name = "FILE", default_value = "keyholder.toml")]
    pub(crate) file: PathBuf,
    /// Write down what the org has instead of examples
    #[arg(long)]
    pub(crate) from_org: bool,
    /// Take the local org of a folder: the running one, or one that runs as long as this command
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
