//! The texts of conditions against the kind of their column.

use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::schema::{Column, ColumnKind};
use keyholder_dataverse::value::{Decimal, Money, Value, chosen};
use keyholder_foundation::Timestamp;
use uuid::Uuid;

use crate::syntax::quoted;

/// The value that a text stands for beside a column; never null.
pub(super) fn of_column(column: &Column, text: &str) -> Result<Value, DataverseError> {
    let trimmed = text.trim();
    let refused = || refused(column, text);
    match &column.kind {
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } => Ok(Value::Text(text.to_owned())),
        // Exactly these options, whatever the order.
        ColumnKind::MultiSelect { .. } => chosen(trimmed).flatten().map(Value::Text).ok_or_else(refused),
        ColumnKind::Guid | ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => {
            Uuid::try_parse(trimmed).map(Value::Guid).map_err(|_| refused())
        }
        ColumnKind::Integer(_) | ColumnKind::BigInteger | ColumnKind::Choice { .. } | ColumnKind::Status { .. } => {
            trimmed.parse().map(Value::Integer).map_err(|_| refused())
        }
        // A state may go by its name too, as in the documented examples.
        ColumnKind::State { options } => {
            let named = || options.iter().find(|option| option.label.eq_ignore_ascii_case(trimmed));
            let number = trimmed.parse().ok().or_else(|| named().map(|option| i64::from(option.value)));
            number.map(Value::Integer).ok_or_else(refused)
        }
        ColumnKind::Decimal { .. } => Decimal::parse(trimmed).map(Value::Decimal).ok_or_else(refused),
        ColumnKind::Money { .. } => Money::parse(trimmed).map(Value::Money).ok_or_else(refused),
        ColumnKind::Double { .. } => {
            trimmed.parse().ok().filter(|float: &f64| float.is_finite()).map(Value::Double).ok_or_else(refused)
        }
        ColumnKind::Boolean(_) | ColumnKind::ManagedBoolean(_) => match trimmed.to_ascii_lowercase().as_str() {
            "1" | "true" => Ok(Value::Boolean(true)),
            "0" | "false" => Ok(Value::Boolean(false)),
            _ => Err(refused()),
        },
        ColumnKind::DateTime { .. } => moment(trimmed).map(Value::DateTime).ok_or_else(refused),
        _ => Err(refused()),
    }
}

/// A date or a moment. One without a zone is meant in UTC, the zone that everybody has here.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    let (date, time) = text.split_once(['T', ' '])?;
    let seconds = if time.matches(':').count() == 1 { ":00" } else { "" };
    Timestamp::parse(&format!("{date}T{}{seconds}Z", time.trim())).ok()
}

fn refused(column: &Column, text: &str) -> DataverseError {
    DataverseError::new(
        code::QUERY_INVALID_VALUE,
        format!(
            "The value '{}' of the condition on '{}' is no {}.",
            quoted(text),
            column.name,
            match column.kind.edm_type() {
                "Edm.Guid" => "GUID",
                "Edm.Int32" | "Edm.Int64" => "whole number",
                "Edm.Decimal" | "Edm.Double" => "number",
                "Edm.Boolean" | "Microsoft.Dynamics.CRM.BooleanManagedProperty" => "yes or no (1 or 0)",
                "Edm.Date" | "Edm.DateTimeOffset" => "date",
                _ => "value of its type",
            }
        ),
    )
}
