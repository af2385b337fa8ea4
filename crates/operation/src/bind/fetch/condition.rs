//! Filters and conditions.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::ColumnKind;

use super::scope::Scope;
use super::value::{moment, of_column};
use super::{broken, column_of, table_of};
use crate::bind::chosen::any_of;
use crate::bind::condition::comparable;
use crate::bind::function::hierarchical;
use crate::fetch::{self, Condition, Operator, Part, With};
use crate::query::{
    CallerSet, ColumnOf, Comparand, Comparison, Direction, Exists, Filter, FiscalReach, Hierarchy, JoinOn, Pattern,
    SourceId, Span, TextFunction, TimeUnit,
};
use crate::syntax::quoted;

/// How often `and`, `or` and conditions about other rows may take turns on the way into a filter,
/// once everything that can be is written side by side.
const DEEPEST: usize = 20;
/// The language of everybody in the local org: English of the United States.
const LANGUAGE: i64 = 1033;
/// A search in a lookup looks at the names of the rows that it leads to, in at most so many tables.
const MOST_NAMED: usize = 4;

/// All of these; nothing when there are none.
pub(super) fn all(parts: Vec<Filter>) -> Option<Filter> {
    combined(parts, false)
}

/// All or one of these, with what is nested for nothing written side by side.
fn combined(parts: Vec<Filter>, any: bool) -> Option<Filter> {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match (part, any) {
            (Filter::And(inner), false) | (Filter::Or(inner), true) => flat.extend(inner),
            (other, _) => flat.push(other),
        }
    }
    match flat.len() {
        0 | 1 => flat.pop(),
        _ if any => Some(Filter::Or(flat)),
        _ => Some(Filter::And(flat)),
    }
}

/// The last source that a filter names.
pub(super) fn last_source(filter: &Filter) -> SourceId {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(last_source).max().unwrap_or_default(),
        Filter::Compare { column, with: Comparand::Column(other), .. } => column.source.max(other.source),
        Filter::Compare { column, .. }
        | Filter::Null { column, .. }
        | Filter::Text { column, .. }
        | Filter::In { column, .. }
        | Filter::Caller { column, .. }
        | Filter::Hierarchy { column, .. }
        | Filter::When { column, .. } => column.source,
        Filter::Exists(exists) => exists.from,
    }
}

/// Whether a filter goes deeper than this.
pub(super) fn is_deeper(filter: &Filter, levels: usize) -> bool {
    let Some(fewer) = levels.checked_sub(1) else {
        return matches!(filter, Filter::And(_) | Filter::Or(_) | Filter::Exists(_));
    };
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().any(|part| is_deeper(part, fewer)),
        Filter::Exists(exists) => {
            let links = exists.links.iter().filter_map(|link| link.filter.as_ref());
            links.chain(&exists.filter).any(|inner| is_deeper(inner, fewer))
        }
        _ => false,
    }
}

