//! Client assertions that a certificate of the application signed (RFC 7523; Microsoft's
//! "Microsoft identity platform application authentication certificate credentials").
//!
//! An assertion may come again: clients use one for minutes, and the real service lets them.

use std::time::Duration;

use keyholder_entra::aadsts::{self, KeyFault, Problem};
use keyholder_entra::assertion::{AssertionClaims, Thumbprint};
use keyholder_entra::jws::Compact;
use keyholder_foundation::{ClientId, Timestamp};

use super::authentication::Proof;
use super::client::Found;
use super::tenant::Segment;
use crate::Identity;
use crate::directory::activity::CredentialKind;
use crate::directory::tenants::Tenant;
use crate::x509::RsaAlgorithm;

/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(300);

/// An assertion, taken apart; nothing of it is believed yet.
#[derive(Debug)]
pub(super) struct Assertion<'a> {
    pub(super) compact: Compact<'a>,
    pub(super) claims: AssertionClaims,
    pub(super) algorithm: RsaAlgorithm,
    pub(super) expires: Timestamp,
}

/// Whose assertion it says it is.
#[derive(Debug)]
pub(super) enum Read<'a> {
    /// The application's own.
    OwnCertificate(Assertion<'a>),
    /// An outside issuer's.
    Federated(Assertion<'a>),
}

/// Reads an assertion of the application `client`, or of an issuer outside.
pub(super) fn read(client: ClientId, text: &str) -> Result<Read<'_>, Problem> {
    let malformed = |detail: &str| aadsts::assertion_malformed(detail);
    let compact = Compact::parse(text.trim()).map_err(|error| malformed(&format!("{error}.")))?;
    if !compact.header.crit.is_empty() {
        return Err(malformed("It has extensions that must be understood, and are not."));
    }
    let algorithm = RsaAlgorithm::find(&compact.header.alg);
    let algorithm = algorithm.ok_or_else(|| malformed("It must be signed with RS256 or PS256."))?;
    let claims: AssertionClaims = compact.claims().map_err(|error| malformed(&format!("{error}.")))?;
    let expires = claims.expires().ok_or_else(|| malformed("It has no 'exp'."))?;
    let issuer = claims.iss.as_deref().filter(|issuer| !issuer.is_empty());
    let issuer = issuer.ok_or_else(|| malformed("It has no 'iss'."))?;
    // An outside issuer is an address; an id can only mean an application.
    let federated = match issuer.parse::<ClientId>() {
        Ok(id) if id == client => false,
        Ok(_) => return Err(aadsts::assertion_application()),
        Err(_) => true,
    };
    let assertion = Assertion { compact, claims, algorithm, expires };
    Ok(if federated { Read::Federated(assertion) } else { Read::OwnCertificate(assertion) })
}

impl Assertion<'_> {
    /// Refuses an assertion whose time is over or has not come.
    pub(super) fn check_time(&self, now: Timestamp) -> Result<(), Problem> {
        let not_before = self.claims.not_before();
        if now >= self.expires.plus(SKEW) || now < not_before.minus(SKEW) {
            return Err(aadsts::assertion_time(now, not_before, self.expires));
        }
        Ok(())
    }
}

/// Whether one of the application's certificates proves the assertion.
pub(super) fn check_assertion(
    identity: &Identity,
    segment: &Segment,
    found: &Found,
    assertion: &Assertion<'_>,
) -> Result<Proof, Problem> {
    let client = &found.client;
    let id = client.facts.client_id;
    let subject = assertion.claims.sub.as_deref().and_then(|subject| subject.parse::<ClientId>().ok());
    if subject != Some(id) {
        return Err(aadsts::assertion_application());
    }
    let thumbprint = Thumbprint::of(&assertion.compact.header)
        .ok_or_else(|| aadsts::assertion_malformed("Its header names no certificate ('x5t#S256' or 'x5t')."))?;
    let now = identity.clocks.now();
    let mut certificates = client.certificates.iter().filter(|certificate| {
        certificate.has(&thumbprint) && client.sees(certificate.created, now, identity.directory_lag)
    });
    let hex = thumbprint.hex();
    let fault = |fault: &KeyFault| aadsts::assertion_key(id, Some(&hex), fault);
    let certificate = certificates.next().ok_or_else(|| fault(&KeyFault::NotFound))?;
    let (starts, ends) = (certificate.starts, certificate.ends);
    if now >= ends {
        return Err(fault(&KeyFault::Expired { starts, ends }));
    }
    if now < starts.minus(SKEW) {
        return Err(fault(&KeyFault::NotYetValid { starts, ends }));
    }
    let signed = assertion.compact.signing_input.as_bytes();
    if !certificate.key.verifies(assertion.algorithm, signed, &assertion.compact.signature) {
        return Err(fault(&KeyFault::SignatureWrong { starts, ends }));
    }
    assertion.check_time(now)?;
    let for_us = |audience: &String| is_our_audience(audience, &identity.origin, &found.tenant, segment);
    if !assertion.claims.aud.iter().any(for_us) {
        return Err(aadsts::assertion_audience());
    }
    Ok(Proof { kind: CredentialKind::Certificate, key: Some(certificate.key_id) })
}

