//! A PFX file (PKCS#12, RFC 7292) as Windows, Azure Key Vault and OpenSSL 3 write it: its key and certificates.
//!
//! Read are password-protected files whose parts are encrypted with PBES2 (PBKDF2 with HMAC-SHA-1, -256, -384 or -512,
//! and AES in CBC; RFC 8018) or not at all, and whose integrity is proved by HMAC under the password. The ciphers of the
//! years before (RC2, triple DES) are refused by name: nothing here can open them, and nobody should trust them.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::{digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use super::der::{Problem, Reader};

/// The most rounds that a password is hashed; Windows takes 2,000, OpenSSL 2,048, careful people some 600,000.
const MOST_ROUNDS: u32 = 10_000_000;
/// The most bags that are looked at.
const MOST_BAGS: usize = 64;

// Object identifiers, as DER has them (RFC 7292 appendix D, RFC 8018 appendix C).
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
const KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01";
const SHROUDED_KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
const CERTIFICATE_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
const X509: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const HMAC_SHA384: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0a";
const HMAC_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b";
const AES128_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x02";
const AES256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
const SHA384: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x02";
const SHA512: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x03";

const DAMAGED: &str = "it is no PFX file, or a damaged one";
const WRONG_PASSWORD: &str = "its password is another one";
const OLD: &str = "it is encrypted as years ago, with RC2 or triple DES; write it anew with \
                   `openssl pkcs12 -legacy -in OLD.pfx -nodes -out FILE.pem` and use the PEM file";

/// What a PFX holds: private keys (PKCS#8) and certificates, in DER.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Opens it. What is wrong is told in words that continue "is not usable: ...".
pub(super) fn open(file: &[u8], password: &str) -> Result<Contents, &'static str> {
    parse(file, password).map_err(|problem| problem.unwrap_or(DAMAGED))
}

fn parse(file: &[u8], password: &str) -> Result<Contents, Problem> {
    let mut pfx = Reader::new(file).sequence()?;
    pfx.integer()?;
    let safe = content(pfx.sequence()?, DATA)?;
    let Some(mac) = pfx.maybe_sequence() else {
        return Err(Some("nothing proves that it is whole; write it anew, with a password"));
    };
    verify(mac, safe, password)?;

    let mut contents = Contents::default();
    let mut all = Reader::new(safe).sequence()?;
    for _ in 0..MOST_BAGS {
        if all.is_empty() {
            return Ok(contents);
        }
        let mut info = all.sequence()?;
        match info.identifier()? {
            DATA => bags(info.explicit(0)?.octets()?, password, &mut contents)?,
            ENCRYPTED_DATA => {
                let mut data = info.explicit(0)?.sequence()?;
                data.integer()?;
                let mut encrypted = data.sequence()?;
                encrypted.identifier()?;
                let scheme = encrypted.sequence()?;
                let text = decrypt(scheme, encrypted.implicit_octets(0)?, password)?;
                bags(&text, password, &mut contents)?;
            }
            _ => return Err(Some("a part of it is encrypted for somebody's public key, and not with a password")),
        }
    }
    Err(Some("it holds more than anybody needs"))
}

fn content<'a>(mut info: Reader<'a>, kind: &[u8]) -> Result<&'a [u8], Problem> {
    if info.identifier()? != kind {
        return Err(Some("it is signed with a certificate instead of a password, which nobody uses"));
    }
    info.explicit(0)?.octets()
}

fn bags(text: &[u8], password: &str, contents: &mut Contents) -> Result<(), Problem> {
    let mut all = Reader::new(text).sequence()?;
    while !all.is_empty() {
        if contents.keys.len() + contents.certificates.len() >= MOST_BAGS {
            return Err(Some("it holds more than anybody needs"));
        }
        let mut bag = all.sequence()?;
        match bag.identifier()? {
            KEY_BAG => contents.keys.push(Zeroizing::new(bag.explicit(0)?.rest().to_vec())),
            SHROUDED_KEY_BAG => {
                let mut shrouded = bag.explicit(0)?.sequence()?;
                let scheme = shrouded.sequence()?;
                contents.keys.push(decrypt(scheme, shrouded.octets()?, password)?);
            }
            CERTIFICATE_BAG => {
                let mut certificate = bag.explicit(0)?.sequence()?;
                if certificate.identifier()? == X509 {
                    contents.certificates.push(certificate.explicit(0)?.octets()?.to_vec());
                }
            }
            // Names, revocation lists.
            _ => {}
        }
    }
    Ok(())
}

fn rounds(number: u32) -> Result<NonZeroU32, Problem> {
    let number = NonZeroU32::new(number).ok_or(None)?;
    if number.get() > MOST_ROUNDS {
        Err(Some("its password is hashed more often than anybody waits for"))
    } else {
        Ok(number)
    }
}

fn verify(mut mac: Reader<'_>, safe: &[u8], password: &str) -> Result<(), Problem> {
    let mut info = mac.sequence()?;
    let mut algorithm = info.sequence()?;
    let (hash, mac_algorithm) = match algorithm.identifier()? {
        SHA1 => (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        SHA256 => (&digest::SHA256, hmac::HMAC_SHA256),
        SHA384 => (&digest::SHA384, hmac::HMAC_SHA384),
        SHA512 => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return Err(Some("it is proved to be whole in a way that is not known here")),
    };
    let expected = info.octets()?;
    let salt = mac.octets()?;
    let times = rounds(mac.maybe_integer().unwrap_or(1))?;
    let unicode: Zeroizing<Vec<u8>> =
        Zeroizing::new(password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes).collect());
    let is_proved = |unicode: &[u8]| {
        let key = mac_key(hash, unicode, salt, times);
        hmac::verify(&hmac::Key::new(mac_algorithm, &key), safe, expected).is_ok()
    };
    // An empty password is a terminating zero here, and none is not even that. Writers have both for "no password",
    // so that both are tried, as OpenSSL does. (PBES2 knows no such difference.)
    if is_proved(&unicode) || (password.is_empty() && is_proved(&[])) { Ok(()) } else { Err(Some(WRONG_PASSWORD)) }
}

