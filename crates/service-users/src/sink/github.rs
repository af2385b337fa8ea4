//! A secret of GitHub Actions: a repository's, an environment's, or an organization's.
//!
//! After GitHub's "REST API endpoints for GitHub Actions Secrets": the value is sealed for the public key that
//! GitHub gives out, and never shown again by anybody. So the directory alone tells whose secret it is: it has a
//! key whose label names this place, or what stands there is a stranger's.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use keyholder_foundation::{ClientId, Secret, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::means::{GitHubAccess, Means};
use super::rest::{self, Call};
use super::seal::seal;
use super::{Answer, Kept, Key, SecretSink, SinkError, answer};
use crate::declaration::{GitHubPlace, GitHubSecret};

/// The version of the REST API that is spoken.
const VERSION: &str = "2022-11-28";
/// Repositories of one page of a list, and pages that are read of one: an organization's secret is for few.
const PAGE: usize = 100;
const MOST_PAGES: usize = 50;

const LOOK: &str = "show what it holds";
const KEY: &str = "give its public key";
const KEEP: &str = "keep the credential";

/// A secret of GitHub Actions.
#[derive(Debug, Clone)]
pub struct GitHubSink {
    secret: GitHubSecret,
    place: String,
    id: String,
    means: Means,
}

impl GitHubSink {
    /// The secret, reached by the way into GitHub that is given.
    #[must_use]
    pub fn new(secret: &GitHubSecret, means: &Means) -> Self {
        let place = format!("github {secret}");
        let api = means.github.as_ref().map_or(GitHubAccess::PUBLIC, GitHubAccess::api);
        // GitHub's own names are the same in capital and small letters.
        let id = rest::id_of(&[api, &secret.to_string().to_ascii_lowercase()]);
        Self { secret: secret.clone(), place, id, means: means.clone() }
    }

