//! Where rows go, and what becomes of them there.

use serde_json::Value;
use uuid::Uuid;

use crate::dataverse::TableInfo;

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// It is made. Its id is chosen here, so that it is there once whatever happens on the way.
    Create,
    /// The row that has the same values in these columns is changed: those of an alternate key, or the table's id. Where
    /// there is none, it is a bad row.
    Update(Vec<String>),
    /// The same, and where there is none, it is made.
    Upsert(Vec<String>),
}

impl Verb {
    /// The columns by which a row is known.
    #[must_use]
    pub fn key(&self) -> &[String] {
        match self {
            Self::Create => &[],
            Self::Update(key) | Self::Upsert(key) => key,
        }
    }

    /// `create`, `update`, `upsert`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update(_) => "update",
            Self::Upsert(_) => "upsert",
        }
    }
}

/// How many rows go in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// `CreateMultiple`, `UpdateMultiple`, `UpsertMultiple`: up to a thousand rows of one table, the fastest. A request
    /// of which a row is refused is done again row by row, in a batch.
    Multiple,
    /// `$batch`: up to a thousand requests in one, each by itself.
    Batch,
    /// Each row by itself.
    Single,
}

/// A table, and what becomes of its rows.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) table: String,
    pub(super) set: String,
    pub(super) id_column: String,
    pub(super) verb: Verb,
    /// How each row of a request for many begins.
    pub(super) start: Vec<u8>,
    /// `,"contactid":"`
    pub(super) id_member: Vec<u8>,
    /// `,"@odata.id":"contacts`
    pub(super) address_member: Vec<u8>,
}

impl Target {
    pub(super) fn new(table: &TableInfo, verb: Verb) -> Self {
        let kind = Value::from(format!("Microsoft.Dynamics.CRM.{}", table.logical_name));
        Self {
            start: format!("{{\"@odata.type\":{kind}").into_bytes(),
            id_member: format!(",{}:\"", Value::from(table.primary_id.as_str())).into_bytes(),
            address_member: format!(",\"@odata.id\":\"{}", crate::dataverse::segment(&table.entity_set)).into_bytes(),
            table: table.logical_name.clone(),
            set: table.entity_set.clone(),
            id_column: table.primary_id.clone(),
            verb,
        }
    }

    /// Whether a row is known by the table's id.
    pub(super) fn is_by_id(&self) -> bool {
        self.verb.key() == [self.id_column.as_str()]
    }
}

/// The ids of the rows that a load makes: the same row has the same id however often the load is begun again.
///
/// A load's ids are version 8 of RFC 9562: ten bytes that are the load's own, and the row's number in the last six, which
/// is how the service's database orders ids, so that rows made one after another lie beside one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowIds([u8; 10]);

impl RowIds {
    /// Those of the load with this id.
    pub(super) fn of(load: Uuid) -> Self {
        let mut own = [0; 10];
        own.copy_from_slice(load.as_bytes().get(..10).unwrap_or(&[0; 10]));
        own[6] = (own[6] & 0x0f) | 0x80;
        own[8] = (own[8] & 0x3f) | 0x80;
        Self(own)
    }

    /// The id of the row with this number.
    pub(super) fn id(self, number: u64) -> Uuid {
        let mut bytes = [0; 16];
        let number = number.to_be_bytes();
        for (to, from) in bytes.iter_mut().zip(self.0.iter().chain(&number[2..])) {
            *to = *from;
        }
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rows_id_is_the_loads_and_its_numbers() {
        let ids = RowIds::of(Uuid::parse_str("11111111-2222-7333-1444-555566667777").unwrap());
        assert_eq!(ids.id(1).to_string(), "11111111-2222-8333-9444-000000000001");
        assert_eq!(ids.id(0x0123_4567_89ab).to_string(), "11111111-2222-8333-9444-0123456789ab");
        let other = RowIds::of(Uuid::parse_str("11111111-2222-7333-1445-555566667777").unwrap());
        assert_ne!(ids.id(7), other.id(7));
    }
}
