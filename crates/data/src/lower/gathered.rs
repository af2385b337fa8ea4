//! Single columns of all rows of a query, for what the org makes of them itself: rows that come
//! once when they show the same, groups, and figures.
//!
//! Which texts are the same, exact sums, and the parts of a date are this program's own, so that
//! they do not differ from store to store; the service bounds how many rows go into aggregates.

use std::sync::Arc;

use keyholder_operation::{ColumnOf, Query};
use keyholder_store::statement::Select;
use keyholder_store::{Kind, Prepared};

use super::condition::{Conditions, Key};
use super::{Asked, Columns, Lowered, Plan, keys, repeats, selected};
use crate::catalogue::{Catalogue, PlanShape};
use crate::error::Failure;

/// Whether rows of a query that come once are told apart by the root's id: it is shown, and so is
/// nothing that links join several of to one.
pub(crate) fn comes_by_id(query: &Query) -> bool {
    let id = query.table.primary_id().position;
    let multiple = |of: &ColumnOf| {
        // A link repeats when it or one that it hangs on does.
        let mut source = of.source;
        while let Some(link) = source.0.checked_sub(1).and_then(|index| query.links.get(index)) {
            if repeats(link) {
                return true;
            }
            source = link.from;
        }
        false
    };
    let ordered = query.order.iter().flat_map(|order| std::iter::once(&order.column).chain(&order.otherwise));
    query.select.columns().iter().any(|column| column.position == id)
        && !query.shown.iter().map(|shown| &shown.column).chain(ordered).any(multiple)
}

/// Lowers rows that come once when they show the same: sorted so that those which do stand next to
/// each other. The plan's cells are what is shown; from `order` to `id` stand the keys.
pub(crate) fn distinct(catalogue: &Catalogue, asked: &Asked<'_>) -> Result<Lowered, Failure> {
    let query = asked.query;
    let own = query.select.columns().iter().map(|column| (ColumnOf::from(column), None));
    let named = query.shown.iter().map(|shown| (shown.column.clone(), Some(shown.name.clone())));
    let shown: Vec<_> = own.chain(named).collect();
    lower(catalogue, asked, &shown, true, None)
}

/// Lowers these columns of at most so many rows, in no order.
pub(crate) fn columns(
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    columns: &[ColumnOf],
    limit: u32,
) -> Result<Lowered, Failure> {
    let shown: Vec<_> = columns.iter().map(|column| (column.clone(), None)).collect();
    lower(catalogue, asked, &shown, false, Some(limit))
}

type Shown = (ColumnOf, Option<Box<str>>);

fn lower(
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    shown: &[Shown],
    sorted: bool,
    limit: Option<u32>,
) -> Result<Lowered, Failure> {
    let mut conditions = Conditions::new(catalogue, asked.circumstances, asked.further);
    let (scope, joins, condition) = selected(catalogue, &mut conditions, asked, false)?;
    let mut sort: Vec<Key> = Vec::new();
    if sorted {
        sort = keys(&scope, &asked.query.order)?;
        for (column, _) in shown {
            let (expr, kind) = scope.compared(column)?;
            if !sort.iter().any(|key| key.expr == expr) {
                sort.push(Key { expr, kind, descending: false });
            }
        }
    }
    let limit = limit.map(|limit| conditions.value(i64::from(limit)));
    let key = PlanShape::Gathered {
        table: asked.rows.table().type_code(),
        columns: shown.iter().map(|(column, _)| (column.source.0, column.column.position)).collect(),
        names: shown.iter().map(|(_, name)| name.clone()).collect(),
        keys: sort.iter().map(|key| (key.expr.clone(), key.descending)).collect(),
        joins: joins.clone(),
        condition: condition.clone(),
        limit: limit.clone(),
    };
    let plan = catalogue.plan(key, || {
        let mut columns = Columns::none();
        for (column, name) in shown {
            let cell = columns.cell(catalogue, scope.source(column.source)?, &column.column, name.clone());
            columns.cells.push(cell);
        }
        let order = columns.names.len();
        for key in &sort {
            columns.add(key.expr.clone(), key.kind);
        }
        let id = columns.names.len();
        if columns.names.is_empty() {
            // Where only rows are counted.
            columns.add(scope.root.id(), Kind::Uuid);
        }
        let own = scope.root.id();
        let mut select = Select::from(scope.root.layout.name.clone()).filter(condition);
        (select.from.alias, select.joins, select.limit) = (scope.root.alias, joins, limit);
        // Of the same rows, the store need not hand out many.
        select.distinct = sorted;
        for (expr, kind) in columns.names {
            select = select.project(expr, kind);
        }
        for key in sort {
            select = select.order_by(key.order(&own));
        }
        let statement = Prepared::new(select)?;
        Ok(Plan {
            statement,
            cells: columns.cells,
            version: None,
            order,
            id,
            lookups: Vec::new(),
            shown_by: None,
            owner: None,
            unit: None,
        })
    })?;
    Ok(Lowered { plan: Arc::clone(&plan), values: conditions.values, shape: 0 })
}
