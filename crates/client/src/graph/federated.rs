//! Federated identity credentials: whose tokens a registration accepts instead of a secret.

use http::Method;
use keyholder_entra::graph::{FederatedIdentityCredential, FederatedIdentityCredentialWrite};
use keyholder_foundation::ObjectId;

use super::Graph;
use crate::error::Error;
use crate::wire::json;

impl Graph {
    /// Makes a federated identity credential.
    ///
    /// # Errors
    /// What the request came to; 400 or 409 when there is one of that name, or of the same issuer
    /// and subject.
    pub async fn create_federated_credential(
        &self,
        application: ObjectId,
        wanted: &FederatedIdentityCredentialWrite,
    ) -> Result<FederatedIdentityCredential, Error> {
        let url = self.api.url(&format!("applications/{application}/federatedIdentityCredentials"), None);
        json(&url, &self.api.write(Method::POST, &url, &[], wanted).await?)
    }

    /// Changes a federated identity credential.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn update_federated_credential(
        &self,
        application: ObjectId,
        id: ObjectId,
        changes: &FederatedIdentityCredentialWrite,
    ) -> Result<(), Error> {
        let url = self.api.url(&format!("applications/{application}/federatedIdentityCredentials/{id}"), None);
        self.api.act(Method::PATCH, &url, changes).await
    }

    /// Removes a federated identity credential.
    ///
    /// # Errors
    /// What the request came to; 404 when there is none ([`Error::is_missing`]).
    pub async fn delete_federated_credential(&self, application: ObjectId, id: ObjectId) -> Result<(), Error> {
        let url = self.api.url(&format!("applications/{application}/federatedIdentityCredentials/{id}"), None);
        self.api.delete(&url).await
    }
}
