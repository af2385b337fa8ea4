//! Conditions on single options of columns that hold several.
//!
//! A value of such a column is a text of numbers, ascending and parted by commas. Whether a number is among them is asked as four
//! questions about that text, which every store and the oracle know how to answer.

use keyholder_dataverse::Value;

use crate::query::{ColumnOf, Comparand, Comparison, Filter, Pattern, TextFunction};

/// That at least one of these options is among those of a row; or none is, as it is of a row that has none at all. Nothing where one is
/// no option's number.
pub(super) fn any_of(column: &ColumnOf, options: &[Value], negated: bool) -> Option<Filter> {
    let mut parts = Vec::with_capacity(options.len() * 4);
    for option in options {
        let number = option.text()?.parse::<i32>().ok()?.to_string();
        let comparison = if negated { Comparison::NotEqual } else { Comparison::Equal };
        let with = Comparand::Value(Value::Text(number.clone()));
        parts.push(Filter::Compare { column: column.clone(), comparison, with });
        for (function, text) in [
            (TextFunction::StartsWith, format!("{number},")),
            (TextFunction::EndsWith, format!(",{number}")),
            (TextFunction::Contains, format!(",{number},")),
        ] {
            parts.push(Filter::Text { column: column.clone(), function, pattern: Pattern::new(text), negated });
        }
    }
    Some(if negated { Filter::And(parts) } else { Filter::Or(parts) })
}
