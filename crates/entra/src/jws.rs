//! Compact JSON Web Signatures (RFC 7515, section 7.1): `header.payload.signature`.
//!
//! Only taking apart and putting together happen here. Nothing that [`Compact::parse`] returns is
//! to be believed before the owner of the keys has checked the signature over
//! [`Compact::signing_input`].

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base64url;
use crate::claims::AccessTokenClaims;

/// The longest token that is read, in bytes. Real ones are one to three thousand.
pub const MAX_LENGTH: usize = 32 * 1024;

/// The header of a signed token, as far as it is known here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Header {
    /// Always "JWT" in what we write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typ: Option<String>,
    /// The signature's algorithm, as "RS256".
    pub alg: String,
    /// The key's SHA-1 thumbprint; in v1 tokens beside `kid`, with the same value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    /// The certificate's SHA-256 thumbprint, as today's assertions name it.
    #[serde(rename = "x5t#S256", default, skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<String>,
    /// The key's id among the published keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 section 4.1.11); none are here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

/// Why a text is not a compact JWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than [`MAX_LENGTH`].
    #[error("the token is longer than {MAX_LENGTH} bytes")]
    TooLong,
    /// Not three parts between dots.
    #[error("the token is not three parts separated by dots")]
    Parts,
    /// A part that is not base64url.
    #[error("a part of the token is not base64url")]
    Base64,
    /// The header or the payload is not the JSON expected.
    #[error("the token's {0} is not the JSON expected")]
    Json(&'static str),
}

/// The parts of a compact JWS, decoded but not checked.
#[derive(Debug, Clone)]
pub struct Compact<'a> {
    /// What the signature covers: header and payload as they stand in the text.
    pub signing_input: &'a str,
    /// The decoded header.
    pub header: Header,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`Malformed`] when it is too long or not three base64url parts with a JSON header.
    pub fn parse(token: &'a str) -> Result<Self, Malformed> {
        if token.len() > MAX_LENGTH {
            return Err(Malformed::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Malformed::Parts)?;
        let (header, payload) = signing_input.split_once('.').ok_or(Malformed::Parts)?;
        if payload.contains('.') {
            return Err(Malformed::Parts);
        }
        let decode = |part| base64url::decode(part).map_err(|_| Malformed::Base64);
        let header = serde_json::from_slice(&decode(header)?).map_err(|_| Malformed::Json("header"))?;
        Ok(Self { signing_input, header, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The payload as `T`.
    ///
    /// # Errors
    /// [`Malformed::Json`] when it is something else.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, Malformed> {
        serde_json::from_slice(&self.payload).map_err(|_| Malformed::Json("payload"))
    }
}

/// The claims of an access token without any check: good for showing them to the token's holder,
/// never for deciding anything.
///
/// # Errors
/// [`Malformed`] when the text is no access token.
pub fn unverified_claims(token: &str) -> Result<AccessTokenClaims, Malformed> {
    Compact::parse(token)?.claims()
}

/// Something that signs: the owner of a private key.
pub trait Signer {
    /// What goes wrong when signing.
    type Error;

    /// The algorithm's JOSE name, as "RS256".
    fn algorithm(&self) -> &'static str;

    /// The signature over `input`.
    ///
    /// # Errors
    /// What the key's library reports.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error>;
}

/// Why a token could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError<E> {
    /// The claims do not print as JSON.
    #[error("the claims cannot be printed as JSON")]
    Claims(#[source] serde_json::Error),
    /// The key refused.
    #[error("the token cannot be signed")]
    Sign(#[source] E),
}

/// Signs `claims` under a header that is already base64url, made once by [`encode_header`].
///
/// # Errors
/// [`EncodeError`] when the claims do not print or the signer fails.
pub fn encode<S: Signer, T: Serialize>(header: &str, claims: &T, signer: &S) -> Result<String, EncodeError<S::Error>> {
    let payload = serde_json::to_vec(claims).map_err(EncodeError::Claims)?;
    // 344 characters hold the signature of a 2048-bit key.
    let mut token = String::with_capacity(header.len() + payload.len().div_ceil(3) * 4 + 2 + 344);
    token.push_str(header);
    token.push('.');
    base64url::append(&payload, &mut token);
    let signature = signer.sign(token.as_bytes()).map_err(EncodeError::Sign)?;
    token.push('.');
    base64url::append(&signature, &mut token);
    Ok(token)
}

/// A header as the first part of a token.
///
/// # Errors
/// When it does not print as JSON, which no [`Header`] is known to do.
pub fn encode_header(header: &Header) -> Result<String, serde_json::Error> {
    Ok(base64url::encode(serde_json::to_vec(header)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Echo;

    impl Signer for Echo {
        type Error = std::convert::Infallible;

        fn algorithm(&self) -> &'static str {
            "none-for-tests"
        }

        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error> {
            Ok(input.iter().rev().copied().take(8).collect())
        }
    }

    #[test]
    fn malformed_tokens_are_refused_by_part() {
        let header = encode_header(&Header { alg: "RS256".to_owned(), ..Header::default() }).unwrap();
        let parse = |text: &str| Compact::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(parse(""), Malformed::Parts);
        assert_eq!(parse("a.b"), Malformed::Parts);
        assert_eq!(parse(&format!("{header}.e30.e30.e30")), Malformed::Parts);
        assert_eq!(parse(&format!("{header}.e30.+")), Malformed::Base64);
        assert_eq!(parse("e30.e30.e30"), Malformed::Json("header"));
        assert_eq!(parse(&"a".repeat(MAX_LENGTH + 1)), Malformed::TooLong);
        assert_eq!(unverified_claims(&format!("{header}.e30.e30")), Err(Malformed::Json("payload")));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_what_is_read(kid: String, number: u32) {
            let header = Header {
                typ: Some("JWT".to_owned()),
                alg: "RS256".to_owned(),
                kid: Some(kid),
                ..Header::default()
            };
            let token = encode(&encode_header(&header).unwrap(), &serde_json::json!({ "n": number }), &Echo).unwrap();
            let read = Compact::parse(&token).unwrap();
            prop_assert_eq!(&read.header, &header);
            prop_assert_eq!(read.claims::<serde_json::Value>().unwrap()["n"].as_u64(), Some(u64::from(number)));
            prop_assert_eq!(read.signature, Echo.sign(read.signing_input.as_bytes()).unwrap());
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[-_A-Za-z0-9.=]{0,80}", other: String) {
            let _ = unverified_claims(&text);
            let _ = unverified_claims(&other);
        }
    }
}
