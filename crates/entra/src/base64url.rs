//! Base64 with the URL-safe alphabet (RFC 4648, section 5), as JOSE uses it.
//!
//! What we write carries no padding. What we read may: some clients pad the segments of their
//! assertions and the thumbprints in their headers.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Text that is not base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not base64url")]
pub struct InvalidBase64Url;

/// `bytes` as text, without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    ENGINE.encode(bytes)
}

/// Appends `bytes` to `text`, without padding.
pub fn append(bytes: impl AsRef<[u8]>, text: &mut String) {
    ENGINE.encode_string(bytes, text);
}

/// The bytes of `text`, padded or not.
///
/// # Errors
/// [`InvalidBase64Url`] when a character is foreign to the alphabet or the length impossible.
pub fn decode(text: &str) -> Result<Vec<u8>, InvalidBase64Url> {
    ENGINE.decode(text).map_err(|_| InvalidBase64Url)
}

/// The bytes of `text` in either alphabet (RFC 4648, sections 4 and 5), padded or not: thumbprints
/// come in both.
///
/// # Errors
/// [`InvalidBase64Url`] as [`decode`].
pub fn decode_either(text: &str) -> Result<Vec<u8>, InvalidBase64Url> {
    let url_safe = |c| match c {
        '+' => '-',
        '/' => '_',
        other => other,
    };
    decode(&text.chars().map(url_safe).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn padding_is_read_but_not_written() {
        assert_eq!(encode([0xfb, 0xff]), "-_8");
        assert_eq!(decode("-_8"), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode("-_8="), Ok(vec![0xfb, 0xff]));
        assert_eq!(decode("+/8="), Err(InvalidBase64Url));
        for either in ["+/8=", "-_8", "+_8", "-/8="] {
            assert_eq!(decode_either(either), Ok(vec![0xfb, 0xff]), "{either}");
        }
    }

    proptest! {
        #[test]
        fn encode_then_decode_is_the_same(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = (decode(&text), decode_either(&text));
        }
    }
}
