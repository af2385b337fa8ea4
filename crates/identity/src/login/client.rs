//! The application that asks: found by its client id, in the tenant that the request is about.

use std::sync::Arc;

use keyholder_entra::aadsts;
use keyholder_foundation::ClientId;

use super::Failure;
use super::tenant::Segment;
use crate::Identity;
use crate::directory::clients::{Client, Origin};
use crate::directory::tenants::Tenant;

/// A tenant, and an application as it sees it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) tenant: Arc<Tenant>,
    pub(super) client: Arc<Client>,
}

/// The application for itself. `common` and `organizations` mean its home, as long ago.
pub(super) async fn find(identity: &Identity, segment: &Segment, client_id: &str) -> Result<Found, Failure> {
    let tenant = match segment {
        Segment::Tenant(tenant) => Arc::clone(tenant),
        Segment::Consumers => return Err(aadsts::consumers_not_supported(client_id).into()),
        Segment::Any(word) => {
            let not_found = || aadsts::application_not_found(client_id, word);
            let client = client_id.trim().parse().map_err(|_| not_found())?;
            let home = identity.directory.home_of(client).await?.ok_or_else(not_found)?;
            let tenants = identity.directory.tenants().await?;
            Arc::clone(tenants.find(home.tenant).ok_or_else(not_found)?)
        }
    };
    find_in(identity, tenant, client_id).await
}

/// The application in this tenant, which has let it in, and in which it may sign in.
pub(super) async fn find_in(identity: &Identity, tenant: Arc<Tenant>, client_id: &str) -> Result<Found, Failure> {
    let found = offered_in(identity, tenant, client_id).await?;
    if !found.client.is_known_to(found.tenant.id) {
        return Err(aadsts::application_not_found(client_id, &found.tenant.display_name).into());
    }
    Ok(found)
}

/// The application in this tenant, which may not have let it in yet.
pub(super) async fn offered_in(identity: &Identity, tenant: Arc<Tenant>, client_id: &str) -> Result<Found, Failure> {
    let not_found = || Failure::from(aadsts::application_not_found(client_id, &tenant.display_name));
    let id: ClientId = client_id.trim().parse().map_err(|_| not_found())?;
    let client = identity.directory.find_client(tenant.id, id).await?.ok_or_else(not_found)?;
    if let Origin::Registered(home) = client.origin
        && !client.sees(home.since, identity.clocks.now(), identity.directory_lag)
    {
        return Err(not_found());
    }
    if !client.facts.enabled {
        return Err(aadsts::application_disabled(id, &client.facts.display_name).into());
    }
    Ok(Found { tenant, client })
}

/// Refuses an application that cannot be asked for on `common` or `organizations`: who signs in is
/// not known there before, and it is for one tenant only.
pub(super) async fn check_for_any(identity: &Identity, word: &str, client_id: &str) -> Result<ClientId, Failure> {
    let not_found = || Failure::from(aadsts::application_not_found(client_id, word));
    let id: ClientId = client_id.trim().parse().map_err(|_| not_found())?;
    if keyholder_entra::well_known::PUBLIC_CLIENTS.iter().any(|published| published.client == id) {
        return Ok(id);
    }
    let home = identity.directory.home_of(id).await?.ok_or_else(not_found)?;
    if home.multi_tenant {
        return Ok(id);
    }
    let client = identity.directory.find_client(home.tenant, id).await?.ok_or_else(not_found)?;
    Err(aadsts::not_multi_tenant(id, &client.facts.display_name).into())
}
