//! Assertions: JWTs with which an application proves itself instead of a secret (RFC 7523).
//!
//! Either its own certificate signed one, which the header names by a thumbprint, or an outside
//! issuer did. Clients write these in many ways: dates as fractions, thumbprints in either base64
//! alphabet, with padding or without. All of them are read here.

use keyholder_foundation::Timestamp;
use serde::Deserialize;

use crate::jws::Header;
use crate::{base64url, lenient};

/// The one value of `client_assertion_type`.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an assertion claims.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct AssertionClaims {
    /// Who made it: the application itself, or an outside issuer.
    pub iss: Option<String>,
    /// Whom it is about.
    pub sub: Option<String>,
    /// For whom it was made.
    #[serde(deserialize_with = "lenient::one_or_many")]
    pub aud: Vec<String>,
    /// When it ends, in seconds since 1970, as are `nbf` and `iat`.
    #[serde(deserialize_with = "lenient::optional_number")]
    pub exp: Option<i64>,
    /// From when it is good; some clients leave it out.
    #[serde(deserialize_with = "lenient::optional_number")]
    pub nbf: Option<i64>,
    /// When it was made; some clients leave it out.
    #[serde(deserialize_with = "lenient::optional_number")]
    pub iat: Option<i64>,
    /// Delegated permissions: only access tokens of people have them.
    pub scp: Option<String>,
}

impl AssertionClaims {
    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.exp.map(Timestamp::from_unix_seconds)
    }

    /// From when it is good; since ever, when it does not say.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.nbf.map_or(Timestamp::EPOCH, Timestamp::from_unix_seconds)
    }
}

/// How a header names the certificate that signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thumbprint {
    /// SHA-1, 20 bytes.
    Sha1(Vec<u8>),
    /// SHA-256, 32 bytes.
    Sha256(Vec<u8>),
    /// A key id that is no thumbprint.
    Other(String),
}

impl Thumbprint {
    /// The certificate that `header` names: by `x5t#S256`, else `x5t`, else `kid`. None when it
    /// names none, or when a thumbprint cannot be read.
    #[must_use]
    pub fn of(header: &Header) -> Option<Self> {
        if let Some(text) = &header.x5t_s256 {
            return Self::of_bytes(base64url::decode_either(text).ok()?);
        }
        if let Some(text) = &header.x5t {
            return Self::of_bytes(base64url::decode_either(text).ok()?);
        }
        let text = header.kid.as_deref().filter(|kid| !kid.is_empty())?;
        // Hexadecimal first: forty such digits are also base64.
        let read = from_hex(text).and_then(Self::of_bytes);
        let read = read.or_else(|| base64url::decode_either(text).ok().and_then(Self::of_bytes));
        Some(read.unwrap_or_else(|| Self::Other(text.to_owned())))
    }

    fn of_bytes(bytes: Vec<u8>) -> Option<Self> {
        match bytes.len() {
            20 => Some(Self::Sha1(bytes)),
            32 => Some(Self::Sha256(bytes)),
            _ => None,
        }
    }

    /// In hexadecimal, as errors print it; a key id as it is.
    #[must_use]
    pub fn hex(&self) -> String {
        match self {
            Self::Sha1(bytes) | Self::Sha256(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
            Self::Other(text) => text.clone(),
        }
    }
}

/// Bytes written as pairs of hexadecimal digits, as the portals show thumbprints.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn thumbprints_are_read_however_clients_write_them() {
        let bytes: Vec<u8> = (0xf0..=0xff).chain(0xf8..=0xfb).collect();
        let of = |header: Header| Thumbprint::of(&header);
        let sha1 = Some(Thumbprint::Sha1(bytes.clone()));
        let x5t = |text: &str| Header { x5t: Some(text.to_owned()), ..Header::default() };
        let kid = |text: &str| Header { kid: Some(text.to_owned()), ..Header::default() };
        for text in ["8PHy8_T19vf4-fr7_P3-__j5-vs", "8PHy8_T19vf4-fr7_P3-__j5-vs=", "8PHy8/T19vf4+fr7/P3+//j5+vs="] {
            assert_eq!(of(x5t(text)), sha1, "{text}");
            assert_eq!(of(kid(text)), sha1, "{text}");
        }
        let hex = "F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFFF8F9FAFB";
        assert_eq!(of(kid(hex)), sha1);
        assert_eq!(of(kid(&hex.to_lowercase())), sha1);
        assert_eq!(Thumbprint::Sha1(bytes.clone()).hex(), hex);
        let sha256 = Header { x5t_s256: Some(base64url::encode([7; 32])), ..x5t(&base64url::encode(&bytes)) };
        assert_eq!(of(sha256), Some(Thumbprint::Sha256(vec![7; 32])), "the longer one counts");
        assert_eq!(of(kid("key-1")), Some(Thumbprint::Other("key-1".to_owned())));
        for none in [Header::default(), kid(""), x5t("AAAA"), x5t("??")] {
            assert_eq!(of(none), None);
        }
    }

    #[test]
    fn dates_may_be_fractions_and_may_be_missing() {
        let claims: AssertionClaims =
            serde_json::from_str(r#"{"iss":"a","exp":1700000600.25,"iat":1700000000.5,"aud":["x","y"]}"#).unwrap();
        assert_eq!((claims.exp, claims.nbf), (Some(1_700_000_600), None));
        assert_eq!(claims.aud, ["x", "y"]);
        assert_eq!(claims.not_before(), Timestamp::EPOCH);
        assert!(serde_json::from_str::<AssertionClaims>(r#"{"exp":[1]}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_claims_and_key_ids_are_read_without_panic(bytes: Vec<u8>, kid: String) {
            let _ = serde_json::from_slice::<AssertionClaims>(&bytes);
            let hint = Thumbprint::of(&Header { kid: Some(kid.clone()), x5t: None, ..Header::default() });
            prop_assert!(hint.is_some() != kid.is_empty());
            let _ = Thumbprint::of(&Header { x5t: Some(kid), ..Header::default() });
        }
    }
}
