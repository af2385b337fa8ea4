//! Where a page ended: the values that the last row has in the columns of the order, and its id.
//!
//! The next page is what comes after that row, so rows that are added or removed meanwhile neither
//! repeat nor hide others. The cookie also carries a hash of the query, since it means nothing for
//! another one.

use keyholder_store::{Kind, Value};
use uuid::Uuid;

/// The end of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cookie {
    /// The hash of the query that it belongs to.
    pub(crate) shape: u64,
    /// The last row's values in the columns of the order, as they are compared.
    pub(crate) last: Vec<Value>,
    /// The last row's id.
    pub(crate) id: Uuid,
}

impl Cookie {
    pub(crate) fn print(&self) -> String {
        let mut parts = vec![format!("{:016x}", self.shape), self.id.to_string()];
        parts.extend(self.last.iter().map(print));
        // Texts always serialise.
        serde_json::to_string(&parts).unwrap_or_default()
    }

    /// Whether it has a value, or NULL, of each of these kinds: one that somebody changed may not.
    pub(crate) fn fits(&self, kinds: &[Kind]) -> bool {
        let fits = |(value, kind): (&Value, &Kind)| value.kind().is_none_or(|own| own == *kind);
        self.last.len() == kinds.len() && self.last.iter().zip(kinds).all(fits)
    }

    /// Reads what [`Cookie::print`] wrote; nothing for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<String> = serde_json::from_str(text).ok()?;
        let [shape, id, last @ ..] = parts.as_slice() else { return None };
        Some(Self {
            shape: u64::from_str_radix(shape, 16).ok()?,
            id: Uuid::try_parse(id).ok()?,
            last: last.iter().map(|value| parse(value)).collect::<Option<_>>()?,
        })
    }
}

fn print(value: &Value) -> String {
    match value {
        Value::Bool(v) => format!("b{}", i64::from(*v)),
        Value::Integer(v) => format!("i{v}"),
        Value::Money(v) => format!("m{v}"),
        Value::Decimal(v) => format!("d{v}"),
        Value::Double(v) => format!("f{:016x}", v.to_bits()),
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
            let cookie = Cookie { shape, last, id: Uuid::from_u128(id) };
            prop_assert_eq!(Cookie::parse(&cookie.print()), Some(cookie));
        }

        #[test]
        fn foreign_text_is_refused(text in ".{0,60}") {
            prop_assert_eq!(Cookie::parse(&text), None);
        }
    }
}
