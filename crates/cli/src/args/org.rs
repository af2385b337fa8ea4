//! `org ...`: running and looking after the local org.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use keyholder_client::transport::is_loopback;
use keyholder_foundation::Timestamp;
use keyholder_limits::Limits;
use keyholder_org::Shift;
use url::Url;

use super::{DEFAULT_DATA, Data, Fault, ListenFlags, people};

/// `org ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Org {
    /// Start the local org and serve it until Ctrl-C
    #[command(long_about = "Starts the local org and serves it until Ctrl-C (or SIGTERM). What a client needs is \
        printed, without secrets, and written whole to DIR/org.env, readable by you alone.")]
    Start(Box<Start>),
    /// Add sample accounts and contacts, always the same for the same seed
    Sample(Sample),
    /// Give the org the tables of a real one
    #[command(
        long_about = "Gives the org tables, columns, lookups and many-to-many relationships from files:\n\n\
        - a real org's metadata document, as GET ORG/api/data/v9.2/$metadata answers it (XML);\n\
        - a schema in Keyholder's own form (JSON).\n\n\
        Either may be packed with gzip, and has 64 MiB at most when it is not. \
        What such a document does not say (labels, lengths, options, keys, what privileges are called) is assumed, and the \
        report says so; a side file says it better. Tables that the org has already keep what the org relies on and get \
        what is new. Importing again after a change adds what is new and never takes anything away. Works while the org \
        runs; System Administrator gets the privileges of new tables.",
        after_help = "Examples:\n  keyholder org import-schema metadata.xml.gz\n  \
            keyholder org import-schema metadata.xml --side labels.toml\n\n\
            A side file (TOML, or the same as JSON), by logical names:\n  \
            [tables.new_visit]\n  display_name = \"Visit\"\n  schema_name = \"new_Visit\"\n  \
            primary_name = \"new_title\"\n  keys = { new_bynumber = [\"new_number\"] }\n\n  \
            [tables.new_visit.columns.new_outcome]\n  label = \"Outcome\"\n  \
            options = [{ value = 100000000, label = \"Good\" }, { value = 100000001, label = \"Bad\" }]\n\n  \
            [tables.new_visit.columns.new_title]\n  max_length = 200"
    )]
    ImportSchema(ImportSchema),
    /// Make new administrator credentials when org.env is lost
    Credentials(Credentials),
    /// Show the org's time, set it, or move it
    #[command(
        long_about = "Shows the org's time, sets it, or moves it. Everything with a due time follows: tokens, secrets, \
            licences, row dates, the Date header. The machine's own time and TLS certificates stay.\n\n\
            The org keeps its time when it stops. Keyholder's own client follows it; other programs' clients do not, \
            and a clock moved far makes their signed assertions look expired.",
        after_help = "Examples:\n  keyholder org clock +90d\n  keyholder org clock -2h\n  \
            keyholder org clock --set 2027-01-31T00:00:00Z\n  keyholder org clock --reset"
    )]
    Clock(Clock),
    /// Order faults that programs have to live through: latency, 429, 503, lost connections
    #[command(subcommand, arg_required_else_help = true)]
    Fault(Fault),
    /// Keep the org as it is now under a name
    #[command(long_about = "Keeps the org as it is now under a name: rows, directory, tenants, orgs and the org's \
        time. An earlier snapshot of that name is replaced. Works while the org runs: requests wait meanwhile.")]
    Snapshot(Snapshot),
    /// Put the org back to a snapshot
    #[command(long_about = "Puts the org back to a snapshot: rows, directory, tenants, orgs and the org's time. The \
        certificate authority and the token service's keys stay, so that clients need nothing new. Administrators \
        whose credentials were renewed since get new ones, written to their env file. The env files of \
        personas made or renewed since are removed: make those you need again with `keyholder org persona WHO`.")]
    Restore(Snapshot),
    /// List the snapshots, or forget one
    Snapshots(Snapshots),
    /// Put the org back to what it was when it was new
    #[command(long_about = "Puts the org back to what it was when it was new: the same ids and administrators, ten \
        sample accounts and contacts, the machine's time, and nothing else. Further tenants and orgs go; snapshots \
        stay. Before that it asks, on a terminal.\n\nExample:\n  keyholder org reset --yes")]
    Reset(Reset),
    /// Have the token service sign with a new key; tokens that are out stay good until they expire
    RotateKeys(Folder),
    /// Show or set which group's members may come into an org
    #[command(
        long_about = "Shows or sets which group's members may come into an org, as an environment's security group does. \
        Groups are made with Microsoft Graph. Applications and the tenant's administrators come in any case."
    )]
    SecurityGroup(SecurityGroup),
    /// Show or set what every sign-in of a tenant's people must meet
    #[command(long_about = "Shows or sets what every sign-in of a tenant's people must meet, as a Conditional Access \
        policy for everybody does. Applications that sign in for themselves are not asked.")]
    ConditionalAccess(people::ConditionalAccess),
    /// Set how far one person is with a second factor (Graph's perUserMfaState)
    MultiFactor(people::MultiFactor),
    /// Set for how long the passwords of a tenant's people are good
    #[command(
        long_about = "Sets for how long the passwords of a tenant's people are good, counted from when they were \
        set, as the domain's passwordValidityPeriodInDays does. People with the password policy \
        DisablePasswordExpiration are left out."
    )]
    PasswordExpiry(people::PasswordExpiry),
    /// Set how many of a licence a tenant has bought
    Licences(people::Licences),
    /// Make somebody to try things as, with a password in an env file of its own
    #[command(
        long_about = "Makes somebody to sign in as and see what the real services refuse them, or gives whoever \
        is there a new password. The credentials are written to DIR/WHO.env (DIR/WHO@DOMAIN.env for a further tenant), \
        readable by you alone.\n\nThe delegated administrator is a partner's: sign in to the tenant by its id or domain, \
        not at `organizations`."
    )]
    Persona(people::Persona),
    /// Add a tenant with administrators of its own
    #[command(subcommand, arg_required_else_help = true)]
    Tenant(Tenant),
    /// Add an org to a tenant, on a port of its own
    #[command(long_about = "Adds an org to a tenant, with the platform's roles and sample rows. It answers on a port \
        of its own under the same certificate authority, and the tenant's administrators administer it.")]
    Add(OrgAdd),
    /// List the tenants and their orgs
    List(Folder),
}

