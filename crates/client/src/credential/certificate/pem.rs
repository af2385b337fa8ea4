//! The PEM file of a certificate and its key: what is in it, and what is wrong with it.

use std::path::Path;

use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use keyholder_foundation::Secret;
use keyholder_platform::FileError;
use rustls::pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use crate::error::ConfigurationError;

/// Largest file that is read, in bytes: a key and a chain of certificates are some 10,000.
const LIMIT: u64 = 1 << 20;

/// Most blocks that are looked at.
const MOST_BLOCKS: usize = 64;

/// The command that makes a PEM file of a PFX (PKCS#12) file.
const CONVERT: &str = "openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem";

fn file_error(text: String) -> ConfigurationError {
    ConfigurationError::File(text)
}

/// Reads the file. One that is no text is most often a PFX.
pub(super) fn read_file(path: &Path) -> Result<Secret, ConfigurationError> {
    match keyholder_platform::read_bounded(path, LIMIT) {
        Ok(text) => Ok(Secret::new(text)),
        Err(FileError::NotText { .. }) => Err(file_error(format!(
            "`{}` is no PEM file; if it is a PFX (.pfx or .p12), convert it with `{CONVERT}` and `chmod 600` the result",
            path.display()
        ))),
        Err(error) => Err(file_error(error.to_string())),
    }
}

/// The private key, and the certificate that belongs to it, as DER.
pub(super) fn parse(text: &Secret, place: &str) -> Result<(RsaKeyPair, Vec<u8>), ConfigurationError> {
    let wrong = |problem: &str| file_error(format!("the certificate file {place} is not usable: {problem}"));
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
    let (kind, key) = match keys.as_slice() {
        [one] => one,
        [] if text.contains("ENCRYPTED") => {
            return Err(wrong(
                "its key has a password; take it off with `openssl pkey -in FILE -out KEY.pem` and keep the result private",
            ));
        }
        [] if certificates.is_empty() => {
            return Err(wrong("it holds neither a certificate nor a key in PEM (`-----BEGIN ...-----`)"));
        }
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
    let of_key = |der: &Vec<u8>| {
        x509_parser::parse_x509_certificate(der)
            .is_ok_and(|(_, certificate)| certificate.public_key().subject_public_key.data.as_ref() == public)
    };
    let certificate = certificates.into_iter().find(of_key);
    Ok((pair, certificate.ok_or_else(|| wrong("none of its certificates belongs to its private key"))?))
}
