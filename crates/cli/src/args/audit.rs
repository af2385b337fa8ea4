//! `audit`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use keyholder_service_users::audit::rules::parse_switch;
use keyholder_service_users::audit::{Rule, Severity};
use keyholder_service_users::declaration::parse_lifetime;

use super::{CONNECTION, ConnectionFlags, DEFAULT_DATA};

pub(super) const AUDIT: &str = "Reads which service users there are in all orgs of keyholder.toml (or in one org, \
    or in all of the local org), with their registrations, credentials, roles and sign-ins, and says what is wrong: what has \
    expired or expires soon, what opens more than it should, what nobody uses, what belongs to nobody. For each finding: which \
    orgs and which program it concerns, what breaks and when, and what mends it. It changes nothing and shows no secret.\n\n\
    An org or a tenant that cannot be read is a finding, and so is each fact that the caller may not read.";

pub(super) const EXAMPLES: &str = "Examples:\n  \
    keyholder audit\n  \
    keyholder audit --fail-on warning --baseline audit-baseline.toml\n  \
    keyholder audit --url https://contoso.crm4.dynamics.com --who\n  \
    keyholder audit --local --rule KH104=off --rule KH102=error --expiring 60d\n  \
    keyholder audit --html audit.html --sarif audit.sarif --ics expiries.ics\n  \
    keyholder audit --rules\n\n\
    Exit codes: 0 when it was done, whatever was found; with --fail-on, 3 when there is a finding of that weight or more that \
    is not accepted.";

/// `audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The declaration whose orgs are audited [default: keyholder.toml, unless --url, --profile or --local names
    /// orgs, or --env-file one that it does not declare]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["local", "url"])]
    pub(crate) file: Option<PathBuf>,
    /// Audit all orgs of the local org of a folder: the running one, or one that runs as long as this command
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with_all = CONNECTION
    )]
    pub(crate) local: Option<PathBuf>,
    /// Also list every service user: where, with which roles, what it may do, keys, last sign-in
    #[arg(long)]
    pub(crate) who: bool,
    /// Also count which rows each service user created and changed in the last 30 days, in two more requests for an org; of
    /// these tables by their logical names [default: account, contact, lead, opportunity, incident and the like]
    #[arg(long, value_name = "TABLES", num_args = 0..=1, require_equals = true, value_delimiter = ',', default_missing_value = "")]
    pub(crate) activity: Option<Vec<String>>,
    /// Print the rules with their ids and severities, and do nothing else
    #[arg(long)]
    pub(crate) rules: bool,
    #[command(flatten)]
    pub(crate) judging: JudgingFlags,
    #[command(flatten)]
    pub(crate) reports: ReportFlags,
    #[command(flatten)]
    pub(crate) connection: ConnectionFlags,
}

/// What counts as what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Findings")]
pub(crate) struct JudgingFlags {
    /// End with 3 when there is a finding of this weight or more
    #[arg(long, value_enum, value_name = "WEIGHT")]
    pub(crate) fail_on: Option<Weight>,
    /// Another severity for a rule, or `off`, by its id or name: KH104=off, unused=error; may be repeated
    #[arg(long = "rule", value_name = "RULE=WEIGHT", value_parser = switch)]
    pub(crate) switches: Vec<Switch>,
    /// Accepted findings, each with a reason and an end
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Write a baseline that accepts everything found, with reasons to be filled in; never over a file
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    pub(crate) write_baseline: Option<PathBuf>,
    /// Tell of credentials that end so soon [default: 30d, or what keyholder.toml says]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) expiring: Option<Duration>,
    /// The longest life of a secret or certificate [default: 366d, or what keyholder.toml's policies say]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) longest_lifetime: Option<Duration>,
    /// After how long without a sign-in something is not used [default: 90d, or what keyholder.toml says]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) unused: Option<Duration>,
    /// How old the password of a non-interactive user may be [default: 365d, or what keyholder.toml says]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) password_age: Option<Duration>,
    /// How many non-interactive users an org may have: the org does not tell [default: 7, or what keyholder.toml's policies say]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}

/// Where the report goes in further forms. Each file is written whole or not at all, over the one that is there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct ReportFlags {
    /// Also write the findings as SARIF 2.1.0, for code-scanning pages
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Also write the findings as JUnit's XML; those of the weight of --fail-on fail, or else warnings and errors
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Also write a calendar of what expires (iCalendar), each with alarms 30 and 7 days before
    #[arg(long, value_name = "FILE")]
    pub(crate) ics: Option<PathBuf>,
    /// Also write metrics in Prometheus' text form, as its textfile collector reads them
    #[arg(long, value_name = "FILE")]
    pub(crate) prometheus: Option<PathBuf>,
    /// Also write one page for people: findings, a time-line, requests, who may do what
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// A weight of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Weight {
    /// Worth knowing
    Note,
    /// Should be mended
    Warning,
    /// Does not work, or opens far too much
    Error,
}

impl From<Weight> for Severity {
    fn from(weight: Weight) -> Self {
        match weight {
            Weight::Note => Self::Note,
            Weight::Warning => Self::Warning,
            Weight::Error => Self::Error,
        }
    }
}

/// What is said of a rule: another severity, or off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: Option<Severity>,
}

fn switch(text: &str) -> Result<Switch, String> {
    let (rule, severity) = parse_switch(text)?;
    Ok(Switch { rule, severity })
}

fn time(text: &str) -> Result<Duration, String> {
    parse_lifetime(text).map_err(|problem| format!("it {problem}"))
}
