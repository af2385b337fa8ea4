//! What is to be done, from what is wanted and what there is. A pure function.

use keyholder_entra::graph::User;
use serde::Serialize;
use uuid::Uuid;

use super::definition::{NonInteractiveDefinition, Source};
use super::licence::{self, HeldLicence};
use super::observe::{Observed, ObservedOrg};
use super::password::KeptPassword;
use super::problem::Problem;
use super::rows::{NON_INTERACTIVE, Role};
use crate::TAG;
use crate::journal::Loan;

/// One thing to be done, in the order of doing. Orgs are named by their place in the observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Change {
    /// The person is made, with a generated password.
    CreatePerson {
        /// Where licences take them to be.
        usage_location: Option<String>,
    },
    /// The person may sign in; one whose first password has to be changed gets the second one with it.
    EnablePerson,
    /// The directory learns where the person is.
    SetUsageLocation {
        /// Two letters of ISO 3166.
        location: String,
    },
    /// The person gets a new generated password, because the place for it holds none.
    SetPassword,
    /// A licence is borrowed.
    BorrowLicence {
        /// Its id.
        sku: Uuid,
        /// Its name.
        part_number: String,
    },
    /// The org user is waited for.
    AwaitUser {
        /// The org.
        org: usize,
    },
    /// The org user is moved to another business unit.
    MoveToUnit {
        /// The org.
        org: usize,
        /// The business unit.
        unit: Uuid,
        /// Its name.
        name: String,
    },
    /// The org user gets a role.
    AssignRole {
        /// The org.
        org: usize,
        /// The role's copy in the business unit.
        role: Uuid,
        /// Its name.
        name: String,
    },
    /// The org user becomes non-interactive.
    SetAccessMode {
        /// The org.
        org: usize,
    },
    /// The org user is enabled.
    EnableUser {
        /// The org.
        org: usize,
    },
    /// Licences are taken off the person, a borrowed one among them.
    ReturnLicences {
        /// Those that the person holds now.
        held: Vec<HeldLicence>,
    },
}

impl Change {
    /// Whether it makes, changes or removes something: `+`, `~`, `-`.
    #[must_use]
    pub const fn sign(&self) -> char {
        match self {
            Self::CreatePerson { .. }
            | Self::BorrowLicence { .. }
            | Self::AwaitUser { .. }
            | Self::AssignRole { .. } => '+',
            Self::ReturnLicences { .. } => '-',
            _ => '~',
        }
    }

    /// The change in words, for the user of that name and orgs of these.
    #[must_use]
    pub fn in_words(&self, user: &str, orgs: &[&str]) -> String {
        let org = |at: &usize| orgs.get(*at).copied().unwrap_or_default();
        match self {
            Self::CreatePerson { .. } => format!("directory user `{user}`, with a generated password"),
            Self::EnablePerson => format!("directory user `{user}`: may sign in"),
            Self::SetUsageLocation { location } => format!("directory user `{user}`: usage location {location}"),
            Self::SetPassword => {
                format!("directory user `{user}`: a new password, because the place for it holds none")
            }
            Self::BorrowLicence { part_number, .. } => format!("licence {part_number} for `{user}`, borrowed"),
            Self::AwaitUser { org: at } => {
                format!("user `{user}` in {}, which comes by itself: minutes to hours", org(at))
            }
            Self::MoveToUnit { org: at, name, .. } => {
                format!("user `{user}` in {}: business unit `{name}`, where it has no role yet", org(at))
            }
            Self::AssignRole { org: at, name, .. } => format!("role `{name}` for `{user}` in {}", org(at)),
            Self::SetAccessMode { org: at } => format!("user `{user}` in {}: access mode Non-interactive", org(at)),
            Self::EnableUser { org: at } => format!("user `{user}` in {}: enabled", org(at)),
            Self::ReturnLicences { held } => {
                let held: Vec<_> = held.iter().map(|held| held.part_number.as_str()).collect();
                format!("licence of `{user}`: {}", held.join(", "))
            }
        }
    }
}

/// Compares what is wanted with what there is.
///
/// # Errors
/// What can be foreseen to fail, before anything is changed.
pub fn plan(definition: &NonInteractiveDefinition, observed: &Observed) -> Result<Vec<Change>, Problem> {
    plan_beside(definition, observed, &[])
}

