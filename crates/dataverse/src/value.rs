//! What a column holds: typed values that mean the same in every store.
//!
//! Amounts and decimals are exact integers of a fixed fraction, moments are milliseconds in UTC,
//! choices are their numbers. A [`Value`] alone does not say which column it is for; reading,
//! printing and checking take the column.

mod json;
mod limits;
mod number;

use std::cmp::Ordering;
use std::fmt;

use keyholder_foundation::Timestamp;
use uuid::Uuid;

use crate::fold::fold;

pub use json::{read_json, write_json, write_json_text};
pub use limits::check;
pub use number::parse_scaled;

/// An exact decimal number, counted in units of 10⁻¹⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(pub i128);

/// An exact amount of money, counted in units of 1/10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub i64);

/// A row of some table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The table's object type code.
    pub type_code: i32,
    /// The row's id.
    pub id: Uuid,
}

/// The value of one column in one row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number: integer and big integer columns, and the number of an option.
    Integer(i64),
    /// An exact decimal.
    Decimal(Decimal),
    /// An amount.
    Money(Money),
    /// A floating point number, never NaN or infinite.
    Double(f64),
    /// Text.
    Text(String),
    /// A GUID.
    Guid(Uuid),
    /// A moment; for a date without time, its midnight in UTC.
    DateTime(Timestamp),
    /// The row that a lookup names.
    Lookup(Reference),
}

/// The value of a column of several choices, of numbers with commas between them as clients give them: ascending and each once; an inner
/// none for no number at all, an outer one for what are no numbers.
#[must_use]
pub fn chosen(text: &str) -> Option<Option<String>> {
    if text.trim().is_empty() {
        return Some(None);
    }
    let mut numbers = text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<i32>>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Some(Some(numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",")))
}

impl Value {
    /// Whether there is nothing.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The GUID, also of the row that a lookup names.
    #[must_use]
    pub const fn guid(&self) -> Option<Uuid> {
        match self {
            Self::Guid(id) | Self::Lookup(Reference { id, .. }) => Some(*id),
            _ => None,
        }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How two values of one column compare, as Dataverse compares: texts folded, lookups by id,
    /// GUIDs by their bytes. None when either is null or they are of different kinds.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Decimal(left), Self::Decimal(right)) => Some(left.cmp(right)),
            (Self::Money(left), Self::Money(right)) => Some(left.cmp(right)),
            (Self::Double(left), Self::Double(right)) => left.partial_cmp(right),
            (Self::Text(left), Self::Text(right)) => Some(fold(left).cmp(&fold(right))),
            (Self::DateTime(left), Self::DateTime(right)) => Some(left.cmp(right)),
            (left, right) => Some(left.guid()?.cmp(&right.guid()?)),
        }
    }
}

impl Decimal {
    /// Digits after the point.
    pub const SCALE: u32 = 10;
    /// One.
    pub const ONE: i128 = 10_000_000_000;

    /// Reads a JSON number exactly; digits beyond the tenth are rounded half away from zero.
    /// None when it is no number or out of reach.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_scaled(text, Self::SCALE).map(Self)
    }

    /// This number with only `digits` after the point, rounded half away from zero.
    #[must_use]
    pub fn rounded(self, digits: u8) -> Self {
        Self(number::round(self.0, Self::SCALE, u32::from(digits)))
    }
}

impl Money {
    /// Digits after the point.
    pub const SCALE: u32 = 4;
    /// One.
    pub const ONE: i64 = 10_000;

    /// Reads a JSON number exactly; digits beyond the fourth are rounded half away from zero.
    /// None when it is no number or out of reach.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        parse_scaled(text, Self::SCALE).and_then(|units| i64::try_from(units).ok()).map(Self)
    }

    /// This amount with only `digits` after the point, rounded half away from zero.
    #[must_use]
    pub fn rounded(self, digits: u8) -> Self {
        let units = number::round(i128::from(self.0), Self::SCALE, u32::from(digits));
        Self(i64::try_from(units).unwrap_or(self.0))
    }
}

/// The shortest exact form, without trailing noughts: `12.5`, `-3`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        number::print(f, self.0, Self::SCALE)
    }
}

/// The shortest exact form, without trailing noughts: `12.5`, `-3`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        number::print(f, i128::from(self.0), Self::SCALE)
    }
}

#[cfg(test)]
mod tests;
