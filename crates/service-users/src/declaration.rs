//! What `keyholder.toml` says, as plain data: which service users there shall be, with which roles
//! and credentials, in which orgs.
//!
//! The names of things are the table keys of the file, and how the file refers to them: an
//! application user names its orgs and roles, an org names its tenant. Reading a file into these
//! types, with the line of each mistake, is the modules' work below this one; comparing them with
//! what there is, is planning's.

mod check;
pub(crate) mod document;
pub mod federation;
mod lifetime;
mod mistakes;
mod nearest;
mod places;
mod print;
mod reading;
mod rights;
mod schema;
pub(crate) mod shape;
mod sink;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyholder_foundation::ClientId;
use keyholder_security::{Depth, Verb};

use keyholder_client::OrgUrl;

use crate::audit::Switches;

pub(crate) use check::is_entry_name;
pub use lifetime::{parse_lifetime, print_lifetime};
pub use mistakes::{Mistake, Mistakes, Position};
pub use nearest::nearest;
pub use places::{Places, Section};
pub use print::{print_declaration, print_subscriber};
pub use reading::{LARGEST_FILE, ReadError};
pub use rights::{is_privilege_name, parse_grant, parse_rights, print_depth, print_rights, print_verb, read_role_file};
pub use schema::json_schema;
pub use sink::{GitHubPlace, GitHubSecret, KubernetesSecret, Sink, VaultSecret};
pub use words::in_words;

/// A whole declaration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declaration {
    /// Which declaration this is, where several manage the same tenant: what one of them made, the
    /// pruning of another leaves alone. At most 40 characters.
    pub name: Option<String>,
    /// The directories.
    pub tenants: BTreeMap<String, Tenant>,
    /// The orgs.
    pub orgs: BTreeMap<String, Org>,
    /// The security roles.
    pub roles: BTreeMap<String, Role>,
    /// The application users, by name; each is one app registration.
    pub application_users: BTreeMap<String, ApplicationUser>,
    /// The non-interactive users, by name; each is one directory user.
    pub non_interactive_users: BTreeMap<String, NonInteractiveUser>,
    /// Other people's tenants that use the applications, by names of one's own.
    pub subscribers: BTreeMap<String, Subscriber>,
    /// What shall not be, whoever asks for it.
    pub policies: Policies,
    /// Where audits draw their lines.
    pub audit: AuditLines,
}

/// A Microsoft Entra tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id or one of its domains.
    pub id: String,
}

/// A Dataverse org (an environment).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Org {
    /// Its address.
    pub url: OrgUrl,
    /// The name of its tenant in the declaration; without, whichever the org itself says that it
    /// belongs to.
    pub tenant: Option<String>,
    /// The environment's id in Power Platform, where it is not the one that is found by the address.
    pub environment: Option<String>,
}

/// A security role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name in the orgs; at most 100 characters.
    pub name: String,
    /// Where its privileges come from.
    pub source: RoleSource,
    /// Whether a role of that name that Keyholder did not make is taken over.
    pub adopt: bool,
}

/// Where a role's privileges come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSource {
    /// Declared: exactly these, beyond what every new role gets.
    Rights(Vec<Right>),
    /// A role of the org, used as it is and never changed.
    Existing,
}

/// One right that a role grants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// A verb on a table.
    Table {
        /// The table's logical name, `contact`.
        table: String,
        /// What may be done.
        verb: Verb,
        /// How far it reaches.
        depth: Depth,
    },
    /// Every verb that the table has; one that belongs to the whole organization has neither
    /// assign nor share.
    Every {
        /// The table's logical name.
        table: String,
        /// How far they reach.
        depth: Depth,
    },
    /// A privilege by its own name, `prvActOnBehalfOfAnotherUser`.
    Privilege {
        /// Its name.
        name: String,
        /// How far it reaches.
        depth: Depth,
    },
}

impl Right {
    pub(crate) fn depth(&self) -> Depth {
        match self {
            Self::Table { depth, .. } | Self::Every { depth, .. } | Self::Privilege { depth, .. } => *depth,
        }
    }

    /// The same, reaching that far.
    pub(crate) fn at(&self, wanted: Depth) -> Self {
        let mut right = self.clone();
        match &mut right {
            Self::Table { depth, .. } | Self::Every { depth, .. } | Self::Privilege { depth, .. } => *depth = wanted,
        }
        right
    }
}

/// An application user, with its app registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationUser {
    /// The registration's name; at most 120 characters.
    pub name: String,
    /// The registration to use, whoever made it. Without, one of that name is found again only
    /// when Keyholder made it.
    pub client_id: Option<ClientId>,
    /// The names of its orgs in the declaration, all of one tenant unless `multi_tenant`.
    pub orgs: Vec<String>,
    /// The name of its business unit, the same in each org; the root one when not given.
    pub business_unit: Option<String>,
    /// The names of its roles in the declaration.
    pub roles: Vec<String>,
    /// How it signs in. Empty for one whose credentials others look after: it cannot be proved.
    pub credentials: Vec<Credential>,
    /// Whether the registration declares Dynamics CRM `user_impersonation` and gets tenant-wide
    /// consent to it, which server-to-server does not need.
    pub user_impersonation: bool,
    /// Whether other tenants can consent to the application.
    pub multi_tenant: bool,
}

/// A way for an application to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A client secret.
    Secret {
        /// How long a new one works.
        lifetime: Duration,
        /// Where its text goes.
        sink: Sink,
    },
    /// A certificate, whose key is made here.
    Certificate {
        /// How long a new one works.
        lifetime: Duration,
        /// Where key and certificate go.
        sink: Sink,
    },
    /// Tokens of another issuer: no secret at all.
    Federated(Federation),
}

