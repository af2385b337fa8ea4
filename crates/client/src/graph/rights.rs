//! What the caller may do in its directory.

use keyholder_entra::jws::unverified_claims;
use keyholder_foundation::ObjectId;
use serde::Deserialize;
use uuid::Uuid;

use super::Graph;
use crate::error::Error;

#[derive(Deserialize)]
struct Object {
    id: ObjectId,
}

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
    /// The object id of the person who calls.
    ///
    /// # Errors
    /// What the request came to: 404 ([`Error::is_missing`]) for a partner's people, who are no object of
    /// the tenant's directory.
    pub async fn my_id(&self) -> Result<ObjectId, Error> {
        let me: Object = self.api.get(&self.api.url("me", Some("$select=id")), &[]).await?;
        Ok(me.id)
    }

    /// The templates of the directory roles that the person who calls has now, through groups too. Those
    /// that would have to be activated first are not among them.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn my_directory_roles(&self) -> Result<Vec<Uuid>, Error> {
        self.roles_in("me/transitiveMemberOf").await
    }

    /// The templates of the directory roles that a service principal has, through groups too.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn directory_roles_of(&self, principal: ObjectId) -> Result<Vec<Uuid>, Error> {
        self.roles_in(&format!("servicePrincipals/{principal}/transitiveMemberOf")).await
    }

    async fn roles_in(&self, path: &str) -> Result<Vec<Uuid>, Error> {
        let all: Vec<Member> = self.list(self.api.url(path, None)).await?;
        Ok(all.into_iter().filter_map(|member| member.role_template_id).collect())
    }

    /// Who owns an app registration.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn owners_of_application(&self, id: ObjectId) -> Result<Vec<ObjectId>, Error> {
        let all: Vec<Object> = self.list(self.api.url(&format!("applications/{id}/owners"), None)).await?;
        Ok(all.into_iter().map(|owner| owner.id).collect())
    }

    /// The delegated permissions that the program through which a person signed in has in the directory, as its
    /// token says; nothing where the token says none or cannot be read, which Microsoft reserves the right to
    /// make of it.
    ///
    /// # Errors
    /// What getting the token came to.
    pub async fn delegated_permissions(&self) -> Result<Option<Vec<String>>, Error> {
        let token = self.api.tokens.get(&self.api.scope).await?;
        let claims = unverified_claims(token.secret().expose()).ok();
        let scopes = claims.and_then(|claims| claims.scp);
        Ok(scopes.map(|scopes| scopes.split_whitespace().map(str::to_owned).collect()))
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
