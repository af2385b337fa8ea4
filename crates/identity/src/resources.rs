//! What a token can be asked for: Microsoft Graph, the orgs of a tenant, and the local origin,
//! which serves them all and so is good for all of them.

use std::fmt::Debug;

use keyholder_entra::well_known;
use keyholder_foundation::TenantId;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Microsoft Graph.
    Graph,
    /// An org of the tenant.
    Organization,
    /// The local origin.
    Origin,
}

impl Resource {
    /// What `requested` names for `tenant`.
    pub(crate) fn find(requested: &str, tenant: TenantId, origin: &str, organizations: &dyn Resources) -> Option<Self> {
        let url = normal(requested);
        if url == well_known::MICROSOFT_GRAPH_RESOURCE || url == well_known::MICROSOFT_GRAPH.to_string() {
            Some(Self::Graph)
        } else if url == origin {
            Some(Self::Origin)
        } else {
            organizations.has_organization(tenant, &url).then_some(Self::Organization)
        }
    }

    /// Whether Graph takes tokens for it.
    pub(crate) fn includes_graph(self) -> bool {
        matches!(self, Self::Graph | Self::Origin)
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
        let find = |url, tenant| Resource::find(url, tenant, "https://localhost:8443", &orgs);
        assert_eq!(find("https://org.example", one), Some(Resource::Organization));
        assert_eq!(find("https://org.EXAMPLE/", one), Some(Resource::Organization));
        assert_eq!(find("https://org.example", two), None);
        assert_eq!(find("https://localhost:8443/", two), Some(Resource::Origin));
        assert_eq!(find("https://graph.microsoft.com/", two), Some(Resource::Graph));
        assert_eq!(find("00000003-0000-0000-C000-000000000000", two), Some(Resource::Graph));
        for unknown in ["", "/", "https://org.example//", "https://org.example/path", "http://org.example"] {
            assert_eq!(find(unknown, one), None, "{unknown}");
        }
    }
}
