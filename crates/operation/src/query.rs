//! What reading is made of.
//!
//! One model for every front door (decision 12): a root table with links to others, conditions, an
//! order, and what is shown. Lookup paths and lambdas of OData and the `link-entity` of FetchXML
//! become the same parts of it.
//!
//! - this file: the query, which rows it starts from, which columns it shows;
//! - `link`: joins, the columns of joined tables, and expands;
//! - `filter`, `pattern`: conditions;
//! - `moment`: stretches of time that the moment decides;
//! - `circumstances`: what the caller and the moment decide, when it is known;
//! - `aggregate`: groups and figures in place of rows;
//! - `saved`: a query that a row of the org holds;
//! - `uses`: every table that a query touches, in one fixed order.

mod aggregate;
mod circumstances;
mod filter;
mod link;
mod moment;
mod pattern;
mod saved;
mod uses;

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{AlternateKey, Column, ColumnKind, ManyToMany, Side, Table};
use uuid::Uuid;

use crate::PageToken;

pub use aggregate::{Aggregate, AggregateOrder, DatePart, Figure, FigureFunction, Group};
pub use circumstances::Circumstances;
pub use filter::{CallerSet, Comparand, Comparison, Direction, Exists, Filter, Hierarchy, TextFunction};
pub use link::{ColumnOf, Expand, JoinOn, Link, LinkKind, Shown, SourceId};
pub use moment::{FiscalReach, Range, Span, TimeUnit, Zone};
pub use pattern::{Pattern, PatternPart};
pub use saved::Saved;
pub use uses::expanded_tables;

/// The parts of an address that stand in the whole.
const ADDRESS_PARTS: [&str; 7] = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"];

/// Rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table.
    pub table: Arc<Table>,
    /// The row whose related rows these are: `accounts(…)/contact_customer_accounts`.
    pub within: Option<Within>,
    /// What is joined to its rows: sources 1 and following, in this order.
    pub links: Vec<Link>,
    /// Which columns of the table.
    pub select: Selection,
    /// Columns of links, and further columns of the table, under names of their own.
    pub shown: Vec<Shown>,
    /// Which rows.
    pub filter: Option<Filter>,
    /// In which order; where that leaves ties, by id.
    pub order: Vec<Order>,
    /// At most this many rows, and no further pages.
    pub top: Option<u32>,
    /// Whether to say how many rows there are altogether.
    pub count: bool,
    /// Where an earlier page ended.
    pub page: Option<PageToken>,
    /// Related rows that each row shows.
    pub expand: Vec<Expand>,
    /// Groups and figures that take the place of the rows.
    pub aggregate: Option<Box<Aggregate>>,
    /// Whether rows that show the same are given once.
    pub distinct: bool,
    /// Whether only the addresses of the rows are shown: `accounts(…)/Account_Tasks/$ref`.
    pub references: bool,
    /// Which front door it came through, as far as its answer and its pages follow from that.
    pub door: Door,
}

/// How an answer looks, and how its pages are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Door {
    /// OData's options: members without a value are `null`, and a link leads to the next page.
    #[default]
    OData,
    /// A FetchXML document: members without a value are left out, and the document itself says
    /// which page it wants, perhaps with a cookie, which is then the query's `page`.
    Fetch {
        /// The number of the page, from 1.
        page: u32,
        /// Its rows; none for as many as a page can have.
        rows: Option<u32>,
    },
    /// The `sql` option or a saved query: as with FetchXML, but a link leads to the next page.
    Linked {
        /// Rows left out before the first.
        skip: u32,
    },
}

impl Door {
    /// Whether members without a value are left out.
    #[must_use]
    pub const fn is_sparse(self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Linked { .. })
    }
}

impl Query {
    /// All rows of a table with all their columns.
    #[must_use]
    pub fn all(table: Arc<Table>) -> Self {
        Self {
            select: Selection::all(&table),
            table,
            within: None,
            links: Vec::new(),
            shown: Vec::new(),
            filter: None,
            order: Vec::new(),
            top: None,
            count: false,
            page: None,
            expand: Vec::new(),
            aggregate: None,
            distinct: false,
            references: false,
            door: Door::OData,
        }
    }
}

/// The row whose related rows are asked for, and how they are related to it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Within {
    /// The rows whose `lookup` names the source row.
    OneToMany {
        /// The source row's table.
        source: Arc<Table>,
        /// The source row.
        key: RowKey,
        /// A lookup column of the queried table.
        lookup: Arc<Column>,
    },
    /// The rows that are paired with the source row.
    ManyToMany {
        /// The source row's table.
        source: Arc<Table>,
        /// The source row.
        key: RowKey,
        /// The relationship.
        relationship: Arc<ManyToMany>,
        /// The side on which the source row stands.
        side: Side,
    },
}

impl Within {
    /// The source row and its table.
    #[must_use]
    pub fn source(&self) -> (&Arc<Table>, &RowKey) {
        match self {
            Self::OneToMany { source, key, .. } | Self::ManyToMany { source, key, .. } => (source, key),
        }
    }
}

