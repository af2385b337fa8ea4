//! OData queries found in public code and documents: how each is asked, and what kind of answer it gets.

use std::fmt::Write as _;

use http::{HeaderMap, Method};
use keyholder_dataverse::Schema;
use keyholder_dataverse::error::code;
use keyholder_operation::{Request, bind};
use serde_json::Value;

use crate::report::{LACKING, Outcome, shared};
use crate::world::Reply;

/// What stands in the place of a hole that is a key.
pub(crate) const SAMPLE_ID: &str = "6f5e3c1a-2b4d-4e8f-9a10-0c1d2e3f4a5b";

/// The address of a query, its holes filled; none where a hole stands for more than a value.
fn parts(row: &Value) -> Option<(Option<String>, String)> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let mut query = text("query").trim_start_matches('?').to_owned();
    if let (false, Some(concrete)) = (text("filter").is_empty(), row["filter_concrete"].as_str()) {
        query = query.replace(text("filter"), concrete);
    }
    let key = holes_filled(text("key"));
    let query = holes_filled(&query);
    if query.contains(['{', '}']) || key.contains(['{', '}']) {
        return None;
    }
    let place = row["entity_set"].as_str().map(|set| format!("{set}{key}{}", holes_filled(text("nav"))));
    Some((place, query))
}

/// `${id}`, `@{id}` and `{id}` as a value: an id, or inside quotes a word.
fn holes_filled(text: &str) -> String {
    let (mut filled, mut rest, mut quoted) = (String::new(), text, false);
    while let Some(start) = rest.find('{') {
        let before = rest[..start].trim_end_matches(['$', '@']);
        quoted ^= before.matches('\'').count() % 2 == 1;
        let Some(length) = rest[start..].find('}') else { break };
        filled.push_str(before);
        // Only what stands for a value is one.
        let is_value = quoted || before.ends_with(['(', '=', ' ', ',']);
        filled.push_str(if quoted {
            "sample"
        } else if is_value {
            SAMPLE_ID
        } else {
            "{}"
        });
        rest = &rest[start + length + 1..];
    }
    filled.push_str(rest);
    filled
}

fn encoded(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%$&=()',;:/@!*+".contains(&byte);
    let mut encoded = String::new();
    for byte in text.bytes() {
        if safe(byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// The table that a query without one can be about: the first that has what it names.
fn table_for(schema: &Schema, query: &str) -> Option<String> {
    let headers = HeaderMap::new();
    // A table that has none of the words as a column is not meant.
    let words: Vec<&str> = query
        .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.len() > 3)
        .collect();
    let has_one = |set: &&str| {
        let table = schema.table_of_set(set).unwrap().unwrap();
        words.iter().any(|word| table.property(word).is_some() || table.navigation(word).is_some())
    };
    let sets = schema.names().filter_map(|name| name.entity_set.as_deref()).filter(has_one);
    let fits = |set: &&str| {
        let path = format!("v9.2/{set}");
        let request = Request {
            method: &Method::GET,
            path: &path,
            query: Some(query),
            headers: &headers,
            body: b"",
            references: None,
        };
        match bind(schema, &request) {
            Ok(_) => true,
            Err(refusal) => refusal.code == code::NOT_SUPPORTED_HERE && !query.is_empty(),
        }
    };
    let mut usual = ["accounts", "contacts"].into_iter();
    usual.find(fits).or_else(|| sets.into_iter().find(fits)).map(ToOwned::to_owned)
}

/// What kind of answer this is. Names differ from query to query; what stands around them does not.
pub(crate) fn outcome(reply: &Reply) -> Outcome {
    if reply.status.is_success() {
        return Outcome::Answered;
    }
    let message = reply.json["error"]["message"].as_str().unwrap_or_default();
    let code = reply.json["error"]["code"].as_str().unwrap_or_default();
    assert!(!message.is_empty() && !code.is_empty(), "{} {}", reply.status, reply.text);
    let kind = match message {
        _ if matches!(code, "0x80040217" | "0x80060891") => return Outcome::NoSuchRow,
        _ if message.starts_with("Could not find a definition with") => return Outcome::NoSuchRow,
        _ if message.starts_with("Resource not found for the segment") => LACKING,
        _ if message.starts_with("Could not find a property named") => LACKING,
        _ if message.contains("yntax error") || message.contains(" expected at position") => "not readable",
        _ if message == "Bad Request - Error in query syntax." => "not readable",
        _ if message.contains("incompatible types") || message.starts_with("Unrecognized '") => {
            "a value of another type than its column's"
        }
        _ if message.contains("for $top query option found") => "a $top that is no number",
        other => other,
    };
    let names: Vec<&str> = kind.split('\'').step_by(2).collect();
    let kind = names.join("…").trim_end_matches(" is not supported by the local org yet.").to_owned();
    if reply.status == 501 { Outcome::Refused(kind) } else { Outcome::Invalid(kind) }
}

/// The queries; none where they are not at hand.
pub(crate) fn found() -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(shared().join("data/queries/odata-queries.jsonl")).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// Where a query is asked in an org with these tables; an outcome where it cannot be asked at all.
pub(crate) fn address(schema: &Schema, row: &Value) -> Result<String, Outcome> {
    let hole = || Outcome::Invalid("the hole of a template stands for more than a value".to_owned());
    let (place, query) = parts(row).ok_or_else(hole)?;
    let query = encoded(&query);
    let place = place.or_else(|| table_for(schema, &query)).ok_or_else(|| Outcome::Invalid(LACKING.to_owned()))?;
    Ok(format!("{}?{query}", encoded(&place)))
}
