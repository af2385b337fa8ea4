//! The functions and actions that the local org has so far.

use std::sync::Arc;

use keyholder_dataverse::schema::{Access, Table};
use keyholder_dataverse::{AccessRights, Depth};
use keyholder_foundation::Timestamp;
use uuid::Uuid;

use crate::contents::{ContentsOf, SessionToken};
use crate::query::{Query, RowKey};
use crate::write::{Create, Update};

/// A row that a parameter names.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedRow {
    /// Its table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
}

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
    /// The privileges of a user, through teams too, or of a team.
    RetrievePrivileges {
        /// The message by which they are asked for; the answer's type is called after it.
        message: &'static str,
        /// The table of users or that of teams.
        holders: Arc<Table>,
        /// Who.
        holder: PrivilegeHolder,
        /// Which privileges.
        asked: AskedPrivileges,
    },
    /// What a user or team may do to a row.
    RetrievePrincipalAccess {
        /// The user or team.
        principal: NamedRow,
        /// The row.
        target: NamedRow,
    },
    /// With whom a row is shared, and for what.
    RetrieveSharedPrincipalsAndAccess {
        /// The row.
        target: NamedRow,
    },
    /// Which org this is, and where.
    RetrieveCurrentOrganization,
    /// How many rows some tables have.
    RetrieveTotalRecordCount {
        /// The tables, in the order in which they are asked for.
        tables: Vec<Arc<Table>>,
    },
    /// What a new row begins with that is made in the context of another. It is told and not saved.
    InitializeFrom {
        /// The row that gives values.
        source: NamedRow,
        /// The table of the new row.
        target: Arc<Table>,
        /// Which of the new row's columns are told.
        fields: TargetFieldType,
    },
}

/// Which columns of a new row are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetFieldType {
    /// All.
    All,
    /// Those that may be given when a row is made.
    ValidForCreate,
    /// Those that may be given when a row is changed.
    ValidForUpdate,
    /// Those that may be read.
    ValidForRead,
}

impl TargetFieldType {
    /// All, by their names on the wire.
    pub const NAMED: [(&'static str, Self); 4] = [
        ("All", Self::All),
        ("ValidForCreate", Self::ValidForCreate),
        ("ValidForUpdate", Self::ValidForUpdate),
        ("ValidForRead", Self::ValidForRead),
    ];

    /// Whether a column that may be used like this is told.
    #[must_use]
    pub const fn includes(self, access: Access) -> bool {
        match self {
            Self::All => true,
            Self::ValidForCreate => access.create,
            Self::ValidForUpdate => access.update,
            Self::ValidForRead => access.read,
        }
    }
}

/// Whose privileges are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivilegeHolder {
    /// The user or team with this id.
    Row(Uuid),
    /// The user with this object id in the directory.
    DirectoryObject(Uuid),
}

/// Which of somebody's privileges are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedPrivileges {
    /// All.
    All,
    /// Those of these, by id.
    Ids(Vec<Uuid>),
    /// Those of these, by name; case does not count.
    Names(Vec<String>),
}

impl AskedPrivileges {
    /// Whether this privilege is asked for.
    #[must_use]
    pub fn include(&self, id: Uuid, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(&id),
            Self::Names(names) => names.iter().any(|asked| asked.eq_ignore_ascii_case(name)),
        }
    }
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
    /// Change with whom a row is shared.
    Share {
        /// The row.
        target: NamedRow,
        /// The user or team.
        principal: NamedRow,
        /// What becomes of what they may do to it.
        change: Sharing,
    },
    /// Add users to a team, or take them away.
    ChangeMembers {
        /// The team.
        team: NamedRow,
        /// The users.
        members: Vec<NamedRow>,
        /// Whether they are added.
        add: bool,
    },
    /// Put a user into another business unit.
    SetBusinessSystemUser {
        /// The user.
        user: NamedRow,
        /// The unit.
        unit: NamedRow,
        /// Who gets the user's rows; the user, to keep them.
        reassign_to: NamedRow,
    },
    /// Make one row of two.
    Merge(Box<Merge>),
    /// Delete the rows of some queries, as a job.
    BulkDelete(Box<BulkDelete>),
    /// Close a row by an activity that tells how it ended.
    Close(Box<Close>),
    /// Put a row into a queue.
    AddToQueue(Box<AddToQueue>),
    /// Transfer contents of a file or image column in blocks.
    Blocks(Box<Blocks>),
}