/// `org start`.
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) data: Data,
    #[command(flatten)]
    pub(crate) listen: ListenFlags,
    /// Give the org the tables in a file first, as `org import-schema` does; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) behaviour: Behaviour,
}

/// `org import-schema`.
#[derive(Debug, Args)]
pub(crate) struct ImportSchema {
    /// Metadata documents ($metadata, XML) or schemas in Keyholder's own form (JSON), packed with gzip or not
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What the documents do not say: labels, lengths, options, keys (TOML or JSON)
    #[arg(long, value_name = "FILE")]
    pub(crate) side: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// How the local org behaves while it runs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Behaviour (of this run, not kept)")]
pub(crate) struct Behaviour {
    /// What the org at the origin answers as
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) pretend: Option<Pretence>,
    /// How many people of an org may be non-interactive users; it was 5 until about 2019
    #[arg(long, value_name = "N", default_value_t = keyholder_org::world::DEFAULT_NON_INTERACTIVE_LIMIT)]
    pub(crate) non_interactive_limit: u32,
    /// Rules of other times to keep; custom-roles-only: application users take no out-of-the-box role, as from 2016 on
    #[arg(long, value_enum, value_name = "POLICY")]
    pub(crate) policy: Vec<Policy>,
    /// How long after a change in the directory the orgs learn of it, such as 30m
    #[arg(long, value_name = "TIME", value_parser = delay, default_value = "0s")]
    pub(crate) propagation_delay: Duration,
    /// How long the token service does not see a new application or credential yet, such as 20s
    #[arg(long, value_name = "TIME", value_parser = delay, default_value = "0s")]
    pub(crate) directory_lag: Duration,
    /// Refuse an application more than N requests to Microsoft Graph in ten seconds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) graph_limit: Option<u32>,
    /// Hold every request back for so long, as a distant service would, such as 100ms
    #[arg(long, value_name = "TIME", value_parser = latency, default_value = "0ms")]
    pub(crate) latency: Duration,
    /// The service protection API limits of each user: real (6000,1200,52,300), off, or
    /// REQUESTS,EXECUTION-SECONDS,CONCURRENT[,WINDOW-SECONDS]
    #[arg(long, value_name = "LIMITS", value_parser = protection, default_value = "real")]
    pub(crate) limits: Protection,
    /// An issuer beyond this machine whose tokens may stand in for secrets; may be repeated
    #[arg(long, value_name = "URL", value_parser = issuer)]
    pub(crate) allow_issuer: Vec<String>,
    /// An issuer's keys (a JWK set) in a file, so that it is not asked; may be repeated
    #[arg(long, value_name = "URL=FILE", value_parser = issuer_keys)]
    pub(crate) issuer_keys: Vec<IssuerKeys>,
}

/// The service protection API limits, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Protection(pub(crate) Option<Limits>);

/// `real`, `off`, or the numbers.
pub(super) fn protection(text: &str) -> Result<Protection, String> {
    match text {
        "real" => Ok(Protection(Some(Limits::TODAY))),
        "off" => Ok(Protection(None)),
        numbers => match numbers.parse() {
            Ok(limits) => Ok(Protection(Some(limits))),
            Err(error) => Err(format!("{error}; or give `real` or `off`")),
        },
    }
}

