//! `CreateMultiple`, `UpdateMultiple` and `UpsertMultiple`, after "Use bulk operation messages" of the
//! Dataverse documentation: the rows stand in `Targets`, each with its type, and all are done or none.

use std::sync::Arc;

use http::Method;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::{Verb, value::read_json};
use serde_json::value::RawValue;

use super::body::{self, NamedValues, Purpose};
use super::{Binder, calls, missing_parameter, rows};
use crate::Operation;
use crate::query::{RowKey, Selection};
use crate::syntax::path::Named;
use crate::syntax::quoted;
use crate::write::{Create, Multiple, MultipleKind, Update};

/// One message holds at most this many rows. The service names no number and suggests a thousand; all of them are one
/// transaction, for which every other writer waits.
const MOST_TARGETS: usize = 10_000;

/// The actions on several rows of a set.
const ACTIONS: [(&str, MultipleKind); 3] = [
    ("CreateMultiple", MultipleKind::Create),
    ("UpdateMultiple", MultipleKind::Update),
    ("UpsertMultiple", MultipleKind::Upsert),
];

/// Their names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

impl Binder<'_> {
    /// What is bound to a set: `privileges/Microsoft.Dynamics.CRM.RetrievePrivilegeSet()` is the set itself, everything else is
    /// about several rows.
    pub(super) fn set_call(self, table: &Arc<Table>, call: &Named<'_>) -> Result<Operation, DataverseError> {
        let is_set = call.name.strip_prefix(calls::NAMESPACE) == Some("RetrievePrivilegeSet");
        if is_set && table.logical_name() == "privilege" {
            self.only_get()?;
            self.options.only(&["$select", "$filter", "$orderby", "$top", "$count", "$skiptoken"])?;
            self.only_parameters(call, &[])?;
            return self.read_rows(table, None);
        }
        self.multiple(table, call.name)
    }

    /// `contacts/Microsoft.Dynamics.CRM.CreateMultiple`.
    fn multiple(self, table: &Arc<Table>, call: &str) -> Result<Operation, DataverseError> {
        let name = call.strip_prefix(calls::NAMESPACE).unwrap_or(call);
        let kind = match ACTIONS.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => *kind,
            None if name == "DeleteMultiple" => {
                return Err(error::odata("DeleteMultiple has not yet been implemented."));
            }
            None => return Err(error::not_supported(&format!("The operation {}", quoted(call)))),
        };
        if *self.request.method != Method::POST {
            return Err(self.refused_method());
        }
        self.options.only(&[])?;
        // Each application is looked up in the directory, which has to happen one by one.
        if table.logical_name() == "systemuser" && kind != MultipleKind::Update {
            return Err(error::not_supported(&format!("The operation {name} on systemuser")));
        }
        if kind != MultipleKind::Update {
            self.supports(table, Verb::Create)?;
        }
        if kind != MultipleKind::Create {
            self.supports(table, Verb::Write)?;
        }
        let set = table.entity_set();
        let parameters = body::parameters(self, table.entity_set())?;
        if let Some((other, _)) = parameters.iter().find(|(given, _)| given != "Targets") {
            return Err(error::payload(
                set,
                &format!(
                    "The parameter '{}' in the request payload is not a valid parameter for the operation '{name}'.",
                    quoted(other)
                ),
            ));
        }
        let (_, targets) = parameters.first().ok_or_else(|| missing_parameter("Targets"))?;
        let targets: Vec<&RawValue> = serde_json::from_str(targets.get())
            .map_err(|reason| error::payload(set, &format!("The parameter 'Targets' is not readable: {reason}.")))?;
        if targets.is_empty() {
            return Err(error::payload(set, "'Targets' has no items."));
        }
        if targets.len() > MOST_TARGETS {
            return Err(error::payload(
                set,
                &format!("'Targets' has more than {MOST_TARGETS} items; send them in several requests."),
            ));
        }
        let rows = targets.into_iter().map(|target| self.target(table, kind, target));
        Ok(Operation::Multiple(Multiple { kind, rows: rows.collect::<Result<_, _>>()? }))
    }

    fn target(self, table: &Arc<Table>, kind: MultipleKind, target: &RawValue) -> Result<Operation, DataverseError> {
        let members = body::members_of(target, table.entity_set())?;
        if !members.iter().any(|(name, _)| name == "@odata.type") {
            return Err(error::payload(
                table.entity_set(),
                "Each item of 'Targets' must say its type in '@odata.type'.",
            ));
        }
        if kind == MultipleKind::Create {
            let given = body::assignments_of(self, members, table, Purpose::Create, None)?;
            return Ok(Operation::Create(Create {
                table: Arc::clone(table),
                place: String::new(),
                values: given.values,
                ignored: given.ignored,
                related: Vec::new(),
                select: Selection::all(table),
                expand: Vec::new(),
            }));
        }
        let (key, members) = self.key_of(table, members)?;
        let given = body::assignments_of(self, members, table, Purpose::Upsert, None)?;
        Ok(Operation::Update(Update {
            table: Arc::clone(table),
            key,
            values: given.values,
            ignored: given.ignored,
            select: Selection::all(table),
            may_create: kind == MultipleKind::Upsert,
            may_update: true,
            if_version: None,
        }))
    }

    /// Which row an item is about: its `@odata.id`, or else its primary id.
    fn key_of<'a>(
        self,
        table: &Arc<Table>,
        mut members: NamedValues<'a>,
    ) -> Result<(RowKey, NamedValues<'a>), DataverseError> {
        let set = table.entity_set();
        let id_column = table.primary_id();
        let mut take = |wanted: &str| {
            let at = members.iter().position(|(name, _)| name == wanted)?;
            Some(members.swap_remove(at).1)
        };
        let (address, id) = (take("@odata.id"), take(&id_column.name));
        let own = id.map(|id| read_json(table, id_column, id)).transpose()?.and_then(|id| id.guid());
        let key = match address {
            None => RowKey::Id(own.ok_or_else(|| missing_parameter(&id_column.name))?),
            Some(address) => {
                let text: String = serde_json::from_str(address.get())
                    .map_err(|_| error::payload(set, "The value of '@odata.id' is no text."))?;
                rows::reference(self, &[table.logical_name()], &text)?.1
            }
        };
        if own.is_some() && key.id().is_some() && key.id() != own {
            return Err(error::payload(
                set,
                &format!("An item of 'Targets' names one row in '@odata.id' and another in '{}'.", id_column.name),
            ));
        }
        Ok((key, members))
    }
}
