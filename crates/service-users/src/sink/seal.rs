//! libsodium's sealed box (`crypto_box_seal`): anybody can put something in, only the holder of the private key
//! can take it out. GitHub takes secrets in no other form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::rand_core::{self, CryptoRng, RngCore};
use keyholder_foundation::{Random, Secret};

/// Seals a secret for the holder of a public key (32 bytes, in Base64), and writes the box in Base64; nothing
/// when the key is none.
pub(super) fn seal(secret: &Secret, public_key: &str, random: &dyn Random) -> Option<String> {
    let key: [u8; 32] = STANDARD.decode(public_key.trim()).ok()?.try_into().ok()?;
    let sealed = PublicKey::from(key).seal(&mut Source(random), secret.expose().as_bytes()).ok()?;
    Some(STANDARD.encode(sealed))
}

/// Our randomness, as the crate wants it.
struct Source<'a>(&'a dyn Random);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        self.0.fill(buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(buffer);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_box::SecretKey;
    use keyholder_foundation::SeededRandom;

    #[test]
    fn only_the_private_key_opens_the_box() {
        let random = SeededRandom::new(3);
        let private = SecretKey::from([7; 32]);
        let public = STANDARD.encode(private.public_key().as_bytes());
        let secret = Secret::new("abc8Q~x-y.z_hunter2");
        let sealed = seal(&secret, &public, &random).unwrap();
        let opened = |key: &SecretKey, text: &str| key.unseal(&STANDARD.decode(text).unwrap()).ok();
        assert_eq!(opened(&private, &sealed).unwrap(), secret.expose().as_bytes());
        assert_eq!(opened(&SecretKey::from([8; 32]), &sealed), None);
        assert_ne!(seal(&secret, &public, &random).unwrap(), sealed, "each box has a key of its own");
        for no_key in ["", "AAAA", "not base64!"] {
            assert!(seal(&secret, no_key, &random).is_none(), "{no_key}");
        }
    }
}
