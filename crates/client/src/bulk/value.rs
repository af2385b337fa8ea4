//! What stands in a file, as the JSON that is sent for it; or why it cannot be.

use std::borrow::Cow;
use std::io::Write;

use keyholder_foundation::Timestamp;
use uuid::Uuid;

use crate::dataverse::{Choice, Column, push_segment, segment};

/// The most bytes of what a row is known by in an address, encoded; the service takes 32,768 for all of an address.
const MOST_BYTES_KEY: usize = 16 << 10;

/// A cell or a member, as it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    /// Nothing, which is not sent.
    Nothing,
    /// Nothing, which empties the column.
    Null,
    /// A text; quotes in it may be written twice.
    Text { text: &'a str, has_quotes: bool },
    /// A number or a truth value of JSON.
    Bare(&'a str),
}

/// What a column takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text {
        longest: Option<u32>,
    },
    Whole {
        least: Option<f64>,
        greatest: Option<f64>,
    },
    Number {
        least: Option<f64>,
        greatest: Option<f64>,
    },
    Truth,
    Choice(Vec<Choice>),
    Choices(Vec<Choice>),
    Day,
    Moment,
    Id,
    /// The address of a row, as it is sent.
    Address,
    /// A row of this entity set by its id.
    RowById {
        set: String,
    },
    /// The same by an alternate key of one column.
    RowByKey {
        set: String,
        column: String,
        is_text: bool,
    },
}

impl Kind {
    /// What a column of the table takes; nothing for what cannot be loaded.
    pub(super) fn of(column: &Column) -> Option<Self> {
        Some(match column.kind.as_str() {
            "String" | "Memo" | "EntityName" => Self::Text { longest: column.max_length },
            "Integer" | "BigInt" => Self::Whole { least: column.min_value, greatest: column.max_value },
            "Decimal" | "Double" | "Money" => Self::Number { least: column.min_value, greatest: column.max_value },
            "Boolean" => Self::Truth,
            "Picklist" | "State" | "Status" => Self::Choice(column.choices.clone()),
            "MultiSelectPicklist" => Self::Choices(column.choices.clone()),
            "DateTime" if column.date_only => Self::Day,
            "DateTime" => Self::Moment,
            "Uniqueidentifier" => Self::Id,
            _ => return None,
        })
    }

    /// Writes the value as JSON.
    pub(super) fn write(&self, given: Given<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let (text, has_quotes) = match given {
            Given::Nothing | Given::Null => {
                out.extend_from_slice(b"null");
                return Ok(());
            }
            Given::Text { text, has_quotes } => (text, has_quotes),
            Given::Bare(_) if matches!(self, Self::Text { .. } | Self::Address) => {
                return Err("is no text".to_owned());
            }
            Given::Bare(text) => (text, false),
        };
        if let Self::Text { longest } = self {
            check_length(text, has_quotes, *longest)?;
            push_text(out, text, has_quotes);
            return Ok(());
        }
        let whole: Cow<'_, str> = if has_quotes { text.replace("\"\"", "\"").into() } else { text.into() };
        let text = whole.trim();
        match self {
            Self::Text { .. } => {}
            Self::Whole { least, greatest } => {
                let number: i64 = text.parse().map_err(|_| format!("{} is no whole number", shown(text)))?;
                #[expect(clippy::cast_precision_loss, reason = "bounds are as exact as the org tells them")]
                within(number as f64, text, *least, *greatest)?;
                let _ = write!(out, "{number}");
            }
            Self::Number { least, greatest } => push_number(out, text, *least, *greatest)?,
            Self::Truth => {
                let is = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
                out.extend_from_slice(match () {
                    () if is(["true", "yes", "1"]) => b"true",
                    () if is(["false", "no", "0"]) => b"false",
                    () => return Err(format!("{} is neither true nor false", shown(text))),
                });
            }
            Self::Choice(choices) => {
                let _ = write!(out, "{}", choice(text, choices)?);
            }
            Self::Choices(choices) => {
                let values =
                    text.split([',', ';']).map(|one| choice(one.trim(), choices).map(|value| value.to_string()));
                let _ = write!(out, "\"{}\"", values.collect::<Result<Vec<_>, _>>()?.join(","));
            }
            Self::Day => {
                let day = text.strip_suffix("T00:00:00Z").unwrap_or(text);
                if !is_day(day) {
                    return Err(format!("{} is no day such as 2026-01-31", shown(text)));
                }
                push_text(out, day, false);
            }
            Self::Moment if is_day(text) => {
                let _ = write!(out, "\"{text}T00:00:00Z\"");
            }
            Self::Moment => {
                let moment = Timestamp::parse(text);
                let moment = moment
                    .map_err(|_| format!("{} is no time such as 2026-01-31T17:05:00Z, with its zone", shown(text)))?;
                let _ = write!(out, "\"{moment}\"");
            }
            Self::Id => {
                let _ = write!(out, "\"{}\"", id(text)?.hyphenated());
            }
            Self::Address => push_text(out, text, false),
            Self::RowById { set } => {
                let _ = write!(out, "\"/{set}({})\"", id(text)?.hyphenated());
            }
            Self::RowByKey { set, column, is_text } => {
                let literal = literal(text, *is_text)?;
                check_room(&literal)?;
                let _ = write!(out, "\"/{set}({column}=");
                push_segment(out, &literal);
                out.extend_from_slice(b")\"");
            }
        }
        Ok(())
    }
}

