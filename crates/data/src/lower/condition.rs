//! Conditions: what a query's filter, its reach and its place among the pages ask of a row.
//!
//! Dataverse's comparisons are true or false, never unknown: `ne` holds for a row without a value.
//! SQL's are unknown there. Wherever the two differ the condition says what happens to NULL.

use keyholder_dataverse::error;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::Column;
use keyholder_operation::query::PatternPart;
use keyholder_operation::{Comparand, Comparison, Filter, TextFunction};
use keyholder_security::{Reach, ReachedTable};
use keyholder_store::statement::{Expr, all, any, column, not, parameter};
use keyholder_store::{Pattern, Piece, Value};

use super::cookie::Cookie;
use crate::catalogue::Layout;
use crate::catalogue::layout::{Place, Target};
use crate::catalogue::record::stored;
use crate::error::Failure;

/// A condition under construction: the values for the parameters that it uses so far.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    layout: &'a Layout,
    pub(super) values: Vec<Value>,
}

/// One key of an order, as it lies in the store.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) expr: Expr,
    pub(super) descending: bool,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        Self { layout, values: Vec::new() }
    }

    /// A parameter with this value.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> Expr {
        parameter(self.slot(value))
    }

    fn slot(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len() - 1
    }

    /// Which rows the caller reaches; nothing when all.
    pub(super) fn reach(&mut self, rows: &ReachedTable) -> Option<Expr> {
        let reached = match rows.reach() {
            Reach::Everything => return None,
            Reach::Rows(reached) => reached,
            // A reach that this crate does not know reaches nothing.
            _ => return Some(any([])),
        };
        let mut ways = Vec::new();
        let lists = [(rows.owner_column(), &reached.owners), (rows.business_unit_column(), &reached.business_units)];
        for (of, ids) in lists {
            let place = of.and_then(|column| self.layout.place(column)).and_then(|place| place.value.as_ref());
            if let Some((name, _)) = place.filter(|_| !ids.is_empty()) {
                let slot = self.slot(Value::ids(ids.iter().copied()));
                ways.push(column(name.clone()).in_list(slot));
            }
        }
        Some(any(ways))
    }

    /// What a `$filter` asks.
    pub(super) fn filter(&mut self, filter: &Filter) -> Result<Expr, Failure> {
        Ok(match filter {
            Filter::And(parts) => all(self.each(parts)?),
            Filter::Or(parts) => any(self.each(parts)?),
            Filter::Compare { column, comparison, with } => self.compare(column, *comparison, with)?,
            Filter::Null { column, negated } => {
                let value = self.kept(column)?;
                if *negated { value.is_not_null() } else { value.is_null() }
            }
            Filter::Text { column, function, pattern, negated } => {
                let compared = self.compared(column)?;
                let slot = self.slot(search(*function, pattern.parts()));
                let found = compared.clone().matches(slot);
                if *negated { not(found).or(compared.is_null()) } else { found }
            }
            _ => return Err(error::not_supported("This kind of condition").into()),
        })
    }

    fn each(&mut self, parts: &[Filter]) -> Result<Vec<Expr>, Failure> {
        parts.iter().map(|part| self.filter(part)).collect()
    }

    fn compare(&mut self, column: &Column, comparison: Comparison, with: &Comparand) -> Result<Expr, Failure> {
        let left = self.compared(column)?;
        let (right, nullable) = match with {
            Comparand::Value(value) => (self.value(comparable(value)), None),
            Comparand::Column(other) => {
                let other = self.compared(other)?;
                (other.clone(), Some(other))
            }
            _ => return Err(error::not_supported("This kind of comparison").into()),
        };
        Ok(match comparison {
            Comparison::Equal => left.equals(right),
            Comparison::NotEqual => {
                let differs = left.clone().differs_from(right).or(left.is_null());
                nullable.into_iter().fold(differs, |differs, other| differs.or(other.is_null()))
            }
            Comparison::Greater => left.greater_than(right),
            Comparison::GreaterOrEqual => left.at_least(right),
            Comparison::Less => left.less_than(right),
            Comparison::LessOrEqual => left.at_most(right),
        })
    }

    /// The rows whose lookup names this row.
    pub(super) fn points_at(&mut self, lookup: &Column, type_code: i32, id: uuid::Uuid) -> Result<Expr, Failure> {
        let same = self.kept(lookup)?.equals(self.value(id));
        Ok(match self.place(lookup)?.target.clone() {
            Target::Stored(target) => same.and(column(target).equals(self.value(type_code))),
            Target::None | Target::Always(_) => same,
        })
    }

    /// What comes after the end of a page, in an order with the id last. NULL is the smallest
    /// value, so it comes first ascending and last descending.
    ///
    /// Nested, `a > 1 or (a = 1 and (b > 2 or ...))`, so that each key stands in it twice however
    /// many there are.
    pub(super) fn after(&mut self, keys: &[Key], id: Expr, cookie: &Cookie) -> Expr {
        let id = id.greater_than(self.value(cookie.id));
        keys.iter().zip(&cookie.last).rev().fold(id, |later, (key, last)| {
            let key_is = || key.expr.clone();
            if *last == Value::Null {
                let tied = all([key_is().is_null(), later]);
                // Descending, nothing is behind NULL but what has it too.
                return if key.descending { tied } else { any([key_is().is_not_null(), tied]) };
            }
            let last = self.slot(last.clone());
            let tied = all([key_is().equals(parameter(last)), later]);
            if key.descending {
                any([key_is().less_than(parameter(last)), key_is().is_null(), tied])
            } else {
                any([key_is().greater_than(parameter(last)), tied])
            }
        })
    }

    /// A column as it is compared and ordered.
    pub(super) fn compared(&self, of: &Column) -> Result<Expr, Failure> {
        let (name, _) = self.place(of)?.compared().ok_or_else(|| not_kept(of))?;
        Ok(column(name.clone()))
    }

    /// A column as it is kept.
    fn kept(&self, of: &Column) -> Result<Expr, Failure> {
        let (name, _) = self.place(of)?.value.as_ref().ok_or_else(|| not_kept(of))?;
        Ok(column(name.clone()))
    }

    fn place(&self, of: &Column) -> Result<&'a Place, Failure> {
        self.layout.place(of).ok_or_else(|| not_kept(of))
    }
}

fn not_kept(column: &Column) -> Failure {
    error::not_supported(&format!("Asking for the column '{}'", column.name)).into()
}

/// A value as it is compared: texts folded.
pub(crate) fn comparable(value: &keyholder_dataverse::Value) -> Value {
    value.text().map_or_else(|| stored(value), |text| fold(text).into())
}

/// The pattern that a folded text must look like.
fn search(function: TextFunction, parts: &[PatternPart]) -> Pattern {
    let inner = parts.iter().map(|part| match part {
        PatternPart::Literal(text) => Piece::Text(text.clone()),
        PatternPart::AnyText => Piece::Many,
        PatternPart::AnyCharacter => Piece::One,
        PatternPart::OneOf { ranges, negated } => Piece::Set { negated: *negated, ranges: ranges.clone() },
    });
    let open = |open: bool| open.then_some(Piece::Many);
    let before = open(function != TextFunction::StartsWith);
    let after = open(function != TextFunction::EndsWith);
    Pattern::new(before.into_iter().chain(inner).chain(after))
}
