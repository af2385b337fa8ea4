//! Groups and figures over the rows of a query.
//!
//! The rows are read once and counted here; the service's own bound on them keeps that small.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{ColumnKind, DateBehavior};
use keyholder_dataverse::value::{Decimal, Money, Reference};
use keyholder_foundation::Timestamp;
use keyholder_operation::query::{Aggregate, ColumnOf, Figure, FigureFunction, Group, Zone};
use keyholder_store::{Error, Row, Snapshot};
use uuid::Uuid;

use crate::catalogue::Catalogue;
use crate::catalogue::record::loaded;
use crate::error::Failure;
use crate::lower::{self, Asked, Cell, CellTarget, Lowered};

/// The service makes aggregates of at most so many rows.
pub(crate) const MOST_ROWS: u32 = 50_000;

/// One group: what its rows agree in, and what is told of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) groups: Vec<Value>,
    pub(crate) figures: Vec<Value>,
}

/// A value by which rows are told apart: texts folded, numbers exact.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mark {
    Nothing,
    Flag(bool),
    Whole(i64),
    Exact(i128),
    Bits(u64),
    Text(String),
    Row(Uuid),
}

/// What is known of a figure so far.
#[derive(Debug)]
enum Tally {
    Rows(i64),
    Values(i64),
    Different(HashSet<Mark>),
    Exact { sum: i128, values: i64 },
    Floating(Vec<f64>),
    Extreme(Value),
}

/// Reads the rows and makes their groups, in the order that is asked for.
pub(crate) fn found(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    aggregate: &Aggregate,
) -> Result<Vec<Found>, Failure> {
    let grouped = aggregate.groups.iter().map(|group| &group.column);
    let told = aggregate.figures.iter().filter_map(figured);
    let columns: Vec<ColumnOf> = grouped.chain(told).cloned().collect();
    let lowered = lower::gathered::columns(catalogue, asked, &columns, MOST_ROWS + 1)?;
    let zone = asked.circumstances.zone;
    let mut counting = Counting { aggregate, zone, lowered: &lowered, places: HashMap::new(), groups: Vec::new() };
    let mut rows = 0;
    snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
        rows += 1;
        if rows > MOST_ROWS { Ok(()) } else { counting.count(row) }
    })?;
    if rows > MOST_ROWS {
        return Err(DataverseError::new(
            code::AGGREGATE_LIMIT_EXCEEDED,
            "The maximum record limit is exceeded. Reduce the number of records.",
        )
        .into());
    }
    counting.finish()
}

/// The column that a figure looks at; rows are counted without one.
fn figured(figure: &Figure) -> Option<&ColumnOf> {
    figure.column.as_ref().filter(|_| figure.function != FigureFunction::Rows)
}

struct Counting<'a> {
    aggregate: &'a Aggregate,
    zone: Zone,
    lowered: &'a Lowered,
    places: HashMap<Vec<Mark>, usize>,
    groups: Vec<(Vec<Value>, Vec<Tally>)>,
}

