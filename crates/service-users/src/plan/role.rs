//! Security roles of an org: exactly the declared privileges, beyond what every new role gets.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_security::{Depth, default_role_privileges};
use uuid::Uuid;

use super::words::{in_names, reach};
use super::{Action, Change, Draft, Finding, Granted, Mark, Place};
use crate::declaration::{Right, Role, RoleSource, Stance, in_words};
use crate::marks::{other_declaration, role_description, role_id};
use crate::observe::{OrgSeen, RoleSeen};
use crate::report::Step;
use crate::wishes::Wish;

/// The template of the role that may do everything, the same in all orgs.
pub(crate) const SYSTEM_ADMINISTRATOR: Uuid = Uuid::from_u128(0x627090ff_40a3_4053_8790_584edc5be201);

/// Whether a role is the one that may do everything, by its template: its name is of the org's language.
pub(crate) fn is_system_administrator(template: Option<Uuid>) -> bool {
    template == Some(SYSTEM_ADMINISTRATOR)
}

/// A role that users can be given.
pub(super) struct Ready {
    /// The role's change.
    pub(super) id: String,
    /// The copy in the root business unit.
    pub(super) root: Uuid,
    /// Its name in the org.
    pub(super) name: String,
    /// Whether it is still to be made.
    pub(super) is_new: bool,
}

pub(super) fn id(org: &str, role: &str) -> String {
    format!("role:{org}:{role}")
}

/// Plans every declared role that a user of this org is to have; those that cannot be had are
/// absent from the result, and said why.
pub(super) fn plan(draft: &mut Draft<'_>, org: &str, there: &OrgSeen) -> BTreeMap<String, Ready> {
    let declaration = draft.declaration;
    let used = declaration.roles_in(org);
    let mut ready = BTreeMap::new();
    for name in used {
        let Some(role) = declaration.roles.get(name) else { continue };
        let planned = match role.source {
            RoleSource::Existing => existing(draft, org, there, name, role),
            RoleSource::Rights(ref rights) => declared(draft, org, there, name, (role, rights)),
        };
        ready.extend(planned.map(|planned| (name.clone(), planned)));
    }
    ready
}

/// A role that is used as it is.
fn existing(draft: &mut Draft<'_>, org: &str, there: &OrgSeen, name: &str, role: &Role) -> Option<Ready> {
    let root_unit = there.root_unit().map(|unit| unit.id);
    let mut found: Vec<&RoleSeen> = there.roles.iter().filter(|seen| same_name(&seen.name, &role.name)).collect();
    found.sort_by_key(|seen| (seen.unit != root_unit, seen.id));
    let Some(found) = found.first() else {
        draft.findings.push(Finding::no_role(name, &role.name, org));
        return None;
    };
    if !may_be_given(draft, org, name, found) {
        return None;
    }
    let subject = format!("security role `{}`", found.name);
    let mut change = Change::new(id(org, name), Step::Role, name, Place::Org(org.to_owned()), subject)
        .because("it is used as it is")
        .fact("roleId", &found.root());
    change.grants.push(if is_system_administrator(found.template) {
        "may do everything in the org".to_owned()
    } else {
        format!("may do what the org's role `{}` allows", found.name)
    });
    draft.changes.push(change);
    Some(Ready { id: id(org, name), root: found.root(), name: found.name.clone(), is_new: false })
}

/// Whether the declaration may give a role that the org has, however it is declared: of those that come
/// with an org, what is not allowed is said.
fn may_be_given(draft: &mut Draft<'_>, org: &str, name: &str, found: &RoleSeen) -> bool {
    if is_system_administrator(found.template) && !draft.leave.system_administrator {
        draft.findings.push(Finding::system_administrator(name, org));
        return false;
    }
    let stance = draft.declaration.policies.out_of_the_box_roles;
    if found.template.is_none() || stance == Stance::Allow {
        return true;
    }
    draft.findings.push(Finding::out_of_the_box(name, &found.name, org, stance == Stance::Refuse));
    stance != Stance::Refuse
}

