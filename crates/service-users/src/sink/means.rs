//! What it takes to reach places that are not on this machine.

use std::sync::Arc;

use http::HeaderValue;
use keyholder_client::transport::is_loopback;
use keyholder_client::{Connection, Http};
use keyholder_foundation::{OsRandom, Random, Secret};
use url::Url;

/// What it takes to reach places that are not on this machine.
#[derive(Debug, Clone)]
pub struct Means {
    /// What requests are sent with.
    pub http: Http,
    /// Who signs in at a vault: the caller of the whole run.
    pub caller: Option<Connection>,
    /// The way into GitHub, where one is given.
    pub github: Option<GitHubAccess>,
    /// What a sealed box is made with.
    pub random: Arc<dyn Random>,
}

impl Means {
    /// Those of a caller, without a way into GitHub.
    #[must_use]
    pub fn of(caller: Connection, http: Http) -> Self {
        Self { http, caller: Some(caller), github: None, random: Arc::new(OsRandom) }
    }

    /// The same with a way into GitHub.
    #[must_use]
    pub fn with_github(mut self, github: Option<GitHubAccess>) -> Self {
        self.github = github;
        self
    }
}

/// The way into GitHub, or a GitHub Enterprise Server.
#[derive(Debug, Clone)]
pub struct GitHubAccess {
    api: String,
    token: Secret,
}

impl GitHubAccess {
    /// Where GitHub itself answers.
    pub const PUBLIC: &str = "https://api.github.com";

    /// A token for the REST API at `api`: [`Self::PUBLIC`], or `https://HOST/api/v3` of a server of one's own. Both are
    /// looked at when they are used.
    #[must_use]
    pub fn new(api: impl Into<String>, token: Secret) -> Self {
        Self { api: api.into(), token }
    }

    pub(super) fn api(&self) -> &str {
        self.api.trim().trim_end_matches('/')
    }

    /// The API's address and the header that opens it; else what is wrong with them, without the token.
    pub(super) fn checked(&self) -> Result<(Url, HeaderValue), String> {
        let url = Url::parse(self.api()).ok();
        let url = url.filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)));
        let url = url.filter(|url| url.username().is_empty() && url.password().is_none() && url.query().is_none());
        let Some(url) = url else { return Err(format!("`{}` is no https address of GitHub's REST API", self.api())) };
        let token = self.token.expose().trim();
        let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let bearer = Secret::new(format!("Bearer {token}"));
        match HeaderValue::from_str(bearer.expose()) {
            Ok(mut header) if is_token => {
                header.set_sensitive(true);
                Ok((url, header))
            }
            _ => Err("the GitHub token is no token: it is empty, or has blanks in it".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_the_clear() {
        let checked = |api: &str, token: &str| GitHubAccess::new(api, Secret::new(token)).checked();
        for api in [GitHubAccess::PUBLIC, "https://github.contoso.example/api/v3/", "http://127.0.0.1:8080"] {
            let (_, header) = checked(api, "ghp_0123456789\n").unwrap();
            assert!(header.is_sensitive() && header == "Bearer ghp_0123456789", "{api}");
        }
        for api in ["http://api.github.com", "github.com", "https://me@api.github.com", "https://api.github.com/?a"] {
            assert!(checked(api, "ghp_0123456789").unwrap_err().contains("https address"), "{api}");
        }
        for token in ["", "two words", "line\nline"] {
            let error = checked(GitHubAccess::PUBLIC, token).unwrap_err();
            assert!(!error.contains("words"), "{error}");
        }
    }
}
