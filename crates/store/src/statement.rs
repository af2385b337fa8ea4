//! Statements as a small relational tree, with constructors that read like what they do.
//!
//! ```
//! use keyholder_store::statement::{Insert, Select, column, parameter};
//! use keyholder_store::{Kind, Prepared};
//!
//! # fn main() -> Result<(), keyholder_store::Error> {
//! let find = Prepared::new(
//!     Select::from("application")
//!         .column("object_id", Kind::Uuid)
//!         .column("display_name", Kind::Text)
//!         .filter(column("tenant_id").equals(parameter(0)).and(column("client_id").equals(parameter(1)))),
//! )?;
//! let add = Prepared::new(Insert::into("application").columns(["tenant_id", "client_id", "display_name"]))?;
//! # assert_eq!((find.parameters(), add.parameters()), (2, 3));
//! # Ok(())
//! # }
//! ```
//!
//! Values never stand in a statement: they travel beside it and fill its numbered parameters, so
//! that a statement is a shape which is printed and planned once. Names are checked when it is
//! printed (ASCII letters, digits and `_`, at most 63 of them) and always quoted.

mod definition;
mod expression;

use std::borrow::Cow;

pub use definition::{
    AddColumn, ColumnDefinition, CreateIndex, DropColumn, DropIndex, DropTable, ListColumns, StoredColumn,
    TableDefinition,
};
pub use expression::{Comparison, Expr, Literal, all, any, column, literal, not, parameter, qualified};

use crate::Kind;

/// The name of a table, column, index or alias.
pub type Name = Cow<'static, str>;

/// Anything that a store can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Read rows.
    Select(Select),
    /// Add a row.
    Insert(Insert),
    /// Change rows.
    Update(Update),
    /// Remove rows.
    Delete(Delete),
    /// Make a table.
    CreateTable(TableDefinition),
    /// Make an index.
    CreateIndex(CreateIndex),
    /// Give a table one more column.
    AddColumn(AddColumn),
    /// Remove a table and its rows.
    DropTable(DropTable),
    /// Take a column from a table.
    DropColumn(DropColumn),
    /// Remove an index.
    DropIndex(DropIndex),
    /// Read which columns a table has.
    ListColumns(ListColumns),
}

impl Statement {
    /// Whether it changes tables rather than rows.
    pub(crate) fn changes_the_schema(&self) -> bool {
        matches!(
            self,
            Self::CreateTable(_)
                | Self::CreateIndex(_)
                | Self::AddColumn(_)
                | Self::DropTable(_)
                | Self::DropColumn(_)
                | Self::DropIndex(_)
        )
    }

    /// The number of values that it needs: one more than its highest parameter.
    pub(crate) fn parameters(&self) -> usize {
        let mut highest = 0;
        let mut note = |slot: usize| highest = highest.max(slot.saturating_add(1));
        match self {
            Self::Select(select) => select.each_parameter(&mut note),
            Self::Insert(insert) => insert.values.iter().for_each(|value| value.each_parameter(&mut note)),
            Self::Update(update) => {
                update.set.iter().for_each(|(_, value)| value.each_parameter(&mut note));
                update.filter.iter().for_each(|filter| filter.each_parameter(&mut note));
            }
            Self::Delete(delete) => delete.filter.iter().for_each(|filter| filter.each_parameter(&mut note)),
            // The table's name.
            Self::ListColumns(_) => note(0),
            Self::CreateTable(_)
            | Self::CreateIndex(_)
            | Self::AddColumn(_)
            | Self::DropTable(_)
            | Self::DropColumn(_)
            | Self::DropIndex(_) => {}
        }
        highest
    }
}

macro_rules! into_statement {
    ($($variant:ident($part:ty)),+ $(,)?) => {$(
        impl From<$part> for Statement {
            fn from(part: $part) -> Self {
                Self::$variant(part)
            }
        }
    )+};
}