impl Scope<'_> {
    /// Filters of the element that stands for `source`; those without conditions hold always.
    pub(super) fn filters(&self, source: SourceId, filters: &[fetch::Filter]) -> Result<Vec<Filter>, DataverseError> {
        let mut bound = Vec::with_capacity(filters.len());
        for filter in filters {
            if let Some(filter) = self.filter(source, filter)? {
                if is_deeper(&filter, DEEPEST) {
                    return Err(DataverseError::new(
                        code::INVALID_FETCH_XML,
                        format!("The filters lie in each other deeper than {DEEPEST} levels; write them side by side."),
                    ));
                }
                bound.push(filter);
            }
        }
        Ok(bound)
    }

    fn filter(&self, source: SourceId, filter: &fetch::Filter) -> Result<Option<Filter>, DataverseError> {
        let mut parts = Vec::with_capacity(filter.parts.len());
        for part in &filter.parts {
            match part {
                Part::Condition(condition) => parts.push(self.condition(source, condition)?),
                Part::Filter(inner) => parts.extend(self.filter(source, inner)?),
                Part::Link(link) => parts.push(self.link_condition(source, link)?),
            }
        }
        Ok(combined(parts, filter.any))
    }

    fn condition(&self, source: SourceId, condition: &Condition) -> Result<Filter, DataverseError> {
        let source = match &condition.entity_name {
            None => source,
            Some(name) => self.named(name).ok_or_else(|| unknown_alias(name))?,
        };
        let column = ColumnOf { source, column: column_of(self.table(source), &condition.attribute)? };
        if matches!(column.kind, ColumnKind::Image | ColumnKind::File) {
            return Err(error::not_supported(&format!("A condition on the column '{}' in FetchXML", column.name)));
        }
        match &condition.with {
            With::Column(other) => self.between_columns(column, condition.operator, other),
            With::Values(values) => self.against(column, condition.operator, values),
        }
    }

    /// One column against another: `name`, or `alias.name` of a link.
    fn between_columns(&self, column: ColumnOf, operator: Operator, other: &str) -> Result<Filter, DataverseError> {
        let (source, name) = match other.split_once('.') {
            None => (column.source, other),
            Some((alias, name)) => (self.named(alias).ok_or_else(|| unknown_alias(alias))?, name),
        };
        let other = ColumnOf { source, column: column_of(self.table(source), name)? };
        if !comparable(&column.kind, &other.kind) {
            return Err(DataverseError::new(
                code::QUERY_INVALID_VALUE,
                format!(
                    "The columns '{}' and '{}' are of different types, so that they cannot be compared.",
                    column.name, other.name
                ),
            ));
        }
        let comparison = comparison(operator).ok_or_else(|| unfit(&column, operator))?;
        ordered(&column, operator, comparison)?;
        Ok(Filter::Compare { column, comparison, with: Comparand::Column(other) })
    }

    fn against(&self, column: ColumnOf, operator: Operator, values: &[String]) -> Result<Filter, DataverseError> {
        let first = values.first().map_or("", String::as_str);
        if let Some(comparison) = comparison(operator) {
            ordered(&column, operator, comparison)?;
            let with = Comparand::Value(of_column(&column, first)?);
            return Ok(Filter::Compare { column, comparison, with });
        }
        let negated = matches!(
            operator,
            Operator::NotNull
                | Operator::NotIn
                | Operator::NotLike
                | Operator::NotBeginWith
                | Operator::NotEndWith
                | Operator::NotEqualUserId
                | Operator::NotEqualBusinessId
        );
        match operator {
            Operator::Null | Operator::NotNull => Ok(Filter::Null { column, negated }),
            Operator::In | Operator::NotIn => {
                let values = values.iter().map(|text| of_column(&column, text)).collect::<Result<_, _>>()?;
                Ok(Filter::In { column, values, negated })
            }
            Operator::ContainValues | Operator::NotContainValues => {
                let chosen = match column.kind {
                    ColumnKind::MultiSelect { .. } => values.iter().map(|text| of_column(&column, text)),
                    _ => return Err(unfit(&column, operator)),
                };
                let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
                let negated = operator == Operator::NotContainValues;
                any_of(&column, &chosen, negated).ok_or_else(|| unfit(&column, operator))
            }
            Operator::Between | Operator::NotBetween => {
                let [low, high] = values else { return Err(unfit(&column, operator)) };
                ordered(&column, operator, Comparison::Less)?;
                let (low, high) = (of_column(&column, low)?, of_column(&column, high)?);
                let compare = |comparison, value| Filter::Compare {
                    column: column.clone(),
                    comparison,
                    with: Comparand::Value(value),
                };
                Ok(if operator == Operator::Between {
                    Filter::And(vec![compare(Comparison::GreaterOrEqual, low), compare(Comparison::LessOrEqual, high)])
                } else {
                    Filter::Or(vec![compare(Comparison::Less, low), compare(Comparison::Greater, high)])
                })
            }
            Operator::Like | Operator::NotLike => {
                let (function, pattern) = like(first);
                self.text(column, operator, function, pattern, negated)
            }
            Operator::BeginsWith | Operator::NotBeginWith => {
                self.text(column, operator, TextFunction::StartsWith, first, negated)
            }
            Operator::EndsWith | Operator::NotEndWith => {
                self.text(column, operator, TextFunction::EndsWith, first, negated)
            }
            Operator::Under
            | Operator::UnderOrEqual
            | Operator::NotUnder
            | Operator::Above
            | Operator::AboveOrEqual => self.hierarchy(column, operator, first),
            Operator::EqualUserLanguage => match column.kind {
                ColumnKind::Integer(_) => Ok(Filter::Compare {
                    column,
                    comparison: Comparison::Equal,
                    with: Comparand::Value(Value::Integer(LANGUAGE)),
                }),
                _ => Err(unfit(&column, operator)),
            },
            _ => match caller(operator) {
                Some(who) if column.kind.is_lookup() || column.kind == ColumnKind::Guid => {
                    Ok(Filter::Caller { column, who, negated })
                }
                Some(_) => Err(unfit(&column, operator)),
                None => when(column, operator, values),
            },
        }
    }

    /// Where a row stands in the hierarchy of its table, or of the table that a lookup leads to.
    fn hierarchy(&self, column: ColumnOf, operator: Operator, of: &str) -> Result<Filter, DataverseError> {
        let own = self.table(column.source);
        let table = match column.targets() {
            [] if column.column.position == own.primary_id().position => Arc::clone(own),
            [target] => table_of(self.schema, &target.table)?,
            _ => return Err(unfit(&column, operator)),
        };
        let of = of_column(&column, of)?.guid().ok_or_else(|| unfit(&column, operator))?;
        let parent = hierarchical(&table).ok_or_else(|| {
            error::not_supported(&format!(
                "The condition operator '{}' over '{}', which has no hierarchy,",
                operator.name(),
                table.logical_name()
            ))
        })?;
        let direction = match operator {
            Operator::Above | Operator::AboveOrEqual => Direction::Above,
            _ => Direction::Under,
        };
        let inclusive = matches!(operator, Operator::AboveOrEqual | Operator::UnderOrEqual);
        let hierarchy = Hierarchy { table, parent, of, direction, inclusive };
        let negated = operator == Operator::NotUnder;
        Ok(Filter::Hierarchy { column, hierarchy: Box::new(hierarchy), negated })
    }

    /// A text in a column. In a lookup the name of its row is looked at, as by the service.
    fn text(
        &self,
        column: ColumnOf,
        operator: Operator,
        function: TextFunction,
        pattern: &str,
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        let pattern = Pattern::new(pattern);
        if column.kind.is_text() {
            return Ok(Filter::Text { column, function, pattern, negated });
        }
        let targets = column.targets();
        if targets.is_empty() || targets.len() > MOST_NAMED {
            return Err(error::not_supported(&format!(
                "The operator '{}' on the column '{}', which is no text,",
                operator.name(),
                column.name
            )));
        }
        let mut ways = Vec::with_capacity(targets.len());
        for target in targets {
            let Some(table) = self.schema.table(&target.table).map_err(broken)? else { continue };
            let Some(name) = table.primary_name().map(ColumnOf::from) else { continue };
            let filter = Filter::Text { column: name, function, pattern: pattern.clone(), negated: false };
            let on = JoinOn::Lookup { lookup: Arc::clone(&column.column) };
            let exists = Exists { from: column.source, on, table, links: Vec::new(), filter: Some(filter), negated };
            ways.push(Filter::Exists(Box::new(exists)));
        }
        combined(ways, !negated).ok_or_else(|| unfit(&column, operator))
    }
}

