//! Checking a bearer token: signature, issuer, times, audience.
//!
//! The signature costs tens of microseconds and never changes its mind, so tokens whose signature
//! and issuer were good are remembered by their SHA-256. What can change is checked each time:
//! the time against the org clock (which can be moved), and the audience (which differs by door).
//! Who the caller is today - enabled, which roles - is never remembered here.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use keyholder_entra::claims::{AccessTokenClaims, issuer_v1, issuer_v2};
use keyholder_entra::jws::{Compact, Malformed};
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};

use crate::Identity;
use crate::cache::Cache;
use crate::keys::Keys;
use crate::resources::normal;

/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(300);
/// How many tokens are remembered, at least.
const REMEMBERED: usize = 4096;

/// What a good token says, as far as anybody here decides by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// The tenant that issued it.
    pub tenant: TenantId,
    /// The application that asked for it.
    pub client: ClientId,
    /// The service principal (or person) that it speaks for.
    pub object_id: ObjectId,
    /// Whether the application speaks for itself.
    pub app_only: bool,
    /// Whether the person is a partner's, who administers the tenant by delegation.
    pub delegated: bool,
    /// What it is for, as it was asked for.
    pub audience: String,
    /// Application permissions that it carries.
    pub roles: Vec<String>,
    /// Delegated permissions that it carries; none when the application speaks for itself.
    pub scopes: Vec<String>,
    /// The person's sign-in name, when it speaks for one.
    pub user_principal_name: Option<String>,
    /// From when it is good.
    pub not_before: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// The end of its id, by which it may be named in a log.
    pub short_id: String,
    /// The audience as it is compared.
    normal_audience: String,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenProblem {
    /// There is none.
    #[error("the request carries no bearer token")]
    Missing,
    /// It is no JWT.
    #[error("the bearer token is malformed")]
    Malformed(#[from] Malformed),
    /// Its algorithm is not RS256.
    #[error("the bearer token is not signed with RS256")]
    Algorithm,
    /// No published key has its key id.
    #[error("the bearer token is signed by a key that this token service does not have")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the bearer token's signature is wrong")]
    Signature,
    /// It is not an access token of this service's.
    #[error("the bearer token was issued by somebody else")]
    Issuer,
    /// It is for something else.
    #[error("the bearer token is for another resource")]
    Audience,
    /// It speaks for a person, without the permission that this takes.
    #[error("the bearer token carries no delegated permission for this service (its scp lacks user_impersonation)")]
    Scope,
    /// It belongs to another tenant.
    #[error("the bearer token belongs to another tenant")]
    Tenant,
    /// Its time has not come.
    #[error("the bearer token is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the bearer token has expired")]
    Expired,
}

/// Which tokens a door takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    accepted: Vec<String>,
    tenant: Option<TenantId>,
    /// The permission that a token on behalf of a person must carry.
    scope: Option<&'static str>,
}

impl Audience {
    /// Tokens for any of these resources; a trailing slash and letter case do not matter.
    #[must_use]
    pub fn any_of<T: AsRef<str>>(resources: impl IntoIterator<Item = T>) -> Self {
        Self {
            accepted: resources.into_iter().map(|resource| normal(resource.as_ref())).collect(),
            tenant: None,
            scope: None,
        }
    }

    /// Only tokens of this tenant.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Of the tokens on behalf of people, only those whose application was given this permission. One
    /// for the origin can carry the permissions of any of the services there.
    #[must_use]
    pub fn with_scope(mut self, scope: &'static str) -> Self {
        self.scope = Some(scope);
        self
    }

    fn admits(&self, token: &VerifiedToken) -> Result<(), TokenProblem> {
        if !self.accepted.contains(&token.normal_audience) {
            return Err(TokenProblem::Audience);
        }
        if self.tenant.is_some_and(|tenant| tenant != token.tenant) {
            return Err(TokenProblem::Tenant);
        }
        let lacks = |scope| !token.scopes.iter().any(|has| has == scope);
        if !token.app_only && self.scope.is_some_and(lacks) {
            return Err(TokenProblem::Scope);
        }
        Ok(())
    }
}