/// A rule that the service had at other times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// Application users take no out-of-the-box role
    CustomRolesOnly,
}

/// An issuer and the file with its keys.
#[derive(Debug, Clone)]
pub(crate) struct IssuerKeys {
    pub(crate) issuer: String,
    pub(crate) file: PathBuf,
}

/// An issuer is asked for its keys, so its address must be one that nobody in between can answer for.
fn issuer(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if is_safe && url.host().is_some() {
        Ok(text.to_owned())
    } else {
        Err("it is neither an https URL nor a loopback one, such as https://token.actions.githubusercontent.com"
            .to_owned())
    }
}

fn issuer_keys(text: &str) -> Result<IssuerKeys, String> {
    // The issuer's URL may hold a `=`, a file's name rarely does.
    match text.rsplit_once('=') {
        Some((issuer, file)) if !issuer.is_empty() && !file.is_empty() => {
            Ok(IssuerKeys { issuer: issuer.to_owned(), file: file.into() })
        }
        _ => Err("it has the form URL=FILE".to_owned()),
    }
}

/// A span of time without a sign: `90s`, `30m`, `1d12h`.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a time like 90s, 30m or 1d12h (units: w, d, h, m, s)".to_owned();
    let shift: Shift = format!("+{text}").parse().map_err(|_| wrong())?;
    Ok(Duration::from_millis(u64::try_from(shift.as_millis()).map_err(|_| wrong())?))
}

/// How long requests may be held back at most: longer, and clients give up.
const LONGEST_LATENCY: Duration = Duration::from_secs(30);

fn latency(text: &str) -> Result<Duration, String> {
    short_time(text, LONGEST_LATENCY)
}

/// A short time: `100ms`, `2s`.
pub(super) fn short_time(text: &str, longest: Duration) -> Result<Duration, String> {
    let number = |digits: &str| digits.parse::<u64>().ok();
    let milliseconds = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => number(digits),
        (None, Some(digits)) => number(digits).and_then(|seconds| seconds.checked_mul(1000)),
        (None, None) => None,
    };
    match milliseconds.map(Duration::from_millis) {
        Some(time) if time <= longest => Ok(time),
        _ => Err(format!("it is a time of at most {} seconds, like 100ms or 2s", longest.as_secs())),
    }
}

/// What an org can answer as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pretence {
    /// An org on a server of one's own, behind Windows authentication: no token opens it
    OnPremises,
    /// An org from before the December 2016 update (8.1), by the version that it tells of itself alone
    Older,
}

/// The data folder alone.
#[derive(Debug, Args)]
pub(crate) struct Folder {
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA)]
    pub(crate) data: PathBuf,
}

/// `org reset`.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Do not ask before
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `org sample`.
#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// How many rows of each table to have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rows: u32,
    /// Which rows: the same seed always makes the same ones
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org credentials`.
#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// Make new ones and write org.env again; the old ones stop working
    #[arg(long, required = true)]
    pub(crate) reset: bool,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org clock`.
#[derive(Debug, Args)]
pub(crate) struct Clock {
    /// Move the org's time: +90d, -2h, +1d12h (w, d, h, m, s)
    #[arg(value_name = "MOVE", allow_hyphen_values = true, conflicts_with_all = ["set", "reset"])]
    pub(crate) shift: Option<Shift>,
    /// Set the org's time
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, conflicts_with = "reset")]
    pub(crate) set: Option<Timestamp>,
    /// Go back to the machine's time
    #[arg(long)]
    pub(crate) reset: bool,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org snapshot` and `org restore`.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// The snapshot's name: letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org snapshots`.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// Forget the snapshot of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Option<String>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org security-group`.
#[derive(Debug, Args)]
pub(crate) struct SecurityGroup {
    /// The org: its name, URL or id, as `org list` shows them
    #[arg(value_name = "ORG")]
    pub(crate) org: String,
    /// The security group: its id, or its name when no other group has it
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,
    /// Let everybody in again
    #[arg(long, conflicts_with = "group")]
    pub(crate) everybody: bool,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org tenant ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Add a tenant; its administrators' credentials are written to DIR/DOMAIN.env
    Add(TenantAdd),
}

/// `org tenant add`.
#[derive(Debug, Args)]
pub(crate) struct TenantAdd {
    /// Its domain, such as contoso.localhost
    #[arg(value_name = "DOMAIN")]
    pub(crate) domain: String,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org add`.
#[derive(Debug, Args)]
pub(crate) struct OrgAdd {
    /// Its name for people
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its tenant: a domain or an id, as `org list` shows them
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) tenant: String,
    /// What it answers as
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) pretend: Option<Pretence>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}
