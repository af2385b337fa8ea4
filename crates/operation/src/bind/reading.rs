//! The options of a query, bound to the columns of its table.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, ColumnKind, Navigation, Table};

use super::{Binder, literal};
use crate::PageToken;
use crate::query::{Comparand, Comparison, Filter, Order, Pattern, Query, Selection, Within};
use crate::syntax::filter::{self, Expression};
use crate::syntax::options;
use crate::syntax::{Literal, quoted};

/// The most columns that rows are sorted by.
const MOST_ORDERS: usize = 10;
/// How often `and` and `or` may take turns on the way into a filter, once everything that can be
/// is written side by side.
const DEEPEST_FILTER: usize = 20;
/// `$top` above this brings no more rows.
const LARGEST_TOP: u32 = 5_000;

impl Binder<'_> {
    pub(super) fn query(self, table: &Arc<Table>, within: Option<Within>) -> Result<Query, DataverseError> {
        self.options.only(&["$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"])?;
        Ok(Query {
            table: Arc::clone(table),
            within,
            select: self.selection(table)?,
            filter: self.filter(table)?,
            order: self.order(table)?,
            top: self.options.top.as_deref().map(options::top).transpose()?.map(|top| top.min(LARGEST_TOP)),
            count: self.options.count.as_deref().map(options::count).transpose()?.unwrap_or(false),
            page: self
                .options
                .skip_token
                .as_deref()
                .map(|token| {
                    PageToken::parse(token).ok_or_else(|| error::odata("The $skiptoken is not one of this org's."))
                })
                .transpose()?,
        })
    }

    pub(super) fn count(self, table: &Arc<Table>, within: Option<Within>) -> Result<Query, DataverseError> {
        self.options.only(&["$filter"])?;
        Ok(Query { within, filter: self.filter(table)?, ..Query::all(Arc::clone(table)) })
    }

    /// `$select`; an empty one and `*` ask for everything.
    pub(super) fn selection(self, table: &Table) -> Result<Selection, DataverseError> {
        let names = options::list(self.options.select.as_deref().unwrap_or_default())?;
        if names.is_empty() || names == ["*"] {
            return Ok(Selection::all(table));
        }
        let columns = names.into_iter().map(|name| property(table, name)).collect::<Result<_, _>>()?;
        Ok(Selection::of(table, columns))
    }

    fn order(self, table: &Table) -> Result<Vec<Order>, DataverseError> {
        let items = options::list(self.options.order_by.as_deref().unwrap_or_default())?;
        let mut order: Vec<Order> = Vec::with_capacity(items.len().min(MOST_ORDERS));
        for item in items {
            let mut words = item.split_whitespace();
            let name = words.next().unwrap_or_default();
            let descending = match (words.next(), words.next()) {
                (None | Some("asc"), None) => false,
                (Some("desc"), None) => true,
                _ => return Err(error::bad_syntax()),
            };
            // An alias may stand for a column here.
            let name = match name.strip_prefix('@') {
                Some(alias) => self.options.alias(alias).ok_or_else(error::bad_syntax)?.trim(),
                None => name,
            };
            if name.contains('/') {
                return Err(error::not_supported(&format!("The path '{}' in $orderby", quoted(name))));
            }
            let column = property(table, name)?;
            match column.kind {
                // The service sorts a lookup by the name of the row that it leads to.
                ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => {
                    return Err(error::not_supported(&format!("The lookup '{}' in $orderby", quoted(name))));
                }
                ColumnKind::ManagedBoolean(_) => {
                    return Err(error::not_supported(&format!("The property '{}' in $orderby", quoted(name))));
                }
                // Rows that are equal in a column are so the second time too: a repeat has no effect.
                _ if order.iter().any(|known| known.column.position == column.position) => {}
                _ if order.len() == MOST_ORDERS => {
                    return Err(error::odata(format!("The $orderby names more than {MOST_ORDERS} columns.")));
                }
                _ => order.push(Order { column, descending }),
            }
        }
        Ok(order)
    }

    fn filter(self, table: &Table) -> Result<Option<Filter>, DataverseError> {
        match self.options.filter.as_deref() {
            None => Ok(None),
            Some(text) => {
                let filter = self.condition(table, &filter::parse(text)?, false)?;
                if is_deeper(&filter, DEEPEST_FILTER) {
                    return Err(error::odata(format!(
                        "The $filter nests 'and' and 'or' in each other deeper than {DEEPEST_FILTER} levels."
                    )));
                }
                Ok(Some(filter))
            }
        }
    }

    /// One expression as a condition; `negated` when an odd number of `not` stand before it.
    fn condition(self, table: &Table, expression: &Expression<'_>, negated: bool) -> Result<Filter, DataverseError> {
        match expression {
            Expression::Not(inside) => self.condition(table, inside, !negated),
            Expression::And(parts) => self.combined(table, parts, negated, !negated),
            Expression::Or(parts) => self.combined(table, parts, negated, negated),
            Expression::Compare { comparison, left, right } => {
                self.comparison(table, *comparison, left, right, negated)
            }
            Expression::Text { function, arguments } => {
                let [Expression::Path(path), pattern] = &**arguments else {
                    return Err(error::not_supported(&format!(
                        "The function '{}' over anything but a column",
                        function.name()
                    )));
                };
                let column = path_column(table, path)?;
                if !column.kind.is_text() {
                    return Err(error::odata(format!(
                        "No function signature for the function with name '{}' matches the specified arguments.",
                        function.name()
                    )));
                }
                let Expression::Literal(pattern) = pattern else {
                    return Err(error::not_supported(&format!(
                        "The function '{}' with anything but a text",
                        function.name()
                    )));
                };
                match literal::of_column(self, &column, pattern, "")? {
                    Value::Text(text) => {
                        Ok(Filter::Text { column, function: *function, pattern: Pattern::new(text), negated })
                    }
                    _ => Err(error::not_supported(&format!("The function '{}' with null", function.name()))),
                }
            }
            // A yes/no column by itself is a condition.
            Expression::Path(path) => {
                let column = path_column(table, path)?;
                match column.kind {
                    ColumnKind::Boolean(_) => Ok(Filter::Compare {
                        column,
                        comparison: if negated { Comparison::NotEqual } else { Comparison::Equal },
                        with: Comparand::Value(Value::Boolean(true)),
                    }),
                    _ => {
                        Err(error::odata("The $filter expression must evaluate to a single boolean value.".to_owned()))
                    }
                }
            }
            Expression::Literal(Literal::Boolean(_)) => Err(error::not_supported("A constant as a $filter")),
            Expression::Literal(_) => {
                Err(error::odata("The $filter expression must evaluate to a single boolean value."))
            }
        }
    }

    fn combined(
        self,
        table: &Table,
        parts: &[Expression<'_>],
        negated: bool,
        conjunction: bool,
    ) -> Result<Filter, DataverseError> {
        let mut bound = Vec::with_capacity(parts.len());
        for part in parts {
            match (self.condition(table, part, negated)?, conjunction) {
                (Filter::And(inner), true) | (Filter::Or(inner), false) => bound.extend(inner),
                (other, _) => bound.push(other),
            }
        }
        Ok(if conjunction { Filter::And(bound) } else { Filter::Or(bound) })
    }

    fn comparison(
        self,
        table: &Table,
        comparison: Comparison,
        left: &Expression<'_>,
        right: &Expression<'_>,
        negated: bool,
    ) -> Result<Filter, DataverseError> {
        let comparison = if negated { comparison.negated() } else { comparison };
        match (left, right) {
            (Expression::Path(path), Expression::Literal(literal)) => {
                self.against_literal(self.compared(table, path, literal)?, comparison, literal)
            }
            (Expression::Literal(literal), Expression::Path(path)) => {
                self.against_literal(self.compared(table, path, literal)?, comparison.flipped(), literal)
            }
            (Expression::Path(path), Expression::Path(other)) => {
                let (column, other) = (path_column(table, path)?, path_column(table, other)?);
                if !comparable(&column.kind, &other.kind) {
                    return Err(error::not_supported(&format!(
                        "Comparing the columns '{}' and '{}', which are of different kinds,",
                        column.name, other.name
                    )));
                }
                ordered(&column, comparison)?;
                Ok(Filter::Compare { column, comparison, with: Comparand::Column(other) })
            }
            (Expression::Literal(_), Expression::Literal(_)) => {
                Err(error::not_supported("Comparing two constants in $filter"))
            }
            _ => Err(error::not_supported("Comparing the result of a condition or function in $filter")),
        }
    }

    /// The column that a path means beside a literal. A lookup may go by the name of its navigation
    /// property there, but only to ask whether it is null: `parentbusinessunitid eq null`.
    fn compared(self, table: &Table, path: &[&str], literal: &Literal<'_>) -> Result<Arc<Column>, DataverseError> {
        if let [name] = path
            && table.property(name).is_none()
            && let Some(Navigation::Lookup { column, targets }) = table.navigation(name)
        {
            if !literal::resolved(self, literal).is_ok_and(|value| value.is_null()) {
                return Err(error::odata(format!(
                    "The navigation property '{}' can only be compared with null; compare '{}' instead.",
                    quoted(name),
                    column.property_name()
                )));
            }
            // Of several properties of one lookup, each would ask about one table only.
            if targets.len() < column.targets().len() {
                return Err(error::not_supported(&format!("Comparing '{}' with null", quoted(name))));
            }
            return Ok(Arc::clone(column));
        }
        path_column(table, path)
    }

    fn against_literal(
        self,
        column: Arc<Column>,
        comparison: Comparison,
        literal: &Literal<'_>,
    ) -> Result<Filter, DataverseError> {
        if matches!(column.kind, ColumnKind::ManagedBoolean(_) | ColumnKind::Image | ColumnKind::File) {
            return Err(error::not_supported(&format!("The property '{}' in $filter", column.name)));
        }
        match (literal::of_column(self, &column, literal, comparison.name())?, comparison) {
            (Value::Null, Comparison::Equal) => Ok(Filter::Null { column, negated: false }),
            (Value::Null, Comparison::NotEqual) => Ok(Filter::Null { column, negated: true }),
            (Value::Null, other) => Err(error::not_supported(&format!("Comparing with null by '{}'", other.name()))),
            (value, _) => {
                ordered(&column, comparison)?;
                Ok(Filter::Compare { column, comparison, with: Comparand::Value(value) })
            }
        }
    }
}

