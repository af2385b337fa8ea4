//! PostgreSQL's SQL (<https://www.postgresql.org/docs/current/sql.html>), printed beside
//! SQLite's and checked by snapshots, so that no statement is written that only one could run.

use super::Dialect;
use super::printer::Printer;
use crate::statement::Statement;
use crate::{Error, Kind};

/// Prints a statement for PostgreSQL.
///
/// # Errors
/// [`Error::Statement`] when it cannot be printed in any dialect.
pub fn print(statement: &Statement) -> Result<String, Error> {
    Printer::<PostgreSql>::print(statement)
}

/// The type that a column of this kind is made with.
pub(super) fn column_type(kind: Kind) -> &'static str {
    PostgreSql::column_type(kind)
}

enum PostgreSql {}

impl Dialect for PostgreSql {
    fn column_type(kind: Kind) -> &'static str {
        match kind {
            Kind::Bool => "boolean",
            Kind::Integer | Kind::Money | Kind::Time => "bigint",
            Kind::Double => "double precision",
            Kind::Decimal => "numeric(38, 10)",
            Kind::Text => "text COLLATE \"C\"",
            Kind::Uuid => "uuid",
            Kind::Bytes => "bytea",
        }
    }

    const TABLE_SUFFIX: &'static str = "";

    const COLUMNS: &'static str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1 AND c.relkind = 'r' AND a.attnum > 0 \
         AND NOT a.attisdropped ORDER BY a.attnum";

    const INDEX_NULLS: &'static str = " NULLS FIRST";

    const ORDERS_EACH: bool = true;

    const SAME: &'static str = "IS NOT DISTINCT FROM";

    fn parameter(out: &mut String, slot: usize) {
        out.push_str(&format!("${}", slot + 1));
    }

    fn in_list(out: &mut String, slot: usize) {
        out.push_str(&format!(" = ANY(${})", slot + 1));
    }

    fn matches(out: &mut String, slot: usize) {
        out.push_str(&format!(" ~ ${}", slot + 1));
    }
}

#[cfg(test)]
mod tests;
