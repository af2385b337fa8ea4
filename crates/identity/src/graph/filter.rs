//! `$filter`: what an object must be like, checked against the properties that its kind has, and
//! asked of the object as it is shown.
//!
//! Strings compare without regard to letter case, as Entra's directory does. A comparison with a
//! property that is null is false, but for `ne`.

use keyholder_foundation::Timestamp;
use serde_json::Value;

use super::problem::Problem;
use crate::directory::listing::{Condition, folded};

mod parser;
pub(super) use parser::parse;

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Path, Operator, Literal),
    In(Path, Vec<Literal>),
    Text(Path, TextTest, String),
    /// `collection/any(x:..)`: the inner paths start at the element.
    Some(Path, Box<Filter>),
    /// `collection/$count eq 0` and `ne 0`.
    Count(Path, Operator, i64),
}

/// Names from the object (or the element of a collection) inwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(pub(super) Vec<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
}

/// A value that is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Moment(Timestamp),
}

/// What a property is, as far as comparing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Bool,
    Number,
    Moment,
    Texts,
    /// A collection of objects with these properties.
    Objects(&'static [(&'static str, Type)]),
}

/// The properties of a kind of object that can be compared, each by its path.
pub(super) type Properties = &'static [(&'static str, Type)];

impl Path {
    /// The property that it names, when there is one.
    fn resolve(&self, properties: Properties) -> Option<Type> {
        let shown = self.shown();
        properties.iter().find(|(name, _)| *name == shown).map(|(_, kind)| *kind)
    }

    fn shown(&self) -> String {
        self.0.join("/")
    }

    /// What it names in an object; null when it is not there.
    fn find<'v>(&self, object: &'v Value) -> &'v Value {
        self.0.iter().try_fold(object, |value, name| value.get(name)).unwrap_or(&Value::Null)
    }
}

impl Filter {
    /// Refuses what this kind of object cannot be asked.
    pub(super) fn check(&self, entity: &str, properties: Properties) -> Result<(), Problem> {
        let unknown = |path: &Path| {
            let path = path.shown();
            Problem::unsupported_query(format!(
                "Unsupported or invalid query filter clause specified for property '{}' of resource '{entity}'.",
                path.chars().take(128).collect::<String>()
            ))
        };
        let scalar = |path: &Path| match path.resolve(properties) {
            Some(kind @ (Type::Text | Type::Bool | Type::Number | Type::Moment)) => Ok(kind),
            _ => Err(unknown(path)),
        };
        match self {
            Self::All(list) | Self::Any(list) => list.iter().try_for_each(|one| one.check(entity, properties)),
            Self::Not(one) => one.check(entity, properties),
            Self::Compare(path, operator, literal) => {
                let kind = scalar(path)?;
                let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
                if ordered && !matches!(kind, Type::Moment | Type::Number) {
                    Err(unknown(path))
                } else {
                    fits(kind, literal)
                }
            }
            Self::In(path, literals) => {
                let kind = scalar(path)?;
                literals.iter().try_for_each(|literal| fits(kind, literal))
            }
            Self::Text(path, ..) => {
                if scalar(path)? == Type::Text {
                    Ok(())
                } else {
                    Err(unknown(path))
                }
            }
            Self::Some(path, inner) => match path.resolve(properties) {
                Some(Type::Texts) => inner.check_elements(entity),
                Some(Type::Objects(properties)) => inner.check(entity, properties),
                _ => Err(unknown(path)),
            },
            Self::Count(path, operator, number) => match path.resolve(properties) {
                Some(Type::Texts | Type::Objects(_))
                    if *number == 0 && matches!(operator, Operator::Equal | Operator::NotEqual) =>
                {
                    Ok(())
                }
                _ => Err(unknown(path)),
            },
        }
    }

    /// As [`Self::check`], for the elements of a collection of texts.
    fn check_elements(&self, entity: &str) -> Result<(), Problem> {
        let whole = |path: &Path| match path.0.is_empty() {
            true => Ok(()),
            false => Err(Problem::unknown_property(&path.shown(), entity)),
        };
        match self {
            Self::All(list) | Self::Any(list) => list.iter().try_for_each(|one| one.check_elements(entity)),
            Self::Not(one) => one.check_elements(entity),
            Self::Compare(path, Operator::Equal | Operator::NotEqual, literal) => {
                whole(path)?;
                fits(Type::Text, literal)
            }
            Self::In(path, literals) => {
                whole(path)?;
                literals.iter().try_for_each(|literal| fits(Type::Text, literal))
            }
            Self::Text(path, ..) => whole(path),
            Self::Compare(..) | Self::Some(..) | Self::Count(..) => Err(Problem::bad_request("Invalid filter clause")),
        }
    }

