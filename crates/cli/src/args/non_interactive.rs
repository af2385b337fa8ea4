//! `non-interactive ...`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use keyholder_service_users::declaration::{KubernetesSecret, VaultSecret};

use super::OrgPlace;
use super::credential::{LifetimeFlag, SinkFlags, TrustFlags};
use super::org::delay;

/// `non-interactive ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum NonInteractive {
    /// Make a non-interactive user: the licence that this takes is borrowed and given back
    #[command(long_about = "Makes a non-interactive user from nothing: a directory user with a generated password, \
        a borrowed licence, the user in the org (minutes to hours on a real one; it is waited for), its roles, the \
        access mode Non-interactive; then the licence is given back, and the org is asked whether all of that still \
        stands.\n\n\
        A run that was stopped is simply run again: it goes on from there. When it fails, the licence is given \
        back. The password is written where you say and never printed.\n\n\
        An org may have only seven of them. An application user has no limit, no password and no licence: take one \
        wherever the program on the other side allows it.")]
    Create(Box<NonInteractiveCreate>),
    /// Turn an existing user into a non-interactive one and free the licence
    #[command(long_about = "Turns a person of the directory into a non-interactive user, in five steps: they have a \
        licence (or borrow one), the org has a user for them, the access mode is set, the licences that let them \
        into Dataverse are taken off, and the org is asked whether the access mode still stands.\n\n\
        Each step that is done already is found so. Password, roles and business unit stay unless you name others. \
        Licences for other things, such as Office, stay; what a group gives is told and stays.")]
    Convert(NonInteractiveConvert),
    /// List an org's non-interactive users, the places that they take, and licences held for nothing
    List(NonInteractiveList),
    /// Make an application user with the same rights, and say what still signs in with the old one
    #[command(
        long_about = "Makes an application user with the rights of a non-interactive user (or of any person's \
        user): in the same business unit, with the same roles, in the same teams; and proves it by a sign-in. The \
        old one stays as it is. Then it says which programs still sign in with it, as the directory's sign-in log \
        has them: move those, and give the old one back with `release`.",
        after_long_help = "Examples:\n  \
        keyholder non-interactive migrate svc-orders@contoso.com --save-env svc-orders-app.env\n  \
        keyholder non-interactive migrate svc-orders@contoso.com --trust github --repository contoso/orders --branch main"
    )]
    Migrate(Box<NonInteractiveMigrate>),
    /// Give back what a non-interactive user takes: a licence, its place, or all of it
    #[command(long_about = "Gives back what a non-interactive user takes. Without --slot it is the licence alone, \
        which a non-interactive user does not need: it goes on working. With --slot, its place among the few that \
        an org may have is given back too.")]
    Release(NonInteractiveRelease),
}

impl NonInteractive {
    /// Where it is done.
    pub(crate) fn place(&self) -> &OrgPlace {
        match self {
            Self::Create(arguments) => &arguments.place,
            Self::Convert(arguments) => &arguments.place,
            Self::List(arguments) => &arguments.place,
            Self::Migrate(arguments) => &arguments.place,
            Self::Release(arguments) => &arguments.place,
        }
    }
}