/// A role whose privileges are declared.
fn declared(
    draft: &mut Draft<'_>,
    org: &str,
    there: &OrgSeen,
    name: &str,
    (role, rights): (&Role, &[Right]),
) -> Option<Ready> {
    let wishes = draft.seen.wishes.role(name);
    let wanted = match wanted(there, org, name, wishes) {
        Ok(wanted) => wanted,
        Err(finding) => {
            draft.findings.push(*finding);
            return None;
        }
    };
    let ours = role_id(there.who.organization_id, &role.name);
    let root_unit = there.root_unit().map(|unit| unit.id);
    let namesake = |seen: &&RoleSeen| same_name(&seen.name, &role.name) && seen.unit == root_unit;
    // Ours first, should there be a namesake.
    let found = there.role(ours).or_else(|| there.roles.iter().find(namesake));
    let change = |name_there: &str| {
        let subject = format!("security role `{name_there}`");
        let mut change = Change::new(id(org, name), Step::Role, name, Place::Org(org.to_owned()), subject);
        change.grants = in_words(rights);
        change.because(in_names(wishes))
    };
    let Some(found) = found else {
        let mut privileges = defaults(there);
        let beyond_defaults = |granted: &Granted| !wanted.iter().any(|want| want.id == granted.id);
        privileges.retain(beyond_defaults);
        privileges.splice(0..0, wanted);
        let description = role_description(draft.declaration.name.as_deref());
        let made = Action::CreateRole { id: ours, name: role.name.clone(), description, privileges };
        draft.changes.push(change(&role.name).fact("roleId", &ours).to(Mark::Make, made));
        return Some(Ready { id: id(org, name), root: ours, name: role.name.clone(), is_new: true });
    };

    let is_ours = found.id == ours;
    if !may_be_given(draft, org, name, found) {
        return None;
    }
    if let Some(other) = other_declaration(found.description.as_deref(), draft.declaration.name.as_deref())
        && is_ours
    {
        draft.findings.push(Finding::other_declarations_role(name, &found.name, org, other));
        return None;
    }
    let none = BTreeMap::new();
    let held = there.granted.get(&found.root()).unwrap_or(&none);
    let drift = Drift::between(there, &wanted, held);
    let mut change = change(&found.name).fact("roleId", &found.id);
    if !drift.is_none() && !is_ours && !role.adopt {
        let missing: Vec<String> = drift.missing.iter().map(|missing| missing.name.clone()).collect();
        let finding = Finding::foreign_role(name, (&found.name, found.id), org, &missing, &drift.surplus);
        draft.findings.push(finding);
        return None;
    }
    if !drift.missing.is_empty() {
        let names: Vec<_> = drift.missing.iter().map(|missing| missing.name.as_str()).collect();
        change = change.because(format!("it lacked {}", names.join(", ")));
    }
    if !drift.surplus.is_empty() {
        change.takes.clone_from(&drift.surplus);
        change =
            change.because(format!("it granted {} beyond the declaration: taken away", drift.surplus.join(", "))).to(
                Mark::Change,
                Action::ReplacePrivileges { role: found.id, privileges: drift.exact(there, wanted, held) },
            );
    } else if !drift.missing.is_empty() {
        let action = Action::AddPrivileges { role: found.id, privileges: drift.missing };
        change = change.to(Mark::Change, action);
    }
    if !is_ours {
        change = change.because("Keyholder did not make it and will not remove it");
    }
    draft.changes.push(change);
    Some(Ready { id: id(org, name), root: found.root(), name: found.name.clone(), is_new: false })
}

fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The declared privileges with their ids, which differ between orgs for custom tables.
fn wanted(there: &OrgSeen, org: &str, role: &str, wishes: &[Wish]) -> Result<Vec<Granted>, Box<Finding>> {
    let unknown: Vec<&Wish> =
        wishes.iter().filter(|wish| !wish.optional && there.privilege(&wish.name).is_none()).collect();
    if !unknown.is_empty() {
        let names: Vec<String> = unknown.iter().map(|wish| wish.name.clone()).collect();
        let tables: BTreeSet<String> =
            unknown.iter().filter_map(|wish| wish.table.as_ref()).map(|of| format!("`{}`", of.table)).collect();
        let tables: Vec<String> = tables.into_iter().collect();
        return Err(Box::new(Finding::no_privilege(role, org, &names, &tables)));
    }
    let is_too_shallow =
        |wish: &&Wish| there.privilege(&wish.name).is_some_and(|known| !known.depths.allow(wish.depth));
    let impossible: Vec<String> =
        wishes.iter().filter(is_too_shallow).map(|wish| format!("{} {}", wish.name, reach(wish.depth))).collect();
    if !impossible.is_empty() {
        return Err(Box::new(Finding::no_such_depth(role, org, &impossible)));
    }
    let granted = |wish: &Wish| {
        let known = there.privilege(&wish.name)?;
        Some(Granted { id: known.id, name: known.name.clone(), depth: wish.depth })
    };
    Ok(wishes.iter().filter_map(granted).collect())
}

/// What every new role gets, with the ids that it has here.
fn defaults(there: &OrgSeen) -> Vec<Granted> {
    let known = |(privilege, depth): (keyholder_security::Privilege, Depth)| {
        let seen = there.privilege(&privilege.name)?;
        Some(Granted { id: seen.id, name: seen.name.clone(), depth })
    };
    default_role_privileges().filter_map(known).collect()
}

