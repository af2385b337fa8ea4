//! The options of a query, bound to the columns of its table.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{ColumnKind, LookupTarget, Table};

use super::scope::{Scope, property};
use super::{Binder, broken};
use crate::query::{ColumnOf, Filter, Order, Query, Selection, Within};
use crate::syntax::filter;
use crate::syntax::options;
use crate::syntax::quoted;

/// The most columns that rows are sorted by.
const MOST_ORDERS: usize = 10;
/// How often `and` and `or` may take turns on the way into a filter, once everything that can be
/// is written side by side.
const DEEPEST_FILTER: usize = 20;
/// A lookup is sorted by the names of its rows only when it can lead to at most this many tables:
/// each of them is joined.
const MOST_NAMED: usize = 4;
/// `$top` above this brings no more rows.
const LARGEST_TOP: u32 = 5_000;

impl Binder<'_> {
    pub(super) fn query(self, table: &Arc<Table>, within: Option<Within>) -> Result<Query, DataverseError> {
        if let Some(text) = self.options.apply.as_deref() {
            return self.applied(table, within, text);
        }
        self.options.only(&["$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken"])?;
        let mut scope = Scope::of(table);
        Ok(Query {
            within,
            select: self.selection(table)?,
            filter: self.filter(&mut scope)?,
            order: self.order(&mut scope)?,
            links: scope.links,
            expand: self.expands(table)?,
            top: self.options.top.as_deref().map(options::top).transpose()?.map(|top| top.min(LARGEST_TOP)),
            count: self.options.count.as_deref().map(options::count).transpose()?.unwrap_or(false),
            page: self.page()?,
            ..Query::all(Arc::clone(table))
        })
    }

    pub(super) fn count(self, table: &Arc<Table>, within: Option<Within>) -> Result<Query, DataverseError> {
        self.options.only(&["$filter"])?;
        let mut scope = Scope::of(table);
        let filter = self.filter(&mut scope)?;
        Ok(Query { within, filter, links: scope.links, ..Query::all(Arc::clone(table)) })
    }

    /// `$select`; an empty one and `*` ask for everything.
    pub(super) fn selection(self, table: &Table) -> Result<Selection, DataverseError> {
        // A comma at the end changes nothing: Microsoft's own samples have it.
        let written = self.options.select.as_deref().unwrap_or_default().trim_end();
        let names = options::list(written.strip_suffix(',').unwrap_or(written))?;
        if names.is_empty() || names == ["*"] {
            return Ok(Selection::all(table));
        }
        let columns = names.into_iter().map(|name| property(table, name)).collect::<Result<_, _>>()?;
        Ok(Selection::of(table, columns))
    }

    pub(super) fn order(self, scope: &mut Scope<'_>) -> Result<Vec<Order>, DataverseError> {
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
            let path: Vec<&str> = name.split('/').collect();
            let column = scope.column(self, &path)?;
            let by = self.ordered_by(scope, column, name)?;
            let [column, otherwise @ ..] = by.as_slice() else { return Err(error::bad_syntax()) };
            // Rows that are equal in a column are so the second time too: a repeat has no effect.
            if order.iter().any(|known| known.column.is(column)) {
                continue;
            }
            if order.len() == MOST_ORDERS {
                return Err(error::odata(format!("The $orderby names more than {MOST_ORDERS} columns.")));
            }
            order.push(Order { column: column.clone(), otherwise: otherwise.to_vec(), descending, labels: false });
        }
        Ok(order)
    }

    /// What an order by this column compares. The service sorts a lookup by the name of the row
    /// that it leads to.
    fn ordered_by(
        self,
        scope: &mut Scope<'_>,
        column: ColumnOf,
        written: &str,
    ) -> Result<Vec<ColumnOf>, DataverseError> {
        let refused = |what: &str| error::not_supported(&format!("The {what} '{}' in $orderby", quoted(written)));
        match &column.kind {
            ColumnKind::Lookup { targets } | ColumnKind::Customer { targets } | ColumnKind::Owner { targets } => {
                // A lookup may have several properties that lead to one table.
                let mut tables: Vec<&LookupTarget> = Vec::new();
                for target in targets {
                    if !tables.iter().any(|known| known.table == target.table) {
                        tables.push(target);
                    }
                }
                if tables.len() > MOST_NAMED {
                    return Err(refused("lookup"));
                }
                let mut names = Vec::with_capacity(tables.len());
                for target in tables {
                    let Some(table) = self.schema.table(&target.table).map_err(broken)? else { continue };
                    if let Some(name) = table.primary_name() {
                        let source = scope.joined(column.source, &table, &column.column)?;
                        names.push(ColumnOf { source, column: Arc::clone(name) });
                    }
                }
                if names.is_empty() { Err(refused("lookup")) } else { Ok(names) }
            }
            ColumnKind::ManagedBoolean(_) => Err(refused("property")),
            _ => Ok(vec![column]),
        }
    }

    pub(super) fn filter(self, scope: &mut Scope<'_>) -> Result<Option<Filter>, DataverseError> {
        match self.options.filter.as_deref() {
            None => Ok(None),
            Some(text) => {
                let filter = self.condition(scope, &filter::parse(text)?, false)?;
                if is_deeper(&filter, DEEPEST_FILTER) {
                    return Err(error::odata(format!(
                        "The $filter nests 'and' and 'or' in each other deeper than {DEEPEST_FILTER} levels."
                    )));
                }
                Ok(Some(filter))
            }
        }
    }
}

/// Whether `and`, `or` and lambdas lie in each other deeper than this.
fn is_deeper(filter: &Filter, levels: usize) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => levels == 0 || parts.iter().any(|part| is_deeper(part, levels - 1)),
        Filter::Exists(exists) => {
            levels == 0 || exists.filter.as_ref().is_some_and(|filter| is_deeper(filter, levels - 1))
        }
        _ => false,
    }
}
