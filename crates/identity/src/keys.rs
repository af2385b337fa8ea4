//! The token service's keys: RSA of 2048 bits, each kept parsed, since parsing one costs as much as
//! a signature.
//!
//! One key signs. Earlier ones stay published until the last token that they signed has ended: a
//! due time, not a timer, so a moved clock is enough to see a key go. A key's id is what Entra's
//! is: the SHA-1 thumbprint of its certificate, base64url. A key without a certificate gets the
//! SHA-1 of its public key (`RSAPublicKey`, DER) instead; tokens that name a key so are known by
//! it even after the key has got a certificate.

use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, encoding};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_entra::base64url;
use keyholder_entra::jws::{self, Signer};
use keyholder_entra::openid::Jwk;
use keyholder_foundation::{Secret, Timestamp};

use crate::x509;

mod der;
mod pem;
mod wrapped;

pub use pem::certified;
pub use wrapped::{MasterKey, SealError};

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no PEM private key.
    #[error("the text is not a PKCS#8 private key in PEM form (it must start with `-----BEGIN PRIVATE KEY-----`)")]
    Pem,
    /// The bytes are no RSA key of 2048 bits or more.
    #[error("the key is not an RSA private key of at least 2048 bits in PKCS#8 form")]
    NotRsa,
    /// The certificate is another key's, or none.
    #[error("the certificate beside the key is not the key's own")]
    Certificate,
    /// No key could be made.
    #[error("the cryptography library could not make an RSA key")]
    Generate,
    /// A signature could not be made.
    #[error("the cryptography library could not sign")]
    Sign,
}

/// A new RSA key of 2048 bits as PKCS#8 in PEM form, with its certificate. Takes about 70 ms.
///
/// # Errors
/// [`KeyError::Generate`] when the cryptography library refuses.
pub fn generate_key_pem() -> Result<Secret, KeyError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    let der: encoding::Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Generate)?;
    let pem = pem::print(pem::PRIVATE_KEY, der.as_ref());
    Ok(certified(&pem)?.unwrap_or(pem))
}

/// A key that signs tokens and checks them.
pub struct SigningKey {
    pair: RsaKeyPair,
    public: ParsedPublicKey,
    published: Jwk,
    /// The id that the key has, or would have, without a certificate.
    bare_id: String,
    /// The first part of every v1 token that it signs.
    header_v1: String,
    /// The first part of every v2 token that it signs.
    header_v2: String,
}

impl SigningKey {
    /// Reads a key from PKCS#8 in PEM form, with the certificate that stands beside it there;
    /// with `certificate` (DER) instead, when one is given.
    ///
    /// # Errors
    /// [`KeyError`] when the text is no such key, or the certificate in it not the key's.
    pub fn from_pem(text: &Secret, certificate: Option<&[u8]>) -> Result<Self, KeyError> {
        let pkcs8 = pem::block(text.expose(), pem::PRIVATE_KEY)?.ok_or(KeyError::Pem)?;
        if certificate.is_some() {
            return Self::from_pkcs8(&pkcs8, certificate);
        }
        let beside = pem::certificate(text)?;
        let key = Self::from_pkcs8(&pkcs8, beside.as_deref())?;
        let der = key.pair.public_key().as_ref();
        match (beside, der::rsa_public_key(der)) {
            (Some(certificate), Some(own)) if !x509::is_of_key(&certificate, own) => Err(KeyError::Certificate),
            _ => Ok(key),
        }
    }

    /// Reads a key from PKCS#8 (DER); with its certificate (DER), when there is one.
    ///
    /// # Errors
    /// [`KeyError::NotRsa`] when the bytes are no such key.
    pub fn from_pkcs8(pkcs8: &[u8], certificate: Option<&[u8]>) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::NotRsa)?;
        let der = pair.public_key().as_ref();
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map_err(|_| KeyError::NotRsa)?;
        let (modulus, exponent) = der::rsa_public_key(der).ok_or(KeyError::NotRsa)?;
        let thumbprint = |of| base64url::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, of));
        let (id, bare_id) = (thumbprint(certificate.unwrap_or(der)), thumbprint(der));
        let published = Jwk {
            kty: "RSA".to_owned(),
            usage: Some("sig".to_owned()),
            kid: id.clone(),
            x5t: Some(id.clone()),
            n: base64url::encode(modulus),
            e: base64url::encode(exponent),
            x5c: certificate.map(|der| STANDARD.encode(der)).into_iter().collect(),
            issuer: None,
        };
        let header = |x5t| jws::Header {
            typ: Some("JWT".to_owned()),
            alg: "RS256".to_owned(),
            x5t,
            kid: Some(id.clone()),
            ..jws::Header::default()
        };
        let encode = |header| jws::encode_header(&header).map_err(|_| KeyError::Sign);
        let (header_v1, header_v2) = (encode(header(Some(id.clone())))?, encode(header(None))?);
        Ok(Self { pair, public, published, bare_id, header_v1, header_v2 })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.published.kid
    }

    /// The public half, as it is published.
    #[must_use]
    pub fn published(&self) -> &Jwk {
        &self.published
    }

    /// The header of v1 tokens, encoded.
    pub(crate) fn header_v1(&self) -> &str {
        &self.header_v1
    }

    /// The header of v2 tokens, encoded.
    pub(crate) fn header_v2(&self) -> &str {
        &self.header_v2
    }

    /// Whether `signature` (RS256) is this key's over `input`.
    pub(crate) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(input, signature).is_ok()
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl Signer for SigningKey {
    type Error = KeyError;

    fn algorithm(&self) -> &'static str {
        "RS256"
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // PKCS#1 v1.5 signatures use no randomness; the interface asks for a source all the same.
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature);
        signed.map_err(|_| KeyError::Sign)?;
        Ok(signature)
    }
}

