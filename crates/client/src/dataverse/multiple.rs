//! Many rows of one table in one request: `CreateMultiple` and its like ("Use bulk operation messages").
//!
//! On standard tables all rows are written or none. The service counts one request, and executes faster than the
//! same rows in a batch; some hundred rows a request do best.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::change::{Change, Repeat, push_members};
use super::key::RowRef;
use super::text::segment;

/// The rows of one such request, written as they are added, so that a row is held once.
///
/// ```
/// use keyholder_client::dataverse::Targets;
/// let mut targets = Targets::of("contact");
/// for number in 0..100 {
///     targets.push(&serde_json::json!({ "lastname": format!("Contact {number}") }));
/// }
/// assert_eq!(targets.len(), 100);
/// ```
#[derive(Debug, Clone)]
pub struct Targets {
    /// How each row begins.
    start: Vec<u8>,
    /// `{"Targets":[` and what was added.
    text: Vec<u8>,
    rows: usize,
    /// The first row's id and the column of it, where the caller chose it.
    first: Option<(String, Uuid)>,
    /// Whether each row says which one it is.
    all_known: bool,
    problem: Option<String>,
}

const START: &[u8] = br#"{"Targets":["#;

impl Targets {
    /// No rows yet, of the table with this logical name.
    #[must_use]
    pub fn of(table: &str) -> Self {
        Self {
            start: format!("{{\"@odata.type\":{}", Value::from(format!("Microsoft.Dynamics.CRM.{table}"))).into_bytes(),
            text: START.to_vec(),
            rows: 0,
            first: None,
            all_known: true,
            problem: None,
        }
    }

    /// Adds a row. For `UpdateMultiple` and `DeleteMultiple` it has to have the table's id column.
    pub fn push<T: Serialize + ?Sized>(&mut self, row: &T) {
        self.all_known = false;
        self.add(|_| {}, row);
    }

    /// Adds a row with an id: one of the caller's choosing for `CreateMultiple`, the row's own for the others.
    pub fn push_with_id<T: Serialize + ?Sized>(&mut self, id_column: &str, id: Uuid, row: &T) {
        if self.rows == 0 {
            self.first = Some((id_column.to_owned(), id));
        }
        let name = Value::from(id_column).to_string();
        let mut digits = Uuid::encode_buffer();
        let digits = id.hyphenated().encode_lower(&mut digits).as_bytes();
        let member = |text: &mut Vec<u8>| {
            text.push(b',');
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(b":\"");
            text.extend_from_slice(digits);
            text.push(b'"');
        };
        self.add(member, row);
    }

    /// Adds a row for `UpsertMultiple` that is known by its key.
    pub fn push_with_key<T: Serialize + ?Sized>(&mut self, row: impl Into<RowRef>, values: &T) {
        let row = row.into();
        let member = |text: &mut Vec<u8>| {
            for piece in [",\"@odata.id\":\"", row.as_str(), "\""] {
                text.extend_from_slice(piece.as_bytes());
            }
        };
        self.add(member, values);
    }

    fn add<T: Serialize + ?Sized>(&mut self, member: impl FnOnce(&mut Vec<u8>), row: &T) {
        if self.rows > 0 {
            self.text.push(b',');
        }
        self.text.extend_from_slice(&self.start);
        member(&mut self.text);
        if let Err(problem) = push_members(&mut self.text, row) {
            self.problem = Some(problem);
        }
        self.rows += 1;
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// How many bytes the request's body has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len() + 2
    }

    /// The request that makes these rows. With ids of the caller's choosing it can be settled
    /// ([`Dataverse::settle`](super::Dataverse::settle)) when its answer is lost: the first row is looked for, with which
    /// all the others are there on a standard table. On an elastic table, where such a request is not atomic, it
    /// says nothing of the others.
    #[must_use]
    pub fn create(self, set: &str) -> Change {
        let repeat = match &self.first {
            Some((column, id)) => Repeat::IfThere(format!("{}({id})?$select={}", segment(set), segment(column))),
            None => Repeat::Never,
        };
        self.change(set, "CreateMultiple", repeat)
    }

    /// The request that changes these rows.
    #[must_use]
    pub fn update(self, set: &str) -> Change {
        self.change(set, "UpdateMultiple", Repeat::Same)
    }

    /// The request that changes these rows, or makes them where they are not there. A row that was added with
    /// neither id nor key may be made anew each time, so that such a request is never repeated.
    #[must_use]
    pub fn upsert(self, set: &str) -> Change {
        let repeat = if self.all_known { Repeat::Same } else { Repeat::Never };
        self.change(set, "UpsertMultiple", repeat)
    }

    /// The request that removes these rows; the service has it for elastic tables only.
    #[must_use]
    pub fn delete(self, set: &str) -> Change {
        self.change(set, "DeleteMultiple", Repeat::Never)
    }

    fn change(mut self, set: &str, message: &str, repeat: Repeat) -> Change {
        self.text.extend_from_slice(b"]}");
        let path = format!("{}/Microsoft.Dynamics.CRM.{message}", segment(set));
        Change::multiple(path, self.text.into(), repeat, self.rows, self.problem)
    }
}
