//! What an audit knows of service users, as plain data: what the rules judge and reports show.
//!
//! No secret is among it: a credential is its id, its name and its dates.

use std::sync::Arc;

use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::declaration::Right;
use crate::kept::KeyKind;
use crate::marks::Labels;
use crate::non_interactive::HeldLicence;

pub(super) use crate::report::moment;

/// What is not known where federated credentials could not be read.
pub(super) const FEDERATIONS: &str = "whose tokens applications accept instead of secrets";
pub(super) const USERS: &str = "all of its users";

/// Everything that was read, and what could not be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// When it was read, by the servers' clock.
    #[serde(serialize_with = "at")]
    pub now: Timestamp,
    /// The tenants, by their authorities.
    pub tenants: Vec<TenantFacts>,
    /// The orgs, by their names.
    pub orgs: Vec<OrgFacts>,
    /// The applications, each once a tenant: those of org users, and those that are registered to reach Dynamics 365.
    pub applications: Vec<ApplicationFacts>,
    /// The people behind the orgs' non-interactive and administrative users.
    pub people: Vec<PersonFacts>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Something that could not be read, so that the rules that need it say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unread {
    /// The org by its name, for what is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// The tenant by its authority, for what is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What: "when applications signed in last".
    pub what: String,
    /// Why: what the service said.
    pub why: String,
    /// What would let it be read, by what the service answered: a right, a plan, a later try.
    pub needs: Vec<String>,
    /// Whether rules on what service users may do or sign in with say nothing without it; else it only adds to them.
    pub is_grave: bool,
}

/// Why nothing at all could be read of a tenant or an org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// What the service said, or what became of the connection.
    pub why: String,
    /// What can be done about it.
    pub hints: Vec<String>,
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantFacts {
    /// Its authority, which names it in all that is said here.
    pub authority: String,
    /// Its id or a domain, for people.
    pub name: String,
    /// The application that audits it; a person has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<ClientId>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// An org.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrgFacts {
    /// Its name in the report: the declaration's, or its address.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Its tenant, by the authority, where that is known.
    pub tenant: Option<String>,
    /// What it is there for, as far as that is known.
    pub purpose: Purpose,
    /// Its application users, non-interactive and administrative users.
    pub users: Vec<ServiceUser>,
    /// How many non-interactive users it may have; the org does not tell.
    pub slots_limit: u32,
    /// The tables of which it is told who created and changed rows lately.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activity_of: Vec<String>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

impl OrgFacts {
    /// How many of its places for non-interactive users are taken.
    #[must_use]
    pub fn slots_used(&self) -> usize {
        self.users.iter().filter(|user| user.kind == UserKind::NonInteractive && !user.is_disabled).count()
    }
}

/// What an org is there for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Purpose {
    /// Tests, trials or development.
    Test {
        /// What says so: "its name", "the org itself (CustomerTest)".
        by: String,
    },
    /// Production.
    Production {
        /// What says so.
        by: String,
    },
    /// Nothing says.
    Unknown,
}

/// What kind of user it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UserKind {
    /// An application's.
    Application,
    /// A person's account for programs.
    NonInteractive,
    /// Settings and no data: no service user, and never taken for one.
    Administrative,
}

/// A service user of an org, or an administrative user, which is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceUser {
    /// Its id in the org.
    pub id: Uuid,
    /// Which kind.
    pub kind: UserKind,
    /// What people call it.
    pub name: String,
    /// The application, for an application user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ClientId>,
    /// The person or the service principal that it stands for.
    pub object: Option<ObjectId>,
    /// Whether it may not get in.
    pub is_disabled: bool,
    /// Whether it is whoever audits.
    pub is_caller: bool,
    /// When it was made.
    #[serde(serialize_with = "moment")]
    pub made: Option<Timestamp>,
    /// Its business unit, where its name is known.
    pub business_unit: Option<String>,
    /// What it holds, its teams' roles among it; nothing where that could not be read.
    pub roles: Option<Vec<HeldRole>>,
    /// What those let it do; nothing where that could not be read.
    #[serde(serialize_with = "shared")]
    pub rights: Option<Arc<Rights>>,
    /// What it did lately; nothing where that was not asked for or not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
}