/// An opportunity that is won or lost, or a case that is resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    /// The activity, whose lookup names the row.
    pub activity: Create,
    /// The row's new state.
    pub target: Update,
}

/// A row for a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct AddToQueue {
    /// The item by which the row stands in the queue.
    pub item: Create,
    /// The row.
    pub target: NamedRow,
    /// The queue.
    pub queue: NamedRow,
    /// The queue that it is taken from.
    pub source: Option<NamedRow>,
}

/// A step of a transfer in blocks.
#[derive(Debug, Clone, PartialEq)]
pub enum Blocks {
    /// `InitializeFileBlocksUpload`: new contents are to come.
    BeginUpload {
        /// Of which column.
        of: ContentsOf,
        /// What the file is called.
        name: String,
    },
    /// `UploadBlock`: a block of them.
    Upload {
        /// Which upload it belongs to.
        session: SessionToken,
        /// The block's own id, in base64.
        id: String,
        /// The block.
        data: Arc<[u8]>,
    },
    /// `CommitFileBlocksUpload`: the blocks are put together, and become what the column holds.
    Commit {
        /// Which upload.
        session: SessionToken,
        /// What the file is called; as it was said first, where it is not said again.
        name: Option<String>,
        /// Which media type it has, where the request says more than that it is bytes.
        media_type: Option<String>,
        /// The ids of the blocks, in the order in which they make the whole.
        ids: Vec<String>,
    },
    /// `InitializeFileBlocksDownload`: contents are to be read.
    BeginDownload {
        /// Of which column.
        of: ContentsOf,
    },
    /// `DownloadBlock`: a block of them.
    Download {
        /// Which download.
        session: SessionToken,
        /// Its first byte, counted from 0.
        offset: u64,
        /// How many bytes it has.
        length: u64,
    },
    /// `DeleteFile`: the column that holds this file holds none any more.
    Delete {
        /// The file's id.
        file: Uuid,
    },
}

impl Blocks {
    /// Whether the step only reads.
    #[must_use]
    pub const fn reads(&self) -> bool {
        matches!(self, Self::Download { .. })
    }
}

/// A job that deletes rows.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkDelete {
    /// What people call the job.
    pub name: String,
    /// Which rows.
    pub queries: Vec<Query>,
    /// When it is to begin.
    pub start: Option<Timestamp>,
}

/// What becomes of the rights that somebody has by a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// `GrantAccess`: these are added.
    Grant(AccessRights),
    /// `ModifyAccess`: they become these.
    Modify(AccessRights),
    /// `RevokeAccess`: there are none any more.
    Revoke,
}

impl Sharing {
    /// The rights that are given.
    #[must_use]
    pub const fn rights(self) -> AccessRights {
        match self {
            Self::Grant(rights) | Self::Modify(rights) => rights,
            Self::Revoke => AccessRights::NONE,
        }
    }

    /// The message's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant(_) => "GrantAccess",
            Self::Modify(_) => "ModifyAccess",
            Self::Revoke => "RevokeAccess",
        }
    }
}

/// Two rows of one table of which one is to stay.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The row that stays, and the values that it gets from the other.
    pub target: Update,
    /// The row that is deactivated.
    pub subordinate: RowKey,
    /// Refuse when the two have different parents.
    pub check_parents: bool,
}

/// A privilege and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePrivilege {
    /// The privilege's id.
    pub privilege: Uuid,
    /// How far.
    pub depth: Depth,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_new_row_are_told_by_their_use() {
        let only = |create, read, update| Access { create, read, update };
        let told = |access| TargetFieldType::NAMED.map(|(_, fields)| fields.includes(access));
        assert_eq!(told(only(true, false, false)), [true, true, false, false]);
        assert_eq!(told(only(false, false, true)), [true, false, true, false]);
        assert_eq!(told(only(false, true, false)), [true, false, false, true]);
    }
}
