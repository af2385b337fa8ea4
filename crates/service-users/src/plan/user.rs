//! Application users of an org: the org's rows for the applications, and the roles on them.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::registration::principal_id;
use super::role::Ready;
use super::{Action, Change, Draft, Finding, Known, Mark, Place};
use crate::declaration::ApplicationUser;
use crate::marks::{describes, other_declaration, role_id};
use crate::observe::{OrgSeen, RoleSeen, UserSeen};
use crate::report::Step;

pub(crate) fn id(org: &str, user: &str) -> String {
    format!("user:{org}:{user}")
}

pub(super) fn plan(
    draft: &mut Draft<'_>,
    org: &str,
    there: &OrgSeen,
    (name, user): (&str, &ApplicationUser),
    known: &Known,
    roles: &BTreeMap<String, Ready>,
) {
    // A role that cannot be had has said so; a user without it would only seem to be done.
    let Some(wanted) = user.roles.iter().map(|role| roles.get(role)).collect::<Option<Vec<&Ready>>>() else { return };
    let found = known.client_id.and_then(|client| there.user(client));
    let unit = match (&user.business_unit, found) {
        (None, Some(found)) if draft.leave.adds => Some(found.unit),
        (None, _) => there.root_unit().map(|unit| unit.id),
        (Some(name), _) => {
            let mut units = there.units.iter();
            units.find(|unit| unit.name.to_lowercase() == name.to_lowercase()).map(|unit| unit.id)
        }
    };
    let Some(unit) = unit else {
        draft.findings.push(Finding::no_unit(name, user.business_unit.as_deref(), org));
        return;
    };
    let root_unit = there.root_unit().map(|unit| unit.id);
    let missing =
        wanted.iter().find(|role| !role.is_new && Some(unit) != root_unit && there.copy_in(role.root, unit).is_none());
    if let Some(role) = missing {
        draft.findings.push(Finding::no_copy(name, &role.name, org));
        return;
    }

    let place = Place::Org(org.to_owned());
    let tenant = draft.seen.tenants.get(org).map_or("", String::as_str);
    let subject = format!("application user of `{name}`");
    let change =
        Change::new(id(org, name), Step::ApplicationUser, name, place, subject).after([principal_id(name, tenant)]);
    let is_orphan = found.is_some_and(|user| is_orphan(draft, org, user));
    draft.changes.push(match found {
        Some(found) if is_orphan => remade(change, there, found, unit, &wanted),
        Some(found) => brought_up_to_date(change, there, found, unit),
        None => {
            let left = known.client_id.into_iter().flat_map(|client| there.deleted(client));
            let clear: Vec<Uuid> = left.map(|row| row.id).collect();
            // A row that was deleted only once would block the new one.
            let change = clear
                .iter()
                .fold(change, |change, _| change.because("a deleted one of the same application was cleared away"));
            change.fact("businessUnitId", &unit).to(Mark::Make, Action::CreateUser { unit, clear })
        }
    });
    let stays = found.filter(|found| found.unit == unit && !is_orphan);
    assign(draft, org, there, name, stays, unit, &wanted);
}

/// Whether the service principal that an application user was made for is gone for certain.
///
/// The org fills the principal's id once and lets nobody change it: such a user cannot sign in any more,
/// and only a new one can. A directory that could not be read says nothing of that.
fn is_orphan(draft: &Draft<'_>, org: &str, user: &UserSeen) -> bool {
    let (Some(of), Some((_, directory))) = (user.principal, draft.directory(org)) else { return false };
    directory.principal(user.application).is_none_or(|principal| principal.id.0 != of)
}

fn remade(change: Change, there: &OrgSeen, found: &UserSeen, unit: Uuid, wanted: &[&Ready]) -> Change {
    let mut change = change.fact("businessUnitId", &unit).because(
        "the old one was of a service principal that was deleted, so it could not sign in any more; it was removed and \
         made anew",
    );
    let others = found.roles.iter().filter_map(|held| there.role(*held));
    change.takes = others
        .filter(|held| !wanted.iter().any(|role| role.root == held.root()))
        .map(|held| format!("`{}`", held.name))
        .collect();
    if !change.takes.is_empty() {
        let lost = change.takes.join(", ");
        change = change.because(format!("its other roles went with it: {lost}"));
    }
    change.to(Mark::Change, Action::RemakeUser { user: found.id, unit })
}

