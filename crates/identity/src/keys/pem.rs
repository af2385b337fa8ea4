//! A signing key as text: its private key in PKCS#8, and its certificate, one PEM block after the
//! other, so that a key and its certificate are kept or lost together.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_foundation::Secret;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};

use super::KeyError;

pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";
/// Whose keys these are, as far as a certificate says.
const SUBJECT: &str = "Keyholder local org token signing";

/// The contents of the first block of this kind; none when there is no such block.
pub(super) fn block(text: &str, label: &str) -> Result<Option<Vec<u8>>, KeyError> {
    let Some((_, rest)) = text.split_once(&format!("-----BEGIN {label}-----")) else { return Ok(None) };
    let (body, _) = rest.split_once(&format!("-----END {label}-----")).ok_or(KeyError::Pem)?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).map(Some).map_err(|_| KeyError::Pem)
}

/// The certificate in the text of a key, if it has one.
pub(super) fn certificate(pem: &Secret) -> Result<Option<Vec<u8>>, KeyError> {
    block(pem.expose(), CERTIFICATE)
}

/// One block.
pub(super) fn print(label: &str, der: &[u8]) -> Secret {
    let text = STANDARD.encode(der);
    let mut pem = String::with_capacity(text.len() + text.len() / 64 + 2 * label.len() + 36);
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----");
    for (index, character) in text.chars().enumerate() {
        if index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    Secret::new(pem)
}

/// The text of a key with a certificate, for one that has none yet; nothing for one that has.
///
/// The certificate is self-signed and follows from the key alone: a fixed name and fixed dates, a
/// serial number made of the public key, and a signature without randomness. So a key that is
/// certified twice has one thumbprint.
///
/// # Errors
/// [`KeyError`] when the text is no such key.
pub fn certified(pem: &Secret) -> Result<Option<Secret>, KeyError> {
    if certificate(pem)?.is_some() {
        return Ok(None);
    }
    let private = block(pem.expose(), PRIVATE_KEY)?.ok_or(KeyError::Pem)?;
    let private = print(PRIVATE_KEY, &private);
    let key = KeyPair::from_pem_and_sign_algo(private.expose(), &PKCS_RSA_SHA256).map_err(|_| KeyError::NotRsa)?;
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, SUBJECT);
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = parameters.self_signed(&key).map_err(|_| KeyError::Sign)?;
    let mut text = private.expose().to_owned();
    text.push_str(print(CERTIFICATE, certificate.der()).expose());
    Ok(Some(Secret::new(text)))
}
