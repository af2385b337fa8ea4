//! SQLite's SQL (<https://www.sqlite.org/lang.html>).

use super::Dialect;
use super::printer::Printer;
use crate::statement::Statement;
use crate::{Error, Kind};

/// Prints a statement for SQLite.
///
/// # Errors
/// [`Error::Statement`] when it cannot be printed in any dialect.
pub fn print(statement: &Statement) -> Result<String, Error> {
    Printer::<Sqlite>::print(statement)
}

/// The type that a column of this kind is made with.
pub(super) fn column_type(kind: Kind) -> &'static str {
    Sqlite::column_type(kind)
}

enum Sqlite {}

impl Dialect for Sqlite {
    fn column_type(kind: Kind) -> &'static str {
        match kind {
            Kind::Bool | Kind::Integer | Kind::Money | Kind::Time => "INTEGER",
            Kind::Double => "REAL",
            Kind::Text => "TEXT",
            Kind::Decimal | Kind::Uuid | Kind::Bytes => "BLOB",
        }
    }

    /// A strict table keeps what it is given, or refuses: a mistake in a kind shows at once.
    const TABLE_SUFFIX: &'static str = " STRICT";

    const COLUMNS: &'static str = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";

    /// NULL is the smallest value there anyway.
    const INDEX_NULLS: &'static str = "";

    const ORDERS_EACH: bool = false;

    const SAME: &'static str = "IS";

    fn parameter(out: &mut String, slot: usize) {
        out.push_str(&format!("?{}", slot + 1));
    }

    fn in_list(out: &mut String, slot: usize) {
        out.push_str(&format!(" IN rarray(?{})", slot + 1));
    }

    fn matches(out: &mut String, slot: usize) {
        out.push_str(&format!(" GLOB ?{}", slot + 1));
    }
}
