//! Values on their way to the server and back, each as the type that the server expects or sent.

use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use keyholder_foundation::Timestamp;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::numeric;
use crate::{Error, Kind, Value, ValueRef};

/// How many units of 10^-10 make one.
const ONE: i128 = 10_000_000_000;

/// A value as a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

/// A value of a kind that the server did not expect at this place.
#[derive(Debug)]
pub(super) struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Mismatch {}

type Written = Result<IsNull, Box<dyn StdError + Sync + Send>>;

impl ToSql for Parameter<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Written {
        let bytes: &[u8] = match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bool(v) if *ty == Type::BOOL => &[u8::from(*v)],
            Value::Bool(v) => return self.number(i64::from(*v), ty, out),
            Value::Integer(v) | Value::Money(v) => return self.number(*v, ty, out),
            Value::Time(v) => return self.number(v.as_millis(), ty, out),
            Value::Double(v) if *ty == Type::FLOAT8 => &v.to_be_bytes(),
            Value::Decimal(v) if *ty == Type::NUMERIC => &numeric::encode(*v),
            Value::Text(v) if is_text(ty) => v.as_bytes(),
            Value::Pattern(v) if is_text(ty) => return Parameter(&Value::Text(v.regular_expression())).to_sql(ty, out),
            Value::Uuid(v) if *ty == Type::UUID => v.as_bytes(),
            Value::Bytes(v) if *ty == Type::BYTEA => v,
            Value::List(_, items) => {
                let items: Vec<_> = items.iter().map(Parameter).collect();
                return items.to_sql(ty, out);
            }
            _ => return Err(self.mismatch(ty)),
        };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // Which goes with which is said value by value.
        true
    }

    to_sql_checked!();
}

impl Parameter<'_> {
    fn number(self, number: i64, ty: &Type, out: &mut BytesMut) -> Written {
        match *ty {
            Type::INT8 => out.extend_from_slice(&number.to_be_bytes()),
            Type::INT4 => out.extend_from_slice(&i32::try_from(number).map_err(|_| self.mismatch(ty))?.to_be_bytes()),
            Type::INT2 => out.extend_from_slice(&i16::try_from(number).map_err(|_| self.mismatch(ty))?.to_be_bytes()),
            Type::NUMERIC => out.extend_from_slice(&numeric::encode(i128::from(number) * ONE)),
            _ => return Err(self.mismatch(ty)),
        }
        Ok(IsNull::No)
    }

    fn mismatch(self, ty: &Type) -> Box<dyn StdError + Sync + Send> {
        let kind = self.0.kind().map_or_else(|| "list or pattern".to_owned(), |kind| format!("{kind:?}"));
        Box::new(Mismatch(format!("a {kind} stands where the store expects `{ty}`")))
    }
}

fn is_text(ty: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::NAME, Type::UNKNOWN].contains(ty)
}

/// The type that a value is sent as; unknown when only the statement can tell.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::BOOL,
        Value::Integer(_) | Value::Money(_) | Value::Time(_) => Type::INT8,
        Value::Double(_) => Type::FLOAT8,
        Value::Decimal(_) => Type::NUMERIC,
        Value::Uuid(_) => Type::UUID,
        Value::Bytes(_) => Type::BYTEA,
        Value::Null => Type::UNKNOWN,
        Value::Text(_) | Value::Pattern(_) => Type::TEXT,
        Value::List(kind, _) => match kind {
            Kind::Bool => Type::BOOL_ARRAY,
            Kind::Integer | Kind::Money | Kind::Time => Type::INT8_ARRAY,
            Kind::Double => Type::FLOAT8_ARRAY,
            Kind::Decimal => Type::NUMERIC_ARRAY,
            Kind::Text => Type::TEXT_ARRAY,
            Kind::Uuid => Type::UUID_ARRAY,
            Kind::Bytes => Type::BYTEA_ARRAY,
        },
    }
}

/// A column's bytes as they came.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// One row of a result, as the server sent it.
#[derive(Debug)]
pub(crate) struct Row<'r>(pub(super) &'r tokio_postgres::Row);

impl Row<'_> {
    pub(crate) fn value(&self, index: usize, kind: Kind) -> Result<ValueRef<'_>, Error> {
        let no_column = || Error::Value { reason: format!("a row has no column {index}") };
        let ty = self.0.columns().get(index).ok_or_else(no_column)?.type_();
        let Some(Raw(raw)) = self.0.try_get::<_, Option<Raw<'_>>>(index).map_err(|_| no_column())? else {
            return Ok(ValueRef::Null);
        };
        let value = match kind {
            Kind::Bool if *ty == Type::BOOL => raw.first().map(|byte| ValueRef::Bool(*byte != 0)),
            Kind::Bool => whole(raw, ty).map(|number| ValueRef::Bool(number != 0)),
            Kind::Integer => whole(raw, ty).map(ValueRef::Integer),
            Kind::Money => whole(raw, ty).map(ValueRef::Money),
            Kind::Time => whole(raw, ty).map(|number| ValueRef::Time(Timestamp::from_millis(number))),
            Kind::Double if *ty == Type::FLOAT8 => raw.try_into().ok().map(f64::from_be_bytes).map(ValueRef::Double),
            Kind::Decimal if *ty == Type::NUMERIC => numeric::decode(raw).map(ValueRef::Decimal),
            Kind::Text if is_text(ty) => std::str::from_utf8(raw).ok().map(ValueRef::Text),
            Kind::Uuid if *ty == Type::UUID => Uuid::from_slice(raw).ok().map(ValueRef::Uuid),
            Kind::Bytes if *ty == Type::BYTEA => Some(ValueRef::Bytes(raw)),
            _ => None,
        };
        value.ok_or_else(|| Error::Value {
            reason: format!("column {index} was to be read as {kind:?} and holds `{ty}`"),
        })
    }
}

/// A whole number of any of the types that sums, counts and columns have.
fn whole(raw: &[u8], ty: &Type) -> Option<i64> {
    match *ty {
        Type::INT8 => raw.try_into().ok().map(i64::from_be_bytes),
        Type::INT4 => raw.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        Type::INT2 => raw.try_into().ok().map(i16::from_be_bytes).map(i64::from),
        Type::NUMERIC => {
            let number = numeric::decode(raw)?;
            (number % ONE == 0).then(|| i64::try_from(number / ONE).ok()).flatten()
        }
        _ => None,
    }
}
