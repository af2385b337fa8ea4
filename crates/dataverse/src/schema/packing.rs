//! How a schema is written as one text: an index first, then every table's definition.
//!
//! The first line is a JSON array with one row per table: logical name, entity set, type code and
//! the length of its definition in bytes. The definitions follow, one per line. Reading looks only
//! at the first line. The build script uses this module too, so that the tables which ship are packed
//! when the program is built and not each time it starts.

use std::borrow::Cow;

use super::{SchemaError, TableDefinition};

/// One table in the first line: logical name, entity set, type code, length of its definition.
pub(super) type IndexRow<'a> = (Cow<'a, str>, Option<Cow<'a, str>>, i32, usize);

/// The whole text: the index and the definitions, which are in the same order.
pub(super) fn text<'a>(index: &[IndexRow<'_>], definitions: impl Iterator<Item = &'a str>) -> String {
    // Strings and numbers always serialise.
    let mut text = serde_json::to_string(index).unwrap_or_default();
    for definition in definitions {
        text.push('\n');
        text.push_str(definition);
    }
    text
}

/// One table's definition as it stands in the text.
pub(super) fn definition(table: &TableDefinition) -> Result<String, SchemaError> {
    serde_json::to_string(table)
        .map_err(|error| SchemaError::Table { table: table.logical_name.clone(), reason: error.to_string() })
}

/// A number for a text, to tell whether it is still the same one: its 64-bit FNV-1a hash. It keeps
/// out mistakes, not attackers.
#[cfg_attr(not(test), allow(dead_code, reason = "the build script takes it, the library only in tests"))]
pub(super) fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
