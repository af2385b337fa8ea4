//! `org fault ...`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::Folder;
use super::org::short_time;

/// `org fault ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Fault {
    /// Order a fault for the requests that match
    #[command(
        long_about = "Orders a fault for the requests to the running local org that match, until it is stopped: nothing of \
            it is kept. The same requests in the same order meet the same faults. Of several orders latencies add up, and of \
            the others the first that strikes decides.",
        after_help = "Examples:\n  \
            keyholder org fault add throttle --retry-after 17 --requests 3\n  \
            keyholder org fault add drop-after --method POST --path '*/contacts' --probability 0.01 --seed 7\n  \
            keyholder org fault add latency --time 2s --seconds 60\n  \
            keyholder org fault add unavailable --path '*' --requests 1"
    )]
    Add(FaultAdd),
    /// List the faults that were ordered, and how many requests met each
    List(Folder),
    /// Take back one fault, or all
    Clear(FaultClear),
}

/// `org fault add`.
#[derive(Debug, Args)]
pub(crate) struct FaultAdd {
    /// What happens
    #[arg(value_enum, value_name = "FAULT")]
    pub(crate) kind: FaultKind,
    /// How much longer (latency), or how long (slow-body), such as 500ms or 2s; at most 300s
    #[arg(long, value_name = "TIME", value_parser = fault_time)]
    pub(crate) time: Option<Duration>,
    /// What throttle and unavailable say in Retry-After [default: 1 for throttle, nothing for unavailable]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) retry_after: Option<u32>,
    /// Requests with this method only
    #[arg(long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// Requests whose path is like this only; `*` stands for any characters
    #[arg(long, value_name = "PATTERN", default_value = "/api/data/*")]
    pub(crate) path: String,
    /// Requests to an org by this application (client id), or by this principal (object id), only
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<Uuid>,
    /// So many requests at most
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<u32>,
    /// For so many seconds of the org's time
    #[arg(long, value_name = "N")]
    pub(crate) seconds: Option<u32>,
    /// With which probability a request that matches meets it: above 0, at most 1
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    pub(crate) probability: f64,
    /// Which requests those are
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org fault clear`.
#[derive(Debug, Args)]
pub(crate) struct FaultClear {
    /// The number of the fault, as `org fault list` shows it; all without it
    #[arg(value_name = "ID")]
    pub(crate) id: Option<u32>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FaultKind {
    /// The org works on it for so much longer, which counts as execution time
    Latency,
    /// Refused with status 429, as by the limit on requests
    Throttle,
    /// Refused with status 503
    Unavailable,
    /// The connection ends before the request is done
    DropBefore,
    /// The connection ends after the request is done and before it is answered
    DropAfter,
    /// The answer's body comes in pieces
    SlowBody,
    /// The connection ends in the middle of the answer's body
    TruncatedBody,
    /// A page of HTML instead of the answer, as from a proxy; the request is not done
    Html,
    /// The token is taken for one that has expired: status 401
    ExpiredToken,
}

fn fault_time(text: &str) -> Result<Duration, String> {
    short_time(text, Duration::from_secs(300))
}