/// Whether an audience names the token service of `tenant`: one of its token endpoints or an
/// issuer, with the tenant in any of its names.
fn is_our_audience(audience: &str, origin: &str, tenant: &Tenant, segment: &Segment) -> bool {
    let audience = audience.trim_end_matches('/').to_ascii_lowercase();
    if audience == format!("https://sts.windows.net/{}", tenant.id) {
        return true;
    }
    let Some((host, path)) = split_origin(&audience) else { return false };
    if !is_same_host(host, origin) {
        return false;
    }
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    let named = name.parse() == Ok(tenant.id)
        || tenant.domains.iter().any(|domain| domain.name == name)
        // What the client was told to ask, when it was told to ask no particular tenant.
        || matches!(segment, Segment::Any(word) if *word == name);
    named && matches!(rest, "oauth2/token" | "oauth2/v2.0/token" | "v2.0" | "")
}

/// Scheme and authority, and what follows the slash after them.
fn split_origin(url: &str) -> Option<(&str, &str)> {
    let start = url.find("://")? + 3;
    let slash = start + url.get(start..)?.find('/')?;
    Some((url.get(..slash)?, url.get(slash + 1..)?))
}

/// Whether `host` is the origin, or another name of this machine where the origin is one of them.
fn is_same_host(host: &str, origin: &str) -> bool {
    let loopback = |url: &str| {
        let authority = url.split_once("://").map_or(url, |(_, authority)| authority);
        let name = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        !authority.contains('@') && matches!(name, "localhost" | "127.0.0.1" | "::1")
    };
    host == origin || (loopback(host) && loopback(origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::tenants::Domain;
    use keyholder_foundation::TenantId;
    use proptest::prelude::*;

    fn tenant() -> Tenant {
        Tenant {
            id: TenantId(uuid::Uuid::from_u128(7)),
            display_name: "Contoso".to_owned(),
            created: Timestamp::EPOCH,
            domains: vec![Domain {
                name: "contoso.example".to_owned(),
                is_default: true,
                is_initial: true,
                password_validity: None,
            }],
        }
    }

    #[test]
    fn the_token_service_has_many_names() {
        let tenant = tenant();
        let id = tenant.id;
        let origin = "https://localhost:8443";
        let ours = |audience: &str, segment: &Segment| is_our_audience(audience, origin, &tenant, segment);
        let segment = Segment::Tenant(std::sync::Arc::new(tenant.clone()));
        for good in [
            format!("{origin}/{id}/oauth2/token"),
            format!("{origin}/{id}/oauth2/v2.0/token"),
            format!("{origin}/{id}/oauth2/v2.0/token/"),
            format!("{origin}/{id}/v2.0"),
            format!("{origin}/contoso.example/oauth2/v2.0/token"),
            format!("HTTPS://LocalHost:8443/{}/oauth2/V2.0/token", id.to_string().to_uppercase()),
            format!("https://127.0.0.1:8443/{id}/oauth2/v2.0/token"),
            format!("https://localhost/{id}/oauth2/v2.0/token"),
            format!("https://sts.windows.net/{id}/"),
        ] {
            assert!(ours(&good, &segment), "{good}");
        }
        for bad in [
            String::new(),
            origin.to_owned(),
            format!("https://evil.example/{id}/oauth2/v2.0/token"),
            format!("https://localhost.evil.example/{id}/oauth2/v2.0/token"),
            format!("https://localhost:8443@evil.example/{id}/oauth2/v2.0/token"),
            format!("{origin}/common/oauth2/v2.0/token"),
            format!("{origin}/{id}/oauth2/v2.0/authorize"),
            format!("{origin}/00000000-0000-0000-0000-000000000008/oauth2/v2.0/token"),
            "https://sts.windows.net/00000000-0000-0000-0000-000000000008/".to_owned(),
        ] {
            assert!(!ours(&bad, &segment), "{bad}");
        }
        assert!(ours(&format!("{origin}/common/oauth2/v2.0/token"), &Segment::Any("common")));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: String, audience: String) {
            prop_assert!(read(ClientId(uuid::Uuid::nil()), &text).is_err());
            let tenant = tenant();
            let _ = is_our_audience(&audience, "https://localhost:8443", &tenant, &Segment::Any("common"));
            let _ = is_our_audience(&format!("https://{audience}"), "https://localhost", &tenant, &Segment::Consumers);
        }
    }
}
