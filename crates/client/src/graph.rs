//! The directory: Microsoft Graph v1.0, as far as service users need it.

mod applications;
mod bulk;
mod deleted;
mod everything;
mod federated;
mod grants;
mod reports;
mod rights;
mod service_principals;
pub mod users;

pub use bulk::{Owned, Owner};
pub use everything::{ConditionalAccessPolicy, Conditions, GrantControls, PolicyUsers};
pub use reports::ApplicationSignIn;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use keyholder_entra::graph::{Organization, Page};
use keyholder_entra::openid::OpenIdConfiguration;
use keyholder_entra::well_known::MICROSOFT_GRAPH;
use serde::de::DeserializeOwned;
use url::Url;

use crate::api::Api;
use crate::authority::Authority;
use crate::cloud;
use crate::error::{Error, GraphRefusal};
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::{Http, json, request};

/// Most pages of one list that are read; a directory of 100,000 applications has fewer.
const MOST_PAGES: usize = 1_000;

/// A tenant's directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Graph {
    api: Api,
}

impl Graph {
    /// The directory of the tokens' tenant.
    ///
    /// In Microsoft's clouds the host follows from the login host (and from the org's, which
    /// tells the US government's two clouds apart). Elsewhere the authority's OpenID configuration
    /// names it, and is believed only when it names the authority's own origin: that is who
    /// holds the credential already.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::Graph;
    /// let directory = Graph::connect(org.tokens().clone(), None, org.http().clone()).await?;
    /// println!("{:?}", directory.organization().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UntrustedAuthority`] when the directory is said to be elsewhere, and what asking
    /// came to.
    pub async fn connect(tokens: Arc<Tokens>, org_host: Option<&str>, http: Http) -> Result<Self, Error> {
        let authority = tokens.authority();
        let (root, scope) = match cloud::graph_host(authority.login(), org_host) {
            Some(host) => (format!("https://{host}/v1.0/"), format!("https://{host}/.default")),
            None => {
                let origin = local_root(authority, &http).await?;
                // The origin may be the org's as well, so the resource is named by its id.
                (format!("{origin}/v1.0/"), format!("{MICROSOFT_GRAPH}/.default"))
            }
        };
        let root = Url::parse(&root).map_err(|error| Error::Protocol { origin: root, found: error.to_string() })?;
        Ok(Self { api: Api { root, scope, tokens, http, pool: None, refusal } })
    }

    /// The tenant itself.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn organization(&self) -> Result<Organization, Error> {
        let all: Vec<Organization> = self.list(self.api.url("organization", None)).await?;
        all.into_iter().next().ok_or_else(|| Error::Protocol {
            origin: origin_of(&self.api.root),
            found: "an empty list of organizations".to_owned(),
        })
    }

    async fn list<T: DeserializeOwned>(&self, first: Url) -> Result<Vec<T>, Error> {
        self.list_where(first, |_| true).await
    }

    /// The entries of a list that `keep` wants; the others are dropped with their page.
    async fn list_where<T: DeserializeOwned>(&self, first: Url, keep: impl Fn(&T) -> bool) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut next = Some(first);
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { return Ok(all) };
            let page: Page<T> = self.api.get(&url, &[]).await?;
            all.extend(page.value.into_iter().filter(&keep));
            next = page.next_link.map(|link| self.api.next_link(&link)).transpose()?;
        }
        Err(Error::Protocol {
            origin: origin_of(&self.api.root),
            found: format!("a list of more than {MOST_PAGES} pages"),
        })
    }

    fn filtered(&self, path: &str, filter: &str) -> Url {
        self.api.url(path, Some(&format!("$filter={}", crate::dataverse::encode(filter))))
    }
}

/// The origin of the directory of an authority that is not Microsoft's.
async fn local_root(authority: &Authority, http: &Http) -> Result<String, Error> {
    let url = authority.endpoint("v2.0/.well-known/openid-configuration");
    let answer = http.send(&request(Method::GET, &url, HeaderMap::new(), Bytes::new())?).await?;
    let document: OpenIdConfiguration = json(&url, &answer)?;
    let own = origin_of(authority.login());
    let named = document.msgraph_host.and_then(|host| Url::parse(&format!("https://{host}/")).ok());
    match named {
        Some(named) if named.origin() == authority.login().origin() => Ok(own),
        Some(named) => Err(Error::UntrustedAuthority {
            org: own,
            authority: origin_of(&named),
            reason: "is another origin than its own".to_owned(),
        }),
        None => {
            Err(Error::Protocol { origin: own, found: "an OpenID configuration without `msgraph_host`".to_owned() })
        }
    }
}

fn refusal(what: &str, answer: &Response<Bytes>) -> Option<Error> {
    GraphRefusal::read(what, answer).map(|refusal| Error::Graph(Box::new(refusal)))
}

#[cfg(test)]
mod tests;
