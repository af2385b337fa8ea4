//! From what is declared and what there is to what has to be done: a pure function.
//!
//! A [`Plan`] is an ordered list of [`Change`]s. Each says what is done about one thing, why, and what it
//! really grants; what is in place is listed too. A change names those that have to come before it; the
//! rest may be done side by side. What must not be done is a [`Finding`], which stops the part that it
//! is about and nothing else.

mod action;
mod finding;
mod person;
mod prune;
mod registration;
mod role;
mod secret;
mod strangers;
mod user;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::declaration::{ApplicationUser, Declaration};
use crate::observe::{DirectorySeen, Observation};
use crate::report::Step;

pub use action::{Action, FederationWrite, Granted};
pub use finding::{Finding, Severity};

pub(crate) use registration::{
    Found, Trusted, declares_impersonation, find as find_registration, registration_id, trusted,
};
pub(crate) use role::{SYSTEM_ADMINISTRATOR, is_system_administrator};
pub(crate) use secret::key_change;
pub(crate) use user::id as user_id;
pub(crate) use words::reach;

/// The version of the saved form.
const VERSION: u32 = 1;

/// What is done about a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    /// It is made: `+`.
    Make,
    /// It is changed: `~`.
    Change,
    /// It is removed: `-`.
    Remove,
    /// It is in place: `=`.
    Keep,
}

impl Mark {
    /// The sign before a line of a plan.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Make => '+',
            Self::Change => '~',
            Self::Remove => '-',
            Self::Keep => '=',
        }
    }
}

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// In the directory of the tenant with this authority.
    Tenant(String),
    /// In the org of this name in the declaration.
    Org(String),
}

impl Place {
    /// The org's name, for what is in one.
    #[must_use]
    pub fn org(&self) -> Option<&str> {
        match self {
            Self::Org(name) => Some(name),
            Self::Tenant(_) => None,
        }
    }
}

/// What is done about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// Which thing, the same in every plan: `role:contoso:orders-sync`.
    pub id: String,
    /// What is done about it.
    pub mark: Mark,
    /// What kind of thing it is.
    pub step: Step,
    /// The declared service user or role that it belongs to.
    pub item: String,
    /// Where it is.
    pub place: Place,
    /// The thing for people: "app registration `orders-sync`".
    pub subject: String,
    /// Why, and what else there is to know: one sentence each.
    pub reasons: Vec<String>,
    /// What it really grants: one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// What is granted beyond the declaration and stays: one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beyond: Vec<String>,
    /// What it takes away from somebody, by name: privileges of a role, roles of a user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes: Vec<String>,
    /// Ids and other facts of what there is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// The changes that have to be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What to do; nothing for what is in place, or what another change does along with its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
}

impl Change {
    pub(crate) fn new(id: String, step: Step, item: &str, place: Place, subject: String) -> Self {
        Self {
            id,
            mark: Mark::Keep,
            step,
            item: item.to_owned(),
            place,
            subject,
            reasons: Vec::new(),
            grants: Vec::new(),
            beyond: Vec::new(),
            takes: Vec::new(),
            facts: BTreeMap::new(),
            needs: Vec::new(),
            action: None,
        }
    }

    pub(crate) fn to(mut self, mark: Mark, action: Action) -> Self {
        self.mark = mark;
        self.action = Some(action);
        self
    }

