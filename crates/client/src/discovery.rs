//! The discovery service: which orgs the caller is a user of ("Discover user organizations").
//!
//! It has a host and an audience of its own in each cloud. Orgs where the caller is disabled, or only as a partner's
//! administrator, are not told.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::api::Api;
use crate::cloud::Cloud;
use crate::connection::OrgUrl;
use crate::dataverse::refusal;
use crate::error::Error;
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::Http;

/// The most orgs that are read; the service gives them all at once.
const MOST: usize = 10_000;

/// The discovery service, signed in to.
#[derive(Debug, Clone)]
pub struct Discovery {
    api: Api,
}

/// An org as the discovery service tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// The organization's id.
    pub id: String,
    /// What people call it.
    pub friendly_name: String,
    /// Its unique name.
    pub unique_name: String,
    /// Its address; nothing where that is none that programs can use.
    pub url: Option<OrgUrl>,
    /// The environment's id in Power Platform.
    pub environment_id: Option<String>,
    /// The tenant.
    pub tenant_id: Option<String>,
    /// `NA`, `EMEA` and so on.
    pub region: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whether people and programs get in.
    pub is_enabled: bool,
    /// Whether the caller is a System Administrator there.
    pub is_administrator: bool,
}

#[derive(Deserialize)]
struct Listed {
    value: Vec<Wire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    id: String,
    #[serde(default)]
    friendly_name: String,
    #[serde(default)]
    unique_name: String,
    url: Option<String>,
    environment_id: Option<String>,
    tenant_id: Option<String>,
    region: Option<String>,
    version: Option<String>,
    /// A number, or its name.
    #[serde(default)]
    state: Value,
    #[serde(default)]
    is_user_sys_admin: bool,
}

impl From<Wire> for Instance {
    fn from(wire: Wire) -> Self {
        Self {
            id: wire.id,
            friendly_name: wire.friendly_name,
            unique_name: wire.unique_name,
            url: wire.url.and_then(|url| url.parse().ok()),
            environment_id: wire.environment_id,
            tenant_id: wire.tenant_id,
            region: wire.region,
            version: wire.version,
            is_enabled: wire.state == 0 || wire.state == "Enabled",
            is_administrator: wire.is_user_sys_admin,
        }
    }
}

impl Discovery {
    /// The discovery service of a cloud. Where the tokens' authority is not Microsoft's, it is at the authority's own
    /// origin, which holds the credential already.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     tokens: std::sync::Arc<keyholder_client::Tokens>, http: keyholder_client::Http,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::cloud::Cloud;
    /// use keyholder_client::Discovery;
    /// for org in Discovery::connect(tokens, Cloud::Public, http)?.instances().await? {
    ///     assert!(!org.friendly_name.is_empty());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Protocol`] when the authority's origin is no address.
    pub fn connect(tokens: Arc<Tokens>, cloud: Cloud, http: Http) -> Result<Self, Error> {
        let login = tokens.authority().login();
        let origin = if crate::cloud::is_microsoft_login(login) {
            format!("https://{}", cloud.discovery_host())
        } else {
            origin_of(login)
        };
        let root = format!("{origin}/api/discovery/v2.0/");
        let root = Url::parse(&root).map_err(|error| Error::Protocol { origin: root, found: error.to_string() })?;
        let scope = format!("{origin}/.default");
        Ok(Self { api: Api { root, scope, tokens, http, pool: None, refusal } })
    }

    /// The orgs that the caller is a user of.
    ///
    /// ```no_run
    /// # async fn example(discovery: keyholder_client::Discovery) -> Result<(), keyholder_client::Error> {
    /// for org in discovery.instances().await?.into_iter().filter(|org| org.is_enabled) {
    ///     println!("{}: {:?}", org.friendly_name, org.url);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to; [`Error::Protocol`] for more than 10,000 orgs.
    pub async fn instances(&self) -> Result<Vec<Instance>, Error> {
        let listed: Listed = self.api.get(&self.api.url("Instances", None), &[]).await?;
        if listed.value.len() > MOST {
            let found = format!("a list of more than {MOST} orgs");
            return Err(Error::Protocol { origin: origin_of(&self.api.root), found });
        }
        Ok(listed.value.into_iter().map(Instance::from).collect())
    }
}
