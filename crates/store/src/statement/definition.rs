//! Tables, columns and indexes.
//!
//! There are no foreign keys: Dataverse's lookups point to one of many tables, and tables are made
//! when they are first written to.

use super::{Expr, Literal, Name};
use crate::{Error, Kind, Row, dialect};

/// Makes a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableDefinition {
    /// Its name.
    pub name: Name,
    /// Its columns.
    pub columns: Vec<ColumnDefinition>,
    /// The columns that name a row; a unique index.
    pub primary_key: Vec<Name>,
    /// Whether an existing table of that name is left as it is.
    pub if_missing: bool,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub kind: Kind,
    /// Whether NULL is refused.
    pub required: bool,
    /// What rows that say nothing get.
    pub default: Option<Literal>,
}

impl ColumnDefinition {
    /// A column that may be NULL.
    pub fn optional(name: impl Into<Name>, kind: Kind) -> Self {
        Self { name: name.into(), kind, required: false, default: None }
    }

    /// A column that may not be NULL.
    pub fn required(name: impl Into<Name>, kind: Kind) -> Self {
        Self { name: name.into(), kind, required: true, default: None }
    }

    /// What rows that say nothing get.
    #[must_use]
    pub fn default(mut self, value: Literal) -> Self {
        self.default = Some(value);
        self
    }
}

impl TableDefinition {
    /// A table without columns yet.
    pub fn new(name: impl Into<Name>) -> Self {
        Self { name: name.into(), columns: Vec::new(), primary_key: Vec::new(), if_missing: false }
    }

    /// Adds a column that may not be NULL.
    #[must_use]
    pub fn required(self, name: impl Into<Name>, kind: Kind) -> Self {
        self.with(ColumnDefinition::required(name, kind))
    }

    /// Adds a column that may be NULL.
    #[must_use]
    pub fn optional(self, name: impl Into<Name>, kind: Kind) -> Self {
        self.with(ColumnDefinition::optional(name, kind))
    }

    /// Adds a column.
    #[must_use]
    pub fn with(mut self, column: ColumnDefinition) -> Self {
        self.columns.push(column);
        self
    }

    /// Which columns name a row.
    #[must_use]
    pub fn primary_key<N: Into<Name>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.primary_key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Leaves an existing table of that name as it is.
    #[must_use]
    pub fn if_missing(mut self) -> Self {
        self.if_missing = true;
        self
    }
}

/// Makes an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CreateIndex {
    /// Its name, unique in the store.
    pub name: Name,
    /// The table.
    pub table: Name,
    /// Its columns, most significant first.
    pub columns: Vec<Name>,
    /// Those of them that never have NULL, and are ordered by as such ([`Nulls::Never`](super::Nulls::Never)).
    pub never_null: Vec<Name>,
    /// Whether two rows may not have the same values; NULLs are never the same.
    pub unique: bool,
    /// Which rows are in it. Indexes on lookups hold only `column IS NOT NULL`: most are empty.
    pub filter: Option<Expr>,
    /// Whether an existing index of that name is left as it is.
    pub if_missing: bool,
}

impl CreateIndex {
    /// An index of this name on these columns.
    pub fn new<N: Into<Name>>(
        name: impl Into<Name>,
        table: impl Into<Name>,
        columns: impl IntoIterator<Item = N>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self {
            name: name.into(),
            table: table.into(),
            columns,
            never_null: Vec::new(),
            unique: false,
            filter: None,
            if_missing: false,
        }
    }

    /// One of its columns never has NULL. Otherwise the index leads to an order with NULL before all, or after all from its
    /// end: as rows are ordered by columns that may have it.
    #[must_use]
    pub fn never_null(mut self, column: impl Into<Name>) -> Self {
        self.never_null.push(column.into());
        self
    }

    /// Two rows may not have the same values.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Only rows for which this holds are in it.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        self.filter = Some(condition);
        self
    }

    /// Leaves an existing index of that name as it is.
    #[must_use]
    pub fn if_missing(mut self) -> Self {
        self.if_missing = true;
        self
    }
}

/// Gives a table one more column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AddColumn {
    /// The table.
    pub table: Name,
    /// The column; when it is required it needs a default.
    pub column: ColumnDefinition,
}

/// Removes a table and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropTable {
    /// The table; nothing happens when there is none.
    pub name: Name,
}

/// Takes a column from a table, with what stands in it. No index may be left on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropColumn {
    /// The table.
    pub table: Name,
    /// The column, which must be there.
    pub column: Name,
}

/// Removes an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DropIndex {
    /// The index; nothing happens when there is none.
    pub name: Name,
}

/// The columns that a table has in the store, whoever made them, each to be read as a [`StoredColumn`]; none when there is no
/// such table. Its one value is the table's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListColumns;

/// A column as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredColumn {
    /// Its name.
    pub name: String,
    /// Its type in the store's own words.
    pub store_type: String,
}

impl StoredColumn {
    /// Reads a row of [`ListColumns`].
    ///
    /// # Errors
    /// [`Error::Value`] when the row is another statement's.
    pub fn read(row: &Row<'_>) -> Result<Self, Error> {
        Ok(Self { name: row.get(0)?, store_type: row.get(1)? })
    }

    /// Whether values of this kind are kept as the values of this column are. Several kinds may be: an amount and a moment are
    /// both whole numbers.
    #[must_use]
    pub fn can_hold(&self, kind: Kind) -> bool {
        dialect::is_type_of(&self.store_type, kind)
    }
}
