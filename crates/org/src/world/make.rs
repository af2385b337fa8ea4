//! Making what a new world needs: a tenant, its administrators, and their way into its orgs.
//!
//! Making a world is a sequence that can be killed anywhere and is simply gone through again: each
//! part is looked for before it is made, and `complete` is written last. Only one thing cannot be
//! looked up again, the administrators' secrets, of which the store has but hashes; so a world that
//! was never completed makes new ones.

use keyholder_data::{Administrator, ApplicationFacts, Organization};
use keyholder_foundation::{Secret, TenantId};
use keyholder_identity::directory::administrators::APPLICATION_NAME;
use keyholder_identity::{Administrators, TenantPlan};

use super::{ORGANIZATION_NAME, OpenWorld, State};
use crate::env_file::{self, Address, AdminCredentials};
use crate::error::StartError;
use crate::folder::{AdministratorsEntry, TenantEntry};

impl OpenWorld {
    /// Makes what a new world needs, in an order in which nothing is lost by a kill.
    pub(super) async fn complete(&self) -> Result<(), StartError> {
        let mut state = self.state.write().await;
        let env = self.administrators(&mut state, self.tenant, ORGANIZATION_NAME).await?;
        self.folder.write(&env.name, env.text.expose().as_bytes())?;
        let mut record = state.record.clone();
        record.complete = true;
        // What `org reset` goes back to.
        if !self.is_shared() {
            self.keep_fresh(&record).await?;
        }
        self.keep_record(&mut state, record).await?;
        Ok(())
    }

    /// Makes new credentials for the administrators and writes them to `org.env`; the old ones stop
    /// working.
    ///
    /// # Errors
    /// [`StartError`] when the directory or the file cannot be written.
    pub async fn reset_credentials(&self) -> Result<(), StartError> {
        let mut state = self.state.write().await;
        let env = self.administrators(&mut state, self.tenant, ORGANIZATION_NAME).await?;
        self.folder.write(&env.name, env.text.expose().as_bytes())?;
        let record = state.record.clone();
        self.keep_record(&mut state, record).await?;
        Ok(())
    }

    /// Makes a tenant's administrators, or new credentials for them, lets them into its orgs, and
    /// gives the env file that has to be written. The record is changed and not written.
    pub(super) async fn administrators(
        &self,
        state: &mut State,
        id: TenantId,
        display_name: &str,
    ) -> Result<NewEnvFile, StartError> {
        let Some(tenant) = state.record.tenant_mut(id) else { return Err(StartError::Interrupted) };
        // An earlier attempt may have got as far as the directory.
        let known = state.identity.tenants().await?.iter().any(|(known, _)| *known == id);
        let made = if known {
            state.identity.reset_admin_credentials(id).await?
        } else {
            let plan =
                TenantPlan { id: Some(id), domain: tenant.domain.clone(), display_name: display_name.to_owned() };
            state.identity.bootstrap_tenant(&plan).await?
        };
        let entry = AdministratorsEntry {
            client_id: made.client_id,
            service_principal: made.service_principal,
            user: made.user,
            user_principal_name: made.user_principal_name.clone(),
        };
        state.propagation.wake();
        tenant.credentials += 1;
        tenant.administrators = Some(entry.clone());
        let tenant = tenant.clone();
        for org in state.orgs.iter().filter(|org| org.tenant == id) {
            admit(&org.organization, &entry).await?;
        }
        Ok(self.env_file(&tenant, &credentials(&made)))
    }

    /// A tenant's env file, as it should be now.
    pub(super) fn env_file(&self, tenant: &TenantEntry, credentials: &AdminCredentials) -> NewEnvFile {
        NewEnvFile { name: self.env_name(tenant), text: env_file::print(&self.address_of(tenant), credentials) }
    }

    /// Where a tenant's first org answers, and what a client needs to trust.
    pub(super) fn address_of(&self, tenant: &TenantEntry) -> Address {
        if tenant.id == self.tenant {
            return self.address();
        }
        let org = tenant.orgs.first().and_then(|org| org.port);
        let org_url = org.map(|port| super::state::with_port(&self.origin, port)).unwrap_or_default();
        let (tenant_id, tenant_domain) = (tenant.id.to_string(), tenant.domain.clone());
        Address { tenant_id, tenant_domain, org_url, ..self.address() }
    }

    /// The name of a tenant's env file.
    pub(super) fn env_name(&self, tenant: &TenantEntry) -> String {
        // A domain has a dot in it, so it cannot be called `org`.
        if tenant.id == self.tenant { "org.env".to_owned() } else { format!("{}.env", tenant.domain) }
    }

    /// Brings the env files up to the current addresses; gives the names of those that are lost.
    pub(crate) async fn refresh_env_files(&self) -> Result<Vec<String>, StartError> {
        let state = self.state().await;
        self.refresh_personas(&state)?;
        let mut lost = Vec::new();
        for tenant in &state.record.tenants {
            let name = self.env_name(tenant);
            match env_file::read(&self.folder.file(&name))?.as_ref().and_then(env_file::admin) {
                None => lost.push(name),
                Some(credentials) => {
                    let fresh = self.env_file(tenant, &credentials);
                    if self.folder.read(&name).ok().as_deref() != Some(fresh.text.expose()) {
                        self.folder.write(&name, fresh.text.expose().as_bytes())?;
                    }
                }
            }
        }
        Ok(lost)
    }
}

/// An env file that is to be written.
pub(super) struct NewEnvFile {
    pub(super) name: String,
    pub(super) text: Secret,
}

/// Lets a tenant's administrators into an org.
pub(super) async fn admit(organization: &Organization, administrators: &AdministratorsEntry) -> Result<(), StartError> {
    let application = Administrator::Application(ApplicationFacts {
        client_id: administrators.client_id,
        display_name: APPLICATION_NAME.to_owned(),
        identifier_uri: None,
        service_principal: administrators.service_principal,
    });
    let person = Administrator::Person {
        object_id: administrators.user,
        user_principal_name: administrators.user_principal_name.clone(),
        first_name: "Local".to_owned(),
        last_name: "Administrator".to_owned(),
    };
    for administrator in [application, person] {
        organization.ensure_administrator(administrator).await?;
    }
    Ok(())
}

fn credentials(made: &Administrators) -> AdminCredentials {
    AdminCredentials {
        client_id: made.client_id.to_string(),
        client_secret: made.client_secret.clone(),
        username: made.user_principal_name.clone(),
        password: made.password.clone(),
    }
}