/// The token of a request's `Authorization: Bearer` header.
///
/// # Errors
/// [`TokenProblem::Missing`] when there is none, or another scheme.
pub fn bearer(headers: &HeaderMap) -> Result<&str, TokenProblem> {
    let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(TokenProblem::Missing)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or(TokenProblem::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(TokenProblem::Missing);
    }
    Ok(token.trim())
}

/// Checks tokens and remembers those whose signature was good.
#[derive(Debug)]
pub(crate) struct Verifier {
    remembered: Cache<[u8; 32], Arc<VerifiedToken>>,
}

impl Verifier {
    pub(crate) fn new() -> Self {
        Self { remembered: Cache::new(REMEMBERED) }
    }

    pub(crate) fn verify(
        &self,
        token: &str,
        identity: &Identity,
        audience: &Audience,
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, TokenProblem> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&SHA256, token.as_bytes()).as_ref());
        let verified = match self.remembered.find(&hash) {
            Some(verified) => verified,
            None => {
                let verified = Arc::new(check(token, &identity.keys(), &identity.origin, now)?);
                self.remembered.insert(hash, Arc::clone(&verified));
                verified
            }
        };
        audience.admits(&verified)?;
        if now < verified.not_before.minus(SKEW) {
            return Err(TokenProblem::NotYetValid);
        }
        if now >= verified.expires.plus(SKEW) {
            return Err(TokenProblem::Expired);
        }
        Ok(verified)
    }
}

/// Signature and issuer: what stays true of a token once it is.
fn check(token: &str, keys: &Keys, origin: &str, now: Timestamp) -> Result<VerifiedToken, TokenProblem> {
    let compact = Compact::parse(token)?;
    if compact.header.alg != "RS256" {
        return Err(TokenProblem::Algorithm);
    }
    let key = compact.header.kid.as_deref().and_then(|id| keys.find(id, now)).ok_or(TokenProblem::UnknownKey)?;
    if !key.verifies(compact.signing_input.as_bytes(), &compact.signature) {
        return Err(TokenProblem::Signature);
    }
    let claims: AccessTokenClaims = compact.claims()?;
    if claims.iss != issuer_v1(claims.tid) && claims.iss != issuer_v2(origin, claims.tid) {
        return Err(TokenProblem::Issuer);
    }
    Ok(VerifiedToken {
        tenant: claims.tid,
        client: claims.client().ok_or(TokenProblem::Issuer)?,
        object_id: claims.oid.ok_or(TokenProblem::Issuer)?,
        app_only: claims.is_app_only(),
        delegated: !claims.is_app_only() && claims.idp.as_ref().is_some_and(|home| *home != claims.iss),
        normal_audience: normal(&claims.aud),
        short_id: claims.short_id().to_owned(),
        not_before: Timestamp::from_unix_seconds(claims.nbf),
        expires: claims.expires(),
        roles: claims.roles.unwrap_or_default(),
        scopes: claims.scp.as_deref().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect(),
        user_principal_name: claims.upn.or(claims.preferred_username),
        audience: claims.aud,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_authorization_header_is_read_as_clients_write_it() {
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc"), Ok("abc".to_owned()));
        assert_eq!(read("bearer  abc "), Ok("abc".to_owned()));
        for missing in ["Basic abc", "Bearer", "Bearer ", "abc", ""] {
            assert_eq!(read(missing), Err(TokenProblem::Missing), "{missing}");
        }
        assert_eq!(bearer(&HeaderMap::new()), Err(TokenProblem::Missing));
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(bytes: Vec<u8>) {
            if let Ok(value) = http::HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(AUTHORIZATION, value);
                let _ = bearer(&headers);
            }
        }
    }
}
