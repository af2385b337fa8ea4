//! `doctor`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use keyholder_service_users::doctor::Asked;

use super::{DEFAULT_DATA, OrgPlace};

/// The long help.
pub(crate) const DOCTOR: &str = "Goes the way in with one credential, step by step, and says where it ends and why: host name, \
    proxy, certificate, whether it is a Dataverse org at all, the authority, the tenant, the application, its credential \
    and when that ends, consent, the token's claims, the org user, access mode, roles, limits. Each step that fails is told \
    with the service's code, what it means, the command or click that mends it, and who has the right to do so. What could \
    not be looked at is told too, and why.\n\n\
    `--can` asks whether a request would be allowed, and which privilege is missing: nothing is sent that changes \
    anything. What the application may not see of itself, an administrator sees: name one with \
    `--administrator-env-file` or `--administrator-local`.\n\n\
    `--mend` does what the administrator may do about it, after asking: let a disabled user in again and, with `--role`, \
    make the application user or give it the role.\n\n\
    Examples:\n  \
    keyholder doctor --env-file orders-sync.env\n  \
    keyholder doctor --env-file orders-sync.env --can 'PATCH accounts(...)' --can prvDeleteContact\n  \
    keyholder doctor --env-file orders-sync.env --administrator-local --mend\n  \
    keyholder doctor --local --output json\n\n\
    Exit codes: 0 when nothing is in the way; else that of the first step that failed: 69 out of reach, 77 not allowed, \
    78 a setting, 65 a request that the org would refuse.";

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// What it should be able to do: a privilege, or a request such as 'GET contacts?$top=3'; may be repeated
    #[arg(long, value_name = "PRIVILEGE|REQUEST", value_parser = Asked::from_str)]
    pub(crate) can: Vec<Asked>,
    /// Do what the administrator may do about it, after asking
    #[arg(long, requires = "administrator")]
    pub(crate) mend: bool,
    /// With --mend: a role of the org for an application without a user or role; may be repeated
    #[arg(long, value_name = "NAME", requires = "mend")]
    pub(crate) role: Vec<String>,
    /// With --mend: do not ask before
    #[arg(long, requires = "mend")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) administrator: AdministratorFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// Somebody who sees more than the application.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Administrator (who sees what the application may not)")]
#[group(id = "administrator", multiple = false)]
pub(crate) struct AdministratorFlags {
    /// An env file with the administrator's way in; with the org's URL alone, the sign-in that `keyholder login` kept
    #[arg(long, value_name = "FILE")]
    pub(crate) administrator_env_file: Option<PathBuf>,
    /// The administering application of a folder's local org
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = DEFAULT_DATA)]
    pub(crate) administrator_local: Option<PathBuf>,
}
