//! Refusals of the platform's own rules.
//!
//! The codes are the published ones. Where their texts are not among the published or observed
//! ones at hand, the texts are ours, in the service's manner.

use keyholder_dataverse::error::{DataverseError, code};
use uuid::Uuid;

pub(super) fn special_user() -> DataverseError {
    DataverseError::new(
        code::CANNOT_MODIFY_SPECIAL_USER,
        "No modifications to the 'SYSTEM' or 'INTEGRATION' user are permitted.",
    )
}

pub(super) fn directory_object() -> DataverseError {
    DataverseError::new(
        code::CANNOT_UPDATE_DIRECTORY_OBJECT_ID,
        "The property AzureActiveDirectoryObjectId cannot be modified.",
    )
}

pub(super) fn licensed() -> DataverseError {
    DataverseError::new(code::CANNOT_UPDATE_IS_LICENSED, "The property IsLicensed cannot be modified.")
}

pub(super) fn synced() -> DataverseError {
    DataverseError::new(code::CANNOT_UPDATE_IS_SYNCED, "The property IsSyncUserWithDirectory cannot be modified.")
}

pub(super) fn not_disabled(user: Uuid) -> DataverseError {
    DataverseError::new(
        code::INVALID_ARGUMENT,
        format!(
            "User with SystemUserId={user} is not disabled. Please disable the user in the organization before \
             attempting to delete."
        ),
    )
}

pub(super) fn is_in_use() -> DataverseError {
    DataverseError::new(
        code::CANNOT_DELETE_DUE_TO_ASSOCIATION,
        "The object you tried to delete is associated with another object and cannot be deleted.",
    )
}

pub(super) fn fixed_role(name: &str) -> DataverseError {
    DataverseError::new(
        code::CANNOT_UPDATE_READ_ONLY,
        format!("The role '{name}' belongs to the platform and cannot be changed or deleted. Copy it instead."),
    )
}

/// There are no users who only read.
pub(super) fn read_only_user() -> DataverseError {
    DataverseError::new(code::READ_ONLY_USER_NOT_SUPPORTED, "The read-only access mode is not supported.")
}

/// Read-write access without a licence.
pub(super) fn access_mode_needs_licence() -> DataverseError {
    DataverseError::new(
        code::INVALID_ACCESS_MODE_TRANSITION,
        "The client access license cannot be changed because the user does not have a Microsoft Online Services \
         license. To change the access mode, first add a license for this user in the Microsoft online portal.",
    )
}

/// A user without a licence is to be enabled for read-write access.
pub(super) fn enabling_needs_licence() -> DataverseError {
    DataverseError::new(
        code::USER_CANNOT_ENABLE_WITHOUT_LICENSE,
        "The user cannot be enabled because they do not have a license assigned to them.",
    )
}

/// Somebody who administers the tenant is to be disabled.
pub(super) fn tenant_administrator() -> DataverseError {
    DataverseError::new(
        code::CANNOT_DISABLE_TENANT_ADMIN,
        "Users who are administrators of the tenant cannot be disabled.",
    )
}

/// The rows that stand for a partner's administrators and for Microsoft's support, or becoming one.
pub(super) fn delegated_administrator() -> DataverseError {
    DataverseError::new(code::DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED, "The delegated admin user cannot be updated")
}

/// One non-interactive user too many. The stroke at the end is the service's own.
pub(super) fn non_interactive_quota() -> DataverseError {
    DataverseError::new(
        code::INVALID_NON_INTERACTIVE_USER_QUOTA,
        "You have reached the maximum number of non-interactive users/",
    )
}

pub(crate) fn last_administrator() -> DataverseError {
    DataverseError::new(
        code::CANNOT_REMOVE_FROM_SYS_ADMIN,
        "A user cannot be removed from the System Administrator Role if they are the only user that has the role.",
    )
}

pub(super) fn last_administrator_disabled() -> DataverseError {
    DataverseError::new(
        code::CANNOT_DISABLE_SYS_ADMIN,
        "A user cannot be disabled if they are the only user that has the System Administrator Role.",
    )
}

/// A privilege that cannot have this depth.
pub(crate) fn privilege_depth(privilege: Uuid, depth: &str) -> DataverseError {
    DataverseError::new(
        code::INVALID_PRIVILEGE_DEPTH,
        format!("The privilege with Id = {privilege} cannot be given at the depth '{depth}'."),
    )
}

/// A new owner who may not read rows of the table.
pub(crate) fn owner_lacks_privilege(owner: Uuid, type_code: i32, privilege: &str, id: Uuid) -> DataverseError {
    let kind = if type_code == 9 { "team" } else { "user" };
    DataverseError::new(
        code::CRM_CHECK_PRIVILEGE_FAILED,
        format!(
            "Read Privilege Check For Owner failed with exception: Principal {kind} (Id={owner}, type={type_code}) is \
             missing {privilege} privilege (Id={id})."
        ),
    )
}
