//! The values that cross the seam, and what they mean.
//!
//! | [`Kind`]  | Rust                       | SQLite                                   | PostgreSQL         |
//! |-----------|----------------------------|------------------------------------------|--------------------|
//! | `Bool`    | `bool`                     | 0 or 1                                   | `boolean`          |
//! | `Integer` | `i64`                      | `INTEGER`                                | `bigint`           |
//! | `Double`  | `f64`, never NaN           | `REAL`                                   | `double precision` |
//! | `Money`   | `i64` of 1/10,000          | `INTEGER`                                | `bigint`           |
//! | `Decimal` | `i128` of 10^-10           | 16-byte blob that orders as the number   | `numeric(38, 10)`  |
//! | `Text`    | `str` without U+0000       | `TEXT`, compared bytewise                | `text COLLATE "C"` |
//! | `Uuid`    | [`Uuid`]                   | 16-byte blob                             | `uuid`             |
//! | `Time`    | [`Timestamp`], ms UTC      | `INTEGER`                                | `bigint`           |
//! | `Bytes`   | `[u8]`                     | `BLOB`                                   | `bytea`            |
//!
//! A column of each kind orders in both stores as its Rust type does, NULL apart.

use keyholder_foundation::Timestamp;
use uuid::Uuid;

use crate::{Error, Pattern};

/// The type of a column or of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Integer,
    /// A binary floating point number of 64 bits; NaN is refused.
    Double,
    /// An amount in 1/10,000 of a currency unit.
    Money,
    /// An exact decimal in units of 10^-10, of at most 38 digits.
    Decimal,
    /// Unicode text without U+0000, compared by its UTF-8 bytes.
    Text,
    /// A 128-bit id, compared by its bytes.
    Uuid,
    /// A moment, in milliseconds UTC.
    Time,
    /// Raw bytes.
    Bytes,
}

/// A value on its way into a statement, or kept after reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The absence of a value of any kind.
    Null,
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::Integer`].
    Integer(i64),
    /// [`Kind::Double`].
    Double(f64),
    /// [`Kind::Money`], in 1/10,000.
    Money(i64),
    /// [`Kind::Decimal`], in 10^-10.
    Decimal(i128),
    /// [`Kind::Text`].
    Text(String),
    /// [`Kind::Uuid`].
    Uuid(Uuid),
    /// [`Kind::Time`].
    Time(Timestamp),
    /// [`Kind::Bytes`].
    Bytes(Vec<u8>),
    /// Many values of one kind as one parameter, for [`Expr::in_list`](crate::statement::Expr::in_list).
    /// NULLs in it match nothing.
    List(Kind, Vec<Value>),
    /// What a text must look like, for [`Expr::matches`](crate::statement::Expr::matches).
    Pattern(Pattern),
}

/// A value as it lies in a row that is being read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// NULL.
    Null,
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::Integer`].
    Integer(i64),
    /// [`Kind::Double`].
    Double(f64),
    /// [`Kind::Money`], in 1/10,000.
    Money(i64),
    /// [`Kind::Decimal`], in 10^-10.
    Decimal(i128),
    /// [`Kind::Text`].
    Text(&'a str),
    /// [`Kind::Uuid`].
    Uuid(Uuid),
    /// [`Kind::Time`].
    Time(Timestamp),
    /// [`Kind::Bytes`].
    Bytes(&'a [u8]),
}

impl ValueRef<'_> {
    /// A copy that outlives the row.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(v) => Value::Bool(v),
            Self::Integer(v) => Value::Integer(v),
            Self::Double(v) => Value::Double(v),
            Self::Money(v) => Value::Money(v),
            Self::Decimal(v) => Value::Decimal(v),
            Self::Text(v) => Value::Text(v.to_owned()),
            Self::Uuid(v) => Value::Uuid(v),
            Self::Time(v) => Value::Time(v),
            Self::Bytes(v) => Value::Bytes(v.to_vec()),
        }
    }

    /// Whether this is NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }
}

impl Value {
    /// A list parameter of ids.
    pub fn ids(ids: impl IntoIterator<Item = impl Into<Uuid>>) -> Self {
        Self::List(Kind::Uuid, ids.into_iter().map(|id| Self::Uuid(id.into())).collect())
    }

    /// A list parameter of texts.
    pub fn texts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::List(Kind::Text, texts.into_iter().map(|text| Self::Text(text.into())).collect())
    }
}

macro_rules! conversions {
    ($($variant:ident: $rust:ty),+ $(,)?) => {$(
        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }
    )+};
}