    pub(crate) fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }

    pub(crate) fn fact(mut self, name: &str, value: &impl ToString) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn after(mut self, needs: impl IntoIterator<Item = String>) -> Self {
        self.needs.extend(needs);
        self
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.mark != Mark::Keep
    }
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The version of this form.
    version: u32,
    /// The declaration's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declaration: Option<String>,
    /// What it was allowed.
    #[serde(default)]
    pub leave: Leave,
    /// What is done, in an order in which it could be done one after the other.
    pub changes: Vec<Change>,
    /// What must not or need not be done.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Whether there is anything to do.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(Change::is_change)
    }

    /// What stops a part of the plan.
    pub fn stops(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Stop)
    }

    /// What is granted beyond the declaration to this user in this org.
    #[must_use]
    pub fn beyond(&self, user: &str, org: &str) -> Vec<String> {
        let here = |change: &&Change| change.place.org() == Some(org);
        let own = self.changes.iter().filter(here).filter(|change| change.item == user || self.uses(user, change));
        own.flat_map(|change| change.beyond.clone()).collect()
    }

    /// Whether an assignment to this user needs that role.
    fn uses(&self, user: &str, role: &Change) -> bool {
        role.step == Step::Role
            && self.changes.iter().any(|change| {
                change.step == Step::RoleAssignment && change.item == user && change.needs.contains(&role.id)
            })
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// What is wrong with the text, with its line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if plan.version == VERSION {
            Ok(plan)
        } else {
            Err(format!("it has the form {} of another version of Keyholder", plan.version))
        }
    }

    /// The first difference between what this plan would do and what `other` would, in words;
    /// nothing when they would do the same.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.declaration != other.declaration {
            return Some("it is of another declaration".to_owned());
        }
        let ours = self.changes.iter().filter(|change| change.is_change());
        let mut theirs: BTreeMap<&str, &Change> = other
            .changes
            .iter()
            .filter(|change| change.is_change())
            .map(|change| (change.id.as_str(), change))
            .collect();
        for change in ours {
            match theirs.remove(change.id.as_str()) {
                None => return Some(format!("there is nothing to do any more about the {}", change.subject)),
                Some(same) if same == change => {}
                Some(_) => return Some(format!("the {} is not as it was", change.subject)),
            }
        }
        theirs.values().next().map(|change| format!("there is more to do now: the {}", change.subject))
    }
}

/// What a plan is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Leave {
    /// Remove what the declaration made and does not name any more.
    pub prune: bool,
    /// Give System Administrator where it is declared.
    pub system_administrator: bool,
    /// Only add to application users: one keeps the roles that are not declared, whoever made or gave them, and stays in
    /// its business unit where none is declared.
    #[serde(default)]
    pub adds: bool,
}

/// Compares what is declared with what there is.
#[must_use]
pub fn plan(declaration: &Declaration, seen: &Observation, leave: Leave) -> Plan {
    let mut draft =
        Draft { declaration, seen, leave, changes: Vec::new(), findings: Vec::new(), barred: BTreeSet::new() };
    for (name, org) in &seen.orgs {
        if let Err(error) = org {
            draft.findings.push(Finding::org_out_of_reach(name, error));
        }
    }
    draft.check_tenants();
    let barred = draft.barred.clone();
    let is_free = |orgs: &[String]| !orgs.iter().any(|org| barred.contains(org.as_str()));
    let rivals = draft.check_rivals();
    // The directory's chains first, then what waits for them: an order that could be gone through.
    let known: BTreeMap<String, Option<Known>> = declaration
        .application_users
        .iter()
        .filter(|(name, user)| is_free(&user.orgs) && !rivals.contains(name.as_str()))
        .map(|(name, user)| (name.clone(), registration::plan(&mut draft, name, user)))
        .collect();
    let mut roles_of_orgs = BTreeMap::new();
    for org in declaration.orgs.keys().filter(|org| !barred.contains(org.as_str())) {
        let Some(Ok(there)) = seen.orgs.get(org) else { continue };
        let roles = role::plan(&mut draft, org, there);
        for (name, user) in &declaration.application_users {
            if let Some(Some(known)) = known.get(name).filter(|_| user.orgs.contains(org)) {
                user::plan(&mut draft, org, there, (name, user), known, &roles);
            }
        }
        roles_of_orgs.insert(org.as_str(), roles);
    }
    draft.leave_directories_of_the_stopped();
    for (name, user) in declaration.non_interactive_users.iter().filter(|(_, user)| is_free(&user.orgs)) {
        person::plan(&mut draft, name, user, &roles_of_orgs);
    }
    if leave.prune {
        prune::plan(&mut draft);
    }
    let Draft { changes, findings, .. } = draft;
    Plan { version: VERSION, declaration: declaration.name.clone(), leave, changes, findings }
}

/// What is known of a declared user's registration before its orgs are planned.
struct Known {
    /// The client id, once there is a registration.
    client_id: Option<keyholder_foundation::ClientId>,
}

/// A plan being made.
struct Draft<'a> {
    declaration: &'a Declaration,
    seen: &'a Observation,
    leave: Leave,
    changes: Vec<Change>,
    findings: Vec<Finding>,
    /// The orgs that are not known to be of their declared tenant: nothing is done there, nor about the
    /// users that are declared for them.
    barred: BTreeSet<&'a str>,
}

