//! Lists: the rows of a tenant that fit some conditions, in the order of their ids, a page at a
//! time.

use std::borrow::Cow;

use keyholder_foundation::TenantId;
use keyholder_store::pattern::Piece;
use keyholder_store::statement::{Expr, Select, column, literal, parameter};
use keyholder_store::{Error, Pattern, Prepared, Row, Snapshot, Value};
use uuid::Uuid;

/// What a row must be like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    /// The column has this value.
    Equals(&'static str, Value),
    /// The column's text starts so.
    StartsWith(&'static str, String),
    /// No row is like that: an id was compared with a text that is none.
    Never,
}

/// Which rows of a list, and from where on.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Listing {
    /// All of them hold.
    pub(crate) conditions: Vec<Condition>,
    /// Only rows with a greater id.
    pub(crate) after: Option<Uuid>,
    /// At most so many rows.
    pub(crate) limit: u32,
}

impl Listing {
    /// The rows of `select`, which names the columns, that belong to `tenant` and fit.
    pub(super) fn run<T>(
        &self,
        snapshot: &mut Snapshot<'_>,
        select: Select,
        tenant: TenantId,
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut values = vec![Value::from(tenant)];
        let mut add = |value: Value| {
            values.push(value);
            values.len() - 1
        };
        let mut select = select.filter(column("tenant_id").equals(parameter(0)));
        for condition in &self.conditions {
            select = select.filter(condition.expression(&mut add));
        }
        if let Some(after) = self.after {
            select = select.filter(column("object_id").greater_than(parameter(add(after.into()))));
        }
        let limit = add(self.limit.into());
        let select = select.order_by(column("object_id").ascending()).limit(parameter(limit));
        snapshot.list(&Prepared::new(select)?, &values, read)
    }
}

impl Condition {
    fn expression(&self, add: &mut impl FnMut(Value) -> usize) -> Expr {
        match self {
            Self::Equals(name, value) => column(*name).equals(parameter(add(value.clone()))),
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
