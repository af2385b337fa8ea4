//! Many things of the directory at once: the number of requests grows with pages, not with things.
//!
//! Microsoft Graph compares a property with at most fifteen values in one filter and takes up to
//! twenty requests in one `$batch` (JSON batching), so three hundred things are one request.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::{FuturesOrdered, TryStreamExt};
use http::{Method, Response};
use keyholder_entra::graph::{
    AppManagementPolicy, Application, FederatedIdentityCredential, OAuth2PermissionGrant, Page, ServicePrincipal,
    TenantAppManagementPolicy,
};
use keyholder_foundation::{ClientId, ObjectId};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Graph;
use crate::dataverse::{encode, quote};
use crate::error::{Error, GraphRefusal};
use crate::transport::origin_of;
use crate::wire::json as read;

/// Values that one `in` may name.
const MOST_VALUES: usize = 15;
/// Requests that one batch may have.
const MOST_REQUESTS: usize = 20;
/// The largest page.
pub(super) const PAGE: usize = 999;

/// What is read of a registration.
pub(super) const APPLICATION: &str = "id,appId,displayName,createdDateTime,signInAudience,tags,passwordCredentials,keyCredentials,requiredResourceAccess";

/// Up to twenty of the owners beside what is selected.
const WITH_OWNERS: &str = "&$expand=owners";
/// What is read of a service principal, its own credentials and up to twenty of its owners among it.
const OWNED_PRINCIPAL: &str =
    "id,appId,displayName,accountEnabled,tags,passwordCredentials,keyCredentials&$expand=owners";

/// Something of the directory with those who own it: who owns a registration can give it credentials.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Owned<T> {
    /// What is owned.
    #[serde(flatten)]
    pub object: T,
    /// Twenty of its owners at most.
    #[serde(default)]
    pub owners: Vec<Owner>,
}

/// A person or a service principal that owns something.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Its object id.
    pub id: ObjectId,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// A person's user name.
    #[serde(default)]
    pub user_principal_name: Option<String>,
}

