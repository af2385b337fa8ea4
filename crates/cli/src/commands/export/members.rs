//! The members of a row, each value as it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, in their order.
#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads a row; nothing for a text that is no object.
    pub(super) fn of(row: &'a str) -> Option<Self> {
        serde_json::from_str(row).ok()
    }

    /// What is of the row itself: the org's notes on it are left out, and those on its columns unless `annotations`.
    pub(super) fn wanted(&self, annotations: bool) -> impl Iterator<Item = (&str, &'a RawValue)> {
        let is_wanted = move |name: &str| !name.starts_with("@odata.") && (annotations || !name.contains('@'));
        self.0.iter().map(|(name, value)| (name.as_ref(), *value)).filter(move |(name, _)| is_wanted(name))
    }

    /// The org's notes on one column.
    pub(super) fn notes(&self, column: &str) -> impl Iterator<Item = (&str, &'a RawValue)> {
        let is_note = move |name: &str| name.strip_prefix(column).is_some_and(|rest| rest.starts_with('@'));
        self.0.iter().map(|(name, value)| (name.as_ref(), *value)).filter(move |(name, _)| is_note(name))
    }

    /// The value of one column.
    pub(super) fn get(&self, column: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == column).map(|(_, value)| *value)
    }
}

/// So many levels of rows within rows are looked into; the service expands fewer.
const MOST_LEVELS: u32 = 16;

/// A value as a file has it: rows within it are without the org's notes as the row itself is; all else stays as it was
/// written.
pub(super) fn inner(value: &str, annotations: bool) -> Cow<'_, str> {
    without_notes(value, annotations, MOST_LEVELS)
}

fn without_notes(value: &str, annotations: bool, levels: u32) -> Cow<'_, str> {
    let has_rows = value.starts_with(['{', '[']) && value.contains('@') && levels > 0;
    if !has_rows {
        return value.into();
    }
    let part = |value: &RawValue| without_notes(value.get(), annotations, levels - 1).into_owned();
    if let Some(members) = Members::of(value) {
        let named = |(name, value): (&str, &RawValue)| format!("{}:{}", serde_json::Value::from(name), part(value));
        return format!("{{{}}}", members.wanted(annotations).map(named).collect::<Vec<_>>().join(",")).into();
    }
    match serde_json::from_str::<Vec<&RawValue>>(value) {
        Ok(rows) => format!("[{}]", rows.into_iter().map(part).collect::<Vec<_>>().join(",")).into(),
        Err(_) => value.into(),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A name, which is a part of the row's text unless something in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_within_a_row_lose_what_the_row_itself_loses() {
        let value = r#"[{"@odata.etag":"W/1","n":1.50,"n@F":"1.5","in":{"@odata.etag":"W/2","a":"x@y"}},{}]"#;
        assert_eq!(inner(value, false), r#"[{"n":1.50,"in":{"a":"x@y"}},{}]"#);
        assert_eq!(inner(value, true), r#"[{"n":1.50,"n@F":"1.5","in":{"a":"x@y"}},{}]"#);
        for other in ["\"@odata.etag\"", "1.50", "null", "[ 1.0 ,2]"] {
            assert_eq!(inner(other, false), other);
        }
        let deep = format!("{}{{\"@odata.etag\":1}}{}", "[".repeat(500), "]".repeat(500));
        assert_eq!(inner(&deep, false), deep);
    }

    #[test]
    fn members_keep_their_order_and_each_digit() {
        let row = r#"{"@odata.etag":"W/1","z":1.500,"a\"":"x","z@F":"1.5","n":null}"#;
        let members = Members::of(row).unwrap();
        let told = |annotations| -> Vec<(&str, &str)> {
            members.wanted(annotations).map(|(name, value)| (name, value.get())).collect()
        };
        assert_eq!(told(false), [("z", "1.500"), ("a\"", "\"x\""), ("n", "null")]);
        assert_eq!(told(true)[2], ("z@F", "\"1.5\""));
        assert_eq!(members.get("z").unwrap().get(), "1.500");
        assert!(Members::of("[]").is_none() && Members::of("7").is_none());
    }
}