/// A role that a user holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldRole {
    /// Its name.
    pub name: String,
    /// Whether it is System Administrator, which may do everything.
    pub is_system_administrator: bool,
    /// Whether it came with the org or with a solution.
    pub is_shipped: bool,
    /// The team through which the user has it; none for one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rights {
    /// Whether that is everything; then nothing is listed.
    pub is_everything: bool,
    /// Sentences without their subject: "may read every contact in the org".
    pub words: Vec<String>,
    /// The same as data, beyond what every role has.
    #[serde(skip)]
    pub rights: Vec<Right>,
}

/// What a user did lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// Table by table, those where it did anything.
    pub tables: Vec<TableActivity>,
    /// How many entries the org's audit history has of it; none where it has none of anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<u64>,
}

/// What a user did lately in one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableActivity {
    /// The table's logical name.
    pub table: String,
    /// How many rows that are there bear it as Created By.
    pub created: u64,
    /// How many bear it as Modified By.
    pub changed: u64,
}

/// An application, in one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFacts {
    /// The tenant, by its authority.
    pub tenant: String,
    /// The client id.
    pub client_id: ClientId,
    /// What people call it.
    pub name: String,
    /// Whether it is Microsoft's own: by the tenant of its service principal; or it has none here and its org users
    /// never had one.
    pub is_microsofts: bool,
    /// Whether it is the administrator that a local org is born with, and what audits: such an org is not without it.
    pub is_local_administrator: bool,
    /// Its registration, where it is this tenant's.
    pub registration: Option<Registration>,
    /// Its service principal in this tenant.
    pub principal: Option<Principal>,
    /// Its secrets and certificates, those of the service principal's own too.
    pub credentials: Vec<HeldCredential>,
    /// Whose tokens it accepts instead.
    pub federations: Vec<AcceptedIssuer>,
    /// When it signed in last as itself, as far as the report goes back.
    #[serde(serialize_with = "moment")]
    pub last_sign_in: Option<Timestamp>,
    /// Whether the report was read: without, nothing is known of its sign-ins.
    pub sign_ins_are_known: bool,
}

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Its object id.
    pub id: ObjectId,
    /// When it was made.
    #[serde(serialize_with = "moment")]
    pub made: Option<Timestamp>,
    /// Whether it gets no tokens any more.
    pub is_disabled: bool,
    /// Whether Keyholder made it.
    pub is_ours: bool,
    /// Whether it asks for permissions on Dynamics 365.
    pub asks_for_dynamics: bool,
}

/// A service principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// Its object id.
    pub id: ObjectId,
    /// Whether it may sign in.
    pub is_enabled: bool,
    /// Whether it is a managed identity, which has no registration and no credential of its own.
    pub is_managed_identity: bool,
}

/// A secret or certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldCredential {
    /// What it is.
    pub kind: KeyKind,
    /// Its id.
    pub id: KeyId,
    /// Its name in the directory.
    pub name: Option<String>,
    /// Since when it works.
    #[serde(serialize_with = "moment")]
    pub starts: Option<Timestamp>,
    /// When it stops working.
    #[serde(serialize_with = "moment")]
    pub ends: Option<Timestamp>,
    /// Where Keyholder wrote it, as its name says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Whether it stands on the service principal instead of the registration, where the portals do not show it.
    pub is_on_principal: bool,
}

/// What takes the place of a credential when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Successor {
    /// Nothing that is known: the program that holds it stops.
    Nobody,
    /// One that was made later, of which nobody can tell where it is.
    Perhaps,
    /// One of the same place.
    Known,
}

impl ApplicationFacts {
    /// What takes the place of one of its credentials. What Keyholder wrote to another place does not, and neither does what
    /// stands on the service principal for one of the registration.
    pub(super) fn successor(&self, held: &HeldCredential, now: Timestamp) -> Successor {
        let rank = |one: &HeldCredential| (one.ends.is_none(), one.ends, one.id);
        let others: Vec<&HeldCredential> = self
            .credentials
            .iter()
            .filter(|one| one.is_on_principal == held.is_on_principal && rank(one) > rank(held))
            .collect();
        let place = held.label();
        // A place holds what was written to it last, however long that works.
        let age = |one: &HeldCredential| (one.starts, one.ends, one.id);
        let is_known = match place {
            Some((id, _)) => {
                let is_there = |one: &HeldCredential| one.label().is_some_and(|(of, _)| of == id);
                self.credentials.iter().any(|one| is_there(one) && age(one) > age(held))
            }
            // Of what is over and bears no place nobody can say that a program still counts on it.
            None => !held.lives(now) && others.iter().any(|one| one.lives(now)),
        };
        let follows =
            |one: &HeldCredential| one.kind == held.kind && one.label().is_none() && one.starts >= held.starts;
        match is_known {
            true => Successor::Known,
            false if place.is_none() && others.into_iter().any(follows) => Successor::Perhaps,
            false => Successor::Nobody,
        }
    }
}

