//! Groups of rows and figures about them.

use super::ColumnOf;

/// What takes the place of the rows. Without groups there is one result, also about no rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Rows that agree in all of these form a group. Rows without a value in one agree in that.
    pub groups: Vec<Group>,
    /// What is told of each group.
    pub figures: Vec<Figure>,
    /// In which order; ties, and groups that nothing orders, go by the groups' own values.
    pub order: Vec<AggregateOrder>,
}

/// What rows are grouped by.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// A column.
    pub column: ColumnOf,
    /// Of a date only this part of it.
    pub part: Option<DatePart>,
    /// The name of the member in the answer.
    pub name: Box<str>,
}

/// A part of a date, in the caller's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatePart {
    /// 1 to 31.
    Day,
    /// 1 to 53.
    Week,
    /// 1 to 12.
    Month,
    /// 1 to 4.
    Quarter,
    /// The year.
    Year,
    /// The fiscal period, by its number in the fiscal year.
    FiscalPeriod,
    /// The fiscal year.
    FiscalYear,
}

/// One figure about a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Which.
    pub function: FigureFunction,
    /// Of which column; where rows are counted, one that may be named beside the figure, or none.
    pub column: Option<ColumnOf>,
    /// Whether equal values count once.
    pub distinct: bool,
    /// The name of the member in the answer.
    pub name: Box<str>,
}

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FigureFunction {
    /// How many rows there are.
    Rows,
    /// How many values there are.
    Count,
    /// The sum of the values; nothing where there are none.
    Sum,
    /// Their average.
    Average,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
}

/// One key of the order of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AggregateOrder {
    /// Its index among the groups, and behind them among the figures.
    pub place: usize,
    /// From the largest.
    pub descending: bool,
}