/// As [`plan`], where roles of these orgs and names will have been made by then.
pub(crate) fn plan_beside(
    definition: &NonInteractiveDefinition,
    observed: &Observed,
    coming: &[(&str, &str)],
) -> Result<Vec<Change>, Problem> {
    let name = &definition.user_name;
    if let Some(org) = observed.orgs.iter().find(|org| org.caller_is_delegated) {
        return Err(Problem::DelegatedAdministrator { org: org.name.clone() });
    }
    let mut changes = Vec::new();
    let known_location = match (&observed.person, definition.source) {
        (None, Source::Existing) => return Err(Problem::NoSuchPerson { user_name: name.clone() }),
        (None, Source::New) => {
            observed.check_name(name)?;
            if observed.password.is_none() {
                return Err(Problem::NoPasswordPlace { user_name: name.clone() });
            }
            changes.push(Change::CreatePerson { usage_location: definition.usage_location.clone() });
            if definition.changes_first_password {
                changes.push(Change::EnablePerson);
            }
            definition.usage_location.is_some()
        }
        (Some(person), source) => {
            if source == Source::New && !is_ours(person) {
                return Err(Problem::ForeignPerson { user_name: name.clone(), id: person.id });
            }
            plan_person(definition, observed, person, &mut changes)
        }
    };
    if !observed.directory_roles.is_empty() {
        let roles = observed.directory_roles.iter().map(|role| format!("`{role}`")).collect();
        return Err(Problem::Administrator { user_name: name.clone(), roles });
    }

    let mut held_or_lent =
        observed.person.as_ref().map_or_else(Vec::new, |person| licence::held(person, &observed.bought));
    for loan in &observed.loans {
        let Loan::Licence { sku, part_number, .. } = loan else { continue };
        let is_held = observed.person.iter().flat_map(|person| &person.assigned_licenses).any(|one| one.sku_id == *sku);
        if is_held && held_or_lent.iter().all(|one| one.sku != *sku) {
            held_or_lent.push(HeldLicence { sku: *sku, part_number: part_number.clone(), group: None });
        }
    }
    let mut in_orgs = Vec::new();
    for (org, found) in observed.orgs.iter().enumerate() {
        plan_org(definition, org, found, coming, &mut in_orgs)?;
    }
    let needs_licence =
        observed.orgs.iter().any(|org| org.user.as_ref().is_none_or(|user| user.access_mode != NON_INTERACTIVE));
    if needs_licence && held_or_lent.is_empty() {
        if !known_location {
            return Err(Problem::NoUsageLocation { user_name: name.clone() });
        }
        let chosen = licence::choose(definition.licence.as_deref(), &observed.bought)?;
        let (sku, part_number) = (chosen.sku_id, chosen.sku_part_number.clone());
        changes.push(Change::BorrowLicence { sku, part_number: part_number.clone() });
        held_or_lent.push(HeldLicence { sku, part_number, group: None });
    }
    changes.extend(in_orgs);
    if !held_or_lent.is_empty() {
        changes.push(Change::ReturnLicences { held: held_or_lent });
    }
    Ok(changes)
}

fn is_ours(person: &User) -> bool {
    person.profile.employee_type.as_deref() == Some(TAG)
}

/// Plans what the directory has to change of a person; gives whether it knows where they are then.
fn plan_person(
    definition: &NonInteractiveDefinition,
    observed: &Observed,
    person: &User,
    changes: &mut Vec<Change>,
) -> bool {
    if person.account_enabled == Some(false) {
        changes.push(Change::EnablePerson);
    }
    let known = person.usage_location.as_deref().filter(|location| !location.is_empty());
    if let (None, Some(location)) = (known, &definition.usage_location) {
        changes.push(Change::SetUsageLocation { location: location.clone() });
    }
    if definition.source == Source::New && matches!(observed.password, Some(KeptPassword::Nothing)) {
        changes.push(Change::SetPassword);
    }
    known.is_some() || definition.usage_location.is_some()
}

fn plan_org(
    definition: &NonInteractiveDefinition,
    org: usize,
    found: &ObservedOrg,
    coming: &[(&str, &str)],
    changes: &mut Vec<Change>,
) -> Result<(), Problem> {
    let Some(unit) = &found.unit else {
        let unit = definition.business_unit.clone().unwrap_or_default();
        return Err(Problem::NoSuchUnit { org: found.name.clone(), unit });
    };
    let mut roles: Vec<&Role> = Vec::new();
    let mut later = Vec::new();
    for wanted in &definition.roles {
        if coming.contains(&(found.name.as_str(), wanted.as_str())) {
            later.push(wanted);
            continue;
        }
        let Some(role) = found.roles.iter().find(|role| role.is(wanted)) else {
            let (org, role, unit) = (found.name.clone(), wanted.clone(), unit.name.clone());
            return Err(Problem::NoSuchRole { org, role, unit });
        };
        if role.is_system_administrator() && !definition.allows_system_administrator {
            return Err(Problem::SystemAdministrator { org: found.name.clone(), role: wanted.clone() });
        }
        if roles.iter().all(|other| other.id != role.id) {
            roles.push(role);
        }
    }
    let takes_a_slot = found.user.as_ref().is_some_and(super::rows::OrgUser::takes_a_slot);
    if !takes_a_slot && !found.slots.has_room() {
        return Err(Problem::NoSlot {
            org: found.name.clone(),
            used: found.slots.used(),
            limit: found.slots.limit,
            holders: found.slots.holders.iter().map(super::rows::OrgUser::name).collect(),
            told_by_org: false,
        });
    }
    let is_there = found.user.as_ref().is_some_and(|user| {
        // Without a licence, and not non-interactive yet, it is a user that the org has shut out.
        user.access_mode == NON_INTERACTIVE || user.is_licensed != Some(false)
    });
    if !is_there {
        changes.push(Change::AwaitUser { org });
    }
    let is_elsewhere = match &found.user {
        Some(user) => user.unit != Some(unit.id),
        None => definition.business_unit.is_some(),
    };
    if is_elsewhere {
        changes.push(Change::MoveToUnit { org, unit: unit.id, name: unit.name.clone() });
    }
    for role in roles {
        // Whoever moves loses every role.
        let has = found.user.as_ref().filter(|_| !is_elsewhere);
        if has.is_none_or(|user| user.roles.iter().all(|held| held.id != role.id)) {
            changes.push(Change::AssignRole { org, role: role.id, name: role.name.clone() });
        }
    }
    for name in later {
        // It has no id yet: what is planned now is observed anew before it is done.
        changes.push(Change::AssignRole { org, role: Uuid::nil(), name: name.clone() });
    }
    match &found.user {
        Some(user) if user.access_mode == NON_INTERACTIVE => {
            if user.is_disabled {
                changes.push(Change::EnableUser { org });
            }
        }
        _ => changes.push(Change::SetAccessMode { org }),
    }
    Ok(())
}
