//! Which token service an org trusts, and whether it may be given a secret.
//!
//! An org answers a request without a token with 401 and
//! `WWW-Authenticate: Bearer authorization_uri=https://login.example/<tenant>/oauth2/authorize,
//! resource_id=https://<org>/`. Following that blindly would be a hole: whoever runs the host
//! behind a mistyped or malicious org URL could name a token service of their own and be handed
//! the client secret in the next request, or name another org as the resource and be handed a
//! token for it. So an answer is only believed where somebody else vouches for it:
//!
//! 1. The authority is `https`, always.
//! 2. It is one of Microsoft's login hosts ([`crate::cloud`]): a secret sent there reaches only
//!    Microsoft, whatever the org claims;
//! 3. or the org and the authority are both on loopback and both https: a local org, which never
//!    leaves this machine, and whose certificate the same trusted CA vouches for. A plain http port
//!    can be anybody's, so it needs an authority that is named;
//! 4. or the authority's origin is the one that the settings name (`KEYHOLDER_AUTHORITY`, or the
//!    `KEYHOLDER_ORIGIN` of a local org's own file): whoever stored the secret vouched for it.
//! 5. The resource is the org itself: the same host, give or take the `.api` label.
//!
//! That the authority has the *org's* host is deliberately not enough: it is exactly what the
//! host behind a mistyped URL can arrange.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use keyholder_entra::challenge::Challenge;
use url::Url;

use crate::cloud;
use crate::connection::{Connection, OrgUrl};
use crate::error::{ConfigurationError, Error, Unreachable};
use crate::transport::{is_loopback, origin_of};
use crate::wire::{Http, looks_like, request};

/// A tenant at a token service: `https://login.microsoftonline.com/<tenant>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    login: Url,
    tenant: String,
}

impl Authority {
    /// The tenant (an id, a domain, `common` or `organizations`) at the token service `login`,
    /// of which only the origin counts.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] when `login` is not https or the tenant could not be one.
    pub fn new(login: &Url, tenant: &str) -> Result<Self, ConfigurationError> {
        let invalid = |what, problem: &str| ConfigurationError::Invalid {
            what,
            problem: problem.to_owned(),
            origin: format!("sign-in at {}", origin_of(login)),
        };
        if login.scheme() != "https" || login.host().is_none() {
            return Err(invalid("the authority", "is not an https address"));
        }
        if !is_tenant(tenant) {
            return Err(invalid("the tenant", "is neither an id nor a domain"));
        }
        let mut root = login.clone();
        root.set_path("/");
        root.set_query(None);
        root.set_fragment(None);
        // Neither fails on a URL with a host; a name in front of the host is dropped.
        let _ = root.set_username("");
        let _ = root.set_password(None);
        Ok(Self { login: root, tenant: tenant.to_owned() })
    }

    /// Reads the authority out of a challenge's `authorization_uri`.
    fn from_authorization_uri(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let mut segments = url.path_segments()?.filter(|segment| !segment.is_empty());
        let tenant = segments.next()?;
        let rest: Vec<_> = segments.collect();
        let known = [["oauth2", "authorize"].as_slice(), &["oauth2", "v2.0", "authorize"], &[]];
        known.contains(&rest.as_slice()).then(|| Self::new(&url, tenant).ok())?
    }

    /// The token service's root.
    #[must_use]
    pub fn login(&self) -> &Url {
        &self.login
    }

    /// The tenant as it was named: an id, a domain, or `common`.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The URL of something below the tenant: `oauth2/v2.0/token`.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Url {
        let mut url = self.login.clone();
        url.set_path(&format!("{}/{path}", self.tenant));
        url
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", origin_of(&self.login), self.tenant)
    }
}

fn is_tenant(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && text.chars().any(|c| c.is_ascii_alphanumeric())
}

/// What an org said about how to get in, found trustworthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// Where tokens come from; the tenant is the one that the settings name, else the org's.
    pub authority: Authority,
    /// What tokens must be made for, without a trailing slash.
    pub resource: String,
}

impl Discovered {
    /// The scope to ask for: everything that was granted for the resource.
    #[must_use]
    pub fn scope(&self) -> String {
        format!("{}/.default", self.resource)
    }
}

