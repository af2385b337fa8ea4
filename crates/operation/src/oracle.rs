//! What a query means, said a second time.
//!
//! A naive evaluator of a bound query over rows in memory. It shares no code with the lowering to
//! SQL, so that random rows and queries can be held against both: where they differ, one of them
//! is wrong. It is written to be read, not to be fast.

use std::cmp::Ordering;

use keyholder_dataverse::Value;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::Column;

use crate::query::{Comparand, Comparison, Filter, Pattern, PatternPart, Query, TextFunction};

/// A row: the values of its columns, by their position in the table. Missing ones are null.
pub type Row = Vec<Value>;

/// The rows that the query asks for, in its order.
///
/// `rows` are all rows of the table that the caller reaches; what [`Query::within`] and
/// [`Query::page`] leave out must be left out already.
#[must_use]
pub fn evaluate<'a>(query: &Query, rows: &'a [Row]) -> Vec<&'a Row> {
    let mut found: Vec<&Row> =
        rows.iter().filter(|row| query.filter.as_ref().is_none_or(|filter| holds(filter, row))).collect();
    found.sort_by(|left, right| order(query, left, right));
    found.truncate(query.top.map_or(usize::MAX, |top| top as usize));
    found
}

/// Whether a row meets a condition.
#[must_use]
pub fn holds(filter: &Filter, row: &Row) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(part, row)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, row)),
        Filter::Null { column, negated } => value(row, column).is_null() != *negated,
        Filter::Compare { column, comparison, with } => {
            let other = match with {
                Comparand::Value(value) => value,
                Comparand::Column(column) => value(row, column),
            };
            compares(*comparison, value(row, column).compare(other))
        }
        Filter::Text { column, function, pattern, negated } => {
            let found = value(row, column).text().is_some_and(|text| matches(*function, pattern, text));
            found != *negated
        }
    }
}

/// Whether an outcome, none for a missing value, is what the comparison asks for.
fn compares(comparison: Comparison, outcome: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Equal => outcome == Some(Ordering::Equal),
        Comparison::NotEqual => outcome != Some(Ordering::Equal),
        Comparison::Greater => outcome == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => outcome.is_some_and(Ordering::is_ge),
        Comparison::Less => outcome == Some(Ordering::Less),
        Comparison::LessOrEqual => outcome.is_some_and(Ordering::is_le),
    }
}

fn value<'a>(row: &'a Row, column: &Column) -> &'a Value {
    row.get(column.position).unwrap_or(&Value::Null)
}

/// The order of two rows: by each column in turn, nulls first (last when descending), then by id.
fn order(query: &Query, left: &Row, right: &Row) -> Ordering {
    for by in &query.order {
        let ascending = nulls_first(value(left, &by.column), value(right, &by.column));
        let directed = if by.descending { ascending.reverse() } else { ascending };
        if directed != Ordering::Equal {
            return directed;
        }
    }
    let id = query.table.primary_id();
    nulls_first(value(left, id), value(right, id))
}

fn nulls_first(left: &Value, right: &Value) -> Ordering {
    left.compare(right).unwrap_or_else(|| right.is_null().cmp(&left.is_null()))
}

/// Whether a pattern is found in a text, where the function looks.
fn matches(function: TextFunction, pattern: &Pattern, text: &str) -> bool {
    let folded: Vec<char> = fold(text).chars().collect();
    let starts: Vec<usize> = match function {
        TextFunction::StartsWith => vec![0],
        TextFunction::Contains | TextFunction::EndsWith => (0..=folded.len()).collect(),
    };
    let to_the_end = function == TextFunction::EndsWith;
    starts.into_iter().any(|start| fits(pattern.parts(), folded.get(start..).unwrap_or_default(), to_the_end))
}

/// Whether the parts fit the beginning of the text, or the whole of it. Every set of places
/// reached so far is kept, so that many wildcards do not take forever.
fn fits(parts: &[PatternPart], text: &[char], to_the_end: bool) -> bool {
    let mut places = vec![0];
    for part in parts {
        let mut next: Vec<usize> = Vec::new();
        for place in places {
            let rest = text.get(place..).unwrap_or_default();
            match part {
                PatternPart::Literal(literal) => {
                    let letters: Vec<char> = literal.chars().collect();
                    if rest.starts_with(&letters) {
                        next.push(place + letters.len());
                    }
                }
                PatternPart::AnyText => next.extend(place..=text.len()),
                PatternPart::AnyCharacter => next.extend(rest.first().map(|_| place + 1)),
                PatternPart::OneOf { ranges, negated } => {
                    let inside = |letter: &char| ranges.iter().any(|(first, last)| (first..=last).contains(&letter));
                    next.extend(rest.first().filter(|letter| inside(letter) != *negated).map(|_| place + 1));
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    if to_the_end { places.contains(&text.len()) } else { !places.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_the_services_store() {
        for (function, pattern, text, expected) in [
            (TextFunction::Contains, "éric", "American", true),
            (TextFunction::StartsWith, "a_c", "ABCD", true),
            (TextFunction::StartsWith, "b", "abc", false),
            (TextFunction::EndsWith, "[a-c]d", "xbd", true),
            (TextFunction::EndsWith, "[^a-c]d", "xbd", false),
            (TextFunction::Contains, "a%d", "xabcdx", true),
            (TextFunction::Contains, "[", "a[b", true),
            (TextFunction::EndsWith, "%", "", true),
            (TextFunction::Contains, "", "x", true),
        ] {
            assert_eq!(matches(function, &Pattern::new(pattern), text), expected, "{function:?} {pattern} {text}");
        }
    }
}
