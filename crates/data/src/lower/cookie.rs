//! Where a page ended: the values that the last row has in the columns of the order, and its id.
//!
//! The next page is what comes after that row, so rows that are added or removed meanwhile neither
//! repeat nor hide others. The cookie also carries a hash of the query, since it means nothing for
//! another one.
//!
//! An address has no room for long texts, and the org must not refuse a link of its own. Of a long
//! text the cookie has only the beginning and a hash; the whole is read from the row again. When
//! the row is gone or its text has changed meanwhile, the page goes on from that beginning: rows
//! whose texts begin alike may then come twice, but none is left out.

use std::hash::{DefaultHasher, Hash, Hasher};

use keyholder_store::{Kind, Value};
use uuid::Uuid;

/// A text longer than this, in bytes, is cut. Each byte is up to 12 characters of an address, and
/// an order has up to ten columns.
const LONGEST_WHOLE: usize = 96;

/// The end of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cookie {
    /// The hash of the query that it belongs to.
    pub(crate) shape: u64,
    /// The last row's values in the columns of the order, as they are compared.
    pub(crate) last: Vec<Value>,
    /// The last row's id.
    pub(crate) id: Uuid,
    /// Which of the values are only the beginnings of texts, each with the hash of the whole.
    pub(crate) cut: Vec<(usize, u64)>,
}

impl Cookie {
    pub(crate) fn print(&self) -> String {
        let mut parts = vec![format!("{:016x}", self.shape), self.id.to_string()];
        parts.extend(self.last.iter().map(print));
        // Texts always serialise.
        serde_json::to_string(&parts).unwrap_or_default()
    }

    /// Whether it has a value, or NULL, of each of these kinds: one that somebody changed may not.
    pub(crate) fn fits(&self, kinds: impl ExactSizeIterator<Item = Kind>) -> bool {
        let fits = |(value, kind): (&Value, Kind)| value.kind().is_none_or(|own| own == kind);
        self.last.len() == kinds.len() && self.last.iter().zip(kinds).all(fits)
    }

    /// Reads what [`Cookie::print`] wrote; nothing for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<String> = serde_json::from_str(text).ok()?;
        let [shape, id, values @ ..] = parts.as_slice() else { return None };
        let (mut last, mut cut) = (Vec::with_capacity(values.len()), Vec::new());
        for value in values {
            let value = match value.strip_prefix('c') {
                Some(beginning) => {
                    let (hash, text) = beginning.split_at_checked(16)?;
                    cut.push((last.len(), u64::from_str_radix(hash, 16).ok()?));
                    Value::Text(text.to_owned())
                }
                None => parse(value)?,
            };
            last.push(value);
        }
        Some(Self { shape: u64::from_str_radix(shape, 16).ok()?, id: Uuid::try_parse(id).ok()?, last, cut })
    }

    /// Puts whole texts in the places of the cut ones. `row` are the values that the row has now,
    /// if it is still there; `descending` says which columns are sorted from the largest.
    pub(crate) fn complete(&mut self, row: Option<Vec<Value>>, descending: &[bool]) {
        let mut row = row.unwrap_or_default();
        for (index, hash) in std::mem::take(&mut self.cut) {
            let (Some(Value::Text(text)), now) = (self.last.get_mut(index), row.get_mut(index)) else { continue };
            match now {
                Some(Value::Text(now)) if hash_of(now) == hash => *text = std::mem::take(now),
                // Behind every text that begins so, where those are still to come.
                _ if descending.get(index) == Some(&true) => text.push(char::MAX),
                _ => {}
            }
        }
    }
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn print(value: &Value) -> String {
    match value {
        Value::Bool(v) => format!("b{}", i64::from(*v)),
        Value::Integer(v) => format!("i{v}"),
        Value::Money(v) => format!("m{v}"),
        Value::Decimal(v) => format!("d{v}"),
        Value::Double(v) => format!("f{:016x}", v.to_bits()),
        Value::Text(v) if v.len() > LONGEST_WHOLE => {
            let end = (0..=LONGEST_WHOLE).rev().find(|end| v.is_char_boundary(*end)).unwrap_or_default();
            format!("c{:016x}{}", hash_of(v), v.get(..end).unwrap_or_default())
        }
        Value::Text(v) => format!("t{v}"),
        Value::Uuid(v) => format!("u{v}"),
        Value::Time(v) => format!("z{}", v.as_millis()),
        Value::Null | Value::Bytes(_) | Value::List(..) | Value::Pattern(_) => "n".to_owned(),
    }
}

