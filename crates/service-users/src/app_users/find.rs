//! The application that a name or a client id means, and its user in the org.

use keyholder_client::Error as ClientError;
use keyholder_entra::graph::{Application, ServicePrincipal};
use keyholder_foundation::ClientId;
use serde::Deserialize;
use uuid::Uuid;

use crate::Administrator;
use crate::error::{Error, While};
use crate::plan::Finding;
use crate::sink::{LeftPlace, left_places};

/// An application, as far as the directory and the org know it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name: the registration's, or else the service principal's, or else what was asked for.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// Its registration; none for another tenant's, and for one that was deleted.
    pub registration: Option<Application>,
    /// Its service principal.
    pub principal: Option<ServicePrincipal>,
    /// Its user in the org.
    pub user: Option<UserRow>,
    /// What is left in the org of users that were deleted only once.
    pub deleted: Vec<Uuid>,
}

/// A row of the org's users.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserRow {
    /// Its id.
    #[serde(rename = "systemuserid")]
    pub id: Uuid,
    /// Whether it may not get in.
    #[serde(rename = "isdisabled", default)]
    pub is_disabled: bool,
    #[serde(rename = "deletedstate", default)]
    deleted_state: Option<i64>,
}

impl Found {
    /// Where its keys were written, as far as they say so in the directory.
    #[must_use]
    pub fn places(&self) -> Vec<LeftPlace> {
        self.registration.as_ref().map(left_places).unwrap_or_default()
    }

    /// The user in the org.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it has none.
    pub fn user(&self, administrator: &Administrator) -> Result<&UserRow, Error> {
        let none = || {
            let url = administrator.connection.url.to_string();
            Error::Stopped(vec![Finding::no_application_user(&self.name, self.client_id, &url)])
        };
        self.user.as_ref().ok_or_else(none)
    }
}

/// Looks for an application by its name or its client id. Names are compared letter by letter; of
/// several of that name none is guessed.
///
/// # Errors
/// [`Error::Stopped`] when neither directory nor org know such an application, or there are several of
/// the name; and what the services refused.
pub async fn find(administrator: &Administrator, who: &str) -> Result<Found, Error> {
    let doing = || format!("look for the application `{who}`");
    let by_id = who.trim().parse::<ClientId>().ok();
    let graph = &administrator.graph;
    let registrations: Vec<Application> = match by_id {
        Some(client) => graph.applications_of(&[], &[client]).await.while_doing(doing)?,
        None => {
            let named = graph.applications_of(&[who], &[]).await.while_doing(doing)?;
            // The directory compares without case; another spelling is another name.
            named.into_iter().filter(|one| one.display_name.as_deref() == Some(who)).collect()
        }
    };
    if registrations.len() > 1 {
        let ids: Vec<ClientId> = registrations.iter().map(|one| one.app_id).collect();
        return Err(Error::Stopped(vec![Finding::several_applications(who, &ids)]));
    }
    let registration = registrations.into_iter().next();
    let client = registration.as_ref().map(|one| one.app_id).or(by_id);
    let principal = match client {
        Some(client) => graph.service_principals_of(&[client]).await.while_doing(doing)?.into_iter().next(),
        // Another tenant's application has only a service principal here.
        None => {
            let mut named = graph.service_principals_named(who).await.while_doing(doing)?;
            if named.len() > 1 {
                let ids: Vec<ClientId> = named.iter().map(|one| one.app_id).collect();
                return Err(Error::Stopped(vec![Finding::several_applications(who, &ids)]));
            }
            named.pop()
        }
    };
    let Some(client_id) = client.or(principal.as_ref().map(|one| one.app_id)) else {
        return Err(Error::Stopped(vec![Finding::no_application(who)]));
    };
    let rows = users_of(administrator, client_id).await.while_doing(doing)?;
    let (deleted, living): (Vec<UserRow>, Vec<UserRow>) =
        rows.into_iter().partition(|row| row.deleted_state.unwrap_or(0) != 0);
    if registration.is_none() && principal.is_none() && living.is_empty() && deleted.is_empty() {
        return Err(Error::Stopped(vec![Finding::no_application(who)]));
    }
    let named = registration.as_ref().and_then(|one| one.display_name.clone());
    let named = named.or_else(|| principal.as_ref().and_then(|one| one.display_name.clone()));
    Ok(Found {
        name: named.unwrap_or_else(|| who.trim().to_owned()),
        client_id,
        registration,
        principal,
        user: living.into_iter().next(),
        deleted: deleted.into_iter().map(|row| row.id).collect(),
    })
}

/// The users of an application in the org, the deleted ones too.
pub(super) async fn users_of(administrator: &Administrator, client: ClientId) -> Result<Vec<UserRow>, ClientError> {
    let query = format!("systemusers?$select=systemuserid,isdisabled,deletedstate&$filter=applicationid eq {client}");
    administrator.org.query(&query).collect_as().await
}