/// How a role differs from its declaration.
#[derive(Debug, PartialEq, Eq)]
struct Drift {
    missing: Vec<Granted>,
    /// By name, with the reach where only that is too much.
    surplus: Vec<String>,
}

impl Drift {
    fn between(there: &OrgSeen, wanted: &[Granted], held: &BTreeMap<Uuid, Depth>) -> Self {
        let lacks = |want: &&Granted| held.get(&want.id).is_none_or(|depth| *depth < want.depth);
        let missing = wanted.iter().filter(lacks).cloned().collect();
        let name = |id: &Uuid| {
            let known = there.privileges.iter().find(|privilege| privilege.id == *id);
            known.map_or_else(|| id.to_string(), |privilege| privilege.name.clone())
        };
        let mut surplus: Vec<String> = held
            .iter()
            .filter_map(|(id, depth)| match wanted.iter().find(|want| want.id == *id) {
                Some(want) if *depth > want.depth => Some(format!("{} {}", name(id), reach(*depth))),
                Some(_) => None,
                None => (!is_default(there, *id)).then(|| name(id)),
            })
            .collect();
        surplus.sort();
        Self { missing, surplus }
    }

    fn is_none(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty()
    }

    /// All that the role shall grant: what is declared, and of what every new role gets that which
    /// it still has.
    fn exact(&self, there: &OrgSeen, wanted: Vec<Granted>, held: &BTreeMap<Uuid, Depth>) -> Vec<Granted> {
        let is_wanted = |id: &Uuid| wanted.iter().any(|want| want.id == *id);
        let kept: Vec<Granted> = held
            .iter()
            .filter(|(id, _)| !is_wanted(id) && is_default(there, **id))
            .map(|(id, depth)| {
                let known = there.privileges.iter().find(|privilege| privilege.id == *id);
                Granted { id: *id, name: known.map(|known| known.name.clone()).unwrap_or_default(), depth: *depth }
            })
            .collect();
        wanted.into_iter().chain(kept).collect()
    }
}

fn is_default(there: &OrgSeen, id: Uuid) -> bool {
    let named = there.privileges.iter().find(|privilege| privilege.id == id).map(|privilege| privilege.name.as_str());
    default_role_privileges().any(|(privilege, _)| privilege.id == id || named == Some(privilege.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{DepthsSeen, PrivilegeSeen};
    use keyholder_client::WhoAmI;

    fn org(privileges: &[(u128, &str)]) -> OrgSeen {
        let nobody = Uuid::nil();
        OrgSeen {
            who: WhoAmI { user_id: nobody, business_unit_id: nobody, organization_id: nobody },
            units: Vec::new(),
            roles: Vec::new(),
            granted: BTreeMap::new(),
            privileges: privileges
                .iter()
                .map(|(id, name)| PrivilegeSeen {
                    id: Uuid::from_u128(*id),
                    name: (*name).to_owned(),
                    depths: DepthsSeen::default(),
                })
                .collect(),
            users: Vec::new(),
            holders: BTreeMap::new(),
        }
    }

    fn granted(id: u128, depth: Depth) -> Granted {
        Granted { id: Uuid::from_u128(id), name: format!("prv{id}"), depth }
    }

    #[test]
    fn drift_tells_what_lacks_and_what_is_too_much() {
        let there = org(&[(1, "prv1"), (2, "prv2"), (3, "prv3"), (4, "prv4"), (5, "prvReadSdkMessage")]);
        let want = [granted(1, Depth::Global), granted(2, Depth::Local), granted(3, Depth::Local)];
        let have = [(1, Depth::Local), (2, Depth::Global), (4, Depth::Basic), (5, Depth::Global)];
        let have: BTreeMap<_, _> = have.into_iter().map(|(id, depth)| (Uuid::from_u128(id), depth)).collect();
        let drift = Drift::between(&there, &want, &have);
        assert_eq!(drift.missing, [want[0].clone(), want[2].clone()]);
        assert_eq!(drift.surplus, ["prv2 organization-wide", "prv4"]);
        let exact = drift.exact(&there, want.to_vec(), &have);
        assert_eq!(exact.len(), 4, "the declared ones, and the one that every new role gets: {exact:?}");
    }

    #[test]
    fn what_every_new_role_gets_is_no_drift() {
        let have: BTreeMap<Uuid, Depth> =
            default_role_privileges().map(|(privilege, depth)| (privilege.id, depth)).collect();
        assert!(!have.is_empty());
        let drift = Drift::between(&org(&[]), &[], &have);
        assert_eq!(drift, Drift { missing: vec![], surplus: vec![] });
    }
}
