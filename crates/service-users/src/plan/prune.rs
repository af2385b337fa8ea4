//! What the declaration made once and does not name any more.
//!
//! An application's registration is recognised by the declaration's own tag, a role by its derived id
//! and its description. Whatever cannot be recognised is listed and left.

use std::collections::BTreeSet;

use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;
use uuid::Uuid;

use super::registration::{id, principal_id};
use super::{Action, Change, Draft, Finding, Mark, Place};
use crate::declaration::Sink;
use crate::marks::{declaration_tag, describes, is_ours, role_id};
use crate::observe::{OrgSeen, RoleSeen};
use crate::report::Step;

const NOT_DECLARED: &str = "it is not declared any more";

pub(super) fn plan(draft: &mut Draft<'_>) {
    let declaration = draft.declaration;
    let Some(tag) = declaration.name.as_deref().map(declaration_tag) else {
        draft.findings.push(Finding::prune_needs_a_name());
        return;
    };
    let mut gone: BTreeSet<ClientId> = BTreeSet::new();
    for (tenant, directory) in &draft.seen.directories {
        let Ok(directory) = directory else { continue };
        let of_tenant = |org: &&String| draft.seen.tenants.get(*org) == Some(tenant);
        // Another tenant than the declared one is no business of this declaration.
        if declaration.orgs.keys().filter(of_tenant).any(|org| draft.barred.contains(org.as_str())) {
            continue;
        }
        let unread = unread(draft, tenant);
        let tagged = |application: &&Application| is_ours(application) && application.tags.contains(&tag);
        for application in directory.registrations.iter().filter(tagged) {
            let named = application.display_name.clone().unwrap_or_default();
            let is_declared = declaration.application_users.values().any(|user| {
                user.client_id == Some(application.app_id) || (user.client_id.is_none() && user.name == named)
            });
            if !is_declared {
                gone.insert(application.app_id);
                let orgs: Vec<(&String, &OrgSeen)> = draft
                    .seen
                    .orgs
                    .iter()
                    .filter(|(name, _)| draft.seen.tenants.get(*name) == Some(tenant))
                    .filter_map(|(name, org)| Some((name, org.as_ref().ok()?)))
                    .collect();
                let users = users(draft, &orgs, application, &named);
                if unread.is_empty() {
                    registration(draft, tenant, application, &named, users);
                } else {
                    draft.findings.push(Finding::kept_for_unread_orgs(&named, application.app_id, &unread));
                }
            }
        }
    }
    for (name, org) in &draft.seen.orgs {
        if let Ok(org) = org
            && !draft.barred.contains(name.as_str())
        {
            roles(draft, name, org, &gone);
        }
    }
}

/// The orgs of a tenant that could not be read, and those that may be of it.
fn unread<'a>(draft: &Draft<'a>, tenant: &str) -> Vec<&'a str> {
    let may_be_of = |org: &str| draft.seen.tenants.get(org).is_none_or(|of| of == tenant);
    let orgs = draft.seen.orgs.iter().filter(|(org, seen)| seen.is_err() && may_be_of(org));
    orgs.map(|(org, _)| org.as_str()).collect()
}

fn users(draft: &mut Draft<'_>, orgs: &[(&String, &OrgSeen)], application: &Application, named: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for (org, there) in orgs {
        let living: Vec<Uuid> = there.user(application.app_id).map(|user| user.id).into_iter().collect();
        let deleted: Vec<Uuid> = there.deleted(application.app_id).map(|user| user.id).collect();
        if living.is_empty() && deleted.is_empty() {
            continue;
        }
        let subject = format!("application user of `{named}`");
        let place = Place::Org((*org).clone());
        let change = Change::new(
            super::user::id(org, &application.app_id.to_string()),
            Step::ApplicationUser,
            named,
            place,
            subject,
        )
        .because(NOT_DECLARED)
        .fact("clientId", &application.app_id)
        .to(Mark::Remove, Action::DeleteUser { application: application.app_id, living, deleted });
        ids.push(change.id.clone());
        draft.changes.push(change);
    }
    ids
}