    /// The address of something among the secrets of the same owner.
    fn url(&self, api: Url, rest: &[&str]) -> Url {
        let mut url = api;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            match &self.secret.of {
                GitHubPlace::Repository { owner, name } => {
                    path.extend(["repos", owner, name, "actions", "secrets"]);
                }
                GitHubPlace::Environment { owner, name, environment } => {
                    path.extend(["repos", owner, name, "environments", environment, "secrets"]);
                }
                GitHubPlace::Organization(name) => {
                    path.extend(["orgs", name, "actions", "secrets"]);
                }
            }
            path.extend(rest);
        }
        url
    }

    async fn send(
        &self,
        method: Method,
        rest: &[&str],
        query: Option<String>,
        body: Option<Value>,
        doing: &'static str,
    ) -> Result<Response<Bytes>, SinkError> {
        let no_access = |reason: String| SinkError::NoAccess {
            place: self.place.clone(),
            reason,
            mend: "set `GH_TOKEN` to a token that may write this secret, or `KEYHOLDER_GITHUB_TOKEN_FILE` to a file \
                   that holds one; `GITHUB_API_URL` is for a server of one's own",
        };
        let access = self.means.github.as_ref().ok_or_else(|| no_access("no GitHub token is given".to_owned()))?;
        let (api, bearer) = access.checked().map_err(no_access)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        headers.insert(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static(VERSION));
        headers.insert(AUTHORIZATION, bearer);
        let mut url = self.url(api, rest);
        url.set_query(query.as_deref());
        rest::send(&self.means.http, &self.place, &Call { method, url, headers, body, doing }).await
    }

    async fn get(&self, rest: &[&str], doing: &'static str) -> Result<Response<Bytes>, SinkError> {
        self.send(Method::GET, rest, None, None, doing).await
    }

    fn refused(&self, answer: &Response<Bytes>, doing: &'static str, hidden: Option<&Secret>) -> SinkError {
        let said = rest::json(answer);
        let said = said.get("message").and_then(Value::as_str).unwrap_or_default();
        rest::refusal((&self.place, doing), answer.status(), said, hidden, self.mend(answer))
    }

    /// What the reader can do about a refusal.
    fn mend(&self, answer: &Response<Bytes>) -> String {
        let is_spent = answer.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        let (needs, what) = match &self.secret.of {
            GitHubPlace::Repository { .. } => ("`Secrets: read and write` of the repository, or `repo`", "repository"),
            GitHubPlace::Environment { .. } => {
                ("`Environments: read and write` of the repository, or `repo`", "repository or environment")
            }
            GitHubPlace::Organization(_) => {
                ("`Secrets: read and write` of the organization, or `admin:org`", "organization")
            }
        };
        match answer.status().as_u16() {
            401 => "the token is wrong or has expired: give another one in `GH_TOKEN`".to_owned(),
            403 | 429 if is_spent || answer.headers().contains_key("retry-after") => {
                "the token's rate limit is used up: run this again later".to_owned()
            }
            403 => format!("the token needs the permission {needs}; a workflow's own `GITHUB_TOKEN` never has it"),
            404 => format!("there is no such {what}, or the token may not see it: it needs {needs}"),
            429 | 500.. => "run this again later; https://www.githubstatus.com tells how GitHub is".to_owned(),
            _ => String::new(),
        }
    }

    /// The key to seal for, and its id.
    async fn public_key(&self) -> Result<(String, String), SinkError> {
        let answer = self.get(&["public-key"], KEY).await?;
        if answer.status() != StatusCode::OK {
            return Err(self.refused(&answer, KEY, None));
        }
        let body = rest::json(&answer);
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        text("key").zip(text("key_id")).ok_or_else(|| self.not_understood("a public key without `key` and `key_id`"))
    }

    fn not_understood(&self, found: &str) -> SinkError {
        let origin = self.means.github.as_ref().map_or_else(String::new, |access| access.api().to_owned());
        let source = keyholder_client::Error::Protocol { origin, found: found.to_owned() };
        SinkError::Unanswered { place: self.place.clone(), doing: KEY, source: Box::new(source) }
    }

    /// What GitHub tells of the secret; nothing when there is none.
    async fn standing(&self) -> Result<Option<Value>, SinkError> {
        let answer = self.get(&[&self.secret.name], LOOK).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(rest::json(&answer))),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&answer, LOOK, None)),
        }
    }

    /// Who may use an organization's secret: as before, or else its private repositories.
    async fn visibility(&self, standing: Option<&Value>) -> Result<Vec<(&'static str, Value)>, SinkError> {
        if !matches!(self.secret.of, GitHubPlace::Organization(_)) {
            return Ok(Vec::new());
        }
        let before = standing.and_then(|secret| secret.get("visibility")?.as_str()).unwrap_or("private");
        let visibility = ("visibility", json!(before));
        if before != "selected" {
            return Ok(vec![visibility]);
        }
        let mut ids = Vec::new();
        for page in 1..=MOST_PAGES {
            let query = format!("per_page={PAGE}&page={page}");
            let path = [self.secret.name.as_str(), "repositories"];
            let answer = self.send(Method::GET, &path, Some(query), None, LOOK).await?;
            if answer.status() != StatusCode::OK {
                return Err(self.refused(&answer, LOOK, None));
            }
            let body = rest::json(&answer);
            let listed = body.get("repositories").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            ids.extend(listed.iter().filter_map(|one| one.get("id")?.as_u64()));
            if listed.len() < PAGE {
                return Ok(vec![visibility, ("selected_repository_ids", json!(ids))]);
            }
        }
        Err(self.not_understood("a secret for more repositories than are read"))
    }

    async fn keep(&self, secret: &Secret) -> Result<(), SinkError> {
        let (public_key, key_id) = self.public_key().await?;
        let sealed = seal(secret, &public_key, self.means.random.as_ref());
        let sealed = sealed.ok_or_else(|| self.not_understood("a public key that is none of Curve25519"))?;
        let standing = self.standing().await?;
        let mut body = json!({ "encrypted_value": sealed, "key_id": key_id });
        for (name, value) in self.visibility(standing.as_ref()).await? {
            body[name] = value;
        }
        let sent = self.send(Method::PUT, &[&self.secret.name], None, Some(body), KEEP).await;
        let answer = sent.map_err(|error| rest::of_write(error, KEEP))?;
        if !matches!(answer.status(), StatusCode::CREATED | StatusCode::NO_CONTENT) {
            return Err(rest::of_answer(&answer, self.refused(&answer, KEEP, Some(secret))));
        }
        // Its value never comes back; that it was written, and when, does.
        let standing = self.standing().await.map_err(SinkError::may_hold)?;
        let written = standing.and_then(|secret| Timestamp::parse(secret.get("updated_at")?.as_str()?).ok());
        let not_there =
            || SinkError::NotKept { place: self.place.clone(), reason: "GitHub took it and does not show it" };
        written.map(drop).ok_or_else(|| not_there().may_hold())
    }
}

impl SecretSink for GitHubSink {
    fn place(&self) -> &str {
        &self.place
    }

    fn place_id(&self) -> Result<Option<String>, SinkError> {
        Ok(Some(self.id.clone()))
    }

    fn claim_place_id(&self) -> Result<String, SinkError> {
        Ok(self.id.clone())
    }

    /// Only who may write secrets is given the public key.
    fn check_room(&self) -> Answer<'_, ()> {
        Box::pin(async { self.public_key().await.map(drop) })
    }

    fn load(&self) -> Answer<'_, Kept> {
        Box::pin(async { Ok(self.standing().await?.map_or(Kept::Nothing, |_| Kept::Sealed)) })
    }

    fn gives_back(&self) -> bool {
        false
    }

    fn save_over<'a>(&'a self, key: &'a Key, _: Option<ClientId>) -> Answer<'a, ()> {
        Box::pin(self.keep(&key.secret))
    }

    /// Whoever reads it does not see whose it is: it is left.
    fn remove(&self) -> Answer<'_, bool> {
        answer(Ok(false))
    }
}
