//! Federated credentials: an outside issuer's token stands in for a secret (Microsoft's "Workload
//! identity federation").
//!
//! The token is compared with the application's credentials first, so that only an issuer which
//! somebody registered is ever asked for its keys. Those come from its OpenID configuration, through
//! a door that the process opens ([`IssuerDocuments`]): this room does no network. They are kept,
//! and asked for again when a token names a key that is not among them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use keyholder_entra::aadsts::{self, FederatedMismatch, Problem};
use keyholder_entra::base64url;
use keyholder_entra::claims::{issuer_v1, issuer_v2};
use keyholder_entra::openid::{Jwk, JwkSet, OpenIdConfiguration};
use keyholder_foundation::KeyId;

use super::Failure;
use super::assertion::Assertion;
use super::authentication::Proof;
use super::client::Found;
use crate::Identity;
use crate::cache::Cache;
use crate::directory::activity::CredentialKind;
use crate::directory::federated::FederatedCredential;
use crate::x509::{PublicRsaKey, RsaAlgorithm};

/// The longest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// How many keys of an issuer are read.
const MAX_KEYS: usize = 100;
/// How long an issuer's keys are good without asking again.
const KEPT: Duration = Duration::from_secs(3600);
/// How soon an issuer is asked again for a key that it did not publish.
const ASKED_AGAIN: Duration = Duration::from_secs(5);
/// How many issuers are remembered, at least.
const ISSUERS_KEPT: usize = 128;

/// A future on the heap, as a trait's method gives it.
pub type DocumentFuture<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// How the documents of outside issuers are had. The process implements it: it alone speaks to the
/// network and reads files.
pub trait IssuerDocuments: Send + Sync + Debug {
    /// The document at `url`, or why it cannot be had, in words for a person. Must not follow
    /// redirects, nor wait or read without a bound ([`MAX_DOCUMENT`]).
    fn fetch<'a>(&'a self, url: &'a str) -> DocumentFuture<'a>;

    /// Whether an issuer that is not on this machine may be asked.
    fn allows(&self, issuer: &str) -> bool;

    /// The issuer's keys (a JWK set), when they were given as a file: then nobody is asked.
    fn keys(&self, issuer: &str) -> Option<Vec<u8>>;
}

/// Nobody outside is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoIssuers;

impl IssuerDocuments for NoIssuers {
    fn fetch<'a>(&'a self, _url: &'a str) -> DocumentFuture<'a> {
        Box::pin(async { Err("Outside issuers are not asked here.".to_owned()) })
    }

    fn allows(&self, _issuer: &str) -> bool {
        false
    }

    fn keys(&self, _issuer: &str) -> Option<Vec<u8>> {
        None
    }
}

/// The keys of one issuer.
#[derive(Debug)]
struct IssuerKeys {
    /// By the monotonic clock.
    fetched: Duration,
    keys: Vec<(String, PublicRsaKey)>,
}

impl IssuerKeys {
    /// The key with this id; without one, the only key.
    fn find(&self, id: Option<&str>) -> Option<&PublicRsaKey> {
        match (id, self.keys.as_slice()) {
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
            (Some(id), keys) => keys.iter().find(|(known, _)| known == id).map(|(_, key)| key),
        }
    }
}

/// The issuers that were asked.
#[derive(Debug)]
pub(crate) struct Issuers {
    documents: Arc<dyn IssuerDocuments>,
    known: Cache<String, Arc<IssuerKeys>>,
}

impl Issuers {
    pub(crate) fn new(documents: Arc<dyn IssuerDocuments>) -> Self {
        Self { documents, known: Cache::new(ISSUERS_KEPT) }
    }

    /// The keys of `issuer`, among them the one with `id` if it can be had.
    async fn keys(&self, issuer: &str, id: Option<&str>, now: Duration) -> Result<Arc<IssuerKeys>, Problem> {
        if let Some(known) = self.known.find(&issuer.to_owned()) {
            let age = now.saturating_sub(known.fetched);
            if age < KEPT && (known.find(id).is_some() || age < ASKED_AGAIN) {
                return Ok(known);
            }
        }
        let keys = self.fetch(issuer).await.map_err(|detail| aadsts::issuer_unreachable(&detail))?;
        let fetched = Arc::new(IssuerKeys { fetched: now, keys });
        self.known.insert(issuer.to_owned(), Arc::clone(&fetched));
        Ok(fetched)
    }

