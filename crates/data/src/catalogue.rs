//! The catalogue of one organization: its schema, and how that lies in its store.
//!
//! The compiled schema stands in the store as one text. A [`Catalogue`] is what one epoch of it
//! means in memory: immutable, shared, and held by a request from its first byte to its last. It
//! also keeps what was lowered for this schema, by its shape.

pub(crate) mod change;
mod compose;
pub(crate) mod history;
pub(crate) mod import;
mod install;
pub(crate) mod layout;
mod left;
pub(crate) mod made;
mod migrate;
mod migrations;
pub(crate) mod record;
mod stored;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{OptionSetDefinition, SchemaDefinition, SchemaError, Table};
use keyholder_operation::Selection;
use keyholder_store::Prepared;
use keyholder_store::statement::{Expr, Join};

use crate::error::Failure;
use crate::lower::Plan;

pub(crate) use install::install;
pub(crate) use layout::Layout;
pub(crate) use migrations::migrations;
pub(crate) use record::Record;
pub(crate) use stored::load;

/// The most shapes kept of each kind. Real clients repeat a few dozen; one that makes up new ones
/// all the time shall not fill the memory.
const MOST_SHAPES: usize = 256;
/// A statement longer than this, in bytes of SQL, is made each time. With [`MOST_SHAPES`] this
/// bounds what is kept in bytes too.
const LONGEST_SHAPE: usize = 16 << 10;

/// One epoch of an organization's schema.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Which epoch this is.
    pub(crate) epoch: i64,
    pub(crate) schema: Arc<Schema>,
    layouts: Mutex<HashMap<i32, Arc<Layout>>>,
    statements: Kept<Shape, Prepared>,
    plans: Kept<PlanShape, Arc<Plan>>,
    type_codes: HashMap<Box<str>, i32>,
    /// The lists of options that columns share.
    pub(crate) option_sets: Vec<Arc<OptionSetDefinition>>,
}

/// What a plan depends on, beside the values that travel with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum PlanShape {
    /// A page of rows.
    Page {
        table: i32,
        shown: Shown,
        /// Columns under names of their own: source, position, name.
        also: Vec<(usize, usize, Box<str>)>,
        /// For each expand, the position of the lookup that it leads over.
        lookups: Vec<Option<usize>>,
        /// The columns of the order: source, position, whether largest first, and whether by labels.
        sorted: Vec<(usize, usize, bool, bool)>,
        distinct: bool,
        joins: Vec<Join>,
        condition: Expr,
        /// Of rows that other rows show: the id of the row that shows them.
        shown_by: Option<Expr>,
        /// Conditions of which each row meets exactly one.
        apart: Vec<Expr>,
        limit: Expr,
    },
    /// Single columns of the rows, for what is made of them here: source and position of each.
    Gathered {
        table: i32,
        columns: Vec<(usize, usize)>,
        /// Their own names, where they have some.
        names: Vec<Option<Box<str>>>,
        /// How the rows are sorted, where they come once when they show the same.
        keys: Vec<(Expr, bool)>,
        joins: Vec<Join>,
        condition: Expr,
        limit: Option<Expr>,
    },
    /// One row by its id.
    One { table: i32, shown: Shown, lookups: Vec<Option<usize>> },
}

/// Which columns are shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shown {
    /// All that a table shows.
    All,
    /// Those at these positions.
    These(Vec<usize>),
}

impl Shown {
    pub(crate) fn of(select: &Selection) -> Self {
        match select.named() {
            None => Self::All,
            Some(_) => Self::These(select.columns().iter().map(|column| column.position).collect()),
        }
    }
}

/// What another statement depends on, beside the values that travel with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A number of rows.
    Count { table: i32, joins: Vec<Join>, condition: Expr },
    /// A change of these columns of a row.
    Update { table: i32, changed: Vec<usize> },
    /// One of the platform's own statements.
    Named(&'static str),
    /// One of the platform's own statements about some table.
    NamedOf(&'static str, i32),
}

/// What was made of shapes.
#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, V>>);

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn find_or_make(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, Failure>,
        length: impl FnOnce(&V) -> usize,
    ) -> Result<V, Failure> {
        if let Some(kept) = lock(&self.0).get(&key) {
            return Ok(kept.clone());
        }
        // Made without the lock: two requests may make the same, which does no harm.
        let made = make()?;
        if length(&made) > LONGEST_SHAPE {
            return Ok(made);
        }
        let mut kept = lock(&self.0);
        if kept.len() >= MOST_SHAPES {
            kept.clear();
        }
        kept.insert(key, made.clone());
        Ok(made)
    }
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl Catalogue {
    pub(crate) fn new(epoch: i64, schema: Arc<Schema>) -> Self {
        let type_codes = schema.names().map(|name| (name.logical_name.clone(), name.type_code)).collect();
        Self {
            epoch,
            schema,
            layouts: Mutex::default(),
            statements: Kept::default(),
            plans: Kept::default(),
            type_codes,
            option_sets: Vec::new(),
        }
    }

    /// The same with these lists of options that columns share.
    pub(crate) fn sharing(self, option_sets: Vec<OptionSetDefinition>) -> Self {
        Self { option_sets: option_sets.into_iter().map(Arc::new).collect(), ..self }
    }

    /// No tables: what an organization has before its schema is read.
    pub(crate) fn empty() -> Result<Self, SchemaError> {
        let schema = Schema::new(SchemaDefinition::empty())?;
        Ok(Self::new(-1, Arc::new(schema)))
    }

    /// How a table lies in the store.
    pub(crate) fn layout(&self, table: &Arc<Table>) -> Arc<Layout> {
        let mut layouts = lock(&self.layouts);
        Arc::clone(layouts.entry(table.type_code()).or_insert_with(|| Arc::new(Layout::new(table))))
    }

    /// The table with this logical name, which the platform itself relies on.
    pub(crate) fn table(&self, logical_name: &str) -> Result<Arc<Table>, SchemaError> {
        self.schema.table(logical_name)?.ok_or_else(|| SchemaError::Table {
            table: logical_name.to_owned(),
            reason: "the platform needs it and it is missing".to_owned(),
        })
    }

    /// How the table with this logical name lies in the store.
    pub(crate) fn layout_of(&self, logical_name: &str) -> Result<Arc<Layout>, SchemaError> {
        Ok(self.layout(&self.table(logical_name)?))
    }

    /// The type code of the table with this logical name; none when the schema has no such table.
    pub(crate) fn type_code(&self, logical_name: &str) -> Option<i32> {
        self.type_codes.get(logical_name).copied()
    }

    /// The statement of this shape: printed now, or kept from an earlier time. The shape must say
    /// everything that `print` depends on.
    pub(crate) fn shape(
        &self,
        key: Shape,
        print: impl FnOnce() -> Result<Prepared, Failure>,
    ) -> Result<Prepared, Failure> {
        self.statements.find_or_make(key, print, Prepared::len)
    }

    /// The plan of this shape: made now, or kept from an earlier time. The shape must say everything
    /// that `make` depends on.
    pub(crate) fn plan(
        &self,
        key: PlanShape,
        make: impl FnOnce() -> Result<Plan, Failure>,
    ) -> Result<Arc<Plan>, Failure> {
        self.plans.find_or_make(key, || make().map(Arc::new), |plan| plan.statement.len())
    }

    /// Forgets the plans that are kept, and gives them.
    #[cfg(test)]
    pub(crate) fn take_plans(&self) -> Vec<Arc<Plan>> {
        lock(&self.plans.0).drain().map(|(_, plan)| plan).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
