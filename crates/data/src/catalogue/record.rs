//! One whole row: as it is made, loaded, changed and kept.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, ColumnKind};
use keyholder_dataverse::value::{Decimal, Money, Reference};
use keyholder_foundation::Timestamp;
use keyholder_store::statement::{Update, column, parameter};
use keyholder_store::{Prepared, Row, Snapshot, Transaction, ValueRef};
use uuid::Uuid;

use super::layout::{Layout, Place, Target};
use super::{Catalogue, Shape};
use crate::error::Failure;

/// Whether a column of this kind can hold the value.
fn can_hold(kind: &ColumnKind, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Boolean(_) => matches!(kind, ColumnKind::Boolean(_) | ColumnKind::ManagedBoolean(_)),
        Value::Integer(_) => matches!(
            kind,
            ColumnKind::Integer(_)
                | ColumnKind::BigInteger
                | ColumnKind::Choice { .. }
                | ColumnKind::State { .. }
                | ColumnKind::Status { .. }
        ),
        Value::Decimal(_) => matches!(kind, ColumnKind::Decimal { .. }),
        Value::Money(_) => matches!(kind, ColumnKind::Money { .. }),
        Value::Double(_) => matches!(kind, ColumnKind::Double { .. }),
        Value::Text(_) => kind.is_text(),
        Value::Guid(_) => matches!(kind, ColumnKind::Guid),
        Value::DateTime(_) => matches!(kind, ColumnKind::DateTime { .. }),
        Value::Lookup(_) => kind.is_lookup(),
        _ => false,
    }
}

/// A row of a table, with a value for each column.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    layout: Arc<Layout>,
    values: Vec<Value>,
}

impl Record {
    /// A row in which everything is null.
    pub(crate) fn empty(layout: &Arc<Layout>) -> Self {
        Self { values: vec![Value::Null; layout.places.len()], layout: Arc::clone(layout) }
    }

    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The value of the column with this name; null when the table has no such column.
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.layout.table.column(name).map_or(&Value::Null, |column| self.at(column))
    }

    /// The value of a column of this table.
    pub(crate) fn at(&self, column: &Column) -> &Value {
        self.values.get(column.position).unwrap_or(&Value::Null)
    }

    /// The primary id; nil before it has one.
    pub(crate) fn id(&self) -> Uuid {
        self.at(self.layout.table.primary_id()).guid().unwrap_or_default()
    }

    /// Sets the column with this name. Tables differ in what they have: where there is no such
    /// column, or an imported one of that name holds something else, nothing happens.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        if let Some(column) = self.layout.table.column(name).filter(|column| can_hold(&column.kind, &value)) {
            let position = column.position;
            self.set_at(position, value);
        }
    }

    pub(crate) fn set_at(&mut self, position: usize, value: Value) {
        if let Some(place) = self.values.get_mut(position) {
            *place = value;
        }
    }

    pub(crate) fn set_id(&mut self, id: Uuid) {
        let position = self.layout.table.primary_id().position;
        self.set_at(position, Value::Guid(id));
    }

    pub(crate) fn set_text(&mut self, name: &str, text: impl Into<String>) {
        self.set(name, Value::Text(text.into()));
    }

    pub(crate) fn set_time(&mut self, name: &str, moment: Timestamp) {
        self.set(name, Value::DateTime(moment));
    }

    pub(crate) fn set_guid(&mut self, name: &str, id: Uuid) {
        self.set(name, Value::Guid(id));
    }

    /// The owner, for tables whose rows have one.
    pub(crate) fn owner(&self) -> Option<Uuid> {
        self.layout.table.owner_column().and_then(|column| self.at(column).guid())
    }

    /// The business unit that the row belongs to, for tables whose rows have one.
    pub(crate) fn business_unit(&self) -> Option<Uuid> {
        self.layout.table.business_unit_column().and_then(|column| self.at(column).guid())
    }

    /// The row's version; nothing for tables without versions.
    pub(crate) fn version(&self) -> Option<i64> {
        match self.get("versionnumber") {
            Value::Integer(version) => Some(*version),
            _ => None,
        }
    }

    /// The values of all physical columns, in the layout's order.
    fn store_values(&self) -> Vec<keyholder_store::Value> {
        let mut values = Vec::with_capacity(self.values.len() * 2);
        for (place, value) in self.layout.places.iter().zip(&self.values) {
            push_stored(&mut values, place, value);
        }
        values
    }

    /// Adds the row.
    pub(crate) fn insert(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        tx.execute(&self.layout.insert()?, &self.store_values())?;
        Ok(())
    }

    /// Adds the row unless there is one with its id; says whether it did.
    pub(crate) fn insert_if_missing(&self, tx: &mut Transaction<'_>) -> Result<bool, Failure> {
        Ok(tx.execute(&self.layout.insert_if_missing()?, &self.store_values())? > 0)
    }

    /// The row with this id, whoever owns it.
    pub(crate) fn load(
        snapshot: &mut Snapshot<'_>,
        catalogue: &Catalogue,
        layout: &Arc<Layout>,
        id: Uuid,
    ) -> Result<Option<Self>, Failure> {
        let values = snapshot.first(&layout.load()?, &[id.into()], |row| {
            let mut values = Vec::with_capacity(layout.places.len());
            let mut index = 0;
            for place in &layout.places {
                values.push(read(catalogue, row, &mut index, place)?);
            }
            Ok(values)
        })?;
        Ok(values.map(|values| Self { layout: Arc::clone(layout), values }))
    }

    /// Whether any value is another than in `before`.
    pub(crate) fn differs_from(&self, before: &Self) -> bool {
        self.values != before.values
    }

    /// Writes what differs from `before`, which must be the same row.
    pub(crate) fn update(&self, tx: &mut Transaction<'_>, catalogue: &Catalogue, before: &Self) -> Result<(), Failure> {
        let changed: Vec<&Place> = self
            .layout
            .places
            .iter()
            .filter(|place| self.at(&place.column) != before.at(&place.column) && place.value.is_some())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let key = Shape::Update {
            table: self.layout.table.type_code(),
            changed: changed.iter().map(|place| place.column.position).collect(),
        };
        let statement = catalogue.shape(key, || self.update_statement(&changed))?;
        let mut values = Vec::with_capacity(changed.len() * 2 + 1);
        for place in &changed {
            push_stored(&mut values, place, self.at(&place.column));
        }
        values.push(self.id().into());
        tx.execute(&statement, &values)?;
        Ok(())
    }

    fn update_statement(&self, changed: &[&Place]) -> Result<Prepared, Failure> {
        let mut update = Update::of(self.layout.name.clone());
        for place in changed {
            for (name, _) in place.physical() {
                let slot = parameter(update.set.len());
                update = update.set(name, slot);
            }
        }
        let id = parameter(update.set.len());
        Ok(Prepared::new(update.filter(column(self.layout.id()).equals(id)))?)
    }
}

