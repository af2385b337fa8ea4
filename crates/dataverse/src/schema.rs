//! The org's tables, as data.
//!
//! A [`Schema`] is an index of names; the definition of a table stays packed until somebody names
//! that table, because a real org has seven hundred and a request touches two. It is immutable
//! and shared: one request holds one `Arc<Schema>` from its first byte to its last.
//!
//! The tables of the platform ship as files of this crate (`schema/*.json`, one for each area),
//! written from the published table reference; the build script packs them. The code knows by name only the tables that security itself is made
//! of: users and teams own rows, roles hold privileges.

mod column;
mod definition;
mod error;
mod merge;
mod packed;
mod packing;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub use column::{
    Access, Behavior, BooleanLabels, Cascading, Column, ColumnKind, ContentsLimit, DateBehavior, LookupTarget,
    NumberRange, OnDelete, OptionItem, Requirement,
};
pub use definition::{
    ChangedTable, ColumnDefinition, Guard, LONGEST_FILE_NAME, ManyToManyDefinition, ManyToManyEnd, OneToMany,
    OptionSetDefinition, Ownership, PrivilegeDefinition, SchemaDefinition, TableDefinition, TableLook,
};
pub use error::SchemaError;
pub use merge::FIRST_OWN_TYPE_CODE;
pub use table::{AlternateKey, ManyToMany, Navigation, Side, Table};

/// What the index knows of a table without decoding it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// `contact`
    pub logical_name: Box<str>,
    /// `contacts`; none for tables that the Web API does not show.
    pub entity_set: Option<Box<str>>,
    /// `2`
    pub type_code: i32,
}

/// A table as it is in one schema, and as it is in another; nothing where it is not.
pub type Difference = (Option<TableDefinition>, Option<TableDefinition>);

/// All tables of an org.
#[derive(Debug)]
pub struct Schema {
    entries: Vec<Entry>,
    by_name: HashMap<Box<str>, usize>,
    by_set: HashMap<Box<str>, usize>,
    by_code: HashMap<i32, usize>,
}

#[derive(Debug)]
struct Entry {
    name: TableName,
    /// The definition as JSON, until and after it is decoded.
    packed: Cow<'static, str>,
    table: OnceLock<Result<Arc<Table>, SchemaError>>,
}

impl Schema {
    /// A schema from the definitions of its tables. Every table is checked.
    ///
    /// # Errors
    /// [`SchemaError`] naming the table that cannot be used.
    pub fn new(definition: SchemaDefinition) -> Result<Self, SchemaError> {
        let mut names = Vec::new();
        for table in definition.resolved()? {
            let packed = packing::definition(&table)?;
            let name = TableName {
                logical_name: table.logical_name.as_str().into(),
                entity_set: table.entity_set.as_deref().map(Into::into),
                type_code: table.type_code,
            };
            names.push((name, Cow::Owned(packed)));
        }
        let schema = Self::index(names)?;
        for entry in &schema.entries {
            // Not kept: a schema of hundreds of tables is checked whole and used in parts.
            Table::decode(&entry.name, &entry.packed)?;
        }
        Ok(schema)
    }

