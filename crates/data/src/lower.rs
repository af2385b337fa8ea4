//! From an authorised operation to statements.
//!
//! Only tables that `security` has wrapped with their reach are lowered: every function here takes
//! a [`ReachedTable`], which nobody else can make. It puts the reach into the statement, or hands
//! out what the reach asks about, and `execute` checks it against the row. A page of rows is one
//! statement whatever it shows; what follows from its shape ([`Plan`]) is made once and kept. A
//! caller's reach is part of the shape as far as it changes the statement, and of the values as far
//! as it names owners and units, which are looked up anew for each request.
//!
//! That is what the compiler holds, and no more. Statements of the org's own bookkeeping (whether a
//! row is there and whose it is, roles, epochs, names of rows) do not come through here and know no
//! reach: they stand in `platform`, `epoch`, `catalogue`, `seed`, `sample` and `rules`, the search
//! for a row by its key in `execute`, and the names of looked-up rows in `answer`.

mod condition;
pub(crate) mod cookie;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::schema::Column;
use keyholder_operation::query::Within;
use keyholder_operation::{Order, Query, Selection};
use keyholder_security::ReachedTable;
use keyholder_store::statement::{Expr, Select, all, column, parameter};
use keyholder_store::{Kind, Prepared, Value};
use uuid::Uuid;

use crate::catalogue::layout::Target;
use crate::catalogue::{Catalogue, Layout, PlanShape, Shape, Shown};
use crate::error::Failure;
pub(crate) use condition::comparable;
use condition::{Conditions, Key};
use cookie::Cookie;

/// What follows from a query's shape alone: a statement, and where in its rows to find what.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) statement: Prepared,
    pub(crate) cells: Vec<Cell>,
    /// The index of the row's version, where the table has versions.
    pub(crate) version: Option<usize>,
    /// The index of the first value of the order; the others follow, then the id.
    pub(crate) order: usize,
    /// The index of the row's id.
    pub(crate) id: usize,
    /// Of a single row: the indexes of its owner and business unit, where it has them.
    pub(crate) owner: Option<usize>,
    pub(crate) unit: Option<usize>,
}

/// A plan with the values of one request.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) plan: Arc<Plan>,
    pub(crate) values: Vec<Value>,
    /// What the query is, for its cookies.
    pub(crate) shape: u64,
}

/// Where one shown column stands in a row.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) column: Arc<Column>,
    /// The index of its value; none for what is not kept.
    pub(crate) value: Option<usize>,
    /// Which table a lookup points at: always this type code, or the one at this index.
    pub(crate) target: CellTarget,
}

/// Which table a lookup in a row points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellTarget {
    None,
    Always(i32),
    At(usize),
}

/// The columns of a result while it is put together.
struct Columns {
    names: Vec<(Expr, Kind)>,
    cells: Vec<Cell>,
    version: Option<usize>,
}

impl Columns {
    /// The version and these columns.
    fn of(catalogue: &Catalogue, layout: &Layout, shown: &[Arc<Column>]) -> Self {
        let mut columns =
            Self { names: Vec::with_capacity(shown.len() + 2), cells: Vec::with_capacity(shown.len()), version: None };
        if let Some((name, kind)) = layout.named("versionnumber").and_then(|place| place.value.clone()) {
            columns.version = Some(columns.add(column(name), kind));
        }
        for shown in shown {
            let place = layout.place(shown);
            let value = place.and_then(|place| place.value.clone()).map(|(name, kind)| columns.add(column(name), kind));
            let target = match place.map(|place| &place.target) {
                None | Some(Target::None) => CellTarget::None,
                Some(Target::Always(table)) => CellTarget::Always(catalogue.type_code(table).unwrap_or_default()),
                Some(Target::Stored(name)) => CellTarget::At(columns.add(column(name.clone()), Kind::Integer)),
            };
            columns.cells.push(Cell { column: Arc::clone(shown), value, target });
        }
        columns
    }

    fn add(&mut self, expr: Expr, kind: Kind) -> usize {
        self.names.push((expr, kind));
        self.names.len() - 1
    }
}