/// Whether `and` and `or` lie in each other deeper than this.
fn is_deeper(filter: &Filter, levels: usize) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => levels == 0 || parts.iter().any(|part| is_deeper(part, levels - 1)),
        _ => false,
    }
}

/// The service has no order of yes and no, nor of ids that people could rely on.
fn ordered(column: &Column, comparison: Comparison) -> Result<(), DataverseError> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let unordered = matches!(column.kind, ColumnKind::Boolean(_) | ColumnKind::Guid) || column.kind.is_lookup();
    if unordered && !equality {
        return Err(error::not_supported(&format!("The operator '{}' on '{}'", comparison.name(), column.name)));
    }
    Ok(())
}

/// The column that a name in `$select` or `$orderby` means.
fn property(table: &Table, name: &str) -> Result<Arc<Column>, DataverseError> {
    match table.property(name) {
        Some(column) if column.access.read && !matches!(column.kind, ColumnKind::Image | ColumnKind::File) => {
            Ok(Arc::clone(column))
        }
        _ => Err(error::unknown_property(&quoted(name), &table.qualified_name())),
    }
}

fn path_column(table: &Table, path: &[&str]) -> Result<Arc<Column>, DataverseError> {
    match path {
        [name] => property(table, name),
        [first, ..] if table.navigation(first).is_none() && table.property(first).is_none() => {
            Err(error::unknown_property(&quoted(first), &table.qualified_name()))
        }
        path => Err(error::not_supported(&format!("The path '{}' in $filter", quoted(&path.join("/"))))),
    }
}

/// Whether values of two columns can be compared with each other.
fn comparable(left: &ColumnKind, right: &ColumnKind) -> bool {
    let class = |kind: &ColumnKind| match kind {
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } => 1,
        ColumnKind::Integer(_) | ColumnKind::BigInteger => 2,
        ColumnKind::Choice { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. } => 2,
        ColumnKind::Decimal { .. } => 3,
        ColumnKind::Double { .. } => 4,
        ColumnKind::Money { .. } => 5,
        ColumnKind::Boolean(_) => 6,
        ColumnKind::DateTime { .. } => 7,
        ColumnKind::Guid | ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => 8,
        _ => 0,
    };
    class(left) != 0 && class(left) == class(right)
}
