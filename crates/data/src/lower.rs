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
//! row is there and whose it is, roles, epochs, names of rows, who reports to whom) do not come through here and know no
//! reach: they stand in `platform`, `epoch`, `shares`, `contents`, `catalogue`, `seed`, `sample` and `rules`, the search
//! for a row by its key in `execute`, and the names of looked-up rows in `answer`.

mod condition;
pub(crate) mod cookie;
pub(crate) mod gathered;
mod scope;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, Table};
use keyholder_operation::query::{Shown as ShownAs, Within};
use keyholder_operation::{Circumstances, Expand, JoinOn, Link, LinkKind, Order, Query, Selection};
use keyholder_security::ReachedTable;
use keyholder_store::statement::{Expr, Join, Select, all, column, parameter};
use keyholder_store::{Kind, Prepared, Value};
use uuid::Uuid;

use crate::catalogue::layout::Target;
use crate::catalogue::{Catalogue, PlanShape, Shape, Shown};
use crate::error::Failure;
pub(crate) use condition::comparable;
use condition::{Conditions, Key};
use cookie::Cookie;
use scope::{Placed, Scope};

/// A query with everything that its lowering needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) query: &'a Query,
    /// Its rows within their reach.
    pub(crate) rows: &'a ReachedTable,
    /// The other tables that it names, each within its reach, in the query's own order.
    pub(crate) further: &'a [ReachedTable],
    /// The row whose related rows are asked for.
    pub(crate) source: Option<Uuid>,
    pub(crate) circumstances: &'a Circumstances<'a>,
}

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
    /// For each expand over a lookup, where that lookup is; none for the others.
    pub(crate) lookups: Vec<Option<Cell>>,
    /// Of rows that other rows show: the index of the id of the row that shows them.
    pub(crate) shown_by: Option<usize>,
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
    /// The member's name, where that is not the column's own.
    pub(crate) name: Option<Box<str>>,
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
    fn none() -> Self {
        Self { names: Vec::new(), cells: Vec::new(), version: None }
    }

    /// The version and these columns.
    fn of(catalogue: &Catalogue, placed: &Placed, shown: &[Arc<Column>]) -> Self {
        let mut columns =
            Self { names: Vec::with_capacity(shown.len() + 2), cells: Vec::with_capacity(shown.len()), version: None };
        if let Some((name, kind)) = placed.layout.named("versionnumber").and_then(|place| place.value.clone()) {
            columns.version = Some(columns.add(placed.physical(name), kind));
        }
        for shown in shown {
            let cell = columns.cell(catalogue, placed, shown, None);
            columns.cells.push(cell);
        }
        columns
    }

    /// The lookups that expands lead over.
    fn lookups(&mut self, catalogue: &Catalogue, placed: &Placed, expands: &[Expand]) -> Vec<Option<Cell>> {
        let cell = |expand: &Expand| match &expand.on {
            JoinOn::Lookup { lookup } => Some(self.cell(catalogue, placed, lookup, None)),
            _ => None,
        };
        expands.iter().map(cell).collect()
    }

    /// Adds what a column of a row is read from.
    fn cell(&mut self, catalogue: &Catalogue, placed: &Placed, shown: &Arc<Column>, name: Option<Box<str>>) -> Cell {
        let place = placed.layout.place(shown);
        let value =
            place.and_then(|place| place.value.clone()).map(|(name, kind)| self.add(placed.physical(name), kind));
        let target = match place.map(|place| &place.target) {
            None | Some(Target::None) => CellTarget::None,
            Some(Target::Always(table)) => CellTarget::Always(catalogue.type_code(table).unwrap_or_default()),
            Some(Target::Stored(name)) => CellTarget::At(self.add(placed.physical(name.clone()), Kind::Integer)),
        };
        Cell { column: Arc::clone(shown), value, target, name }
    }

    fn add(&mut self, expr: Expr, kind: Kind) -> usize {
        self.names.push((expr, kind));
        self.names.len() - 1
    }
}

/// Which of a query's rows are wanted.
enum Part<'a> {
    /// Those after this place.
    After(Option<&'a Cookie>),
    /// Those that belong to these rows of another table.
    Of(Parents<'a>),
}

/// Rows whose related rows are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parents<'a> {
    /// Their table.
    pub(crate) table: &'a Table,
    /// How the others belong to them.
    pub(crate) on: &'a JoinOn,
    /// Their ids; where a lookup leads to the others, what those lookups hold.
    pub(crate) ids: &'a [Uuid],
}

