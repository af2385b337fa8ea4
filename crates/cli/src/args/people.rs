//! `org conditional-access`, `org multi-factor`, `org password-expiry`, `org licences` and
//! `org persona`: what a tenant asks of its people, and people to try things as.

use clap::{Args, ValueEnum};

use super::Folder;

/// Which tenant.
#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    /// The tenant: a domain or an id, as `org list` shows them; the first one when not given
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

/// `org conditional-access`.
#[derive(Debug, Args)]
pub(crate) struct ConditionalAccess {
    /// What every sign-in of a person must meet; shows what holds now when not given
    #[arg(value_enum, value_name = "RULE")]
    pub(crate) rule: Option<Rule>,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What a tenant demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// Nothing beyond the password
    None,
    /// A second factor; programs with username and password get AADSTS50076
    MultiFactor,
    /// Nobody signs in: AADSTS53003
    Block,
}

/// `org multi-factor`.
#[derive(Debug, Args)]
pub(crate) struct MultiFactor {
    /// The person: a sign-in name or an object id
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    /// How far the person is with a second factor
    #[arg(value_enum, value_name = "STATE")]
    pub(crate) state: Factor,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// How far a person is with a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Factor {
    /// None is asked for
    Disabled,
    /// One must be registered in a browser first: AADSTS50079
    Enabled,
    /// One is asked for at every sign-in: AADSTS50076
    Enforced,
}

/// `org password-expiry`.
#[derive(Debug, Args)]
pub(crate) struct PasswordExpiry {
    /// For how many days a password is good after it was set, or `never`
    #[arg(value_name = "DAYS", value_parser = days)]
    pub(crate) days: Days,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// A number of days, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days(pub(crate) Option<u32>);

fn days(text: &str) -> Result<Days, String> {
    if text == "never" {
        return Ok(Days(None));
    }
    text.parse().map(|days| Days(Some(days))).map_err(|_| "it is a number of days, or `never`".to_owned())
}

/// `org licences`.
#[derive(Debug, Args)]
pub(crate) struct Licences {
    /// The licence: its name such as DYN365_ENTERPRISE_PLAN1, or its id
    #[arg(value_name = "SKU")]
    pub(crate) sku: String,
    /// How many the tenant has bought
    #[arg(value_name = "N")]
    pub(crate) units: u32,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// `org persona`.
#[derive(Debug, Args)]
pub(crate) struct Persona {
    /// Who
    #[arg(value_enum, value_name = "WHO")]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// Somebody to try things as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Who {
    /// A partner's administrator: may do much, and cannot set up service users
    DelegatedAdministrator,
    /// A person of the tenant with a licence, without any directory or security role
    WithoutRights,
}
