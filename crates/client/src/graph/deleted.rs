//! The directory's recycle bin: what was deleted can be restored from it for 30 days.

use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, ObjectId};
use serde::Deserialize;

use super::Graph;
use crate::dataverse::quote;
use crate::error::Error;

#[derive(Deserialize)]
struct Id {
    id: ObjectId,
}

impl Graph {
    /// Registrations of that name in the recycle bin.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn deleted_applications_named(&self, name: &str) -> Result<Vec<Application>, Error> {
        self.list(self.filtered(APPLICATIONS, &format!("displayName eq {}", quote(name)))).await
    }

    /// The registration with that client id, where it is in the recycle bin.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn deleted_application(&self, client: ClientId) -> Result<Option<Application>, Error> {
        let found: Vec<Application> = self.list(self.filtered(APPLICATIONS, &format!("appId eq '{client}'"))).await?;
        Ok(found.into_iter().next())
    }

    /// Service principals of that application in the recycle bin.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn deleted_service_principals(&self, client: ClientId) -> Result<Vec<ObjectId>, Error> {
        let found: Vec<Id> = self.list(self.filtered(PRINCIPALS, &format!("appId eq '{client}'"))).await?;
        Ok(found.into_iter().map(|one| one.id).collect())
    }

    /// Deletes something for good that is in the recycle bin.
    ///
    /// # Errors
    /// What the request came to; 404 when it is not there ([`Error::is_missing`]).
    pub async fn purge(&self, id: ObjectId) -> Result<(), Error> {
        self.api.delete(&self.api.url(&format!("directory/deletedItems/{id}"), None)).await
    }
}

const APPLICATIONS: &str = "directory/deletedItems/microsoft.graph.application";
const PRINCIPALS: &str = "directory/deletedItems/microsoft.graph.servicePrincipal";
