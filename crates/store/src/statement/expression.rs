//! What can be asked of a row.

use super::{Name, Nulls, Order, Select};

/// Something computed from a row, with SQL's three truth values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// A column, of the table or alias named when several have it.
    Column {
        /// The table's name or alias.
        source: Option<Name>,
        /// The column.
        name: Name,
    },
    /// The value that travels beside the statement at this place, counted from zero. One place may
    /// be used several times.
    Parameter(usize),
    /// A value that belongs to the shape.
    Literal(Literal),
    /// Two values compared.
    Compare(Box<Expr>, Comparison, Box<Expr>),
    /// All hold; true when there are none.
    All(Vec<Expr>),
    /// At least one holds; false when there are none.
    Any(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// Is NULL.
    IsNull(Box<Expr>),
    /// Is one of the [`Value::List`](crate::Value::List) at this place.
    InList(Box<Expr>, usize),
    /// Is one of what the select gives.
    InSelect(Box<Expr>, Box<Select>),
    /// The select gives a row. It may name columns of the tables around it.
    Exists(Box<Select>),
    /// A text looks like the [`Value::Pattern`](crate::Value::Pattern) at this place.
    Matches(Box<Expr>, usize),
    /// The sum.
    Add(Box<Expr>, Box<Expr>),
    /// The difference.
    Subtract(Box<Expr>, Box<Expr>),
    /// The first that is not NULL.
    Coalesce(Vec<Expr>),
    /// How many rows there are.
    Count,
    /// The largest value; NULL when there is none.
    Max(Box<Expr>),
    /// What the list gives for a whole number, beside it; for one that is not in the list, how long
    /// the list is; NULL for NULL.
    Rank(Box<Expr>, Vec<(i64, i64)>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Unknown when one is NULL.
    Equal,
    /// Unknown when one is NULL.
    NotEqual,
    /// Unknown when one is NULL.
    Less,
    /// Unknown when one is NULL.
    LessOrEqual,
    /// Unknown when one is NULL.
    Greater,
    /// Unknown when one is NULL.
    GreaterOrEqual,
    /// Equal, where NULL is the same as NULL: never unknown.
    Same,
}

/// A value that belongs to a statement's shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// NULL.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; also money and moments.
    Integer(i64),
    /// A text without U+0000.
    Text(Name),
}

/// A column of the only table, or one that no other table has.
pub fn column(name: impl Into<Name>) -> Expr {
    Expr::Column { source: None, name: name.into() }
}

/// A column of one of several tables.
pub fn qualified(source: impl Into<Name>, name: impl Into<Name>) -> Expr {
    Expr::Column { source: Some(source.into()), name: name.into() }
}

/// The value that travels beside the statement at this place, counted from zero.
#[must_use]
pub fn parameter(slot: usize) -> Expr {
    Expr::Parameter(slot)
}

/// A value that belongs to the shape.
pub fn literal(value: impl Into<Literal>) -> Expr {
    Expr::Literal(value.into())
}

/// All of these hold.
pub fn all(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::All(conditions.into_iter().collect())
}

/// At least one of these holds.
pub fn any(conditions: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Any(conditions.into_iter().collect())
}

/// This does not hold.
#[must_use]
pub fn not(condition: Expr) -> Expr {
    Expr::Not(Box::new(condition))
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<&'static str> for Literal {
    fn from(value: &'static str) -> Self {
        Self::Text(value.into())
    }
}

impl Expr {
    /// Compares with another value.
    #[must_use]
    pub fn compare(self, comparison: Comparison, other: Expr) -> Expr {
        Expr::Compare(Box::new(self), comparison, Box::new(other))
    }

    /// `self = other`; unknown when one is NULL.
    #[must_use]
    pub fn equals(self, other: Expr) -> Expr {
        self.compare(Comparison::Equal, other)
    }

