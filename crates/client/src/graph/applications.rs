//! App registrations, their secrets and certificates.

use http::Method;
use keyholder_entra::graph::{
    AddPassword, Application, ApplicationWrite, KeyCredential, NewPasswordCredential, PasswordCredential,
    RemovePassword,
};
use keyholder_foundation::{ClientId, KeyId, ObjectId};

use super::Graph;
use crate::dataverse::quote;
use crate::error::Error;
use crate::wire::json;

impl Graph {
    /// All registrations of that very name; names are not unique.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn applications_named(&self, name: &str) -> Result<Vec<Application>, Error> {
        self.list(self.filtered("applications", &format!("displayName eq {}", quote(name)))).await
    }

    /// The registration with that client id.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn application(&self, client: ClientId) -> Result<Option<Application>, Error> {
        let found: Vec<Application> = self.list(self.filtered("applications", &format!("appId eq '{client}'"))).await?;
        Ok(found.into_iter().next())
    }

    /// The registration with that object id.
    ///
    /// # Errors
    /// What the request came to; 404 when there is no such registration.
    pub async fn application_at(&self, id: ObjectId) -> Result<Application, Error> {
        self.api.get(&self.api.url(&format!("applications/{id}"), None), &[]).await
    }

    /// The certificates of a registration, without the certificates themselves.
    ///
    /// # Errors
    /// What the request came to; 404 when there is no such registration.
    pub async fn key_credentials(&self, id: ObjectId) -> Result<Vec<KeyCredential>, Error> {
        Ok(self.application_at(id).await?.key_credentials)
    }

    /// Makes a registration.
    ///
    /// # Errors
    /// What the request came to. After a lost connection it may exist: look by name.
    pub async fn create_application(&self, application: &ApplicationWrite) -> Result<Application, Error> {
        let url = self.api.url("applications", None);
        json(&url, &self.api.write(Method::POST, &url, &[], application).await?)
    }

    /// Changes what is set in `changes`; lists are replaced whole.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn update_application(&self, id: ObjectId, changes: &ApplicationWrite) -> Result<(), Error> {
        let url = self.api.url(&format!("applications/{id}"), None);
        self.api.act(Method::PATCH, &url, changes).await
    }

    /// Deletes a registration; the directory keeps it restorable for 30 days.
    ///
    /// # Errors
    /// What the request came to; 404 when there is none ([`Error::is_missing`]).
    pub async fn delete_application(&self, id: ObjectId) -> Result<(), Error> {
        self.api.delete(&self.api.url(&format!("applications/{id}"), None)).await
    }

    /// Makes a client secret. The answer is the only place where its text ever stands.
    ///
    /// # Errors
    /// What the request came to. After a lost connection a secret may exist that nobody knows.
    pub async fn add_password(&self, id: ObjectId, wanted: NewPasswordCredential) -> Result<PasswordCredential, Error> {
        let url = self.api.url(&format!("applications/{id}/addPassword"), None);
        let body = AddPassword { password_credential: Some(wanted) };
        json(&url, &self.api.write(Method::POST, &url, &[], &body).await?)
    }

    /// Removes a client secret.
    ///
    /// # Errors
    /// What the request came to; 400 when there is no such secret.
    pub async fn remove_password(&self, id: ObjectId, key: KeyId) -> Result<(), Error> {
        let url = self.api.url(&format!("applications/{id}/removePassword"), None);
        self.api.act(Method::POST, &url, &RemovePassword { key_id: key }).await
    }
}
