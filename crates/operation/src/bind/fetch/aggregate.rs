//! Groups and figures.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::ColumnKind;

use super::scope::Scope;
use super::{column_of, duplicate_alias, showable};
use crate::fetch::{Attribute, Body, DateGrouping, Figure as Word, OrderBy};
use crate::query::{Aggregate, AggregateOrder, ColumnOf, DatePart, Figure, FigureFunction, Group, SourceId};
use crate::syntax::quoted;

/// The most groups, figures and orders of a query.
const MOST: usize = 50;

impl Scope<'_> {
    /// What the attributes of all elements together ask for.
    pub(super) fn aggregate(&self, bodies: &[(SourceId, &Body)]) -> Result<Aggregate, DataverseError> {
        let mut aggregate = Aggregate { groups: Vec::new(), figures: Vec::new(), order: Vec::new() };
        for (source, body) in bodies {
            if body.all_attributes {
                return Err(DataverseError::new(
                    code::QUERY_ATTRIBUTE_WITH_AGGREGATE,
                    "The element 'all-attributes' cannot stand in a query with aggregates.",
                ));
            }
            for attribute in &body.attributes {
                // Rows that SQL counts go by no column; their ids stand for them.
                let column = match attribute.name.as_str() {
                    "" => Arc::clone(self.table(*source).primary_id()),
                    name => column_of(self.table(*source), name)?,
                };
                let name = attribute.alias.clone().ok_or_else(|| no_alias(&attribute.name))?;
                let known = aggregate.groups.iter().map(|group| &group.name);
                if known.chain(aggregate.figures.iter().map(|figure| &figure.name)).any(|known| **known == *name) {
                    return Err(duplicate_alias(&name));
                }
                let of = ColumnOf { source: *source, column };
                match attribute.aggregate {
                    Some(word) => aggregate.figures.push(figure(of, word, attribute, name)?),
                    None if attribute.group_by => aggregate.groups.push(group(of, attribute, name)?),
                    None => {
                        return Err(DataverseError::new(
                            code::QUERY_ATTRIBUTE_WITH_AGGREGATE,
                            format!(
                                "The attribute '{}' is neither grouped by nor aggregated, which it must be in a query with \
                                 aggregates.",
                                quoted(&attribute.name)
                            ),
                        ));
                    }
                }
            }
        }
        if aggregate.groups.is_empty() && aggregate.figures.is_empty() {
            return Err(DataverseError::new(
                code::QUERY_ELEMENT_NOT_FOUND,
                "A query with aggregates has no attribute that is grouped by or aggregated.",
            ));
        }
        for order in bodies.iter().flat_map(|(_, body)| &body.orders) {
            let OrderBy::Alias(alias) = &order.by else { continue };
            let names = aggregate.groups.iter().map(|group| &group.name);
            let mut names = names.chain(aggregate.figures.iter().map(|figure| &figure.name));
            let place = names.position(|name| **name == **alias).ok_or_else(|| {
                DataverseError::new(
                    code::QUERY_ALIAS_DOES_NOT_EXIST,
                    format!("The order names the alias '{}', which no attribute has.", quoted(alias)),
                )
            })?;
            if !aggregate.order.iter().any(|known| known.place == place) {
                aggregate.order.push(AggregateOrder { place, descending: order.descending });
            }
        }
        if aggregate.groups.len() + aggregate.figures.len() > MOST {
            return Err(DataverseError::new(
                code::INVALID_FETCH_XML,
                format!("The query has more than {MOST} groups and figures."),
            ));
        }
        Ok(aggregate)
    }
}

fn no_alias(name: &str) -> DataverseError {
    DataverseError::new(
        code::QUERY_NO_ALIAS,
        format!("The attribute '{}' of a query with aggregates has no alias.", quoted(name)),
    )
}

fn group(column: ColumnOf, attribute: &Attribute, name: String) -> Result<Group, DataverseError> {
    let refused = |code, reason: &str| {
        Err(DataverseError::new(code, format!("The attribute '{}' {reason}.", quoted(&attribute.name))))
    };
    let part = match (&column.kind, attribute.date_grouping) {
        // The zone of everybody here is UTC, so that `usertimezone` changes nothing.
        (ColumnKind::DateTime { .. }, Some(grouping)) => Some(part(grouping)?),
        (_, Some(_)) => {
            return refused(code::QUERY_INVALID_DATE_GROUPING, "has a dategrouping and holds no dates");
        }
        (ColumnKind::Image | ColumnKind::File | ColumnKind::ManagedBoolean(_), None) => {
            return Err(error::not_supported(&format!("Grouping by the column '{}'", column.name)));
        }
        _ => None,
    };
    Ok(Group { column, part, name: name.into() })
}

fn part(grouping: DateGrouping) -> Result<DatePart, DataverseError> {
    Ok(match grouping {
        DateGrouping::Day => DatePart::Day,
        DateGrouping::Week => DatePart::Week,
        DateGrouping::Month => DatePart::Month,
        DateGrouping::Quarter => DatePart::Quarter,
        DateGrouping::Year => DatePart::Year,
        DateGrouping::FiscalPeriod | DateGrouping::FiscalYear => {
            return Err(error::not_supported(&format!("The dategrouping '{}' in FetchXML", grouping.name())));
        }
    })
}

fn figure(column: ColumnOf, word: Word, attribute: &Attribute, name: String) -> Result<Figure, DataverseError> {
    let numeric = matches!(
        column.kind,
        ColumnKind::Integer(_)
            | ColumnKind::BigInteger
            | ColumnKind::Decimal { .. }
            | ColumnKind::Double { .. }
            | ColumnKind::Money { .. }
    );
    let fits = match word {
        Word::Count | Word::CountColumn => showable(&column.column),
        Word::Sum | Word::Average => numeric,
        Word::Min | Word::Max => numeric || matches!(column.kind, ColumnKind::DateTime { .. }),
    };
    if !fits {
        return Err(DataverseError::new(
            code::QUERY_INVALID_AGGREGATE_ATTRIBUTE,
            format!(
                "The aggregate '{}' cannot be made of the column '{}', which holds no numbers.",
                word.name(),
                quoted(&attribute.name)
            ),
        ));
    }
    // Only a number of values can be one of different values.
    let distinct = attribute.distinct && word == Word::CountColumn;
    let (function, column) = match word {
        Word::Count => (FigureFunction::Rows, Some(column)),
        Word::CountColumn => (FigureFunction::Count, Some(column)),
        Word::Sum => (FigureFunction::Sum, Some(column)),
        Word::Average => (FigureFunction::Average, Some(column)),
        Word::Min => (FigureFunction::Minimum, Some(column)),
        Word::Max => (FigureFunction::Maximum, Some(column)),
    };
    Ok(Figure { function, column, distinct, name: name.into() })
}
