//! JSON lines: an object a line, whose members are columns.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::csv::Found;
use super::value::{Given, shown};

/// So many names are kept that were looked up in the table.
pub(super) const MOST_NAMES: usize = 4_000;
/// The most members of a row; no table has so many columns.
const MOST_MEMBERS: usize = 4_000;
/// The longest name of a member, in bytes; what the platform calls a column is shorter.
const LONGEST_NAME: usize = 200;

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
                while members.len() <= MOST_MEMBERS
                    && let Some(name) = map.next_key::<Name<'de>>()?
                {
                    members.push((name.0, map.next_value()?));
                }
                // One too many, the row is refused; it has to be JSON to its end all the same.
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each).map(Members)
    }
}

/// A text that is borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of the object in a line without those of these names; nothing where it has none of them, or cannot be read.
pub(super) fn without<'a>(line: &'a str, names: &[&str]) -> Option<Vec<(Cow<'a, str>, &'a RawValue)>> {
    if !names.iter().any(|name| line.contains(name)) {
        return None;
    }
    let Members(mut all) = serde_json::from_str(line).ok().filter(|Members(all)| all.len() <= MOST_MEMBERS)?;
    all.retain(|(name, _)| !names.contains(&name.as_ref()));
    Some(all)
}

/// The members of the object in a line; or why it is none.
pub(super) fn members(line: &str) -> Result<Vec<(Cow<'_, str>, Held<'_>)>, String> {
    let Members(all) = serde_json::from_str(line)
        .map_err(|error| format!("is no JSON object in one line (wrong at column {})", error.column()))?;
    if all.len() > MOST_MEMBERS {
        return Err(format!("has more than {MOST_MEMBERS} members"));
    }
    let mut members: Vec<(Cow<'_, str>, Held<'_>)> = Vec::with_capacity(all.len());
    for (name, value) in all {
        if name.len() > LONGEST_NAME {
            let bytes = name.len();
            return Err(format!(
                "has a member whose name has {bytes} bytes, and takes {LONGEST_NAME}: {}",
                shown(&name)
            ));
        }
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

    #[test]
    fn what_is_said_of_a_row_is_short_whatever_stands_in_it() {
        let name = "x".repeat(LONGEST_NAME);
        assert_eq!(members(&format!("{{\"{name}\":1}}")).unwrap().len(), 1);
        let twice = members(&format!("{{\"{name}\":1,\"{name}\":1}}")).unwrap_err();
        assert!(twice.contains("twice") && twice.len() < 300, "{twice}");
        let long = "ü".repeat(100_000);
        for line in [format!("{{\"{long}\":1}}"), format!("{{\"{long}\":1,\"{long}\":1}}")] {
            let reason = members(&line).unwrap_err();
            assert!(reason.starts_with("has a member whose name has 200000 bytes") && reason.len() < 300, "{reason}");
        }
        let row = |members: usize| {
            let members: Vec<String> = (0..members).map(|number| format!("\"{number}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert_eq!(members(&row(MOST_MEMBERS)).unwrap().len(), MOST_MEMBERS);
        assert_eq!(members(&row(MOST_MEMBERS + 5)).unwrap_err(), "has more than 4000 members");
    }
}
