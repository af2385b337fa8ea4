//! Whether a person, or an administrator for everyone, has let an application act for them, and with
//! which permissions.
//!
//! Microsoft's own clients need no consent for Microsoft's own resources. Everybody else needs a
//! grant: of exactly the permissions that are asked for, or of any when the request says `.default`.

use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;
use keyholder_foundation::ObjectId;

use super::Failure;
use super::client::Found;
use super::scope::{Asked, Permissions};
use crate::Identity;
use crate::directory::apis::{Api, ApiKey};
use crate::resources::{Kind, Resource};

/// What Microsoft's own clients are given of Graph when they ask for `.default`.
const OWN_GRAPH: [&str; 4] = ["AuditLog.Read.All", "Directory.AccessAsUser.All", "User.Read", "User.ReadWrite.All"];

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
    check_offered(found, resource, asked)?;
    let missing = || missing(found, resource, asked);
    let mut permissions = if found.client.published().is_some() {
        own(resource, asked).ok_or_else(missing)?
    } else {
        let client = found.client.facts.service_principal;
        let granted = match client {
            Some(client) => granted(identity, found, client, user, resource).await?,
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
fn check_offered(found: &Found, resource: &Resource, asked: &Asked) -> Result<(), Problem> {
    let Permissions::Named(names) = &asked.permissions else { return Ok(()) };
    let offers = |name: &str| match resource.kind {
        // Graph has hundreds, of which few are known here; an unknown one is simply not granted.
        Kind::Graph | Kind::Origin => true,
        Kind::Organization | Kind::Discovery | Kind::Management => name == well_known::USER_IMPERSONATION,
        Kind::Registered => resource.api.as_ref().is_some_and(|api| api.offers(name)),
    };
    match names.iter().find(|name| !offers(name)) {
        None => Ok(()),
        Some(name) => Err(aadsts::permission_unknown(&found.client.facts.display_name, name, &resource.requested)),
    }
}

/// What Microsoft's own clients may do with Microsoft's own resources.
fn own(resource: &Resource, asked: &Asked) -> Option<Vec<String>> {
    if resource.kind == Kind::Registered {
        return None;
    }
    if let Permissions::Named(names) = &asked.permissions {
        return Some(names.clone());
    }
    let mut all: Vec<String> = Vec::new();
    if resource.kind.includes_graph() {
        all.extend(OWN_GRAPH.map(str::to_owned));
    }
    if resource.kind != Kind::Graph {
        all.push(well_known::USER_IMPERSONATION.to_owned());
    }
    Some(all)
}

/// The error when consent is missing: one names what to do, the other that the registration does not
/// even ask for the resource.
fn missing(found: &Found, resource: &Resource, asked: &Asked) -> Problem {
    let facts = &found.client.facts;
    let wants: Vec<_> = found.client.required.iter().map(|access| access.resource_app_id).collect();
    let of_resource = resource.api.as_ref().map(|api| api.client);
    let listed = resource.kind == Kind::Origin || of_resource.is_some_and(|client| wants.contains(&client));
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
) -> Result<Vec<std::sync::Arc<Api>>, Failure> {
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
    resource: &Resource,
) -> Result<Vec<String>, Failure> {
    let stand_ins = stand_ins(identity, found, resource).await?;
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
