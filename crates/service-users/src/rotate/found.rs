//! One application, by its name or client id.

use keyholder_foundation::{ClientId, KeyId, ObjectId};

use super::Aim;
use crate::Administrator;
use crate::credentials::registration;
use crate::error::{Error, While};
use crate::plan::Finding;
use crate::rules::CredentialRules;
use crate::sink::SecretSink;

/// An application whose credentials may be replaced.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// Its registration.
    pub registration: ObjectId,
    /// Whether it has a user in the org that lets it in.
    pub is_let_in: bool,
    rules: CredentialRules,
}

/// Looks for an application, and what its tenant allows of credentials.
///
/// # Errors
/// [`Error::Stopped`] when there is no such registration or service principal in this tenant, or several of the name;
/// and what the services refused.
pub async fn find(administrator: &Administrator, who: &str) -> Result<Found, Error> {
    let (found, application) = registration(administrator, who).await?;
    if found.principal.is_none() {
        return Err(Error::Stopped(vec![Finding::no_principal(&found.name)]));
    }
    let doing = || format!("read what the tenant allows of the credentials of `{}`", found.name);
    let rules = CredentialRules::read(&administrator.graph).await.while_doing(doing)?;
    Ok(Found {
        client_id: application.app_id,
        registration: application.id,
        is_let_in: found.user.as_ref().is_some_and(|user| !user.is_disabled),
        name: found.name,
        rules,
    })
}

impl Found {
    /// The credential that a place holds, or that one.
    #[must_use]
    pub fn aim<'a>(
        &'a self,
        administrator: &'a Administrator,
        sink: &'a dyn SecretSink,
        replaces: Option<KeyId>,
    ) -> Aim<'a> {
        let url = &administrator.connection.url;
        Aim {
            name: self.name.clone(),
            client_id: self.client_id,
            registration: self.registration,
            administrator,
            url,
            orgs: if self.is_let_in { vec![(url.to_string(), administrator)] } else { Vec::new() },
            sink,
            kind: None,
            lifetime: None,
            replaces,
            is_declared: false,
            rules: &self.rules,
        }
    }
}
