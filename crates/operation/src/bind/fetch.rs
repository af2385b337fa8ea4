//! FetchXML documents: names become tables, columns and links of one [`Query`].
//!
//! - this file: the query, what it shows, and how it is paged;
//! - `scope`: the tables that names can mean, and how they are joined;
//! - `condition`, `value`: filters;
//! - `aggregate`: groups and figures.
//!
//! The documented rules are followed where OData's differ: choices sort by what people see, the
//! orders of the root come before those of its links, a link's columns are shown as `alias.column`.

mod aggregate;
mod condition;
mod scope;
mod value;

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{Column, ColumnKind, Table};

use self::scope::Scope;
use super::broken;
use crate::PageToken;
use crate::fetch::{Attribute, Body, Fetch, OrderBy};
use crate::query::{ColumnOf, Door, Order, Query, Selection, Shown, SourceId, Within};
use crate::syntax::quoted;

/// The most columns that rows are sorted by.
const MOST_ORDERS: usize = 10;
/// A lookup is sorted by the names of its rows only when it can lead to at most this many tables:
/// each of them is joined.
const MOST_NAMED: usize = 4;
/// A page has at most this many rows.
const LARGEST_PAGE: u32 = 5_000;
/// Rows behind this many are reached with a paging cookie only.
const FARTHEST_ROW: u64 = 50_000;

/// Binds a document that was sent to the entity set of `table`, by somebody who prefers pages of `preferred` rows.
///
/// # Errors
/// The service's own refusal of whatever it would refuse; [`error::not_supported`], with the name
/// of the thing, of what the local org does not do.
pub(crate) fn bind(
    schema: &Schema,
    table: &Arc<Table>,
    within: Option<Within>,
    fetch: &Fetch,
    preferred: Option<u32>,
) -> Result<Query, DataverseError> {
    if fetch.entity.name != table.logical_name() {
        // A table that does not exist is the better news.
        table_of(schema, &fetch.entity.name)?;
        return Err(DataverseError::new(
            code::QUERY_ENTITIES_DO_NOT_MATCH,
            format!(
                "The FetchXML document asks for rows of '{}', and the address for rows of '{}'; send it to the entity set \
                 of '{}'.",
                quoted(&fetch.entity.name),
                table.logical_name(),
                quoted(&fetch.entity.name)
            ),
        ));
    }
    let mut scope = Scope::of(schema, table);
    let body = &fetch.entity.body;
    let joined = scope.join_all(SourceId::ROOT, &body.links)?;
    let mut asked = Vec::new();
    for (source, link) in &joined {
        asked.extend(scope.link_filter(*source, link)?);
    }
    asked.extend(scope.exists_of(&body.links, SourceId::ROOT)?);
    for (source, link) in &joined {
        asked.extend(scope.exists_of(&link.body.links, *source)?);
    }
    asked.extend(scope.filters(SourceId::ROOT, &body.filters)?);
    let filter = condition::all(asked);

    let bodies: Vec<(SourceId, &Body)> = std::iter::once((SourceId::ROOT, body))
        .chain(joined.iter().map(|(source, link)| (*source, &link.body)))
        .collect();
    let mut query = Query { within, count: fetch.total_count, ..Query::all(Arc::clone(table)) };
    if fetch.aggregate {
        query.aggregate = Some(Box::new(scope.aggregate(&bodies)?));
    } else {
        (query.select, query.shown) = scope.shown(&bodies, fetch.distinct)?;
        query.order = scope.orders(&bodies, fetch.raw_order)?;
        query.distinct = fetch.distinct;
    }
    query.filter = filter;
    query.links = scope.into_links();
    query.top = fetch.top.map(|top| top.min(LARGEST_PAGE));
    (query.door, query.page) = page(fetch, preferred)?;
    Ok(query)
}