fn brought_up_to_date(change: Change, there: &OrgSeen, found: &UserSeen, unit: Uuid) -> Change {
    let mut change = change.fact("userId", &found.id).fact("businessUnitId", &unit);
    if found.is_disabled {
        change = change.because("it was disabled");
    }
    let moves = found.unit != unit;
    if moves {
        change = change.because("it is in another business unit, and a move takes its roles away");
        let lost = found.roles.iter().filter_map(|held| there.role(*held));
        change.takes = lost.map(|role| format!("`{}`", role.name)).collect();
    }
    if found.is_disabled || moves {
        let unit = moves.then_some(unit);
        change.to(Mark::Change, Action::UpdateUser { user: found.id, enable: found.is_disabled, unit })
    } else {
        change
    }
}

/// The roles on the user: those that are declared, and what becomes of others.
fn assign(
    draft: &mut Draft<'_>,
    org: &str,
    there: &OrgSeen,
    name: &str,
    found: Option<&UserSeen>,
    unit: Uuid,
    wanted: &[&Ready],
) {
    let root_unit = there.root_unit().map(|unit| unit.id);
    let copy = |role: &Ready| {
        if Some(unit) == root_unit { Some(role.root) } else { there.copy_in(role.root, unit).map(|copy| copy.id) }
    };
    let held = found.map_or(&[][..], |user| user.roles.as_slice());
    let mut changes: Vec<Change> = Vec::new();
    for role in wanted {
        let subject = format!("role `{}` on the application user", role.name);
        let change = Change::new(
            format!("assignment:{org}:{name}:{}", role.root),
            Step::RoleAssignment,
            name,
            Place::Org(org.to_owned()),
            subject,
        )
        .after([id(org, name), role.id.clone()]);
        let copy = copy(role);
        changes.push(if copy.is_some_and(|copy| held.contains(&copy)) {
            change
        } else {
            change.to(Mark::Make, Action::AssignRole { name: role.name.clone(), root: role.root, copy, unit })
        });
    }
    let others = held.iter().filter(|id| !wanted.iter().any(|role| copy(role) == Some(**id)));
    let mut foreign: Vec<String> = Vec::new();
    for other in others {
        let seen = there.role(*other);
        let shown = seen.map_or_else(|| other.to_string(), |role| role.name.clone());
        match (seen.filter(|role| !draft.leave.adds && is_ours(draft, there, role)), found) {
            (Some(role), Some(user)) => {
                let subject = format!("role `{}` on the application user", role.name);
                let id = format!("assignment:{org}:{name}:{}", role.root());
                let change = Change::new(id, Step::RoleAssignment, name, Place::Org(org.to_owned()), subject)
                    .because("it is not declared any more")
                    .to(Mark::Remove, Action::UnassignRole { user: user.id, role: role.id });
                changes.push(change);
            }
            _ => foreign.push(format!("`{shown}`")),
        }
    }
    if !foreign.is_empty() {
        let all = foreign.join(", ");
        match changes.first_mut() {
            Some(first) => {
                first.reasons.push(format!("it holds other roles too: {all}"));
                first.beyond.push(format!("the user also holds {all}"));
            }
            None => {
                let message = format!("the application user of `{name}` holds roles that are not declared: {all}");
                draft.findings.push(Finding::left(name, Some(org), message));
            }
        }
    }
    draft.changes.extend(changes);
}

/// Whether this declaration made a role: only its own does it take from users again.
fn is_ours(draft: &Draft<'_>, there: &OrgSeen, role: &RoleSeen) -> bool {
    let (description, declaration) = (role.description.as_deref(), draft.declaration.name.as_deref());
    let derived = role_id(there.who.organization_id, &role.name) == role.root();
    let declared = draft.declaration.roles.values().any(|declared| declared.name == role.name)
        && other_declaration(description, declaration).is_none();
    derived && (declared || describes(description, declaration))
}
