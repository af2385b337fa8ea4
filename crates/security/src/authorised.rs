//! An operation together with the rows that its caller may touch in it.
//!
//! Each kind of operation has its own struct, with a named [`ReachedTable`] for every table that
//! the operation touches, so that the store's side cannot confuse the row that is written with the
//! row that is pointed at. None of them can be made outside this crate.

mod decide;

use std::sync::Arc;

use keyholder_dataverse::schema::Column;
use keyholder_operation::{
    Action, AddToQueue, BulkDelete, ChangesQuery, Create, Delete, Download, Follow, Function, Merge, MetadataQuery,
    MetadataWrite, MultipleKind, Paired, Pairing, Query, Retrieve, Saved, Update, Upload,
};

use crate::denied::Denied;
use crate::reach::ReachedTable;
use crate::required::Subject;

pub use decide::{authorise, consequence};

/// A privilege that may turn out not to be needed: its refusal counts only then.
pub type Permission = Result<ReachedTable, Denied>;

/// An operation that may go ahead, within the reach of each of its tables.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Authorised {
    /// The list of entity sets, for whoever may sign in.
    ServiceDocument,
    /// The document that describes every type, likewise.
    MetadataDocument,
    /// Definitions of tables, columns and relationships.
    Metadata(Box<MetadataQuery>),
    /// Many definitions at once.
    MetadataChanges(Box<ChangesQuery>),
    /// A change to the schema.
    MetadataChange(Box<MetadataWrite>),
    /// Rows.
    Query(Reading<Query>),
    /// The row that holds a query; what that query asks is decided when it is known.
    Saved(Reading<Saved>),
    /// How many rows.
    Count(Reading<Query>),
    /// One row.
    Retrieve(Reading<Retrieve>),
    /// The row that a lookup of another names.
    Follow(Reading<Follow>),
    /// A new row.
    Create(Writing<Create>),
    /// A changed row.
    Update(Writing<Update>),
    /// Several new or changed rows: each is [`Authorised::Create`] or [`Authorised::Update`].
    Multiple(MultipleKind, Vec<Authorised>),
    /// A row less.
    Delete(Reading<Delete>),
    /// Contents of a file or image column.
    Download(Reading<Download>),
    /// New contents of such a column: the rows are those that may be changed.
    Upload(Reading<Upload>),
    /// A new pair.
    Associate(Linking),
    /// A pair less.
    Disassociate(Linking),
    /// A function.
    Function(Calling<Function>),
    /// An action.
    Action(Calling<Action>),
    /// One row made of two: the change to the one that stays, and where the other must be.
    Merge(Box<Merging>),
    /// A job that deletes the rows of queries.
    BulkDelete(BulkDelete, Vec<Deleting>),
    /// A row closed by an activity: the new activity, and the change to the row.
    Close(Box<Writing<Create>>, Box<Writing<Update>>),
    /// A row put into a queue: which, and the new item of the queue.
    AddToQueue(AddToQueue, Box<Writing<Create>>),
}

/// The rows of a query that are to be deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Deleting {
    reading: Reading<Query>,
    delete: ReachedTable,
}

impl Deleting {
    /// Which rows.
    #[must_use]
    pub fn reading(&self) -> &Reading<Query> {
        &self.reading
    }

    /// Which rows may be deleted.
    #[must_use]
    pub fn delete(&self) -> &ReachedTable {
        &self.delete
    }
}

/// Two rows that become one.
#[derive(Debug, Clone, PartialEq)]
pub struct Merging {
    part: Merge,
    target: Writing<Update>,
}

impl Merging {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &Merge {
        &self.part
    }

    /// The change to the row that stays. Its Write is the other row's too.
    #[must_use]
    pub fn target(&self) -> &Writing<Update> {
        &self.target
    }
}

/// An operation that touches the rows of one table, found perhaps from a row of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    part: T,
    rows: ReachedTable,
    source: Option<ReachedTable>,
    further: Vec<ReachedTable>,
}

impl<T> Reading<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// The rows that may be touched.
    #[must_use]
    pub fn rows(&self) -> &ReachedTable {
        &self.rows
    }

    /// Where the row whose related rows are asked for must be.
    #[must_use]
    pub fn source(&self) -> Option<&ReachedTable> {
        self.source.as_ref()
    }

    /// What may be read of each of [`Query::further_tables`], in the same order; for a single row,
    /// of each of [`expanded_tables`](keyholder_operation::query::expanded_tables).
    #[must_use]
    pub fn further(&self) -> &[ReachedTable] {
        &self.further
    }
}

/// An operation that makes or changes one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing<T> {
    part: T,
    create: Option<Permission>,
    write: Option<Permission>,
    read: Option<Permission>,
    assign: Option<Permission>,
    append: Option<ReachedTable>,
    bindings: Vec<Binding>,
    nested: Vec<(usize, Writing<Create>)>,
    related: Vec<Relating>,
    further: Vec<ReachedTable>,
}

