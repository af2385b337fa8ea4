//! What changing is made of.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{Column, ManyToMany, Side, Table};
use uuid::Uuid;

use crate::query::{Expand, RowKey, Selection};

/// A column and what it is to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: Arc<Column>,
    /// Its new value.
    pub value: Assigned,
}

/// What a column is to hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Assigned {
    /// This value, checked against the column's type and limits; null clears.
    Value(Value),
    /// An image: these are its bytes. Whether it is one is not checked yet.
    Image(Arc<[u8]>),
    /// A lookup to this row. Whether it is there is not checked yet.
    Row {
        /// The row's table, one of the lookup's targets.
        table: Arc<Table>,
        /// The row.
        key: RowKey,
    },
    /// A lookup to a row that is made just before, from an object inside the body.
    New(Box<Create>),
    /// A lookup to the row whose body this one stands in.
    Parent {
        /// That row's table, one of the lookup's targets.
        table: Arc<Table>,
    },
    /// Nothing, if the lookup names this row; what it holds, if it names another or none.
    Unlinked {
        /// The row's table, one of the lookup's targets.
        table: Arc<Table>,
        /// The row.
        key: RowKey,
    },
}

/// A new row.
#[derive(Debug, Clone, PartialEq)]
pub struct Create {
    /// The table.
    pub table: Arc<Table>,
    /// Where its object stands in the body: `contact_customer_accounts[0]`; empty for the body itself.
    pub place: String,
    /// What the body gives; each column at most once.
    pub values: Vec<Assignment>,
    /// Columns that the body gives and clients cannot set. The service ignores most of them; a few
    /// it refuses, which is for whoever knows the rows to say.
    pub ignored: Vec<Arc<Column>>,
    /// What is to belong to the row through its collections, done after it is made, in this order.
    pub related: Vec<Related>,
    /// Which columns to show when the caller prefers the row as the answer.
    pub select: Selection,
    /// Related rows that it then shows.
    pub expand: Vec<Expand>,
}

/// A row that a new row's collection names or holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// Where it stands in the body.
    pub place: String,
    /// What is done with it.
    pub row: RelatedRow,
}

/// What is done with a row of a new row's collection.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RelatedRow {
    /// It is made, with a lookup to the new row ([`Assigned::Parent`]) among its values.
    New(Create),
    /// It is there, and its lookup comes to name the new row.
    Existing(Update),
    /// It is paired with the new row.
    Paired(Paired),
}

/// A pair that a new row makes with another.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The relationship.
    pub relationship: Arc<ManyToMany>,
    /// The new row's side.
    pub side: Side,
    /// The other row's table.
    pub other_table: Arc<Table>,
    /// The other row.
    pub other: PairedRow,
}

/// The other row of a pair that a new row makes.
#[derive(Debug, Clone, PartialEq)]
pub enum PairedRow {
    /// One that is there.
    Existing(RowKey),
    /// One that is made first.
    New(Box<Create>),
}

impl Create {
    /// The id, where the caller gives the row one.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        let own = self.values.iter().find(|given| given.column.position == self.table.primary_id().position)?;
        match &own.value {
            Assigned::Value(Value::Guid(id)) => Some(*id),
            _ => None,
        }
    }
}

/// A change to a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
    /// What changes; each column at most once. A column that can only be given to a new row may be
    /// among them: it counts when the row is made, and is ignored when it is there already.
    pub values: Vec<Assignment>,
    /// Columns that the body gives and clients cannot set, the row's own id among them.
    pub ignored: Vec<Arc<Column>>,
    /// Which columns to show when the caller prefers the row as the answer.
    pub select: Selection,
    /// Make the row when it is not there. Not so under `If-Match`, for a single property, or for
    /// a table whose rows clients cannot make.
    pub may_create: bool,
    /// Change the row when it is there. Not so under `If-None-Match: *`.
    pub may_update: bool,
    /// Only if the row still has this version (`If-Match: W/"…"`).
    pub if_version: Option<i64>,
}

/// A row less.
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// The table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
    /// Only if the row still has this version (`If-Match: W/"…"`).
    pub if_version: Option<i64>,
}

/// Two rows and the many-to-many relationship between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairing {
    /// The relationship.
    pub relationship: Arc<ManyToMany>,
    /// The side of the row that the address names.
    pub side: Side,
    /// That row's table.
    pub table: Arc<Table>,
    /// That row.
    pub key: RowKey,
    /// The other row's table.
    pub other_table: Arc<Table>,
    /// The other row.
    pub other_key: RowKey,
}

/// Changes to several rows of one table, all done or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiple {
    /// Which of the three messages.
    pub kind: MultipleKind,
    /// What is done to each row: [`crate::Operation::Create`] or [`crate::Operation::Update`], as the kind says.
    pub rows: Vec<crate::Operation>,
}

/// The messages for several rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultipleKind {
    /// `CreateMultiple`: new rows.
    Create,
    /// `UpdateMultiple`: rows that are there.
    Update,
    /// `UpsertMultiple`: rows that are made where they are not there.
    Upsert,
}
