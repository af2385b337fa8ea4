//! Literals against the kind of the column they stand beside.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, ColumnKind};
use keyholder_dataverse::value::{Decimal, Money, Value, chosen};
use keyholder_foundation::Timestamp;

use super::Binder;
use crate::syntax::lexer::{Lexer, TokenKind};
use crate::syntax::{Literal, quoted};

/// The value that a literal has by itself, for places that name no column. Aliases are looked up;
/// one that is not assigned is null.
pub(super) fn resolved(binder: Binder<'_>, literal: &Literal<'_>) -> Result<Value, DataverseError> {
    match literal {
        Literal::Alias(name) => match binder.options.alias(name) {
            None => Ok(Value::Null),
            Some(text) => plain(&alias_literal(text)?),
        },
        other => plain(other),
    }
}

fn plain(literal: &Literal<'_>) -> Result<Value, DataverseError> {
    match literal {
        Literal::Null => Ok(Value::Null),
        Literal::Boolean(flag) => Ok(Value::Boolean(*flag)),
        Literal::Text(text) => Ok(Value::Text(text.clone().into_owned())),
        Literal::Guid(id) => Ok(Value::Guid(*id)),
        Literal::Number(text) => text.parse().map(Value::Integer).map_err(|_| error::bad_syntax()),
        // An alias that stands for an alias would be a circle.
        Literal::DateTime(_) | Literal::Alias(_) | Literal::List(_) | Literal::Typed { .. } => Err(error::bad_syntax()),
    }
}

/// The one literal that an alias stands for.
fn alias_literal(text: &str) -> Result<Literal<'_>, DataverseError> {
    let mut lexer = Lexer::new(text);
    let first = lexer.next_token()?;
    let TokenKind::Literal(literal) = first.kind else { return Err(error::bad_syntax()) };
    match lexer.next_token()?.kind {
        TokenKind::End => Ok(literal),
        _ => Err(error::bad_syntax()),
    }
}

/// The value of `literal` beside `column`, null included. `operator` is the OData name of the
/// comparison, for the text of the refusal.
pub(super) fn of_column(
    binder: Binder<'_>,
    column: &Column,
    literal: &Literal<'_>,
    operator: &str,
) -> Result<Value, DataverseError> {
    let literal = match literal {
        Literal::Alias(name) => match binder.options.alias(name) {
            None => return Ok(Value::Null),
            Some(text) => match alias_literal(text)? {
                Literal::Alias(_) => return Err(error::bad_syntax()),
                other => other,
            },
        },
        other => other.clone(),
    };
    if literal == Literal::Null {
        return Ok(Value::Null);
    }
    let refused = || incompatible(column, &literal, operator);
    match (&column.kind, &literal) {
        (ColumnKind::Text { .. } | ColumnKind::Memo { .. }, Literal::Text(text)) => {
            Ok(Value::Text(text.clone().into_owned()))
        }
        (ColumnKind::MultiSelect { .. }, Literal::Text(text)) => {
            chosen(text).flatten().map(Value::Text).ok_or_else(refused)
        }
        (
            ColumnKind::Guid | ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. },
            Literal::Guid(id),
        ) => Ok(Value::Guid(*id)),
        (
            ColumnKind::Integer(_)
            | ColumnKind::BigInteger
            | ColumnKind::Choice { .. }
            | ColumnKind::State { .. }
            | ColumnKind::Status { .. },
            Literal::Number(text),
        ) => text.parse().map(Value::Integer).map_err(|_| refused()),
        (ColumnKind::Decimal { .. }, Literal::Number(text)) => {
            Decimal::parse(text).map(Value::Decimal).ok_or_else(refused)
        }
        (ColumnKind::Money { .. }, Literal::Number(text)) => Money::parse(text).map(Value::Money).ok_or_else(refused),
        (ColumnKind::Double { .. }, Literal::Number(text)) => {
            text.parse().ok().filter(|float: &f64| float.is_finite()).map(Value::Double).ok_or_else(refused)
        }
        (ColumnKind::Boolean(_), Literal::Boolean(flag)) => Ok(Value::Boolean(*flag)),
        (ColumnKind::DateTime { .. }, Literal::DateTime(text)) => {
            Timestamp::parse(text).map(Value::DateTime).map_err(|_| unrecognized("Edm.DateTimeOffset", text))
        }
        _ => Err(refused()),
    }
}

/// The refusal of a literal of another type than its column's.
fn incompatible(column: &Column, literal: &Literal<'_>, operator: &str) -> DataverseError {
    let found = match literal {
        // Seen live: both of the forms that older services took are not recognised at all.
        Literal::Text(text) if column.kind.edm_type() == "Edm.Guid" => {
            return unrecognized("Edm.String", &format!("'{text}'"));
        }
        Literal::Typed { prefix, text } => return unrecognized("Edm.String", &format!("{prefix}'{text}'")),
        Literal::Text(_) => "Edm.String",
        Literal::Number(text) if text.contains(['.', 'e', 'E']) => "Edm.Decimal",
        Literal::Number(_) => "Edm.Int32",
        Literal::Boolean(_) => "Edm.Boolean",
        Literal::Guid(_) => "Edm.Guid",
        Literal::DateTime(text) if text.len() == 10 => "Edm.Date",
        Literal::DateTime(_) => "Edm.DateTimeOffset",
        Literal::Null | Literal::Alias(_) | Literal::List(_) => "Edm.Null",
    };
    let kind = match operator {
        "eq" => "Equal",
        "ne" => "NotEqual",
        "gt" => "GreaterThan",
        "ge" => "GreaterThanOrEqual",
        "lt" => "LessThan",
        "le" => "LessThanOrEqual",
        _ => return error::bad_syntax(),
    };
    error::odata(format!(
        "A binary operator with incompatible types was detected. Found operand types '{}' and '{found}' for operator \
         kind '{kind}'.",
        column.kind.edm_type()
    ))
}

fn unrecognized(edm_type: &str, literal: &str) -> DataverseError {
    error::odata(format!("Unrecognized '{edm_type}' literal '{}'.", quoted(literal)))
}