/// Which page of its rows a document asks for, and where the one before ended.
fn page(fetch: &Fetch, preferred: Option<u32>) -> Result<(Door, Option<PageToken>), DataverseError> {
    let rows = fetch.count.map(|count| count.min(LARGEST_PAGE));
    let page = fetch.page.unwrap_or(1);
    let cookie = match &fetch.paging_cookie {
        // The first page has nothing before it, whatever is sent along.
        Some(written) if page > 1 => {
            let cookie = PageToken::parse_from_fetch(written).filter(|cookie| cookie.page == page);
            Some(cookie.ok_or_else(|| {
                DataverseError::new(
                    code::QUERY_INVALID_PAGING_COOKIE,
                    format!("The paging cookie is not one of this org's for page {page}; send the cookie of the page before."),
                )
            })?)
        }
        _ => None,
    };
    let last = u64::from(page) * u64::from(rows.or(preferred).unwrap_or(LARGEST_PAGE));
    if cookie.is_none() && page > 1 && last > FARTHEST_ROW {
        return Err(DataverseError::new(
            code::OVER_RETRIEVAL_LIMIT_WITHOUT_COOKIE,
            format!(
                "Paging cookie is required when trying to retrieve a set of records on any high pages: page {page} ends \
                 behind the first {FARTHEST_ROW} rows."
            ),
        ));
    }
    Ok((Door::Fetch { page, rows }, cookie))
}

pub(super) fn table_of(schema: &Schema, name: &str) -> Result<Arc<Table>, DataverseError> {
    schema.table(name).map_err(broken)?.ok_or_else(|| {
        DataverseError::new(
            code::QUERY_NO_ENTITY,
            format!(
                "The entity with a name = '{}' with namemapping = 'Logical' was not found in the MetadataCache.",
                quoted(name)
            ),
        )
    })
}

/// The column of a table with this logical name.
fn column_of(table: &Table, name: &str) -> Result<Arc<Column>, DataverseError> {
    table.column(name).filter(|column| column.access.read).cloned().ok_or_else(|| {
        DataverseError::new(
            code::QUERY_NO_ATTRIBUTE,
            format!(
                "'{}' entity doesn't contain attribute with Name = '{}' and NameMapping = 'Logical'.",
                table.logical_name(),
                quoted(name)
            ),
        )
    })
}

fn duplicate_alias(name: &str) -> DataverseError {
    DataverseError::new(
        code::QUERY_DUPLICATE_ALIAS,
        format!("Two columns of the FetchXML document are shown as '{}'; give one of them an alias.", quoted(name)),
    )
}

/// An image is no value that a row of FetchXML shows.
fn showable(column: &Column) -> bool {
    column.kind != ColumnKind::Image
}

