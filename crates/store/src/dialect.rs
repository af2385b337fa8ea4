//! Printing a statement as SQL. One printer walks the tree; a `Dialect` says where the stores
//! differ.

pub mod postgresql;
mod printer;
pub mod sqlite;

use crate::Kind;
use crate::statement::Literal;

/// Whether a column that some store says is of this type is one that was made for this kind. No name of a type is one in both.
pub(crate) fn is_type_of(store_type: &str, kind: Kind) -> bool {
    let types = [sqlite::column_type(kind), postgresql::column_type(kind)];
    let plain = |name: &str| -> String {
        let name = name.split_once(" COLLATE").map_or(name, |(name, _)| name);
        name.chars().filter(|letter| *letter != ' ').collect()
    };
    types.into_iter().any(|made| plain(made) == plain(store_type))
}

/// Where two SQL databases differ, for the statements that we have. All methods append to `out`.
pub(crate) trait Dialect {
    /// The column type, with its collation.
    fn column_type(kind: Kind) -> &'static str;

    /// What stands behind a table's closing parenthesis.
    const TABLE_SUFFIX: &'static str;

    /// The columns of the table whose name is the one parameter, in their order: name and type.
    const COLUMNS: &'static str;

    /// What follows a column of an index that may have NULL, so that the index leads to the order that rows are asked for in.
    const INDEX_NULLS: &'static str;

    /// Whether the rows of merged selects are put in order, and limited, in each of them too. A store that merges them in
    /// their order by itself has no words for it.
    const ORDERS_EACH: bool;

    /// The operator that takes NULL as equal to NULL.
    const SAME: &'static str;

    /// The parameter at this place, counted from zero.
    fn parameter(out: &mut String, slot: usize);

    /// What follows the left side of "is one of the list parameter".
    fn in_list(out: &mut String, slot: usize);

    /// What follows the left side of "looks like the pattern parameter".
    fn matches(out: &mut String, slot: usize);

    /// A value that stands in the text.
    fn literal(out: &mut String, literal: &Literal) {
        match literal {
            Literal::Null => out.push_str("NULL"),
            Literal::Bool(true) => out.push_str("TRUE"),
            Literal::Bool(false) => out.push_str("FALSE"),
            Literal::Integer(number) => out.push_str(&number.to_string()),
            Literal::Text(text) => {
                out.push('\'');
                out.push_str(&text.replace('\'', "''"));
                out.push('\'');
            }
        }
    }
}
