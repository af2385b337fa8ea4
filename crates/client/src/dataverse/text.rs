//! Values inside a query's text.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// What may stand as it is in a query option's value (RFC 3986 section 3.4), less `&`, `=`-neighbours
/// that separate options, and `+`, which servers read as a blank.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'=');

/// The same within a segment of a path, of which `/` is the end.
const SEGMENT: &AsciiSet = &VALUE.add(b'/');

/// A string literal for `$filter`: in single quotes, quotes inside doubled (OData ABNF `string`).
///
/// ```
/// assert_eq!(keyholder_client::dataverse::quote("O'Brien"), "'O''Brien'");
/// ```
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for (at, piece) in text.split('\'').enumerate() {
        if at > 0 {
            quoted.push_str("''");
        }
        quoted.push_str(piece);
    }
    quoted.push('\'');
    quoted
}

/// A query option's value, percent-encoded so that nothing in it ends the option.
///
/// ```
/// use keyholder_client::dataverse::{encode, quote};
/// let filter = encode(&format!("name eq {}", quote("Salt & Pepper #1")));
/// assert_eq!(filter, "name%20eq%20'Salt%20%26%20Pepper%20%231'");
/// ```
#[must_use]
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// A value as one segment of a path: nothing in it begins another.
pub(crate) fn segment(value: &str) -> String {
    encoded_segment(value).to_string()
}

/// The same, to be written where it goes.
pub(crate) fn encoded_segment(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, SEGMENT)
}

/// The same behind what is there already.
pub(crate) fn push_segment(text: &mut Vec<u8>, value: &str) {
    for piece in encoded_segment(value) {
        text.extend_from_slice(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_encoded_value_comes_back_whole(value: String) {
            let url = url::Url::parse(&format!("https://org.example/x?a={}&b=1", encode(&value))).unwrap();
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs.len(), 2);
            prop_assert_eq!(&pairs[0].1, &value);
            prop_assert_eq!(url.fragment(), None);
        }

        #[test]
        fn a_quoted_text_is_one_literal(text: String) {
            let quoted = quote(&text);
            let inside = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inside.replace("''", "").contains('\''), false);
            prop_assert_eq!(inside.replace("''", "'"), text);
        }
    }
}
