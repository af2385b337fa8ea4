//! Actions about sharing, members, units and merging.

use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::{AccessRights, Verb};
use serde_json::value::RawValue;

use super::entities::member;
use crate::Operation;
use crate::bind::body::{self, NamedValues, Purpose};
use crate::bind::{Binder, missing_parameter};
use crate::call::{Action, Merge, NamedRow, Sharing};
use crate::query::Selection;
use crate::syntax::path::Named;
use crate::syntax::quoted;
use crate::write::Update;

/// One request adds or takes away at most this many members.
const MOST_MEMBERS: usize = 1_000;

/// The tables that the service merges.
const MERGED: [&str; 4] = ["account", "contact", "lead", "incident"];

impl Binder<'_> {
    pub(super) fn unbound_action(self, call: &Named<'_>) -> Result<Operation, DataverseError> {
        self.only_post(call)?;
        let members = body::parameters(self, call.name)?;
        let action = match call.name {
            "Merge" => self.merge(&members)?,
            "BulkDelete" => self.bulk_delete(&members)?,
            name if super::blocks::NAMES.contains(&name) => self.blocks(&members, name)?,
            name => match self.closing(&members, name)? {
                Some(closing) => closing,
                None => self.sharing(&members, name)?,
            },
        };
        Ok(Operation::Action(action))
    }

    /// `GrantAccess`, `ModifyAccess`, `RevokeAccess`.
    fn sharing(self, members: &NamedValues<'_>, name: &str) -> Result<Action, DataverseError> {
        let revokes = name == "RevokeAccess";
        only(members, &["Target", if revokes { "Revokee" } else { "PrincipalAccess" }], name)?;
        let target = self.row_member(members, "Target", None)?;
        if target.table.privilege_name(Verb::Share).is_none() {
            return Err(unsupported(name, &target.table));
        }
        let (principal, change) = if revokes {
            (self.row_member(members, "Revokee", None)?, Sharing::Revoke)
        } else {
            let access = body::members_of(member(members, "PrincipalAccess")?, name)?;
            let principal = self.row_member(&access, "Principal", None)?;
            let mask: String = serde_json::from_str(member(&access, "AccessMask")?.get())
                .map_err(|_| error::payload(name, "The value of 'AccessMask' is no text."))?;
            let rights = AccessRights::from_names(&mask)
                .ok_or_else(|| error::cannot_convert(name, &quoted(&mask), "Microsoft.Dynamics.CRM.AccessRights"))?;
            if name == "GrantAccess" && rights.is_empty() {
                return Err(DataverseError::new(code::INVALID_ACCESS_RIGHTS, "Invalid access rights."));
            }
            (principal, if name == "GrantAccess" { Sharing::Grant(rights) } else { Sharing::Modify(rights) })
        };
        if !principal.table.is_principal() {
            return Err(error::payload(
                name,
                &format!("A row of type '{}' is no user and no team.", principal.table.logical_name()),
            ));
        }
        Ok(Action::Share { target, principal, change })
    }

    /// Actions that are bound to a user or team.
    pub(super) fn action_on(self, row: NamedRow, name: &str) -> Result<Action, DataverseError> {
        let members = body::parameters(self, row.table.entity_set())?;
        if name == "SetBusinessSystemUser" {
            only(&members, &["BusinessUnit", "ReassignPrincipal", "DoNotMoveAllRecords"], name)?;
            if members.iter().any(|(name, json)| name == "DoNotMoveAllRecords" && json.get() == "true") {
                return Err(error::not_supported("The parameter DoNotMoveAllRecords"));
            }
            let unit = self.row_member(&members, "BusinessUnit", Some("businessunit"))?;
            let reassign_to = self.row_member(&members, "ReassignPrincipal", None)?;
            if !reassign_to.table.is_principal() {
                return Err(missing_parameter("ReassignPrincipal"));
            }
            return Ok(Action::SetBusinessSystemUser { user: row, unit, reassign_to });
        }
        only(&members, &["Members"], name)?;
        let given: Vec<&RawValue> = serde_json::from_str(member(&members, "Members")?.get())
            .map_err(|_| error::payload(name, "The value of 'Members' is no array."))?;
        if given.is_empty() || given.len() > MOST_MEMBERS {
            return Err(error::payload(name, &format!("'Members' has between 1 and {MOST_MEMBERS} items.")));
        }
        let users = given.into_iter().map(|json| Ok(self.row(json, "Members", Some("systemuser"))?.0));
        Ok(Action::ChangeMembers {
            team: row,
            members: users.collect::<Result<_, DataverseError>>()?,
            add: name == "AddMembersTeam",
        })
    }

    fn merge(self, members: &NamedValues<'_>) -> Result<Action, DataverseError> {
        only(members, &["Target", "Subordinate", "UpdateContent", "PerformParentingChecks"], "Merge")?;
        let target = self.row_member(members, "Target", None)?;
        if !MERGED.contains(&target.table.logical_name()) {
            return Err(unsupported("Merge", &target.table));
        }
        let table = target.table;
        let subordinate = self.row_member(members, "Subordinate", Some(table.logical_name()))?;
        let check = members.iter().find(|(name, _)| name == "PerformParentingChecks").map(|(_, json)| json.get());
        let check_parents = match check {
            None | Some("null" | "false") => false,
            Some("true") => true,
            Some(other) => {
                return Err(error::cannot_convert("Merge", &quoted(other), "Edm.Boolean"));
            }
        };
        let mut given = body::Given { values: Vec::new(), ignored: Vec::new(), related: Vec::new() };
        if let Some((_, content)) = members.iter().find(|(name, json)| name == "UpdateContent" && json.get() != "null")
        {
            let mut content = body::members_of(content, table.entity_set())?;
            // Samples give the content the nil id, which names no row.
            content.retain(|(name, _)| *name != *table.primary_id().name);
            given = body::assignments_of(self, content, &table, Purpose::Upsert, None)?;
        }
        let target = Update {
            select: Selection::all(&table),
            table,
            key: target.key,
            values: given.values,
            ignored: given.ignored,
            may_create: false,
            may_update: true,
            if_version: None,
        };
        Ok(Action::Merge(Box::new(Merge { target, subordinate: subordinate.key, check_parents })))
    }
}

/// Refuses every parameter that an action does not have.
pub(super) fn only(members: &NamedValues<'_>, known: &[&str], action: &str) -> Result<(), DataverseError> {
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some((other, _)) => Err(error::payload(
            action,
            &format!(
                "The parameter '{}' in the request payload is not a valid parameter for the operation '{action}'.",
                quoted(other)
            ),
        )),
    }
}

pub(super) fn unsupported(message: &str, table: &Table) -> DataverseError {
    DataverseError::new(
        code::MESSAGE_NOT_SUPPORTED,
        format!(
            "The '{message}' method does not support entities of type '{}'. MessageProcessorCache returned \
             MessageProcessor.Empty.",
            table.logical_name()
        ),
    )
}
