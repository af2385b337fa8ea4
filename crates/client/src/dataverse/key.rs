//! Values and keys as a URL bears them (OData 4.0 ABNF, `primitiveLiteral` and `keyPredicate`).

use std::fmt::{self, Write};

use keyholder_foundation::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::text::{encoded_segment, quote};

/// A value in a filter, a key or a function's parameter, written as OData writes it.
///
/// ```
/// use keyholder_client::dataverse::Literal;
/// assert_eq!(Literal::from("O'Brien").to_string(), "'O''Brien'");
/// assert_eq!(Literal::from(3).to_string(), "3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Literal(String);

impl Literal {
    /// No value.
    #[must_use]
    pub fn null() -> Self {
        Self("null".to_owned())
    }

    /// A function's parameter that is JSON: a list, or a row as `{"@odata.id":"contacts(<id>)"}`.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self(value.to_string())
    }

    /// What no other way here writes: `Microsoft.Dynamics.CRM.EndpointAccessType'Default'`. Taken as it is.
    #[must_use]
    pub fn raw(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self(quote(text))
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Self(quote(&text))
    }
}

impl From<&String> for Literal {
    fn from(text: &String) -> Self {
        Self(quote(text))
    }
}

macro_rules! as_it_displays {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Literal {
            fn from(value: $kind) -> Self {
                Self(value.to_string())
            }
        }
    )*};
}

as_it_displays!(bool, i32, i64, u32, u64, Uuid);

impl From<f64> for Literal {
    fn from(number: f64) -> Self {
        Self(match number {
            f64::INFINITY => "INF".to_owned(),
            f64::NEG_INFINITY => "-INF".to_owned(),
            number => number.to_string(),
        })
    }
}

impl From<Timestamp> for Literal {
    fn from(moment: Timestamp) -> Self {
        Self(moment.to_string())
    }
}

/// How a row of a set is named: by its id, or by the columns of an alternate key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// The row's id.
    Id(Uuid),
    /// Columns of an alternate key and their values; a lookup by its `_name_value`.
    Alternate(Vec<(String, Literal)>),
}

impl Key {
    /// An alternate key of one column.
    ///
    /// ```
    /// use keyholder_client::dataverse::Key;
    /// let key = Key::alternate("emailaddress1", "a@b.example").and("lastname", "O'Brien/Ng");
    /// assert_eq!(key.to_string(), "(emailaddress1='a@b.example',lastname='O''Brien%2FNg')");
    /// ```
    #[must_use]
    pub fn alternate(column: impl Into<String>, value: impl Into<Literal>) -> Self {
        Self::Alternate(vec![(column.into(), value.into())])
    }

    /// The same with one more column; an id becomes what the caller names.
    #[must_use]
    pub fn and(self, column: impl Into<String>, value: impl Into<Literal>) -> Self {
        let mut columns = match self {
            Self::Id(_) => Vec::new(),
            Self::Alternate(columns) => columns,
        };
        columns.push((column.into(), value.into()));
        Self::Alternate(columns)
    }
}

impl From<Uuid> for Key {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

/// In parentheses, as it stands behind the set, encoded for a URL.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "({id})"),
            Self::Alternate(columns) => {
                f.write_str("(")?;
                for (at, (column, value)) in columns.iter().enumerate() {
                    if at > 0 {
                        f.write_str(",")?;
                    }
                    encoded_segment(column).fmt(f)?;
                    f.write_str("=")?;
                    encoded_segment(&value.0).fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

/// One row's address below the Web API: a set and a key, or, in a change set, what another part makes.
///
/// ```
/// use keyholder_client::dataverse::{Key, RowRef};
/// let by_key = RowRef::from(("accounts", Key::alternate("accountnumber", "A 1")));
/// assert_eq!(by_key.to_string(), "accounts(accountnumber='A%201')");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowRef(String);

impl RowRef {
    /// Encoded for an address, it is the same within JSON.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// For `@odata.bind`: `{"parentcustomerid_account@odata.bind": row.bind()}`.
    #[must_use]
    pub fn bind(&self) -> String {
        if self.is_content_id() { self.0.clone() } else { format!("/{}", self.0) }
    }

    pub(super) fn content_id(number: usize) -> Self {
        Self(format!("${number}"))
    }

    pub(super) fn is_content_id(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl fmt::Display for RowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K: Into<Key>> From<(&str, K)> for RowRef {
    fn from((set, key): (&str, K)) -> Self {
        let mut address = String::with_capacity(64);
        // Writing to a text does not fail.
        let _ = write!(address, "{}{}", encoded_segment(set), key.into());
        Self(address)
    }
}

impl From<&RowRef> for RowRef {
    fn from(row: &RowRef) -> Self {
        row.clone()
    }
}