impl<'a> Draft<'a> {
    /// Takes out what would be done in directories for applications that are stopped in all of their orgs: a
    /// registration with a key that opens nothing is no half of a way in. Where an org is out of reach, somebody
    /// else may do that half.
    fn leave_directories_of_the_stopped(&mut self) {
        let in_orgs: BTreeSet<String> = self
            .changes
            .iter()
            .filter(|change| matches!(change.place, Place::Org(_)) && change.step == Step::ApplicationUser)
            .map(|change| change.item.clone())
            .collect();
        let (declared, seen) = (&self.declaration.application_users, self.seen);
        let is_stopped = |item: &str| {
            let is_read = |org: &String| matches!(seen.orgs.get(org), Some(Ok(_)));
            !in_orgs.contains(item) && declared.get(item).is_some_and(|user| user.orgs.iter().all(is_read))
        };
        let stays = |change: &Change| {
            change.action.is_none() || !matches!(change.place, Place::Tenant(_)) || !is_stopped(&change.item)
        };
        self.changes.retain(stays);
    }

    /// The directory of an org's tenant.
    fn directory(&self, org: &str) -> Option<(&'a str, &'a DirectorySeen)> {
        let tenant = self.seen.tenants.get(org)?;
        Some((tenant, self.seen.directories.get(tenant)?.as_ref().ok()?))
    }

    /// The tenants that a user's orgs are of, the home of its registration first.
    fn tenants_of(&self, user: &ApplicationUser) -> Vec<&'a str> {
        let mut all: Vec<&str> = Vec::new();
        for tenant in user.orgs.iter().filter_map(|org| self.seen.tenants.get(org)) {
            if !all.contains(&tenant.as_str()) {
                all.push(tenant);
            }
        }
        all
    }

    /// Entries that mean one registration, by its name and by its id, and give its users other roles in one
    /// org: which ones do.
    fn check_rivals(&mut self) -> BTreeSet<&'a str> {
        let mut seen: Vec<(&'a str, &'a ApplicationUser, Option<keyholder_foundation::ClientId>)> = Vec::new();
        let mut rivals = BTreeSet::new();
        for (name, user) in &self.declaration.application_users {
            let home =
                self.tenants_of(user).first().and_then(|tenant| self.seen.directories.get(*tenant)?.as_ref().ok());
            let found = home.and_then(|directory| {
                match find_registration(name, user, self.declaration.name.as_deref(), directory).ok()? {
                    Found::Registration(application) => Some(application.app_id),
                    Found::Abroad(client_id) => Some(client_id),
                    Found::Nothing => None,
                }
            });
            for (other, rival, client_id) in &seen {
                let are_one = match (found, client_id) {
                    (Some(one), Some(other)) => one == *other,
                    // Both would make it.
                    (None, None) => user.name == rival.name && (user.client_id, rival.client_id) == (None, None),
                    _ => false,
                };
                let meet = found.is_none() || user.orgs.iter().any(|org| rival.orgs.contains(org));
                if are_one && meet {
                    rivals.extend([name.as_str(), *other]);
                    self.findings.push(Finding::same_registration(name, other, &user.name));
                }
            }
            seen.push((name, user, found));
        }
        rivals
    }

    /// An org's address may lead to another tenant than the declaration says.
    fn check_tenants(&mut self) {
        for (name, org) in &self.declaration.orgs {
            let Some(declared) = org.tenant.as_ref().and_then(|tenant| self.declaration.tenants.get(tenant)) else {
                continue;
            };
            // Without a tenant the org was out of reach, and that was said.
            let Some(tenant) = self.seen.tenants.get(name) else { continue };
            let actual = tenant.rsplit('/').next().unwrap_or_default();
            if actual.eq_ignore_ascii_case(&declared.id) {
                continue;
            }
            let finding = match self.seen.directories.get(tenant) {
                Some(Ok(DirectorySeen { organization: Some(organization), .. }))
                    if organization
                        .verified_domains
                        .iter()
                        .any(|domain| domain.name.eq_ignore_ascii_case(&declared.id)) =>
                {
                    continue;
                }
                Some(Ok(_)) => Finding::wrong_tenant(name, actual, &declared.id),
                Some(Err(error)) => Finding::tenant_unknown(name, &declared.id, error),
                None => continue,
            };
            self.barred.insert(name);
            self.findings.push(finding);
        }
    }
}