/// What ends later has no end: the year 9000.
const ENDLESS: Timestamp = Timestamp::from_unix_seconds(221_845_392_000);

impl HeldCredential {
    /// Whether it never stops working.
    pub(super) fn is_endless(&self) -> bool {
        self.ends.is_none_or(|ends| ends > ENDLESS)
    }

    /// The id and the name of the place that Keyholder wrote it to.
    pub(super) fn label(&self) -> Option<(&str, &str)> {
        self.name.as_deref().and_then(Labels::parse)
    }

    /// Whether it has not stopped working.
    #[must_use]
    pub fn lives(&self, now: Timestamp) -> bool {
        self.ends.is_none_or(|ends| ends > now)
    }
}

/// Another issuer whose tokens an application accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedIssuer {
    /// Its name in the directory.
    pub name: String,
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

/// A person of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonFacts {
    /// The tenant, by its authority.
    pub tenant: String,
    /// The object id.
    pub id: ObjectId,
    /// Whether the directory has them; nothing else is known of one that it has not.
    pub is_there: bool,
    /// Whether they may sign in.
    pub is_enabled: bool,
    /// The user name.
    pub user_name: Option<String>,
    /// When the password was set last.
    #[serde(serialize_with = "moment")]
    pub password_set: Option<Timestamp>,
    /// Licences that let them into Dataverse.
    pub licences: Vec<HeldLicence>,
    /// When they signed in last, with a window or without; nothing where that is not told.
    #[serde(serialize_with = "moment")]
    pub last_sign_in: Option<Timestamp>,
    /// Whether the directory tells of sign-ins.
    pub sign_ins_are_known: bool,
    /// The policies for multi-factor authentication that leave them out; nothing where policies could not be read.
    pub left_out_by: Option<Vec<LeftOut>>,
}

/// How a policy leaves somebody out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The policy's name.
    pub policy: String,
    /// The group whose members it leaves out, or the directory role whose holders it does, by name or id; nothing where it
    /// names the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<LeftOutBy>,
}

/// As what a policy leaves somebody out, where it does not name the person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftOutBy {
    /// As a member of this group, directly or through another.
    Group(String),
    /// As a holder of this directory role.
    Role(String),
}

impl Facts {
    /// An application in a tenant.
    #[must_use]
    pub fn application(&self, tenant: &str, client: ClientId) -> Option<&ApplicationFacts> {
        self.applications.iter().find(|known| known.client_id == client && known.tenant == tenant)
    }

    /// The tenant with that authority.
    #[must_use]
    pub fn tenant(&self, authority: &str) -> Option<&TenantFacts> {
        self.tenants.iter().find(|tenant| tenant.authority == authority)
    }

    /// Whether it was read whose tokens the applications of a tenant accept: without, each may accept any.
    #[must_use]
    pub fn federations_are_known(&self, tenant: &str) -> bool {
        !self.unread.iter().any(|unread| unread.tenant.as_deref() == Some(tenant) && unread.what == FEDERATIONS)
    }

    /// Whether every service user of every org that is, or may be, a tenant's was read: what is not seen may all the same
    /// be there.
    #[must_use]
    pub fn users_are_known(&self, tenant: &str) -> bool {
        let mut orgs = self.orgs.iter().filter(|org| org.tenant.as_deref().is_none_or(|of| of == tenant));
        let is_partly = |org: &OrgFacts| {
            self.unread.iter().any(|unread| unread.what == USERS && unread.org.as_ref() == Some(&org.name))
        };
        orgs.all(|org| org.trouble.is_none() && !is_partly(org))
    }

    /// Every user of every org, with its org.
    pub fn users(&self) -> impl Iterator<Item = (&OrgFacts, &ServiceUser)> {
        self.orgs.iter().flat_map(|org| org.users.iter().map(move |user| (org, user)))
    }
}

fn at<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

fn shared<S: Serializer>(rights: &Option<Arc<Rights>>, serializer: S) -> Result<S::Ok, S::Error> {
    rights.as_deref().serialize(serializer)
}