/// What `create` and `convert` share.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveWish {
    /// The business unit [default: the root one, or the one that the user is in]
    #[arg(long, value_name = "NAME")]
    pub(crate) business_unit: Option<String>,
    /// Which licence to borrow, by SKU part number or id [default: any that lets people into Dataverse and is free]
    #[arg(long, value_name = "SKU")]
    pub(crate) licence: Option<String>,
    /// Where it is used, as licences must know: two letters, such as DE or US
    #[arg(long, value_name = "COUNTRY", value_parser = country)]
    pub(crate) usage_location: Option<String>,
    /// How long to wait for the org: 30m, 2h, 1d
    #[arg(long, value_name = "TIME", value_parser = delay, default_value = "2h")]
    pub(crate) wait: Duration,
    /// How many non-interactive users the org may have: the org does not tell
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) limit: u32,
    /// Give System Administrator where it is named
    #[arg(long)]
    pub(crate) i_know: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `non-interactive create`.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveCreate {
    /// The user name, such as svc-orders@contoso.com
    #[arg(value_name = "USER", value_parser = user_name)]
    pub(crate) user: String,
    /// Its name for people (default: what stands before the at sign)
    #[arg(long, value_name = "NAME")]
    pub(crate) display_name: Option<String>,
    /// A security role that it gets; may be repeated
    #[arg(long, value_name = "NAME", default_value = "Basic User")]
    pub(crate) role: Vec<String>,
    #[command(flatten)]
    pub(crate) password: PasswordPlace,
    /// Give it a first password that has to be changed, as some tenants' rules have it, and change it at once
    #[arg(long)]
    pub(crate) change_first_password: bool,
    #[command(flatten)]
    pub(crate) wish: NonInteractiveWish,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// Where a generated password goes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("password_place").required(true).args(["save_env", "save_password", "save_with", "save_kubernetes", "save_key_vault"]))]
#[group(skip)]
pub(crate) struct PasswordPlace {
    /// Write the way in to an env file (NAME=value), readable by you alone: user name, password, org
    #[arg(long, value_name = "FILE")]
    pub(crate) save_env: Option<PathBuf>,
    /// Write the password alone to a file, readable by you alone
    #[arg(long, value_name = "FILE")]
    pub(crate) save_password: Option<PathBuf>,
    /// Hand the password to a program on its standard input, such as a vault's: a program and its arguments, by blanks
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) save_with: Option<String>,
    /// Write the way in to the manifest of a Kubernetes Secret, for `kubectl apply -f`, readable by you alone
    #[arg(long, value_name = "FILE", requires = "kubernetes_secret")]
    pub(crate) save_kubernetes: Option<PathBuf>,
    /// The Kubernetes Secret; with --save-with, the program reads its manifest
    #[arg(long, value_name = "[NAMESPACE/]NAME", conflicts_with_all = ["save_env", "save_password", "save_key_vault"])]
    pub(crate) kubernetes_secret: Option<KubernetesSecret>,
    /// Keep the password in an Azure key vault, `https://NAME.vault.azure.net/secrets/SECRET`, which your own sign-in
    /// opens
    #[arg(long, value_name = "URL")]
    pub(crate) save_key_vault: Option<VaultSecret>,
}

/// `non-interactive convert`.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveConvert {
    /// The user name
    #[arg(value_name = "USER", value_parser = user_name)]
    pub(crate) user: String,
    /// A further security role that it gets; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Vec<String>,
    #[command(flatten)]
    pub(crate) wish: NonInteractiveWish,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `non-interactive list`.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveList {
    /// How many non-interactive users the org may have: the org does not tell
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `non-interactive migrate`.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveMigrate {
    /// The user name of the old one
    #[arg(value_name = "USER", value_parser = user_name)]
    pub(crate) user: String,
    /// The name of the application's registration (default: what stands before the at sign)
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) sink: SinkFlags,
    #[command(flatten)]
    pub(crate) lifetime: LifetimeFlag,
    #[command(flatten)]
    pub(crate) trust: TrustFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `non-interactive release`.
#[derive(Debug, Args)]
pub(crate) struct NonInteractiveRelease {
    /// The user name
    #[arg(value_name = "USER", value_parser = user_name)]
    pub(crate) user: String,
    /// Give its place back too, and what becomes of the user
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) slot: Option<Slot>,
    /// With `--slot remove`: delete a person whom Keyholder did not make as well
    #[arg(long, requires = "slot")]
    pub(crate) even_if_not_ours: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// What becomes of a user whose place is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Slot {
    /// Disabled in the org; `create` or `convert` brings it back
    Disable,
    /// An ordinary user, who needs a licence of their own
    ReadWrite,
    /// Disabled in the org and deleted from the directory
    Remove,
}

/// Anything but nothing: the directory would be asked for everybody.
fn user_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("it is empty: a user name is NAME@DOMAIN, such as svc-orders@contoso.com".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// Two letters of ISO 3166.
fn country(text: &str) -> Result<String, String> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("it is two letters of ISO 3166, such as DE or US".to_owned())
    }
}
