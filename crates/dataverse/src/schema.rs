//! The org's tables, as data.
//!
//! A [`Schema`] is an index of names; the definition of a table stays packed until somebody names
//! that table, because a real org has seven hundred and a request touches two. It is immutable
//! and shared: one request holds one `Arc<Schema>` from its first byte to its last.
//!
//! The tables of the platform ship as a file of this crate (`schema/core.json`), written from the
//! published table reference. The code knows by name only the tables that security itself is made
//! of: users and teams own rows, roles hold privileges.

mod column;
mod definition;
mod packed;
mod table;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub use column::{
    Access, BooleanLabels, Column, ColumnKind, DateBehavior, LookupTarget, NumberRange, OptionItem, Requirement,
};
pub use definition::{
    ColumnDefinition, Guard, ManyToManyDefinition, ManyToManyEnd, OneToMany, Ownership, PrivilegeDefinition,
    SchemaDefinition, TableDefinition,
};
pub use table::{AlternateKey, ManyToMany, Navigation, Side, Table};

/// The tables that ship with the project.
const CORE: &str = include_str!("../schema/core.json");

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The text is no schema at all.
    #[error("the schema is not readable: {reason}; import it again")]
    Unreadable {
        /// What the reader met, and where.
        reason: String,
    },
    /// One table's definition contradicts itself.
    #[error("table `{table}` in the schema cannot be used: {reason}; correct its definition and import it again")]
    Table {
        /// The table's logical name.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tables claim one name or type code.
    #[error("the schema has two tables with the {what} `{name}`; keep one of them")]
    Duplicate {
        /// Logical name, entity set or type code.
        what: &'static str,
        /// The name that occurs twice.
        name: String,
    },
}

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
    packed: Box<str>,
    table: OnceLock<Result<Arc<Table>, SchemaError>>,
}

impl Schema {
    /// The tables that ship with the project.
    ///
    /// # Errors
    /// Only when the shipped file is broken, which a test rules out.
    pub fn core() -> Result<Self, SchemaError> {
        let definition: SchemaDefinition =
            serde_json::from_str(CORE).map_err(|error| SchemaError::Unreadable { reason: error.to_string() })?;
        Self::new(definition)
    }

    /// A schema from the definitions of its tables. Every table is checked.
    ///
    /// # Errors
    /// [`SchemaError`] naming the table that cannot be used.
    pub fn new(definition: SchemaDefinition) -> Result<Self, SchemaError> {
        let mut names = Vec::new();
        for table in definition.resolved()? {
            let packed = serde_json::to_string(&table)
                .map_err(|error| SchemaError::Table { table: table.logical_name.clone(), reason: error.to_string() })?;
            let name = TableName {
                logical_name: table.logical_name.as_str().into(),
                entity_set: table.entity_set.as_deref().map(Into::into),
                type_code: table.type_code,
            };
            names.push((name, packed.into_boxed_str()));
        }
        let schema = Self::index(names)?;
        for entry in &schema.entries {
            entry.table()?;
        }
        Ok(schema)
    }

    fn index(names: Vec<(TableName, Box<str>)>) -> Result<Self, SchemaError> {
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

    /// How many tables have been decoded so far.
    #[must_use]
    pub fn decoded_tables(&self) -> usize {
        self.entries.iter().filter(|entry| entry.table.get().is_some()).count()
    }

    fn decoded(&self, position: Option<&usize>) -> Result<Option<Arc<Table>>, SchemaError> {
        position.and_then(|&position| self.entries.get(position)).map(Entry::table).transpose()
    }
}

impl Entry {
    fn table(&self) -> Result<Arc<Table>, SchemaError> {
        self.table.get_or_init(|| Table::decode(&self.name, &self.packed).map(Arc::new)).clone()
    }
}

#[cfg(test)]
mod tests;
