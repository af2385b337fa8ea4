//! The catalogue of one organization: its schema, and how that lies in its store.
//!
//! The compiled schema stands in the store as one text. A [`Catalogue`] is what one epoch of it
//! means in memory: immutable, shared, and held by a request from its first byte to its last. It
//! also keeps the statements that were printed for this schema, by their shape.

mod install;
pub(crate) mod layout;
mod migrations;
pub(crate) mod record;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{SchemaDefinition, SchemaError, Table};
use keyholder_store::Prepared;
use keyholder_store::statement::Expr;

use crate::error::Failure;

pub(crate) use install::{install, load};
pub(crate) use layout::Layout;
pub(crate) use migrations::migrations;
pub(crate) use record::Record;

/// The most shapes kept. Real clients repeat a few dozen; one that makes up new ones all the time
/// shall not fill the memory.
const MOST_SHAPES: usize = 512;
/// A statement longer than this, in bytes of SQL, is printed each time. With [`MOST_SHAPES`] this
/// bounds what is kept in bytes too.
const LONGEST_SHAPE: usize = 16 << 10;

/// One epoch of an organization's schema.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// Which epoch this is.
    pub(crate) epoch: i64,
    pub(crate) schema: Arc<Schema>,
    layouts: Mutex<HashMap<i32, Arc<Layout>>>,
    shapes: Mutex<HashMap<Shape, Prepared>>,
    type_codes: HashMap<Box<str>, i32>,
}

/// What a statement depends on, beside the values that travel with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// A page of rows.
    Page {
        table: i32,
        /// The positions of the columns shown.
        shown: Vec<usize>,
        /// The positions of the columns of the order, and whether largest first.
        sorted: Vec<(usize, bool)>,
        condition: Expr,
        limit: Expr,
    },
    /// One row by its id.
    One { table: i32, shown: Vec<usize> },
    /// A number of rows.
    Count { table: i32, condition: Expr },
    /// A change of these columns of a row.
    Update { table: i32, changed: Vec<usize> },
    /// One of the platform's own statements.
    Named(&'static str),
    /// One of the platform's own statements about some table.
    NamedOf(&'static str, i32),
}

impl Catalogue {
    pub(crate) fn new(epoch: i64, schema: Arc<Schema>) -> Self {
        let type_codes = schema.names().map(|name| (name.logical_name.clone(), name.type_code)).collect();
        Self { epoch, schema, layouts: Mutex::default(), shapes: Mutex::default(), type_codes }
    }

    /// No tables: what an organization has before its schema is read.
    pub(crate) fn empty() -> Result<Self, SchemaError> {
        let schema = Schema::new(SchemaDefinition { tables: Vec::new(), many_to_many: Vec::new() })?;
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
        if let Some(kept) = lock(&self.shapes).get(&key) {
            return Ok(kept.clone());
        }
        // Printed without the lock: two requests may print the same, which does no harm.
        let printed = print()?;
        if printed.len() > LONGEST_SHAPE {
            return Ok(printed);
        }
        let mut shapes = lock(&self.shapes);
        if shapes.len() >= MOST_SHAPES {
            shapes.clear();
        }
        shapes.insert(key, printed.clone());
        Ok(printed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
