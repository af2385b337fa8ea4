//! Consent to delegated permissions.

use http::Method;
use keyholder_entra::graph::OAuth2PermissionGrant;

use super::Graph;
use crate::error::Error;
use crate::wire::json;

impl Graph {
    /// Grants delegated permissions.
    ///
    /// # Errors
    /// What the request came to; 409 when the client has a grant for that resource already.
    pub async fn create_grant(&self, grant: &OAuth2PermissionGrant) -> Result<OAuth2PermissionGrant, Error> {
        let url = self.api.url("oauth2PermissionGrants", None);
        json(&url, &self.api.write(Method::POST, &url, &[], grant).await?)
    }

    /// Replaces the permissions of a grant.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn update_grant(&self, id: &str, scope: &str) -> Result<(), Error> {
        let url = self.api.url(&format!("oauth2PermissionGrants/{}", crate::dataverse::segment(id)), None);
        self.api.act(Method::PATCH, &url, &serde_json::json!({ "scope": scope })).await
    }
}
