//! GitHub Actions: a job with `permissions: id-token: write` may ask its runner for a token that
//! says which repository and branch it runs for ("OpenID Connect" in GitHub's documentation).

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method};
use keyholder_foundation::Secret;
use serde::Deserialize;

use super::{TokenSource, checked, failed, service_url};
use crate::error::Error;
use crate::wire::{Http, json, looks_like, request};

const FROM: &str = "GitHub Actions";

/// A job's way to its tokens.
///
/// ```no_run
/// # fn example(client_id: keyholder_foundation::ClientId) -> Option<keyholder_client::FederatedToken> {
/// use std::sync::Arc;
/// use keyholder_client::FederatedToken;
/// use keyholder_client::credential::federated::GitHubActions;
/// use keyholder_foundation::Secret;
///
/// let variable = |name: &str| std::env::var(name).ok();
/// let job = GitHubActions::new(variable(GitHubActions::URL)?, Secret::new(variable(GitHubActions::TOKEN)?));
/// Some(FederatedToken::new(client_id, Arc::new(job)))
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct GitHubActions {
    request_url: String,
    request_token: Secret,
}

#[derive(Deserialize)]
struct Answer {
    value: Secret,
}

impl GitHubActions {
    /// With the values of [`GitHubActions::URL`] and [`GitHubActions::TOKEN`].
    #[must_use]
    pub fn new(request_url: impl Into<String>, request_token: Secret) -> Self {
        Self { request_url: request_url.into(), request_token }
    }

    /// The variable that has the address.
    pub const URL: &'static str = "ACTIONS_ID_TOKEN_REQUEST_URL";
    /// The variable that has the key to it.
    pub const TOKEN: &'static str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
}

impl TokenSource for GitHubActions {
    fn token<'a>(&'a self, audience: &'a str, http: &'a Http) -> BoxFuture<'a, Result<Secret, Error>> {
        Box::pin(async move {
            let mut url = service_url(FROM, &self.request_url)?;
            url.query_pairs_mut().append_pair("audience", audience);
            let mut headers = bearer(&self.request_token)?;
            headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
            let answer = http.send(&request(Method::GET, &url, headers, Bytes::new())?).await?;
            if !answer.status().is_success() {
                return Err(failed(FROM, looks_like(&answer)));
            }
            let answer: Answer = json(&url, &answer)?;
            checked(FROM, answer.value)
        })
    }
}

/// The header with a pipeline's own key.
pub(super) fn bearer(token: &Secret) -> Result<HeaderMap, Error> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| failed("the pipeline", "its own key fits into no header"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]))
}
