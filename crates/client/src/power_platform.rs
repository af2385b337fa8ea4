//! Power Platform's administration (the Business Application Platform API): the environments of a
//! tenant, and bringing people and applications into one at once.
//!
//! It is not one of the documented public APIs, but what Power Platform's own PowerShell and
//! Terraform provider ask: `Add-AdminPowerAppsSyncUser`, "Create a Dataverse application user".

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use keyholder_foundation::{ClientId, ObjectId};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::api::Api;
use crate::cloud;
use crate::connection::OrgUrl;
use crate::error::{Error, PowerPlatformRefusal};
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::Http;

const ENVIRONMENTS: &str = "providers/Microsoft.BusinessAppPlatform/scopes/admin/environments";
/// The versions that Microsoft's own Terraform provider asks for.
const VERSION: &str = "api-version=2023-06-01";
const ADD_APPLICATION_VERSION: &str = "api-version=2020-10-01";
/// Most pages of environments that are read.
const MOST_PAGES: usize = 200;

/// Power Platform's administration of a tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PowerPlatform {
    api: Api,
}

/// An environment that has an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its id in Power Platform; a GUID, with `Default-` before it for a tenant's first one.
    pub id: String,
    /// Its name for people.
    pub display_name: String,
    /// The org's address.
    pub url: Option<OrgUrl>,
    /// The group whose members alone may come in; nothing when everybody with a licence may.
    pub security_group: Option<ObjectId>,
}

#[derive(Deserialize)]
struct Listed {
    value: Vec<Wire>,
    #[serde(rename = "nextLink", alias = "@odata.nextLink", default)]
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    name: String,
    properties: WireProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProperties {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    linked_environment_metadata: Option<WireLinked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLinked {
    #[serde(default)]
    instance_url: Option<String>,
    #[serde(default)]
    security_group_id: Option<String>,
}

impl From<Wire> for Environment {
    fn from(wire: Wire) -> Self {
        let linked = wire.properties.linked_environment_metadata;
        let url = linked.as_ref().and_then(|linked| linked.instance_url.as_ref()?.parse().ok());
        // "No group" comes as null, as an empty text and as zeros.
        let group = linked.and_then(|linked| linked.security_group_id?.parse::<ObjectId>().ok());
        Self {
            display_name: wire.properties.display_name.unwrap_or_else(|| wire.name.clone()),
            id: wire.name,
            url,
            security_group: group.filter(|group| !group.0.is_nil()),
        }
    }
}

impl PowerPlatform {
    /// The administration of the tokens' tenant, in the cloud of an org. Where the authority is not
    /// Microsoft's, it is at the authority's own origin, which holds the credential already.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::PowerPlatform;
    /// let administration = PowerPlatform::connect(org.tokens().clone(), None, org.http().clone())?;
    /// for environment in administration.environments().await? {
    ///     println!("{}", environment.display_name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Protocol`] when the authority's origin is no address.
    pub fn connect(tokens: Arc<Tokens>, org_host: Option<&str>, http: Http) -> Result<Self, Error> {
        let login = tokens.authority().login();
        let (root, scope) = match cloud::power_platform(login, org_host) {
            Some((host, scope)) => (format!("https://{host}/"), scope),
            None => (format!("{}/", origin_of(login)), cloud::POWER_PLATFORM_SCOPE),
        };
        let root = Url::parse(&root).map_err(|error| Error::Protocol { origin: root, found: error.to_string() })?;
        Ok(Self { api: Api { root, scope: scope.to_owned(), tokens, http, pool: None, refusal } })
    }

    /// The environment with that id.
    ///
    /// # Errors
    /// What the request came to; 404 when there is none, 403 when the caller does not administer.
    pub async fn environment(&self, id: &str) -> Result<Environment, Error> {
        let url = self.api.url(&format!("{ENVIRONMENTS}/{}", crate::dataverse::segment(id)), Some(VERSION));
        Ok(self.api.get::<Wire>(&url, &[]).await?.into())
    }

    /// All environments of the tenant.
    ///
    /// # Errors
    /// What the requests came to; 403 when the caller does not administer.
    pub async fn environments(&self) -> Result<Vec<Environment>, Error> {
        let mut all = Vec::new();
        let mut next = Some(self.api.url(ENVIRONMENTS, Some(VERSION)));
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(all) };
            let page: Listed = self.api.get(&url, &[]).await?;
            all.extend(page.value.into_iter().map(Environment::from));
            next = page.next_link.map(|link| self.api.next_link(&link)).transpose()?;
        }
        Err(Error::Protocol {
            origin: origin_of(&self.api.root),
            found: format!("a list of more than {MOST_PAGES} pages"),
        })
    }

    /// The environment of the org at that address; nothing when the tenant has none.
    ///
    /// # Errors
    /// As [`PowerPlatform::environments`].
    pub async fn environment_of(&self, org: &OrgUrl) -> Result<Option<Environment>, Error> {
        let all = self.environments().await?;
        Ok(all.into_iter().find(|environment| environment.url.as_ref() == Some(org)))
    }

    /// Brings a person into an environment's org now, instead of when it would learn of them. Doing
    /// it again is harmless.
    ///
    /// # Errors
    /// What the request came to; 400 `userNotLicensed` while the licence is not known everywhere.
    pub async fn add_user(&self, environment: &str, person: ObjectId) -> Result<(), Error> {
        self.add(environment, "addUser", VERSION, &json!({ "objectId": person })).await
    }

    /// Makes an application a user of an environment's org, with the System Administrator role: the
    /// service gives no lesser one.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn add_app_user(&self, environment: &str, application: ClientId) -> Result<(), Error> {
        let body = json!({ "servicePrincipalAppId": application });
        self.add(environment, "addAppUser", ADD_APPLICATION_VERSION, &body).await
    }

    async fn add(&self, environment: &str, what: &str, version: &str, body: &serde_json::Value) -> Result<(), Error> {
        let path = format!("{ENVIRONMENTS}/{}/{what}", crate::dataverse::segment(environment));
        self.api.act(Method::POST, &self.api.url(&path, Some(version)), body).await
    }
}

fn refusal(what: &str, answer: &Response<Bytes>) -> Option<Error> {
    // The path that every request shares says nothing to people.
    let short = what.replace("providers/Microsoft.BusinessAppPlatform/scopes/admin/", "");
    PowerPlatformRefusal::read(&short, answer).map(|refusal| Error::PowerPlatform(Box::new(refusal)))
}

#[cfg(test)]
mod tests;