/// Lowers one page of a query: at most `limit` rows that come after `after`.
pub(crate) fn page(
    catalogue: &Catalogue,
    rows: &ReachedTable,
    query: &Query,
    source: Option<Uuid>,
    limit: u32,
    after: Option<&Cookie>,
) -> Result<Lowered, Failure> {
    let layout = catalogue.layout(rows.table());
    let mut conditions = Conditions::new(&layout);
    let condition = condition_of(catalogue, &mut conditions, rows, query, source)?;

    let id = column(layout.id());
    let keys = keys(&conditions, &query.order)?;
    let shape = shape_of(query, source, &condition);
    let kinds: Vec<Kind> = query.order.iter().map(|order| kind_of(&layout, order)).collect();
    let after = match after {
        Some(cookie) if cookie.shape == shape && cookie.fits(&kinds) => Some(cookie),
        Some(_) => return Err(error::odata("The paging cookie does not belong to this query.").into()),
        None => None,
    };
    let condition = match after {
        Some(cookie) => all([condition, conditions.after(&keys, id.clone(), cookie)]),
        None => condition,
    };
    let limit = conditions.value(i64::from(limit));

    let sorted = query.order.iter().map(|order| (order.column.position, order.descending)).collect();
    let key = PlanShape::Page {
        table: rows.table().type_code(),
        shown: Shown::of(&query.select),
        sorted,
        condition: condition.clone(),
        limit: limit.clone(),
    };
    let plan = catalogue.plan(key, || {
        let mut columns = Columns::of(catalogue, &layout, query.select.columns());
        let order = columns.names.len();
        for (key, kind) in keys.iter().zip(kinds) {
            columns.add(key.expr.clone(), kind);
        }
        let id_index = columns.add(id.clone(), Kind::Uuid);
        let mut select = Select::from(layout.name.clone()).filter(condition).limit(limit);
        for (expr, kind) in columns.names {
            select = select.project(expr, kind);
        }
        for key in keys {
            select = select.order_by(if key.descending { key.expr.descending() } else { key.expr.ascending() });
        }
        let statement = Prepared::new(select.order_by(id.ascending()))?;
        let (cells, version) = (columns.cells, columns.version);
        Ok(Plan { statement, cells, version, order, id: id_index, owner: None, unit: None })
    })?;
    Ok(Lowered { plan, values: conditions.values, shape })
}

/// Lowers the values that one row of a query has now in the columns of its order: what a cookie
/// had no room for. Nothing but a row of the query is looked at.
pub(crate) fn place(
    catalogue: &Catalogue,
    rows: &ReachedTable,
    query: &Query,
    source: Option<Uuid>,
    id: Uuid,
) -> Result<(Prepared, Vec<Value>), Failure> {
    let layout = catalogue.layout(rows.table());
    let mut conditions = Conditions::new(&layout);
    let condition = condition_of(catalogue, &mut conditions, rows, query, source)?;
    let it = column(layout.id()).equals(conditions.value(id));
    let select = Select::from(layout.name.clone()).filter(all([it, condition]));
    let select = keys(&conditions, &query.order)?
        .into_iter()
        .zip(&query.order)
        .fold(select, |select, (key, order)| select.project(key.expr, kind_of(&layout, order)));
    Ok((Prepared::new(select)?, conditions.values))
}

