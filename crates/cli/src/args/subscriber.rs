//! `subscriber ...`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use keyholder_client::OrgUrl;

use super::org::delay;
use super::{DEFAULT_DATA, OrgPlace};

/// `subscriber ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Subscriber {
    /// Take on a customer's tenant: consent link, wait, their administrator's one command, proof
    #[command(
        long_about = "Takes on a customer's tenant for an application that other tenants can consent to. You are \
        nobody in their tenant, so it goes in steps that are not all yours:\n\n  \
        1. It prints the link by which an administrator of theirs consents, and waits until that has happened: until \
        the application's own key gets a token of their tenant.\n  \
        2. It prints one command with which a System Administrator of their org makes the application user with the \
        same rights there; `--write-declaration` writes the same as a keyholder.toml for them.\n  \
        3. It proves the way in: WhoAmI in their org with the application's own key, and its rights by reading.\n\n\
        Run it again at any time: what has happened is found so. When keyholder.toml declares the application, the \
        subscriber is added to the file, for `subscriber list`.\n\n\
        URL, tenant and caller below are yours, the publisher's, who looks at the registration.",
        after_long_help = "Examples:\n  \
        keyholder subscriber add fabrikam.com --app orders-cloud --their-org https://fabrikam.crm.dynamics.com\n  \
        keyholder subscriber add fabrikam.com --app orders-cloud --wait 0s\n  \
        keyholder subscriber add fabrikam.com --app orders-cloud --their-org https://fabrikam.crm.dynamics.com \\\n    \
        --write-declaration for-fabrikam.toml\n\n\
        Exit codes: 77 when they have not consented within `--wait`, unless that is 0s."
    )]
    Add(Box<SubscriberAdd>),
    /// Show how far each customer's tenant is: consented, user in their org, roles, proved
    #[command(
        long_about = "Looks at every subscriber of keyholder.toml with the application's own key, side by side: \
        whether their tenant has consented, whether their org has the application user and which roles it holds, and \
        whether the way in works: WhoAmI, and all that the declared roles let it read.\n\n\
        Nobody has to sign in for that, and nothing is changed.",
        after_long_help = "Examples:\n  \
        keyholder subscriber list\n  \
        keyholder subscriber list --app orders-cloud --key-file orders-cloud.env --output json\n\n\
        Exit codes: 0 also when some have not consented yet; that of the first trouble when a subscriber cannot be \
        looked at."
    )]
    List(SubscriberList),
}

/// `subscriber add`.
#[derive(Debug, Args)]
pub(crate) struct SubscriberAdd {
    /// Their tenant: its id, or one of its domains
    #[arg(value_name = "TENANT", id = "subscriber")]
    pub(crate) tenant: String,
    /// The application: its name in keyholder.toml or in the directory, or its client id
    #[arg(long, value_name = "NAME|CLIENT-ID")]
    pub(crate) app: String,
    /// The org of theirs that it is to reach
    #[arg(long, value_name = "URL")]
    pub(crate) their_org: Option<OrgUrl>,
    /// What to call them in keyholder.toml [default: their domain up to the first dot]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long to wait for their consent: 30m, 2h, 1d; 0s only looks
    #[arg(long, value_name = "TIME", value_parser = delay, default_value = "15m")]
    pub(crate) wait: Duration,
    /// What the consent page hands back to the application's redirect address [default: something random]
    #[arg(long, value_name = "TEXT")]
    pub(crate) state: Option<String>,
    /// Write what their administrator declares to this file, for `keyholder apply --file FILE`
    #[arg(long, value_name = "FILE", requires = "their_org")]
    pub(crate) write_declaration: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) known: KnownFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `subscriber list`.
#[derive(Debug, Args)]
pub(crate) struct SubscriberList {
    /// Only the subscribers of this application of keyholder.toml
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Look at the rehearsal on the local org of a folder: with the keys that `apply --local` kept there
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT_DATA,
        conflicts_with = "key_file"
    )]
    pub(crate) local: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) known: KnownFlags,
}

/// What is known of the application.
#[derive(Debug, Args)]
pub(crate) struct KnownFlags {
    /// The declaration [default: keyholder.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// An env file with the application's own key (secret, certificate or federated), where keyholder.toml declares
    /// none that can be read
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}
