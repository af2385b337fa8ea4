//! Functions and actions by their names.
//!
//! Bound ones carry the namespace in the address, unbound ones must not. Which there are stands here; `entities`
//! reads parameters that are rows, `blocks` those of transfers in blocks, `others` what else an action's body holds,
//! `closing` activities that close rows, `initialize` rows begun from others, and `privileges` whose privileges are
//! asked for.

mod blocks;
mod bulk_delete;
mod closing;
mod elsewhere;
mod entities;
mod initialize;
mod others;
mod privileges;

use std::sync::Arc;

use http::Method;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::{Depth, Value};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Binder, body, broken, literal, missing_parameter, named_arguments};
use crate::Operation;
use crate::call::{Action, Function, NamedRow, PrivilegeHolder, RolePrivilege};
use crate::query::RowKey;
use crate::syntax::path::{Named, Segment};
use crate::syntax::quoted;

/// What stands before the name of a bound operation.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// A role is given at most this many privileges in one request; the platform has fewer than twice
/// as many in all.
const MOST_PRIVILEGES: usize = 10_000;

/// Functions that the local org has, in a GET of their own address, with their parameters.
const FUNCTIONS: [(&str, &[&str]); 9] = [
    (initialize::NAME, &initialize::PARAMETERS),
    ("RetrieveAadUserPrivileges", &["DirectoryObjectId"]),
    ("RetrieveAadUserRoles", &["DirectoryObjectId"]),
    ("RetrieveCurrentOrganization", &["AccessType"]),
    ("RetrieveRolePrivilegesRole", &["RoleId"]),
    ("RetrieveSharedPrincipalsAndAccess", &["Target"]),
    ("RetrieveTotalRecordCount", &["EntityNames"]),
    ("RetrieveVersion", &[]),
    ("WhoAmI", &[]),
];

/// Actions that the local org has, in a POST to their own address.
const ACTIONS: [&str; 8] = [
    "BulkDelete",
    "CloseIncident",
    "GrantAccess",
    "LoseOpportunity",
    "Merge",
    "ModifyAccess",
    "RevokeAccess",
    "WinOpportunity",
];

/// Bound operations that the local org has.
const BOUND: [&str; 15] = [
    "AddMembersTeam",
    "AddPrivilegesRole",
    "AddToQueue",
    "RemoveMembersTeam",
    "RemovePrivilegeRole",
    "ReplacePrivilegesRole",
    "RetrievePrincipalAccess",
    "RetrievePrivilegeSet",
    "RetrieveTeamPrivileges",
    "RetrieveUserPrivilegeByPrivilegeId",
    "RetrieveUserPrivilegeByPrivilegeName",
    "RetrieveUserPrivileges",
    "RetrieveUserSetOfPrivilegesByIds",
    "RetrieveUserSetOfPrivilegesByNames",
    "SetBusinessSystemUser",
];

/// The names of all functions and actions that the local org answers, in no order: those of rows, of sets and of neither.
pub fn operations() -> impl Iterator<Item = &'static str> {
    let functions = FUNCTIONS.iter().map(|(name, _)| *name);
    functions
        .chain(ACTIONS)
        .chain(blocks::NAMES)
        .chain(BOUND)
        .chain(super::multiple::names())
        .chain(crate::metadata::OPERATIONS)
}