fn parse(text: &str) -> Option<Value> {
    let kind = text.chars().next()?;
    let rest = text.get(kind.len_utf8()..)?;
    Some(match kind {
        'b' => Value::Bool(rest == "1"),
        'i' => Value::Integer(rest.parse().ok()?),
        'm' => Value::Money(rest.parse().ok()?),
        'd' => Value::Decimal(rest.parse().ok()?),
        'f' => Value::Double(f64::from_bits(u64::from_str_radix(rest, 16).ok()?)),
        't' => Value::Text(rest.to_owned()),
        'u' => Value::Uuid(Uuid::try_parse(rest).ok()?),
        'z' => Value::Time(keyholder_foundation::Timestamp::from_millis(rest.parse().ok()?)),
        'n' => Value::Null,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::Timestamp;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Integer),
            any::<i64>().prop_map(Value::Money),
            any::<i128>().prop_map(Value::Decimal),
            (-1e300..1e300).prop_map(Value::Double),
            ".{0,20}".prop_map(Value::Text),
            any::<u128>().prop_map(|v| Value::Uuid(Uuid::from_u128(v))),
            any::<i64>().prop_map(|v| Value::Time(Timestamp::from_millis(v))),
        ]
    }

    proptest! {
        #[test]
        fn print_then_parse(shape: u64, id: u128, last in prop::collection::vec(value(), 0..4)) {
            let cookie = Cookie { shape, last, id: Uuid::from_u128(id), cut: Vec::new() };
            prop_assert_eq!(Cookie::parse(&cookie.print()), Some(cookie));
        }

        #[test]
        fn long_texts_are_cut_and_completed(texts in prop::collection::vec("\\PC{0,400}|[\x01-\x1f\"\\\\]{0,400}", 0..=10)) {
            let last: Vec<Value> = texts.into_iter().map(Value::Text).collect();
            let cookie = Cookie { shape: 1, last: last.clone(), id: Uuid::nil(), cut: Vec::new() };
            let token = keyholder_operation::PageToken { page: u32::MAX, cookie: cookie.print() }.print();
            prop_assert!(keyholder_operation::PageToken::parse(&token).is_some(), "{} bytes", token.len());
            let mut parsed = Cookie::parse(&cookie.print()).unwrap();
            parsed.complete(Some(last), &[]);
            prop_assert_eq!(parsed, cookie);
        }

        #[test]
        fn foreign_text_is_refused(text in ".{0,60}") {
            prop_assert_eq!(Cookie::parse(&text), None);
        }
    }

    #[test]
    fn a_row_that_is_gone_leaves_the_beginning() {
        let long = "m".repeat(200);
        let cookie = Cookie { shape: 1, last: vec![Value::Text(long.clone())], id: Uuid::nil(), cut: Vec::new() };
        let completed = |row, descending| {
            let mut parsed = Cookie::parse(&cookie.print()).unwrap();
            parsed.complete(row, &[descending]);
            match parsed.last.remove(0) {
                Value::Text(text) => text,
                other => panic!("{other:?}"),
            }
        };
        for row in [None, Some(vec![Value::Text("n".to_owned())]), Some(vec![Value::Null])] {
            assert!(completed(row.clone(), false) < long);
            assert!(completed(row, true) > long);
        }
    }
}
