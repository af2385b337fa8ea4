//! `app-user ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyholder_foundation::ClientId;

use super::OrgPlace;
use super::credential::{LifetimeFlag, SinkFlags, TrustFlags};

/// `app-user ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum AppUser {
    /// Give an application its own way into an org: registration, role, application user, credential
    #[command(
        long_about = "Gives an application its own way into an org: an app registration with its service principal, a \
        security role with the rights that you name, the application user that holds it, and a credential. Then it \
        signs in with nothing but that credential and tries the rights.\n\n\
        It says beforehand what it will do and what that really grants, and asks. What is in place is found and left \
        alone, so a run that was stopped is simply run again. Run again with other roles, it adds: those that the user \
        has stay, and so does its business unit unless you name one. The role of its own grants what you name and \
        nothing else; what it loses by that is said and counted beforehand.\n\n\
        A secret is written where you say and never printed. Better is none at all: `--trust`.",
        after_long_help = "Examples:\n  \
        keyholder app-user create orders-sync --grant 'contact=read:organization' --save-env orders-sync.env\n  \
        keyholder app-user create orders-sync --role 'Orders integration' --save-with 'vault kv put secret/orders value=-'\n  \
        keyholder app-user create nightly --role-file 'Roles/Nightly.xml' \\\n    \
        --trust github --repository contoso/nightly --branch main\n  \
        keyholder app-user create orders-sync --grant 'contact=read:organization' --local --dry-run\n\n\
        Exit codes: with --dry-run, 2 when there is something to do and 0 when there is nothing."
    )]
    Create(Box<AppUserCreate>),
    /// List an org's application users: roles, keys and when they expire, who made them, when they signed in last
    #[command(
        long_about = "Lists an org's application users: whether they are enabled, their roles, when the next of their \
        keys expires, who made them, and when they signed in last, where the directory tells that \
        (AuditLog.Read.All). Those of other tenants, Microsoft's own as a rule, are counted; --all lists them too."
    )]
    List(AppUserList),
    /// Show one with all that there is about it, and what its roles really grant
    Show(AppUserOne),
    /// Let a disabled one in again
    Enable(AppUserOne),
    /// Keep one out: its next request is refused, whatever token it holds; roles, rows and keys stay
    Disable(AppUserOne),
    /// Take one's way in away again: user, role, service principal, registration and keys
    #[command(
        long_about = "Takes an application's way into an org away again. Before it asks, it says what still refers to \
        it: rows that it owns, teams that it is in, other orgs of the tenant that have it.\n\n\
        Its roles are taken off, its user is disabled and deleted (twice, as the org needs it, or a new one of the \
        same application could not be made), and so are the role that was made for it, where nobody else holds it, \
        the service principal and the registration with all its keys. What Keyholder did not register stays in the \
        directory, and so does what other orgs need: only the way into this org is taken.\n\n\
        A run that was stopped is simply run again.",
        after_long_help = "Examples:\n  \
        keyholder app-user remove orders-sync --saved-env orders-sync.env\n  \
        keyholder app-user remove orders-sync --dry-run --local\n  \
        keyholder app-user remove 6cc84382-a4db-4070-b7a4-aacf830aeeb2 --yes --purge\n\n\
        Exit codes: with --dry-run, 2 when there is something to do."
    )]
    Remove(AppUserRemove),
}

impl AppUser {
    /// Where it is done.
    pub(crate) fn place(&self) -> &OrgPlace {
        match self {
            Self::Create(arguments) => &arguments.place,
            Self::List(arguments) => &arguments.place,
            Self::Remove(arguments) => &arguments.place,
            Self::Show(arguments) | Self::Enable(arguments) | Self::Disable(arguments) => &arguments.place,
        }
    }
}

