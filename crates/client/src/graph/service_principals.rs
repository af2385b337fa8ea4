//! What applications are within a tenant.

use http::Method;
use keyholder_entra::graph::{ServicePrincipal, ServicePrincipalWrite};
use keyholder_foundation::{ClientId, ObjectId};

use super::Graph;
use crate::dataverse::quote;
use crate::error::Error;
use crate::wire::json;

impl Graph {
    /// The tenant's service principal of that application.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn service_principal(&self, client: ClientId) -> Result<Option<ServicePrincipal>, Error> {
        let filter = format!("appId eq '{client}'");
        let found: Vec<ServicePrincipal> = self.list(self.filtered("servicePrincipals", &filter)).await?;
        Ok(found.into_iter().next())
    }

    /// The tenant's service principals of that very name; names are not unique.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn service_principals_named(&self, name: &str) -> Result<Vec<ServicePrincipal>, Error> {
        let filter = format!("displayName eq {}", quote(name));
        let mut found: Vec<ServicePrincipal> = self.list(self.filtered("servicePrincipals", &filter)).await?;
        // The directory compares without case.
        found.retain(|principal| principal.display_name.as_deref() == Some(name));
        Ok(found)
    }

    /// Makes the service principal of an application.
    ///
    /// # Errors
    /// What the request came to; 400 `NoBackingApplicationObject` while a new registration is
    /// not known everywhere yet, 409 when the tenant has the principal already.
    pub async fn create_service_principal(&self, principal: &ServicePrincipalWrite) -> Result<ServicePrincipal, Error> {
        let url = self.api.url("servicePrincipals", None);
        json(&url, &self.api.write(Method::POST, &url, &[], principal).await?)
    }

    /// Deletes a service principal.
    ///
    /// # Errors
    /// What the request came to; 404 when there is none ([`Error::is_missing`]).
    pub async fn delete_service_principal(&self, id: ObjectId) -> Result<(), Error> {
        self.api.delete(&self.api.url(&format!("servicePrincipals/{id}"), None)).await
    }
}
