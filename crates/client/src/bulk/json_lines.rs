//! JSON lines: an object a line, whose members are columns.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::csv::Found;
use super::value::Given;

/// So many names are kept that were looked up in the table.
pub(super) const MOST_NAMES: usize = 4_000;

/// Looks for the line at the start of `bytes`, which are the last when `is_over`.
pub(super) fn scan(bytes: &[u8], is_over: bool) -> Found {
    match memchr(b'\n', bytes) {
        Some(length) => Found::Record { length, with_end: length + 1, flaw: None },
        None if is_over => Found::Record { length: bytes.len(), with_end: bytes.len(), flaw: None },
        None => Found::More,
    }
}

/// A member's value as it stands there.
#[derive(Debug)]
pub(super) enum Held<'a> {
    Null,
    Text(Cow<'a, str>),
    Bare(&'a str),
}

impl Held<'_> {
    pub(super) fn given(&self) -> Given<'_> {
        match self {
            Self::Null => Given::Null,
            Self::Text(text) => Given::Text { text, has_quotes: false },
            Self::Bare(text) => Given::Bare(text),
        }
    }
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    members.push((name.0, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Members)
    }
}

/// A text that is borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of the object in a line; or why it is none.
pub(super) fn members(line: &str) -> Result<Vec<(Cow<'_, str>, Held<'_>)>, String> {
    let Members(all) = serde_json::from_str(line)
        .map_err(|error| format!("is no JSON object in one line (wrong at column {})", error.column()))?;
    let mut members: Vec<(Cow<'_, str>, Held<'_>)> = Vec::with_capacity(all.len());
    for (name, value) in all {
        if members.iter().any(|(other, _)| *other == name) {
            return Err(format!("has the member `{name}` twice"));
        }
        let text = value.get();
        let held = match text.as_bytes().first() {
            Some(b'"') => {
                let Name(text) = serde_json::from_str(text).map_err(|_| format!("`{name}` is no text"))?;
                Held::Text(text)
            }
            Some(b'{' | b'[') => return Err(format!("`{name}` is an object or a list, and no single value")),
            Some(b'n') => Held::Null,
            _ => Held::Bare(text),
        };
        members.push((name, held));
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_as_they_stand() {
        let all = members(r#" {"a\u0062":"x\n","n":1.50,"t":true,"e":null} "#).unwrap();
        let told: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        assert_eq!(told, [r#"ab=Text("x\n")"#, "n=Bare(\"1.50\")", "t=Bare(\"true\")", "e=Null"]);
        for (line, reason) in [
            ("[1]", "no JSON object"),
            ("{\"a\":1", "no JSON object"),
            ("{\"a\":1,\"a\":2}", "twice"),
            ("{\"a\":{}}", "no single value"),
            ("", "no JSON object"),
        ] {
            assert!(members(line).unwrap_err().contains(reason), "{line}");
        }
    }
}