/// Lowers one page of a query: at most `limit` rows that come after `after`.
pub(crate) fn page(
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    limit: u32,
    after: Option<&Cookie>,
) -> Result<Lowered, Failure> {
    rows(catalogue, asked, limit, &Part::After(after))
}

/// Lowers the rows of a query that belong to the rows of a page of another, all in one statement.
pub(crate) fn related(
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    limit: u32,
    parents: Parents<'_>,
) -> Result<Lowered, Failure> {
    rows(catalogue, asked, limit, &Part::Of(parents))
}

fn rows(catalogue: &Catalogue, asked: &Asked<'_>, limit: u32, part: &Part<'_>) -> Result<Lowered, Failure> {
    let query = asked.query;
    if query.aggregate.is_some() || query.distinct && !gathered::comes_by_id(query) {
        return Err(error::unexpected().into());
    }
    let mut conditions = Conditions::new(catalogue, asked.circumstances, asked.further);
    let paired = matches!(part, Part::Of(Parents { on: JoinOn::Pairs { .. }, .. }));
    let apart = if matches!(part, Part::After(_)) { plain(catalogue, &mut conditions, asked) } else { None };
    let (scope, mut joins, mut condition, apart) = match apart {
        Some((scope, apart)) => (scope, Vec::new(), all([]), apart),
        None => {
            let (scope, joins, condition) = selected(catalogue, &mut conditions, asked, paired)?;
            (scope, joins, condition, Vec::new())
        }
    };

    let id = scope.root.id();
    let mut keys = keys(&scope, &query.order)?;
    // Where links join several rows to one, their ids tell them apart.
    let repeats = !query.distinct && query.links.iter().any(repeats);
    if repeats {
        let placed = std::iter::once(&scope.root).chain(&scope.links);
        keys.extend(placed.map(|placed| Key { expr: placed.id(), kind: Kind::Uuid, descending: false }));
    }
    let last = (!repeats).then(|| id.clone());
    let shape = shape_of(asked, &joins, &condition);
    let mut shown_by = None;
    match part {
        Part::After(None) => {}
        Part::After(Some(cookie)) => {
            if cookie.shape != shape || !cookie.fits(keys.iter().map(|key| key.kind)) {
                return Err(error::odata("The paging cookie does not belong to this query.").into());
            }
            condition = all([condition, conditions.after(&keys, last.clone(), cookie)]);
        }
        Part::Of(parents) => {
            let (join, expr, belongs) = conditions.of_parents(&scope.root, parents)?;
            joins.extend(join);
            condition = all([condition, belongs]);
            shown_by = Some(expr);
        }
    }
    let limit = conditions.value(i64::from(limit));

    let key = PlanShape::Page {
        table: asked.rows.table().type_code(),
        shown: Shown::of(&query.select),
        also: query.shown.iter().map(also).collect(),
        lookups: query.expand.iter().map(lookup_of).collect(),
        sorted: query.order.iter().flat_map(sorted).collect(),
        distinct: query.distinct,
        joins: joins.clone(),
        condition: condition.clone(),
        shown_by: shown_by.clone(),
        apart: apart.clone(),
        limit: limit.clone(),
    };
    let plan = catalogue.plan(key, || {
        let mut columns = Columns::of(catalogue, &scope.root, query.select.columns());
        for shown in &query.shown {
            let placed = scope.source(shown.column.source)?;
            let cell = columns.cell(catalogue, placed, &shown.column.column, Some(shown.name.clone()));
            columns.cells.push(cell);
        }
        let lookups = columns.lookups(catalogue, &scope.root, &query.expand);
        let shown_by = shown_by.map(|expr| columns.add(expr, Kind::Uuid));
        let order = columns.names.len();
        for key in &keys {
            columns.add(key.expr.clone(), key.kind);
        }
        let own = id.clone();
        let id_index = columns.add(id, Kind::Uuid);
        let mut select = Select::from(scope.root.layout.name.clone()).filter(condition).apart(apart).limit(limit);
        (select.from.alias, select.joins) = (scope.root.alias, joins);
        select.distinct = query.distinct;
        for (expr, kind) in columns.names {
            select = select.project(expr, kind);
        }
        for key in keys {
            select = select.order_by(key.order(&own));
        }
        let last = last.map(|id| id.ascending().never_null());
        let statement = Prepared::new(last.into_iter().fold(select, Select::order_by))?;
        let (cells, version) = (columns.cells, columns.version);
        Ok(Plan { statement, cells, version, order, id: id_index, lookups, shown_by, owner: None, unit: None })
    })?;
    Ok(Lowered { plan, values: conditions.values, shape })
}

