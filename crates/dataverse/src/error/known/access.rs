//! Who may: sign-in to the org, privileges, access to rows.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `InvalidAccessRights`
    pub const INVALID_ACCESS_RIGHTS: u32 = 0x8004_020D;
    /// `CannotShareWithOwner`
    pub const CANNOT_SHARE_WITH_OWNER: u32 = 0x8004_0214;
    /// `PrivilegeDenied`
    pub const PRIVILEGE_DENIED: u32 = 0x8004_0220;
    /// `UnManagedIdsUserNotEnabled`
    pub const USER_NOT_ENABLED: u32 = 0x8004_0225;
    /// `PrincipalPrivilegeDenied`
    pub const PRINCIPAL_PRIVILEGE_DENIED: u32 = 0x8004_0231;
    /// `CrmCheckPrivilegeFailed`
    pub const CRM_CHECK_PRIVILEGE_FAILED: u32 = 0x8004_0299;
    /// `UserNotAssignedRoles`
    pub const USER_NOT_ASSIGNED_ROLES: u32 = 0x8004_2F09;
    /// `NonInteractiveUserCannotAccessUI`
    pub const NON_INTERACTIVE_USER_CANNOT_ACCESS_UI: u32 = 0x8004_4160;
    /// `InsufficientAccessMode`
    pub const INSUFFICIENT_ACCESS_MODE: u32 = 0x8004_4502;
    /// `UnManagedIdsAccessDenied`
    pub const ACCESS_DENIED_TO_ROW: u32 = 0x8004_8306;
    /// `CannotAssignRolesOrProfilesToAccessTeam`
    pub const CANNOT_ASSIGN_ROLES_TO_ACCESS_TEAM: u32 = 0x8004_8331;
    /// `CannotAssignToAccessTeam`
    pub const CANNOT_ASSIGN_TO_ACCESS_TEAM: u32 = 0x8004_8340;
    /// `AccessDenied`
    pub const ACCESS_DENIED: u32 = 0x8004_8405;
    /// `CannotActOnBehalfOfAnotherUser`
    pub const CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER: u32 = 0x8004_A110;
    /// `SystemUserDisabled`
    pub const SYSTEM_USER_DISABLED: u32 = 0x8004_A112;
    /// `UserNotMemberOfOrg`
    pub const USER_NOT_MEMBER_OF_ORG: u32 = 0x8007_2560;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::INVALID_ACCESS_RIGHTS,
        name: "InvalidAccessRights",
        status: 403,
        explanation: "The rights do not fit the row.",
        mend: "Check which rights the table has.",
        who: Who::Program,
    },
    KnownError {
        code: code::CANNOT_SHARE_WITH_OWNER,
        name: "CannotShareWithOwner",
        status: 400,
        explanation: "The row is to be shared with its owner, who may do everything with it already.",
        mend: "Share it with somebody else.",
        who: Who::Program,
    },
    KnownError {
        code: code::PRIVILEGE_DENIED,
        name: "PrivilegeDenied",
        status: 403,
        explanation: "None of the caller's roles has the privilege that the message names.",
        mend: "Add that privilege to one of the caller's roles, or give the caller a role that has it.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::USER_NOT_ENABLED,
        name: "UnManagedIdsUserNotEnabled",
        status: 403,
        explanation: "The user is disabled in the org.",
        mend: "Enable the user.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::PRINCIPAL_PRIVILEGE_DENIED,
        name: "PrincipalPrivilegeDenied",
        status: 403,
        explanation: "The user or team that is to get something lacks the privilege for it.",
        mend: "Give that user or team the privilege.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::CRM_CHECK_PRIVILEGE_FAILED,
        name: "CrmCheckPrivilegeFailed",
        status: 403,
        explanation: "The new owner may not read rows of this table.",
        mend: "Give the new owner a role with the read privilege.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::USER_NOT_ASSIGNED_ROLES,
        name: "UserNotAssignedRoles",
        status: 403,
        explanation: "The user is in the org but holds no security role.",
        mend: "Assign a role of the user's own business unit.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::NON_INTERACTIVE_USER_CANNOT_ACCESS_UI,
        name: "NonInteractiveUserCannotAccessUI",
        status: 403,
        explanation: "Non-interactive users have no way into the org's web pages.",
        mend: "Sign in as a person with read-write access, or use the Web API.",
        who: Who::Program,
    },
    KnownError {
        code: code::INSUFFICIENT_ACCESS_MODE,
        name: "InsufficientAccessMode",
        status: 403,
        explanation: "The user's access mode does not allow this.",
        mend: "Change the access mode to read-write or non-interactive.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::ACCESS_DENIED_TO_ROW,
        name: "UnManagedIdsAccessDenied",
        status: 403,
        explanation: "The caller has the privilege, but not for this row: it belongs to somebody else or another business unit.",
        mend: "Give the privilege more depth, share the row, or change its owner.",
        who: Who::RowOwner,
    },
    KnownError {
        code: code::CANNOT_ASSIGN_ROLES_TO_ACCESS_TEAM,
        name: "CannotAssignRolesOrProfilesToAccessTeam",
        status: 400,
        explanation: "An access team holds no roles; its members reach what is shared with it.",
        mend: "Give the role to an owner team, or to the members.",
        who: Who::Program,
    },
    KnownError {
        code: code::CANNOT_ASSIGN_TO_ACCESS_TEAM,
        name: "CannotAssignToAccessTeam",
        status: 400,
        explanation: "An access team owns no rows.",
        mend: "Assign the row to an owner team or a user, and share it with the access team.",
        who: Who::Program,
    },
    KnownError {
        code: code::ACCESS_DENIED,
        name: "AccessDenied",
        status: 403,
        explanation: "Access is denied.",
        mend: "Check the caller's roles.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER,
        name: "CannotActOnBehalfOfAnotherUser",
        status: 403,
        explanation: "The caller may not act for other users.",
        mend: "Give the caller prvActOnBehalfOfAnotherUser, for instance by the role Delegate.",
        who: Who::RoleGiver,
    },
    KnownError {
        code: code::SYSTEM_USER_DISABLED,
        name: "SystemUserDisabled",
        status: 403,
        explanation: "The user was disabled after signing in.",
        mend: "Enable the user and sign in again.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::USER_NOT_MEMBER_OF_ORG,
        name: "UserNotMemberOfOrg",
        status: 403,
        explanation: "The token is good, but the org has no user for it.",
        mend: "An application needs an application user with its id in this org. A person needs a licence, and to be a member of the environment's security group where it has one.",
        who: Who::Administrator,
    },
];
