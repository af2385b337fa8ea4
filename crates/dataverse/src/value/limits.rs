//! What a column refuses: texts too long, numbers out of range, options that do not exist.

use std::fmt::Display;

use super::{Decimal, Money, Value};
use crate::error::{self, DataverseError};
use crate::schema::{Column, ColumnKind, Table};

/// The earliest moment that Dataverse stores: 1753-01-01T00:00:00Z, where its store's calendar begins.
const EARLIEST_MILLIS: i64 = -6_847_804_800_000;

/// Checks a value against the limits of its column. Null passes: whether a column may be empty
/// depends on the operation.
///
/// # Errors
/// The service's own limit errors.
pub fn check(table: &Table, column: &Column, value: &Value) -> Result<(), DataverseError> {
    match (&column.kind, value) {
        (ColumnKind::Text { max_length } | ColumnKind::Memo { max_length }, Value::Text(text)) => {
            let length = text.encode_utf16().count();
            if length > *max_length as usize {
                return Err(error::text_too_long(&column.name, table.logical_name(), *max_length));
            }
        }
        (ColumnKind::Integer(range), Value::Integer(whole)) => {
            if *whole < i64::from(range.min) || *whole > i64::from(range.max) {
                return Err(out_of_range(table, column, whole));
            }
        }
        // The bounds in the schema are round numbers far inside what a float holds exactly.
        (ColumnKind::Decimal { range, .. }, Value::Decimal(exact)) => {
            let float = exact.0 as f64 / Decimal::ONE as f64;
            if float < range.min || float > range.max {
                return Err(out_of_range(table, column, exact));
            }
        }
        (ColumnKind::Money { range, .. }, Value::Money(exact)) => {
            let float = exact.0 as f64 / Money::ONE as f64;
            if float < range.min || float > range.max {
                return Err(out_of_range(table, column, exact));
            }
        }
        (ColumnKind::Double { range, .. }, Value::Double(float)) => {
            if *float < range.min || *float > range.max {
                return Err(out_of_range(table, column, float));
            }
        }
        (
            ColumnKind::Choice { options, .. } | ColumnKind::State { options } | ColumnKind::Status { options },
            Value::Integer(given),
        ) => {
            if !options.iter().any(|option| i64::from(option.value) == *given) {
                return Err(error::option_out_of_range(&column.name, table.logical_name(), *given));
            }
        }
        (ColumnKind::DateTime { .. }, Value::DateTime(moment)) => {
            if moment.as_millis() < EARLIEST_MILLIS {
                return Err(error::date_too_early(&moment.to_string()));
            }
        }
        _ => {}
    }
    Ok(())
}

fn out_of_range(table: &Table, column: &Column, value: &dyn Display) -> DataverseError {
    let integer = matches!(column.kind, ColumnKind::Integer(_));
    error::number_out_of_range(&column.name, table.logical_name(), &value.to_string(), integer)
}