/// Asks the org which authority it trusts.
///
/// # Errors
/// [`Error::NotAnOrg`] when what answers is no org, [`Error::OnPremises`] when it is one that no token
/// opens, [`Error::UntrustedAuthority`] when it is sent
/// to a place that must not have the secret, [`ConfigurationError::WrongTenant`], and what the
/// transport came to.
pub async fn discover(connection: &Connection, http: &Http) -> Result<Discovered, Error> {
    let url = connection.url.web_api("");
    let answer = http.send(&request(Method::GET, &url, HeaderMap::new(), Bytes::new())?).await?;
    let not_an_org = |found: String| Error::NotAnOrg { url: url.to_string(), found };
    match answer.status() {
        StatusCode::UNAUTHORIZED => {}
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            let cause = Unreachable::Other(format!("it answered with HTTP status {status}"));
            return Err(Error::Unreachable { origin: origin_of(&url), cause });
        }
        status if status.is_redirection() => {
            return Err(not_an_org(format!("it redirects elsewhere (HTTP status {})", status.as_u16())));
        }
        _ => return Err(not_an_org(format!("it answered with {}", looks_like(&answer)))),
    }
    let challenge = answer
        .headers()
        .get_all(http::header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|value| Challenge::parse(value).ok());
    let named = challenge.and_then(|challenge| challenge.authorization_uri.zip(challenge.resource_id));
    let Some((authorization_uri, resource_id)) = named else {
        let schemes = windows_schemes(answer.headers());
        if !schemes.is_empty() {
            return Err(Error::OnPremises { url: url.to_string(), schemes: schemes.join(", ") });
        }
        return Err(not_an_org("it asks for sign-in (HTTP status 401) but names no authority".to_owned()));
    };
    judge(connection, &authorization_uri, &resource_id)
}

/// The schemes of Windows authentication that an answer offers.
fn windows_schemes(headers: &HeaderMap) -> Vec<&'static str> {
    let offered = || headers.get_all(http::header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    // A header may list several, and each may have parameters behind it.
    let offers = |scheme: &str| {
        offered().flat_map(|value| value.split([',', ' '])).any(|word| word.trim().eq_ignore_ascii_case(scheme))
    };
    ["Negotiate", "NTLM"].into_iter().filter(|scheme| offers(scheme)).collect()
}

/// The rule of this module's introduction, without any I/O.
fn judge(connection: &Connection, authorization_uri: &str, resource_id: &str) -> Result<Discovered, Error> {
    let org = &connection.url;
    let untrusted = |authority: &str, reason: &str| Error::UntrustedAuthority {
        org: org.to_string(),
        authority: crate::error::refusal::cut(authority),
        reason: reason.to_owned(),
    };
    let claimed = Authority::from_authorization_uri(authorization_uri)
        .ok_or_else(|| untrusted(authorization_uri, "is not the https address of a tenant's sign-in"))?;
    let vouched_for = connection.authority.as_ref().is_some_and(|named| named.origin() == claimed.login.origin());
    let is_local = is_loopback(&claimed.login) && is_loopback(org.as_url()) && org.as_url().scheme() == "https";
    if !(cloud::is_microsoft_login(&claimed.login) || is_local || vouched_for) {
        return Err(untrusted(&claimed.to_string(), "is not one of Microsoft's, and nobody vouched for it"));
    }

    let resource = Url::parse(resource_id).ok().filter(|resource| same_org(resource, org.as_url()));
    let Some(resource) = resource else {
        return Err(untrusted(&claimed.to_string(), "would make tokens for another address than the org's own"));
    };

    let authority = match &connection.tenant {
        None => claimed,
        Some(tenant) => {
            let ids = (uuid::Uuid::parse_str(tenant), uuid::Uuid::parse_str(&claimed.tenant));
            if let (Ok(given), Ok(actual)) = ids
                && given != actual
            {
                return Err(ConfigurationError::WrongTenant {
                    org: org.to_string(),
                    actual: actual.to_string(),
                    given: given.to_string(),
                }
                .into());
            }
            Authority::new(&claimed.login, tenant)?
        }
    };
    Ok(Discovered { authority, resource: origin_of(&resource) })
}

/// Whether a resource is the org itself. `https://contoso.api.crm4.dynamics.com` and
/// `https://contoso.crm4.dynamics.com` are one org; so are all names of this machine.
fn same_org(resource: &Url, org: &Url) -> bool {
    let without_api = |url: &Url| url.host_str().map(|host| host.to_ascii_lowercase().replacen(".api.crm", ".crm", 1));
    let same_port = resource.port_or_known_default() == org.port_or_known_default();
    resource.scheme() == "https"
        && ((is_loopback(resource) && is_loopback(org)) || (same_port && without_api(resource) == without_api(org)))
}

impl OrgUrl {
    /// Whether a URL leads to this org's Web API: the same origin, below `/api/data/`.
    #[must_use]
    pub fn owns(&self, url: &Url) -> bool {
        url.origin() == self.as_url().origin() && url.path().starts_with("/api/data/")
    }
}

#[cfg(test)]
mod tests;