fn unknown_alias(name: &str) -> DataverseError {
    DataverseError::new(
        code::QUERY_ALIAS_DOES_NOT_EXIST,
        format!("The FetchXML document has no link-entity with the alias or name '{}'.", quoted(name)),
    )
}

fn unfit(column: &ColumnOf, operator: Operator) -> DataverseError {
    DataverseError::new(
        code::QUERY_INVALID_OPERATOR,
        format!(
            "The condition operator '{}' is not valid for the column '{}' of its type.",
            operator.name(),
            column.name
        ),
    )
}

const fn comparison(operator: Operator) -> Option<Comparison> {
    Some(match operator {
        Operator::Equal => Comparison::Equal,
        Operator::NotEqual => Comparison::NotEqual,
        Operator::Greater => Comparison::Greater,
        Operator::GreaterOrEqual => Comparison::GreaterOrEqual,
        Operator::Less => Comparison::Less,
        Operator::LessOrEqual => Comparison::LessOrEqual,
        _ => return None,
    })
}

/// The service has no order of yes and no, nor of ids that people could rely on.
fn ordered(column: &ColumnOf, operator: Operator, comparison: Comparison) -> Result<(), DataverseError> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let unordered = matches!(column.kind, ColumnKind::Boolean(_) | ColumnKind::ManagedBoolean(_) | ColumnKind::Guid)
        || column.kind.is_lookup();
    if unordered && !equality { Err(unfit(column, operator)) } else { Ok(()) }
}

