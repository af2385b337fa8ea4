//! Column values in JSON: what a request's body may say, and how Dataverse prints.
//!
//! Bodies come as raw JSON text per member, so that decimals are read exactly. The refusals are
//! those of the service's OData reader, word for word where they have been observed.

use std::fmt::Write as _;

use keyholder_foundation::Timestamp;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Decimal, Money, Value, limits};
use crate::error::{self, DataverseError};
use crate::schema::{Column, ColumnKind, DateBehavior, Table};

/// Reads what a body says for `column`, and checks it against the column's limits.
///
/// Lookups are not read here: a body binds them by their navigation property.
///
/// # Errors
/// The service's `0x80048D19` for a value of another type, its limit errors for one out of range.
pub fn read_json(table: &Table, column: &Column, json: &RawValue) -> Result<Value, DataverseError> {
    let value = read(table, column, json.get())?;
    limits::check(table, column, &value)?;
    Ok(value)
}

fn read(table: &Table, column: &Column, text: &str) -> Result<Value, DataverseError> {
    if text == "null" {
        return Ok(Value::Null);
    }
    let refused = || error::cannot_convert(table.entity_set(), &shown(text), column.kind.edm_type());
    let string = || serde_json::from_str::<String>(text).map_err(|_| refused());
    let number = || if text.starts_with(['"', '{', '[', 't', 'f']) { Err(refused()) } else { Ok(text) };
    match &column.kind {
        ColumnKind::Guid => {
            let given = string()?;
            hyphenated(&given).map(Value::Guid).ok_or_else(refused)
        }
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } => string().map(Value::Text),
        ColumnKind::Integer(_) | ColumnKind::Choice { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. } => {
            number()?.parse::<i32>().map(|whole| Value::Integer(whole.into())).map_err(|_| refused())
        }
        ColumnKind::MultiSelect { .. } => {
            super::chosen(&string()?).map(|text| text.map_or(Value::Null, Value::Text)).ok_or_else(refused)
        }
        ColumnKind::BigInteger => {
            // IEEE754Compatible clients send 64-bit numbers as strings.
            let digits = if text.starts_with('"') { string()? } else { number()?.to_owned() };
            digits.parse().map(Value::Integer).map_err(|_| refused())
        }
        ColumnKind::Decimal { precision, .. } => {
            Decimal::parse(number()?).map(|exact| Value::Decimal(exact.rounded(*precision))).ok_or_else(refused)
        }
        ColumnKind::Money { precision, .. } => {
            Money::parse(number()?).map(|exact| Value::Money(exact.rounded(*precision))).ok_or_else(refused)
        }
        ColumnKind::Double { .. } => {
            let given: f64 = number()?.parse().map_err(|_| refused())?;
            if given.is_finite() { Ok(Value::Double(given)) } else { Err(refused()) }
        }
        ColumnKind::Boolean(_) => boolean(text).map(Value::Boolean).ok_or_else(refused),
        ColumnKind::ManagedBoolean(_) => {
            #[derive(serde::Deserialize)]
            struct Managed {
                #[serde(rename = "Value")]
                value: bool,
            }
            serde_json::from_str::<Managed>(text).map(|given| Value::Boolean(given.value)).map_err(|_| refused())
        }
        ColumnKind::DateTime { behavior } => {
            let given = string()?;
            read_date(&given, *behavior).map(Value::DateTime).ok_or_else(refused)
        }
        ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => {
            Err(error::unknown_body_property(table.entity_set(), &column.name, &table.qualified_name()))
        }
        // An image is read where its bytes go, and a file is no value that a row is given.
        ColumnKind::Image | ColumnKind::File => Err(error::payload(
            table.entity_set(),
            &format!(
                "The column '{}' takes no value here: send its contents to its own address, and delete them there.",
                column.name
            ),
        )),
    }
}

/// A GUID as the Web API writes it: thirty-two digits with hyphens, no braces.
fn hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A date or moment for a column of this behaviour, without fractions of a second, which Dataverse
/// does not keep.
pub(super) fn read_date(text: &str, behavior: DateBehavior) -> Option<Timestamp> {
    // Only a date has no `T`; a date-only column takes nothing else.
    let date_alone = text.len() == 10;
    if behavior == DateBehavior::DateOnly && !date_alone {
        return None;
    }
    Timestamp::parse(text).ok().map(Timestamp::whole_seconds)
}

/// A JSON value as the error texts quote it: a string without its quotes, anything long cut.
fn shown(text: &str) -> String {
    let unquoted = serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    let mut cut: String = unquoted.chars().take(100).collect();
    if cut.len() < unquoted.len() {
        cut.push_str("...");
    }
    cut
}

/// Appends `value` to `out` as Dataverse prints a value of `column`.
pub fn write_json(out: &mut String, column: &Column, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(flag) if matches!(column.kind, ColumnKind::ManagedBoolean(_)) => {
            let _ = write!(out, "{{\"Value\":{flag},\"CanBeChanged\":true,\"ManagedPropertyLogicalName\":");
            write_json_text(out, &column.name);
            out.push('}');
        }
        Value::Boolean(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Integer(whole) => {
            let _ = write!(out, "{whole}");
        }
        // As short as it goes: the published answers show `"revenue":10000`.
        Value::Decimal(exact) => {
            let _ = write!(out, "{exact}");
        }
        Value::Money(exact) => {
            let _ = write!(out, "{exact}");
        }
        Value::Double(float) => {
            // The shortest text that reads back the same, always with a point.
            let _ = write!(out, "{float:?}");
        }
        Value::Text(text) => write_json_text(out, text),
        Value::Guid(id) => write_guid(out, *id),
        Value::Lookup(reference) => write_guid(out, reference.id),
        Value::DateTime(moment) => {
            let date_only = matches!(column.kind, ColumnKind::DateTime { behavior: DateBehavior::DateOnly });
            let _ = if date_only { write!(out, "\"{}\"", moment.date()) } else { write!(out, "\"{moment}\"") };
        }
    }
}

fn write_guid(out: &mut String, id: Uuid) {
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    out.push('"');
    out.push_str(id.hyphenated().encode_lower(&mut buffer));
    out.push('"');
}

/// Appends `text` to `out` as a JSON string.
pub fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (position, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        // Escaped bytes are ASCII, so both ends lie between characters.
        out.push_str(text.get(plain..position).unwrap_or_default());
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        plain = position + 1;
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}
