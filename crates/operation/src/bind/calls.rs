//! Functions and actions by their names.
//!
//! Bound ones carry the namespace in the address, unbound ones must not.

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
use crate::call::{Action, Function, RolePrivilege};
use crate::query::RowKey;
use crate::syntax::path::{Named, Segment};
use crate::syntax::quoted;

/// What stands before the name of a bound operation.
pub(super) const NAMESPACE: &str = "Microsoft.Dynamics.CRM.";

/// A role is given at most this many privileges in one request; the platform has fewer than twice
/// as many in all.
const MOST_PRIVILEGES: usize = 10_000;

/// Unbound operations of the service that the local org does not have yet.
const NOT_YET: [&str; 19] = [
    "BulkDelete",
    "CalculateRollupField",
    "CreateMultiple",
    "GetClientMetadata",
    "GrantAccess",
    "InitializeFrom",
    "Merge",
    "ModifyAccess",
    "RetrieveAadUserPrivileges",
    "RetrieveAadUserRoles",
    "RetrieveCurrentOrganization",
    "RetrieveDuplicates",
    "RetrieveEntityChanges",
    "RetrieveMetadataChanges",
    "RetrievePrivilegeSet",
    "RetrieveSharedPrincipalsAndAccess",
    "RetrieveTotalRecordCount",
    "RevokeAccess",
    "UpsertMultiple",
];

/// Bound operations that the local org has.
const BOUND: [&str; 5] = [
    "AddPrivilegesRole",
    "RemovePrivilegeRole",
    "ReplacePrivilegesRole",
    "RetrieveUserPrivilegeByPrivilegeName",
    "RetrieveUserPrivileges",
];

impl Binder<'_> {
    pub(super) fn unbound_call(self, call: &Named<'_>, rest: &[Segment<'_>]) -> Result<Operation, DataverseError> {
        let parameters: &[&str] = match call.name {
            "WhoAmI" | "RetrieveVersion" => &[],
            "RetrieveRolePrivilegesRole" => &["RoleId"],
            name if NOT_YET.contains(&name) => {
                return Err(error::not_supported(&format!("The operation {name}")));
            }
            name => return Err(error::unknown_segment(&quoted(name))),
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
        let not_here = || error::not_supported(&format!("The operation {} on {}", quoted(name), table.logical_name()));
        self.options.only(&[])?;
        let row = key.id().ok_or_else(not_here)?;
        match (table.logical_name(), name) {
            ("systemuser", "RetrieveUserPrivileges") => {
                self.only_get()?;
                self.only_parameters(call, &[])?;
                Ok(Operation::Function(Function::RetrieveUserPrivileges { users: Arc::clone(table), user: row }))
            }
            ("systemuser", "RetrieveUserPrivilegeByPrivilegeName") => {
                self.only_get()?;
                self.only_parameters(call, &["PrivilegeName"])?;
                match self.parameter(call, "PrivilegeName")? {
                    Value::Text(name) => Ok(Operation::Function(Function::RetrieveUserPrivilegeByPrivilegeName {
                        users: Arc::clone(table),
                        user: row,
                        name,
                    })),
                    _ => Err(error::bad_syntax()),
                }
            }
            ("role", "AddPrivilegesRole" | "ReplacePrivilegesRole" | "RemovePrivilegeRole") => {
                if *self.request.method != Method::POST {
                    return Err(self.refused_method());
                }
                self.only_parameters(call, &[])?;
                self.role_action(table, row, name).map(Operation::Action)
            }
            _ => Err(not_here()),
        }
    }

    fn role_action(self, roles: &Arc<Table>, role: Uuid, name: &str) -> Result<Action, DataverseError> {
        let parameters = body::parameters(self, roles)?;
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

    fn only_parameters(self, call: &Named<'_>, known: &[&str]) -> Result<(), DataverseError> {
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
