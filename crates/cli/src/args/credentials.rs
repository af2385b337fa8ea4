//! `credential ...`.

use clap::{ArgGroup, Args, Subcommand};

use super::OrgPlace;
use super::credential::{LifetimeFlag, SinkFlags, TrustFlags};

/// `credential ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Credential {
    /// List everything that an application can sign in with
    #[command(
        long_about = "Lists everything that an application can sign in with: client secrets, certificates and \
        federated credentials, with their ids, until when they work, and whether Keyholder made them. What ends first \
        stands first.\n\nIt shows no secret: the directory never tells one again.",
        after_long_help = "Examples:\n  \
        keyholder credential list orders-sync\n  \
        keyholder credential list 0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001 --output json"
    )]
    List(CredentialList),
    /// Give an application one more credential, and prove it by a sign-in
    #[command(
        long_about = "Gives an application one more credential: a client secret, a certificate, or the tokens of another \
        issuer. A secret or certificate is written where you say and nowhere else, and a sign-in proves that it works; \
        one that cannot be written is revoked at once. A certificate's key is made on this machine, and only the \
        certificate goes to the directory.\n\n\
        What the same file held before goes on working, so that programs can move over: revoke it then.\n\n\
        Best is no secret at all: `--trust`.",
        after_long_help = "Examples:\n  \
        keyholder credential add orders-sync --secret --lifetime 90d --save-env orders-sync.env\n  \
        keyholder credential add orders-sync --certificate --save-key orders-sync.pem\n  \
        keyholder credential add orders-sync --certificate --save-with 'vault kv put secret/orders pem=-'\n  \
        keyholder credential add orders-sync --trust github --repository contoso/orders --environment production\n  \
        keyholder credential add orders-sync --trust kubernetes --issuer https://oidc.example.com/ \\\n    \
        --namespace sync --service-account orders"
    )]
    Add(Box<CredentialAdd>),
    /// Take a credential from an application
    #[command(
        long_about = "Takes a credential from an application, by its id (`keyholder credential list` shows it). Nothing \
        gets a token with it any more; tokens that were got before are good until they expire, an hour as a rule.\n\n\
        The last one that works is refused: without it nothing signs in as the application. What is gone already is no \
        failure.",
        after_long_help = "Examples:\n  \
        keyholder credential revoke orders-sync 4f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01\n  \
        keyholder credential revoke orders-sync keyholder-github-contoso-orders-1a2b3c4d --yes"
    )]
    Revoke(CredentialRevoke),
}

impl Credential {
    /// Where it is done.
    pub(crate) fn place(&self) -> &OrgPlace {
        match self {
            Self::List(arguments) => &arguments.place,
            Self::Add(arguments) => &arguments.place,
            Self::Revoke(arguments) => &arguments.place,
        }
    }
}

/// `credential list`.
#[derive(Debug, Args)]
pub(crate) struct CredentialList {
    /// The application, by its name or its client id
    #[arg(value_name = "APP")]
    pub(crate) who: String,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `credential add`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["secret", "certificate", "trust"]))]
pub(crate) struct CredentialAdd {
    /// The application, by its name or its client id
    #[arg(value_name = "APP")]
    pub(crate) who: String,
    /// Make a client secret
    #[arg(long)]
    pub(crate) secret: bool,
    #[command(flatten)]
    pub(crate) sink: SinkFlags,
    /// Show the secret once, on this terminal; refused when the output goes anywhere else
    #[arg(long, conflicts_with_all = ["sink", "certificate", "trust"])]
    pub(crate) show_secret: bool,
    #[command(flatten)]
    pub(crate) lifetime: LifetimeFlag,
    #[command(flatten)]
    pub(crate) trust: TrustFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `credential revoke`.
#[derive(Debug, Args)]
pub(crate) struct CredentialRevoke {
    /// The application, by its name or its client id
    #[arg(value_name = "APP")]
    pub(crate) who: String,
    /// The credential's id; for a federated credential also its name
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Revoke even the last one that works
    #[arg(long)]
    pub(crate) even_the_last: bool,
    /// Do not ask before
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}
