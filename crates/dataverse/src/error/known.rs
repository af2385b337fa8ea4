//! What the codes mean, and what to do about them.
//!
//! Names and numbers are those of Microsoft's list of web-service error codes; five codes that only
//! occur on the wire have names of our own. The words are ours.

/// One error of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownError {
    /// The number.
    pub code: u32,
    /// The name in the published list.
    pub name: &'static str,
    /// The HTTP status that it usually comes with.
    pub status: u16,
    /// What it means.
    pub explanation: &'static str,
    /// What to do.
    pub mend: &'static str,
}

/// What a code means.
#[must_use]
pub fn known(code: u32) -> Option<&'static KnownError> {
    KNOWN.iter().find(|known| known.code == code)
}

/// Every error that the table has.
#[must_use]
pub fn known_errors() -> &'static [KnownError] {
    KNOWN
}

/// The codes by name.
pub mod code {
    /// `RequiredFieldMissing`
    pub const MISSING_REQUIRED_ATTRIBUTE: u32 = 0x8004_0200;
    /// `InvalidArgument`
    pub const INVALID_ARGUMENT: u32 = 0x8004_0203;
    /// `InvalidAccessRights`
    pub const INVALID_ACCESS_RIGHTS: u32 = 0x8004_020D;
    /// `UnExpected`
    pub const UNEXPECTED: u32 = 0x8004_0216;
    /// `ObjectDoesNotExist`
    pub const OBJECT_DOES_NOT_EXIST: u32 = 0x8004_0217;
    /// `NotImplemented`
    pub const NOT_IMPLEMENTED: u32 = 0x8004_0219;
    /// `PrivilegeDenied`
    pub const PRIVILEGE_DENIED: u32 = 0x8004_0220;
    /// `UnManagedIdsUserNotEnabled`
    pub const USER_NOT_ENABLED: u32 = 0x8004_0225;
    /// `CannotDeleteDueToAssociation`
    pub const CANNOT_DELETE_DUE_TO_ASSOCIATION: u32 = 0x8004_0227;
    /// `CannotUpdateBecauseItIsReadOnly`
    pub const CANNOT_UPDATE_READ_ONLY: u32 = 0x8004_022E;
    /// `PrincipalPrivilegeDenied`
    pub const PRINCIPAL_PRIVILEGE_DENIED: u32 = 0x8004_0231;
    /// `DuplicateRecord`
    pub const DUPLICATE_RECORD: u32 = 0x8004_0237;
    /// `InvalidDateTime`
    pub const INVALID_DATE_TIME: u32 = 0x8004_0239;
    /// `InvalidOperation`
    pub const INVALID_OPERATION: u32 = 0x8004_023B;
    /// `CrmCheckPrivilegeFailed`
    pub const CRM_CHECK_PRIVILEGE_FAILED: u32 = 0x8004_0299;
    /// `NotSupported`
    pub const NOT_SUPPORTED_HERE: u32 = 0x8004_0315;
    /// `MissingParameter`
    pub const MISSING_PARAMETER: u32 = 0x8004_031F;
    /// `DuplicateRecordsFound`
    pub const DUPLICATE_RECORDS_FOUND: u32 = 0x8004_0333;
    /// `SdkMessageDoesNotSupportEntity`
    pub const MESSAGE_NOT_SUPPORTED: u32 = 0x8004_0800;
    /// `RoleDoesNotExist`
    pub const ROLE_DOES_NOT_EXIST: u32 = 0x8004_1402;
    /// `RoleAlreadyExists`
    pub const ROLE_ALREADY_EXISTS: u32 = 0x8004_1403;
    /// `UserInWrongBusiness`
    pub const USER_IN_WRONG_BUSINESS: u32 = 0x8004_1409;
    /// `InvalidPrivilegeDepth`
    pub const INVALID_PRIVILEGE_DEPTH: u32 = 0x8004_140B;
    /// `CannotRemoveFromSysAdmin`
    pub const CANNOT_REMOVE_FROM_SYS_ADMIN: u32 = 0x8004_1D30;
    /// `CannotDisableSysAdmin`
    pub const CANNOT_DISABLE_SYS_ADMIN: u32 = 0x8004_1D2F;
    /// `CannotModifySpecialUser`
    pub const CANNOT_MODIFY_SPECIAL_USER: u32 = 0x8004_1D33;
    /// `ReadOnlyUserNotSupported`
    pub const READ_ONLY_USER_NOT_SUPPORTED: u32 = 0x8004_1D40;
    /// `ApplicationUserCannotBeUpdated`
    pub const APPLICATION_USER_CANNOT_BE_UPDATED: u32 = 0x8004_1D48;
    /// `CannotUpdateSyncUserIsLicensedField`
    pub const CANNOT_UPDATE_IS_LICENSED: u32 = 0x8004_1D4C;
    /// `CannotUpdateSyncUserIsSyncWithDirectoryField`
    pub const CANNOT_UPDATE_IS_SYNCED: u32 = 0x8004_1D4E;
    /// `CannotUpdateAzureActiveDirectoryObjectIdField`
    pub const CANNOT_UPDATE_DIRECTORY_OBJECT_ID: u32 = 0x8004_1D4F;
    /// `CannotDisableTenantAdmin`
    pub const CANNOT_DISABLE_TENANT_ADMIN: u32 = 0x8004_1D65;
    /// `InvalidAccessModeTransition`
    pub const INVALID_ACCESS_MODE_TRANSITION: u32 = 0x8004_1D66;
    /// `DelegatedAdminUserCannotBeCreateNorUpdated`
    pub const DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED: u32 = 0x8004_1D67;
    /// `UserNotAssignedRoles`
    pub const USER_NOT_ASSIGNED_ROLES: u32 = 0x8004_2F09;
    /// `NonInteractiveUserCannotAccessUI`
    pub const NON_INTERACTIVE_USER_CANNOT_ACCESS_UI: u32 = 0x8004_4160;
    /// `RequestLengthTooLarge`
    pub const REQUEST_LENGTH_TOO_LARGE: u32 = 0x8004_418A;
    /// `TooManyConditionsInQuery`
    pub const TOO_MANY_CONDITIONS_IN_QUERY: u32 = 0x8004_430C;
    /// `PicklistValueOutOfRange`
    pub const PICKLIST_VALUE_OUT_OF_RANGE: u32 = 0x8004_431A;
    /// `IntegerValueOutOfRange`
    pub const INTEGER_VALUE_OUT_OF_RANGE: u32 = 0x8004_432F;
    /// `DecimalValueOutOfRange`
    pub const DECIMAL_VALUE_OUT_OF_RANGE: u32 = 0x8004_4330;
    /// `StringLengthTooLong`
    pub const STRING_LENGTH_TOO_LONG: u32 = 0x8004_4331;
    /// `InsufficientAccessMode`
    pub const INSUFFICIENT_ACCESS_MODE: u32 = 0x8004_4502;
    /// `UnManagedIdsAccessDenied`
    pub const ACCESS_DENIED_TO_ROW: u32 = 0x8004_8306;
    /// `AccessDenied`
    pub const ACCESS_DENIED: u32 = 0x8004_8405;
    /// `InvalidStateCodeStatusCode`
    pub const INVALID_STATE_CODE_STATUS_CODE: u32 = 0x8004_8408;
    /// `PayloadNotReadable`
    pub const PAYLOAD: u32 = 0x8004_8D19;
    /// `CannotActOnBehalfOfAnotherUser`
    pub const CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER: u32 = 0x8004_A110;
    /// `SystemUserDisabled`
    pub const SYSTEM_USER_DISABLED: u32 = 0x8004_A112;
    /// `InvalidNonInteractiveUserQuota`
    pub const INVALID_NON_INTERACTIVE_USER_QUOTA: u32 = 0x8004_B050;
    /// `UserCannotEnableWithoutLicense`
    pub const USER_CANNOT_ENABLE_WITHOUT_LICENSE: u32 = 0x8004_D24C;
    /// `AzureApplicationIdNotFound`
    pub const AZURE_APPLICATION_ID_NOT_FOUND: u32 = 0x8004_F510;
    /// `DuplicateApplicationUser`
    pub const DUPLICATE_APPLICATION_USER: u32 = 0x8004_F511;
    /// `AzureApplicationIdNotFoundInOrgDB`
    pub const AZURE_APPLICATION_ID_NOT_FOUND_IN_ORG_DB: u32 = 0x8004_F512;
    /// `ConcurrencyVersionMismatch`
    pub const CONCURRENCY_VERSION_MISMATCH: u32 = 0x8006_0882;
    /// `ConcurrencyVersionNotProvided`
    pub const CONCURRENCY_VERSION_NOT_PROVIDED: u32 = 0x8006_0883;
    /// `ODataError`
    pub const ODATA: u32 = 0x8006_0888;
    /// `OptimisticConcurrencyNotEnabled`
    pub const OPTIMISTIC_CONCURRENCY_NOT_ENABLED: u32 = 0x8006_088D;
    /// `EntityKeyNotDefined`
    pub const ENTITY_KEY_NOT_DEFINED: u32 = 0x8006_0890;
    /// `RecordNotFoundByEntityKey`
    pub const RECORD_NOT_FOUND_BY_ENTITY_KEY: u32 = 0x8006_0891;
    /// `DuplicateRecordEntityKey`
    pub const DUPLICATE_RECORD_ENTITY_KEY: u32 = 0x8006_0892;
    /// `UserNotMemberOfOrg`
    pub const USER_NOT_MEMBER_OF_ORG: u32 = 0x8007_2560;
}