into_statement! {
    Select(Select), Insert(Insert), Update(Update), Delete(Delete), CreateTable(TableDefinition),
    CreateIndex(CreateIndex), AddColumn(AddColumn), DropTable(DropTable), DropColumn(DropColumn), DropIndex(DropIndex),
    ListColumns(ListColumns),
}

/// A table in a `from` or `join`, under the name that its columns are qualified with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// The table.
    pub table: Name,
    /// Another name for it here.
    pub alias: Option<Name>,
}

/// How a joined table adds to the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Rows without a partner are left out.
    Inner,
    /// Rows without a partner stay, with NULLs.
    Left,
}

/// A further table of a select.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Join {
    /// Inner or left.
    pub kind: JoinKind,
    /// The table.
    pub source: Source,
    /// Which of its rows belong to a row.
    pub on: Expr,
}

/// One column of the result.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Projection {
    /// What is computed.
    pub expr: Expr,
    /// What it is read as.
    pub kind: Kind,
}

/// One key of the order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Order {
    /// What is compared.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
    /// Where NULL stands.
    pub nulls: Nulls,
}

/// Where NULL stands in an order; the stores' own ideas differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// Before every value.
    First,
    /// After every value.
    Last,
    /// Nowhere: the column never has it. A primary key leads PostgreSQL to the order only when nothing is said of NULL.
    Never,
}

impl Order {
    /// The same of what never is NULL: a primary key.
    #[must_use]
    pub fn never_null(mut self) -> Self {
        self.nulls = Nulls::Never;
        self
    }
}

/// Reads rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Select {
    /// What each row gives, in order. A select inside an expression has exactly one.
    pub columns: Vec<Projection>,
    /// The first table.
    pub from: Source,
    /// The others.
    pub joins: Vec<Join>,
    /// Which rows; all when there is none.
    pub filter: Option<Expr>,
    /// Conditions of which each row must meet exactly one: the rows of each are found by themselves and merged. No
    /// two may hold for one row. What the rows are ordered by must be among the columns then.
    pub apart: Vec<Expr>,
    /// In which order; unspecified when there is none.
    pub order: Vec<Order>,
    /// At most how many: a parameter or a literal.
    pub limit: Option<Expr>,
    /// Whether equal rows are given once.
    pub distinct: bool,
}

impl Select {
    /// Rows of a table.
    pub fn from(table: impl Into<Name>) -> Self {
        let from = Source { table: table.into(), alias: None };
        let (columns, joins, order) = (Vec::new(), Vec::new(), Vec::new());
        Self { columns, from, joins, filter: None, apart: Vec::new(), order, limit: None, distinct: false }
    }

    /// Gives the first table another name here.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<Name>) -> Self {
        self.from.alias = Some(alias.into());
        self
    }

    /// Adds a column of the first table to the result.
    #[must_use]
    pub fn column(self, name: impl Into<Name>, kind: Kind) -> Self {
        self.project(column(name), kind)
    }

    /// Adds several columns of the first table to the result.
    #[must_use]
    pub fn columns<N: Into<Name>>(self, columns: impl IntoIterator<Item = (N, Kind)>) -> Self {
        columns.into_iter().fold(self, |select, (name, kind)| select.column(name, kind))
    }

    /// Adds a computed column to the result.
    #[must_use]
    pub fn project(mut self, expr: Expr, kind: Kind) -> Self {
        self.columns.push(Projection { expr, kind });
        self
    }

    /// Joins a table; rows without a partner are left out.
    #[must_use]
    pub fn join(self, table: impl Into<Name>, alias: impl Into<Name>, on: Expr) -> Self {
        self.join_as(JoinKind::Inner, table.into(), alias.into(), on)
    }

    /// Joins a table; rows without a partner stay.
    #[must_use]
    pub fn left_join(self, table: impl Into<Name>, alias: impl Into<Name>, on: Expr) -> Self {
        self.join_as(JoinKind::Left, table.into(), alias.into(), on)
    }

    fn join_as(mut self, kind: JoinKind, table: Name, alias: Name, on: Expr) -> Self {
        self.joins.push(Join { kind, source: Source { table, alias: Some(alias) }, on });
        self
    }

    /// Keeps only rows for which this holds, beside what was asked before.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }

    /// Keeps only rows for which exactly one of these holds. The store finds the rows of each in their order and
    /// merges them, where one condition with "or" in it would make it find them all and sort them.
    #[must_use]
    pub fn apart(mut self, conditions: impl IntoIterator<Item = Expr>) -> Self {
        self.apart.extend(conditions);
        self
    }

    /// Orders by one more key.
    #[must_use]
    pub fn order_by(mut self, order: Order) -> Self {
        self.order.push(order);
        self
    }

    /// Gives at most this many rows: a parameter or a literal.
    #[must_use]
    pub fn limit(mut self, limit: Expr) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Gives equal rows once.
    #[must_use]
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    pub(crate) fn each_parameter(&self, note: &mut dyn FnMut(usize)) {
        self.columns.iter().for_each(|column| column.expr.each_parameter(note));
        self.joins.iter().for_each(|join| join.on.each_parameter(note));
        self.filter.iter().chain(&self.apart).for_each(|filter| filter.each_parameter(note));
        self.order.iter().for_each(|order| order.expr.each_parameter(note));
        self.limit.iter().for_each(|limit| limit.each_parameter(note));
    }
}