/// Whose tokens an application may show instead of a secret, after Microsoft Graph's
/// `federatedIdentityCredential`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// Its name on the registration; 3 to 120 characters, URL-safe.
    pub name: String,
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly.
    pub subject: String,
    /// `aud`.
    pub audience: String,
}

/// A non-interactive user: a directory user that reaches an org's data by the services alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonInteractiveUser {
    /// Its user name (user principal name) in the directory.
    pub user_name: String,
    /// Its name for people.
    pub display_name: String,
    /// The names of its orgs in the declaration, all of one tenant.
    pub orgs: Vec<String>,
    /// The name of its business unit; the root one when not given.
    pub business_unit: Option<String>,
    /// The names of its roles in the declaration.
    pub roles: Vec<String>,
    /// The plan whose licence is borrowed, by its SKU part number; any Dynamics 365 plan with a
    /// free unit when not given.
    pub licence: Option<String>,
    /// Where it is used, as licences must know: two letters of ISO 3166.
    pub usage_location: Option<String>,
    /// Where its generated password goes.
    pub password: Sink,
    /// Whether a new one gets a first password that has to be changed, and is changed at once.
    pub change_first_password: bool,
}

/// A customer of a published application: a tenant of somebody else, where its administrator consents
/// and makes the application user. Plans leave it alone; it is only looked at, with the application's
/// own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The tenant's id or one of its domains.
    pub tenant: String,
    /// The org that the application reaches there; without, only the consent can be told.
    pub url: Option<OrgUrl>,
    /// The name of the application user in the declaration.
    pub application: String,
}

/// What a declaration forbids itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    /// What becomes of a role that comes with the org.
    pub out_of_the_box_roles: Stance,
    /// What becomes of a client secret.
    pub secrets: Stance,
    /// The longest life of a secret or certificate.
    pub longest_lifetime: Option<Duration>,
    /// How many non-interactive users an org may have, where it does not tell.
    pub non_interactive_limit: u32,
}

/// What `keyholder audit` is told once for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditLines {
    /// How long before its end a credential is told of.
    pub expiring: Option<Duration>,
    /// After how long without a sign-in something is not used.
    pub unused: Option<Duration>,
    /// How old the password of a non-interactive user may be.
    pub password_age: Option<Duration>,
    /// Rules with another severity, or off.
    pub rules: Switches,
}

/// What becomes of something that is better not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stance {
    /// It is done.
    Allow,
    /// It is done, and said.
    #[default]
    Warn,
    /// It is an error.
    Refuse,
}

impl Default for Policies {
    /// Today's documents: seven non-interactive users an org.
    fn default() -> Self {
        Self {
            out_of_the_box_roles: Stance::Warn,
            secrets: Stance::Allow,
            longest_lifetime: None,
            non_interactive_limit: 7,
        }
    }
}

/// The name of the org in a declaration that is made in code for one org.
pub const ONE_ORG: &str = "org";

impl Declaration {
    /// The roles that are brought about in an org: those of its users. A declaration that has no users at all, and
    /// no name by which what it made could be told later, is one of its roles.
    pub(crate) fn roles_in(&self, org: &str) -> BTreeSet<&String> {
        if self.name.is_none() && self.application_users.is_empty() && self.non_interactive_users.is_empty() {
            return self.roles.keys().collect();
        }
        let here = |orgs: &[String]| orgs.iter().any(|name| name == org);
        let users = self.application_users.values().filter(|user| here(&user.orgs)).flat_map(|user| &user.roles);
        let others = self.non_interactive_users.values().filter(|user| here(&user.orgs));
        users.chain(others.flat_map(|user| &user.roles)).collect()
    }

    /// The org that an application user's key leads to: the first that is declared for it.
    #[must_use]
    pub fn home(&self, user: &str) -> Option<(&str, &Org)> {
        let name = self.application_users.get(user)?.orgs.first()?;
        Some((name, self.orgs.get(name)?))
    }

    /// One application user of one org, with a role of its own that has these rights and the same name,
    /// and a client secret.
    #[must_use]
    pub fn of_one(name: &str, url: &OrgUrl, rights: Vec<Right>, lifetime: Duration, sink: Sink) -> Self {
        let org = Org { url: url.clone(), tenant: None, environment: None };
        let role = Role { name: name.to_owned(), source: RoleSource::Rights(rights), adopt: false };
        let user = ApplicationUser {
            name: name.to_owned(),
            client_id: None,
            orgs: vec![ONE_ORG.to_owned()],
            business_unit: None,
            roles: vec![name.to_owned()],
            credentials: vec![Credential::Secret { lifetime, sink }],
            user_impersonation: false,
            multi_tenant: false,
        };
        Self {
            orgs: BTreeMap::from([(ONE_ORG.to_owned(), org)]),
            roles: BTreeMap::from([(name.to_owned(), role)]),
            application_users: BTreeMap::from([(name.to_owned(), user)]),
            ..Self::default()
        }
    }

    /// The quickstart's: an application that reads every contact, and nothing else, for 180 days, with
    /// the API permission that the guides ask for.
    #[must_use]
    pub fn reading_contacts(name: &str, url: &OrgUrl, sink: Sink) -> Self {
        let right = Right::Table { table: "contact".to_owned(), verb: Verb::Read, depth: Depth::Global };
        let mut declaration = Self::of_one(name, url, vec![right], Duration::from_secs(180 * 24 * 60 * 60), sink);
        for user in declaration.application_users.values_mut() {
            user.user_impersonation = true;
        }
        declaration
    }
}