/// RFC 7292 appendix B.2, for a key that is no longer than the hash (purpose 3, integrity). The password is in UTF-16.
fn mac_key(hash: &'static digest::Algorithm, unicode: &[u8], salt: &[u8], times: NonZeroU32) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let fill = |text: &[u8]| text.iter().copied().cycle().take(text.len().div_ceil(block) * block).collect::<Vec<u8>>();
    let mut input = Zeroizing::new(vec![3; block]);
    input.extend_from_slice(&fill(salt));
    let filled = Zeroizing::new(fill(unicode));
    input.extend_from_slice(&filled);
    let mut key = Zeroizing::new(digest::digest(hash, &input).as_ref().to_vec());
    for _ in 1..times.get() {
        key = Zeroizing::new(digest::digest(hash, &key).as_ref().to_vec());
    }
    key
}

fn decrypt(mut scheme: Reader<'_>, text: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if scheme.identifier()? != PBES2 {
        return Err(Some(OLD));
    }
    let mut parameters = scheme.sequence()?;
    let mut derivation = parameters.sequence()?;
    if derivation.identifier()? != PBKDF2 {
        return Err(Some("its password is hashed in a way that is not known here"));
    }
    let mut derivation = derivation.sequence()?;
    let salt = derivation.octets()?;
    let times = rounds(derivation.integer()?)?;
    // The key's length may stand here; the cipher has its own.
    let _ = derivation.maybe_integer();
    let hash = match derivation.maybe_sequence().map(|mut hash| hash.identifier()).transpose()? {
        None | Some(HMAC_SHA1) => pbkdf2::PBKDF2_HMAC_SHA1,
        Some(HMAC_SHA256) => pbkdf2::PBKDF2_HMAC_SHA256,
        Some(HMAC_SHA384) => pbkdf2::PBKDF2_HMAC_SHA384,
        Some(HMAC_SHA512) => pbkdf2::PBKDF2_HMAC_SHA512,
        Some(_) => return Err(Some("its password is hashed in a way that is not known here")),
    };
    let mut cipher = parameters.sequence()?;
    let (algorithm, length) = match cipher.identifier()? {
        AES256_CBC => (&AES_256, 32),
        AES128_CBC => (&AES_128, 16),
        _ => return Err(Some(OLD)),
    };
    let start: [u8; 16] = cipher.octets()?.try_into().map_err(|_| None)?;
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(hash, times, salt, password.as_bytes(), &mut key);
    let key = UnboundCipherKey::new(algorithm, &key).map_err(|_| None)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| None)?;
    let mut text = Zeroizing::new(text.to_vec());
    // The password has been proved by now.
    let plain = key.decrypt(&mut text, DecryptionContext::Iv128(start.into())).map_err(|_| None)?;
    Ok(Zeroizing::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PFX: &[u8] = include_bytes!("fixtures/orders-sync.pfx");

    #[test]
    fn what_openssl_wrote_is_opened_with_its_password_alone() {
        let contents = open(PFX, "püß wörd").unwrap();
        assert_eq!((contents.keys.len(), contents.certificates.len()), (1, 1));
        assert_eq!(open(PFX, "another").err(), Some(WRONG_PASSWORD));
        assert_eq!(open(&PFX[..PFX.len() - 1], "püß wörd").err(), Some(DAMAGED));
        assert_eq!(open(b"hello", "").err(), Some(DAMAGED));
        assert_eq!(open(include_bytes!("fixtures/old.pfx"), "old").err(), Some(OLD));
    }

    /// The key is derived of no bytes in the one (`PKCS12_set_mac` with a null pointer) and of a zero in the other
    /// (`openssl pkcs12 -export -passout pass:`).
    #[test]
    fn no_password_and_an_empty_one_are_both_the_empty_text() {
        for file in [&include_bytes!("fixtures/no-password.pfx")[..], include_bytes!("fixtures/empty-password.pfx")] {
            let contents = open(file, "").unwrap();
            assert_eq!((contents.keys.len(), contents.certificates.len()), (1, 1));
            assert_eq!(open(file, "another").err(), Some(WRONG_PASSWORD));
        }
        assert_eq!(open(PFX, "").err(), Some(WRONG_PASSWORD));
    }

    proptest! {
        // A password is hashed some thousand times in each.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_damaged_file_is_refused_without_panic(at in 0..PFX.len(), byte: u8, end in 0..PFX.len()) {
            let mut file = PFX.to_vec();
            file[at] ^= byte;
            // Rounds are not counted up: their number stands in what is changed.
            if file.windows(4).filter(|four| *four == [0x02, 0x02, 0x08, 0x00]).count() == 3 {
                let whole = open(&file, "püß wörd");
                prop_assert!(byte == 0 || whole.is_err() || whole.is_ok_and(|it| it.keys.len() <= 1));
            }
            prop_assert!(open(&file[..end], "x").is_err());
        }
    }
}
