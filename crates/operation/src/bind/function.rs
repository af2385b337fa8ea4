//! Dataverse's own query functions: `Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=7)`.
//!
//! They say what the comparisons of OData cannot: what only the caller or the moment decides, and
//! where in a hierarchy a row stands. The names of their parameters are fixed.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{ColumnKind, Table};
use keyholder_foundation::Timestamp;

use super::calls::NAMESPACE;
use super::scope::Scope;
use super::{Binder, broken, literal};
use crate::query::{
    CallerSet, ColumnOf, Comparand, Comparison, Direction, Filter, FiscalReach, Hierarchy, Span, TimeUnit,
};
use crate::syntax::filter::{Argument, argument};
use crate::syntax::lexer::{Lexer, TokenKind};
use crate::syntax::{Literal, quoted};

/// The language of the local org, and of everybody in it: English of the United States.
const LANGUAGE: i64 = 1033;
/// A list of values has at most this many.
const MOST_VALUES: usize = 2_000;

/// A call with its arguments.
struct Call<'c> {
    name: &'c str,
    arguments: &'c [(&'c str, Argument<'c>)],
}

impl Binder<'_> {
    /// One of the functions, as a condition. `path` ends in its full name.
    pub(super) fn function(
        self,
        scope: &mut Scope<'_>,
        path: &[&str],
        arguments: &[(&str, Argument<'_>)],
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        if negated {
            return Err(error::odata("Not operator along with the Custom Named Condition operators is not allowed"));
        }
        let (source, name) = scope.end(self, path)?;
        let call = Call { name: name.strip_prefix(NAMESPACE).unwrap_or(name), arguments };
        let property = self.text(&call, "PropertyName")?;
        let table = scope.table(source);
        // Mostly by its logical name, as the documents have it.
        let column = match table.column(&property).filter(|column| column.access.read) {
            Some(column) => ColumnOf { source, column: Arc::clone(column) },
            None => scope.property(source, &property)?,
        };
        match call.name {
            "ContainValues" | "DoesNotContainValues" => {
                self.only(&call, &["PropertyValues"])?;
                let chosen = match column.kind {
                    ColumnKind::MultiSelect { .. } => self.values(&call, &column)?,
                    _ => return Err(unfit(&call, &column)),
                };
                let negated = call.name == "DoesNotContainValues";
                super::chosen::any_of(&column, &chosen, negated).ok_or_else(|| unfit(&call, &column))
            }
            "In" | "NotIn" => {
                self.only(&call, &["PropertyValues"])?;
                let values = self.values(&call, &column)?;
                Ok(Filter::In { column, values, negated: call.name == "NotIn" })
            }
            "Between" | "NotBetween" => {
                self.only(&call, &["PropertyValues"])?;
                let values = self.values(&call, &column)?;
                let [least, most] = <[Value; 2]>::try_from(values).map_err(|values| {
                    error::odata(format!("'{}' takes two PropertyValues, not {}.", call.name, values.len()))
                })?;
                let compare = |comparison, value| Filter::Compare {
                    column: column.clone(),
                    comparison,
                    with: Comparand::Value(value),
                };
                Ok(match call.name {
                    "Between" => Filter::And(vec![
                        compare(Comparison::GreaterOrEqual, least),
                        compare(Comparison::LessOrEqual, most),
                    ]),
                    _ => Filter::Or(vec![compare(Comparison::Less, least), compare(Comparison::Greater, most)]),
                })
            }
            "Above" | "AboveOrEqual" | "Under" | "UnderOrEqual" | "NotUnder" => self.hierarchy(&call, scope, column),
            "EqualUserLanguage" => {
                self.only(&call, &[])?;
                if !matches!(column.kind, ColumnKind::Integer(_)) {
                    return Err(unfit(&call, &column));
                }
                let with = Comparand::Value(Value::Integer(LANGUAGE));
                Ok(Filter::Compare { column, comparison: Comparison::Equal, with })
            }
            other => match (caller_set(other), self.span(&call)?) {
                (Some((who, negated)), _) => {
                    self.only(&call, &[])?;
                    if column.kind.edm_type() != "Edm.Guid" {
                        return Err(unfit(&call, &column));
                    }
                    Ok(Filter::Caller { column, who, negated })
                }
                (None, Some(span)) => match column.kind {
                    ColumnKind::DateTime { .. } => Ok(Filter::When { column, span }),
                    _ => Err(unfit(&call, &column)),
                },
                (None, None) => {
                    Err(error::not_supported(&format!("The function '{NAMESPACE}{}' in $filter", quoted(other))))
                }
            },
        }
    }

    /// The stretch of time that a function means; none when it means none.
    fn span(self, call: &Call<'_>) -> Result<Option<Span>, DataverseError> {
        let fixed = match call.name {
            "Today" => Some(Span::Day(0)),
            "Yesterday" => Some(Span::Day(-1)),
            "Tomorrow" => Some(Span::Day(1)),
            "Last7Days" => Some(Span::SevenDays { next: false }),
            "Next7Days" => Some(Span::SevenDays { next: true }),
            _ => whole(call.name),
        };
        if let Some(span) = fixed {
            self.only(call, &[])?;
            return Ok(Some(span));
        }
        if let Some((kind, unit)) = counted(call.name) {
            self.only(call, &["PropertyValue"])?;
            let written = self.text(call, "PropertyValue")?;
            let count = written.parse().ok().filter(|count| *count > 0).ok_or_else(|| {
                error::odata(format!(
                    "The PropertyValue '{}' of '{}' is no whole number above 0.",
                    quoted(&written),
                    call.name
                ))
            })?;
            return Ok(Some(kind(unit, count)));
        }
        let day: Option<fn(Timestamp) -> Span> = match call.name {
            "On" => Some(Span::On),
            "OnOrBefore" => Some(Span::OnOrBefore),
            "OnOrAfter" => Some(Span::OnOrAfter),
            _ => None,
        };
        if let Some(span) = day {
            self.only(call, &["PropertyValue"])?;
            let written = self.text(call, "PropertyValue")?;
            let moment = Timestamp::parse(&written).map_err(|_| {
                error::odata(format!("The PropertyValue '{}' of '{}' is no date.", quoted(&written), call.name))
            })?;
            return Ok(Some(span(moment)));
        }
        let number = |name: &str, range: std::ops::RangeInclusive<i32>| {
            let written = self.text(call, name)?;
            written.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
                error::odata(format!(
                    "The {name} '{}' of '{}' is none of {} to {}.",
                    quoted(&written),
                    call.name,
                    range.start(),
                    range.end()
                ))
            })
        };
        let reach = match call.name {
            "InFiscalYear" => {
                self.only(call, &["PropertyValue"])?;
                let year = number("PropertyValue", 1..=9998)?;
                return Ok(Some(Span::Fiscal { year, period: None, reach: FiscalReach::In }));
            }
            "InFiscalPeriodAndYear" => FiscalReach::In,
            "InOrBeforeFiscalPeriodAndYear" => FiscalReach::InOrBefore,
            "InOrAfterFiscalPeriodAndYear" => FiscalReach::InOrAfter,
            _ => return Ok(None),
        };
        self.only(call, &["PropertyValue1", "PropertyValue2"])?;
        let (period, year) = (number("PropertyValue1", 1..=4)?, number("PropertyValue2", 1..=9998)?);
        Ok(Some(Span::Fiscal { year, period: u8::try_from(period).ok(), reach }))
    }

    /// Above or under a row, in the hierarchy that the column's rows stand in.
    fn hierarchy(self, call: &Call<'_>, scope: &Scope<'_>, column: ColumnOf) -> Result<Filter, DataverseError> {
        self.only(call, &["PropertyValue"])?;
        let written = self.text(call, "PropertyValue")?;
        let of = written.parse().map_err(|_| {
            error::odata(format!("The PropertyValue '{}' of '{}' is no GUID.", quoted(&written), call.name))
        })?;
        let own = scope.table(column.source);
        let table = match column.targets() {
            [] if column.column.position == own.primary_id().position => Arc::clone(own),
            [target] => self.schema.table(&target.table).map_err(broken)?.ok_or_else(|| unfit(call, &column))?,
            _ => return Err(unfit(call, &column)),
        };
        let parent = hierarchical(&table).ok_or_else(|| {
            error::not_supported(&format!(
                "The function '{}' over '{}', which has no hierarchy,",
                call.name,
                table.logical_name()
            ))
        })?;
        let (direction, inclusive) = match call.name {
            "Above" => (Direction::Above, false),
            "AboveOrEqual" => (Direction::Above, true),
            "UnderOrEqual" => (Direction::Under, true),
            _ => (Direction::Under, false),
        };
        let hierarchy = Hierarchy { parent, table, of, direction, inclusive };
        Ok(Filter::Hierarchy { column, hierarchy: Box::new(hierarchy), negated: call.name == "NotUnder" })
    }

    /// Refuses every parameter but `PropertyName` and these.
    fn only(self, call: &Call<'_>, known: &[&str]) -> Result<(), DataverseError> {
        match call.arguments.iter().find(|(name, _)| *name != "PropertyName" && !known.contains(name)) {
            Some((other, _)) => Err(error::odata(format!(
                "The parameter '{}' is not a parameter of the operation '{NAMESPACE}{}'.",
                quoted(other),
                call.name
            ))),
            None => Ok(()),
        }
    }

    /// An argument, with an alias followed.
    fn argument<'c>(self, call: &Call<'c>, name: &str) -> Result<Argument<'c>, DataverseError>
    where
        Self: 'c,
    {
        let missing = || error::odata(format!("The function '{NAMESPACE}{}' needs the parameter '{name}'.", call.name));
        let (_, given) = call.arguments.iter().find(|(given, _)| *given == name).ok_or_else(missing)?;
        match given {
            Argument::One(Literal::Alias(alias)) => match argument(self.options.alias(alias).ok_or_else(missing)?)? {
                Argument::One(Literal::Alias(_)) => Err(error::bad_syntax()),
                followed => Ok(followed),
            },
            given => Ok(given.clone()),
        }
    }

    /// An argument that is one value, as text: clients quote numbers here.
    fn text(self, call: &Call<'_>, name: &str) -> Result<String, DataverseError> {
        match self.argument(call, name)? {
            Argument::One(Literal::Text(text)) => Ok(text.trim().to_owned()),
            Argument::One(Literal::Number(text) | Literal::DateTime(text)) => Ok(text.to_owned()),
            Argument::One(Literal::Guid(id)) => Ok(id.to_string()),
            _ => Err(error::odata(format!("The parameter '{name}' of '{NAMESPACE}{}' takes one value.", call.name))),
        }
    }

    /// `PropertyValues`, each of the column's kind. Clients quote all of them.
    fn values(self, call: &Call<'_>, column: &ColumnOf) -> Result<Vec<Value>, DataverseError> {
        if matches!(column.kind, ColumnKind::ManagedBoolean(_) | ColumnKind::Image | ColumnKind::File) {
            return Err(unfit(call, column));
        }
        let Argument::List(items) = self.argument(call, "PropertyValues")? else {
            return Err(error::odata(format!("The PropertyValues of '{NAMESPACE}{}' are no list.", call.name)));
        };
        if items.is_empty() || items.len() > MOST_VALUES {
            return Err(error::odata(format!(
                "The PropertyValues of '{NAMESPACE}{}' are {}; one to {MOST_VALUES} can be given.",
                call.name,
                items.len()
            )));
        }
        let takes_text = column.kind.is_text() || matches!(column.kind, ColumnKind::MultiSelect { .. });
        let value = |item: &Literal<'_>| match item {
            Literal::Text(text) if !takes_text => {
                let text = text.trim();
                let unquoted = match (&column.kind, text) {
                    (ColumnKind::Boolean(_), "1") => Literal::Boolean(true),
                    (ColumnKind::Boolean(_), "0") => Literal::Boolean(false),
                    _ => match Lexer::new(text).next_token()? {
                        token if token.end == text.len() => match token.kind {
                            TokenKind::Literal(literal) => literal,
                            _ => item.clone(),
                        },
                        _ => item.clone(),
                    },
                };
                literal::of_column(self, column, &unquoted, "eq")
            }
            Literal::Number(text) if column.kind.is_text() => Ok(Value::Text((*text).to_owned())),
            Literal::Number(text) if takes_text => {
                literal::of_column(self, column, &Literal::Text((*text).into()), "eq")
            }
            item => literal::of_column(self, column, item, "eq"),
        };
        let values = items.iter().map(value).collect::<Result<Vec<_>, _>>()?;
        if values.iter().any(Value::is_null) {
            return Err(error::not_supported("A null among PropertyValues"));
        }
        Ok(values)
    }
}