/// Appends the physical values of one column.
fn push_stored(values: &mut Vec<keyholder_store::Value>, place: &Place, value: &Value) {
    if place.value.is_some() {
        values.push(stored(value));
    }
    if place.folded.is_some() {
        values.push(value.text().map(fold).into());
    }
    if matches!(place.target, Target::Stored(_)) {
        values.push(match value {
            Value::Lookup(reference) => reference.type_code.into(),
            _ => keyholder_store::Value::Null,
        });
    }
}

/// A value as the store keeps it.
pub(crate) fn stored(value: &Value) -> keyholder_store::Value {
    match value {
        Value::Boolean(v) => (*v).into(),
        Value::Integer(v) => (*v).into(),
        Value::Decimal(v) => keyholder_store::Value::Decimal(v.0),
        Value::Money(v) => keyholder_store::Value::Money(v.0),
        Value::Double(v) => (*v).into(),
        Value::Text(v) => v.as_str().into(),
        Value::Guid(v) => (*v).into(),
        Value::DateTime(v) => (*v).into(),
        Value::Lookup(v) => v.id.into(),
        _ => keyholder_store::Value::Null,
    }
}

/// Reads the physical columns of one column, and moves `index` past them.
fn read(
    catalogue: &Catalogue,
    row: &Row<'_>,
    index: &mut usize,
    place: &Place,
) -> Result<Value, keyholder_store::Error> {
    if place.value.is_none() {
        return Ok(Value::Null);
    }
    let value = row.value(*index)?;
    *index += 1 + usize::from(place.folded.is_some());
    let type_code = match &place.target {
        Target::None => None,
        Target::Always(table) => catalogue.type_code(table),
        Target::Stored(_) => {
            *index += 1;
            row.get::<Option<i32>>(*index - 1)?
        }
    };
    Ok(loaded(value, type_code, !matches!(place.target, Target::None)))
}

/// A value of the store as a column has it.
pub(crate) fn loaded(value: ValueRef<'_>, type_code: Option<i32>, is_lookup: bool) -> Value {
    match value {
        ValueRef::Null | ValueRef::Bytes(_) => Value::Null,
        ValueRef::Bool(v) => Value::Boolean(v),
        ValueRef::Integer(v) => Value::Integer(v),
        ValueRef::Double(v) => Value::Double(v),
        ValueRef::Money(v) => Value::Money(Money(v)),
        ValueRef::Decimal(v) => Value::Decimal(Decimal(v)),
        ValueRef::Text(v) => Value::Text(v.to_owned()),
        ValueRef::Time(v) => Value::DateTime(v),
        ValueRef::Uuid(id) if is_lookup => Value::Lookup(Reference { type_code: type_code.unwrap_or_default(), id }),
        ValueRef::Uuid(id) => Value::Guid(id),
    }
}
