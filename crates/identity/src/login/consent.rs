//! Whether a person, or an administrator for everyone, has let an application act for them, and with
//! which permissions.
//!
//! Microsoft's own clients need no consent for Microsoft's own resources. Everybody else needs a
//! grant: of exactly the permissions that are asked for, or of any when the request says `.default`.
//! What a token's `scp` then says is all that it opens: Graph goes by it action by action, Dataverse
//! and the management services want `user_impersonation` in it.

use std::sync::Arc;

use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;
use keyholder_foundation::{ClientId, ObjectId};

use super::Failure;
use super::client::Found;
use super::scope::{Asked, Permissions};
use crate::Identity;
use crate::directory::apis::{Api, ApiKey};
use crate::directory::published;
use crate::resources::{Kind, Resource, normal};

/// What Microsoft's own clients are given of Graph when they ask for `.default`: what the Azure CLI is
/// preauthorised for. The others have less in reality, and here as much, being there for the same work.
const OWN_GRAPH: [&str; 9] = [
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.AccessAsUser.All",
    "Group.ReadWrite.All",
    "User.Read",
    "User.Read.All",
    "User.ReadWrite.All",
];

/// Permissions that every person has over their own sign-in.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What the application may do for the person, as a token's `scp`.
pub(super) async fn permissions(
    identity: &Identity,
    found: &Found,
    user: ObjectId,
    resource: &Resource,
    asked: &Asked,
) -> Result<Vec<String>, Failure> {
    let stand_ins = stand_ins(identity, found, resource).await?;
    check_offered(found, resource, &stand_ins, asked)?;
    let missing = || missing(found, resource, &stand_ins, asked);
    let mut permissions = if found.client.published().is_some() {
        own(found, resource, asked)?.ok_or_else(missing)?
    } else {
        let client = found.client.facts.service_principal;
        let granted = match client {
            Some(client) => granted(identity, found, client, user, &stand_ins).await?,
            None => Vec::new(),
        };
        match &asked.permissions {
            Permissions::Default if granted.is_empty() => return Err(missing().into()),
            Permissions::Named(names) if client.is_none() || !names.iter().all(|name| granted.contains(name)) => {
                return Err(missing().into());
            }
            // Whoever asks only who signed in gets no more than that.
            Permissions::Named(names) if names.is_empty() => Vec::new(),
            _ => granted,
        }
    };
    // OpenID Connect's words are permissions of Graph's; to another resource they say nothing.
    if resource.kind == Kind::Graph || permissions.is_empty() {
        for (asked, name) in [(asked.openid, "openid"), (asked.profile, "profile"), (asked.email, "email")] {
            if asked && !permissions.iter().any(|known| known == name) {
                permissions.push(name.to_owned());
            }
        }
    }
    Ok(permissions)
}

/// Refuses a permission that the resource does not have.
fn check_offered(found: &Found, resource: &Resource, stand_ins: &[Arc<Api>], asked: &Asked) -> Result<(), Problem> {
    let Permissions::Named(names) = &asked.permissions else { return Ok(()) };
    let is_own = found.client.published().is_some();
    for name in names {
        let offered = stand_ins.iter().any(|api| api.offers(name));
        match resource.kind {
            // Graph has hundreds, of which few are known here. An application that needs a grant just
            // has none of the others.
            Kind::Graph if is_own && !offered => return Err(aadsts::scope_malformed(&asked.text)),
            Kind::Graph => {}
            Kind::Origin if !offered => return Err(aadsts::scope_malformed(&asked.text)),
            Kind::Organization | Kind::Discovery | Kind::Management if name == well_known::USER_IMPERSONATION => {}
            Kind::Origin | Kind::Registered if offered => {}
            _ => {
                let name_of_client = &found.client.facts.display_name;
                return Err(aadsts::permission_unknown(name_of_client, name, &resource.requested));
            }
        }
    }
    Ok(())
}

