//! What rows show, and what groups and figures mean, said a second time.

use std::cmp::Ordering;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{ColumnKind, DateBehavior};
use keyholder_dataverse::value::{Decimal, Money};

use super::{Joined, World, found, nulls_first, order, tables_of, value};
use crate::query::{Aggregate, ColumnOf, Figure, FigureFunction, Group, Order, Query};

/// What each row of a query shows, in its order: the values of its own columns, then of those under
/// names of their own. Where rows come once when they show the same, the first of each.
#[must_use]
pub fn shown<'w>(query: &'w Query, world: &'w World<'w>) -> Vec<Vec<Value>> {
    let tables = tables_of(&query.table, &query.links);
    let mut rows = found(query, world);
    rows.sort_by(|left, right| order(query, &tables, left, right));
    let own = query.select.columns().iter().map(ColumnOf::from);
    let columns: Vec<ColumnOf> = own.chain(query.shown.iter().map(|shown| shown.column.clone())).collect();
    let mut all: Vec<(Vec<Value>, &Joined<'w>)> = Vec::new();
    for row in &rows {
        let values: Vec<Value> = columns.iter().map(|column| of(row, column)).collect();
        // What rows are only sorted by tells them apart, too.
        let known = |(known, other): &(Vec<Value>, &Joined<'w>)| same(known, &values) && sorts_as(query, other, row);
        if !query.distinct || !all.iter().any(known) {
            all.push((values, row));
        }
    }
    all.truncate(query.top.map_or(usize::MAX, |top| top as usize));
    all.into_iter().map(|(values, _)| values).collect()
}

/// Whether two rows stand at the same place of a query's order, but for ties.
fn sorts_as(query: &Query, left: &Joined<'_>, right: &Joined<'_>) -> bool {
    let keys = |row: &Joined<'_>| -> Vec<Value> {
        let key = |by: &Order| {
            let columns = std::iter::once(&by.column).chain(&by.otherwise);
            columns.map(|column| of(row, column)).find(|value| !value.is_null()).unwrap_or(Value::Null)
        };
        query.order.iter().map(key).collect()
    };
    same(&keys(left), &keys(right))
}

/// The groups of a query, each with the values that it is a group of, and its figures.
#[must_use]
pub fn groups<'w>(query: &'w Query, aggregate: &Aggregate, world: &'w World<'w>) -> Vec<(Vec<Value>, Vec<Value>)> {
    let mut grouped: Vec<(Vec<Value>, Vec<Joined<'w>>)> = Vec::new();
    for row in found(query, world) {
        let values: Vec<Value> = aggregate.groups.iter().map(|group| part(group, world, &row)).collect();
        match grouped.iter_mut().find(|(known, _)| same(known, &values)) {
            Some((known, rows)) => {
                // Of several writings of a text the first by its bytes is shown.
                for (known, value) in known.iter_mut().zip(values) {
                    if matches!((known.text(), value.text()), (Some(known), Some(value)) if value < known) {
                        *known = value;
                    }
                }
                rows.push(row);
            }
            None => grouped.push((values, vec![row])),
        }
    }
    if grouped.is_empty() && aggregate.groups.is_empty() {
        grouped.push((Vec::new(), Vec::new()));
    }
    let figures = |rows: &[Joined<'w>]| aggregate.figures.iter().map(|one| figure(one, rows)).collect();
    let mut all: Vec<(Vec<Value>, Vec<Value>)> =
        grouped.into_iter().map(|(values, rows)| (values, figures(&rows))).collect();
    all.sort_by(|left, right| {
        let at = |(groups, figures): &(Vec<Value>, Vec<Value>), place: usize| {
            groups.iter().chain(figures).nth(place).cloned().unwrap_or(Value::Null)
        };
        let asked = aggregate.order.iter().map(|by| {
            let ascending = nulls_first(&at(left, by.place), &at(right, by.place));
            if by.descending { ascending.reverse() } else { ascending }
        });
        let ties = left.0.iter().zip(&right.0).map(|(left, right)| nulls_first(left, right));
        asked.chain(ties).fold(Ordering::Equal, Ordering::then)
    });
    all
}

fn of(row: &Joined<'_>, column: &ColumnOf) -> Value {
    row.get(column.source.0).copied().flatten().map_or(Value::Null, |row| value(row, &column.column).clone())
}

/// Whether values are the same one by one; nothing is the same as nothing.
fn same(left: &[Value], right: &[Value]) -> bool {
    left.iter().zip(right).all(|(left, right)| nulls_first(left, right) == Ordering::Equal)
}

fn part(group: &Group, world: &World<'_>, row: &Joined<'_>) -> Value {
    match (group.part, of(row, &group.column)) {
        (Some(part), Value::DateTime(moment)) => {
            let local = matches!(group.column.kind, ColumnKind::DateTime { behavior: DateBehavior::UserLocal });
            Value::Integer(part.of(moment, world.circumstances.zone, local))
        }
        (_, value) => value,
    }
}

fn figure(figure: &Figure, rows: &[Joined<'_>]) -> Value {
    let number = |count: usize| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
    let column = match (figure.function, &figure.column) {
        (FigureFunction::Rows, _) | (_, None) => return number(rows.len()),
        (_, Some(column)) => column,
    };
    let mut values: Vec<Value> = rows.iter().map(|row| of(row, column)).filter(|value| !value.is_null()).collect();
    values.sort_by(nulls_first);
    match figure.function {
        FigureFunction::Count => {
            if figure.distinct {
                values.dedup_by(|left, right| nulls_first(left, right) == Ordering::Equal);
            }
            number(values.len())
        }
        FigureFunction::Minimum => values.into_iter().next().unwrap_or(Value::Null),
        FigureFunction::Maximum => values.into_iter().next_back().unwrap_or(Value::Null),
        function => total(function == FigureFunction::Average, &values),
    }
}

/// The sum of values, or their average, in the column's own fixed units.
fn total(average: bool, values: &[Value]) -> Value {
    let count = i128::try_from(values.len()).unwrap_or(i128::MAX);
    let whole = |units: &mut dyn Iterator<Item = i128>| -> i128 { units.sum() };
    let rounded = |units: i128| {
        // Half away from zero, by way of twice the number.
        if average { (2 * units + units.signum() * count) / (2 * count) } else { units }
    };
    match values.first() {
        Some(Value::Integer(_)) => {
            let sum = whole(&mut values.iter().filter_map(|value| match value {
                Value::Integer(number) => Some(i128::from(*number)),
                _ => None,
            }));
            Value::Integer(i64::try_from(if average { sum / count } else { sum }).unwrap_or(i64::MAX))
        }
        Some(Value::Money(_)) => {
            let sum = whole(&mut values.iter().filter_map(|value| match value {
                Value::Money(Money(units)) => Some(i128::from(*units)),
                _ => None,
            }));
            Value::Money(Money(i64::try_from(rounded(sum)).unwrap_or(i64::MAX)))
        }
        Some(Value::Decimal(_)) => {
            let sum = whole(&mut values.iter().filter_map(|value| match value {
                Value::Decimal(Decimal(units)) => Some(*units),
                _ => None,
            }));
            Value::Decimal(Decimal(rounded(sum)))
        }
        Some(Value::Double(_)) => {
            let numbers = values.iter().filter_map(|value| match value {
                Value::Double(number) => Some(*number),
                _ => None,
            });
            let sum: f64 = numbers.sum();
            #[expect(clippy::cast_precision_loss, reason = "a world for tests has few rows")]
            let count = values.len() as f64;
            Value::Double(if average { sum / count } else { sum })
        }
        _ => Value::Null,
    }
}
