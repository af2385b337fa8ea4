//! The `sql` query option: one `SELECT`, read as the FetchXML document that asks the same.
//!
//! - this file: a statement as a tree of names and literals;
//! - `lexer`: its words;
//! - `parser`: the documented subset, everything else refused by its name;
//! - `translate`: from the tree to a [`Fetch`].
//!
//! The subset is the service's: columns and the five aggregates, inner and left joins over one
//! equality each, conditions of a column against constants, `GROUP BY`, `ORDER BY`, `DISTINCT`,
//! `TOP`, and `OFFSET … FETCH`. Names are not told apart by their case.

mod lexer;
mod parser;
#[cfg(test)]
mod tests;
mod translate;

use keyholder_dataverse::error::DataverseError;

use crate::fetch::{Fetch, Figure, Operator};

/// A statement as a document, and how many rows to leave out before the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The document that asks the same.
    pub fetch: Fetch,
    /// What `OFFSET` says.
    pub skip: u32,
}

impl Statement {
    /// Reads a statement. Takes time and memory in proportion to its length, which the address
    /// bounds.
    ///
    /// # Errors
    /// A refusal that names what is no SQL, or no part of the subset.
    pub fn parse(text: &str) -> Result<Self, DataverseError> {
        translate::statement(&parser::select(text)?)
    }
}

/// `SELECT …`, as written.
#[derive(Debug)]
struct Select {
    distinct: bool,
    top: Option<u32>,
    items: Vec<Item>,
    from: Table,
    joins: Vec<Join>,
    filter: Option<Expression>,
    groups: Vec<ColumnName>,
    orders: Vec<OrderItem>,
    offset: Option<u32>,
    fetch: Option<u32>,
}

/// A table and the name that it goes by.
#[derive(Debug)]
struct Table {
    name: String,
    alias: String,
}

/// A column, perhaps with the name of its table.
#[derive(Debug, Clone, PartialEq)]
struct ColumnName {
    table: Option<String>,
    name: String,
}

/// One member of each row.
#[derive(Debug)]
struct Item {
    what: What,
    name: Option<String>,
}

#[derive(Debug)]
enum What {
    Column(ColumnName),
    /// `COUNT(*)` has no column.
    Figure {
        figure: Figure,
        column: Option<ColumnName>,
        distinct: bool,
    },
}

#[derive(Debug)]
struct Join {
    table: Table,
    outer: bool,
    /// The two columns that are equal, as written.
    on: (ColumnName, ColumnName),
    /// What else is asked of the joined rows.
    filter: Option<Expression>,
}

#[derive(Debug)]
struct OrderItem {
    column: ColumnName,
    descending: bool,
}

/// A condition.
#[derive(Debug)]
enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Condition { column: ColumnName, operator: Operator, values: Vec<String> },
}
