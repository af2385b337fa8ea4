//! `usage`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{CONNECTION, ConnectionFlags, DEFAULT_DATA};

/// `usage`.
#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// Tell of the local org of a folder; of a running one also what each user asked for in the last minutes
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with_all = CONNECTION
    )]
    pub(crate) local: Option<PathBuf>,
    /// Draw what each user of the local org has asked for in the last 30 days
    #[arg(long, requires = "local")]
    pub(crate) plot: bool,
    /// Whose allowances usage is held against
    #[arg(long, value_enum, value_name = "TIME", default_value_t = Entitlement::Today)]
    pub(crate) entitlement: Entitlement,
    /// How many capacity add-ons a tenant has bought, which enlarge its pool
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) add_ons: u32,
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
}

/// Whose allowances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Entitlement {
    /// What Microsoft documents today: 40,000 a day and user, a pool of 500,000 and more
    Today,
    /// What it documented in October 2019: 20,000 or 10,000, a pool of 100,000
    #[value(name = "2019")]
    Of2019,
}
