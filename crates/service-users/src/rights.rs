//! Rights up front: whether the caller may do all of a plan, asked before anything is changed.
//!
//! What cannot be told (a person's sign-in, a directory that does not show roles) is not guessed: then
//! the services' own refusals tell, as they come.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join_all};
use keyholder_client::Error as ClientError;
use keyholder_entra::well_known::{
    APPLICATION_ADMINISTRATOR, APPLICATION_DEVELOPER, CLOUD_APPLICATION_ADMINISTRATOR, DirectoryRole,
    GLOBAL_ADMINISTRATOR, GRAPH_PERMISSIONS,
};
use keyholder_security::Depth;
use uuid::Uuid;

use crate::Administrator;
use crate::estate::Estate;
use crate::observe::{Observation, held};
use crate::plan::{Action, Change, Place, Plan};

/// Directory roles that may register applications and manage those that they own; the first three
/// may manage all, and consent for everybody.
const DIRECTORY_ROLES: [DirectoryRole; 4] =
    [GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR, APPLICATION_DEVELOPER];
const CONSENTING: usize = 3;
/// Microsoft Graph's application permissions for the same.
const MANAGING_PERMISSIONS: [&str; 2] = ["Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"];
const CONSENTING_PERMISSION: &str = "DelegatedPermissionGrant.ReadWrite.All";

/// Whether one of these assigned permissions is the one of that name.
fn has_permission(assigned: &[Uuid], name: &str) -> bool {
    GRAPH_PERMISSIONS.iter().any(|known| known.value == name && assigned.contains(&known.id))
}

/// What the caller may not do of the plan's changes, one sentence each.
pub async fn missing(estate: &Estate, seen: &Observation, plan: &Plan) -> Vec<String> {
    let mut by_place: BTreeMap<&Place, Vec<&Change>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.action.is_some()) {
        by_place.entry(&change.place).or_default().push(change);
    }
    let checks = by_place.into_iter().map(|(place, changes)| async move {
        match place {
            Place::Tenant(tenant) => match estate.administrator_of(tenant) {
                Some(administrator) => in_directory(administrator, &changes).await,
                None => Vec::new(),
            },
            Place::Org(org) => match (estate.org(org), seen.orgs.get(org)) {
                (Some(administrator), Some(Ok(there))) => in_org(administrator, org, there.who.user_id, &changes).await,
                _ => Vec::new(),
            },
        }
    });
    join_all(checks).await.into_iter().flatten().collect()
}

async fn in_directory(administrator: &Administrator, changes: &[&Change]) -> Vec<String> {
    let Ok(Some((roles, permissions))) = held_in_directory(administrator).await else { return Vec::new() };
    let has_role = |among: usize| DIRECTORY_ROLES.iter().take(among).any(|role| roles.contains(&role.template_id));
    let names = |among: usize| {
        DIRECTORY_ROLES.iter().take(among).map(|role| role.display_name).collect::<Vec<_>>().join(" or ")
    };
    let consents = changes.iter().any(|change| matches!(change.action, Some(Action::Consent)));
    let manages = changes.iter().any(|change| !matches!(change.action, Some(Action::Consent)));
    let mut missing = Vec::new();
    if manages
        && !has_role(DIRECTORY_ROLES.len())
        && !MANAGING_PERMISSIONS.iter().any(|one| has_permission(&permissions, one))
    {
        missing.push(format!(
            "the caller may not make app registrations: it needs the directory role {}, or the Microsoft Graph \
             permission Application.ReadWrite.OwnedBy or Application.ReadWrite.All",
            names(DIRECTORY_ROLES.len())
        ));
    }
    if consents && !has_role(CONSENTING) && !has_permission(&permissions, CONSENTING_PERMISSION) {
        missing.push(format!(
            "the caller may not consent for everybody: it needs the directory role {}, or the Microsoft Graph \
             permission DelegatedPermissionGrant.ReadWrite.All",
            names(CONSENTING)
        ));
    }
    missing
}

type DirectoryRights = (Vec<Uuid>, Vec<Uuid>);

/// Directory roles and application permissions of the calling application; nothing for a person, whose
/// rights depend on more than that.
async fn held_in_directory(administrator: &Administrator) -> Result<Option<DirectoryRights>, ClientError> {
    let graph = &administrator.graph;
    let credential = administrator.org.tokens().credential();
    if credential.is_person() {
        return Ok(None);
    }
    let Some(me) = graph.service_principal(credential.client_id()).await? else { return Ok(None) };
    let (roles, permissions) = join(graph.directory_roles_of(me.id), graph.app_roles_of(me.id)).await;
    Ok(Some((roles?, permissions?)))
}

async fn in_org(administrator: &Administrator, org: &str, me: Uuid, changes: &[&Change]) -> Vec<String> {
    let mut needed: BTreeMap<String, Depth> = BTreeMap::new();
    let mut need = |name: &str, depth: Depth| {
        let known = needed.entry(name.to_owned()).or_insert(depth);
        *known = depth.max(*known);
    };
    for action in changes.iter().filter_map(|change| change.action.as_ref()) {
        match action {
            Action::CreateRole { privileges, .. } => {
                need("prvCreateRole", Depth::Basic);
                need("prvWriteRole", Depth::Basic);
                // Nobody gives what they do not have.
                privileges.iter().for_each(|given| need(&given.name, given.depth));
            }
            Action::AddPrivileges { privileges, .. } | Action::ReplacePrivileges { privileges, .. } => {
                need("prvWriteRole", Depth::Basic);
                privileges.iter().for_each(|given| need(&given.name, given.depth));
            }
            Action::DeleteRole { .. } => need("prvDeleteRole", Depth::Basic),
            Action::CreateUser { .. } | Action::RemakeUser { .. } => need("prvCreateUser", Depth::Basic),
            Action::UpdateUser { enable, unit, .. } => {
                need("prvWriteUser", Depth::Basic);
                if *enable {
                    need("prvDisableUser", Depth::Basic);
                }
                if unit.is_some() {
                    need("prvReparentUser", Depth::Basic);
                }
            }
            Action::AssignRole { .. } | Action::UnassignRole { .. } => need("prvAssignRole", Depth::Basic),
            Action::DeleteUser { .. } => need("prvDisableUser", Depth::Basic),
            _ => {}
        }
    }
    let Ok(held) = held(&administrator.org, me).await else { return Vec::new() };
    let lacks = |(name, depth): &(&String, &Depth)| !held.iter().any(|held| held.is_at_least(name, **depth));
    let lacking: BTreeSet<&str> = needed.iter().filter(lacks).map(|(name, _)| name.as_str()).collect();
    if lacking.is_empty() {
        return Vec::new();
    }
    let lacking: Vec<&str> = lacking.into_iter().collect();
    vec![format!("the caller lacks {} in the org `{org}`: System Administrator has all of it", lacking.join(", "))]
}