/// The keys of a running token service: never none.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    current: Arc<SigningKey>,
    /// Until when each is published.
    earlier: Vec<(Arc<SigningKey>, Timestamp)>,
}

impl Keys {
    /// The first signs, the others are only published; nothing when there is no first.
    pub(crate) fn new(keys: Vec<SigningKey>, until: impl Fn(&str) -> Timestamp) -> Option<Self> {
        let mut keys = keys.into_iter();
        let current = Arc::new(keys.next()?);
        let earlier = keys.map(|key| {
            let until = until(key.id());
            (Arc::new(key), until)
        });
        Some(Self { current, earlier: earlier.collect() })
    }

    /// These keys with a new one to sign; the one that signed so far stays published `until` then.
    pub(crate) fn rotated(&self, new: SigningKey, until: Timestamp) -> Self {
        let kept = self.earlier.iter().filter(|(key, _)| key.id() != new.id()).cloned();
        let mut earlier = vec![(Arc::clone(&self.current), until)];
        earlier.extend(kept);
        Self { current: Arc::new(new), earlier }
    }

    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// The keys that are published, each with when that ends, the one that signs first.
    pub(crate) fn published(&self, now: Timestamp) -> impl Iterator<Item = (&SigningKey, Option<Timestamp>)> {
        let earlier = self.earlier.iter().filter(move |(_, until)| now < *until);
        std::iter::once((self.current.as_ref(), None)).chain(earlier.map(|(key, until)| (key.as_ref(), Some(*until))))
    }

    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Option<&SigningKey> {
        self.published(now).map(|(key, _)| key).find(|key| key.id() == id || key.bare_id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_generated_key_reads_signs_and_checks() {
        let pem = generate_key_pem().unwrap();
        let key = SigningKey::from_pem(&pem, None).unwrap();
        let signature = key.sign(b"text").unwrap();
        assert!(key.verifies(b"text", &signature));
        assert!(!key.verifies(b"texts", &signature));
        assert_eq!(key.id().len(), 27);
        assert_eq!(key.published().e, "AQAB");
        assert_eq!(base64url::decode(&key.published().n).unwrap().len(), 256);
        let again = SigningKey::from_pem(&pem, None).unwrap();
        assert_eq!(again.id(), key.id(), "the id of a key does not change");
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_key_publishes_its_certificate_and_is_named_by_its_thumbprint() {
        let whole = generate_key_pem().unwrap();
        let key = SigningKey::from_pem(&whole, None).unwrap();
        let [chain] = &*key.published().x5c else { panic!("{:?}", key.published()) };
        let der = STANDARD.decode(chain).unwrap();
        let thumbprint = base64url::encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der));
        assert_eq!((key.id(), key.published().x5t.as_deref()), (&*thumbprint, Some(&*thumbprint)));
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        assert_eq!(certificate.subject(), certificate.issuer());
        let (signed, signature) = (certificate.tbs_certificate.as_ref(), &certificate.signature_value.data);
        assert!(key.verifies(signed, signature), "self-signed");
        assert!(certified(&whole).unwrap().is_none(), "it has one");
    }

    #[test]
    fn a_key_of_an_older_folder_gets_one_certificate_and_keeps_its_old_name_too() {
        let whole = generate_key_pem().unwrap();
        let bare = pem::print(pem::PRIVATE_KEY, &pem::block(whole.expose(), pem::PRIVATE_KEY).unwrap().unwrap());
        let old = SigningKey::from_pem(&bare, None).unwrap();
        assert!(old.published().x5c.is_empty());
        let new = certified(&bare).unwrap().unwrap();
        assert_eq!(new.expose(), whole.expose(), "the certificate follows from the key alone");
        let key = SigningKey::from_pem(&new, None).unwrap();
        assert_ne!(key.id(), old.id());
        let (now, ids) = (Timestamp::from_unix_seconds(0), [key.id().to_owned(), old.id().to_owned()]);
        let keys = Keys::new(vec![key], |_| now).unwrap();
        for id in ids {
            assert!(keys.find(&id, now).is_some(), "tokens that are out name the key so");
        }
        let other = generate_key_pem().unwrap();
        let (_, certificate) = other.expose().split_once("-----END PRIVATE KEY-----\n").unwrap();
        let mixed = Secret::new(format!("{}{certificate}", bare.expose()));
        assert_eq!(SigningKey::from_pem(&mixed, None).unwrap_err(), KeyError::Certificate);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: String, bytes: Vec<u8>) {
            prop_assert!(SigningKey::from_pem(&Secret::new(text.as_str()), None).is_err());
            let framed = Secret::new(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"));
            prop_assert!(SigningKey::from_pem(&framed, None).is_err());
            prop_assert!(SigningKey::from_pkcs8(&bytes, None).is_err());
        }
    }
}
