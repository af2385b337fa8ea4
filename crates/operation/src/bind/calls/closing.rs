//! Actions that close a row by an activity which tells how it ended, and the one that puts a row into a queue.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, Table};
use keyholder_dataverse::{Value, Verb};

use super::entities::member;
use super::others::{only, unsupported};
use crate::bind::body::{self, Given, NamedValues, Purpose};
use crate::bind::{Binder, broken, missing_parameter};
use crate::call::{Action, AddToQueue, Close, NamedRow};
use crate::query::{RowKey, Selection};
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment, Create, Update};

/// A message that closes rows.
struct Message {
    name: &'static str,
    /// The parameter that holds the activity; in small letters, the activity's table.
    parameter: &'static str,
    /// The activity's lookup to the row.
    lookup: &'static str,
    /// The row's state then.
    state: i64,
}

const MESSAGES: [Message; 3] = [
    Message { name: "WinOpportunity", parameter: "OpportunityClose", lookup: "opportunityid", state: 1 },
    Message { name: "LoseOpportunity", parameter: "OpportunityClose", lookup: "opportunityid", state: 2 },
    Message { name: "CloseIncident", parameter: "IncidentResolution", lookup: "incidentid", state: 1 },
];
/// The state of an activity that is completed.
const COMPLETED: i64 = 1;
/// The status that stands for the state's own.
const DEFAULT_STATUS: i64 = -1;

impl Binder<'_> {
    /// `WinOpportunity`, `LoseOpportunity`, `CloseIncident`; nothing for other names.
    pub(super) fn closing(self, members: &NamedValues<'_>, name: &str) -> Result<Option<Action>, DataverseError> {
        let Some(message) = MESSAGES.iter().find(|message| message.name == name) else { return Ok(None) };
        let (parameter, lookup) = (message.parameter, message.lookup);
        only(members, &[parameter, "Status", "Caller"], name)?;
        let status = member(members, "Status")?.get();
        let status: i64 =
            serde_json::from_str(status).map_err(|_| error::cannot_convert(name, &quoted(status), "Edm.Int32"))?;
        let table = self.activity_table(message)?;
        let content = body::members_of(member(members, parameter)?, table.entity_set())?;
        let mut given = body::assignments_of(self, content, &table, Purpose::Create, None)?;
        let target = given.values.iter().find_map(|assigned| match &assigned.value {
            Assigned::Row { table, key } if &*assigned.column.name == lookup => Some((Arc::clone(table), key.clone())),
            _ => None,
        });
        let (target, key) = target.ok_or_else(|| missing_parameter(&format!("{parameter}/{lookup}@odata.bind")))?;
        let mut values = Vec::new();
        assign(&mut values, &target, "statecode", Value::Integer(message.state));
        if status != DEFAULT_STATUS {
            assign(&mut values, &target, "statuscode", Value::Integer(status));
        }
        let revenue = given.values.iter().find(|assigned| &*assigned.column.name == "actualrevenue");
        if let Some(Assignment { value: Assigned::Value(revenue), .. }) = revenue {
            assign(&mut values, &target, "actualvalue", revenue.clone());
        }
        for column in ["statecode", "statuscode"] {
            given.values.retain(|assigned| &*assigned.column.name != column);
        }
        assign(&mut given.values, &table, "statecode", Value::Integer(COMPLETED));
        let update = Update {
            select: Selection::all(&target),
            table: target,
            key,
            values,
            ignored: Vec::new(),
            may_create: false,
            may_update: true,
            if_version: None,
        };
        Ok(Some(Action::Close(Box::new(Close { activity: new_row(table, given), target: update }))))
    }

    /// `AddToQueue`, which is bound to the queue.
    pub(super) fn add_to_queue(self, queue: NamedRow) -> Result<Action, DataverseError> {
        let name = "AddToQueue";
        let members = body::parameters(self, queue.table.entity_set())?;
        only(&members, &["Target", "SourceQueue", "QueueItemProperties"], name)?;
        let target = self.row_member(&members, "Target", None)?;
        let given_there = |name: &str| members.iter().any(|(given, json)| given == name && json.get() != "null");
        let source = match given_there("SourceQueue") {
            true => Some(self.row_member(&members, "SourceQueue", Some("queue"))?),
            false => None,
        };
        let items = self.schema.table("queueitem").map_err(broken)?.ok_or_else(|| unsupported(name, &queue.table))?;
        let mut given = Given { values: Vec::new(), ignored: Vec::new(), related: Vec::new() };
        if given_there("QueueItemProperties") {
            let properties = body::members_of(member(&members, "QueueItemProperties")?, items.entity_set())?;
            given = body::assignments_of(self, properties, &items, Purpose::Create, None)?;
        }
        // What the action itself says counts.
        given.values.retain(|assigned| !matches!(&*assigned.column.name, "objectid" | "queueid"));
        let column = |name: &str| items.column(name).cloned().ok_or_else(|| unsupported("AddToQueue", &items));
        let (object, of) = (column("objectid")?, column("queueid")?);
        if !object.targets().iter().any(|known| known.table == target.table.logical_name()) {
            return Err(unsupported(name, &target.table));
        }
        given.values.push(pointing(object, &target.table, &target.key));
        given.values.push(pointing(of, &queue.table, &queue.key));
        Ok(Action::AddToQueue(Box::new(AddToQueue { item: new_row(items, given), target, queue, source })))
    }

    /// The table of the activity that a message makes. Without it, or without rows that it could close, there is no such message.
    fn activity_table(self, message: &Message) -> Result<Arc<Table>, DataverseError> {
        let found = self.schema.table(&message.parameter.to_ascii_lowercase()).map_err(broken)?;
        let table = found.ok_or_else(|| error::unknown_segment(&quoted(message.name)))?;
        self.supports(&table, Verb::Create)?;
        Ok(table)
    }
}

fn assign(values: &mut Vec<Assignment>, table: &Table, name: &str, value: Value) {
    if let Some(column) = table.column(name) {
        values.push(Assignment { column: Arc::clone(column), value: Assigned::Value(value) });
    }
}

fn pointing(column: Arc<Column>, table: &Arc<Table>, key: &RowKey) -> Assignment {
    Assignment { column, value: Assigned::Row { table: Arc::clone(table), key: key.clone() } }
}

fn new_row(table: Arc<Table>, given: Given) -> Create {
    Create {
        select: Selection::all(&table),
        table,
        place: String::new(),
        values: given.values,
        ignored: given.ignored,
        related: given.related,
        expand: Vec::new(),
    }
}