conversions! {
    Bool: bool, Integer: i64, Integer: i32, Integer: u32, Double: f64, Text: String, Text: &str, Uuid: Uuid,
    Uuid: keyholder_foundation::TenantId, Uuid: keyholder_foundation::OrgId, Uuid: keyholder_foundation::ClientId,
    Uuid: keyholder_foundation::ObjectId, Uuid: keyholder_foundation::KeyId, Time: Timestamp, Bytes: Vec<u8>, Bytes: &[u8],
    Pattern: Pattern,
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Rust types that a column can be read as. `Option<T>` reads NULL as `None`; every other type
/// refuses it.
pub trait FromValue<'a>: Sized {
    /// This value as `Self`, or nothing when it is of another kind.
    fn from_value(value: ValueRef<'a>) -> Option<Self>;
}

impl<'a> FromValue<'a> for ValueRef<'a> {
    fn from_value(value: Self) -> Option<Self> {
        Some(value)
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: ValueRef<'a>) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

macro_rules! readable {
    ($($rust:ty: $($pattern:pat => $result:expr),+);+ $(;)?) => {$(
        impl<'a> FromValue<'a> for $rust {
            fn from_value(value: ValueRef<'a>) -> Option<Self> {
                match value {
                    $($pattern => $result,)+
                    _ => None,
                }
            }
        }
    )+};
}

readable! {
    bool: ValueRef::Bool(v) => Some(v);
    i64: ValueRef::Integer(v) | ValueRef::Money(v) => Some(v);
    i32: ValueRef::Integer(v) => i32::try_from(v).ok();
    u32: ValueRef::Integer(v) => u32::try_from(v).ok();
    i128: ValueRef::Decimal(v) => Some(v);
    f64: ValueRef::Double(v) => Some(v);
    &'a str: ValueRef::Text(v) => Some(v);
    String: ValueRef::Text(v) => Some(v.to_owned());
    Uuid: ValueRef::Uuid(v) => Some(v);
    keyholder_foundation::TenantId: ValueRef::Uuid(v) => Some(Self(v));
    keyholder_foundation::OrgId: ValueRef::Uuid(v) => Some(Self(v));
    keyholder_foundation::ClientId: ValueRef::Uuid(v) => Some(Self(v));
    keyholder_foundation::ObjectId: ValueRef::Uuid(v) => Some(Self(v));
    keyholder_foundation::KeyId: ValueRef::Uuid(v) => Some(Self(v));
    Timestamp: ValueRef::Time(v) => Some(v);
    &'a [u8]: ValueRef::Bytes(v) => Some(v);
    Vec<u8>: ValueRef::Bytes(v) => Some(v.to_vec());
}

/// The largest magnitude of a [`Kind::Decimal`]: 38 digits, the most that `numeric(38, 10)` holds.
pub const DECIMAL_LIMIT: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// SQLite refuses longer patterns, in the middle of a statement.
const LONGEST_PATTERN: usize = 50_000;

/// A decimal as bytes that order as the number does: big endian, the sign bit flipped.
pub(crate) fn decimal_to_bytes(decimal: i128) -> [u8; 16] {
    (decimal ^ i128::MIN).to_be_bytes()
}

/// The inverse of [`decimal_to_bytes`].
pub(crate) fn decimal_from_bytes(bytes: [u8; 16]) -> i128 {
    i128::from_be_bytes(bytes) ^ i128::MIN
}

/// Refuses what one of the stores could not keep, so that both refuse the same.
pub(crate) fn check(value: &Value) -> Result<(), Error> {
    match value {
        Value::Double(number) if number.is_nan() => {
            Err(Error::Value { reason: "a number that is not a number (NaN) cannot be stored".into() })
        }
        Value::Text(text) if text.contains('\0') => {
            Err(Error::Value { reason: "a text with the character U+0000 cannot be stored".into() })
        }
        Value::Decimal(number) if number.unsigned_abs() > DECIMAL_LIMIT.unsigned_abs() => {
            Err(Error::Value { reason: "a decimal of more than 38 digits cannot be stored".into() })
        }
        Value::Pattern(pattern) if pattern.glob().len() > LONGEST_PATTERN => {
            Err(Error::Value { reason: "a pattern this long cannot be searched for".into() })
        }
        Value::List(kind, items) => {
            for item in items {
                if item.kind().is_some_and(|own| own != *kind) || matches!(item, Value::List(..) | Value::Pattern(_)) {
                    return Err(Error::Value { reason: format!("a list of {kind:?} holds a value of another kind") });
                }
                check(item)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Value {
    /// The kind of a scalar; nothing for NULL, lists and patterns.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Bool(_) => Kind::Bool,
            Self::Integer(_) => Kind::Integer,
            Self::Double(_) => Kind::Double,
            Self::Money(_) => Kind::Money,
            Self::Decimal(_) => Kind::Decimal,
            Self::Text(_) => Kind::Text,
            Self::Uuid(_) => Kind::Uuid,
            Self::Time(_) => Kind::Time,
            Self::Bytes(_) => Kind::Bytes,
            Self::Null | Self::List(..) | Self::Pattern(_) => return None,
        })
    }
}