fn registration(draft: &mut Draft<'_>, tenant: &str, application: &Application, named: &str, users: Vec<String>) {
    let place = Place::Tenant(tenant.to_owned());
    let Some(Ok(directory)) = draft.seen.directories.get(tenant) else { return };
    let mut needs = users;
    // Before the registration, which alone tells where they are.
    let files = files(draft, application, named, &place, &needs);
    needs.extend(files);
    if let Some(principal) = directory.principal(application.app_id) {
        let change = Change::new(
            principal_id(&application.app_id.to_string(), tenant),
            Step::ServicePrincipal,
            named,
            place.clone(),
            format!("service principal of `{named}`"),
        )
        .because(NOT_DECLARED)
        .after(needs.clone())
        .to(Mark::Remove, Action::DeletePrincipal { id: principal.id });
        needs.push(change.id.clone());
        draft.changes.push(change);
    }
    let subject = format!("app registration `{named}`");
    let change =
        Change::new(id("registration", &application.app_id.to_string()), Step::Registration, named, place, subject)
            .because(NOT_DECLARED)
            .because("the directory keeps it restorable for 30 days")
            .fact("clientId", &application.app_id)
            .after(needs)
            .to(Mark::Remove, Action::DeleteRegistration { id: application.id });
    draft.changes.push(change);
}

/// The files that hold its keys: those that are known again go, the others are named.
fn files(
    draft: &mut Draft<'_>,
    application: &Application,
    named: &str,
    place: &Place,
    users: &[String],
) -> Vec<String> {
    let mut ids = Vec::new();
    for left in draft.seen.left.get(&application.id).into_iter().flatten() {
        let is_declared = draft.seen.keys.values().any(|seen| seen.labels.place() == left.place);
        let (path, is_env) = match &left.file {
            _ if is_declared => continue,
            Some(Sink::EnvFile(path)) => (path, true),
            Some(Sink::File(path)) => (path, false),
            _ => {
                let message = format!(
                    "a key of `{named}` was written to `{}`, which is not here or not as it was left: nothing opens by it \
                     any more, remove it there",
                    left.place
                );
                draft.findings.push(Finding::left(named, None, message));
                continue;
            }
        };
        let subject = format!("key of `{named}` in `{}`", path.display());
        let change = Change::new(id("file", &left.place), Step::ClientSecret, named, place.clone(), subject)
            .because(NOT_DECLARED)
            .after(users.iter().cloned())
            .to(Mark::Remove, Action::RemoveFile { client_id: application.app_id, path: path.clone(), is_env });
        ids.push(change.id.clone());
        draft.changes.push(change);
    }
    ids
}

/// Roles that this declaration made and does not name, unless something else uses them.
fn roles(draft: &mut Draft<'_>, org: &str, there: &OrgSeen, gone: &BTreeSet<ClientId>) {
    let declaration = draft.declaration;
    let root = |role: &&RoleSeen| role.id == role.root();
    let described = |role: &&RoleSeen| describes(role.description.as_deref(), declaration.name.as_deref());
    for role in there.roles.iter().filter(root).filter(described) {
        if role_id(there.who.organization_id, &role.name) != role.id {
            let message = format!("the role `{}` says that this declaration made it, but has another id", role.name);
            draft.findings.push(Finding::left(&role.name, Some(org), message));
            continue;
        }
        if declaration.roles.values().any(|declared| declared.name == role.name) {
            continue;
        }
        let copies: Vec<Uuid> = there.roles.iter().filter(|copy| copy.root() == role.id).map(|copy| copy.id).collect();
        let holders: Vec<&crate::observe::UserSeen> = there
            .users
            .iter()
            .filter(|user| !user.is_deleted() && user.roles.iter().any(|held| copies.contains(held)))
            .collect();
        // Those that go, or lose it, in this very plan.
        let needs: Vec<String> = draft
            .changes
            .iter()
            .filter(|change| change.place.org() == Some(org))
            .filter(|change| match &change.action {
                Some(Action::DeleteUser { living, .. }) => holders.iter().any(|user| living.contains(&user.id)),
                Some(Action::UnassignRole { role, .. }) => copies.contains(role),
                _ => false,
            })
            .map(|change| change.id.clone())
            .collect();
        let stays = holders.iter().filter(|user| !gone.contains(&user.application)).filter(|user| {
            !draft.changes.iter().any(|change| {
                matches!(&change.action, Some(Action::UnassignRole { user: of, role }) if *of == user.id && copies.contains(role))
            })
        });
        if stays.count() + there.holders.get(&role.id).copied().unwrap_or(0) > 0 {
            let message = format!("the role `{}` is not declared any more, but other users hold it", role.name);
            draft.findings.push(Finding::left(&role.name, Some(org), message));
            continue;
        }
        let subject = format!("security role `{}`", role.name);
        let change = Change::new(
            super::role::id(org, &role.id.to_string()),
            Step::Role,
            &role.name,
            Place::Org(org.to_owned()),
            subject,
        )
        .because(NOT_DECLARED)
        .fact("roleId", &role.id)
        .after(needs)
        .to(Mark::Remove, Action::DeleteRole { role: role.id });
        draft.changes.push(change);
    }
}