impl Counting<'_> {
    fn count(&mut self, row: &Row<'_>) -> Result<(), Error> {
        let mut cells = self.lowered.plan.cells.iter();
        let mut values = Vec::with_capacity(self.aggregate.groups.len());
        for group in &self.aggregate.groups {
            values.push(part(group, self.zone, read(row, cells.next())?));
        }
        let marks: Vec<Mark> = values.iter().map(mark).collect();
        let place = *self.places.entry(marks).or_insert_with(|| {
            self.groups.push((values.clone(), self.aggregate.figures.iter().map(Tally::new).collect()));
            self.groups.len() - 1
        });
        let Some((known, tallies)) = self.groups.get_mut(place) else { return Ok(()) };
        // Of texts that are the same but for their writing, the first in the store's order is shown,
        // whichever comes first.
        for (known, value) in known.iter_mut().zip(values) {
            if matches!((&*known, &value), (Value::Text(known), Value::Text(value)) if value < known) {
                *known = value;
            }
        }
        for (figure, tally) in self.aggregate.figures.iter().zip(tallies) {
            let value = match figured(figure) {
                Some(_) => read(row, cells.next())?,
                None => Value::Null,
            };
            tally.add(figure, value);
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Found>, Failure> {
        let Self { aggregate, mut groups, .. } = self;
        if groups.is_empty() && aggregate.groups.is_empty() {
            groups.push((Vec::new(), aggregate.figures.iter().map(Tally::new).collect()));
        }
        let mut found = Vec::with_capacity(groups.len());
        for (groups, tallies) in groups {
            let figures = aggregate.figures.iter().zip(tallies).map(|(figure, tally)| tally.figure(figure));
            found.push(Found { groups, figures: figures.collect::<Result<_, _>>()? });
        }
        found.sort_by(|left, right| order(aggregate, left, right));
        Ok(found)
    }
}

impl Tally {
    fn new(figure: &Figure) -> Self {
        let double = figure.column.as_ref().is_some_and(|column| matches!(column.kind, ColumnKind::Double { .. }));
        match figure.function {
            FigureFunction::Rows => Self::Rows(0),
            FigureFunction::Count if figure.distinct => Self::Different(HashSet::new()),
            FigureFunction::Sum | FigureFunction::Average if double => Self::Floating(Vec::new()),
            FigureFunction::Sum | FigureFunction::Average => Self::Exact { sum: 0, values: 0 },
            FigureFunction::Minimum | FigureFunction::Maximum => Self::Extreme(Value::Null),
            _ => Self::Values(0),
        }
    }

    fn add(&mut self, figure: &Figure, value: Value) {
        if let Self::Rows(rows) = self {
            *rows += 1;
            return;
        }
        if value.is_null() {
            return;
        }
        match self {
            Self::Rows(_) => {}
            Self::Values(values) => *values += 1,
            Self::Different(marks) => {
                marks.insert(mark(&value));
            }
            Self::Exact { sum, values } => {
                let units = match value {
                    Value::Integer(units) | Value::Money(Money(units)) => i128::from(units),
                    Value::Decimal(Decimal(units)) => units,
                    _ => return,
                };
                // Too much to be a number of its kind is found at the end.
                *sum = sum.saturating_add(units);
                *values += 1;
            }
            Self::Floating(numbers) => {
                if let Value::Double(number) = value {
                    numbers.push(number);
                }
            }
            Self::Extreme(known) => {
                let wanted =
                    if figure.function == FigureFunction::Minimum { Ordering::Less } else { Ordering::Greater };
                if known.is_null() || value.compare(known) == Some(wanted) {
                    *known = value;
                }
            }
        }
    }

    fn figure(self, figure: &Figure) -> Result<Value, Failure> {
        let average = figure.function == FigureFunction::Average;
        Ok(match self {
            Self::Rows(number) | Self::Values(number) => Value::Integer(number),
            Self::Different(marks) => Value::Integer(i64::try_from(marks.len()).unwrap_or(i64::MAX)),
            Self::Extreme(value) => value,
            Self::Exact { values: 0, .. } => Value::Null,
            Self::Exact { sum, values } => {
                let kind = figure.column.as_ref().map(|column| &column.kind);
                let units = match (average, kind) {
                    (false, _) => sum,
                    // As in the service's store, the average of whole numbers is one.
                    (true, Some(ColumnKind::Integer(_) | ColumnKind::BigInteger)) => sum / i128::from(values),
                    (true, _) => rounded(sum, values.into()),
                };
                let whole = || i64::try_from(units).map_err(|_| overflow(figure));
                match kind {
                    Some(ColumnKind::Decimal { .. }) if units.unsigned_abs() < 10_u128.pow(38) => {
                        Value::Decimal(Decimal(units))
                    }
                    Some(ColumnKind::Decimal { .. }) => return Err(overflow(figure)),
                    Some(ColumnKind::Money { .. }) => Value::Money(Money(whole()?)),
                    _ => Value::Integer(whole()?),
                }
            }
            Self::Floating(numbers) if numbers.is_empty() => Value::Null,
            Self::Floating(mut numbers) => {
                // In one order whatever the store's, so that the sum is the same.
                numbers.sort_by(f64::total_cmp);
                let sum: f64 = numbers.iter().sum();
                #[expect(clippy::cast_precision_loss, reason = "the number of rows is bounded")]
                let figure_of = if average { sum / numbers.len() as f64 } else { sum };
                if !figure_of.is_finite() {
                    return Err(overflow(figure));
                }
                Value::Double(figure_of)
            }
        })
    }
}

/// The quotient, rounded half away from zero.
fn rounded(sum: i128, values: i128) -> i128 {
    let (whole, rest) = (sum / values, sum % values);
    whole + if rest.abs() * 2 >= values { rest.signum() } else { 0 }
}

fn overflow(figure: &Figure) -> Failure {
    DataverseError::new(
        code::INVALID_ARGUMENT,
        format!("The figure '{}' is too large a number for its column.", figure.name),
    )
    .into()
}

/// A cell's value as the column has it.
fn read(row: &Row<'_>, cell: Option<&Cell>) -> Result<Value, Error> {
    let Some((cell, index)) = cell.and_then(|cell| Some((cell, cell.value?))) else { return Ok(Value::Null) };
    let type_code = match cell.target {
        CellTarget::None => None,
        CellTarget::Always(type_code) => Some(type_code),
        CellTarget::At(index) => row.get(index)?,
    };
    Ok(loaded(row.value(index)?, type_code, cell.target != CellTarget::None))
}

/// What of a value rows are grouped by.
fn part(group: &Group, zone: Zone, value: Value) -> Value {
    match (group.part, value) {
        (Some(part), Value::DateTime(moment)) => {
            let local = matches!(group.column.kind, ColumnKind::DateTime { behavior: DateBehavior::UserLocal });
            Value::Integer(part.of(moment, zone, local))
        }
        (_, value) => value,
    }
}

fn mark(value: &Value) -> Mark {
    match value {
        Value::Boolean(flag) => Mark::Flag(*flag),
        Value::Integer(number) | Value::Money(Money(number)) => Mark::Whole(*number),
        Value::DateTime(moment) => Mark::Whole(Timestamp::as_millis(*moment)),
        Value::Decimal(Decimal(units)) => Mark::Exact(*units),
        // Nought is nought, with and without a sign.
        Value::Double(number) => Mark::Bits(if *number == 0.0 { 0 } else { number.to_bits() }),
        Value::Text(text) => Mark::Text(fold(text)),
        Value::Guid(id) | Value::Lookup(Reference { id, .. }) => Mark::Row(*id),
        _ => Mark::Nothing,
    }
}

/// By what the query names, then by the groups' own values; nothing comes first, or last from the
/// largest.
fn order(aggregate: &Aggregate, left: &Found, right: &Found) -> Ordering {
    let compare = |left: Option<&Value>, right: Option<&Value>| {
        let (left, right) = (left.unwrap_or(&Value::Null), right.unwrap_or(&Value::Null));
        left.compare(right).unwrap_or_else(|| right.is_null().cmp(&left.is_null()))
    };
    let at = |found: &Found, place: usize| {
        let figure = place.checked_sub(aggregate.groups.len());
        figure.map_or_else(|| found.groups.get(place), |figure| found.figures.get(figure)).cloned()
    };
    for by in &aggregate.order {
        let ascending = compare(at(left, by.place).as_ref(), at(right, by.place).as_ref());
        let directed = if by.descending { ascending.reverse() } else { ascending };
        if directed != Ordering::Equal {
            return directed;
        }
    }
    let ties = (0..aggregate.groups.len()).map(|place| compare(left.groups.get(place), right.groups.get(place)));
    ties.fold(Ordering::Equal, Ordering::then)
}
