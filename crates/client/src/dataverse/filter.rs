//! `$filter`, put together from conditions ("Filter rows using OData").

use std::fmt;

use serde_json::Value;

use super::key::Literal;
use super::text::quote;

/// Conditions on a table's rows. Values are quoted here; columns are taken as they are, so that a path over a
/// lookup (`primarycontactid/fullname`) is one too.
///
/// ```
/// use keyholder_client::dataverse::Filter;
/// let filter = Filter::eq("lastname", "O'Brien").and(Filter::is_null("emailaddress1").or(Filter::ge("revenue", 5)));
/// assert_eq!(filter.to_string(), "lastname eq 'O''Brien' and (emailaddress1 eq null or revenue ge 5)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: String,
    /// What holds it together at its outermost.
    joint: Joint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Nothing does: it is one condition.
    One,
    And,
    Or,
    /// Somebody else's text.
    Unknown,
}

impl Filter {
    fn one(text: String) -> Self {
        Self { text, joint: Joint::One }
    }

    fn comparison(column: &str, operator: &str, value: &Literal) -> Self {
        Self::one(format!("{column} {operator} {value}"))
    }

    /// The column has this value; texts are compared whatever their case.
    #[must_use]
    pub fn eq(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "eq", &value.into())
    }

    /// The column has another value.
    #[must_use]
    pub fn ne(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "ne", &value.into())
    }

    /// Greater than.
    #[must_use]
    pub fn gt(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "gt", &value.into())
    }

    /// Greater than or equal.
    #[must_use]
    pub fn ge(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "ge", &value.into())
    }

    /// Less than.
    #[must_use]
    pub fn lt(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "lt", &value.into())
    }

    /// Less than or equal.
    #[must_use]
    pub fn le(column: &str, value: impl Into<Literal>) -> Self {
        Self::comparison(column, "le", &value.into())
    }

    /// The column is empty.
    #[must_use]
    pub fn is_null(column: &str) -> Self {
        Self::eq(column, Literal::null())
    }

    /// The column is not empty.
    #[must_use]
    pub fn is_not_null(column: &str) -> Self {
        Self::ne(column, Literal::null())
    }

    /// The text contains this one. `%`, `_` and `[` in it are wildcards, as in all three text functions.
    #[must_use]
    pub fn contains(column: &str, text: &str) -> Self {
        Self::one(format!("contains({column},{})", quote(text)))
    }

    /// The text begins with this one.
    #[must_use]
    pub fn starts_with(column: &str, text: &str) -> Self {
        Self::one(format!("startswith({column},{})", quote(text)))
    }

    /// The text ends with this one.
    #[must_use]
    pub fn ends_with(column: &str, text: &str) -> Self {
        Self::one(format!("endswith({column},{})", quote(text)))
    }

    /// The column has one of these values (the query function `In`).
    #[must_use]
    pub fn any_of<T: ToString>(column: &str, values: impl IntoIterator<Item = T>) -> Self {
        Self::query_function("In", column, values)
    }

    /// The column lies between the least and the greatest of these values, both included (the query function `Between`).
    #[must_use]
    pub fn between<T: ToString>(column: &str, ends: [T; 2]) -> Self {
        Self::query_function("Between", column, ends)
    }

    fn query_function<T: ToString>(name: &str, column: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<Value> = values.into_iter().map(|value| value.to_string().into()).collect();
        let (column, values) = (quote(column), Value::from(values));
        Self::one(format!("Microsoft.Dynamics.CRM.{name}(PropertyName={column},PropertyValues={values})"))
    }

    /// A condition in OData's own words.
    #[must_use]
    pub fn raw(text: impl Into<String>) -> Self {
        Self { text: text.into(), joint: Joint::Unknown }
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(other, "and", Joint::And)
    }

    /// One of them holds, or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(other, "or", Joint::Or)
    }

    /// It does not hold. The service takes no such thing of a query function, as of [`Filter::any_of`].
    #[must_use]
    pub fn negated(self) -> Self {
        Self::one(format!("not ({})", self.text))
    }

    /// All of them hold; nothing when there are none.
    #[must_use]
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        filters.into_iter().reduce(Self::and)
    }

    fn join(self, other: Self, word: &str, joint: Joint) -> Self {
        let within = |filter: Self| match filter.joint {
            Joint::One => filter.text,
            of if of == joint => filter.text,
            _ => format!("({})", filter.text),
        };
        Self { text: format!("{} {word} {}", within(self), within(other)), joint }
    }
}

/// As it is written in `$filter`, not yet encoded for a URL.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_keep_what_they_mean_when_they_are_joined() {
        let (a, b, c) = (Filter::eq("a", 1), Filter::eq("b", true), Filter::ne("c", Literal::null()));
        assert_eq!(a.clone().or(b.clone()).and(c.clone()).to_string(), "(a eq 1 or b eq true) and c ne null");
        assert_eq!(a.clone().and(b.clone()).and(c.clone()).to_string(), "a eq 1 and b eq true and c ne null");
        assert_eq!(Filter::raw("x eq 1 or y eq 2").and(a.clone()).to_string(), "(x eq 1 or y eq 2) and a eq 1");
        assert_eq!(a.or(b).negated().and(c).to_string(), "not (a eq 1 or b eq true) and c ne null");
        assert_eq!(Filter::all([]), None);
        let list = Filter::any_of("name", ["O'Brien", "say \"x\""]).to_string();
        assert_eq!(list, r#"Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=["O'Brien","say \"x\""])"#);
    }
}