impl Graph {
    /// The registrations of these names and of these client ids; one that is both comes twice.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn applications_of(&self, names: &[&str], clients: &[ClientId]) -> Result<Vec<Application>, Error> {
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = clients.iter().map(String::as_str).collect();
        let mut paths = lists("applications", "displayName", names, APPLICATION);
        paths.extend(lists("applications", "appId", &ids, APPLICATION));
        Ok(self.many(&paths).await?.into_iter().flatten().collect())
    }

    /// As [`Self::applications_of`], with their owners.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn owned_applications_of(
        &self,
        names: &[&str],
        clients: &[ClientId],
    ) -> Result<Vec<Owned<Application>>, Error> {
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = clients.iter().map(String::as_str).collect();
        let columns = format!("{APPLICATION}{WITH_OWNERS}");
        let mut paths = lists("applications", "displayName", names, &columns);
        paths.extend(lists("applications", "appId", &ids, &columns));
        Ok(self.many(&paths).await?.into_iter().flatten().collect())
    }

    /// The registrations that bear this tag.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn applications_tagged(&self, tag: &str) -> Result<Vec<Application>, Error> {
        let filter = encode(&format!("tags/any(t:t eq {})", quote(tag)));
        self.list(self.api.url("applications", Some(&format!("$filter={filter}&$top={PAGE}&$select={APPLICATION}"))))
            .await
    }

    /// The tenant's service principals of these applications.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn service_principals_of(&self, clients: &[ClientId]) -> Result<Vec<ServicePrincipal>, Error> {
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = clients.iter().map(String::as_str).collect();
        let paths = lists("servicePrincipals", "appId", &ids, "id,appId,displayName,accountEnabled,tags");
        Ok(self.many(&paths).await?.into_iter().flatten().collect())
    }

    /// As [`Self::service_principals_of`], with their own credentials and their owners.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn owned_service_principals_of(
        &self,
        clients: &[ClientId],
    ) -> Result<Vec<Owned<ServicePrincipal>>, Error> {
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        let ids: Vec<&str> = clients.iter().map(String::as_str).collect();
        let paths = lists("servicePrincipals", "appId", &ids, OWNED_PRINCIPAL);
        Ok(self.many(&paths).await?.into_iter().flatten().collect())
    }

    /// Whose tokens each of these registrations accepts instead of a secret.
    ///
    /// Graph documents `$expand=federatedIdentityCredentials` of `applications` as well. An expand shows twenty at most and one
    /// relationship a query, and the page of the list itself does not name it; whole lists of each registration, twenty in a
    /// batch, are documented without limits, and are what is relied on here.
    ///
    /// # Errors
    /// What the requests came to; a registration that is gone meanwhile is an error.
    pub async fn federated_credentials_of(
        &self,
        applications: &[ObjectId],
    ) -> Result<BTreeMap<ObjectId, Vec<FederatedIdentityCredential>>, Error> {
        let path = |id: &ObjectId| format!("applications/{id}/federatedIdentityCredentials");
        let paths: Vec<String> = applications.iter().map(path).collect();
        Ok(applications.iter().copied().zip(self.many(&paths).await?).collect())
    }

    /// The policies for credentials that stand in the place of the tenant's for single applications, each with
    /// the objects that have it.
    ///
    /// # Errors
    /// What the requests came to: 403 without the right to read policies.
    pub async fn app_management_policies(&self) -> Result<Vec<(AppManagementPolicy, Vec<ObjectId>)>, Error> {
        let policies: Vec<AppManagementPolicy> =
            self.list(self.api.url("policies/appManagementPolicies", None)).await?;
        let path = |policy: &AppManagementPolicy| format!("policies/appManagementPolicies/{}/appliesTo", policy.id);
        let paths: Vec<String> = policies.iter().map(path).collect();
        let holders: Vec<Vec<Holder>> = self.many(&paths).await?;
        let ids = |holders: Vec<Holder>| holders.into_iter().map(|holder| holder.id).collect();
        Ok(policies.into_iter().zip(holders.into_iter().map(ids)).collect())
    }

    /// The tenant's default policy for credentials of applications.
    ///
    /// # Errors
    /// What the request came to: 403 without the right to read policies.
    pub async fn default_app_management_policy(&self) -> Result<TenantAppManagementPolicy, Error> {
        self.api.get(&self.api.url("policies/defaultAppManagementPolicy", None), &[]).await
    }

    /// What was consented to for everybody on this resource.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn grants_on(&self, resource: ObjectId) -> Result<Vec<OAuth2PermissionGrant>, Error> {
        let filter = encode(&format!("resourceId eq '{resource}' and consentType eq 'AllPrincipals'"));
        self.list(self.api.url("oauth2PermissionGrants", Some(&format!("$filter={filter}&$top={PAGE}")))).await
    }

    /// What of `collection` has these ids.
    pub(super) async fn by_ids<T: DeserializeOwned>(
        &self,
        collection: &str,
        ids: &[ObjectId],
        select: &str,
    ) -> Result<Vec<T>, Error> {
        let path = |some: &[ObjectId]| {
            let listed: Vec<String> = some.iter().map(|id| quote(&id.to_string())).collect();
            format!("{collection}?$filter={}&$select={select}", encode(&format!("id in ({})", listed.join(","))))
        };
        let paths: Vec<String> = ids.chunks(MOST_VALUES).map(path).collect();
        let found: Vec<Vec<T>> = self.many(&paths).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads several lists, each whole: one alone plainly, more in batches, side by side.
    pub(super) async fn many<T: DeserializeOwned>(&self, paths: &[String]) -> Result<Vec<Vec<T>>, Error> {
        match paths {
            [] => Ok(Vec::new()),
            [path] => Ok(vec![self.list(self.relative(path)).await?]),
            paths => {
                let batches: FuturesOrdered<_> = paths.chunks(MOST_REQUESTS).map(|some| self.batch(some)).collect();
                Ok(batches.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
            }
        }
    }

    async fn batch<T: DeserializeOwned>(&self, paths: &[String]) -> Result<Vec<Vec<T>>, Error> {
        let requests: Vec<Value> = (0..)
            .zip(paths)
            .map(|(number, path): (usize, _)| json!({ "id": number.to_string(), "method": "GET", "url": format!("/{path}") }))
            .collect();
        let url = self.api.url("$batch", None);
        let answer = self.api.write(Method::POST, &url, &[], &json!({ "requests": requests })).await?;
        let Batch { responses } = read(&url, &answer)?;
        let mut by_id: BTreeMap<String, Item> = responses.into_iter().map(|item| (item.id.clone(), item)).collect();
        let mut lists = Vec::with_capacity(paths.len());
        for (number, path) in paths.iter().enumerate() {
            let item = by_id.remove(&number.to_string());
            lists.push(match item {
                Some(item) if item.status == 200 => self.rest_of(item.body).await?,
                // Each request of a batch is throttled for itself; alone it is waited for.
                Some(Item { status: 429 | 503, .. }) | None => self.list(self.relative(path)).await?,
                Some(item) => return Err(self.refused(path, &item)),
            });
        }
        Ok(lists)
    }

    /// The whole list that a first page begins.
    async fn rest_of<T: DeserializeOwned>(&self, page: Value) -> Result<Vec<T>, Error> {
        let page: Page<T> = serde_json::from_value(page).map_err(|_| self.not_understood())?;
        let mut all = page.value;
        if let Some(link) = page.next_link {
            all.extend(self.list(self.api.next_link(&link)?).await?);
        }
        Ok(all)
    }

    fn refused(&self, path: &str, item: &Item) -> Error {
        let body = Bytes::from(item.body.to_string());
        let answer = Response::builder().status(item.status).body(body).ok();
        let request = format!("GET {}", path.split('?').next().unwrap_or_default());
        match answer.and_then(|answer| GraphRefusal::read(&request, &answer)) {
            Some(refusal) => Error::Graph(Box::new(refusal)),
            None => self.not_understood(),
        }
    }

    fn not_understood(&self) -> Error {
        let found = "a batch whose answers are none".to_owned();
        Error::Protocol { origin: origin_of(&self.api.root), found }
    }

    fn relative(&self, path: &str) -> url::Url {
        match path.split_once('?') {
            Some((path, query)) => self.api.url(path, Some(query)),
            None => self.api.url(path, None),
        }
    }
}

#[derive(Deserialize)]
struct Holder {
    id: ObjectId,
}

#[derive(Deserialize)]
struct Batch {
    responses: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    status: u16,
    #[serde(default)]
    body: Value,
}

/// The lists of `collection` whose `property` has one of the values.
fn lists(collection: &str, property: &str, values: &[&str], select: &str) -> Vec<String> {
    let list = |some: &[&str]| {
        let filter = match some {
            [one] => format!("{property} eq {}", quote(one)),
            some => {
                let quoted: Vec<String> = some.iter().map(|value| quote(value)).collect();
                format!("{property} in ({})", quoted.join(","))
            }
        };
        format!("{collection}?$filter={}&$top={PAGE}&$select={select}", encode(&filter))
    };
    values.chunks(MOST_VALUES).map(list).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_at_most_fifteen_values_each() {
        let names: Vec<String> = (0..31).map(|number| format!("app {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let paths = lists("applications", "displayName", &names, "id");
        assert_eq!(paths.len(), 3);
        assert!(paths[0].starts_with("applications?$filter=displayName%20in%20('app%200','app%201'"), "{}", paths[0]);
        assert!(paths[2].contains("displayName%20eq%20'app%2030'"), "{}", paths[2]);
        assert!(lists("applications", "appId", &[], "id").is_empty());
    }
}