/// Where a `like` looks: a `%` at an end of its pattern leaves that end open.
fn like(pattern: &str) -> (TextFunction, &str) {
    match (pattern.strip_prefix('%'), pattern.strip_suffix('%')) {
        (Some(rest), Some(_)) => (TextFunction::Contains, rest.strip_suffix('%').unwrap_or(rest)),
        (Some(rest), None) => (TextFunction::EndsWith, rest),
        (None, Some(rest)) => (TextFunction::StartsWith, rest),
        (None, None) => (TextFunction::Whole, pattern),
    }
}

const fn caller(operator: Operator) -> Option<CallerSet> {
    Some(match operator {
        Operator::EqualUserId | Operator::NotEqualUserId => CallerSet::User,
        Operator::EqualUserTeams => CallerSet::Teams,
        Operator::EqualUserOrUserTeams => CallerSet::UserOrTeams,
        Operator::EqualUserOrUserHierarchy => CallerSet::UserAndReports,
        Operator::EqualUserOrUserHierarchyAndTeams => CallerSet::UserAndReportsAndTeams,
        Operator::EqualBusinessId | Operator::NotEqualBusinessId => CallerSet::BusinessUnit,
        _ => return None,
    })
}

/// Conditions about time; and those that the local org does not know.
fn when(column: ColumnOf, operator: Operator, values: &[String]) -> Result<Filter, DataverseError> {
    let is_date = matches!(column.kind, ColumnKind::DateTime { .. });
    let first = values.first().map_or("", String::as_str);
    let count = || number(&column, first).and_then(|count| u32::try_from(count).map_err(|_| no_number(&column, first)));
    let day = || moment(first.trim()).ok_or_else(|| no_number(&column, first));
    let last = |unit| count().map(|count| Span::Last(unit, count));
    let next = |unit| count().map(|count| Span::Next(unit, count));
    let older = |unit| count().map(|count| Span::OlderThan(unit, count));
    let whole = |unit, after| Ok(Span::Whole(unit, after));
    let span = match operator {
        _ if !is_date => return Err(not_here(&column, operator)),
        Operator::On => day().map(Span::On),
        Operator::OnOrBefore => day().map(Span::OnOrBefore),
        Operator::OnOrAfter => day().map(Span::OnOrAfter),
        Operator::Yesterday => Ok(Span::Day(-1)),
        Operator::Today => Ok(Span::Day(0)),
        Operator::Tomorrow => Ok(Span::Day(1)),
        Operator::LastSevenDays => Ok(Span::SevenDays { next: false }),
        Operator::NextSevenDays => Ok(Span::SevenDays { next: true }),
        Operator::LastWeek => whole(TimeUnit::Week, -1),
        Operator::ThisWeek => whole(TimeUnit::Week, 0),
        Operator::NextWeek => whole(TimeUnit::Week, 1),
        Operator::LastMonth => whole(TimeUnit::Month, -1),
        Operator::ThisMonth => whole(TimeUnit::Month, 0),
        Operator::NextMonth => whole(TimeUnit::Month, 1),
        Operator::LastYear => whole(TimeUnit::Year, -1),
        Operator::ThisYear => whole(TimeUnit::Year, 0),
        Operator::NextYear => whole(TimeUnit::Year, 1),
        Operator::LastFiscalYear => whole(TimeUnit::FiscalYear, -1),
        Operator::ThisFiscalYear => whole(TimeUnit::FiscalYear, 0),
        Operator::NextFiscalYear => whole(TimeUnit::FiscalYear, 1),
        Operator::LastFiscalPeriod => whole(TimeUnit::FiscalPeriod, -1),
        Operator::ThisFiscalPeriod => whole(TimeUnit::FiscalPeriod, 0),
        Operator::NextFiscalPeriod => whole(TimeUnit::FiscalPeriod, 1),
        Operator::LastXHours => last(TimeUnit::Hour),
        Operator::LastXDays => last(TimeUnit::Day),
        Operator::LastXWeeks => last(TimeUnit::Week),
        Operator::LastXMonths => last(TimeUnit::Month),
        Operator::LastXYears => last(TimeUnit::Year),
        Operator::LastXFiscalPeriods => last(TimeUnit::FiscalPeriod),
        Operator::LastXFiscalYears => last(TimeUnit::FiscalYear),
        Operator::NextXHours => next(TimeUnit::Hour),
        Operator::NextXDays => next(TimeUnit::Day),
        Operator::NextXWeeks => next(TimeUnit::Week),
        Operator::NextXMonths => next(TimeUnit::Month),
        Operator::NextXYears => next(TimeUnit::Year),
        Operator::NextXFiscalPeriods => next(TimeUnit::FiscalPeriod),
        Operator::NextXFiscalYears => next(TimeUnit::FiscalYear),
        Operator::OlderThanXMinutes => older(TimeUnit::Minute),
        Operator::OlderThanXHours => older(TimeUnit::Hour),
        Operator::OlderThanXDays => older(TimeUnit::Day),
        Operator::OlderThanXWeeks => older(TimeUnit::Week),
        Operator::OlderThanXMonths => older(TimeUnit::Month),
        Operator::OlderThanXYears => older(TimeUnit::Year),
        Operator::InFiscalYear
        | Operator::InFiscalPeriodAndYear
        | Operator::InOrBeforeFiscalPeriodAndYear
        | Operator::InOrAfterFiscalPeriodAndYear => return fiscal(&column, operator, values),
        _ => return Err(not_here(&column, operator)),
    }?;
    Ok(Filter::When { column, span })
}