impl Binder<'_> {
    pub(super) fn unbound_call(self, call: &Named<'_>, rest: &[Segment<'_>]) -> Result<Operation, DataverseError> {
        let parameters = match call.name {
            "RetrieveAadUserRoles" => return self.roles_of_directory_object(call, rest),
            name if ACTIONS.contains(&name) || blocks::NAMES.contains(&name) => {
                if let [next, ..] = rest {
                    return Err(error::unknown_segment(&quoted(next.text())));
                }
                return self.unbound_action(call);
            }
            name => match FUNCTIONS.iter().find(|(known, _)| *known == name) {
                Some((_, parameters)) => *parameters,
                None if elsewhere::has(name) => return Err(error::not_supported(&format!("The operation {name}"))),
                None => return Err(error::unknown_segment(&quoted(name))),
            },
        };
        self.only_get()?;
        self.options.only(&[])?;
        if let [next, ..] = rest {
            return Err(error::unknown_segment(&quoted(next.text())));
        }
        self.only_parameters(call, parameters)?;
        let function = match call.name {
            "WhoAmI" => Function::WhoAmI,
            "RetrieveVersion" => Function::RetrieveVersion,
            "RetrieveCurrentOrganization" => {
                self.access_type(call)?;
                Function::RetrieveCurrentOrganization
            }
            "RetrieveSharedPrincipalsAndAccess" => {
                Function::RetrieveSharedPrincipalsAndAccess { target: self.row_parameter(call, "Target")? }
            }
            "RetrieveTotalRecordCount" => Function::RetrieveTotalRecordCount { tables: self.tables_parameter(call)? },
            initialize::NAME => self.initialize_from(call)?,
            "RetrieveAadUserPrivileges" => self.privileges_of_directory_object(call)?,
            _ => Function::RetrieveRolePrivilegesRole {
                roles: self
                    .schema
                    .table("role")
                    .map_err(broken)?
                    .ok_or_else(|| error::unknown_segment(&quoted(call.name)))?,
                role: self.guid_parameter(call, "RoleId")?,
            },
        };
        Ok(Operation::Function(function))
    }

    pub(super) fn bound_call(
        self,
        table: &Arc<Table>,
        key: &RowKey,
        call: &Named<'_>,
        rest: &[Segment<'_>],
    ) -> Result<Operation, DataverseError> {
        let name = call.name.strip_prefix(NAMESPACE).unwrap_or(call.name);
        if let [next, ..] = rest {
            return Err(error::unknown_segment(&quoted(next.text())));
        }
        let not_here = || {
            if elsewhere::has(name) || operations().any(|known| known == name) {
                error::not_supported(&format!("The operation {name} on {}", table.logical_name()))
            } else {
                error::unknown_segment(&quoted(call.name))
            }
        };
        self.options.only(&[])?;
        let bound = || NamedRow { table: Arc::clone(table), key: key.clone() };
        match (table.logical_name(), name) {
            ("systemuser" | "team", "RetrievePrincipalAccess") => {
                self.only_get()?;
                self.only_parameters(call, &["Target"])?;
                let target = self.row_parameter(call, "Target")?;
                return Ok(Operation::Function(Function::RetrievePrincipalAccess { principal: bound(), target }));
            }
            ("team", "AddMembersTeam" | "RemoveMembersTeam") | ("systemuser", "SetBusinessSystemUser") => {
                self.only_post(call)?;
                return self.action_on(bound(), name).map(Operation::Action);
            }
            ("queue", "AddToQueue") => {
                self.only_post(call)?;
                return self.add_to_queue(bound()).map(Operation::Action);
            }
            _ => {}
        }
        let row = key.id().ok_or_else(not_here)?;
        if let Some((message, parameter)) = privileges::message_of(table, name) {
            self.only_get()?;
            let asked = self.asked_privileges(call, parameter)?;
            let (holders, holder) = (Arc::clone(table), PrivilegeHolder::Row(row));
            return Ok(Operation::Function(Function::RetrievePrivileges { message, holders, holder, asked }));
        }
        match (table.logical_name(), name) {
            ("role", "AddPrivilegesRole" | "ReplacePrivilegesRole" | "RemovePrivilegeRole") => {
                self.only_post(call)?;
                self.role_action(table, row, name).map(Operation::Action)
            }
            _ => Err(not_here()),
        }
    }

    fn role_action(self, roles: &Arc<Table>, role: Uuid, name: &str) -> Result<Action, DataverseError> {
        let parameters = body::parameters(self, roles.entity_set())?;
        let wanted = if name == "RemovePrivilegeRole" { "PrivilegeId" } else { "Privileges" };
        if let Some((other, _)) = parameters.iter().find(|(given, _)| given != wanted) {
            return Err(error::payload(
                roles.entity_set(),
                &format!(
                    "The parameter '{}' in the request payload is not a valid parameter for the operation '{name}'.",
                    quoted(other)
                ),
            ));
        }
        let (_, json) = parameters.first().ok_or_else(|| missing_parameter(wanted))?;
        let roles = Arc::clone(roles);
        if name == "RemovePrivilegeRole" {
            let privilege = privilege_id(json, roles.entity_set())?;
            return Ok(Action::RemovePrivilegeRole { roles, role, privilege });
        }
        let privileges = role_privileges(json, roles.entity_set())?;
        Ok(match name {
            "AddPrivilegesRole" => Action::AddPrivilegesRole { roles, role, privileges },
            _ => Action::ReplacePrivilegesRole { roles, role, privileges },
        })
    }

    /// Actions take their parameters in the body of a POST.
    fn only_post(self, call: &Named<'_>) -> Result<(), DataverseError> {
        if *self.request.method != Method::POST {
            return Err(self.refused_method());
        }
        self.options.only(&[])?;
        self.only_parameters(call, &[])
    }

    pub(super) fn only_parameters(self, call: &Named<'_>, known: &[&str]) -> Result<(), DataverseError> {
        let named = named_arguments(call.arguments.as_ref())?;
        match named.iter().find(|(name, _)| !known.contains(name)) {
            Some((other, _)) => Err(error::odata(format!(
                "The parameter '{}' is not a parameter of the operation '{}'.",
                quoted(other),
                quoted(call.name)
            ))),
            None => Ok(()),
        }
    }

    fn parameter(self, call: &Named<'_>, name: &str) -> Result<Value, DataverseError> {
        let named = named_arguments(call.arguments.as_ref())?;
        let (_, given) = named.iter().find(|(given, _)| *given == name).ok_or_else(|| missing_parameter(name))?;
        literal::resolved(self, given)
    }

    fn guid_parameter(self, call: &Named<'_>, name: &str) -> Result<Uuid, DataverseError> {
        match self.parameter(call, name)? {
            Value::Guid(id) => Ok(id),
            Value::Null => Err(missing_parameter(name)),
            _ => Err(error::bad_syntax()),
        }
    }
}

