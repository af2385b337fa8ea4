//! A private key where others could look: sealed under a master key that is kept elsewhere.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits before the ciphertext. What the text is
//! for is authenticated with it, so that one sealed text cannot be put in the place of another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use keyholder_foundation::{Random, Secret};

/// The key that seals: 32 bytes.
pub struct MasterKey(LessSafeKey);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

/// Why something sealed cannot be had back, or a master key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is no key.
    #[error("a master key is 64 hexadecimal digits, as `openssl rand -hex 32` prints them")]
    NoKey,
    /// It was sealed under another key, for something else, or is damaged.
    #[error("it was sealed under another master key, or is damaged; give the master key that the first node had")]
    Sealed,
}

impl MasterKey {
    /// The key of 64 hexadecimal digits; white space around them is passed over.
    ///
    /// # Errors
    /// [`SealError::NoKey`], which never shows the text.
    pub fn parse(text: &Secret) -> Result<Self, SealError> {
        let digits = text.expose().trim().as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let bytes = digits.chunks(2).map(|two| match two {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        });
        let bytes = zeroize::Zeroizing::new(bytes.collect::<Option<Vec<u8>>>().ok_or(SealError::NoKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::NoKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals a text that is for this purpose.
    ///
    /// # Errors
    /// [`SealError::Sealed`] when the cryptography library refuses, which it does only for texts of
    /// many gigabytes.
    pub fn seal(&self, text: &Secret, purpose: &str, random: &dyn Random) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut sealed = text.expose().as_bytes().to_vec();
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
            .map_err(|_| SealError::Sealed)?;
        Ok([&nonce[..], &sealed, tag.as_ref()].concat())
    }

    /// What was sealed for this purpose.
    ///
    /// # Errors
    /// [`SealError::Sealed`].
    pub fn open(&self, sealed: &[u8], purpose: &str) -> Result<Secret, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::Sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Sealed)?;
        let mut text = zeroize::Zeroizing::new(sealed.to_vec());
        let text = self.0.open_in_place(nonce, Aad::from(purpose), &mut text).map_err(|_| SealError::Sealed)?;
        std::str::from_utf8(text).map(Secret::new).map_err(|_| SealError::Sealed)
    }
}

#[cfg(test)]
mod tests {
    use keyholder_foundation::SeededRandom;

    use super::*;

    fn key(digit: &str) -> MasterKey {
        MasterKey::parse(&Secret::new(format!("{}\n", digit.repeat(64)))).unwrap()
    }

    #[test]
    fn what_is_sealed_comes_back_only_under_its_key_and_for_its_purpose() {
        let (random, text) = (SeededRandom::new(1), Secret::new("-----BEGIN PRIVATE KEY-----"));
        let sealed = key("a").seal(&text, "signing key 1", &random).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("PRIVATE"));
        assert_eq!(key("a").open(&sealed, "signing key 1").unwrap().expose(), text.expose());
        assert_eq!(key("b").open(&sealed, "signing key 1").unwrap_err(), SealError::Sealed);
        assert_eq!(key("a").open(&sealed, "signing key 2").unwrap_err(), SealError::Sealed);
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert_eq!(key("a").open(&damaged, "signing key 1").unwrap_err(), SealError::Sealed, "{place}");
            assert_eq!(key("a").open(&sealed[..place], "signing key 1").unwrap_err(), SealError::Sealed, "{place}");
        }
        assert_ne!(key("a").seal(&text, "signing key 1", &random).unwrap(), sealed, "a nonce is used once");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for text in ["", "hunter2", &"a".repeat(63), &"a".repeat(66), &"g".repeat(64), &"é".repeat(32)] {
            let error = MasterKey::parse(&Secret::new(text)).unwrap_err();
            assert_eq!(error, SealError::NoKey);
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
    }
}
