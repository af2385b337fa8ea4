//! The functions and actions that the local org has so far.

use std::sync::Arc;

use keyholder_dataverse::Depth;
use keyholder_dataverse::schema::Table;
use uuid::Uuid;

/// A question that is no query.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Function {
    /// Who the caller is.
    WhoAmI,
    /// Which version the org has.
    RetrieveVersion,
    /// The privileges of a role.
    RetrieveRolePrivilegesRole {
        /// The table of roles.
        roles: Arc<Table>,
        /// The role.
        role: Uuid,
    },
    /// The privileges of a user, through teams too.
    RetrieveUserPrivileges {
        /// The table of users.
        users: Arc<Table>,
        /// The user.
        user: Uuid,
    },
    /// One privilege of a user, if they have it.
    RetrieveUserPrivilegeByPrivilegeName {
        /// The table of users.
        users: Arc<Table>,
        /// The user.
        user: Uuid,
        /// The privilege's name.
        name: String,
    },
}

/// A command that is no plain change to a row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Give a role these privileges, besides those it has.
    AddPrivilegesRole {
        /// The table of roles.
        roles: Arc<Table>,
        /// The role.
        role: Uuid,
        /// The privileges.
        privileges: Vec<RolePrivilege>,
    },
    /// Give a role these privileges instead of those it has.
    ReplacePrivilegesRole {
        /// The table of roles.
        roles: Arc<Table>,
        /// The role.
        role: Uuid,
        /// The privileges.
        privileges: Vec<RolePrivilege>,
    },
    /// Take one privilege from a role.
    RemovePrivilegeRole {
        /// The table of roles.
        roles: Arc<Table>,
        /// The role.
        role: Uuid,
        /// The privilege.
        privilege: Uuid,
    },
}

/// A privilege and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePrivilege {
    /// The privilege's id.
    pub privilege: Uuid,
    /// How far.
    pub depth: Depth,
}
