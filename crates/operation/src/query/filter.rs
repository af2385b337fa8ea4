//! Conditions.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{Column, Table};
use uuid::Uuid;

use super::link::{ColumnOf, JoinOn, Link, SourceId};
use super::moment::Span;
use super::pattern::Pattern;

/// Which rows. Every leaf is either true or false for a row, never unknown, so there is no `not`
/// inside the tree: binding moves it to the leaves.
///
/// That a comparison with `ne` is true for a row without a value is Dataverse's rule, unlike
/// SQL's; the same goes for every other negated leaf. The columns of a row that an outer link did
/// not find have no values.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// All of them hold; at least two.
    And(Vec<Self>),
    /// One of them holds; at least two.
    Or(Vec<Self>),
    /// A column against a value or another column.
    Compare {
        /// The column.
        column: ColumnOf,
        /// How.
        comparison: Comparison,
        /// With what; a value here is never null.
        with: Comparand,
    },
    /// Whether the column has no value.
    Null {
        /// The column.
        column: ColumnOf,
        /// Whether it must have one instead.
        negated: bool,
    },
    /// Whether a text has another in it.
    Text {
        /// The column.
        column: ColumnOf,
        /// Where in it.
        function: TextFunction,
        /// What is looked for.
        pattern: Pattern,
        /// Whether it must not be there; then true for a row without a value.
        negated: bool,
    },
    /// Whether the column has one of several values.
    In {
        /// The column.
        column: ColumnOf,
        /// The values, each of the column's kind and none of them null; at least one.
        values: Vec<Value>,
        /// Whether it must be none of them; then true for a row without a value.
        negated: bool,
    },
    /// Whether the column names what only the caller decides.
    Caller {
        /// A column of ids.
        column: ColumnOf,
        /// What it must name.
        who: CallerSet,
        /// Whether it must not; then true for a row without a value.
        negated: bool,
    },
    /// Whether a date lies in a stretch of time that the moment decides.
    When {
        /// A column of dates.
        column: ColumnOf,
        /// The stretch.
        span: Span,
    },
    /// Whether the column names a row above or under another in a hierarchy.
    Hierarchy {
        /// The table's own id, or a lookup.
        column: ColumnOf,
        /// Which rows it must name.
        hierarchy: Box<Hierarchy>,
        /// Whether it must not; then true for a row without a value.
        negated: bool,
    },
    /// Whether there is a row of another table that belongs to this one.
    Exists(Box<Exists>),
}

/// A condition about the rows of another table: `Account_Tasks/any(t:t/statecode eq 0)`.
///
/// In it stands a scope of its own, which knows nothing of the one around it but the row that its
/// rows must be joined to.
#[derive(Debug, Clone, PartialEq)]
pub struct Exists {
    /// The source, in the scope around, of the row that the others belong to.
    pub from: SourceId,
    /// How they belong to it.
    pub on: JoinOn,
    /// Their table: source 0 of the inner scope.
    pub table: Arc<Table>,
    /// What is joined to them.
    pub links: Vec<Link>,
    /// Which of them count; all when there is none.
    pub filter: Option<Filter>,
    /// Whether there must be none.
    pub negated: bool,
}

/// The rows above or under a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Hierarchy {
    /// The table that has the hierarchy.
    pub table: Arc<Table>,
    /// Its lookup that names the row above.
    pub parent: Arc<Column>,
    /// The row.
    pub of: Uuid,
    /// On which side of it.
    pub direction: Direction,
    /// Whether the row itself counts.
    pub inclusive: bool,
}

/// On which side of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Its parent, that one's parent, and so on.
    Above,
    /// Those whose parent it is, and all under them.
    Under,
}

/// What only the caller decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallerSet {
    /// The caller.
    User,
    /// The caller's business unit.
    BusinessUnit,
    /// The teams that the caller is a member of.
    Teams,
    /// The caller and those teams.
    UserOrTeams,
    /// The caller and all who report to them, directly or through others.
    UserAndReports,
    /// The same, and the teams of all of them.
    UserAndReportsAndTeams,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both have a value, and the same.
    Equal,
    /// Not [`Comparison::Equal`]: also when one has no value.
    NotEqual,
    /// Both have a value, and the first is greater.
    Greater,
    /// Both have a value, and the first is greater or the same.
    GreaterOrEqual,
    /// Both have a value, and the first is less.
    Less,
    /// Both have a value, and the first is less or the same.
    LessOrEqual,
}

impl Comparison {
    /// The word in OData.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }

    /// The same comparison with its sides exchanged.
    #[must_use]
    pub const fn flipped(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }

    /// What Dataverse makes of `not` before this comparison: the opposite operator, which for an
    /// order still leaves out rows without a value.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
        }
    }
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Comparand {
    /// A value of the column's kind; for a lookup, the GUID of the row.
    Value(Value),
    /// Another column, of the same kind, of this row or of one that it is joined to.
    Column(ColumnOf),
}

/// Where in a text another is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFunction {
    /// Anywhere.
    Contains,
    /// At the beginning.
    StartsWith,
    /// At the end.
    EndsWith,
    /// The text as a whole looks so: the `like` of FetchXML and SQL.
    Whole,
}

impl TextFunction {
    /// The word in OData, which has none for the last.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
            Self::Whole => "like",
        }
    }
}