    /// Whether it says anything of this property.
    pub(super) fn names(&self, property: &str) -> bool {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().any(|one| one.names(property)),
            Self::Not(one) => one.names(property),
            Self::Compare(path, ..)
            | Self::In(path, _)
            | Self::Text(path, ..)
            | Self::Some(path, _)
            | Self::Count(path, ..) => path.0.first().is_some_and(|name| name == property),
        }
    }

    /// Whether it needs Graph's index: `ne`, `not`, `endswith` and counting.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().any(Self::is_advanced),
            Self::Not(_) | Self::Count(..) | Self::Text(_, TextTest::EndsWith, _) => true,
            Self::Compare(_, operator, literal) => *operator == Operator::NotEqual && *literal != Literal::Null,
            Self::In(..) | Self::Text(..) => false,
            Self::Some(_, inner) => inner.is_advanced(),
        }
    }

    /// Whether an object, as it is shown, is like that.
    pub(super) fn matches(&self, object: &Value) -> bool {
        match self {
            Self::All(list) => list.iter().all(|one| one.matches(object)),
            Self::Any(list) => list.iter().any(|one| one.matches(object)),
            Self::Not(one) => !one.matches(object),
            Self::Compare(path, operator, literal) => literal.compares(*operator, path.find(object)),
            Self::In(path, literals) => {
                literals.iter().any(|literal| literal.compares(Operator::Equal, path.find(object)))
            }
            Self::Text(path, test, text) => path.find(object).as_str().is_some_and(|value| match test {
                TextTest::StartsWith => folded(value).starts_with(&folded(text)),
                TextTest::EndsWith => folded(value).ends_with(&folded(text)),
            }),
            Self::Some(path, inner) => {
                path.find(object).as_array().is_some_and(|list| list.iter().any(|element| inner.matches(element)))
            }
            Self::Count(path, operator, number) => {
                let count = path.find(object).as_array().map_or(0, Vec::len);
                (i64::try_from(count) == Ok(*number)) == (*operator == Operator::Equal)
            }
        }
    }

    /// The equalities that hold for every object that it matches, as far as `condition` knows a
    /// column for them: they narrow what is read.
    pub(super) fn narrowing(&self, condition: &impl Fn(&str, bool, &str) -> Option<Condition>) -> Vec<Condition> {
        let single = |path: &Path| match path.0.as_slice() {
            [name] => Some(name.clone()),
            _ => None,
        };
        match self {
            Self::All(list) => list.iter().flat_map(|one| one.narrowing(condition)).collect(),
            Self::Compare(path, Operator::Equal, Literal::Text(text)) => {
                single(path).and_then(|name| condition(&name, false, text)).into_iter().collect()
            }
            Self::Text(path, TextTest::StartsWith, text) => {
                single(path).and_then(|name| condition(&name, true, text)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Refuses a value that a property of this type cannot have.
fn fits(kind: Type, literal: &Literal) -> Result<(), Problem> {
    let (found, wanted) = match (kind, literal) {
        (_, Literal::Null)
        | (Type::Text, Literal::Text(_))
        | (Type::Bool, Literal::Bool(_))
        | (Type::Number, Literal::Number(_))
        | (Type::Moment, Literal::Moment(_)) => return Ok(()),
        (_, Literal::Text(_)) => ("Edm.String", kind),
        (_, Literal::Bool(_)) => ("Edm.Boolean", kind),
        (_, Literal::Number(_)) => ("Edm.Int32", kind),
        (_, Literal::Moment(_)) => ("Edm.DateTimeOffset", kind),
    };
    let wanted = match wanted {
        Type::Bool => "Edm.Boolean",
        Type::Number => "Edm.Int32",
        Type::Moment => "Edm.DateTimeOffset",
        Type::Text | Type::Texts | Type::Objects(_) => "Edm.String",
    };
    Err(Problem::bad_request(&format!(
        "A binary operator with incompatible types was detected. Found operand types '{wanted}' and '{found}' for \
         operator kind 'Equal'."
    )))
}

impl Literal {
    fn compares(&self, operator: Operator, value: &Value) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let ordering = match (self, value) {
            (Self::Null, Value::Null) => Some(Equal),
            (Self::Bool(literal), Value::Bool(value)) => Some(value.cmp(literal)),
            (Self::Text(literal), Value::String(value)) => Some(folded(value).cmp(&folded(literal))),
            (Self::Number(literal), Value::Number(value)) => value.as_i64().map(|value| value.cmp(literal)),
            (Self::Moment(literal), Value::String(value)) => {
                Timestamp::parse(value).ok().map(|value| value.cmp(literal))
            }
            _ => None,
        };
        match operator {
            Operator::Equal => ordering == Some(Equal),
            Operator::NotEqual => ordering != Some(Equal),
            Operator::Less => ordering == Some(Less),
            Operator::LessOrEqual => matches!(ordering, Some(Less | Equal)),
            Operator::Greater => ordering == Some(Greater),
            Operator::GreaterOrEqual => matches!(ordering, Some(Greater | Equal)),
        }
    }
}

#[cfg(test)]
mod tests;
