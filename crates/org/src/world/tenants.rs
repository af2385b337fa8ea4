//! Further tenants and orgs: a vendor's app has many of the first, an administrator looks after
//! many of the second.

use keyholder_data::RolePolicy;
use keyholder_foundation::{ClientId, ObjectId, OrgId, TenantId};
use serde::Serialize;

use super::make::admit;
use super::{OpenOrg, OpenWorld, State};
use crate::env_file;
use crate::error::{Refused, StartError};
use crate::folder::{OrgEntry, Pretence, SecurityGroup, TenantEntry};

/// The most orgs of a world: each has its own port, threads and open files.
const MOST_ORGS: usize = 64;
/// The longest name of an org, in characters.
const LONGEST_NAME: usize = 100;

/// An org that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrg {
    /// Its name for people.
    pub name: String,
    /// The domain or id of its tenant.
    pub tenant: String,
    /// What it pretends to be.
    pub pretend: Option<Pretence>,
}

/// A tenant, with its orgs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedTenant {
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// Its domain.
    pub domain: String,
    /// The file with its administrators' credentials.
    pub env_file: std::path::PathBuf,
    /// Its orgs.
    pub orgs: Vec<ListedOrg>,
}

/// An org.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedOrg {
    /// The organization's id.
    pub organization_id: OrgId,
    /// Its name for people.
    pub name: String,
    /// Where it answers.
    pub url: String,
    /// What it pretends to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pretend: Option<Pretence>,
    /// The group whose members may come in; everybody when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group: Option<ObjectId>,
}

impl From<&OpenOrg> for ListedOrg {
    fn from(org: &OpenOrg) -> Self {
        Self {
            organization_id: org.id,
            name: org.name.clone(),
            url: org.url.clone(),
            pretend: org.pretend,
            security_group: org.security_group(),
        }
    }
}

impl OpenWorld {
    /// Every tenant and org.
    pub async fn list(&self) -> Vec<ListedTenant> {
        let state = self.state().await;
        state.record.tenants.iter().map(|tenant| self.listed(&state, tenant)).collect()
    }

    fn listed(&self, state: &State, tenant: &TenantEntry) -> ListedTenant {
        let orgs = state.orgs.iter().filter(|org| org.tenant == tenant.id);
        ListedTenant {
            tenant_id: tenant.id,
            domain: tenant.domain.clone(),
            env_file: self.folder.file(&self.env_name(tenant)),
            orgs: orgs.map(|org| ListedOrg::from(&**org)).collect(),
        }
    }

    /// Makes a tenant with administrators of its own; their credentials go to `DOMAIN.env`.
    ///
    /// # Errors
    /// [`Refused::TenantExists`], [`Refused::Domain`]; [`StartError`] when it cannot be written.
    pub async fn add_tenant(&self, domain: &str) -> Result<ListedTenant, StartError> {
        let domain = domain.to_ascii_lowercase();
        let mut state = self.state.write().await;
        if state.record.tenant(&domain).is_some() {
            return Err(Refused::TenantExists { domain }.into());
        }
        // A killed attempt may have left the tenant in the directory.
        let known = state.identity.tenants().await?.into_iter().find(|(_, known)| *known == domain);
        let id = known.map_or_else(|| TenantId(self.options.random.uuid()), |(id, _)| id);
        let before = state.record.clone();
        state.record.tenants.push(TenantEntry::new(id, domain.as_str()));
        let made = async {
            let env = self.administrators(&mut state, id, &domain).await?;
            self.folder.write(&env.name, env.text.expose().as_bytes())?;
            let record = state.record.clone();
            self.keep_record(&mut state, record).await
        }
        .await;
        match made {
            Ok(()) => {
                let listed = state.record.tenant(&domain).map(|tenant| self.listed(&state, tenant));
                listed.ok_or(StartError::Interrupted)
            }
            Err(error) => {
                state.record = before;
                Err(match error {
                    StartError::Identity(keyholder_identity::Error::Domain(_)) => {
                        Refused::Domain { domain: domain.chars().take(80).collect() }.into()
                    }
                    StartError::Identity(keyholder_identity::Error::DomainTaken(domain)) => {
                        Refused::TenantExists { domain }.into()
                    }
                    other => other,
                })
            }
        }
    }

