//! Secrets of applications and passwords of people: how they are made, and what is kept of them.
//!
//! A client secret is made here and has more than 220 bits that nobody can guess, so one round of
//! salted SHA-256 is enough to keep it by, and costs the token endpoint microseconds. A password is
//! (later) chosen by people, so it is kept by Argon2id, which is slow on purpose.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use keyholder_foundation::{Random, Secret};

/// The characters of Entra's generated secrets: each survives forms, shells and URLs unquoted.
const ALPHABET: &[u8; 66] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~._-";
/// How many of the alphabet's characters are letters or digits; these come first.
const ALPHANUMERIC: usize = 62;
/// The length of a generated secret.
const LENGTH: usize = 40;

/// A new client secret in the shape of Entra's: 40 characters, the fourth to sixth being `8Q~`.
///
/// It begins with a letter or digit, so that no command line takes it for a flag.
#[must_use]
pub fn generate_client_secret(random: &dyn Random) -> Secret {
    let mut text = String::with_capacity(LENGTH);
    text.push(pick(&ALPHABET[..ALPHANUMERIC], random));
    while text.len() < LENGTH {
        if text.len() == 3 {
            text.push_str("8Q~");
        } else {
            text.push(pick(ALPHABET, random));
        }
    }
    Secret::new(text)
}

/// A new password for a person: 24 letters and digits, more than 140 bits.
#[must_use]
pub fn generate_password(random: &dyn Random) -> Secret {
    // One of each class that a complexity rule could ask for stands at the start.
    let mut text = [&ALPHABET[..26], &ALPHABET[26..52], &ALPHABET[52..62]].map(|class| pick(class, random)).to_vec();
    text.resize_with(24, || pick(&ALPHABET[..ALPHANUMERIC], random));
    Secret::new(text.into_iter().collect::<String>())
}

/// One of the characters, each as likely as any other.
fn pick(characters: &[u8], random: &dyn Random) -> char {
    // Bytes at or above the last whole multiple would favour the first characters.
    let fair = 256 - 256 % characters.len();
    loop {
        let mut byte = [0];
        random.fill(&mut byte);
        let byte = usize::from(byte[0]);
        if byte < fair
            && let Some(character) = characters.get(byte % characters.len())
        {
            return char::from(*character);
        }
    }
}

/// What is kept of a client secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretHash {
    pub(crate) salt: Vec<u8>,
    pub(crate) hash: Vec<u8>,
}

impl SecretHash {
    /// Hashes a secret under a fresh salt.
    pub(crate) fn new(secret: &Secret, random: &dyn Random) -> Self {
        let mut salt = vec![0; 16];
        random.fill(&mut salt);
        let hash = salted(&salt, secret.expose());
        Self { salt, hash: hash.as_ref().to_vec() }
    }

    /// Whether it was made of this secret; takes the same time wherever they differ.
    pub(crate) fn matches(&self, secret: &Secret) -> bool {
        verify_slices_are_equal(salted(&self.salt, secret.expose()).as_ref(), &self.hash).is_ok()
    }
}

fn salted(salt: &[u8], secret: &str) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt);
    context.update(secret.as_bytes());
    context.finish()
}

/// Argon2id of a password, as a PHC string. Takes tens of milliseconds: not on an async thread.
///
/// # Errors
/// What the library says, in its words.
pub(crate) fn hash_password(password: &Secret, random: &dyn Random) -> Result<String, String> {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
    Ok(hash.map_err(|error| error.to_string())?.to_string())
}

/// Whether a PHC string was made of this password; a damaged one was made of none. Takes as long as
/// making one.
pub(crate) fn verify_password(hash: &str, password: &Secret) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok())
}

/// Whether a person may choose this password: 8 to 256 characters of three kinds (Entra's "Password
/// policies that only apply to cloud user accounts").
pub(crate) fn is_strong(password: &Secret) -> bool {
    let text = password.expose();
    let has = |kind: fn(char) -> bool| usize::from(text.chars().any(kind));
    let kinds = has(|c| c.is_lowercase())
        + has(|c| c.is_uppercase())
        + has(|c| c.is_numeric())
        + has(|c| !c.is_alphanumeric() && !c.is_control());
    (8..=256).contains(&text.chars().count()) && kinds >= 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::SeededRandom;
    use std::collections::BTreeSet;

    #[test]
    fn generated_secrets_look_like_the_real_ones() {
        let random = SeededRandom::new(1);
        let mut seen = BTreeSet::new();
        for _ in 0..500 {
            let secret = generate_client_secret(&random);
            let text = secret.expose();
            assert_eq!((text.len(), text.get(3..6)), (40, Some("8Q~")), "{text}");
            assert!(text.starts_with(|c: char| c.is_ascii_alphanumeric()), "{text}");
            assert!(text.bytes().all(|byte| ALPHABET.contains(&byte)), "{text}");
            assert!(seen.insert(text.to_owned()));
        }
        let used: BTreeSet<char> = seen.iter().flat_map(|text| text.chars()).collect();
        assert_eq!(used.len(), ALPHABET.len(), "every character of the alphabet comes up");
    }

    #[test]
    fn a_hash_knows_its_secret_and_shares_nothing_with_its_twin() {
        let random = SeededRandom::new(2);
        let secret = generate_client_secret(&random);
        let (one, two) = (SecretHash::new(&secret, &random), SecretHash::new(&secret, &random));
        assert!(one.matches(&secret) && two.matches(&secret));
        assert_ne!(one, two);
        assert!(!one.matches(&Secret::new("")) && !one.matches(&generate_client_secret(&random)));
    }

    #[test]
    fn a_chosen_password_has_three_kinds_of_characters() {
        for strong in ["Passw0rd", "passw0rd!", "ÄÖÜß4567", "Pass word 1"] {
            assert!(is_strong(&Secret::new(strong)), "{strong}");
        }
        let long = format!("A1{}", "a".repeat(255));
        for weak in ["", "Pass0rd", "password1", "PASSWORD1", "12345678!", long.as_str()] {
            assert!(!is_strong(&Secret::new(weak)), "{weak}");
        }
    }

    #[test]
    fn a_password_is_kept_by_argon2id() {
        let random = SeededRandom::new(3);
        let password = generate_password(&random);
        assert_eq!(password.expose().len(), 24);
        let text = hash_password(&password, &random).unwrap();
        assert!(text.starts_with("$argon2id$"), "{text}");
        assert!(verify_password(&text, &password));
        assert!(!verify_password(&text, &Secret::new("wrong")));
        assert!(!verify_password("", &Secret::new("")) && !verify_password("$argon2id$", &password));
    }
}
