//! Refusals of the platform's own rules.
//!
//! The codes are the published ones. Where their texts are not among the published or observed
//! ones at hand, the texts are ours, in the service's manner.

use keyholder_dataverse::Table;
use keyholder_dataverse::error::{DataverseError, code};
use uuid::Uuid;

pub(super) fn special_user() -> DataverseError {
    DataverseError::new(
        code::CANNOT_MODIFY_SPECIAL_USER,
        "No modifications to the 'SYSTEM' or 'INTEGRATION' user are permitted.",
    )
}

pub(super) fn case_without_customer() -> DataverseError {
    DataverseError::new(code::INCIDENT_WITHOUT_CUSTOMER, "You should specify a parent contact or account.")
}

/// A row that is closed and cannot be closed again.
pub(crate) fn already_closed(table: &Table) -> DataverseError {
    match table.logical_name() {
        "incident" => DataverseError::new(code::INCIDENT_ALREADY_CLOSED, "Already Closed or Canceled"),
        _ => DataverseError::new(code::OPPORTUNITY_ALREADY_CLOSED, "The opportunity has already been closed."),
    }
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

pub(crate) fn is_in_use() -> DataverseError {
    DataverseError::new(
        code::CANNOT_DELETE_DUE_TO_ASSOCIATION,
        "The object you tried to delete is associated with another object and cannot be deleted.",
    )
}

/// A role that the platform needs.
pub(super) fn fixed_role(name: &str) -> DataverseError {
    DataverseError::new(
        code::CANNOT_UPDATE_READ_ONLY,
        format!("The role '{name}' belongs to the platform and cannot be deleted. Leave it unassigned instead."),
    )
}

pub(super) fn administrators_role_cannot_be_changed() -> DataverseError {
    DataverseError::new(code::CANNOT_MODIFY_SYS_ADMIN, "The System Administrator Role cannot be modified.")
}

pub(super) fn administrators_role_cannot_be_deleted() -> DataverseError {
    DataverseError::new(code::CANNOT_DELETE_SYS_ADMIN, "The System Administrator Role cannot be deleted.")
}

pub(super) fn customizers_role_cannot_be_deleted() -> DataverseError {
    DataverseError::new(code::CANNOT_DELETE_SYSTEM_CUSTOMIZER, "The System Customizer Role cannot be deleted.")
}

/// A change to a business unit's copy of a role.
pub(super) fn inherited_role_cannot_be_changed() -> DataverseError {
    DataverseError::new(code::RESTRICT_INHERITED_ROLE, "Inherited roles cannot be modified.")
}

pub(super) fn inherited_role_cannot_be_deleted() -> DataverseError {
    DataverseError::new(
        code::INHERITED_ROLE_CANNOT_BE_DELETED,
        "Cannot delete a role that is inherited from a parent business.",
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
pub(crate) fn delegated_administrator() -> DataverseError {
    DataverseError::new(code::DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED, "The delegated admin user cannot be updated")
}

/// A partner's administrator wants to set up a user for a program. The words are ours.
pub(super) fn delegate_sets_up_service_user() -> DataverseError {
    DataverseError::new(
        code::PRIVILEGE_DENIED,
        "A delegated administrator cannot set up an application user or a non-interactive user. Sign in as a System \
         Administrator who is a user of this organization.",
    )
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

/// A new owner who is disabled.
pub(crate) fn owner_disabled() -> DataverseError {
    DataverseError::new(code::OWNER_NOT_ENABLED, "The specified owner has been disabled.")
}

/// A role for a disabled user. What follows "Details" is ours.
pub(crate) fn role_for_disabled_user(user: Uuid) -> DataverseError {
    DataverseError::new(
        code::USER_NOT_ENABLED,
        format!(
            "The specified user(Id = {user}) is disabled. Consider enabling this user. Additional Details: Roles cannot \
             be assigned to a disabled user."
        ),
    )
}

/// A role of another business unit than the team's.
pub(crate) fn team_in_wrong_business() -> DataverseError {
    DataverseError::new(code::TEAM_IN_WRONG_BUSINESS, "The team belongs to a different business unit than the role.")
}

// --- Business units and their default teams ----------------------------------------------------

pub(super) fn business_unit_exists() -> DataverseError {
    DataverseError::new(code::BUSINESS_UNIT_ALREADY_EXISTS, "An object with the specified name already exists.")
}

pub(super) fn business_unit_disabled(name: &str) -> DataverseError {
    DataverseError::new(code::BUSINESS_NOT_ENABLED, format!("The specified business unit : '{name}' is disabled."))
}

pub(super) fn cannot_assign_to_disabled_unit() -> DataverseError {
    DataverseError::new(
        code::CANNOT_ASSIGN_TO_DISABLED_BUSINESS,
        "The specified business unit cannot be assigned to because it is disabled.",
    )
}

pub(super) fn parent_missing() -> DataverseError {
    DataverseError::new(code::MISSING_PARENT_BUSINESS, "The parent business was unexpectedly missing.")
}

pub(super) fn business_loop() -> DataverseError {
    DataverseError::new(
        code::BUSINESS_LOOP_BEING_CREATED,
        "Creating this parental association would create a loop in business hierarchy.",
    )
}

pub(super) fn root_cannot_be_disabled() -> DataverseError {
    DataverseError::new(code::ROOT_BUSINESS_UNIT_CANNOT_BE_DISABLED, "Root Business unit cannot be disabled.")
}

pub(super) fn no_administrator_outside() -> DataverseError {
    DataverseError::new(
        code::BUSINESS_UNIT_CANNOT_BE_DISABLED,
        "Business unit cannot be disabled: no active user with system admin role exists outside of business unit \
         subtree.",
    )
}

pub(super) fn business_unit_not_disabled() -> DataverseError {
    DataverseError::new(code::BUSINESS_UNIT_IS_NOT_DISABLED, "Not disabled business unit cannot be deleted.")
}

pub(super) fn business_unit_has_child() -> DataverseError {
    DataverseError::new(code::BUSINESS_UNIT_HAS_CHILD, "Business unit has a child business unit and cannot be deleted.")
}

pub(super) fn default_team_owns_rows(unit: Uuid) -> DataverseError {
    DataverseError::new(
        code::BUSINESS_UNIT_DEFAULT_TEAM_OWNS_RECORDS,
        format!(
            "Business unit default team owns records. Business unit (Id = {unit}) cannot be deleted. Reassign the \
             records owned by default team and try again."
        ),
    )
}

pub(super) fn default_team_cannot_be_deleted(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_DELETE_DEFAULT_TEAM,
        format!("The default business unit team can't be deleted (TeamId = {team})."),
    )
}

pub(super) fn default_team_cannot_be_renamed(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_UPDATE_NAME_DEFAULT_TEAM,
        format!("The default business unit team name can't be updated (TeamId = {team})."),
    )
}

pub(super) fn default_team_cannot_be_moved(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_SET_PARENT_DEFAULT_TEAM,
        format!("Can't set the parent business unit for the default business unit team (TeamId = {team})."),
    )
}

pub(crate) fn default_team_takes_no_member(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_ADD_MEMBERS_TO_DEFAULT_TEAM,
        format!("Can't add members to the default business unit team (TeamId = {team})."),
    )
}

pub(crate) fn default_team_loses_no_member(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_REMOVE_MEMBERS_FROM_DEFAULT_TEAM,
        format!("Can't remove members from the default business unit team (TeamId = {team})."),
    )
}

/// An out-of-the-box role for an application's user, where only custom ones are allowed.
pub(super) fn custom_roles_only(role: &str, user: Uuid) -> DataverseError {
    DataverseError::new(
        code::APPLICATION_USER_ALLOW_CUSTOM_ROLE_ONLY,
        format!(
            "The role {role} cannot be assigned to the application user {user}. Application users can be assigned custom \
             security roles only: make a role with the privileges that the application needs, and assign that one."
        ),
    )
}

// --- Access teams ----------------------------------------------------------------------------------

/// A row for an access team.
pub(crate) fn access_team_owns_nothing(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_ASSIGN_TO_ACCESS_TEAM,
        format!("Cannot assign an object to an access team (TeamId = {team})."),
    )
}

/// A role for an access team.
pub(crate) fn access_team_holds_no_role(team: Uuid) -> DataverseError {
    DataverseError::new(
        code::CANNOT_ASSIGN_ROLES_TO_ACCESS_TEAM,
        format!("Cannot assign roles or profiles to an access team (TeamId = {team})."),
    )
}
