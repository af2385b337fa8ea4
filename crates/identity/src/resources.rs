//! What a token can be asked for: Microsoft Graph, the orgs of a tenant, the service that lists
//! them, the management addresses that tools ask for, the APIs that a tenant registered itself, and
//! the local origin, which serves all of Microsoft's and so is good for all of those.
//!
//! A token for one of them is refused by every other, because each door names the audiences that
//! it takes ([`Audience`](crate::verify::Audience)).

use std::fmt::Debug;
use std::sync::Arc;

use keyholder_entra::well_known::{self, MANAGEMENT_RESOURCES};
use keyholder_foundation::{ClientId, TenantId};

use crate::Identity;
use crate::directory::Refusal;
use crate::directory::apis::{Api, ApiKey};

/// Tells which orgs a tenant has. The local org's process knows; this room only asks.
pub trait Resources: Send + Sync + Debug {
    /// Whether `url` is the address of an org of `tenant`. It comes in lower case and without a
    /// trailing slash.
    fn has_organization(&self, tenant: TenantId, url: &str) -> bool;
}

/// Orgs that are known from the start and stay.
#[derive(Debug, Clone, Default)]
pub struct FixedOrganizations(Vec<(TenantId, String)>);

impl FixedOrganizations {
    /// These orgs, each with its tenant.
    pub fn new(organizations: impl IntoIterator<Item = (TenantId, String)>) -> Self {
        Self(organizations.into_iter().map(|(tenant, url)| (tenant, normal(&url))).collect())
    }
}

impl Resources for FixedOrganizations {
    fn has_organization(&self, tenant: TenantId, url: &str) -> bool {
        self.0.iter().any(|(owner, known)| *owner == tenant && known == url)
    }
}

/// What a token is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    /// As it was asked for, to the letter: a v1 token's audience.
    pub(crate) requested: String,
    pub(crate) kind: Kind,
    /// The service principal that stands for it in the tenant, where it has one.
    pub(crate) api: Option<Arc<Api>>,
}

/// Which of the resources it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Microsoft Graph.
    Graph,
    /// An org of the tenant.
    Organization,
    /// The service that lists a person's orgs.
    Discovery,
    /// Azure's and Power Platform's management.
    Management,
    /// The local origin.
    Origin,
    /// An API with a service principal in the tenant.
    Registered,
}

impl Kind {
    /// Whether Graph takes tokens for it.
    pub(crate) fn includes_graph(self) -> bool {
        matches!(self, Self::Graph | Self::Origin)
    }
}

/// Why a resource gets no token.
#[derive(Debug)]
pub(crate) enum ResourceFault {
    /// The tenant knows no such resource.
    Unknown,
    /// Its service principal is disabled.
    Disabled,
    /// The directory failed.
    Directory(Refusal),
}

impl From<Refusal> for ResourceFault {
    fn from(refusal: Refusal) -> Self {
        Self::Directory(refusal)
    }
}

/// Which of the resources that are Microsoft's `url` names, and the client id that stands for it.
fn known(url: &str, tenant: TenantId, origin: &str, organizations: &dyn Resources) -> Option<(Kind, ClientId)> {
    if url == origin {
        return Some((Kind::Origin, well_known::DYNAMICS_CRM));
    }
    if organizations.has_organization(tenant, url) {
        return Some((Kind::Organization, well_known::DYNAMICS_CRM));
    }
    match url {
        well_known::MICROSOFT_GRAPH_RESOURCE => return Some((Kind::Graph, well_known::MICROSOFT_GRAPH)),
        well_known::DISCOVERY_SERVICE_RESOURCE => return Some((Kind::Discovery, well_known::DYNAMICS_CRM)),
        _ => {}
    }
    let id = url.parse::<ClientId>().ok();
    if id == Some(well_known::MICROSOFT_GRAPH) {
        return Some((Kind::Graph, well_known::MICROSOFT_GRAPH));
    }
    let named = |(address, client): &&(&str, ClientId)| *address == url || Some(*client) == id;
    MANAGEMENT_RESOURCES.iter().find(named).map(|(_, client)| (Kind::Management, *client))
}

impl Resource {
    /// What `requested` names for `tenant`.
    pub(crate) async fn find(identity: &Identity, tenant: TenantId, requested: &str) -> Result<Self, ResourceFault> {
        let url = normal(requested);
        let found = known(&url, tenant, &identity.origin, identity.resources.as_ref());
        let directory = &identity.directory;
        let (kind, api) = match found {
            // The origin stands for several resources, of which none can be disabled for the others.
            Some((kind @ Kind::Origin, client)) => (kind, directory.find_api(tenant, ApiKey::Client(client)).await?),
            Some((kind, client)) => {
                let api = directory.find_api(tenant, ApiKey::Client(client)).await?;
                if api.as_ref().is_some_and(|api| !api.enabled) {
                    return Err(ResourceFault::Disabled);
                }
                (kind, api)
            }
            None => {
                let key = match url.parse::<ClientId>() {
                    Ok(client) => ApiKey::Client(client),
                    Err(_) => ApiKey::Address(requested.to_owned()),
                };
                let api = directory.find_api(tenant, key).await?.ok_or(ResourceFault::Unknown)?;
                if !api.enabled {
                    return Err(ResourceFault::Disabled);
                }
                (Kind::Registered, Some(api))
            }
        };
        Ok(Self { requested: requested.to_owned(), kind, api })
    }

    /// Whether it wants v2 tokens.
    pub(crate) fn wants_v2(&self) -> bool {
        self.api.as_ref().is_some_and(|api| api.wants_v2)
    }
}

/// An address as it is compared: lower case, without its one trailing slash.
pub(crate) fn normal(url: &str) -> String {
    url.strip_suffix('/').unwrap_or(url).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_org_is_a_resource_of_its_own_tenant_only() {
        let (one, two) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        let orgs = FixedOrganizations::new([(one, "https://Org.example/".to_owned())]);
        let find =
            |url: &str, tenant| known(&normal(url), tenant, "https://localhost:8443", &orgs).map(|(kind, _)| kind);
        assert_eq!(find("https://org.example", one), Some(Kind::Organization));
        assert_eq!(find("https://org.EXAMPLE/", one), Some(Kind::Organization));
        assert_eq!(find("https://org.example", two), None);
        assert_eq!(find("https://localhost:8443/", two), Some(Kind::Origin));
        assert_eq!(find("https://graph.microsoft.com/", two), Some(Kind::Graph));
        assert_eq!(find("00000003-0000-0000-C000-000000000000", two), Some(Kind::Graph));
        assert_eq!(find("https://management.core.windows.net/", two), Some(Kind::Management));
        assert_eq!(find("https://api.bap.microsoft.com", two), Some(Kind::Management));
        assert_eq!(find("https://globaldisco.crm.dynamics.com/", two), Some(Kind::Discovery));
        for unknown in [
            "",
            "/",
            "https://org.example//",
            "https://org.example/path",
            "http://org.example",
            "https://other.crm4.dynamics.com",
        ] {
            assert_eq!(find(unknown, one), None, "{unknown}");
        }
    }
}
