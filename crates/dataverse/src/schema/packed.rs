//! A schema as one text, for the catalogue: reading it and writing it. [`super::packing`] says how it
//! looks. A definition is decoded when its table is first named.

use std::borrow::Cow;

use super::packing::{self, IndexRow};
use super::{Schema, SchemaError, TableName};

/// The tables that ship with the project, packed by the build script.
pub(super) const CORE: &str = include_str!(concat!(env!("OUT_DIR"), "/core.packed"));

impl Schema {
    /// The tables that ship with the project. Their definitions stay where the program has them: none
    /// is copied, and none is decoded before it is named.
    ///
    /// # Errors
    /// Only when the shipped text is broken, which a test rules out.
    pub fn core() -> Result<Self, SchemaError> {
        read(CORE, Cow::Borrowed)
    }

    /// The text that [`Schema::core`] reads: what [`Schema::to_packed`] would give for it.
    #[must_use]
    pub const fn core_packed() -> &'static str {
        CORE
    }

    /// What tells one version of [`Schema::core_packed`] from another, in hexadecimal digits: whoever
    /// keeps that text need not compare all of it.
    #[must_use]
    pub const fn core_digest() -> &'static str {
        env!("KEYHOLDER_CORE_DIGEST")
    }

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
        packing::text(&index, self.entries.iter().map(|entry| &*entry.packed))
    }

    /// Reads what [`Schema::to_packed`] wrote, decoding no table. The text of the shipped tables is
    /// known: then this is [`Schema::core`], which copies nothing.
    ///
    /// # Errors
    /// [`SchemaError::Unreadable`] when the index or the lengths in it are damaged.
    pub fn from_packed(text: &str) -> Result<Self, SchemaError> {
        if text == CORE {
            return Self::core();
        }
        read(text, |definition| Cow::Owned(definition.to_owned()))
    }
}

/// Reads the index of `text` and cuts the definitions out of it.
fn read<'a>(text: &'a str, keep: impl Fn(&'a str) -> Cow<'static, str>) -> Result<Schema, SchemaError> {
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
        names.push((name, keep(packed)));
    }
    Schema::index(names)
}
