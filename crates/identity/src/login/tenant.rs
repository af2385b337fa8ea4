//! The first segment of every path: a tenant, or a word for no particular one.

use std::sync::Arc;

use keyholder_entra::{aadsts, well_known};
use keyholder_foundation::TenantId;

use super::Failure;
use crate::directory::Directory;
use crate::directory::administrators::is_domain;
use crate::directory::tenants::Tenant;

/// What stands for the tenant.
#[derive(Debug, Clone)]
pub(super) enum Segment {
    /// A tenant.
    Tenant(Arc<Tenant>),
    /// `common` or `organizations`: whichever the request turns out to be about.
    Any(&'static str),
    /// `consumers`: personal accounts, of which a local org has none.
    Consumers,
}

impl Segment {
    /// Reads a segment, which is in lower case.
    pub(super) async fn find(directory: &Directory, segment: &str) -> Result<Self, Failure> {
        match segment {
            "common" => return Ok(Self::Any("common")),
            "organizations" => return Ok(Self::Any("organizations")),
            "consumers" => return Ok(Self::Consumers),
            _ => {}
        }
        let tenants = directory.tenants().await?;
        let found = match segment.parse::<TenantId>() {
            Ok(TenantId(well_known::CONSUMERS_TENANT)) => return Ok(Self::Consumers),
            Ok(id) => tenants.find(id),
            Err(_) if is_domain(segment) => tenants.find_by_domain(segment),
            Err(_) => return Err(aadsts::tenant_malformed(segment).into()),
        };
        found.map(|tenant| Self::Tenant(Arc::clone(tenant))).ok_or_else(|| aadsts::tenant_not_found(segment).into())
    }
}