impl Scope<'_> {
    /// The columns of the root that are shown as themselves, and those with names of their own.
    fn shown(&self, bodies: &[(SourceId, &Body)], distinct: bool) -> Result<(Selection, Vec<Shown>), DataverseError> {
        let mut plain: Vec<Arc<Column>> = Vec::new();
        let mut named: Vec<Shown> = Vec::new();
        let mut everything = false;
        for (source, body) in bodies {
            let table = self.table(*source);
            let root = *source == SourceId::ROOT;
            // An entity without attributes shows all its columns, a link none.
            let all = body.all_attributes || (root && body.attributes.is_empty());
            if all && root {
                everything = true;
            } else if all {
                for column in table.shown().iter() {
                    let name = format!("{}.{}", self.name(*source), column.name);
                    named.push(self.shown_as(*source, column, name)?);
                }
            }
            for attribute in &body.attributes {
                only_shown(attribute)?;
                let column = column_of(table, &attribute.name)?;
                if !showable(&column) {
                    return Err(error::not_supported(&format!("Showing the column '{}' by FetchXML", column.name)));
                }
                match &attribute.alias {
                    // Under its own name a column is itself.
                    Some(alias) if !root || *alias != attribute.name => {
                        named.push(self.shown_as(*source, &column, alias.clone())?);
                    }
                    _ if root => plain.push(column),
                    _ if all => {}
                    _ => {
                        let name = format!("{}.{}", self.name(*source), column.name);
                        // The same column twice is shown once.
                        if !named.iter().any(|known| *known.name == *name) {
                            named.push(self.shown_as(*source, &column, name)?);
                        }
                    }
                }
            }
        }
        for (index, shown) in named.iter().enumerate() {
            let is_column = plain.iter().any(|column| column.property_name() == *shown.name);
            if is_column || named.iter().take(index).any(|other| other.name == shown.name) {
                return Err(duplicate_alias(&shown.name));
            }
        }
        let root = self.table(SourceId::ROOT);
        let select = match (everything, distinct) {
            (true, _) => Selection::all(root),
            (false, false) => Selection::of(root, plain),
            // What is not named would make rows differ that show the same.
            (false, true) => Selection::exactly(plain),
        };
        Ok((select, named))
    }

    fn shown_as(&self, source: SourceId, column: &Arc<Column>, name: String) -> Result<Shown, DataverseError> {
        if matches!(column.kind, ColumnKind::ManagedBoolean(_)) {
            return Err(error::not_supported(&format!("Showing the property '{}' under another name", column.name)));
        }
        Ok(Shown { column: ColumnOf { source, column: Arc::clone(column) }, name: name.into() })
    }

    /// The root's orders, then those of its links, each in their own order.
    fn orders(&mut self, bodies: &[(SourceId, &Body)], raw: bool) -> Result<Vec<Order>, DataverseError> {
        let mut orders: Vec<Order> = Vec::new();
        for (source, body) in bodies {
            for order in &body.orders {
                let OrderBy::Attribute(attribute) = &order.by else { continue };
                let source = match &order.entity_name {
                    Some(name) => self.named(name).ok_or_else(|| {
                        DataverseError::new(
                            code::QUERY_LINK_FOR_ORDER_NOT_FOUND,
                            format!(
                                "The order names the link-entity '{}', which the query does not have.",
                                quoted(name)
                            ),
                        )
                    })?,
                    None => *source,
                };
                let column = column_of(self.table(source), attribute)?;
                let by = self.ordered_by(ColumnOf { source, column })?;
                let [first, otherwise @ ..] = by.as_slice() else { continue };
                // Rows that are equal in a column are so the second time too: a repeat has no effect.
                if orders.iter().any(|known| known.column.is(first)) {
                    continue;
                }
                if orders.len() == MOST_ORDERS {
                    return Err(DataverseError::new(
                        code::INVALID_FETCH_XML,
                        format!("The query is ordered by more than {MOST_ORDERS} columns."),
                    ));
                }
                let labels = !raw
                    && matches!(
                        first.kind,
                        ColumnKind::Choice { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. }
                    );
                orders.push(Order {
                    column: first.clone(),
                    otherwise: otherwise.to_vec(),
                    descending: order.descending,
                    labels,
                });
            }
        }
        Ok(orders)
    }

    /// What an order by this column compares: of a lookup, the name of the row that it leads to.
    fn ordered_by(&mut self, column: ColumnOf) -> Result<Vec<ColumnOf>, DataverseError> {
        let refused = || error::not_supported(&format!("Ordering by the column '{}' in FetchXML", column.name));
        match &column.kind {
            ColumnKind::Lookup { targets } | ColumnKind::Customer { targets } | ColumnKind::Owner { targets } => {
                if targets.len() > MOST_NAMED {
                    return Err(refused());
                }
                let mut names = Vec::with_capacity(targets.len());
                for target in targets {
                    let Some(table) = self.schema.table(&target.table).map_err(broken)? else { continue };
                    if let Some(name) = table.primary_name() {
                        let source = self.joined_for_its_name(column.source, &table, &column.column)?;
                        names.push(ColumnOf { source, column: Arc::clone(name) });
                    }
                }
                if names.is_empty() { Err(refused()) } else { Ok(names) }
            }
            ColumnKind::ManagedBoolean(_) | ColumnKind::Image | ColumnKind::File => Err(refused()),
            _ => Ok(vec![column]),
        }
    }
}

/// Refuses what belongs to an aggregate.
fn only_shown(attribute: &Attribute) -> Result<(), DataverseError> {
    let given = [
        ("aggregate", attribute.aggregate.is_some()),
        ("groupby", attribute.group_by),
        ("dategrouping", attribute.date_grouping.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((name, _)) => Err(DataverseError::new(
            code::QUERY_INVALID_AGGREGATE,
            format!(
                "The attribute '{}' has '{name}', which needs aggregate=\"true\" on the element 'fetch'.",
                quoted(&attribute.name)
            ),
        )),
    }
}