/// A column of a kind that the function is not about.
fn unfit(call: &Call<'_>, column: &ColumnOf) -> DataverseError {
    error::odata(format!("The function '{NAMESPACE}{}' cannot be asked of the property '{}'.", call.name, column.name))
}

/// What of the caller a function means, and whether the column must not name it.
fn caller_set(name: &str) -> Option<(CallerSet, bool)> {
    Some(match name {
        "EqualUserId" => (CallerSet::User, false),
        "NotEqualUserId" => (CallerSet::User, true),
        "EqualBusinessId" => (CallerSet::BusinessUnit, false),
        "NotEqualBusinessId" => (CallerSet::BusinessUnit, true),
        "EqualUserTeams" => (CallerSet::Teams, false),
        "EqualUserOrUserTeams" => (CallerSet::UserOrTeams, false),
        "EqualUserOrUserHierarchy" => (CallerSet::UserAndReports, false),
        "EqualUserOrUserHierarchyAndTeams" => (CallerSet::UserAndReportsAndTeams, false),
        _ => return None,
    })
}

/// `ThisWeek`, `LastMonth`, `NextFiscalYear`.
fn whole(name: &str) -> Option<Span> {
    let (rest, after) = [("This", 0), ("Last", -1), ("Next", 1)]
        .into_iter()
        .find_map(|(word, after)| Some((name.strip_prefix(word)?, after)))?;
    let unit = match rest {
        "Week" => TimeUnit::Week,
        "Month" => TimeUnit::Month,
        "Year" => TimeUnit::Year,
        "FiscalPeriod" => TimeUnit::FiscalPeriod,
        "FiscalYear" => TimeUnit::FiscalYear,
        _ => return None,
    };
    Some(Span::Whole(unit, after))
}

