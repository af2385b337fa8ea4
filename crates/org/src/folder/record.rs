//! `world.json`: which tenants and orgs a data folder has, and what time it is there.
//!
//! The file is written whole, so it is also where a change of several files becomes true: it says
//! in which folder the databases are, and another state of the world is one write away.

use std::collections::BTreeMap;

use keyholder_foundation::{ClientId, ObjectId, OrgId, TenantId};
use serde::{Deserialize, Serialize};

/// The newest `world.json` that this version reads and writes. Format 1 had one tenant with one
/// org, its databases in the data folder itself, and no clock. Format 2 kept an org's security group
/// as a list of people, and had no personas.
pub(super) const WORLD_FORMAT: u32 = 3;

/// The tenants and orgs of a folder, as `world.json` keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// The file's own format.
    pub format: u32,
    /// Whether everything that a new world needs has been made.
    pub complete: bool,
    /// Which folder `state-N` holds the databases; 0 is the data folder itself.
    #[serde(default)]
    pub state: u32,
    /// How far the org clock runs ahead of the machine's, in milliseconds.
    #[serde(default)]
    pub clock_offset_millis: i64,
    /// Every tenant; the first is the one that `org.env` names.
    pub tenants: Vec<TenantEntry>,
}

impl World {
    pub(crate) fn new(tenants: Vec<TenantEntry>) -> Self {
        Self { format: WORLD_FORMAT, complete: false, state: 1, clock_offset_millis: 0, tenants }
    }

    /// A record in a database.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged = |_| "its record is damaged".to_owned();
        let Format { format } = serde_json::from_str(text).map_err(damaged)?;
        if format > WORLD_FORMAT {
            return Err(format!("it was made by a later version of Keyholder (format {format})"));
        }
        let world: Self = serde_json::from_str(text).map_err(damaged)?;
        if world.first().is_none() {
            return Err("its record names no org".to_owned());
        }
        Ok(world)
    }

    /// The tenant and the org that answer at the origin.
    #[must_use]
    pub fn first(&self) -> Option<(&TenantEntry, &OrgEntry)> {
        let tenant = self.tenants.first()?;
        Some((tenant, tenant.orgs.first()?))
    }

    /// Every org with its tenant, the one at the origin first.
    pub fn orgs(&self) -> impl Iterator<Item = (&TenantEntry, &OrgEntry)> {
        self.tenants.iter().flat_map(|tenant| tenant.orgs.iter().map(move |org| (tenant, org)))
    }

    /// The tenant of this domain or id.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<&TenantEntry> {
        self.tenants.iter().find(|tenant| tenant.domain.eq_ignore_ascii_case(name) || tenant.id.to_string() == name)
    }

    pub(crate) fn tenant_mut(&mut self, id: TenantId) -> Option<&mut TenantEntry> {
        self.tenants.iter_mut().find(|tenant| tenant.id == id)
    }

    pub(crate) fn org_mut(&mut self, id: OrgId) -> Option<&mut OrgEntry> {
        self.tenants.iter_mut().flat_map(|tenant| &mut tenant.orgs).find(|org| org.id == id)
    }
}

/// One tenant of a world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantEntry {
    /// The tenant's id.
    pub id: TenantId,
    /// Its domain.
    pub domain: String,
    /// Who administers it, and so every org of it; absent until they are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrators: Option<AdministratorsEntry>,
    /// How often they have been given credentials: says whether those in the env file are the ones
    /// that a state's directory knows.
    #[serde(default)]
    pub credentials: u32,
    /// Applications that may do what a Power Platform administrator may (`adminApplications`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub management_applications: Vec<ClientId>,
    /// The personas that were made, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personas: BTreeMap<String, PersonaEntry>,
    /// Its orgs. The first of the first tenant answers at the origin.
    pub orgs: Vec<OrgEntry>,
}

impl TenantEntry {
    pub(crate) fn new(id: TenantId, domain: impl Into<String>) -> Self {
        Self {
            id,
            domain: domain.into(),
            administrators: None,
            credentials: 0,
            management_applications: Vec::new(),
            personas: BTreeMap::new(),
            orgs: Vec::new(),
        }
    }
}

/// Somebody to try things as; the password is elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonaEntry {
    /// The person.
    pub user: ObjectId,
    /// How many passwords they have been given: says whether the one in the env file is theirs.
    pub passwords: u32,
}

/// Who administers a tenant; their secrets are elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdministratorsEntry {
    /// The application.
    pub client_id: ClientId,
    /// Its service principal.
    pub service_principal: ObjectId,
    /// The person.
    pub user: ObjectId,
    /// The person's sign-in name.
    pub user_principal_name: String,
}

/// One org of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrgEntry {
    /// The organization's id.
    pub id: OrgId,
    /// Its name for people.
    pub name: String,
    /// The port that it answers on; absent for the org at the origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// What else than an org of the cloud it pretends to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretend: Option<Pretence>,
    /// The group whose members may come into the org; everybody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_group: Option<SecurityGroup>,
}

impl OrgEntry {
    pub(crate) fn new(id: OrgId, name: impl Into<String>) -> Self {
        Self { id, name: name.into(), port: None, pretend: None, security_group: None }
    }
}

/// An environment's security group: applications and administrators come whether they are members
/// or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// The group's id in the directory.
    pub id: ObjectId,
    /// Who is in it, in a record of format 2. The directory takes them over when it is opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ObjectId>,
}

/// What an org can pretend to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pretence {
    /// An org on a server of one's own, behind Windows authentication: no token opens it.
    OnPremises,
    /// An org from before the December 2016 update, by the version that it tells of itself.
    Older,
}

impl Pretence {
    /// The version that such an org tells.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::OnPremises => keyholder_data::VERSION,
            Self::Older => "8.1.0.512",
        }
    }
}