/// What happens when a new row meets an existing one in a unique index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnConflict {
    /// [`Error::UniqueViolation`](crate::Error::UniqueViolation).
    Error,
    /// The new row is dropped; the number of rows tells.
    Nothing,
}

/// Adds one row; many of them with
/// [`Transaction::execute_each`](crate::Transaction::execute_each), planned once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Insert {
    /// Where to.
    pub table: Name,
    /// Which columns get a value; the others get their default.
    pub columns: Vec<Name>,
    /// Their values, in the same order.
    pub values: Vec<Expr>,
    /// When such a row exists.
    pub on_conflict: OnConflict,
}

impl Insert {
    /// A row of this table.
    pub fn into(table: impl Into<Name>) -> Self {
        Self { table: table.into(), columns: Vec::new(), values: Vec::new(), on_conflict: OnConflict::Error }
    }

    /// These columns, filled by as many parameters, numbered on from the last.
    #[must_use]
    pub fn columns<N: Into<Name>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        for name in columns {
            self.values.push(parameter(self.columns.len()));
            self.columns.push(name.into());
        }
        self
    }

    /// One column, filled by an expression.
    #[must_use]
    pub fn value(mut self, name: impl Into<Name>, value: Expr) -> Self {
        self.columns.push(name.into());
        self.values.push(value);
        self
    }

    /// Drops the row silently when one like it exists.
    #[must_use]
    pub fn or_nothing(mut self) -> Self {
        self.on_conflict = OnConflict::Nothing;
        self
    }
}

/// Changes rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Update {
    /// Of which table.
    pub table: Name,
    /// Which columns become what.
    pub set: Vec<(Name, Expr)>,
    /// Which rows; all when there is none.
    pub filter: Option<Expr>,
}

impl Update {
    /// Rows of this table.
    pub fn of(table: impl Into<Name>) -> Self {
        Self { table: table.into(), set: Vec::new(), filter: None }
    }

    /// One column becomes this.
    #[must_use]
    pub fn set(mut self, name: impl Into<Name>, value: Expr) -> Self {
        self.set.push((name.into(), value));
        self
    }

    /// Only rows for which this holds.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }
}

/// Removes rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Delete {
    /// Of which table.
    pub table: Name,
    /// Which rows; all when there is none.
    pub filter: Option<Expr>,
}

impl Delete {
    /// Rows of this table.
    pub fn from(table: impl Into<Name>) -> Self {
        Self { table: table.into(), filter: None }
    }

    /// Only rows for which this holds.
    #[must_use]
    pub fn filter(mut self, condition: Expr) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before.and(condition),
            None => condition,
        });
        self
    }
}