/// A value as it stands in a key or a filter, not encoded.
pub(super) fn literal(text: &str, is_text: bool) -> Result<Cow<'_, str>, String> {
    if is_text {
        return Ok(format!("'{}'", text.replace('\'', "''")).into());
    }
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.:".contains(&byte));
    if is_plain { Ok(text.into()) } else { Err(format!("{} cannot stand in a key", shown(text))) }
}

/// Refuses what a row is known by, not yet encoded, when there is no room for it in an address.
pub(super) fn check_room(key: &str) -> Result<(), String> {
    // Encoded, a byte becomes three at most, and one at least.
    let has_room =
        key.len() <= MOST_BYTES_KEY / 3 || (key.len() <= MOST_BYTES_KEY && segment(key).len() <= MOST_BYTES_KEY);
    if has_room {
        return Ok(());
    }
    Err(format!("is too long to know a row by: it takes more than {MOST_BYTES_KEY} bytes of an address"))
}

/// A cell's content for a message: short, in backquotes.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}...`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

fn id(text: &str) -> Result<Uuid, String> {
    Uuid::parse_str(text).map_err(|_| format!("{} is no id (GUID)", shown(text)))
}

/// Refuses a text that is longer than this, in UTF-16 units, as the service counts.
pub(super) fn check_length(text: &str, has_quotes: bool, longest: Option<u32>) -> Result<(), String> {
    let Some(longest) = longest.map(|longest| longest as usize) else { return Ok(()) };
    // No text has more UTF-16 units than bytes.
    if text.len() <= longest {
        return Ok(());
    }
    let doubled = if has_quotes { text.matches("\"\"").count() } else { 0 };
    let units = text.encode_utf16().count() - doubled;
    if units <= longest { Ok(()) } else { Err(format!("has {units} characters, and takes {longest}")) }
}

fn within(number: f64, text: &str, least: Option<f64>, greatest: Option<f64>) -> Result<(), String> {
    match (least, greatest) {
        (Some(least), _) if number < least => Err(format!("{} is less than {least}", shown(text))),
        (_, Some(greatest)) if number > greatest => Err(format!("{} is more than {greatest}", shown(text))),
        _ => Ok(()),
    }
}

/// A number, digit by digit as it was written.
fn push_number(out: &mut Vec<u8>, text: &str, least: Option<f64>, greatest: Option<f64>) -> Result<(), String> {
    let wrong = || format!("{} is no number such as 1234.5", shown(text));
    let number: f64 = text.parse().map_err(|_| wrong())?;
    let digits = text.strip_prefix('-').unwrap_or_else(|| text.strip_prefix('+').unwrap_or(text));
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if !is_plain || !number.is_finite() {
        return Err(wrong());
    }
    within(number, text, least, greatest)?;
    if text.starts_with('-') {
        out.push(b'-');
    }
    let digits = digits.trim_start_matches('0');
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        out.push(b'0');
    }
    // JSON wants digits on both sides of the point.
    let (whole, exponent) = digits.split_at(digits.find(['e', 'E']).unwrap_or(digits.len()));
    out.extend_from_slice(whole.strip_suffix('.').unwrap_or(whole).as_bytes());
    out.extend_from_slice(exponent.as_bytes());
    Ok(())
}

