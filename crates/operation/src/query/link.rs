//! Joins: other tables beside the root of a query.

use std::ops::Deref;
use std::sync::Arc;

use keyholder_dataverse::schema::{Column, ManyToMany, Side, Table};

use super::{Filter, Query};

/// One source of rows in a scope: 0 is the scope's own table, 1 its first link, and so on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub usize);

impl SourceId {
    /// The scope's own table.
    pub const ROOT: Self = Self(0);
}

/// A column of one of the sources of a scope.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnOf {
    /// Which source.
    pub source: SourceId,
    /// A column of that source's table.
    pub column: Arc<Column>,
}

impl ColumnOf {
    /// Whether this is the same column of the same source.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.source == other.source && self.column.position == other.column.position
    }
}

impl Deref for ColumnOf {
    type Target = Column;

    fn deref(&self) -> &Column {
        &self.column
    }
}

/// A column of the scope's own table.
impl From<Arc<Column>> for ColumnOf {
    fn from(column: Arc<Column>) -> Self {
        Self { source: SourceId::ROOT, column }
    }
}

/// A column of the scope's own table.
impl From<&Arc<Column>> for ColumnOf {
    fn from(column: &Arc<Column>) -> Self {
        Arc::clone(column).into()
    }
}

/// A table joined to a source that stands before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What it is joined to: the root, or an earlier link.
    pub from: SourceId,
    /// The table.
    pub table: Arc<Table>,
    /// Which of its rows belong to a row of `from`.
    pub on: JoinOn,
    /// What becomes of rows without a partner.
    pub kind: LinkKind,
    /// Which of its rows are joined at all; it may name this link and those before it.
    pub filter: Option<Filter>,
    /// What a FetchXML document calls it.
    pub alias: Option<Box<str>>,
}

/// What becomes of rows to which nothing can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkKind {
    /// They are left out.
    Inner,
    /// They stay, and the link's columns have no values.
    Outer,
    /// They are left out, and of several partners only the one with the smallest id counts.
    First,
}

/// Which rows of a table belong to a row of another, which is called the near one here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum JoinOn {
    /// The one that the near row names. Where the lookup can lead to several tables, only if it
    /// leads to this one.
    Lookup {
        /// A lookup column of the near table.
        lookup: Arc<Column>,
    },
    /// Those that name the near row.
    Referencing {
        /// A lookup column of the joined table.
        lookup: Arc<Column>,
    },
    /// Those that are paired with the near row.
    Pairs {
        /// The relationship.
        relationship: Arc<ManyToMany>,
        /// The side on which the near row stands.
        side: Side,
    },
    /// Those that have an equal value.
    Columns {
        /// A column of the near table.
        near: Arc<Column>,
        /// A column of the joined table.
        far: Arc<Column>,
    },
}

impl JoinOn {
    /// Whether at most one row of `table` is joined to each.
    #[must_use]
    pub fn is_single(&self, table: &Table) -> bool {
        match self {
            Self::Lookup { .. } => true,
            Self::Referencing { .. } | Self::Pairs { .. } => false,
            Self::Columns { far, .. } => far.position == table.primary_id().position,
        }
    }
}

/// A column that is shown under a name of its own: `owner.fullname`.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The column.
    pub column: ColumnOf,
    /// The name of its member in the answer, the same for a lookup.
    pub name: Box<str>,
}

/// Related rows inside the rows of a query: `$expand=primarycontactid($select=fullname)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expand {
    /// The navigation property, which is also the member's name.
    pub navigation: Box<str>,
    /// How the related rows belong to a row.
    pub on: JoinOn,
    /// Which of them are shown, and how. It is rooted at their table and starts from no row.
    pub query: Query,
    /// Whether only their addresses are shown: `primarycontactid/$ref`.
    pub references: bool,
}