/// One row, or one column of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieve {
    /// The table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
    /// Which columns.
    pub select: Selection,
    /// Related rows that it shows.
    pub expand: Vec<Expand>,
    /// The one column that the address names: `contacts(…)/fullname`.
    pub property: Option<PropertyOf>,
    /// Answer 304 if the row still has this version (`If-None-Match`).
    pub unless_version: Option<i64>,
}

/// The row that a lookup of another names: `accounts(…)/primarycontactid`.
#[derive(Debug, Clone, PartialEq)]
pub struct Follow {
    /// The other row's table.
    pub source: Arc<Table>,
    /// The other row.
    pub key: RowKey,
    /// Its lookup.
    pub lookup: Arc<Column>,
    /// The table that is followed to.
    pub table: Arc<Table>,
    /// Which columns.
    pub select: Selection,
    /// Related rows that it shows.
    pub expand: Vec<Expand>,
    /// Whether only its address is shown: `…/$ref`.
    pub references: bool,
}

/// One column of a row as a resource of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyOf {
    /// The column.
    pub column: Arc<Column>,
    /// Whether only the bare value is wanted: `…/fullname/$value`.
    pub raw: bool,
}

/// Which row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RowKey {
    /// The one with this id.
    Id(Uuid),
    /// The one with these values in the columns of an alternate key, in the key's order.
    Alternate {
        /// The key.
        key: Arc<AlternateKey>,
        /// A value for each of its columns.
        values: Vec<Value>,
    },
}

impl RowKey {
    /// The id, where the row is named by it.
    #[must_use]
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Alternate { .. } => None,
        }
    }
}

/// Which columns an answer shows. Clones share the columns, of which there may be hundreds.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    named: Option<Arc<[Arc<Column>]>>,
    columns: Arc<[Arc<Column>]>,
}

impl Selection {
    /// Every column that may be read.
    #[must_use]
    pub fn all(table: &Table) -> Self {
        Self { named: None, columns: Arc::clone(table.shown()) }
    }

    /// The named columns and those that the service adds: the id always, the currency beside an
    /// amount, and the whole address beside a part of it. A column named twice counts once.
    #[must_use]
    pub fn of(table: &Table, named: Vec<Arc<Column>>) -> Self {
        let mut distinct: Vec<Arc<Column>> = Vec::with_capacity(named.len());
        for column in named {
            if !distinct.iter().any(|known| known.position == column.position) {
                distinct.push(column);
            }
        }
        let mut columns = distinct.clone();
        let money = columns.iter().any(|column| matches!(column.kind, ColumnKind::Money { .. }));
        let currency = table.column("transactioncurrencyid").filter(|_| money);
        let addresses = distinct.iter().filter_map(|column| whole_address(table, &column.name));
        for added in [Some(table.primary_id()), currency].into_iter().flatten().chain(addresses) {
            if !columns.iter().any(|known| known.position == added.position) {
                columns.push(Arc::clone(added));
            }
        }
        Self { named: Some(distinct.into()), columns: columns.into() }
    }

    /// These columns and nothing beside them, for rows that come once when they show the same. A
    /// column named twice counts once.
    #[must_use]
    pub fn exactly(named: Vec<Arc<Column>>) -> Self {
        let mut columns: Vec<Arc<Column>> = Vec::with_capacity(named.len());
        for column in named {
            if !columns.iter().any(|known| known.position == column.position) {
                columns.push(column);
            }
        }
        let columns: Arc<[Arc<Column>]> = columns.into();
        Self { named: Some(Arc::clone(&columns)), columns }
    }

    /// What the request named, as `@odata.context` repeats it; none when it asked for everything.
    #[must_use]
    pub fn named(&self) -> Option<&[Arc<Column>]> {
        self.named.as_deref()
    }

    /// Every column that the answer shows, in its order.
    #[must_use]
    pub fn columns(&self) -> &[Arc<Column>] {
        &self.columns
    }
}

/// `address1_composite` for `address1_city` and the other parts that it is put together from.
fn whole_address<'a>(table: &'a Table, name: &str) -> Option<&'a Arc<Column>> {
    let (address, part) = name.split_once('_').filter(|(address, _)| address.starts_with("address"))?;
    ADDRESS_PARTS.contains(&part).then(|| table.column(&format!("{address}_composite"))).flatten()
}

/// One column to sort by. Nulls come first ascending and last descending, as in the service's
/// store.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The column. Texts sort folded, choices by their number.
    pub column: ColumnOf,
    /// Columns that count where the first has no value: the names in the further tables that a
    /// lookup can lead to, since a lookup sorts by the name of its row.
    pub otherwise: Vec<ColumnOf>,
    /// From the largest.
    pub descending: bool,
    /// Whether a choice goes by the labels of its options, as people see them, instead of by their
    /// numbers.
    pub labels: bool,
}
