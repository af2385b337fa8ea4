//! `role ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OrgPlace;

/// `role ...`.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// List the security roles of an org
    #[command(after_long_help = "Examples:\n  \
        keyholder role list\n  \
        keyholder role list --output json")]
    List(RoleList),
    /// Show what a role grants, in words and as rights, and who holds it
    #[command(
        long_about = "Shows what a security role really grants, in words and as keyholder.toml says it, and the users and \
        teams that hold it in any business unit. What every new role gets is left out.",
        after_long_help = "Examples:\n  \
        keyholder role show 'Orders integration'\n  \
        keyholder role show 6f1c2d3e-5a4b-8c7d-9e0f-112233445566 --output json"
    )]
    Show(RoleOne),
    /// Make a role that grants exactly what you name
    #[command(
        long_about = "Makes a security role that grants exactly what you name, beyond what every new role gets. It says \
        beforehand what that really grants, and asks. The same role again is found in place; one of that name that grants \
        something else is left alone, with the difference, unless `--update`.",
        after_long_help = "Examples:\n  \
        keyholder role create 'Orders integration' --grant 'contact=read:organization write:business-unit'\n  \
        keyholder role create Nightly --from-file Roles/Nightly.xml --dry-run\n\n\
        Exit codes: with --dry-run, 2 when there is something to do and 0 when there is nothing."
    )]
    Create(RoleCreate),
    /// Say how two roles differ, or a role and a file
    #[command(
        long_about = "Says how two security roles of an org differ in what they grant, or a role and a role file, or a role \
        and the one that keyholder.toml declares. What every new role gets is left out.",
        after_long_help = "Examples:\n  \
        keyholder role diff 'Orders integration' 'Orders integration (old)'\n  \
        keyholder role diff Nightly --file Roles/Nightly.xml\n  \
        keyholder role diff 'Orders integration' --declared orders\n\n\
        Exit codes: 0 when they grant the same, 2 when they differ."
    )]
    Diff(RoleDiff),
    /// Print a role as an entry of keyholder.toml, or as a role file
    #[command(after_long_help = "Examples:\n  \
        keyholder role export 'Orders integration' >> keyholder.toml\n  \
        keyholder role export Nightly --xml > Roles/Nightly.xml")]
    Export(RoleExport),
}

impl Role {
    /// Where it is done.
    pub(crate) fn place(&self) -> &OrgPlace {
        match self {
            Self::List(arguments) => &arguments.place,
            Self::Show(arguments) => &arguments.place,
            Self::Create(arguments) => &arguments.place,
            Self::Diff(arguments) => &arguments.place,
            Self::Export(arguments) => &arguments.place,
        }
    }
}

/// `role list`.
#[derive(Debug, Args)]
pub(crate) struct RoleList {
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `role show`.
#[derive(Debug, Args)]
pub(crate) struct RoleOne {
    /// The role, by its name or its id
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `role create`.
#[derive(Debug, Args)]
pub(crate) struct RoleCreate {
    /// Its name, at most 100 characters
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it grants, such as `contact=read:organization write:business-unit` or
    /// `prvActOnBehalfOfAnotherUser=organization`; may be repeated
    #[arg(long, value_name = "TABLE=VERB:DEPTH", required_unless_present = "from_file")]
    pub(crate) grant: Vec<String>,
    /// What it grants, from a role file as unpacked solutions have it (Roles/NAME.xml)
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Leave out privileges of the file that the org does not have, and say which: those of tables that are not there
    #[arg(long, requires = "from_file")]
    pub(crate) leave_out_unknown: bool,
    /// Change a role of that name that grants something else, whoever made it
    #[arg(long)]
    pub(crate) update: bool,
    /// Do not ask before starting
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `role diff`.
#[derive(Debug, Args)]
pub(crate) struct RoleDiff {
    /// A role of the org, by its name or its id
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    /// Another role of the org
    #[arg(value_name = "OTHER", group = "other")]
    pub(crate) with: Option<String>,
    /// A role file as unpacked solutions have it
    #[arg(long, value_name = "FILE", group = "other")]
    pub(crate) file: Option<PathBuf>,
    /// A role of the declaration, by its name there
    #[arg(long, value_name = "NAME", group = "other")]
    pub(crate) declared: Option<String>,
    /// The declaration
    #[arg(long, value_name = "FILE", default_value = "keyholder.toml", requires = "declared")]
    pub(crate) declaration: PathBuf,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `role export`.
#[derive(Debug, Args)]
pub(crate) struct RoleExport {
    /// The role, by its name or its id
    #[arg(value_name = "ROLE")]
    pub(crate) role: String,
    /// As a role file, `Roles/NAME.xml` of unpacked solutions, with every privilege
    #[arg(long)]
    pub(crate) xml: bool,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}
