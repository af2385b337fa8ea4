//! JSON bodies: one object, whose properties are taken one by one, and what is left over is refused
//! by name.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;

/// The longest body, in bytes.
const MAX_BODY: usize = 256 * 1024;

/// The properties of a body that have not been taken yet.
#[derive(Debug)]
pub(super) struct Body {
    entity: &'static str,
    properties: Map<String, Value>,
}

impl Body {
    /// Reads a body that must be an object.
    pub(super) fn parse(entity: &'static str, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > MAX_BODY {
            return Err(Problem::too_large());
        }
        if bytes.is_empty() {
            return Err(Problem::bad_request("Empty Payload. JSON content expected."));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(properties)) => Ok(Self { entity, properties }),
            _ => Err(Problem::bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )),
        }
    }

    /// Reads a body that may be missing.
    pub(super) fn parse_optional(entity: &'static str, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.is_empty() { Ok(Self { entity, properties: Map::new() }) } else { Self::parse(entity, bytes) }
    }

    /// The object inside a property; empty when it is missing or null.
    pub(super) fn take_object(&mut self, name: &str, entity: &'static str) -> Result<Self, Problem> {
        match self.properties.shift_remove(name) {
            None | Some(Value::Null) => Ok(Self { entity, properties: Map::new() }),
            Some(Value::Object(properties)) => Ok(Self { entity, properties }),
            Some(_) => Err(Problem::invalid_value(name, self.entity)),
        }
    }

    /// The objects inside a property, when it is there.
    pub(super) fn take_objects(&mut self, name: &str, entity: &'static str) -> Result<Option<Vec<Self>>, Problem> {
        let list: Option<Vec<Map<String, Value>>> = self.take(name)?;
        Ok(list.map(|list| list.into_iter().map(|properties| Self { entity, properties }).collect()))
    }

    /// Everything that was not taken yet.
    pub(super) fn rest(self) -> Result<Map<String, Value>, Problem> {
        let Self { entity, mut properties } = self;
        properties.retain(|name, _| !name.contains('@'));
        match properties.iter().find(|(_, value)| has_nul(value)) {
            Some((name, _)) => Err(Problem::invalid_value(name, entity)),
            None => Ok(properties),
        }
    }

    /// Takes a property of which there is nothing here: null, false, or empty.
    pub(super) fn take_nothing(&mut self, name: &str) -> Result<(), Problem> {
        if !self.properties.get(name).is_none_or(is_nothing) {
            return Err(Problem::invalid_property(name));
        }
        self.properties.shift_remove(name);
        Ok(())
    }

    /// A property, when it is there. For a type that takes null, null is a value.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(value) = self.properties.shift_remove(name) else {
            return Ok(None);
        };
        if has_nul(&value) {
            return Err(Problem::invalid_value(name, self.entity));
        }
        serde_json::from_value(value).map(Some).map_err(|_| Problem::invalid_value(name, self.entity))
    }

    /// The names of what was not taken yet.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str).filter(|name| !name.contains('@'))
    }

    /// Refuses a body without this property.
    pub(super) fn has(&self, name: &str) -> Result<(), Problem> {
        match self.properties.get(name) {
            None | Some(Value::Null) => Err(self.missing(name)),
            Some(_) => Ok(()),
        }
    }

    fn missing(&self, name: &str) -> Problem {
        Problem::request(format!("A value is required for property '{name}' of resource '{}'.", self.entity))
    }

    /// A property that must be there.
    pub(super) fn require<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Problem> {
        self.has(name)?;
        self.take(name)?.ok_or_else(|| Problem::invalid_value(name, self.entity))
    }

    /// A text of 1 to `limit` characters, when it is there.
    pub(super) fn take_text(&mut self, name: &str, limit: usize) -> Result<Option<String>, Problem> {
        let text: Option<String> = self.take(name)?;
        match &text {
            Some(text) if text.is_empty() || text.chars().count() > limit => {
                Err(Problem::invalid_value(name, self.entity))
            }
            _ => Ok(text),
        }
    }

    /// A text of up to `limit` characters, or null, when it is there.
    pub(super) fn take_nullable_text(&mut self, name: &str, limit: usize) -> Result<Option<Option<String>>, Problem> {
        let text: Option<Option<String>> = match self.properties.get(name) {
            Some(Value::Null) => {
                self.properties.shift_remove(name);
                Some(None)
            }
            _ => self.take(name)?.map(Some),
        };
        match &text {
            Some(Some(text)) if text.chars().count() > limit => Err(Problem::invalid_value(name, self.entity)),
            _ => Ok(text),
        }
    }

    /// The refusal of this property's value.
    pub(super) fn invalid(&self, name: &str) -> Problem {
        Problem::invalid_value(name, self.entity)
    }

    /// Refuses what was not taken. Annotations (`@odata.type` and the like) say nothing new.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.properties.keys().find(|name| !name.contains('@')) {
            Some(name) => Err(Problem::invalid_property(name)),
            None => Ok(()),
        }
    }
}

/// Whether it says nothing, as the service shows what nothing is in.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(is_nothing),
        _ => false,
    }
}

/// Whether a text in it has U+0000, which no store keeps.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(object) => object.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_taken_is_refused() {
        let mut body = Body::parse("Application", br#"{"displayName":"a","notes":null,"@odata.type":"x"}"#).unwrap();
        assert_eq!(body.take_text("displayName", 10).unwrap().as_deref(), Some("a"));
        assert_eq!(body.take_nullable_text("notes", 10).unwrap(), Some(None));
        assert_eq!(body.take_nullable_text("description", 10).unwrap(), None);
        assert!(body.finish().is_ok());
        let left = Body::parse("Application", br#"{"web":{}}"#).unwrap();
        assert_eq!(left.finish(), Err(Problem::invalid_property("web")));
    }

    #[test]
    fn nothing_is_taken_in_any_of_its_shapes() {
        for nothing in ["null", "false", "[]", "{}", r#"{"a":null,"b":[]}"#] {
            let mut body = Body::parse("X", format!(r#"{{"n":{nothing}}}"#).as_bytes()).unwrap();
            assert!(body.take_nothing("n").is_ok() && body.finish().is_ok(), "{nothing}");
        }
        for something in ["true", "0", r#""""#, "[null]", r#"{"a":{"b":1}}"#] {
            let mut body = Body::parse("X", format!(r#"{{"n":{something}}}"#).as_bytes()).unwrap();
            assert_eq!(body.take_nothing("n"), Err(Problem::invalid_property("n")), "{something}");
        }
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused() {
        for wrong in [r#"{"n":1}"#, r#"{"n":""}"#, r#"{"n":"abcd"}"#, r#"{"n":null}"#, r#"{"n":"a\u0000"}"#] {
            assert!(Body::parse("X", wrong.as_bytes()).unwrap().take_text("n", 3).is_err(), "{wrong}");
        }
        for wrong in ["", "[]", "1", "{", "\"x\""] {
            assert!(Body::parse("X", wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Body::parse("X", &[b' '; MAX_BODY + 1]).is_err());
        assert!(Body::parse_optional("X", b"").unwrap().finish().is_ok());
        assert!(Body::parse("X", b"{}").unwrap().require::<String>("n").is_err());
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(bytes: Vec<u8>) {
            let _ = Body::parse("X", &bytes);
        }
    }
}