/// `app-user create`.
#[derive(Debug, Args)]
pub(crate) struct AppUserCreate {
    /// The application's name: its registration bears it, and the role that is made for it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) rights: RightsFlags,
    /// The business unit [default: where the user is; for a new one the root one]
    #[arg(long, value_name = "NAME")]
    pub(crate) business_unit: Option<String>,
    /// Use this registration, whoever made it; it will not be removed later. A user that it has keeps its roles and its
    /// business unit
    #[arg(long, value_name = "CLIENT-ID")]
    pub(crate) adopt: Option<ClientId>,
    #[command(flatten)]
    pub(crate) sink: SinkFlags,
    #[command(flatten)]
    pub(crate) lifetime: LifetimeFlag,
    /// Also declare the API permission Dynamics CRM `user_impersonation` and consent to it for the whole tenant;
    /// server-to-server needs neither
    #[arg(long)]
    pub(crate) user_impersonation: bool,
    /// Let other tenants consent to the application
    #[arg(long)]
    pub(crate) multi_tenant: bool,
    /// Give System Administrator where it is named
    #[arg(long)]
    pub(crate) i_know: bool,
    /// For a caller who is no user of the org but administers Power Platform: have Power Platform make the
    /// application user. It gives it System Administrator, which is taken off again at the end
    #[arg(long)]
    pub(crate) via_admin_api: bool,
    /// Do not ask before starting
    #[arg(long)]
    pub(crate) yes: bool,
    /// A token of an issuer that an application accepts instead of a secret: its way in is then proved from here too. In a
    /// pipeline the job's own is taken
    #[arg(long, value_name = "FILE")]
    pub(crate) issuer_token_file: Option<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) trust: TrustFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// What it may do.
#[derive(Debug, Args)]
#[group(id = "rights", required = true, multiple = true)]
pub(crate) struct RightsFlags {
    /// A security role that the org has; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Vec<String>,
    /// What a role of its own grants, such as `contact=read:organization write:business-unit` or
    /// `prvActOnBehalfOfAnotherUser=organization`; may be repeated
    #[arg(long, value_name = "TABLE=VERB:DEPTH")]
    pub(crate) grant: Vec<String>,
    /// What a role of its own grants, from a role file as unpacked solutions have it (Roles/NAME.xml)
    #[arg(long, value_name = "FILE")]
    pub(crate) role_file: Option<PathBuf>,
}

/// `app-user list`.
#[derive(Debug, Args)]
pub(crate) struct AppUserList {
    /// Also those whose registration is another tenant's
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `app-user show`, `enable` and `disable`.
#[derive(Debug, Args)]
pub(crate) struct AppUserOne {
    /// The application: its name, letter by letter, or its client id
    #[arg(value_name = "NAME|CLIENT-ID")]
    pub(crate) who: String,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `app-user remove`.
#[derive(Debug, Args)]
pub(crate) struct AppUserRemove {
    /// The application: its name, letter by letter, or its client id
    #[arg(value_name = "NAME|CLIENT-ID")]
    pub(crate) who: String,
    /// Also remove this env file, where --save-env wrote the way in; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) saved_env: Vec<PathBuf>,
    /// Also remove this file, where --save-secret wrote a secret; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) saved_secret: Vec<PathBuf>,
    /// Remove service principal and registration as well though Keyholder did not make the registration
    #[arg(long)]
    pub(crate) even_if_not_ours: bool,
    /// Remove service principal, registration and keys as well though other orgs need them, or though that could not be
    /// told, as without the right to list the tenant's environments or with a registration for several tenants
    #[arg(long)]
    pub(crate) even_if_used_elsewhere: bool,
    /// Go on though rows belong to it: its row stays in the org, deleted, and they stay its own
    #[arg(long)]
    pub(crate) leave_rows: bool,
    /// Delete what is deleted in the directory for good, instead of restorable for 30 days; namesakes that Keyholder
    /// made and that were deleted earlier as well, as they are listed beforehand
    #[arg(long)]
    pub(crate) purge: bool,
    /// Do not ask before starting
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}