/// The position of the lookup that an expand leads over.
fn lookup_of(expand: &Expand) -> Option<usize> {
    match &expand.on {
        JoinOn::Lookup { lookup } => Some(lookup.position),
        _ => None,
    }
}

/// Lowers the values that one row of a query has now in the columns of its order: what a cookie
/// had no room for. Nothing but a row of the query is looked at.
pub(crate) fn place(catalogue: &Catalogue, asked: &Asked<'_>, id: Uuid) -> Result<(Prepared, Vec<Value>), Failure> {
    let mut conditions = Conditions::new(catalogue, asked.circumstances, asked.further);
    let (scope, joins, condition) = selected(catalogue, &mut conditions, asked, false)?;
    let it = scope.root.id().equals(conditions.value(id));
    let mut select = Select::from(scope.root.layout.name.clone()).filter(all([it, condition]));
    let keys = keys(&scope, &asked.query.order)?;
    (select.from.alias, select.joins) = (scope.root.alias, joins);
    let select = keys.into_iter().fold(select, |select, key| select.project(key.expr, key.kind));
    Ok((Prepared::new(select)?, conditions.values))
}

/// Lowers one row by its id, with what its reach asks about: a row that is there and out of reach
/// is refused, not hidden.
pub(crate) fn one(
    catalogue: &Catalogue,
    rows: &ReachedTable,
    id: Uuid,
    select: &Selection,
    expand: &[Expand],
) -> Result<Lowered, Failure> {
    let lookups = expand.iter().map(lookup_of).collect();
    let shape = PlanShape::One { table: rows.table().type_code(), shown: Shown::of(select), lookups };
    let plan = catalogue.plan(shape, || {
        let layout = catalogue.layout(rows.table());
        let placed = Placed { alias: None, layout: Arc::clone(&layout) };
        let mut columns = Columns::of(catalogue, &placed, select.columns());
        let mut beside = |of: Option<&Arc<Column>>| {
            let (name, kind) = layout.place(of?)?.value.clone()?;
            Some(columns.add(column(name), kind))
        };
        let (owner, unit) = (beside(rows.owner_column()), beside(rows.business_unit_column()));
        let lookups = columns.lookups(catalogue, &placed, expand);
        let order = columns.names.len();
        let id_index = columns.add(column(layout.id()), Kind::Uuid);
        let select = Select::from(layout.name.clone()).filter(column(layout.id()).equals(parameter(0)));
        let select = columns.names.into_iter().fold(select, |select, (expr, kind)| select.project(expr, kind));
        let (statement, cells, version) = (Prepared::new(select)?, columns.cells, columns.version);
        Ok(Plan { statement, cells, version, order, id: id_index, lookups, shown_by: None, owner, unit })
    })?;
    Ok(Lowered { plan, values: vec![id.into()], shape: 0 })
}

/// Lowers the number of rows that a query has, on all its pages together.
pub(crate) fn count(catalogue: &Catalogue, asked: &Asked<'_>) -> Result<(Prepared, Vec<Value>), Failure> {
    let mut conditions = Conditions::new(catalogue, asked.circumstances, asked.further);
    let (scope, joins, condition) = selected(catalogue, &mut conditions, asked, false)?;
    let table = asked.rows.table().type_code();
    let key = Shape::Count { table, joins: joins.clone(), condition: condition.clone() };
    let statement = catalogue.shape(key, || {
        let mut select = Select::from(scope.root.layout.name.clone()).project(Expr::Count, Kind::Integer);
        (select.from.alias, select.joins) = (scope.root.alias, joins);
        Ok(Prepared::new(select.filter(condition))?)
    })?;
    Ok((statement, conditions.values))
}

/// A plain list of a table in the order of its ids, for a caller who does not reach everything: what is asked of a row
/// is then nothing but whose it is. Who reaches little of a big table would otherwise wait until all of it is sorted.
fn plain(catalogue: &Catalogue, conditions: &mut Conditions<'_>, asked: &Asked<'_>) -> Option<(Scope, Vec<Expr>)> {
    let Asked { query, rows, .. } = *asked;
    let asks = query.within.is_some() || query.filter.is_some() || !query.links.is_empty() || !query.order.is_empty();
    if asks || query.distinct {
        return None;
    }
    let scope = Scope { root: Placed { alias: None, layout: catalogue.layout(rows.table()) }, links: Vec::new() };
    let apart = conditions.reach_apart(&scope.root, rows)?;
    Some((scope, apart))
}

