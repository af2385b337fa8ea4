//! What a service principal may do in its directory.

use keyholder_foundation::ObjectId;
use serde::Deserialize;
use uuid::Uuid;

use super::Graph;
use crate::error::Error;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    /// Groups have none.
    #[serde(default)]
    role_template_id: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    app_role_id: Uuid,
}

impl Graph {
    /// The templates of the directory roles that a service principal has itself.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn directory_roles_of(&self, principal: ObjectId) -> Result<Vec<Uuid>, Error> {
        let url = self.api.url(&format!("servicePrincipals/{principal}/memberOf"), None);
        let all: Vec<Member> = self.list(url).await?;
        Ok(all.into_iter().filter_map(|member| member.role_template_id).collect())
    }

    /// The application permissions that a service principal has, of whatever resource.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn app_roles_of(&self, principal: ObjectId) -> Result<Vec<Uuid>, Error> {
        let url = self.api.url(&format!("servicePrincipals/{principal}/appRoleAssignments"), None);
        let all: Vec<Assignment> = self.list(url).await?;
        Ok(all.into_iter().map(|assignment| assignment.app_role_id).collect())
    }
}