    async fn fetch(&self, issuer: &str) -> Result<Vec<(String, PublicRsaKey)>, String> {
        if let Some(given) = self.documents.keys(issuer) {
            return read_keys(&given);
        }
        let local = is_loopback(issuer);
        let allowed = issuer.starts_with("https://") && self.documents.allows(issuer);
        if !local && !allowed {
            return Err(format!(
                "The issuer '{issuer}' is not on this machine; allow it when the org is started (--allow-issuer)."
            ));
        }
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let document = self.read(&address).await?;
        let document: OpenIdConfiguration =
            serde_json::from_slice(&document).map_err(|_| format!("What is at '{address}' is no configuration."))?;
        if document.issuer != issuer {
            return Err(format!("The configuration at '{address}' names another issuer, '{}'.", document.issuer));
        }
        let keys_at = document.jwks_uri;
        let trusted = if local { is_loopback(&keys_at) } else { keys_at.starts_with("https://") };
        if !trusted {
            return Err(format!("The issuer's keys are at '{keys_at}', where they are not looked for."));
        }
        read_keys(&self.read(&keys_at).await?)
    }

    async fn read(&self, url: &str) -> Result<Vec<u8>, String> {
        let bytes = self.documents.fetch(url).await?;
        if bytes.len() > MAX_DOCUMENT {
            return Err(format!("The document at '{url}' is too long."));
        }
        Ok(bytes)
    }
}

/// The RSA keys for signatures of a JWK set; the others are left out.
fn read_keys(bytes: &[u8]) -> Result<Vec<(String, PublicRsaKey)>, String> {
    let set: JwkSet = serde_json::from_slice(bytes).map_err(|_| "The issuer's keys cannot be read.".to_owned())?;
    let usable = |jwk: &Jwk| jwk.kty == "RSA" && jwk.usage.as_deref().is_none_or(|usage| usage == "sig");
    let key = |jwk: Jwk| {
        let (modulus, exponent) = (base64url::decode(&jwk.n).ok()?, base64url::decode(&jwk.e).ok()?);
        Some((jwk.kid, PublicRsaKey::of_components(&modulus, &exponent)?))
    };
    Ok(set.keys.into_iter().take(MAX_KEYS).filter(usable).filter_map(key).collect())
}

/// Whether an address is one of this machine's, by http or https.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let at_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let host = uri.host().unwrap_or_default();
    at_host
        && matches!(uri.scheme_str(), Some("http" | "https"))
        && matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1")
}

/// Whether a federated credential of the application fits the token, and the token is good.
pub(super) async fn check(identity: &Identity, found: &Found, assertion: &Assertion<'_>) -> Result<Proof, Failure> {
    let own = own_issuer(identity, found, assertion)?;
    let now = identity.clocks.now();
    let lag = identity.directory_lag;
    let credentials: Vec<&FederatedCredential> =
        found.client.federated.iter().filter(|credential| found.client.sees(credential.created, now, lag)).collect();
    let credential = find_match(&credentials, assertion)?;
    if assertion.algorithm != RsaAlgorithm::Rs256 {
        return Err(aadsts::assertion_malformed("A federated token must be signed with RS256.").into());
    }
    let issuer = credential.issuer.as_str();
    let key_id = assertion.compact.header.kid.as_deref();
    let signed = assertion.compact.signing_input.as_bytes();
    let signature = assertion.compact.signature.as_slice();
    let unknown_key = || aadsts::issuer_key_not_found(key_id.unwrap_or_default(), issuer);
    let good = if own {
        let keys = identity.keys();
        keys.find(key_id.unwrap_or_default(), now).ok_or_else(unknown_key)?.verifies(signed, signature)
    } else {
        let keys = identity.issuers.keys(issuer, key_id, identity.clocks.monotonic.elapsed()).await?;
        keys.find(key_id).ok_or_else(unknown_key)?.verifies(RsaAlgorithm::Rs256, signed, signature)
    };
    if !good {
        let problem = aadsts::federated_signature(key_id.unwrap_or_default(), issuer);
        return Err(problem.into());
    }
    assertion.check_time(now)?;
    Ok(Proof { kind: CredentialKind::Federated, key: Some(KeyId(credential.id)) })
}