    fn index(names: Vec<(TableName, Cow<'static, str>)>) -> Result<Self, SchemaError> {
        let mut schema = Self {
            entries: Vec::with_capacity(names.len()),
            by_name: HashMap::with_capacity(names.len()),
            by_set: HashMap::with_capacity(names.len()),
            by_code: HashMap::with_capacity(names.len()),
        };
        for (position, (name, packed)) in names.into_iter().enumerate() {
            let twice = |what, name: &dyn std::fmt::Display| SchemaError::Duplicate { what, name: name.to_string() };
            if schema.by_name.insert(name.logical_name.clone(), position).is_some() {
                return Err(twice("logical name", &name.logical_name));
            }
            if let Some(set) = &name.entity_set
                && schema.by_set.insert(set.clone(), position).is_some()
            {
                return Err(twice("entity set", set));
            }
            if schema.by_code.insert(name.type_code, position).is_some() {
                return Err(twice("type code", &name.type_code));
            }
            schema.entries.push(Entry { name, packed, table: OnceLock::new() });
        }
        Ok(schema)
    }

    /// The table with this logical name (`contact`).
    ///
    /// # Errors
    /// [`SchemaError::Table`] when its stored definition is damaged.
    pub fn table(&self, logical_name: &str) -> Result<Option<Arc<Table>>, SchemaError> {
        self.decoded(self.by_name.get(logical_name))
    }

    /// The table behind this entity set (`contacts`); set names are case-sensitive.
    ///
    /// # Errors
    /// [`SchemaError::Table`] when its stored definition is damaged.
    pub fn table_of_set(&self, entity_set: &str) -> Result<Option<Arc<Table>>, SchemaError> {
        self.decoded(self.by_set.get(entity_set))
    }

    /// The table with this object type code (`2`).
    ///
    /// # Errors
    /// [`SchemaError::Table`] when its stored definition is damaged.
    pub fn table_of_code(&self, type_code: i32) -> Result<Option<Arc<Table>>, SchemaError> {
        self.decoded(self.by_code.get(&type_code))
    }

    /// The names of all tables, in the schema's order, without decoding any.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &TableName> {
        self.entries.iter().map(|entry| &entry.name)
    }

    /// Every table, in the schema's order, for whoever looks at all of them: one that nobody has named
    /// yet is decoded for this one look and not kept.
    ///
    /// # Errors
    /// [`SchemaError::Table`] when a stored definition is damaged.
    pub fn each(&self) -> impl Iterator<Item = Result<Arc<Table>, SchemaError>> + '_ {
        self.entries.iter().map(|entry| match entry.table.get() {
            Some(known) => known.clone(),
            None => Table::decode(&entry.name, &entry.packed).map(Arc::new),
        })
    }

    /// How many tables have been decoded so far.
    #[must_use]
    pub fn decoded_tables(&self) -> usize {
        self.entries.iter().filter(|entry| entry.table.get().is_some()).count()
    }

    /// The definitions of all tables, relationships copied to both their sides.
    ///
    /// # Errors
    /// [`SchemaError::Table`] when a stored definition is damaged.
    pub fn definitions(&self) -> Result<Vec<TableDefinition>, SchemaError> {
        self.entries.iter().map(Entry::definition).collect()
    }

    /// The definitions in which another schema differs: as they are here, and as they are there. Only those are decoded.
    ///
    /// # Errors
    /// [`SchemaError::Table`] when a stored definition is damaged.
    pub fn differences(&self, other: &Self) -> Result<Vec<Difference>, SchemaError> {
        let mut found = Vec::new();
        for entry in &self.entries {
            let there = other.by_name.get(&entry.name.logical_name).and_then(|&place| other.entries.get(place));
            if there.is_none_or(|there| there.packed != entry.packed) {
                found.push((Some(entry.definition()?), there.map(Entry::definition).transpose()?));
            }
        }
        for entry in other.entries.iter().filter(|entry| !self.by_name.contains_key(&entry.name.logical_name)) {
            found.push((None, Some(entry.definition()?)));
        }
        Ok(found)
    }

    fn decoded(&self, position: Option<&usize>) -> Result<Option<Arc<Table>>, SchemaError> {
        position.and_then(|&position| self.entries.get(position)).map(Entry::table).transpose()
    }
}

impl Entry {
    fn definition(&self) -> Result<TableDefinition, SchemaError> {
        serde_json::from_str(&self.packed).map_err(|error| SchemaError::Table {
            table: self.name.logical_name.to_string(),
            reason: error.to_string(),
        })
    }

    fn table(&self) -> Result<Arc<Table>, SchemaError> {
        self.table.get_or_init(|| Table::decode(&self.name, &self.packed).map(Arc::new)).clone()
    }
}

#[cfg(test)]
mod tests;
