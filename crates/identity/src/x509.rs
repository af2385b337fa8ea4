//! What is read out of an X.509 certificate (RFC 5280): whose key it is, from when until when, and
//! the two thumbprints by which an assertion names it.
//!
//! A certificate is only the envelope of a public key here, as it is for Entra: nobody checks who
//! issued it, and the dates that count are those of the credential, which are the certificate's
//! unless the registration says otherwise.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};
use keyholder_foundation::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

/// The longest certificate that is read, in bytes. Real ones have one to three thousand.
pub(crate) const MAX_DER: usize = 16 * 1024;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    /// Its subject as one line, as `CN=orders-sync`.
    pub(crate) subject: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// SHA-1 of the whole certificate.
    pub(crate) sha1: Vec<u8>,
    /// SHA-256 of the whole certificate.
    pub(crate) sha256: Vec<u8>,
}

impl CertificateFacts {
    /// Reads a certificate (DER) with an RSA key; none when the bytes are anything else.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let certificate = parse(der)?;
        rsa_key(&certificate)?;
        let validity = certificate.validity();
        Some(Self {
            subject: certificate.subject().to_string(),
            not_before: Timestamp::from_unix_seconds(validity.not_before.timestamp()),
            not_after: Timestamp::from_unix_seconds(validity.not_after.timestamp()),
            sha1: digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec(),
            sha256: digest::digest(&SHA256, der).as_ref().to_vec(),
        })
    }
}

/// Whether a certificate (DER) is of the key with this modulus and exponent.
pub(crate) fn is_of_key(der: &[u8], (modulus, exponent): (&[u8], &[u8])) -> bool {
    let key = parse(der).and_then(|certificate| rsa_key(&certificate));
    key.is_some_and(|(own_modulus, own_exponent)| own_modulus == modulus && own_exponent == exponent)
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    if der.len() > MAX_DER {
        return None;
    }
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// Modulus and exponent, big endian without leading zeros.
fn rsa_key(certificate: &X509Certificate<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some((unsigned(key.modulus), unsigned(key.exponent))),
        _ => None,
    }
}

fn unsigned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// How a JWS is signed with an RSA key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RsaAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl RsaAlgorithm {
    /// The algorithm of a JOSE name; none for every other, `none` above all.
    pub(crate) fn find(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }

    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Ps256 => &RSA_PSS_2048_8192_SHA256,
        }
    }
}

/// A public RSA key of 2048 bits or more that checks signatures of either algorithm, parsed once.
#[derive(Debug)]
pub(crate) struct PublicRsaKey {
    rs256: ParsedPublicKey,
    ps256: ParsedPublicKey,
}

impl PublicRsaKey {
    /// The key of a certificate.
    pub(crate) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (modulus, exponent) = rsa_key(&parse(der)?)?;
        Self::of_components(&modulus, &exponent)
    }

    /// The key with this modulus and exponent, big endian.
    pub(crate) fn of_components(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (unsigned(modulus), unsigned(exponent));
        if !(256..=1024).contains(&modulus.len()) || exponent.len() > 4 {
            return None;
        }
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let der: PublicKeyX509Der<'_> = components.as_der().ok()?;
        let key = |algorithm: RsaAlgorithm| ParsedPublicKey::new(algorithm.parameters(), der.as_ref()).ok();
        Some(Self { rs256: key(RsaAlgorithm::Rs256)?, ps256: key(RsaAlgorithm::Ps256)? })
    }

    /// Whether `signature` is this key's over `input`.
    pub(crate) fn verifies(&self, algorithm: RsaAlgorithm, input: &[u8], signature: &[u8]) -> bool {
        let key = match algorithm {
            RsaAlgorithm::Rs256 => &self.rs256,
            RsaAlgorithm::Ps256 => &self.ps256,
        };
        key.verify_sig(input, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate() -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "orders-sync");
        parameters.not_before = rcgen::date_time_ymd(2026, 1, 2);
        parameters.not_after = rcgen::date_time_ymd(2027, 1, 2);
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_says_whose_it_is_and_until_when() {
        let der = certificate();
        let facts = CertificateFacts::of(&der).unwrap();
        assert_eq!(facts.subject, "CN=orders-sync");
        assert_eq!(facts.not_before.to_string(), "2026-01-02T00:00:00Z");
        assert_eq!(facts.not_after.to_string(), "2027-01-02T00:00:00Z");
        assert_eq!((facts.sha1.len(), facts.sha256.len()), (20, 32));
        assert!(PublicRsaKey::of_certificate(&der).is_some());
    }

    #[test]
    fn other_keys_and_broken_certificates_are_none() {
        let key = rcgen::KeyPair::generate().unwrap();
        let elliptic = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        assert_eq!(CertificateFacts::of(elliptic.der()), None);
        let mut der = certificate();
        der.push(0);
        assert_eq!(CertificateFacts::of(&der), None, "something follows the certificate");
        assert_eq!(CertificateFacts::of(&der[..der.len() / 2]), None);
        assert!(PublicRsaKey::of_components(&[0xff; 128], &[1, 0, 1]).is_none(), "1024 bits are too few");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>, at: usize, byte: u8) {
            prop_assert_eq!(CertificateFacts::of(&bytes), None);
            let _ = PublicRsaKey::of_components(&bytes, &[byte]);
            static DER: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
            let mut der = DER.get_or_init(certificate).clone();
            let at = at % der.len();
            der[at] = byte;
            let _ = (CertificateFacts::of(&der), PublicRsaKey::of_certificate(&der));
        }
    }
}