/// Whether the token is one of this service's own; a person's cannot stand in for an application.
fn own_issuer(identity: &Identity, found: &Found, assertion: &Assertion<'_>) -> Result<bool, Problem> {
    let issuer = assertion.claims.iss.as_deref().unwrap_or_default();
    let tenant = found.tenant.id;
    let own = issuer == issuer_v1(tenant)
        || issuer == issuer_v2(&identity.origin, tenant)
        || issuer.starts_with("https://sts.windows.net/")
        || issuer.strip_prefix(identity.origin.as_str()).is_some_and(|rest| rest.starts_with('/'));
    if own && assertion.claims.scp.is_some() {
        return Err(aadsts::federated_user_token());
    }
    Ok(own)
}

/// The credential that has the token's issuer, subject and one audience to the letter; a token that
/// is meant for others as well is not for exchanging. Which of them is
/// wrong is said in this order; that only letter case is wrong, before all.
fn find_match<'a>(
    credentials: &[&'a FederatedCredential],
    assertion: &Assertion<'_>,
) -> Result<&'a FederatedCredential, Problem> {
    let claims = &assertion.claims;
    let issuer = claims.iss.as_deref().unwrap_or_default();
    let subject = claims.sub.as_deref().unwrap_or_default();
    let shown = claims.aud.first().map_or("", String::as_str);
    let of_issuer: Vec<_> = credentials.iter().filter(|credential| credential.issuer == issuer).collect();
    let of_subject: Vec<_> = of_issuer.iter().filter(|credential| credential.subject == subject).collect();
    if let Some(found) = of_subject.iter().find(|credential| claims.aud == [credential.audience.as_str()]) {
        return Ok(found);
    }
    let nearly = credentials.iter().any(|credential| {
        credential.issuer.eq_ignore_ascii_case(issuer)
            && credential.subject.eq_ignore_ascii_case(subject)
            && matches!(claims.aud.as_slice(), [audience] if credential.audience.eq_ignore_ascii_case(audience))
    });
    Err(if nearly {
        aadsts::federated_letter_case(issuer, subject, shown)
    } else if of_issuer.is_empty() {
        aadsts::federated_mismatch(FederatedMismatch::Issuer, issuer)
    } else if of_subject.is_empty() {
        aadsts::federated_mismatch(FederatedMismatch::Subject, subject)
    } else {
        aadsts::federated_mismatch(FederatedMismatch::Audience, shown)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_this_machine_is_asked_unasked() {
        for local in ["http://localhost:9000", "https://127.0.0.1/issuer", "http://[::1]:8080/"] {
            assert!(is_loopback(local), "{local}");
        }
        for outside in [
            "https://issuer.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "file://localhost/etc/passwd",
            "localhost",
            "http://127.0.0.2",
            "",
        ] {
            assert!(!is_loopback(outside), "{outside}");
        }
    }

    #[test]
    fn keys_that_cannot_check_are_left_out() {
        let key = format!(r#"{{"kty":"RSA","kid":"a","n":"{}","e":"AQAB"}}"#, base64url::encode([0xff; 256]));
        let short = format!(r#"{{"kty":"RSA","kid":"s","n":"{}","e":"AQAB"}}"#, base64url::encode([0xff; 128]));
        let encrypting = key.replace(r#""kid":"a""#, r#""kid":"e","use":"enc""#);
        let set = format!(r#"{{"keys":[{key},{short},{encrypting},{{"kty":"EC","kid":"c"}}]}}"#);
        let read = read_keys(set.as_bytes()).unwrap();
        assert_eq!(read.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a"]);
        let keys = IssuerKeys { fetched: Duration::ZERO, keys: read };
        assert!(keys.find(Some("a")).is_some() && keys.find(None).is_some() && keys.find(Some("b")).is_none());
    }

    proptest! {
        #[test]
        fn any_document_is_read_without_panic(bytes: Vec<u8>, url: String) {
            let _ = (read_keys(&bytes), is_loopback(&url));
        }
    }
}
