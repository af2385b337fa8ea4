//! What an organization is made of.

use std::fmt;
use std::sync::Arc;

use keyholder_foundation::{Clocks, OrgId, Random, TenantId};
use keyholder_store::DatabaseOptions;

use crate::directory::Directory;
use crate::error::Error;

/// Is told what went wrong inside an organization, since its callers are not.
pub type Trouble = Arc<dyn Fn(&Error) + Send + Sync>;

/// Which roles the users of applications may be given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RolePolicy {
    /// Any, as today.
    #[default]
    AnyRole,
    /// Only roles that somebody made, as the service had it from 2016 on for some years.
    CustomRolesOnly,
}

/// What an organization is made of.
#[derive(Clone)]
pub struct OrganizationConfig {
    /// Where its store is.
    pub database: DatabaseOptions,
    /// Its id.
    pub organization: OrgId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What people call it; also the name of its root business unit.
    pub name: String,
    /// Its address without a `/` at the end: `https://localhost:8443`.
    pub url: String,
    /// The address of its tenant's token service without a `/` at the end; often the same.
    pub login: String,
    /// The clocks.
    pub clocks: Clocks,
    /// Where new ids come from.
    pub random: Arc<dyn Random>,
    /// Where applications are looked up.
    pub directory: Arc<dyn Directory>,
    /// How many people may be enabled non-interactive users at once; applications are not counted.
    pub non_interactive_limit: u32,
    /// Which roles applications may be given.
    pub role_policy: RolePolicy,
    /// What it says its version is: [`VERSION`](crate::VERSION), unless it pretends to be another.
    pub version: &'static str,
    /// How many sample accounts and contacts a new organization starts with.
    pub sample_rows: u32,
    /// Is told what goes wrong inside.
    pub trouble: Option<Trouble>,
}

impl fmt::Debug for OrganizationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrganizationConfig")
            .field("organization", &self.organization)
            .field("tenant", &self.tenant)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
