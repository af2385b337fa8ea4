//! Users, roles, teams and business units.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `BusinessManagementObjectAlreadyExists`
    pub const BUSINESS_UNIT_ALREADY_EXISTS: u32 = 0x8004_022A;
    /// `BusinessNotEnabled`
    pub const BUSINESS_NOT_ENABLED: u32 = 0x8004_032C;
    /// `CannotAssignToDisabledBusiness`
    pub const CANNOT_ASSIGN_TO_DISABLED_BUSINESS: u32 = 0x8004_032D;
    /// `RoleDoesNotExist`
    pub const ROLE_DOES_NOT_EXIST: u32 = 0x8004_1402;
    /// `RoleAlreadyExists`
    pub const ROLE_ALREADY_EXISTS: u32 = 0x8004_1403;
    /// `UserInWrongBusiness`
    pub const USER_IN_WRONG_BUSINESS: u32 = 0x8004_1409;
    /// `InvalidPrivilegeDepth`
    pub const INVALID_PRIVILEGE_DEPTH: u32 = 0x8004_140B;
    /// `UnManagedIdsRolesDeleteNonParentRole`
    pub const INHERITED_ROLE_CANNOT_BE_DELETED: u32 = 0x8004_140C;
    /// `TeamInWrongBusiness`
    pub const TEAM_IN_WRONG_BUSINESS: u32 = 0x8004_140D;
    /// `UnManagedIdsBizMgmtMissParentBusiness`
    pub const MISSING_PARENT_BUSINESS: u32 = 0x8004_1D02;
    /// `BusinessManagementLoopBeingCreated`
    pub const BUSINESS_LOOP_BEING_CREATED: u32 = 0x8004_1D21;
    /// `CannotDeleteSysAdmin`
    pub const CANNOT_DELETE_SYS_ADMIN: u32 = 0x8004_1D2E;
    /// `CannotDisableSysAdmin`
    pub const CANNOT_DISABLE_SYS_ADMIN: u32 = 0x8004_1D2F;
    /// `CannotRemoveFromSysAdmin`
    pub const CANNOT_REMOVE_FROM_SYS_ADMIN: u32 = 0x8004_1D30;
    /// `CannotModifySysAdmin`
    pub const CANNOT_MODIFY_SYS_ADMIN: u32 = 0x8004_1D31;
    /// `CannotModifySpecialUser`
    pub const CANNOT_MODIFY_SPECIAL_USER: u32 = 0x8004_1D33;
    /// `ReadOnlyUserNotSupported`
    pub const READ_ONLY_USER_NOT_SUPPORTED: u32 = 0x8004_1D40;
    /// `ApplicationUserCannotBeUpdated`
    pub const APPLICATION_USER_CANNOT_BE_UPDATED: u32 = 0x8004_1D48;
    /// `CannotDeleteSystemCustomizer`
    pub const CANNOT_DELETE_SYSTEM_CUSTOMIZER: u32 = 0x8004_1D4A;
    /// `CannotUpdateSyncUserIsLicensedField`
    pub const CANNOT_UPDATE_IS_LICENSED: u32 = 0x8004_1D4C;
    /// `CannotUpdateSyncUserIsSyncWithDirectoryField`
    pub const CANNOT_UPDATE_IS_SYNCED: u32 = 0x8004_1D4E;
    /// `CannotUpdateAzureActiveDirectoryObjectIdField`
    pub const CANNOT_UPDATE_DIRECTORY_OBJECT_ID: u32 = 0x8004_1D4F;
    /// `BusinessUnitCannotBeDisabled`
    pub const BUSINESS_UNIT_CANNOT_BE_DISABLED: u32 = 0x8004_1D59;
    /// `BusinessUnitIsNotDisabledAndCannotBeDeleted`
    pub const BUSINESS_UNIT_IS_NOT_DISABLED: u32 = 0x8004_1D60;
    /// `BusinessUnitHasChildAndCannotBeDeleted`
    pub const BUSINESS_UNIT_HAS_CHILD: u32 = 0x8004_1D61;
    /// `BusinessUnitDefaultTeamOwnsRecords`
    pub const BUSINESS_UNIT_DEFAULT_TEAM_OWNS_RECORDS: u32 = 0x8004_1D62;
    /// `RootBusinessUnitCannotBeDisabled`
    pub const ROOT_BUSINESS_UNIT_CANNOT_BE_DISABLED: u32 = 0x8004_1D63;
    /// `CannotDisableTenantAdmin`
    pub const CANNOT_DISABLE_TENANT_ADMIN: u32 = 0x8004_1D65;
    /// `InvalidAccessModeTransition`
    pub const INVALID_ACCESS_MODE_TRANSITION: u32 = 0x8004_1D66;
    /// `DelegatedAdminUserCannotBeCreateNorUpdated`
    pub const DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED: u32 = 0x8004_1D67;
    /// `RestrictInheritedRole`
    pub const RESTRICT_INHERITED_ROLE: u32 = 0x8004_4152;
    /// `CannotDeleteDefaultTeam`
    pub const CANNOT_DELETE_DEFAULT_TEAM: u32 = 0x8004_8307;
    /// `CannotSetParentDefaultTeam`
    pub const CANNOT_SET_PARENT_DEFAULT_TEAM: u32 = 0x8004_8308;
    /// `CannotUpdateNameDefaultTeam`
    pub const CANNOT_UPDATE_NAME_DEFAULT_TEAM: u32 = 0x8004_830A;
    /// `CannotAddMembersToDefaultTeam`
    pub const CANNOT_ADD_MEMBERS_TO_DEFAULT_TEAM: u32 = 0x8004_830B;
    /// `CannotRemoveMembersFromDefaultTeam`
    pub const CANNOT_REMOVE_MEMBERS_FROM_DEFAULT_TEAM: u32 = 0x8004_830C;
    /// `InvalidNonInteractiveUserQuota`
    pub const INVALID_NON_INTERACTIVE_USER_QUOTA: u32 = 0x8004_B050;
    /// `UserCannotEnableWithoutLicense`
    pub const USER_CANNOT_ENABLE_WITHOUT_LICENSE: u32 = 0x8004_D24C;
    /// `ApplicationUserAllowCustomRoleOnly`
    pub const APPLICATION_USER_ALLOW_CUSTOM_ROLE_ONLY: u32 = 0x8004_F50F;
    /// `AzureApplicationIdNotFound`
    pub const AZURE_APPLICATION_ID_NOT_FOUND: u32 = 0x8004_F510;
    /// `DuplicateApplicationUser`
    pub const DUPLICATE_APPLICATION_USER: u32 = 0x8004_F511;
    /// `AzureApplicationIdNotFoundInOrgDB`
    pub const AZURE_APPLICATION_ID_NOT_FOUND_IN_ORG_DB: u32 = 0x8004_F512;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::BUSINESS_UNIT_ALREADY_EXISTS,
        name: "BusinessManagementObjectAlreadyExists",
        status: 400,
        explanation: "A business unit of this name is there already.",
        mend: "Use that business unit, or choose another name.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::BUSINESS_NOT_ENABLED,
        name: "BusinessNotEnabled",
        status: 400,
        explanation: "The business unit is disabled.",
        mend: "Enable it, or use another.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_ASSIGN_TO_DISABLED_BUSINESS,
        name: "CannotAssignToDisabledBusiness",
        status: 400,
        explanation: "Nothing can be put into a disabled business unit.",
        mend: "Enable it, or use another.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::ROLE_DOES_NOT_EXIST,
        name: "RoleDoesNotExist",
        status: 404,
        explanation: "There is no such role.",
        mend: "Look the role up by name and business unit.",
        who: Who::Program,
    },
    KnownError {
        code: code::ROLE_ALREADY_EXISTS,
        name: "RoleAlreadyExists",
        status: 400,
        explanation: "The business unit has a role of this name.",
        mend: "Use that role, or choose another name.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::USER_IN_WRONG_BUSINESS,
        name: "UserInWrongBusiness",
        status: 400,
        explanation: "The role is of another business unit than the user.",
        mend: "Assign the copy of the role that belongs to the user's business unit.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::INVALID_PRIVILEGE_DEPTH,
        name: "InvalidPrivilegeDepth",
        status: 400,
        explanation: "The privilege cannot have this depth.",
        mend: "Use a depth that the privilege's canbe columns allow; for tables of the organization that is Global.",
        who: Who::Program,
    },
    KnownError {
        code: code::INHERITED_ROLE_CANNOT_BE_DELETED,
        name: "UnManagedIdsRolesDeleteNonParentRole",
        status: 400,
        explanation: "This is a business unit's copy of a role.",
        mend: "Delete the role that its parentrootroleid names; the copies go with it.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::TEAM_IN_WRONG_BUSINESS,
        name: "TeamInWrongBusiness",
        status: 400,
        explanation: "The role is of another business unit than the team.",
        mend: "Assign the copy of the role that belongs to the team's business unit.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::MISSING_PARENT_BUSINESS,
        name: "UnManagedIdsBizMgmtMissParentBusiness",
        status: 400,
        explanation: "Every business unit but the root has a parent.",
        mend: "Name the parent.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::BUSINESS_LOOP_BEING_CREATED,
        name: "BusinessManagementLoopBeingCreated",
        status: 400,
        explanation: "The new parent is the business unit itself or lies below it.",
        mend: "Choose a parent outside of the business unit.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_DELETE_SYS_ADMIN,
        name: "CannotDeleteSysAdmin",
        status: 403,
        explanation: "The System Administrator role stays.",
        mend: "Copy it instead of changing it.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_DISABLE_SYS_ADMIN,
        name: "CannotDisableSysAdmin",
        status: 403,
        explanation: "The last user with the System Administrator role cannot be disabled.",
        mend: "Give the role to somebody else first.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_REMOVE_FROM_SYS_ADMIN,
        name: "CannotRemoveFromSysAdmin",
        status: 403,
        explanation: "The last System Administrator cannot lose the role.",
        mend: "Give the role to somebody else first.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_MODIFY_SYS_ADMIN,
        name: "CannotModifySysAdmin",
        status: 403,
        explanation: "The System Administrator role cannot be changed.",
        mend: "Copy it instead of changing it.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_MODIFY_SPECIAL_USER,
        name: "CannotModifySpecialUser",
        status: 403,
        explanation: "SYSTEM and INTEGRATION cannot be changed.",
        mend: "Leave these users as they are.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::READ_ONLY_USER_NOT_SUPPORTED,
        name: "ReadOnlyUserNotSupported",
        status: 400,
        explanation: "There are no read-only users online.",
        mend: "Use a security role that only reads, and leave the access mode as it is.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::APPLICATION_USER_CANNOT_BE_UPDATED,
        name: "ApplicationUserCannotBeUpdated",
        status: 400,
        explanation: "This column of an application user comes from the directory.",
        mend: "Change it in the app registration.",
        who: Who::Directory,
    },
    KnownError {
        code: code::CANNOT_DELETE_SYSTEM_CUSTOMIZER,
        name: "CannotDeleteSystemCustomizer",
        status: 403,
        explanation: "The System Customizer role stays.",
        mend: "Leave it, or take its privileges away.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_UPDATE_IS_LICENSED,
        name: "CannotUpdateSyncUserIsLicensedField",
        status: 400,
        explanation: "Whether a user is licensed comes from the directory.",
        mend: "Leave it out; assign the licence in the admin center.",
        who: Who::Licences,
    },
    KnownError {
        code: code::CANNOT_UPDATE_IS_SYNCED,
        name: "CannotUpdateSyncUserIsSyncWithDirectoryField",
        status: 400,
        explanation: "Whether a user is synchronised comes from the directory.",
        mend: "Leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::CANNOT_UPDATE_DIRECTORY_OBJECT_ID,
        name: "CannotUpdateAzureActiveDirectoryObjectIdField",
        status: 400,
        explanation: "The directory object id is filled by the service.",
        mend: "Leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::BUSINESS_UNIT_CANNOT_BE_DISABLED,
        name: "BusinessUnitCannotBeDisabled",
        status: 400,
        explanation: "The unit, with those below it, has the last enabled System Administrator.",
        mend: "Give somebody of another business unit the role first.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::BUSINESS_UNIT_IS_NOT_DISABLED,
        name: "BusinessUnitIsNotDisabledAndCannotBeDeleted",
        status: 400,
        explanation: "Only a disabled business unit can be deleted.",
        mend: "Disable it first: PATCH isdisabled to true.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::BUSINESS_UNIT_HAS_CHILD,
        name: "BusinessUnitHasChildAndCannotBeDeleted",
        status: 400,
        explanation: "There are business units below this one.",
        mend: "Move or delete those first.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::BUSINESS_UNIT_DEFAULT_TEAM_OWNS_RECORDS,
        name: "BusinessUnitDefaultTeamOwnsRecords",
        status: 400,
        explanation: "The business unit's default team owns rows.",
        mend: "Give those rows another owner first.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::ROOT_BUSINESS_UNIT_CANNOT_BE_DISABLED,
        name: "RootBusinessUnitCannotBeDisabled",
        status: 400,
        explanation: "The root business unit stays enabled.",
        mend: "Disable the business units below it instead.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_DISABLE_TENANT_ADMIN,
        name: "CannotDisableTenantAdmin",
        status: 403,
        explanation: "The user administers the tenant and cannot be disabled in the org.",
        mend: "Take the administrator's role away in the directory first.",
        who: Who::Directory,
    },
    KnownError {
        code: code::INVALID_ACCESS_MODE_TRANSITION,
        name: "InvalidAccessModeTransition",
        status: 400,
        explanation: "The user has no licence, so the access mode cannot become read-write.",
        mend: "Give the user a licence in the directory, wait until the org knows, then change the access mode.",
        who: Who::Licences,
    },
    KnownError {
        code: code::DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED,
        name: "DelegatedAdminUserCannotBeCreateNorUpdated",
        status: 403,
        explanation: "The delegated administrators' user belongs to the platform.",
        mend: "Leave this user as it is.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::RESTRICT_INHERITED_ROLE,
        name: "RestrictInheritedRole",
        status: 400,
        explanation: "This is a business unit's copy of a role.",
        mend: "Change the role that its parentrootroleid names; the copies follow.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_DELETE_DEFAULT_TEAM,
        name: "CannotDeleteDefaultTeam",
        status: 400,
        explanation: "A business unit's default team lives as long as the unit.",
        mend: "Delete the business unit, or leave the team.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_SET_PARENT_DEFAULT_TEAM,
        name: "CannotSetParentDefaultTeam",
        status: 400,
        explanation: "A default team stays in its business unit.",
        mend: "Make another team.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_UPDATE_NAME_DEFAULT_TEAM,
        name: "CannotUpdateNameDefaultTeam",
        status: 400,
        explanation: "A default team has its business unit's name.",
        mend: "Rename the business unit.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_ADD_MEMBERS_TO_DEFAULT_TEAM,
        name: "CannotAddMembersToDefaultTeam",
        status: 400,
        explanation: "The members of a default team are the users of its business unit.",
        mend: "Move the user to the business unit, or use another team.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_REMOVE_MEMBERS_FROM_DEFAULT_TEAM,
        name: "CannotRemoveMembersFromDefaultTeam",
        status: 400,
        explanation: "The members of a default team are the users of its business unit.",
        mend: "Move the user to another business unit.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::INVALID_NON_INTERACTIVE_USER_QUOTA,
        name: "InvalidNonInteractiveUserQuota",
        status: 400,
        explanation: "The org has as many non-interactive users as it may.",
        mend: "Use an application user: they are not counted.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::USER_CANNOT_ENABLE_WITHOUT_LICENSE,
        name: "UserCannotEnableWithoutLicense",
        status: 403,
        explanation: "A user with read-write access needs a licence to be enabled.",
        mend: "Give the user a licence in the directory first.",
        who: Who::Licences,
    },
    KnownError {
        code: code::APPLICATION_USER_ALLOW_CUSTOM_ROLE_ONLY,
        name: "ApplicationUserAllowCustomRoleOnly",
        status: 400,
        explanation: "An application user was to be given one of the roles that come with the org.",
        mend: "Make a role with the privileges that the application needs, and assign that one.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::AZURE_APPLICATION_ID_NOT_FOUND,
        name: "AzureApplicationIdNotFound",
        status: 400,
        explanation: "The directory has no application with this id.",
        mend: "Check that it is the application (client) id, and for an app of another tenant consent to it first.",
        who: Who::Directory,
    },
    KnownError {
        code: code::DUPLICATE_APPLICATION_USER,
        name: "DuplicateApplicationUser",
        status: 400,
        explanation: "The org has a user for this application already, perhaps a deleted one.",
        mend: "Use that user; if it was deleted once, delete it a second time and try again.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::AZURE_APPLICATION_ID_NOT_FOUND_IN_ORG_DB,
        name: "AzureApplicationIdNotFoundInOrgDB",
        status: 400,
        explanation: "The org has no user for this application.",
        mend: "Create the application user first.",
        who: Who::Administrator,
    },
];
