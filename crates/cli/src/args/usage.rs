//! `usage`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::{CONNECTION, ConnectionFlags, DEFAULT_DATA};

/// The long text of `--help`.
pub(super) const USAGE: &str = "Tells how many requests each user of the local org has sent today (UTC) and in the last five minutes, \
    what they are entitled to (Microsoft's entitlement limits: an allowance for each licensed user, a pool for all users \
    without a licence), where the day is heading, and where the days before it lead: what to expect tomorrow, and the day \
    on which an allowance runs out at this rate. Nothing is refused for it. With `--days` each of the last days is listed, \
    user by user.\n\n\
    Of a real org it tells what the org says is left to the caller of the last five minutes, and what the tenant's licences \
    entitle the caller to, which takes the right to read them (Organization.Read.All). How much of a day's entitlement is \
    used, and by whom, no public API tells: an administrator downloads that report (\"Microsoft Power Platform requests\") \
    from the Power Platform admin center, and `--report` reads it and tells the same of it as of the local org.\n\n\
    Examples:\n  \
    keyholder usage\n  \
    keyholder usage --local\n  \
    keyholder usage --local --days 14 --plot\n  \
    keyholder usage --local --entitlement 2019 --add-ons 2\n  \
    keyholder usage --local --days 90 --output csv > usage.csv\n  \
    keyholder usage --report requests.csv --fail-on-over";

/// `usage`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("history"))]
pub(crate) struct Usage {
    /// Tell of the local org of a folder; of a running one also what each user asked for in the last minutes
    #[arg(
        long,
        value_name = "DIR",
        group = "history",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with_all = CONNECTION
    )]
    pub(crate) local: Option<PathBuf>,
    /// Tell of the downloaded report "Microsoft Power Platform requests", on users with a licence or without
    #[arg(
        long,
        value_name = "FILE",
        group = "history",
        conflicts_with_all = CONNECTION,
        conflicts_with_all = ["entitlement", "add_ons"]
    )]
    pub(crate) report: Option<PathBuf>,
    /// List the last N days, user by user; CSV and JSON have 30 without it
    #[arg(
        long,
        value_name = "N",
        requires = "history",
        value_parser = clap::value_parser!(u16).range(1..=i64::from(keyholder_org::MOST_DAYS_TOLD))
    )]
    pub(crate) days: Option<u16>,
    /// Draw what each user, and the pool, has asked for in the last 30 days, or so many as `--days` says
    #[arg(long, requires = "history")]
    pub(crate) plot: bool,
    /// End with 1 when a user or a pool is beyond the day's allowance, or on the way there
    #[arg(long, requires = "history")]
    pub(crate) fail_on_over: bool,
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