/// Lowers one row by its id, with what its reach asks about: a row that is there and out of reach
/// is refused, not hidden.
pub(crate) fn one(
    catalogue: &Catalogue,
    rows: &ReachedTable,
    id: Uuid,
    select: &Selection,
) -> Result<Lowered, Failure> {
    let shape = PlanShape::One { table: rows.table().type_code(), shown: Shown::of(select) };
    let plan = catalogue.plan(shape, || {
        let layout = catalogue.layout(rows.table());
        let mut columns = Columns::of(catalogue, &layout, select.columns());
        let mut beside = |of: Option<&Arc<Column>>| {
            let (name, kind) = layout.place(of?)?.value.clone()?;
            Some(columns.add(column(name), kind))
        };
        let (owner, unit) = (beside(rows.owner_column()), beside(rows.business_unit_column()));
        let order = columns.names.len();
        let id_index = columns.add(column(layout.id()), Kind::Uuid);
        let select = Select::from(layout.name.clone()).filter(column(layout.id()).equals(parameter(0)));
        let select = columns.names.into_iter().fold(select, |select, (expr, kind)| select.project(expr, kind));
        let (statement, cells, version) = (Prepared::new(select)?, columns.cells, columns.version);
        Ok(Plan { statement, cells, version, order, id: id_index, owner, unit })
    })?;
    Ok(Lowered { plan, values: vec![id.into()], shape: 0 })
}

/// Lowers the number of rows that a query has, on all its pages together.
pub(crate) fn count(
    catalogue: &Catalogue,
    rows: &ReachedTable,
    query: &Query,
    source: Option<Uuid>,
) -> Result<(Prepared, Vec<Value>), Failure> {
    let layout = catalogue.layout(rows.table());
    let mut conditions = Conditions::new(&layout);
    let condition = condition_of(catalogue, &mut conditions, rows, query, source)?;
    let key = Shape::Count { table: rows.table().type_code(), condition: condition.clone() };
    let statement = catalogue.shape(key, || {
        Ok(Prepared::new(Select::from(layout.name.clone()).project(Expr::Count, Kind::Integer).filter(condition))?)
    })?;
    Ok((statement, conditions.values))
}

/// Everything that is asked of a row: reach, relation, filter.
fn condition_of(
    catalogue: &Catalogue,
    conditions: &mut Conditions<'_>,
    rows: &ReachedTable,
    query: &Query,
    source: Option<Uuid>,
) -> Result<Expr, Failure> {
    let mut asked: Vec<Expr> = conditions.reach(rows).into_iter().collect();
    match (&query.within, source) {
        (None, _) => {}
        (Some(Within::OneToMany { source: table, lookup, .. }), Some(id)) => {
            asked.push(conditions.points_at(lookup, table.type_code(), id)?);
        }
        (Some(Within::ManyToMany { relationship, side, .. }), Some(id)) => {
            let pairs = catalogue.layout_of(&relationship.intersect)?;
            let (near, far) = relationship.ends(*side);
            let place = |name: &str| {
                let value = pairs.named(name).and_then(|place| place.value.clone());
                value.map(|(name, _)| name).ok_or_else(|| error::not_supported("This relationship"))
            };
            let (near, far) = (place(&near.column)?, place(&far.column)?);
            let own = rows.table().primary_id();
            let related = Select::from(pairs.name.clone()).column(far, Kind::Uuid);
            let related = related.filter(column(near).equals(conditions.value(id)));
            asked.push(conditions.compared(own)?.in_select(related));
        }
        _ => return Err(error::not_supported("This way to related rows").into()),
    }
    if let Some(filter) = &query.filter {
        asked.push(conditions.filter(filter)?);
    }
    Ok(all(asked))
}

fn keys(conditions: &Conditions<'_>, order: &[Order]) -> Result<Vec<Key>, Failure> {
    order
        .iter()
        .map(|order| Ok(Key { expr: conditions.compared(&order.column)?, descending: order.descending }))
        .collect()
}

/// What the column of an order is compared as.
fn kind_of(layout: &Layout, order: &Order) -> Kind {
    layout.place(&order.column).and_then(|place| place.compared()).map_or(Kind::Text, |(_, kind)| kind)
}

/// What a cookie belongs to: the table, the source row, the form of the condition, and the order.
/// Which columns are shown may change from page to page.
fn shape_of(query: &Query, source: Option<Uuid>, condition: &Expr) -> u64 {
    let mut hasher = DefaultHasher::new();
    query.table.type_code().hash(&mut hasher);
    source.hash(&mut hasher);
    condition.hash(&mut hasher);
    for order in &query.order {
        (order.column.position, order.descending).hash(&mut hasher);
    }
    hasher.finish()
}