/// A stretch of so many units.
type Counted = fn(TimeUnit, u32) -> Span;

/// `LastXHours`, `NextXFiscalYears`, `OlderThanXMinutes`.
fn counted(name: &str) -> Option<(Counted, TimeUnit)> {
    let kinds: [(&str, Counted); 3] = [("LastX", Span::Last), ("NextX", Span::Next), ("OlderThanX", Span::OlderThan)];
    let (rest, kind) = kinds.into_iter().find_map(|(word, kind)| Some((name.strip_prefix(word)?, kind)))?;
    let older = name.starts_with("Older");
    let unit = match rest {
        "Minutes" if older => TimeUnit::Minute,
        "Hours" => TimeUnit::Hour,
        "Days" => TimeUnit::Day,
        "Weeks" => TimeUnit::Week,
        "Months" => TimeUnit::Month,
        "Years" => TimeUnit::Year,
        "FiscalPeriods" if !older => TimeUnit::FiscalPeriod,
        "FiscalYears" if !older => TimeUnit::FiscalYear,
        _ => return None,
    };
    Some((kind, unit))
}

/// The lookup by which the rows of a table stand in a hierarchy: of several that lead to the table
/// itself, the one that is named after a parent.
pub(super) fn hierarchical(table: &Table) -> Option<Arc<keyholder_dataverse::Column>> {
    let own = |column: &&Arc<keyholder_dataverse::Column>| {
        let targets = column.targets();
        !targets.is_empty() && targets.iter().all(|target| target.table == table.logical_name())
    };
    let mut parents = table.columns().iter().filter(own).filter(|column| column.name.starts_with("parent"));
    match (parents.next(), parents.next()) {
        (Some(only), None) => Some(Arc::clone(only)),
        _ => None,
    }
}
