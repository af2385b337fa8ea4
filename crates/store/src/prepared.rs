//! A statement's shape, printed once.

use std::fmt;
use std::sync::Arc;

use crate::statement::Statement;
use crate::{Error, Kind, dialect};

/// A printed statement, cheap to clone. Whoever repeats a statement keeps its `Prepared`: printing
/// is saved here, and each of the store's connections keeps the engine's plan for it.
#[derive(Clone)]
pub struct Prepared(Arc<Shape>);

struct Shape {
    sql: String,
    /// The same for PostgreSQL. Printed now: keeping the tree until it is asked for would take more
    /// memory than the text does.
    postgresql: Arc<str>,
    kinds: Vec<Kind>,
    parameters: usize,
    schema: bool,
}

impl Prepared {
    /// Prints a statement.
    ///
    /// # Errors
    /// [`Error::Statement`] when a name is no plain identifier, a filter is nested too deep, or
    /// something else in it can be printed in no dialect.
    pub fn new(statement: impl Into<Statement>) -> Result<Self, Error> {
        let statement = statement.into();
        let sql = dialect::sqlite::print(&statement)?;
        let postgresql = dialect::postgresql::print(&statement)?.into();
        let kinds = match &statement {
            Statement::Select(select) => select.columns.iter().map(|column| column.kind).collect(),
            Statement::ListColumns(_) => vec![Kind::Text, Kind::Text],
            _ => Vec::new(),
        };
        let schema = statement.changes_the_schema();
        Ok(Self(Arc::new(Shape { sql, postgresql, kinds, parameters: statement.parameters(), schema })))
    }

    /// The kinds of the columns that it gives; empty for anything but a select.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.0.kinds
    }

    /// How many values must travel beside it.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.0.parameters
    }

    /// How long its text is, in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no statement is empty")]
    pub fn len(&self) -> usize {
        self.0.sql.len()
    }

    pub(crate) fn sql(&self) -> &str {
        &self.0.sql
    }

    /// Its text as PostgreSQL is given it.
    #[must_use]
    pub fn postgresql(&self) -> &Arc<str> {
        &self.0.postgresql
    }

    pub(crate) fn changes_the_schema(&self) -> bool {
        self.0.schema
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(&self.0.sql).finish()
    }
}