    /// `self = other`, where NULL is the same as NULL.
    #[must_use]
    pub fn same_as(self, other: Expr) -> Expr {
        self.compare(Comparison::Same, other)
    }

    /// `self <> other`; unknown when one is NULL.
    #[must_use]
    pub fn differs_from(self, other: Expr) -> Expr {
        self.compare(Comparison::NotEqual, other)
    }

    /// `self < other`.
    #[must_use]
    pub fn less_than(self, other: Expr) -> Expr {
        self.compare(Comparison::Less, other)
    }

    /// `self <= other`.
    #[must_use]
    pub fn at_most(self, other: Expr) -> Expr {
        self.compare(Comparison::LessOrEqual, other)
    }

    /// `self > other`.
    #[must_use]
    pub fn greater_than(self, other: Expr) -> Expr {
        self.compare(Comparison::Greater, other)
    }

    /// `self >= other`.
    #[must_use]
    pub fn at_least(self, other: Expr) -> Expr {
        self.compare(Comparison::GreaterOrEqual, other)
    }

    /// Is NULL.
    #[must_use]
    pub fn is_null(self) -> Expr {
        Expr::IsNull(Box::new(self))
    }

    /// Is not NULL.
    #[must_use]
    pub fn is_not_null(self) -> Expr {
        not(self.is_null())
    }

    /// Is one of the list at this place.
    #[must_use]
    pub fn in_list(self, slot: usize) -> Expr {
        Expr::InList(Box::new(self), slot)
    }

    /// Is one of what the select gives.
    #[must_use]
    pub fn in_select(self, select: Select) -> Expr {
        Expr::InSelect(Box::new(self), Box::new(select))
    }

    /// Looks like the pattern at this place.
    #[must_use]
    pub fn matches(self, slot: usize) -> Expr {
        Expr::Matches(Box::new(self), slot)
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Expr) -> Expr {
        match self {
            Expr::All(mut conditions) => {
                conditions.push(other);
                Expr::All(conditions)
            }
            first => Expr::All(vec![first, other]),
        }
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Expr) -> Expr {
        match self {
            Expr::Any(mut conditions) => {
                conditions.push(other);
                Expr::Any(conditions)
            }
            first => Expr::Any(vec![first, other]),
        }
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(self, other: Expr) -> Expr {
        Expr::Add(Box::new(self), Box::new(other))
    }

    /// `self - other`.
    #[must_use]
    pub fn minus(self, other: Expr) -> Expr {
        Expr::Subtract(Box::new(self), Box::new(other))
    }

    /// Smallest first, NULL before all: the order that Dataverse has.
    #[must_use]
    pub fn ascending(self) -> Order {
        Order { expr: self, descending: false, nulls: Nulls::First }
    }

    /// Largest first, NULL after all: the order that Dataverse has.
    #[must_use]
    pub fn descending(self) -> Order {
        Order { expr: self, descending: true, nulls: Nulls::Last }
    }

    pub(crate) fn each_parameter(&self, note: &mut dyn FnMut(usize)) {
        match self {
            Expr::Column { .. } | Expr::Literal(_) | Expr::Count => {}
            Expr::Parameter(slot) => note(*slot),
            Expr::Compare(left, _, right) | Expr::Add(left, right) | Expr::Subtract(left, right) => {
                left.each_parameter(note);
                right.each_parameter(note);
            }
            Expr::All(list) | Expr::Any(list) | Expr::Coalesce(list) => {
                list.iter().for_each(|one| one.each_parameter(note));
            }
            Expr::Not(one) | Expr::IsNull(one) | Expr::Max(one) | Expr::Rank(one, _) => one.each_parameter(note),
            Expr::InList(one, slot) | Expr::Matches(one, slot) => {
                one.each_parameter(note);
                note(*slot);
            }
            Expr::InSelect(one, select) => {
                one.each_parameter(note);
                select.each_parameter(note);
            }
            Expr::Exists(select) => select.each_parameter(note),
        }
    }
}
