//! `$apply`: groups and figures in the place of rows.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{ColumnKind, Table};

use super::Binder;
use super::scope::Scope;
use crate::query::{Aggregate, ColumnOf, Figure, FigureFunction, Filter, Group, Query, SourceId, Within};
use crate::syntax::apply::{Item, Transformation, transformations};
use crate::syntax::filter;
use crate::syntax::quoted;

impl Binder<'_> {
    /// A query whose `$apply` this is.
    pub(super) fn applied(
        self,
        table: &Arc<Table>,
        within: Option<Within>,
        text: &str,
    ) -> Result<Query, DataverseError> {
        if self.options.order_by.is_some() {
            // What stands there would name a figure or a group, which are no properties of the type.
            return Err(error::odata("The query node SingleValueOpenPropertyAccess is not supported"));
        }
        self.options.only(&["$apply", "$skiptoken"])?;
        let mut scope = Scope::of(table);
        let (mut conditions, mut aggregate) = (Vec::new(), None);
        for part in transformations(text)? {
            if aggregate.is_some() {
                return Err(error::not_supported("A transformation in $apply behind 'groupby' or 'aggregate'"));
            }
            match part {
                Transformation::Filter(text) => match self.condition(&mut scope, &filter::parse(text)?, false)? {
                    Filter::And(parts) => conditions.extend(parts),
                    one => conditions.push(one),
                },
                Transformation::Aggregate(figures) => {
                    aggregate = Some(self.aggregate(&mut scope, &[], &figures)?);
                }
                Transformation::GroupBy { paths, figures } => {
                    aggregate = Some(self.aggregate(&mut scope, &paths, &figures)?);
                }
            }
        }
        let filter = match conditions.len() {
            0 => None,
            1 => conditions.pop(),
            _ => Some(Filter::And(conditions)),
        };
        // Without groups or figures it is a filter, and gives rows.
        let (aggregate, page) = (aggregate.map(Box::new), self.page()?);
        Ok(Query { within, filter, links: scope.links, aggregate, page, ..Query::all(Arc::clone(table)) })
    }

    fn aggregate(self, scope: &mut Scope<'_>, paths: &[&str], items: &[Item<'_>]) -> Result<Aggregate, DataverseError> {
        let mut groups: Vec<Group> = Vec::with_capacity(paths.len());
        for path in paths {
            let column = self.told(scope, path)?;
            if matches!(column.kind, ColumnKind::DateTime { .. }) {
                return Err(error::odata(format!(
                    "The property '{}' holds dates, by which $apply does not group.",
                    quoted(path)
                )));
            }
            let name = match column.source {
                SourceId::ROOT => column.property_name(),
                source => format!("{}_{}", scope.table(source).logical_name(), column.name),
            };
            groups.push(Group { column, part: None, name: name.into() });
        }
        let mut figures: Vec<Figure> = Vec::with_capacity(items.len());
        for item in items {
            figures.push(self.figure(scope, item)?);
        }
        let names = groups.iter().map(|group| &group.name).chain(figures.iter().map(|figure| &figure.name));
        let names: Vec<&str> = names.map(|name| &**name).collect();
        if let Some(twice) =
            names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|before| before == *name))
        {
            return Err(error::odata(format!("The $apply gives two results the name '{}'.", quoted(twice.1))));
        }
        Ok(Aggregate { groups, figures, order: Vec::new() })
    }

    fn figure(self, scope: &mut Scope<'_>, item: &Item<'_>) -> Result<Figure, DataverseError> {
        let sound = |letter: char| letter.is_alphanumeric() || letter == '_';
        if !item.alias.chars().all(sound) || item.alias.len() > 100 {
            return Err(error::odata(format!("The alias '{}' is no name.", quoted(item.alias))));
        }
        let name: Box<str> = item.alias.into();
        let Some((path, method)) = item.of else {
            return Ok(Figure { function: FigureFunction::Rows, column: None, distinct: false, name });
        };
        let function = match method {
            "sum" => FigureFunction::Sum,
            "average" => FigureFunction::Average,
            "min" => FigureFunction::Minimum,
            "max" => FigureFunction::Maximum,
            other => {
                // The service's documents say that there is no distinct count of a column.
                return Err(error::odata(format!("The aggregation method '{}' is not supported.", quoted(other))));
            }
        };
        let column = self.told(scope, path)?;
        let is_number = matches!(
            column.kind,
            ColumnKind::Integer(_)
                | ColumnKind::BigInteger
                | ColumnKind::Decimal { .. }
                | ColumnKind::Double { .. }
                | ColumnKind::Money { .. }
        );
        let is_date = matches!(column.kind, ColumnKind::DateTime { .. });
        let extreme = matches!(function, FigureFunction::Minimum | FigureFunction::Maximum);
        if !(is_number || is_date && extreme) {
            return Err(error::odata(format!(
                "The aggregation method '{method}' cannot be used for the property '{}'.",
                quoted(path)
            )));
        }
        Ok(Figure { function, column: Some(column), distinct: false, name })
    }

    fn told(self, scope: &mut Scope<'_>, path: &str) -> Result<ColumnOf, DataverseError> {
        let names: Vec<&str> = path.split('/').map(str::trim).collect();
        let column = scope.column(self, &names)?;
        match column.kind {
            ColumnKind::ManagedBoolean(_) => {
                Err(error::not_supported(&format!("The property '{}' in $apply", quoted(path))))
            }
            _ => Ok(column),
        }
    }
}