/// By value or by label.
fn choice(text: &str, choices: &[Choice]) -> Result<i64, String> {
    if let Ok(value) = text.parse::<i64>()
        && choices.iter().any(|choice| choice.value == value)
    {
        return Ok(value);
    }
    let lower = text.to_lowercase();
    let is_it = |choice: &&Choice| {
        choice.label.as_ref().is_some_and(|label| label == text || label.trim().to_lowercase() == lower)
    };
    let mut found = choices.iter().filter(is_it);
    match (found.next(), found.next()) {
        (Some(choice), None) => Ok(choice.value),
        (Some(_), Some(_)) => Err(format!("{} is the label of several choices: give the value", shown(text))),
        _ => {
            let known = choices.iter().take(8).map(|choice| match &choice.label {
                Some(label) => format!("{} ({label})", choice.value),
                None => choice.value.to_string(),
            });
            let more = if choices.len() > 8 { ", ..." } else { "" };
            Err(format!("{} is none of the choices {}{more}", shown(text), known.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// `2026-01-31`.
fn is_day(text: &str) -> bool {
    text.len() == 10 && Timestamp::parse(text).is_ok()
}

/// Which bytes stand in JSON as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut byte = 0;
    while byte < 0x20 {
        plain[byte] = false;
        byte += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// A text as JSON; where quotes in it are written twice, each pair is one.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str, has_quotes: bool) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| PLAIN.get(usize::from(*byte)) == Some(&false)) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain);
        let byte = behind.first().copied().unwrap_or_default();
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
        let taken = if byte == b'"' && has_quotes { 2 } else { 1 };
        rest = behind.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(kind: &Kind, text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        kind.write(Given::Text { text, has_quotes: false }, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn values_are_checked_and_written_as_json() {
        let choices = vec![
            Choice { value: 1, label: Some("Active".to_owned()) },
            Choice { value: 2, label: Some("On hold".to_owned()) },
        ];
        let number = Kind::Number { least: Some(-5.0), greatest: Some(1e6) };
        let whole = Kind::Whole { least: Some(0.0), greatest: Some(9.0) };
        for (kind, text, json) in [
            (&Kind::Text { longest: Some(3) }, "äöü", "\"äöü\""),
            (&Kind::Text { longest: None }, " a\"\\\n\u{1}", r#"" a\"\\\n\u0001""#),
            (&whole, " 7 ", "7"),
            (&number, "0012.50", "12.50"),
            (&number, "-.5", "-0.5"),
            (&number, "0", "0"),
            (&number, "1.", "1"),
            (&number, "1.5e3", "1.5e3"),
            (&Kind::Truth, "Yes", "true"),
            (&Kind::Choice(choices.clone()), "2", "2"),
            (&Kind::Choice(choices.clone()), "on HOLD", "2"),
            (&Kind::Choices(choices.clone()), "active;2", "\"1,2\""),
            (&Kind::Day, "2026-02-28", "\"2026-02-28\""),
            (&Kind::Moment, "2026-02-28", "\"2026-02-28T00:00:00Z\""),
            (&Kind::Id, "{5F1E33A8-0B6D-4D52-9D5E-0A6A4D5B7C11}", "\"5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11\""),
            (
                &Kind::RowByKey { set: "accounts".to_owned(), column: "accountnumber".to_owned(), is_text: true },
                "A'1/ 2",
                "\"/accounts(accountnumber='A''1%2F%202')\"",
            ),
        ] {
            assert_eq!(written(kind, text).as_deref(), Ok(json), "{text}");
        }
        for (kind, text, reason) in [
            (&Kind::Text { longest: Some(3) }, "abcd", "has 4 characters, and takes 3"),
            (&whole, "10", "is more than 9"),
            (&whole, "1.0", "is no whole number"),
            (&number, "1,5", "is no number"),
            (&number, "NaN", "is no number"),
            (&number, "inf", "is no number"),
            (&number, "-6", "is less than -5"),
            (&Kind::Truth, "maybe", "neither true nor false"),
            (&Kind::Choice(choices), "Gone", "1 (Active), 2 (On hold)"),
            (&Kind::Day, "2026-02-30", "is no day"),
            (&Kind::Moment, "2026-02-28 10:00", "with its zone"),
            (&Kind::Id, "17", "is no id"),
        ] {
            let said = written(kind, text).unwrap_err();
            assert!(said.contains(reason), "{text}: {said}");
        }
        assert!(Kind::Text { longest: None }.write(Given::Bare("1"), &mut Vec::new()).is_err());
    }

    #[test]
    fn what_a_row_is_known_by_has_room_in_an_address() {
        let by_key = Kind::RowByKey { set: "accounts".to_owned(), column: "accountnumber".to_owned(), is_text: true };
        for (text, has_room) in [
            ("x".repeat(MOST_BYTES_KEY - 2), true),
            ("x".repeat(MOST_BYTES_KEY - 1), false),
            // Three bytes, each of which is three in an address.
            ("世".repeat(MOST_BYTES_KEY / 9 - 1), true),
            ("世".repeat(MOST_BYTES_KEY / 9 + 1), false),
            ("x".repeat(1 << 20), false),
        ] {
            let written = written(&by_key, &text);
            assert_eq!(written.is_ok(), has_room, "{}", text.len());
            let too_long = |reason: String| reason.starts_with("is too long to know a row by");
            assert!(written.err().is_none_or(too_long));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_json_and_comes_back(text: String) {
            let (mut out, mut doubled) = (Vec::new(), Vec::new());
            push_text(&mut out, &text, false);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text.as_str());
            push_text(&mut doubled, &text.replace('"', "\"\""), true);
            prop_assert_eq!(out, doubled);
        }

        #[test]
        fn any_number_that_is_taken_is_json_of_the_same_value(text in "[-+]?[0-9.eE+-]{0,8}") {
            let kind = Kind::Number { least: None, greatest: None };
            if let Ok(json) = written(&kind, &text) {
                prop_assert!(serde_json::from_str::<f64>(&json).is_ok());
                // The JSON reader rounds the last digit of some numbers in its own way.
                prop_assert_eq!(json.parse::<f64>().unwrap(), text.trim().parse::<f64>().unwrap());
            }
        }
    }
}
