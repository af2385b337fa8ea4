//! What a column refuses: texts too long, numbers out of range, options that do not exist.

use std::fmt::Display;

use super::{Decimal, Money, Value};
use crate::error::{self, DataverseError};
use crate::schema::{Column, ColumnKind, NumberRange, Table};

/// The earliest moment that Dataverse stores: 1753-01-01T00:00:00Z, where its store's calendar begins.
const EARLIEST_MILLIS: i64 = -6_847_804_800_000;

/// Checks a value against the limits of its column. Null passes: whether a column may be empty
/// depends on the operation.
///
/// # Errors
/// The service's own limit errors.
pub fn check(table: &Table, column: &Column, value: &Value) -> Result<(), DataverseError> {
    match (&column.kind, value) {
        (ColumnKind::Text { max_length } | ColumnKind::Memo { max_length }, Value::Text(text))
            if text.encode_utf16().count() > *max_length as usize =>
        {
            Err(error::text_too_long(&column.name, table.logical_name(), *max_length))
        }
        (ColumnKind::Integer(range), Value::Integer(whole))
            if *whole < i64::from(range.min) || *whole > i64::from(range.max) =>
        {
            Err(out_of_range(table, column, whole))
        }
        (ColumnKind::Decimal { range, .. }, Value::Decimal(exact)) if outside(*range, float(exact.0, Decimal::ONE)) => {
            Err(out_of_range(table, column, exact))
        }
        (ColumnKind::Money { range, .. }, Value::Money(exact))
            if outside(*range, float(exact.0.into(), Money::ONE.into())) =>
        {
            Err(out_of_range(table, column, exact))
        }
        (ColumnKind::Double { range, .. }, Value::Double(float)) if outside(*range, *float) => {
            Err(out_of_range(table, column, float))
        }
        (
            ColumnKind::Choice { options, .. } | ColumnKind::State { options } | ColumnKind::Status { options },
            Value::Integer(given),
            // Where nobody has said which options there are, any may be one.
        ) if !options.is_empty() && !options.iter().any(|option| i64::from(option.value) == *given) => {
            Err(error::option_out_of_range(&column.name, table.logical_name(), *given))
        }
        (ColumnKind::MultiSelect { options }, Value::Text(chosen)) if !options.is_empty() => {
            let is_known = |number: &i64| options.iter().any(|option| i64::from(option.value) == *number);
            let unknown = chosen.split(',').filter_map(|number| number.parse().ok()).find(|number| !is_known(number));
            unknown
                .map_or(Ok(()), |unknown| Err(error::option_out_of_range(&column.name, table.logical_name(), unknown)))
        }
        (ColumnKind::DateTime { .. }, Value::DateTime(moment)) if moment.as_millis() < EARLIEST_MILLIS => {
            Err(error::date_too_early(&moment.to_string()))
        }
        _ => Ok(()),
    }
}

/// The bounds in the schema are round numbers far inside what a float holds exactly, so a float is
/// enough to compare with them.
fn float(units: i128, one: i128) -> f64 {
    units as f64 / one as f64
}

fn outside(range: NumberRange<f64>, number: f64) -> bool {
    number < range.min || number > range.max
}

fn out_of_range(table: &Table, column: &Column, value: &dyn Display) -> DataverseError {
    let integer = matches!(column.kind, ColumnKind::Integer(_));
    error::number_out_of_range(&column.name, table.logical_name(), &value.to_string(), integer)
}
