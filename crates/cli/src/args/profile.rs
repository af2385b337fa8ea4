//! `profile ...`, and the flags by which every command that connects takes one.

use clap::{Args, Subcommand};

use super::{CallerFlags, PlaceFlags};

/// Where settings come from that no flag gives.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings (flags win over --env-file, the environment, the profile and keyholder.toml)")]
pub(crate) struct SourceFlags {
    /// Take what is given nowhere else from this profile [default: the one in use] [env: KEYHOLDER_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Say which setting has which value and where that came from, and do nothing else; no secret is shown
    #[arg(long)]
    pub(crate) explain_config: bool,
}

/// `profile ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Profile {
    /// Keep an org and a caller under a name
    #[command(
        long_about = "Keeps an org and a caller under a name, for all later commands of this user. A profile holds no \
        secret: a secret stays in a file of its own that only you may read (mode 0600), and the profile says which. There \
        is no keyring: on Linux its libraries need D-Bus, which servers and containers lack.\n\n\
        Only what the flags say is kept, nothing of the environment. `--env-file` keeps the way to such a file, as \
        `app-user create --save-env` writes it.\n\nExamples:\n  \
        keyholder profile add orders --env-file orders.env --use\n  \
        keyholder profile add prod --url https://contoso.crm4.dynamics.com --azure-cli\n  \
        keyholder profile add me --url https://contoso.crm4.dynamics.com --username ada@contoso.com"
    )]
    Add(Box<ProfileAdd>),
    /// List the profiles
    List,
    /// Let one be the profile that counts where none is named
    Use(ProfileUse),
    /// Forget a profile; the files that it names stay
    Remove(ProfileRemove),
}

/// `profile add`.
#[derive(Debug, Args)]
pub(crate) struct ProfileAdd {
    /// What it is called: letters, digits, `-`, `_` and `.`, at most 40
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Let it be the profile in use
    #[arg(long = "use")]
    pub(crate) in_use: bool,
    /// Put it in the place of one of that name
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) caller: CallerFlags,
}

/// `profile use`.
#[derive(Debug, Args)]
pub(crate) struct ProfileUse {
    /// Which one
    #[arg(value_name = "NAME", required_unless_present = "none")]
    pub(crate) name: Option<String>,
    /// No profile counts any more unless it is named
    #[arg(long, conflicts_with = "name")]
    pub(crate) none: bool,
}

/// `profile remove`.
#[derive(Debug, Args)]
pub(crate) struct ProfileRemove {
    /// Which one
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