    /// Makes an org with the platform's roles and sample rows, and lets its tenant's administrators
    /// in.
    ///
    /// # Errors
    /// [`Refused`]; [`StartError`] when it cannot be made or written down.
    pub async fn add_org(&self, wish: &NewOrg) -> Result<ListedOrg, StartError> {
        let name = wish.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(Refused::OrgName.into());
        }
        let mut state = self.state.write().await;
        let Some(tenant) = state.record.tenant(&wish.tenant).cloned() else {
            let known = state.record.tenants.iter().map(|tenant| tenant.domain.clone()).collect();
            return Err(Refused::NoTenant { name: wish.tenant.chars().take(80).collect(), known }.into());
        };
        if tenant.orgs.iter().any(|org| org.name.to_lowercase() == name.to_lowercase()) {
            return Err(Refused::OrgExists { name: name.to_owned(), domain: tenant.domain }.into());
        }
        if state.orgs.len() >= MOST_ORGS {
            return Err(Refused::TooManyOrgs { most: MOST_ORGS }.into());
        }
        let mut entry = OrgEntry { pretend: wish.pretend, ..OrgEntry::new(OrgId(self.options.random.uuid()), name) };
        let folder = self.folder.state(state.record.state);
        let open = self.opening().org(&folder, tenant.id, &mut entry, false, &state.identity).await?;
        if let Some(administrators) = &tenant.administrators {
            admit(&open.organization, administrators).await?;
        }
        let mut record = state.record.clone();
        if let Some(tenant) = record.tenant_mut(tenant.id) {
            tenant.orgs.push(entry);
        }
        self.keep_record(&mut state, record).await?;
        state.urls.add(tenant.id, &open.url);
        state.tell_of_everybody(&open, self.clocks.now()).await?;
        let listed = ListedOrg::from(&*open);
        // Kept with the others of its tenant, so that the order is the record's.
        let at = state.orgs.iter().rposition(|org| org.tenant == tenant.id).map_or(state.orgs.len(), |last| last + 1);
        state.orgs.insert(at, open);
        self.name_first_org(&state, tenant.id)?;
        Ok(listed)
    }

    /// Sets whose members may come into an org: its security group, by its id or its name. Nothing
    /// lets everybody in. Applications and the tenant's administrators come in any case. Gives the
    /// group's id.
    ///
    /// # Errors
    /// [`Refused::NoOrg`], [`Refused::NoGroup`]; [`StartError`] when it cannot be written.
    pub async fn set_security_group(&self, org: &str, group: Option<&str>) -> Result<Option<ObjectId>, StartError> {
        let mut state = self.state.write().await;
        let open = state.org_called(org)?;
        let group = match group {
            None => None,
            Some(name) => match state.identity.find_group(open.tenant, name).await? {
                Some((id, _)) => Some(id),
                None => return Err(Refused::NoGroup { name: name.chars().take(80).collect() }.into()),
            },
        };
        let mut record = state.record.clone();
        if let Some(entry) = record.org_mut(open.id) {
            entry.security_group = group.map(|id| SecurityGroup { id, members: Vec::new() });
        }
        self.keep_record(&mut state, record).await?;
        open.use_security_group(group);
        state.tell_of_everybody(&open, self.clocks.now()).await?;
        Ok(group)
    }

    /// Sets which roles the users of applications may be given in an org from now on, until the org is started again.
    ///
    /// # Errors
    /// [`StartError`] when there is no such org.
    pub async fn set_role_policy(&self, org: &str, policy: RolePolicy) -> Result<(), StartError> {
        self.state.read().await.org_called(org)?.organization.set_role_policy(policy);
        Ok(())
    }

    /// Registers an application that may do what a Power Platform administrator may, or takes that
    /// back.
    pub(crate) async fn set_management_application(
        &self,
        tenant: TenantId,
        application: ClientId,
        registered: bool,
    ) -> Result<(), StartError> {
        let mut state = self.state.write().await;
        let mut record = state.record.clone();
        let Some(entry) = record.tenant_mut(tenant) else { return Ok(()) };
        entry.management_applications.retain(|known| *known != application);
        if registered {
            entry.management_applications.push(application);
        }
        self.keep_record(&mut state, record).await?;
        Ok(())
    }

    /// A tenant's env file names its first org as soon as there is one.
    fn name_first_org(&self, state: &State, tenant: TenantId) -> Result<(), StartError> {
        let Some(tenant) = state.record.tenants.iter().find(|entry| entry.id == tenant) else { return Ok(()) };
        let name = self.env_name(tenant);
        // A lost file stays lost: only new credentials mend that.
        if let Some(credentials) = env_file::read(&self.folder.file(&name))?.as_ref().and_then(env_file::admin) {
            let env = self.env_file(tenant, &credentials);
            self.folder.write(&env.name, env.text.expose().as_bytes())?;
        }
        Ok(())
    }
}
