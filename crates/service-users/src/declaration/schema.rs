//! The JSON Schema of `keyholder.toml`, which editors read: completion, words on hover, and red
//! lines under what the reader would refuse.
//!
//! Draft 7, which every editor's TOML extension knows.

use serde_json::{Map, Value, json};

use super::rights::{depth_words, verb_words};
use super::shape::{FILE, Key, Kind, Table, Text};

/// The schema, as it is shipped and printed.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let mut schema = table(&FILE, &mut definitions);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
        schema.insert("description".to_owned(), json!("Service users of Dynamics 365 (Dataverse), declared."));
        schema.insert("definitions".to_owned(), Value::Object(definitions));
    }
    schema
}

fn table(shape: &Table, definitions: &mut Map<String, Value>) -> Value {
    let properties: Map<_, _> =
        shape.keys.iter().map(|key| (key.name.to_owned(), property(key, definitions))).collect();
    let required: Vec<_> = shape.keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let choices: Vec<_> = shape
        .choices
        .iter()
        .map(|choice| json!({ "oneOf": choice.iter().map(|key| json!({ "required": [key] })).collect::<Vec<_>>() }))
        .collect();
    let mut schema = json!({
        "title": shape.title,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if let Some(schema) = schema.as_object_mut() {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !choices.is_empty() {
            schema.insert("allOf".to_owned(), json!(choices));
        }
    }
    schema
}

fn property(key: &Key, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = match key.kind {
        Kind::Text(text) => self::text(text),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Kind::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Texts(text) => json!({ "type": "array", "items": self::text(text) }),
        Kind::Table(shape) => json!({ "allOf": [reference(shape, definitions)] }),
        Kind::OneOrMore(shape) => {
            let one = reference(shape, definitions);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Named(shape) => json!({ "type": "object", "additionalProperties": reference(shape, definitions) }),
        Kind::Rights => rights(),
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(key.about));
    }
    schema
}

/// Each table once, under the name of its shape.
fn reference(shape: &Table, definitions: &mut Map<String, Value>) -> Value {
    let name = shape.title.replace(' ', "-");
    if !definitions.contains_key(&name) {
        // Kept first, so that the order is the order of the file's keys.
        definitions.insert(name.clone(), Value::Null);
        let schema = table(shape, definitions);
        definitions.insert(name.clone(), schema);
    }
    json!({ "$ref": format!("#/definitions/{name}") })
}

fn text(text: Text) -> Value {
    match text {
        Text::Any | Text::Path | Text::Url => json!({ "type": "string" }),
        Text::Guid => json!({
            "type": "string",
            "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
        }),
        Text::Duration => json!({ "type": "string", "pattern": "^[1-9][0-9]*[hdw]$" }),
    }
}

fn rights() -> Value {
    let depths: Vec<_> = depth_words().collect();
    let verbs: Vec<_> = verb_words().collect();
    let one = format!("({}):({})", verbs.join("|"), depths.join("|"));
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^(prv[A-Z][A-Za-z0-9_]*|[a-z_][a-z0-9_]*)$" },
        "patternProperties": {
            "^prv[A-Z]": { "enum": depths },
            "^(?!prv[A-Z])": { "type": "string", "pattern": format!("^{one}( {one})*$") },
        },
    })
}