/// Whether this is a bound operation that lacks its namespace.
pub(super) fn lacks_namespace(name: &str) -> bool {
    BOUND.contains(&name)
}

fn privilege_id(json: &RawValue, entity_set: &str) -> Result<Uuid, DataverseError> {
    let text: String = serde_json::from_str(json.get())
        .map_err(|_| error::cannot_convert(entity_set, &quoted(json.get()), "Edm.Guid"))?;
    Uuid::try_parse(&text).map_err(|_| error::cannot_convert(entity_set, &quoted(&text), "Edm.Guid"))
}

/// One item of `Privileges` on the wire. Names, business units and record filters that clients
/// send back from a listing say nothing new.
#[derive(Deserialize)]
struct WirePrivilege<'a> {
    #[serde(rename = "PrivilegeId", borrow)]
    id: Option<&'a RawValue>,
    #[serde(rename = "Depth", borrow)]
    depth: Option<&'a RawValue>,
}

fn role_privileges(json: &RawValue, entity_set: &str) -> Result<Vec<RolePrivilege>, DataverseError> {
    let wire: Vec<WirePrivilege<'_>> = serde_json::from_str(json.get()).map_err(|reason| {
        error::payload(entity_set, &format!("The parameter 'Privileges' is not readable: {reason}."))
    })?;
    if wire.len() > MOST_PRIVILEGES {
        return Err(error::payload(entity_set, &format!("'Privileges' has more than {MOST_PRIVILEGES} items.")));
    }
    let mut privileges: Vec<RolePrivilege> = Vec::with_capacity(wire.len());
    for item in wire {
        let id = item.id.ok_or_else(|| missing_parameter("PrivilegeId"))?;
        let depth = item.depth.ok_or_else(|| missing_parameter("Depth"))?;
        let name: String = serde_json::from_str(depth.get()).map_err(|_| {
            // The depth's number is refused; its name is asked for.
            error::payload(
                entity_set,
                &format!("Cannot read the value '{}' as a quoted JSON string value.", quoted(depth.get())),
            )
        })?;
        let depth = Depth::from_name(&name).ok_or_else(|| {
            error::cannot_convert(entity_set, &quoted(&name), "Microsoft.Dynamics.CRM.PrivilegeDepth")
        })?;
        privileges.push(RolePrivilege { privilege: privilege_id(id, entity_set)?, depth });
    }
    Ok(privileges)
}
