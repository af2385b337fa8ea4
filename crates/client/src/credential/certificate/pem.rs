//! The PEM file of a certificate and its key: what is in it, and what is wrong with it.

use std::path::Path;

use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use keyholder_foundation::{Secret, Timestamp};
use rustls::pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::error::ConfigurationError;

/// Largest file that is read, in bytes: a key and a chain of certificates are some 10,000.
const LIMIT: u64 = 1 << 20;

/// Most blocks that are looked at.
const MOST_BLOCKS: usize = 64;

fn file_error(text: String) -> ConfigurationError {
    ConfigurationError::File(text)
}

/// Reads the file. One that is no text is most often a PFX.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigurationError> {
    let bytes = keyholder_platform::read_bytes_bounded(path, LIMIT);
    bytes.map(Zeroizing::new).map_err(|error| file_error(error.to_string()))
}

pub(super) fn wrong(place: &str, problem: &str) -> ConfigurationError {
    file_error(format!("the certificate file {place} is not usable: {problem}"))
}

/// The certificate of a key.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
    pub(super) not_after: Timestamp,
}

/// The private key, and the certificate that belongs to it.
pub(super) fn parse(text: &Secret, place: &str) -> Result<(RsaKeyPair, Certificate), ConfigurationError> {
    let wrong = |problem: &str| wrong(place, problem);
    let text = text.expose();
    let mut keys: Vec<(SectionKind, Zeroizing<Vec<u8>>)> = Vec::new();
    let mut certificates = Vec::new();
    for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()).take(MOST_BLOCKS) {
        // What cannot be read is not repeated: it may be a part of the key.
        let (kind, der) = block.map_err(|_| wrong("a PEM block in it is damaged"))?;
        match kind {
            SectionKind::Certificate => certificates.push(der),
            SectionKind::PrivateKey | SectionKind::RsaPrivateKey => keys.push((kind, Zeroizing::new(der))),
            SectionKind::EcPrivateKey => {
                return Err(wrong("its key is an elliptic curve's; Microsoft Entra takes RSA keys only"));
            }
            _ => {}
        }
    }
    match keys.as_slice() {
        [] if text.contains("ENCRYPTED") => Err(wrong(
            "its key has a password; take it off with `openssl pkey -in FILE -out KEY.pem` and keep the result private",
        )),
        [] if certificates.is_empty() => {
            Err(wrong("it holds neither a certificate nor a key in PEM (`-----BEGIN ...-----`)"))
        }
        _ => pair(&keys, certificates, place),
    }
}

/// The one key, and the certificate among these that belongs to it.
pub(super) fn pair(
    keys: &[(SectionKind, Zeroizing<Vec<u8>>)],
    certificates: Vec<Vec<u8>>,
    place: &str,
) -> Result<(RsaKeyPair, Certificate), ConfigurationError> {
    let wrong = |problem: &str| wrong(place, problem);
    let (kind, key) = match keys {
        [one] => one,
        [] => return Err(wrong("it holds no private key; put the key's PEM block into the same file")),
        _ => return Err(wrong("it holds more than one private key")),
    };
    let pair = match kind {
        SectionKind::RsaPrivateKey => RsaKeyPair::from_der(key),
        _ => RsaKeyPair::from_pkcs8(key),
    };
    let pair = pair.map_err(|_| wrong("its key is no RSA key of 2048 to 8192 bits, which Microsoft Entra needs"))?;
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate; put the certificate's PEM block into the same file"));
    }
    let public = pair.public_key().as_ref();
    let of_key = |der: Vec<u8>| {
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
        let is_of_key = certificate.public_key().subject_public_key.data.as_ref() == public;
        let not_after = Timestamp::from_unix_seconds(certificate.validity().not_after.timestamp());
        is_of_key.then_some(Certificate { der, not_after })
    };
    let certificate = certificates.into_iter().find_map(of_key);
    Ok((pair, certificate.ok_or_else(|| wrong("none of its certificates belongs to its private key"))?))
}