/// By code.
const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::MISSING_REQUIRED_ATTRIBUTE,
        name: "RequiredFieldMissing",
        status: 400,
        explanation: "A column that must have a value has none.",
        mend: "Give it a value.",
    },
    KnownError {
        code: code::INVALID_ARGUMENT,
        name: "InvalidArgument",
        status: 400,
        explanation: "One of the values does not fit what was asked.",
        mend: "Read the message; it names the value.",
    },
    KnownError {
        code: code::INVALID_ACCESS_RIGHTS,
        name: "InvalidAccessRights",
        status: 403,
        explanation: "The rights do not fit the row.",
        mend: "Check which rights the table has.",
    },
    KnownError {
        code: code::UNEXPECTED,
        name: "UnExpected",
        status: 500,
        explanation: "Something went wrong inside the service.",
        mend: "Try again; if it stays, look into the org's log with the time and the request id.",
    },
    KnownError {
        code: code::OBJECT_DOES_NOT_EXIST,
        name: "ObjectDoesNotExist",
        status: 404,
        explanation: "There is no row with this id, or none that this org has.",
        mend: "Check the id; if it came from another org or from before a delete, look the row up again.",
    },
    KnownError {
        code: code::NOT_IMPLEMENTED,
        name: "NotImplemented",
        status: 501,
        explanation: "The service does not do this.",
        mend: "Look for another operation.",
    },
    KnownError {
        code: code::PRIVILEGE_DENIED,
        name: "PrivilegeDenied",
        status: 403,
        explanation: "None of the caller's roles has the privilege that the message names.",
        mend: "Add that privilege to one of the caller's roles, or give the caller a role that has it.",
    },
    KnownError {
        code: code::USER_NOT_ENABLED,
        name: "UnManagedIdsUserNotEnabled",
        status: 403,
        explanation: "The user is disabled in the org.",
        mend: "Enable the user.",
    },
    KnownError {
        code: code::CANNOT_DELETE_DUE_TO_ASSOCIATION,
        name: "CannotDeleteDueToAssociation",
        status: 405,
        explanation: "Other rows still point at this one.",
        mend: "Remove or repoint those rows first.",
    },
    KnownError {
        code: code::CANNOT_UPDATE_READ_ONLY,
        name: "CannotUpdateBecauseItIsReadOnly",
        status: 400,
        explanation: "This cannot be changed.",
        mend: "Leave it out.",
    },
    KnownError {
        code: code::PRINCIPAL_PRIVILEGE_DENIED,
        name: "PrincipalPrivilegeDenied",
        status: 403,
        explanation: "The user or team that is to get something lacks the privilege for it.",
        mend: "Give that user or team the privilege.",
    },
    KnownError {
        code: code::DUPLICATE_RECORD,
        name: "DuplicateRecord",
        status: 412,
        explanation: "A row with this id or these unique values is there already.",
        mend: "Read the row that is there; if it is the one you meant to make, go on with it.",
    },
    KnownError {
        code: code::INVALID_DATE_TIME,
        name: "InvalidDateTime",
        status: 400,
        explanation: "The date is before 1753 or no date.",
        mend: "Send a later date, in the form 2026-01-31T12:00:00Z.",
    },
    KnownError {
        code: code::INVALID_OPERATION,
        name: "InvalidOperation",
        status: 405,
        explanation: "The operation cannot be used like this.",
        mend: "Check method and address against the operation's page.",
    },
    KnownError {
        code: code::CRM_CHECK_PRIVILEGE_FAILED,
        name: "CrmCheckPrivilegeFailed",
        status: 403,
        explanation: "The new owner may not read rows of this table.",
        mend: "Give the new owner a role with the read privilege.",
    },
    KnownError {
        code: code::NOT_SUPPORTED_HERE,
        name: "NotSupported",
        status: 501,
        explanation: "The local org does not do this yet; the real service may.",
        mend: "Try it on a real org, or do without.",
    },
    KnownError {
        code: code::MISSING_PARAMETER,
        name: "MissingParameter",
        status: 400,
        explanation: "A parameter of the function or action is missing.",
        mend: "Give every parameter that the operation's page lists.",
    },
    KnownError {
        code: code::DUPLICATE_RECORDS_FOUND,
        name: "DuplicateRecordsFound",
        status: 412,
        explanation: "A duplicate detection rule found a row like this one.",
        mend: "Use the row that is there, or send MSCRM.SuppressDuplicateDetection: true.",
    },
    KnownError {
        code: code::MESSAGE_NOT_SUPPORTED,
        name: "SdkMessageDoesNotSupportEntity",
        status: 400,
        explanation: "Rows of this table cannot be written like this.",
        mend: "Use the operation that the table's page names; rows between two tables are made and removed with $ref.",
    },
    KnownError {
        code: code::ROLE_DOES_NOT_EXIST,
        name: "RoleDoesNotExist",
        status: 404,
        explanation: "There is no such role.",
        mend: "Look the role up by name and business unit.",
    },
    KnownError {
        code: code::ROLE_ALREADY_EXISTS,
        name: "RoleAlreadyExists",
        status: 400,
        explanation: "The business unit has a role of this name.",
        mend: "Use that role, or choose another name.",
    },
    KnownError {
        code: code::USER_IN_WRONG_BUSINESS,
        name: "UserInWrongBusiness",
        status: 400,
        explanation: "The role is of another business unit than the user.",
        mend: "Assign the copy of the role that belongs to the user's business unit.",
    },
    KnownError {
        code: code::INVALID_PRIVILEGE_DEPTH,
        name: "InvalidPrivilegeDepth",
        status: 400,
        explanation: "The privilege cannot have this depth.",
        mend: "Use a depth that the privilege's canbe columns allow; for tables of the organization that is Global.",
    },
    KnownError {
        code: code::CANNOT_DISABLE_SYS_ADMIN,
        name: "CannotDisableSysAdmin",
        status: 403,
        explanation: "The last user with the System Administrator role cannot be disabled.",
        mend: "Give the role to somebody else first.",
    },
    KnownError {
        code: code::CANNOT_REMOVE_FROM_SYS_ADMIN,
        name: "CannotRemoveFromSysAdmin",
        status: 403,
        explanation: "The last System Administrator cannot lose the role.",
        mend: "Give the role to somebody else first.",
    },
    KnownError {
        code: code::CANNOT_MODIFY_SPECIAL_USER,
        name: "CannotModifySpecialUser",
        status: 403,
        explanation: "SYSTEM and INTEGRATION cannot be changed.",
        mend: "Leave these users as they are.",
    },
    KnownError {
        code: code::READ_ONLY_USER_NOT_SUPPORTED,
        name: "ReadOnlyUserNotSupported",
        status: 400,
        explanation: "There are no read-only users online.",
        mend: "Use a security role that only reads, and leave the access mode as it is.",
    },
    KnownError {
        code: code::APPLICATION_USER_CANNOT_BE_UPDATED,
        name: "ApplicationUserCannotBeUpdated",
        status: 400,
        explanation: "This column of an application user comes from the directory.",
        mend: "Change it in the app registration.",
    },
    KnownError {
        code: code::CANNOT_UPDATE_IS_LICENSED,
        name: "CannotUpdateSyncUserIsLicensedField",
        status: 400,
        explanation: "Whether a user is licensed comes from the directory.",
        mend: "Leave it out; assign the licence in the admin center.",
    },
    KnownError {
        code: code::CANNOT_UPDATE_IS_SYNCED,
        name: "CannotUpdateSyncUserIsSyncWithDirectoryField",
        status: 400,
        explanation: "Whether a user is synchronised comes from the directory.",
        mend: "Leave it out.",
    },
    KnownError {
        code: code::CANNOT_UPDATE_DIRECTORY_OBJECT_ID,
        name: "CannotUpdateAzureActiveDirectoryObjectIdField",
        status: 400,
        explanation: "The directory object id is filled by the service.",
        mend: "Leave it out.",
    },
    KnownError {
        code: code::CANNOT_DISABLE_TENANT_ADMIN,
        name: "CannotDisableTenantAdmin",
        status: 403,
        explanation: "The user administers the tenant and cannot be disabled in the org.",
        mend: "Take the administrator's role away in the directory first.",
    },
    KnownError {
        code: code::INVALID_ACCESS_MODE_TRANSITION,
        name: "InvalidAccessModeTransition",
        status: 400,
        explanation: "The user has no licence, so the access mode cannot become read-write.",
        mend: "Give the user a licence in the directory, wait until the org knows, then change the access mode.",
    },
    KnownError {
        code: code::DELEGATED_ADMIN_USER_CANNOT_BE_UPDATED,
        name: "DelegatedAdminUserCannotBeCreateNorUpdated",
        status: 403,
        explanation: "The delegated administrators' user belongs to the platform.",
        mend: "Leave this user as it is.",
    },
    KnownError {
        code: code::USER_NOT_ASSIGNED_ROLES,
        name: "UserNotAssignedRoles",
        status: 403,
        explanation: "The user is in the org but holds no security role.",
        mend: "Assign a role of the user's own business unit.",
    },
    KnownError {
        code: code::NON_INTERACTIVE_USER_CANNOT_ACCESS_UI,
        name: "NonInteractiveUserCannotAccessUI",
        status: 403,
        explanation: "Non-interactive users have no way into the org's web pages.",
        mend: "Sign in as a person with read-write access, or use the Web API.",
    },
    KnownError {
        code: code::REQUEST_LENGTH_TOO_LARGE,
        name: "RequestLengthTooLarge",
        status: 413,
        explanation: "The request is larger than the service takes.",
        mend: "Send less at once.",
    },
    KnownError {
        code: code::TOO_MANY_CONDITIONS_IN_QUERY,
        name: "TooManyConditionsInQuery",
        status: 400,
        explanation: "The query has more conditions than the service takes.",
        mend: "Ask in several requests, or compare with a list.",
    },
    KnownError {
        code: code::PICKLIST_VALUE_OUT_OF_RANGE,
        name: "PicklistValueOutOfRange",
        status: 400,
        explanation: "The number is none of the column's options.",
        mend: "Send the number of an option, not its label.",
    },
    KnownError {
        code: code::INTEGER_VALUE_OUT_OF_RANGE,
        name: "IntegerValueOutOfRange",
        status: 400,
        explanation: "A whole number is outside the column's range.",
        mend: "Send a number inside the range.",
    },
    KnownError {
        code: code::DECIMAL_VALUE_OUT_OF_RANGE,
        name: "DecimalValueOutOfRange",
        status: 400,
        explanation: "A number is outside the column's range.",
        mend: "Send a number inside the range.",
    },
    KnownError {
        code: code::STRING_LENGTH_TOO_LONG,
        name: "StringLengthTooLong",
        status: 400,
        explanation: "A text is longer than its column.",
        mend: "Shorten the text, or lengthen the column.",
    },
    KnownError {
        code: code::INSUFFICIENT_ACCESS_MODE,
        name: "InsufficientAccessMode",
        status: 403,
        explanation: "The user's access mode does not allow this.",
        mend: "Change the access mode to read-write or non-interactive.",
    },
    KnownError {
        code: code::ACCESS_DENIED_TO_ROW,
        name: "UnManagedIdsAccessDenied",
        status: 403,
        explanation: "The caller has the privilege, but not for this row: it belongs to somebody else or another business unit.",
        mend: "Give the privilege more depth, share the row, or change its owner.",
    },
    KnownError {
        code: code::ACCESS_DENIED,
        name: "AccessDenied",
        status: 403,
        explanation: "Access is denied.",
        mend: "Check the caller's roles.",
    },
    KnownError {
        code: code::INVALID_STATE_CODE_STATUS_CODE,
        name: "InvalidStateCodeStatusCode",
        status: 400,
        explanation: "The status does not belong to the state.",
        mend: "Send statecode and statuscode that belong together.",
    },
    KnownError {
        code: code::PAYLOAD,
        name: "PayloadNotReadable",
        status: 400,
        explanation: "The body does not fit the table: a wrong name, a wrong type, or no JSON.",
        mend: "The text after the last colon names the property. Names are case-sensitive; lookups are set by navigation property, as in parentcustomerid_account@odata.bind.",
    },
    KnownError {
        code: code::CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER,
        name: "CannotActOnBehalfOfAnotherUser",
        status: 403,
        explanation: "The caller may not act for other users.",
        mend: "Give the caller prvActOnBehalfOfAnotherUser, for instance by the role Delegate.",
    },
    KnownError {
        code: code::SYSTEM_USER_DISABLED,
        name: "SystemUserDisabled",
        status: 403,
        explanation: "The user was disabled after signing in.",
        mend: "Enable the user and sign in again.",
    },
    KnownError {
        code: code::INVALID_NON_INTERACTIVE_USER_QUOTA,
        name: "InvalidNonInteractiveUserQuota",
        status: 400,
        explanation: "The org has as many non-interactive users as it may.",
        mend: "Use an application user: they are not counted.",
    },
    KnownError {
        code: code::USER_CANNOT_ENABLE_WITHOUT_LICENSE,
        name: "UserCannotEnableWithoutLicense",
        status: 403,
        explanation: "A user with read-write access needs a licence to be enabled.",
        mend: "Give the user a licence in the directory first.",
    },
    KnownError {
        code: code::AZURE_APPLICATION_ID_NOT_FOUND,
        name: "AzureApplicationIdNotFound",
        status: 400,
        explanation: "The directory has no application with this id.",
        mend: "Check that it is the application (client) id, and for an app of another tenant consent to it first.",
    },
    KnownError {
        code: code::DUPLICATE_APPLICATION_USER,
        name: "DuplicateApplicationUser",
        status: 400,
        explanation: "The org has a user for this application already, perhaps a deleted one.",
        mend: "Use that user; if it was deleted once, delete it a second time and try again.",
    },
    KnownError {
        code: code::AZURE_APPLICATION_ID_NOT_FOUND_IN_ORG_DB,
        name: "AzureApplicationIdNotFoundInOrgDB",
        status: 400,
        explanation: "The org has no user for this application.",
        mend: "Create the application user first.",
    },
    KnownError {
        code: code::CONCURRENCY_VERSION_MISMATCH,
        name: "ConcurrencyVersionMismatch",
        status: 412,
        explanation: "Somebody changed the row after it was read.",
        mend: "Read the row again, apply the change to it, and send it with the new ETag.",
    },
    KnownError {
        code: code::CONCURRENCY_VERSION_NOT_PROVIDED,
        name: "ConcurrencyVersionNotProvided",
        status: 400,
        explanation: "The request asks for a version check without a version.",
        mend: "Send the row's ETag in If-Match.",
    },
    KnownError {
        code: code::ODATA,
        name: "ODataError",
        status: 400,
        explanation: "The address or the query is not understood.",
        mend: "Names are case-sensitive; lookups are read as _name_value; GUIDs and numbers stand without quotes, texts in single quotes.",
    },
    KnownError {
        code: code::OPTIMISTIC_CONCURRENCY_NOT_ENABLED,
        name: "OptimisticConcurrencyNotEnabled",
        status: 400,
        explanation: "The table keeps no versions to compare.",
        mend: "Leave If-Match out, or enable optimistic concurrency for the table.",
    },
    KnownError {
        code: code::ENTITY_KEY_NOT_DEFINED,
        name: "EntityKeyNotDefined",
        status: 400,
        explanation: "The columns in the row's address are no alternate key of the table.",
        mend: "Use the row's id, or define the key on the table.",
    },
    KnownError {
        code: code::RECORD_NOT_FOUND_BY_ENTITY_KEY,
        name: "RecordNotFoundByEntityKey",
        status: 404,
        explanation: "No row has these alternate key values.",
        mend: "Check the values, and that they are not cut or in another column.",
    },
    KnownError {
        code: code::DUPLICATE_RECORD_ENTITY_KEY,
        name: "DuplicateRecordEntityKey",
        status: 412,
        explanation: "Another row has the same alternate key values.",
        mend: "Update that row instead, or choose other values.",
    },
    KnownError {
        code: code::USER_NOT_MEMBER_OF_ORG,
        name: "UserNotMemberOfOrg",
        status: 403,
        explanation: "The token is good, but the org has no user for it.",
        mend: "Create the application user with this application id in this org.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_once_and_says_what_to_do() {
        assert!(KNOWN.is_sorted_by(|left, right| left.code < right.code));
        for error in KNOWN {
            assert!(error.explanation.ends_with('.') && error.mend.ends_with('.'), "{}", error.name);
            assert!((400..=599).contains(&error.status), "{}", error.name);
        }
    }
}
