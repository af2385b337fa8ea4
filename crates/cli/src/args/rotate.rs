//! `rotate`.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use keyholder_foundation::KeyId;
use keyholder_service_users::declaration::parse_lifetime;

use super::Declared;
use super::credential::{SinkFlags, TrustFlags};
use super::org::short_time;

pub(super) const ROTATE: &str = "Replaces credentials that work, so that nothing stops working for it. For each: a new one is \
    made, waited for until it works everywhere, proved by signing in and by WhoAmI in every org, and written to its place; \
    then the old one is revoked. A new one that an org does not let in, or that its place refuses, is revoked, and the \
    old one is left; where the place fails and may have taken it, both are left. What is written to a Kubernetes manifest \
    in a file you have to apply: the old one is left until `--overlap` says how long.\n\n\
    With `--due` or `--all`, or an application and no place, it is about what keyholder.toml declares, in the declared \
    places and orgs: secrets, certificates, and the passwords of non-interactive users (with `--due` those that \
    `--passwords-older-than` names). With `--save-...` it is about the one that this place holds.\n\n\
    A run that was stopped anywhere leaves a credential in the place that works: run it again, it goes on. Two runs never \
    replace the same credential: the second one is refused. A file that was copied or moved is refused, for the first one may \
    be in use: the error says how to go on. The credential that the command itself is signed in with is refused too, unless \
    you say `--even-my-own`.";

pub(super) const EXAMPLES: &str = "Examples:\n  \
    keyholder rotate orders-sync --save-env orders-sync.env\n  \
    keyholder rotate orders-sync --save-with 'vault kv put secret/orders value=-' --overlap 7d\n  \
    keyholder rotate orders-sync --to federated --trust github --repository contoso/orders --environment production\n  \
    keyholder rotate --due 30d --dry-run\n  \
    keyholder rotate --due 30d --yes\n  \
    keyholder rotate --all --overlap 1d --yes --output json";

/// What a secret or certificate is replaced by for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// Tokens of another issuer: no secret at all
    Federated,
}

fn waiting_time(text: &str) -> Result<Duration, String> {
    short_time(text, Duration::from_secs(60 * 60)).or_else(|_| parse_lifetime(text))
}

/// `rotate`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true).args(["who", "due", "all"]))]
pub(crate) struct Rotate {
    /// The application, by its name or its client id
    #[arg(value_name = "APP", conflicts_with = "all")]
    pub(crate) who: Option<String>,
    /// Every declared credential that works no longer than this: 30d, 2w
    #[arg(long, value_name = "TIME", value_parser = parse_lifetime)]
    pub(crate) due: Option<Duration>,
    /// Every declared credential, however long it works
    #[arg(long, conflicts_with = "due")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) sink: SinkFlags,
    /// Replace a secret or certificate for good: by tokens of the issuer that `--trust` names. It is revoked once a sign-in
    /// with such a token stands in the directory's log
    #[arg(long, value_enum, value_name = "KIND", requires_all = ["who", "trust"], conflicts_with_all = ["sink", "due", "lifetime", "overlap", "keep_old"])]
    pub(crate) to: Option<To>,
    /// With `--to federated`: revoke it at once, whether or not the application gets in with a token
    #[arg(long, requires = "to", conflicts_with = "wait_for_use")]
    pub(crate) without_proof: bool,
    #[command(flatten)]
    pub(crate) trust: TrustFlags,
    /// The credential that goes, by its id, where the place does not tell
    #[arg(long, value_name = "ID", requires = "who")]
    pub(crate) replaces: Option<KeyId>,
    /// How long the new one works: 90d, 26w, 12h [default: as declared, or as long as the old one did]
    #[arg(long, value_name = "TIME", value_parser = parse_lifetime)]
    pub(crate) lifetime: Option<Duration>,
    /// Let the old one work this long beside the new one; the same command, run later, revokes it
    #[arg(long, value_name = "TIME", value_parser = parse_lifetime, conflicts_with = "keep_old")]
    pub(crate) overlap: Option<Duration>,
    /// Let the old one work until this command is run without this
    #[arg(long)]
    pub(crate) keep_old: bool,
    /// Revoke the old one only once somebody else has signed in with the new one, and nobody with the old one in the 90
    /// minutes before, as the directory's report on credentials shows; look for that this long (it may be hours behind);
    /// the same command, run later, goes on looking. The report does not say who signed in: `plan`, `apply` and `doctor`
    /// with the new one count too
    #[arg(long, value_name = "TIME", value_parser = waiting_time)]
    pub(crate) wait_for_use: Option<Duration>,
    /// With `--due`: also the passwords of declared non-interactive users that were set longer ago than this
    #[arg(long, value_name = "TIME", value_parser = parse_lifetime, requires = "due", conflicts_with = "all")]
    pub(crate) passwords_older_than: Option<Duration>,
    /// Also the credential that this command is signed in with
    #[arg(long)]
    pub(crate) even_my_own: bool,
    /// Say what would be done and when, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) declared: Declared,
}
