//! `$expand`: related rows inside rows.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, LookupTarget, Navigation, Table};

use super::Binder;
use super::scope::{PRINCIPAL, Scope, property};
use crate::query::{Expand, JoinOn, Query, Selection};
use crate::syntax::expand::{Item, items};
use crate::syntax::options;
use crate::syntax::quoted;

/// A query has at most this many expands, those inside others among them.
const MOST_EXPANDS: usize = 15;

impl Binder<'_> {
    /// The `$expand` of a query or a row.
    pub(super) fn expands(self, table: &Arc<Table>) -> Result<Vec<Expand>, DataverseError> {
        let Some(text) = self.options.expand.as_deref() else { return Ok(Vec::new()) };
        let expands = self.expands_of(table, text, 0)?;
        let (count, deep) = (number(&expands), expands.iter().any(|expand| !expand.query.expand.is_empty()));
        if count > MOST_EXPANDS {
            return Err(error::odata(format!(
                "The query has {count} expands, those inside others among them; {MOST_EXPANDS} are the most."
            )));
        }
        check(&expands, deep)?;
        Ok(expands)
    }

    fn expands_of(self, table: &Arc<Table>, text: &str, depth: usize) -> Result<Vec<Expand>, DataverseError> {
        let mut expands: Vec<Expand> = Vec::new();
        for item in items(text)? {
            if depth == MOST_EXPANDS {
                return Err(error::odata(format!("Expands lie in each other deeper than {MOST_EXPANDS} levels.")));
            }
            if expands.iter().any(|known| &*known.navigation == item.navigation) {
                return Err(error::odata(format!("The $expand names '{}' twice.", quoted(item.navigation))));
            }
            expands.extend(self.expands_for(table, &item, depth)?);
        }
        Ok(expands)
    }

    /// The expand of one item; of a lookup that leads to users and teams, one for each of them, under the same name.
    fn expands_for(self, table: &Arc<Table>, item: &Item<'_>, depth: usize) -> Result<Vec<Expand>, DataverseError> {
        match table.navigation(item.navigation) {
            Some(Navigation::Lookup { column, targets }) if targets.len() > 1 => self.principals(column, targets, item),
            _ => Ok(vec![self.expand_of(table, item, depth)?]),
        }
    }

    /// `ownerid`: the type behind it is what users and teams have in common, and each row shows what its own table has of the
    /// columns that are selected.
    fn principals(
        self,
        lookup: &Arc<Column>,
        targets: &[LookupTarget],
        item: &Item<'_>,
    ) -> Result<Vec<Expand>, DataverseError> {
        let name = item.navigation;
        let inner = Binder { schema: self.schema, request: self.request, options: &item.options };
        inner.options.only(if item.references { &[] } else { &["$select"] })?;
        let tables =
            targets.iter().map(|target| self.related_table(&target.table, name)).collect::<Result<Vec<_>, _>>()?;
        let select = inner.options.select.as_deref().unwrap_or_default();
        let listed = options::list(select)?;
        let all = listed.is_empty() || listed.contains(&"*");
        let asked: Vec<&str> = listed.into_iter().filter(|name| !matches!(*name, "*" | "ownerid")).collect();
        let known = |name: &&str| tables.iter().any(|table| property(table, name).is_ok());
        if let Some(unknown) = asked.iter().find(|name| !known(name)) {
            return Err(error::unknown_property(&quoted(unknown), PRINCIPAL));
        }
        let expand = |table: &Arc<Table>| {
            let own = asked.iter().filter_map(|name| property(table, name).ok()).collect();
            let select = if all { Selection::all(table) } else { Selection::of(table, own) };
            Expand {
                navigation: name.into(),
                on: JoinOn::Lookup { lookup: Arc::clone(lookup) },
                query: Query { select, ..Query::all(Arc::clone(table)) },
                references: item.references,
            }
        };
        Ok(tables.iter().map(expand).collect())
    }

    fn expand_of(self, table: &Arc<Table>, item: &Item<'_>, depth: usize) -> Result<Expand, DataverseError> {
        let name = item.navigation;
        let (on, other) = match table.navigation(name) {
            Some(Navigation::Lookup { column, targets }) => {
                let target =
                    targets.first().ok_or_else(|| error::unknown_property(&quoted(name), &table.qualified_name()))?;
                (JoinOn::Lookup { lookup: Arc::clone(column) }, self.related_table(&target.table, name)?)
            }
            Some(navigation) => self.collection(navigation, name)?,
            None if table.property(name).is_some() => {
                return Err(error::odata(format!(
                    "Property '{}' on type '{}' is not a navigation property or complex property. Only navigation \
                     properties can be expanded.",
                    quoted(name),
                    table.qualified_name()
                )));
            }
            None => return Err(error::unknown_property(&quoted(name), &table.qualified_name())),
        };
        let single = matches!(on, JoinOn::Lookup { .. });
        if item.references && !single {
            return Err(error::odata("Expand with $ref is only supported on lookup type navigation property."));
        }
        if matches!(on, JoinOn::Pairs { .. }) && depth > 0 {
            return Err(error::odata(format!(
                "The many-to-many relationship '{}' cannot be expanded inside another $expand.",
                quoted(name)
            )));
        }
        let inner = Binder { schema: self.schema, request: self.request, options: &item.options };
        let allowed: &[&str] =
            if item.references { &[] } else { &["$select", "$filter", "$orderby", "$top", "$expand"] };
        inner.options.only(allowed)?;
        let mut scope = Scope::of(&other);
        let query = Query {
            select: inner.selection(&other)?,
            filter: inner.filter(&mut scope)?,
            order: inner.order(&mut scope)?,
            links: scope.links,
            top: inner.options.top.as_deref().map(options::top).transpose()?,
            expand: match inner.options.expand.as_deref() {
                Some(text) => inner.expands_of(&other, text, depth + 1)?,
                None => Vec::new(),
            },
            ..Query::all(Arc::clone(&other))
        };
        Ok(Expand { navigation: name.into(), on, query, references: item.references })
    }
}

/// How many there are, those over a lookup to several tables once.
fn number(expands: &[Expand]) -> usize {
    let own = expands.chunk_by(|one, other| one.navigation == other.navigation).count();
    own + expands.iter().map(|expand| number(&expand.query.expand)).sum::<usize>()
}

/// Rows of a lookup are not sorted; those of collections only where nothing is expanded inside an
/// expand.
fn check(expands: &[Expand], deep: bool) -> Result<(), DataverseError> {
    for Expand { on, query, .. } in expands {
        let plain = query.order.is_empty() && query.top.is_none();
        if !plain && (deep || matches!(on, JoinOn::Lookup { .. })) {
            return Err(error::odata(
                "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or \
                 nested one-to-many relationship.",
            ));
        }
        check(&query.expand, deep)?;
    }
    Ok(())
}
