//! What a service principal repeats of its application, and where that comes from: the application
//! of whichever tenant it lives in, or what Microsoft publishes.

use keyholder_entra::graph::{AddIn, AppRole, Application, InformationalUrl, PermissionScope, ServicePrincipalLock};
use keyholder_foundation::{ClientId, ObjectId, TenantId};
use keyholder_store::{Snapshot, Value};
use serde::{Deserialize, Serialize};

use super::super::listing::folded;
use super::super::published::{self, Published};
use super::super::{Refusal, applications, to_json};

/// What a principal repeats of its application beside its names.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Offered {
    pub(super) description: Option<String>,
    pub(super) add_ins: Vec<AddIn>,
    pub(super) app_roles: Vec<AppRole>,
    pub(super) permission_scopes: Vec<PermissionScope>,
    pub(super) homepage: Option<String>,
    pub(super) logout_url: Option<String>,
    pub(super) reply_urls: Vec<String>,
    pub(super) info: InformationalUrl,
    pub(super) lock: Option<ServicePrincipalLock>,
    pub(super) is_disabled: Option<bool>,
}

impl Offered {
    fn of(application: &Application) -> Self {
        let details = &application.details;
        let uris = [&details.web.redirect_uris, &details.spa.redirect_uris, &details.public_client.redirect_uris];
        Self {
            description: application.description.clone(),
            add_ins: details.add_ins.clone(),
            app_roles: details.app_roles.clone(),
            permission_scopes: details.api.oauth2_permission_scopes.clone(),
            homepage: details.web.home_page_url.clone(),
            logout_url: details.web.logout_url.clone(),
            reply_urls: uris.into_iter().flatten().cloned().collect(),
            info: details.info.clone(),
            lock: details.service_principal_lock_configuration,
            is_disabled: details.is_disabled,
        }
    }
}

/// The properties that a principal repeats of its application.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) owner: TenantId,
    display_name: String,
    sign_in_audience: String,
    identifier_uris: Vec<String>,
    offered: Offered,
}

impl Source {
    pub(super) fn of_application(owner: TenantId, application: &Application) -> Self {
        Self {
            owner,
            display_name: application.display_name.clone().unwrap_or_default(),
            sign_in_audience: application.sign_in_audience.clone().unwrap_or_default(),
            identifier_uris: application.identifier_uris.clone(),
            offered: Offered::of(application),
        }
    }

    fn of_published(published: &Published) -> Self {
        Self {
            owner: TenantId(keyholder_entra::well_known::MICROSOFT_SERVICES_TENANT),
            display_name: published.display_name.to_owned(),
            sign_in_audience: "AzureADMultipleOrgs".to_owned(),
            identifier_uris: published.identifier_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            offered: Offered::default(),
        }
    }

    pub(super) fn followed(&self) -> Result<[Value; 5], Refusal> {
        Ok([
            self.display_name.as_str().into(),
            folded(&self.display_name).into(),
            self.sign_in_audience.as_str().into(),
            to_json(&self.identifier_uris)?.into(),
            to_json(&self.offered)?.into(),
        ])
    }

    /// Where `tenant` gets the application's properties from.
    pub(super) fn find(
        statements: &crate::directory::Statements,
        snapshot: &mut Snapshot<'_>,
        tenant: TenantId,
        client: ClientId,
    ) -> Result<Self, Refusal> {
        if let Some(published) = published::find(client) {
            return Ok(Self::of_published(published));
        }
        let found = snapshot.first(&statements.service_principals.find_source, &[client.into()], |row| {
            Ok((row.get::<TenantId>(0)?, row.get::<ObjectId>(1)?))
        })?;
        let (owner, application) = found.ok_or(Refusal::NoApplication(client))?;
        let application = applications::find_details(statements, snapshot, owner, application)?;
        let source = Self::of_application(owner, &application);
        if source.owner != tenant && source.sign_in_audience == "AzureADMyOrg" {
            return Err(Refusal::ForeignApplication(client));
        }
        Ok(source)
    }
}
