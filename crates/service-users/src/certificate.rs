//! A new key with its certificate, made on this machine. The key goes to a sink, the certificate alone
//! to the directory.
//!
//! Microsoft Entra takes RSA keys only ("Microsoft identity platform application authentication
//! certificate credentials"), and nobody checks who issued the certificate: it signs itself.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_client::{CertificateFacts, ClientCertificate};
use keyholder_entra::graph::KeyCredential;
use keyholder_foundation::{ClientId, KeyId, Secret, Timestamp};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Error;
use crate::kept::Registered;

/// Longest common name of a subject, in characters (X.520, `ub-common-name`).
const LONGEST_NAME: usize = 64;

/// A key with its certificate, of which nobody knows yet.
pub(crate) struct Fresh {
    /// Private key and certificate, for the sink.
    pub(crate) pem: Secret,
    /// The certificate, for the directory.
    pub(crate) entry: KeyCredential,
    /// What tells it from others.
    pub(crate) facts: CertificateFacts,
}

/// How far ahead of the directory's clock ours may be: a `Date` header tells the second only.
const CLOCKS_DIFFER: Duration = Duration::from_mins(1);

/// From when until when a credential made now is good: exactly `lifetime`, which a tenant's policy
/// may allow to the second, and good at once for a directory whose clock is a little behind ours.
pub(crate) fn validity(now: Timestamp, lifetime: Duration) -> (Timestamp, Timestamp) {
    let from = now.minus(CLOCKS_DIFFER).whole_seconds();
    (from, from.plus(lifetime))
}

/// Makes an RSA key of 2048 bits and a certificate that is good at `now`, and for `lifetime` in all.
///
/// Takes some tenths of a second of CPU.
///
/// # Errors
/// [`Error::KeyMaking`] when the system has no randomness.
pub(crate) fn make(name: &str, label: String, now: Timestamp, lifetime: Duration) -> Result<Fresh, Error> {
    let cannot = |error: rcgen::Error| Error::KeyMaking(error.to_string());
    let (from, until) = validity(now, lifetime);
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(cannot)?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name.chars().take(LONGEST_NAME).collect::<String>());
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + from.since(Timestamp::EPOCH);
    parameters.not_after = epoch + until.since(Timestamp::EPOCH);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = parameters.self_signed(&key).map_err(cannot)?;
    let private = Secret::new(key.serialize_pem());
    let pem = Secret::new(format!("{}{}", private.expose(), certificate.pem()));
    // Read back the way programs will.
    let nobody = ClientId(Uuid::nil());
    let read = ClientCertificate::from_pem(nobody, &pem, "the new key");
    let read = read.map_err(|error| Error::KeyMaking(error.to_string()))?;
    let entry = KeyCredential {
        custom_key_identifier: None,
        display_name: Some(label),
        end_date_time: Some(until),
        key: Some(STANDARD.encode(certificate.der())),
        key_id: id_of(read.facts()),
        start_date_time: Some(from),
        kind: Some("AsymmetricX509Cert".to_owned()),
        usage: Some("Verify".to_owned()),
    };
    Ok(Fresh { pem, entry, facts: read.facts().clone() })
}

/// What tells the certificate of a text from others; nothing when it is none.
pub(crate) fn facts_of(text: &Secret) -> Option<CertificateFacts> {
    let read = ClientCertificate::from_pem(ClientId(Uuid::nil()), text, "in the sink").ok()?;
    Some(read.facts().clone())
}

/// The id that a certificate of ours gets in its registration: it follows from the certificate, so that
/// adding one whose answer was lost adds no second.
pub(crate) fn id_of(facts: &CertificateFacts) -> KeyId {
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(Sha256::digest(facts.sha256.as_bytes())) {
        *byte = hashed;
    }
    KeyId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Whether what stands on a registration is this certificate, whoever put it there.
pub(crate) fn is_of(facts: &CertificateFacts, registered: &Registered<'_>) -> bool {
    registered.key_id == id_of(facts) || registered.thumbprint.is_some_and(|thumbprint| facts.is_named(thumbprint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s07_a_new_key_has_a_certificate_for_the_declared_time_and_the_directory_gets_no_key() {
        let now = Timestamp::parse("2026-05-25T10:00:00Z").unwrap();
        let made = make(&"ä".repeat(100), "a label".to_owned(), now, Duration::from_secs(3 * 86_400)).unwrap();
        let client = ClientId(Uuid::from_u128(7));
        let read = ClientCertificate::from_pem(client, &made.pem, "the test's").unwrap();
        assert_eq!(read.facts().not_after.to_string(), "2026-05-28T09:59:00Z");
        assert_eq!(made.entry.end_date_time, Some(read.facts().not_after));
        assert!(is_of(read.facts(), &Registered::from(&made.entry)));
        let sent = serde_json::to_string(&made.entry).unwrap();
        let private: Vec<&str> = made.pem.expose().split("-----END PRIVATE KEY-----").next().unwrap().lines().collect();
        assert!(private.len() > 20);
        assert!(private.iter().skip(1).all(|line| !sent.contains(line)));

        let other = make("b", "a label".to_owned(), now, Duration::from_secs(3600)).unwrap();
        assert_ne!(other.entry.key_id, made.entry.key_id);
        assert!(!is_of(read.facts(), &Registered::from(&other.entry)));
        let by_thumbprint = KeyCredential {
            key_id: KeyId(Uuid::nil()),
            custom_key_identifier: Some(read.facts().sha1.replace('-', "+").replace('_', "/") + "="),
            ..other.entry
        };
        assert!(is_of(read.facts(), &Registered::from(&by_thumbprint)));
    }
}
