//! A schema as one text, for the catalogue: an index first, then every table's definition.
//!
//! The first line is a JSON array with one row per table: logical name, entity set, type code and
//! the length of its definition in bytes. The definitions follow, one per line. Reading looks only
//! at the first line; a definition is decoded when its table is first named.

use super::{Schema, SchemaError, TableName};

type IndexRow<'a> = (std::borrow::Cow<'a, str>, Option<std::borrow::Cow<'a, str>>, i32, usize);

impl Schema {
    /// The whole schema as one text that [`Schema::from_packed`] reads back.
    #[must_use]
    pub fn to_packed(&self) -> String {
        let index: Vec<IndexRow<'_>> = self
            .entries
            .iter()
            .map(|entry| {
                let set = entry.name.entity_set.as_deref().map(Into::into);
                ((&*entry.name.logical_name).into(), set, entry.name.type_code, entry.packed.len())
            })
            .collect();
        // Strings and numbers always serialise.
        let mut text = serde_json::to_string(&index).unwrap_or_default();
        for entry in &self.entries {
            text.push('\n');
            text.push_str(&entry.packed);
        }
        text
    }

    /// Reads what [`Schema::to_packed`] wrote, decoding no table.
    ///
    /// # Errors
    /// [`SchemaError::Unreadable`] when the index or the lengths in it are damaged.
    pub fn from_packed(text: &str) -> Result<Self, SchemaError> {
        let unreadable = |reason: String| SchemaError::Unreadable { reason };
        let (first, mut rest) = text.split_once('\n').unwrap_or((text, ""));
        let index: Vec<IndexRow<'_>> = serde_json::from_str(first).map_err(|error| unreadable(error.to_string()))?;
        let mut names = Vec::with_capacity(index.len());
        for (logical_name, entity_set, type_code, length) in index {
            let (packed, after) = rest
                .split_at_checked(length)
                .ok_or_else(|| unreadable(format!("the definition of `{logical_name}` is cut short")))?;
            rest = after.strip_prefix('\n').unwrap_or(after);
            let name = TableName {
                logical_name: logical_name.as_ref().into(),
                entity_set: entity_set.as_deref().map(Into::into),
                type_code,
            };
            names.push((name, packed.into()));
        }
        Self::index(names)
    }
}