/// Refuses at once, before anybody signs in, what one of Microsoft's own clients asks of Graph that
/// Graph does not have.
pub(super) fn check_before_sign_in(client: ClientId, asked: &Asked) -> Result<(), Problem> {
    let Permissions::Named(names) = &asked.permissions else { return Ok(()) };
    let graph = [well_known::MICROSOFT_GRAPH_RESOURCE, &well_known::MICROSOFT_GRAPH.to_string()]
        .contains(&normal(&asked.resource).as_str());
    let is_own = well_known::PUBLIC_CLIENTS.iter().any(|published| published.client == client);
    let offered = published::permission_scopes(well_known::MICROSOFT_GRAPH);
    let offers = |name: &String| offered.iter().any(|scope| scope.value.as_ref() == Some(name));
    if graph && is_own && !names.iter().all(offers) { Err(aadsts::scope_malformed(&asked.text)) } else { Ok(()) }
}

/// What Microsoft's own clients may do with Microsoft's own resources; none of other resources.
fn own(found: &Found, resource: &Resource, asked: &Asked) -> Result<Option<Vec<String>>, Problem> {
    if resource.kind == Kind::Registered {
        return Ok(None);
    }
    let mut all: Vec<String> = Vec::new();
    if resource.kind.includes_graph() {
        all.extend(OWN_GRAPH.map(str::to_owned));
    }
    if resource.kind != Kind::Graph {
        all.push(well_known::USER_IMPERSONATION.to_owned());
    }
    let Permissions::Named(names) = &asked.permissions else { return Ok(Some(all)) };
    match names.iter().find(|name| !all.contains(name)) {
        None => Ok(Some(names.clone())),
        Some(_) => {
            let api = resource.api.as_ref().map_or_else(|| resource.requested.clone(), |api| api.client.to_string());
            Err(aadsts::not_preauthorized(found.client.facts.client_id, &api))
        }
    }
}

/// The error when consent is missing: one names what to do, the other that the registration does not
/// even ask for the resource.
fn missing(found: &Found, resource: &Resource, stand_ins: &[Arc<Api>], asked: &Asked) -> Problem {
    let facts = &found.client.facts;
    let wants: Vec<_> = found.client.required.iter().map(|access| access.resource_app_id).collect();
    let of_resource = resource.api.as_ref().map(|api| api.client);
    let listed = stand_ins.iter().any(|api| wants.contains(&api.client));
    if asked.permissions == Permissions::Default && !listed && found.client.published().is_none() {
        return aadsts::resource_not_requested(facts.client_id, &resource.requested, of_resource, &wants);
    }
    aadsts::consent_required(facts.client_id, &facts.display_name)
}

/// The service principals of the resources that a token for `resource` opens.
pub(super) async fn stand_ins(
    identity: &Identity,
    found: &Found,
    resource: &Resource,
) -> Result<Vec<Arc<Api>>, Failure> {
    let mut stand_ins: Vec<_> = resource.api.iter().cloned().collect();
    if resource.kind == Kind::Origin {
        let graph = ApiKey::Client(well_known::MICROSOFT_GRAPH);
        stand_ins.extend(identity.directory.find_api(found.tenant.id, graph).await?);
    }
    Ok(stand_ins)
}

/// What a registered application was granted of a resource.
async fn granted(
    identity: &Identity,
    found: &Found,
    client: ObjectId,
    user: ObjectId,
    stand_ins: &[Arc<Api>],
) -> Result<Vec<String>, Failure> {
    let grants = identity.directory.granted(found.tenant.id, client, user).await?;
    let mut words: Vec<String> = Vec::new();
    for (of, scopes) in &grants {
        if !stand_ins.iter().any(|api| api.principal == *of) {
            continue;
        }
        for word in scopes.split_ascii_whitespace().filter(|word| !OPENID.contains(word)) {
            if !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    Ok(words)
}