/// What is done with a row of a new row's collection, in the order of the operation's `related`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Relating {
    /// It is made.
    New(Writing<Create>),
    /// Its lookup comes to name the new row.
    Existing(Writing<Update>),
    /// It is paired with the new row.
    Paired(Box<Pairs>),
}

/// A pair that a new row makes, and where its two rows must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    part: Paired,
    rows: ReachedTable,
    other: ReachedTable,
    assign: Option<ReachedTable>,
    new: Option<Writing<Create>>,
}

impl Pairs {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &Paired {
        &self.part
    }

    /// Where the new row must be.
    #[must_use]
    pub fn rows(&self) -> &ReachedTable {
        &self.rows
    }

    /// Where the other row must be.
    #[must_use]
    pub fn other(&self) -> &ReachedTable {
        &self.other
    }

    /// For roles of a user or team: which roles may be assigned.
    #[must_use]
    pub fn assign(&self) -> Option<&ReachedTable> {
        self.assign.as_ref()
    }

    /// The other row, where it is made first.
    #[must_use]
    pub fn new_row(&self) -> Option<&Writing<Create>> {
        self.new.as_ref()
    }
}

/// A lookup that is set, and where the row it names must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    assignment: usize,
    column: Arc<Column>,
    target: ReachedTable,
}

impl Binding {
    /// The index of the assignment in the operation's `values`.
    #[must_use]
    pub fn assignment(&self) -> usize {
        self.assignment
    }

    /// The lookup column.
    #[must_use]
    pub fn column(&self) -> &Arc<Column> {
        &self.column
    }

    /// The rows that may be pointed at.
    #[must_use]
    pub fn target(&self) -> &ReachedTable {
        &self.target
    }
}

impl<T> Writing<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// Whether a row may be made, and for which owners and units. None when the operation cannot
    /// make one.
    #[must_use]
    pub fn create(&self) -> Option<&Permission> {
        self.create.as_ref()
    }

    /// Whether and which rows may be changed. None when the operation cannot change one.
    #[must_use]
    pub fn write(&self) -> Option<&Permission> {
        self.write.as_ref()
    }

    /// Whether and which rows may be shown afterwards. None when the caller does not want the row.
    #[must_use]
    pub fn read(&self) -> Option<&Permission> {
        self.read.as_ref()
    }

    /// What may be read of each of the tables whose rows are shown afterwards inside the row.
    #[must_use]
    pub fn further(&self) -> &[ReachedTable] {
        &self.further
    }

    /// Whether and which rows may be given away. None when the body names no owner. It is not
    /// needed where the owner that the body names is the one that the row has, or would get,
    /// anyway.
    #[must_use]
    pub fn assign(&self) -> Option<&Permission> {
        self.assign.as_ref()
    }

    /// The rows that may be made to point at others. None when no lookup is set or cleared.
    #[must_use]
    pub fn append(&self) -> Option<&ReachedTable> {
        self.append.as_ref()
    }

    /// The lookups that are set to a row, except the owner.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The row that is made first for the assignment with this index to point at.
    #[must_use]
    pub fn nested(&self, assignment: usize) -> Option<&Writing<Create>> {
        self.nested.iter().find(|(index, _)| *index == assignment).map(|(_, row)| row)
    }

    /// The rows of a new row's collections, one for each of the operation's `related`.
    #[must_use]
    pub fn related(&self) -> &[Relating] {
        &self.related
    }
}

/// An operation on a pair of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Linking {
    part: Pairing,
    rows: ReachedTable,
    other: ReachedTable,
    assign: Option<(Subject, ReachedTable)>,
}

impl Linking {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &Pairing {
        &self.part
    }

    /// Where the row that the address names must be.
    #[must_use]
    pub fn rows(&self) -> &ReachedTable {
        &self.rows
    }

    /// Where the other row must be.
    #[must_use]
    pub fn other(&self) -> &ReachedTable {
        &self.other
    }

    /// For roles of a user or team: on which side the role is, and which roles may be assigned.
    #[must_use]
    pub fn assign(&self) -> Option<(Subject, &ReachedTable)> {
        self.assign.as_ref().map(|(subject, reached)| (*subject, reached))
    }
}

/// A function or action.
#[derive(Debug, Clone, PartialEq)]
pub struct Calling<T> {
    part: T,
    reached: Vec<(Subject, ReachedTable)>,
}

impl<T> Calling<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// Everything that is asked of the rows of one subject: such a row must be within all of them.
    pub fn of(&self, subject: Subject) -> impl Iterator<Item = &ReachedTable> {
        self.reached.iter().filter(move |(of, _)| *of == subject).map(|(_, rows)| rows)
    }
}

#[cfg(test)]
mod tests;
