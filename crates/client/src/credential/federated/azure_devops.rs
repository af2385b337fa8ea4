//! Azure Pipelines: a job with a service connection of workload identity federation may ask for its
//! tokens ("Oidctoken - Create" in the Azure DevOps REST API).

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method};
use keyholder_foundation::Secret;
use serde::Deserialize;

use super::github::bearer;
use super::{TokenSource, checked, failed, service_url};
use crate::error::Error;
use crate::wire::{Http, json, looks_like, request};

const FROM: &str = "Azure Pipelines";

/// A job's way to its tokens. The audience is the service connection's own.
///
/// ```no_run
/// # fn example(client_id: keyholder_foundation::ClientId) -> Option<keyholder_client::FederatedToken> {
/// use std::sync::Arc;
/// use keyholder_client::FederatedToken;
/// use keyholder_client::credential::federated::AzureDevOps;
/// use keyholder_foundation::Secret;
///
/// let variable = |name: &str| std::env::var(name).ok();
/// let key = Secret::new(variable(AzureDevOps::TOKEN)?);
/// let job = AzureDevOps::new(variable(AzureDevOps::URI)?, key, variable(AzureDevOps::CONNECTION)?);
/// Some(FederatedToken::new(client_id, Arc::new(job)))
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AzureDevOps {
    request_uri: String,
    access_token: Secret,
    service_connection: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "oidcToken")]
    token: Secret,
}

impl AzureDevOps {
    /// With the values of [`AzureDevOps::URI`] and [`AzureDevOps::TOKEN`], and the id of the service
    /// connection.
    #[must_use]
    pub fn new(request_uri: impl Into<String>, access_token: Secret, service_connection: impl Into<String>) -> Self {
        Self { request_uri: request_uri.into(), access_token, service_connection: service_connection.into() }
    }

    /// The variable that has the address.
    pub const URI: &'static str = "SYSTEM_OIDCREQUESTURI";
    /// The variable that has the key to it, where the pipeline maps `System.AccessToken`.
    pub const TOKEN: &'static str = "SYSTEM_ACCESSTOKEN";
    /// The variable that has the service connection's id in the Azure tasks.
    pub const CONNECTION: &'static str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
}

impl TokenSource for AzureDevOps {
    fn token<'a>(&'a self, _audience: &'a str, http: &'a Http) -> BoxFuture<'a, Result<Secret, Error>> {
        Box::pin(async move {
            let mut url = service_url(FROM, &self.request_uri)?;
            url.query_pairs_mut()
                .append_pair("api-version", "7.1")
                .append_pair("serviceConnectionId", &self.service_connection);
            let mut headers = bearer(&self.access_token)?;
            headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            // Without it, a rejected key is answered with a redirect to a sign-in page.
            headers.insert(HeaderName::from_static("x-tfs-fedauthredirect"), HeaderValue::from_static("Suppress"));
            let answer = http.send(&request(Method::POST, &url, headers, Bytes::new())?).await?;
            if !answer.status().is_success() {
                return Err(failed(FROM, looks_like(&answer)));
            }
            let answer: Answer = json(&url, &answer)?;
            checked(FROM, answer.token)
        })
    }
}