/// The tables of a query, how they are joined, and everything that is asked of a row: reach,
/// relation, filter. `named` says whether the caller joins something to them.
fn selected(
    catalogue: &Catalogue,
    conditions: &mut Conditions<'_>,
    asked: &Asked<'_>,
    named: bool,
) -> Result<(Scope, Vec<Join>, Expr), Failure> {
    let Asked { query, rows, source, .. } = *asked;
    // A table that stands alone needs no name of its own.
    let alias = (named || query.joined_tables() > 0).then_some("r".into());
    let mut scope = Scope { root: Placed { alias, layout: catalogue.layout(rows.table()) }, links: Vec::new() };
    let mut wanted: Vec<Expr> = conditions.reach(&scope.root, rows).into_iter().collect();
    match (&query.within, source) {
        (None, _) => {}
        (Some(Within::OneToMany { source: table, lookup, .. }), Some(id)) => {
            wanted.push(conditions.points_at(&scope.root, lookup, table.type_code(), id)?);
        }
        (Some(Within::ManyToMany { relationship, side, .. }), Some(id)) => {
            let pairs = catalogue.layout_of(&relationship.intersect)?;
            let (near, far) = relationship.ends(*side);
            let place = |name: &str| {
                let value = pairs.named(name).and_then(|place| place.value.clone());
                value.map(|(name, _)| name).ok_or_else(|| error::not_supported("This relationship"))
            };
            let (near, far) = (place(&near.column)?, place(&far.column)?);
            let related = Select::from(pairs.name.clone()).column(far, Kind::Uuid);
            let related = related.filter(column(near).equals(conditions.value(id)));
            wanted.push(scope.root.id().in_select(related));
        }
        _ => return Err(error::not_supported("This way to related rows").into()),
    }
    let joins = conditions.links(&mut scope, &query.links)?;
    if let Some(filter) = &query.filter {
        wanted.push(conditions.filter(&scope, filter)?);
    }
    Ok((scope, joins, all(wanted)))
}

fn keys(scope: &Scope, order: &[Order]) -> Result<Vec<Key>, Failure> {
    let key = |order: &Order| {
        let (mut expr, kind) = scope.compared(&order.column)?;
        if !order.otherwise.is_empty() {
            let others = order.otherwise.iter().map(|column| Ok(scope.compared(column)?.0));
            let all = std::iter::once(Ok(expr)).chain(others).collect::<Result<_, Failure>>()?;
            expr = Expr::Coalesce(all);
        }
        if order.labels {
            let expr = Expr::Rank(Box::new(expr), ranks(&order.column));
            return Ok(Key { expr, kind: Kind::Integer, descending: order.descending });
        }
        Ok(Key { expr, kind, descending: order.descending })
    };
    order.iter().map(key).collect()
}

/// The options of a choice in the order of their labels; those with the same label rank the same.
fn ranks(column: &Column) -> Vec<(i64, i64)> {
    let labelled = column.kind.options().iter().map(|option| (fold(&option.label), i64::from(option.value)));
    let mut labelled: Vec<(String, i64)> = labelled.collect();
    labelled.sort();
    let (mut ranks, mut rank, mut before) = (Vec::with_capacity(labelled.len()), 0, None);
    for (label, value) in labelled {
        if before.is_some_and(|before| before != label) {
            rank += 1;
        }
        before = Some(label);
        ranks.push((value, rank));
    }
    ranks
}

/// What an order does to a statement, but for the tables, which the joins name: for each of its
/// columns the source, the position, whether it is sorted from the largest, and whether by labels.
fn sorted(order: &Order) -> impl Iterator<Item = (usize, usize, bool, bool)> + '_ {
    let columns = std::iter::once(&order.column).chain(&order.otherwise);
    columns.map(|column| (column.source.0, column.column.position, order.descending, order.labels))
}

/// Whether a link joins several rows to one.
fn repeats(link: &Link) -> bool {
    link.kind != LinkKind::First && !link.on.is_single(&link.table)
}

/// What a column under its own name does to a plan.
fn also(shown: &ShownAs) -> (usize, usize, Box<str>) {
    (shown.column.source.0, shown.column.column.position, shown.name.clone())
}

/// What a cookie belongs to: the table, the source row, the form of the condition, and the order.
/// Which columns are shown may change from page to page.
fn shape_of(asked: &Asked<'_>, joins: &[Join], condition: &Expr) -> u64 {
    let mut hasher = DefaultHasher::new();
    asked.query.table.type_code().hash(&mut hasher);
    asked.source.hash(&mut hasher);
    joins.hash(&mut hasher);
    condition.hash(&mut hasher);
    asked.query.order.iter().flat_map(sorted).for_each(|key| key.hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests;