/// Either an operator that the column does not take, or one that the local org does not know.
fn not_here(column: &ColumnOf, operator: Operator) -> DataverseError {
    if operator == Operator::InFiscalPeriod {
        error::not_supported(&format!("The condition operator '{}' of FetchXML", operator.name()))
    } else {
        unfit(column, operator)
    }
}

/// A fiscal year that is given by its number, or a quarter of it: the calendar's, as in an org that
/// nobody has set up otherwise.
fn fiscal(column: &ColumnOf, operator: Operator, values: &[String]) -> Result<Filter, DataverseError> {
    let (period, year) = match values {
        [year] => (None, year),
        [period, year] => (Some(period), year),
        _ => return Err(unfit(column, operator)),
    };
    let year = number(column, year)?;
    let period = period.map(|period| number(column, period)).transpose()?;
    if !(1753..=9999).contains(&year) || period.is_some_and(|period| !(1..=4).contains(&period)) {
        return Err(DataverseError::new(
            code::QUERY_INVALID_VALUE,
            format!(
                "The condition '{}' on '{}' names a fiscal year outside of 1753 to 9999, or a period outside of 1 to 4.",
                operator.name(),
                column.name
            ),
        ));
    }
    let reach = match operator {
        Operator::InOrBeforeFiscalPeriodAndYear => FiscalReach::InOrBefore,
        Operator::InOrAfterFiscalPeriodAndYear => FiscalReach::InOrAfter,
        _ => FiscalReach::In,
    };
    let (Ok(year), Ok(period)) = (i32::try_from(year), period.map(u8::try_from).transpose()) else {
        return Err(unfit(column, operator));
    };
    Ok(Filter::When { column: column.clone(), span: Span::Fiscal { year, period, reach } })
}

fn number(column: &ColumnOf, text: &str) -> Result<i64, DataverseError> {
    text.trim().parse().map_err(|_| no_number(column, text))
}

fn no_number(column: &ColumnOf, text: &str) -> DataverseError {
    DataverseError::new(
        code::QUERY_INVALID_VALUE,
        format!("The value '{}' of the condition on '{}' is no date or number that fits.", quoted(text), column.name),
    )
}
