//! Lists: the rows of a tenant that fit some conditions, a page at a time, in the order of their
//! ids or of their names.
//!
//! What a filter says in simple equalities narrows the statement; the rest is asked of each object
//! as it is shown ([`Keep`]), so that a filter means the same for every property. Such a list reads
//! on until its page is full.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use keyholder_foundation::TenantId;
use keyholder_store::pattern::Piece;
use keyholder_store::statement::{Expr, Select, column, literal, parameter};
use keyholder_store::{Error, Pattern, Prepared, Row, Snapshot, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The column that lists are ordered by, when by name.
const NAME: &str = "display_name_folded";
/// How many rows are read at once when some of them may be left out.
const CHUNK: usize = 500;

/// Something that stands in lists.
pub(crate) trait Listed: Serialize {
    fn id(&self) -> Uuid;

    /// What it is ordered by, when by name.
    fn name(&self) -> &str {
        ""
    }
}

/// What a row must be like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The column has this value.
    Equals(&'static str, Value),
    /// The column has one of these ids.
    OneOf(&'static str, Vec<Uuid>),
    /// The column has a greater value.
    GreaterThan(&'static str, Value),
    /// The column's text starts so.
    StartsWith(&'static str, String),
    /// No row is like that: an id was compared with a text that is none.
    Never,
}

/// Whether an object, as it is shown, belongs to the list.
#[derive(Clone)]
pub(crate) struct Keep(pub(crate) Arc<dyn Fn(&serde_json::Value) -> bool + Send + Sync>);

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keep(..)")
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Order {
    #[default]
    Id,
    Name {
        descending: bool,
    },
}

/// The last object of a page: the next one starts after it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    #[serde(rename = "i")]
    pub(crate) id: Uuid,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The epoch at which a delta query began.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<i64>,
    /// The epoch after which changes are told; none while everything is.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<i64>,
}

/// Which objects of a list, and from where on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    /// All of them hold.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) keep: Option<Keep>,
    pub(crate) order: Order,
    pub(crate) after: Option<Cursor>,
    /// How many objects a page has.
    pub(crate) size: usize,
    /// Whether all of them are counted.
    pub(crate) count: bool,
}

/// A page of a list.
#[derive(Debug, Clone)]
pub(crate) struct Page<T> {
    pub(crate) entities: Vec<T>,
    /// Where the next page starts, when there is one.
    pub(crate) next: Option<Cursor>,
    /// How many there are on all pages, when that was asked.
    pub(crate) count: Option<usize>,
}

impl<T> Page<T> {
    /// The same page of something else.
    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        let Self { entities, next, count } = self;
        Page { entities: entities.into_iter().map(each).collect(), next, count }
    }
}

impl Listing {
    /// The rows of `select`, which names the columns, that belong to `tenant` and fit.
    pub(super) fn run<T: Listed>(
        &self,
        snapshot: &mut Snapshot<'_>,
        select: Select,
        tenant: TenantId,
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Page<T>, Error> {
        let mut values = vec![Value::from(tenant)];
        let mut add = |value: Value| {
            values.push(value);
            values.len() - 1
        };
        let mut select = select.filter(column("tenant_id").equals(parameter(0)));
        for condition in &self.conditions {
            select = select.filter(condition.expression(&mut add));
        }
        let mut count = None;
        if self.count {
            let mut all = 0;
            snapshot.for_each::<Error>(&Prepared::new(select.clone())?, &values, |row| {
                all += usize::from(self.keeps(&read(row)?));
                Ok(())
            })?;
            count = Some(all);
        }
        let chunk = if self.keep.is_some() { CHUNK.max(self.size + 1) } else { self.size + 1 };
        let mut entities = Vec::new();
        let mut after = self.after.clone();
        loop {
            let (statement, values) = self.chunk(select.clone(), values.clone(), after.as_ref(), chunk);
            let rows = snapshot.list(&Prepared::new(statement)?, &values, &read)?;
            let last_chunk = rows.len() < chunk;
            after = rows.last().map(|last| self.cursor(last));
            entities.extend(rows.into_iter().filter(|row| self.keeps(row)));
            if last_chunk || entities.len() > self.size {
                return Ok(self.cut(entities, count));
            }
        }
    }

    /// The statement for the rows after `after`.
    fn chunk(
        &self,
        mut select: Select,
        mut values: Vec<Value>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> (Select, Vec<Value>) {
        let mut add = |value: Value| {
            values.push(value);
            parameter(values.len() - 1)
        };
        if let Some(cursor) = after {
            let id = add(cursor.id.into());
            let later_id = column("object_id").greater_than(id);
            select = select.filter(match self.order {
                Order::Id => later_id,
                Order::Name { descending } => {
                    let name = add(cursor.name.clone().unwrap_or_default().into());
                    let later = if descending {
                        column(NAME).less_than(name.clone())
                    } else {
                        column(NAME).greater_than(name.clone())
                    };
                    later.or(column(NAME).equals(name).and(later_id))
                }
            });
        }
        select = match self.order {
            Order::Id => select,
            Order::Name { descending: true } => select.order_by(column(NAME).descending()),
            Order::Name { descending: false } => select.order_by(column(NAME).ascending()),
        };
        let limit = add(i64::try_from(limit).unwrap_or(i64::MAX).into());
        (select.order_by(column("object_id").ascending()).limit(limit), values)
    }

    /// A page of a list that is short and at hand.
    pub(crate) fn page<T: Listed>(&self, mut all: Vec<T>) -> Page<T> {
        all.retain(|entity| self.keeps(entity));
        let count = self.count.then_some(all.len());
        match self.order {
            Order::Id => all.sort_by_key(Listed::id),
            Order::Name { descending } => all.sort_by(|one, other| {
                let names = folded(one.name()).cmp(&folded(other.name()));
                if descending { names.reverse() } else { names }.then_with(|| one.id().cmp(&other.id()))
            }),
        }
        if let Some(after) = &self.after {
            let past = all.iter().position(|entity| entity.id() == after.id).map_or(all.len(), |at| at + 1);
            all.drain(..past);
        }
        self.cut(all, count)
    }

    fn keeps<T: Listed>(&self, entity: &T) -> bool {
        // What does not print as JSON is not shown either.
        self.keep.as_ref().is_none_or(|keep| serde_json::to_value(entity).is_ok_and(|shown| (keep.0)(&shown)))
    }

    fn cursor<T: Listed>(&self, entity: &T) -> Cursor {
        let name = matches!(self.order, Order::Name { .. }).then(|| folded(entity.name()));
        Cursor { id: entity.id(), name, ..Cursor::default() }
    }

    fn cut<T: Listed>(&self, mut entities: Vec<T>, count: Option<usize>) -> Page<T> {
        let more = entities.len() > self.size;
        entities.truncate(self.size);
        let next = entities.last().filter(|_| more).map(|last| self.cursor(last));
        Page { entities, next, count }
    }
}

impl Condition {
    fn expression(&self, add: &mut impl FnMut(Value) -> usize) -> Expr {
        match self {
            Self::Equals(name, value) => column(*name).equals(parameter(add(value.clone()))),
            Self::OneOf(name, ids) => column(*name).in_list(add(Value::ids(ids.iter().copied()))),
            Self::GreaterThan(name, value) => column(*name).greater_than(parameter(add(value.clone()))),
            Self::StartsWith(name, text) => {
                let pattern = Pattern::new([Piece::Text(text.clone()), Piece::Many]);
                column(*name).matches(add(pattern.into()))
            }
            Self::Never => literal(0).equals(literal(1)),
        }
    }
}

/// A name as filters compare it.
pub(crate) fn folded(name: &str) -> String {
    // A text with U+0000 cannot be stored, so nothing equals it: any other character will do.
    let name: Cow<'_, str> = if name.contains('\0') { name.replace('\0', "\u{fffd}").into() } else { name.into() };
    name.to_lowercase()
}
