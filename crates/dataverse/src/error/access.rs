//! Refusals of who may not: callers, their users and roles, and their access to rows.

use std::fmt;

use uuid::Uuid;

use super::{DataverseError, code};

/// A caller, as the long text of [`privilege_denied`] describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrincipalFacts {
    /// The id of the `systemuser` row.
    pub user: Uuid,
    /// How many roles they hold, through teams too.
    pub role_count: usize,
    /// How many privileges these give.
    pub privilege_count: usize,
    /// The access mode, number and words: `4 Non-interactive`.
    pub access_mode: AccessMode,
    /// The object id in the directory, of the user or the service principal.
    pub directory_object: Option<Uuid>,
    /// How many privileges the org knows.
    pub known_privileges: usize,
    /// The caller's business unit.
    pub business_unit: Uuid,
}

impl PrincipalFacts {
    /// The facts of a user without any role.
    #[must_use]
    pub fn new(user: Uuid, business_unit: Uuid, access_mode: AccessMode, directory_object: Option<Uuid>) -> Self {
        Self {
            user,
            role_count: 0,
            privilege_count: 0,
            access_mode,
            directory_object,
            known_privileges: 0,
            business_unit,
        }
    }
}

/// How a user may use the org: the `accessmode` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessMode {
    /// A licensed person.
    ReadWrite,
    /// Settings only.
    Administrative,
    /// No longer given out.
    Read,
    /// Microsoft's support.
    SupportUser,
    /// No sign-in by hand; application users are of this kind.
    NonInteractive,
    /// A partner's administrator.
    DelegatedAdmin,
}

impl AccessMode {
    /// The mode with this number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::ReadWrite),
            1 => Some(Self::Administrative),
            2 => Some(Self::Read),
            3 => Some(Self::SupportUser),
            4 => Some(Self::NonInteractive),
            5 => Some(Self::DelegatedAdmin),
            _ => None,
        }
    }
}

impl fmt::Display for AccessMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadWrite => "0 Read-Write",
            Self::Administrative => "1 Administrative",
            Self::Read => "2 Read",
            Self::SupportUser => "3 Support User",
            Self::NonInteractive => "4 Non-interactive",
            Self::DelegatedAdmin => "5 Delegated Admin",
        })
    }
}

/// A privilege that a caller lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPrivilege {
    /// `prvReadContact`
    pub name: String,
    /// The privilege's id.
    pub id: Uuid,
    /// The logical name of the table that it is about.
    pub table: String,
    /// That table's object type code.
    pub type_code: i32,
    /// What people call that table.
    pub display_name: String,
}

/// A caller whose roles lack a privilege: the current long text.
#[must_use]
pub fn privilege_denied(caller: &PrincipalFacts, missing: &MissingPrivilege) -> DataverseError {
    DataverseError::new(
        code::PRIVILEGE_DENIED,
        format!(
            "Principal user (Id={user}, type=8, roleCount={roles}, privilegeCount={privileges}, accessMode='{mode}', \
             AADObjectId='{object}', MetadataCachePrivilegesCount={known}, businessUnitId={unit}), is missing {name} \
             privilege (Id={id}) on OTC={code} for entity '{table}' (LocalizedName='{display}'). context.Caller={user}. \
             Consider adding missed privilege to one of the principal (user/team) roles.",
            user = caller.user,
            roles = caller.role_count,
            privileges = caller.privilege_count,
            mode = caller.access_mode,
            object = caller.directory_object.map(|id| id.to_string()).unwrap_or_default(),
            known = caller.known_privileges,
            unit = caller.business_unit,
            name = missing.name,
            id = missing.id,
            code = missing.type_code,
            table = missing.table,
            display = missing.display_name,
        ),
    )
}

/// A caller without any role, who came to do something that needs `privilege`.
#[must_use]
pub fn no_roles(user: Uuid, privilege: &str) -> DataverseError {
    DataverseError::new(
        code::USER_NOT_ASSIGNED_ROLES,
        format!(
            "RetrievePrivilegeForUser: The user with id {user} has not been assigned any roles. They need a role with \
             the {privilege} privilege."
        ),
    )
}

/// A row beyond the depth of the caller's privilege. `right` is `ReadAccess`, `WriteAccess` ….
#[must_use]
pub fn row_access_denied(principal: Uuid, right: &str, row: Uuid, table: &str) -> DataverseError {
    DataverseError::new(
        code::ACCESS_DENIED_TO_ROW,
        format!(
            "Principal with id {principal} does not have {right} right(s) for record with id {row} of entity {table}."
        ),
    )
}

/// A token of somebody whom the org does not know.
#[must_use]
pub fn not_a_member() -> DataverseError {
    DataverseError::new(code::USER_NOT_MEMBER_OF_ORG, "The user is not a member of the organization.")
}

/// A caller who sends the name of another user and may not.
#[must_use]
pub fn cannot_act_on_behalf() -> DataverseError {
    DataverseError::new(
        code::CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER,
        "User does not have the privilege to act on behalf another user.",
    )
}

/// A user whose access mode shows settings and no data.
#[must_use]
pub fn insufficient_access_mode() -> DataverseError {
    DataverseError::new(
        code::INSUFFICIENT_ACCESS_MODE,
        "User does not have read-write access to the Dynamics 365 organization.",
    )
}

/// A non-interactive user at the door of the web pages.
#[must_use]
pub fn non_interactive_user_cannot_access_ui() -> DataverseError {
    DataverseError::new(
        code::NON_INTERACTIVE_USER_CANNOT_ACCESS_UI,
        "Non-interactive users cannot access the web user interface. Contact your organization system administrator.",
    )
}

/// A caller whose user is disabled.
#[must_use]
pub fn user_disabled(user: Uuid, organization: Uuid) -> DataverseError {
    DataverseError::new(
        code::USER_NOT_ENABLED,
        format!(
            "The user with SystemUserId={user} in OrganizationContext={organization} is disabled. Disabled users cannot \
             access the system. Consider enabling this user. Also, users are disabled if they don't have a license \
             assigned to them."
        ),
    )
}

/// A caller whose business unit is disabled, in the published list's words.
#[must_use]
pub fn unit_of_user_disabled() -> DataverseError {
    DataverseError::new(
        code::USER_NOT_ENABLED,
        "The specified user is either disabled or is not a member of any business unit.",
    )
}

// --- Application users and roles ---------------------------------------------------------------

/// An application id that the directory does not have.
#[must_use]
pub fn application_not_in_directory(application: Uuid, correlation: Uuid) -> DataverseError {
    DataverseError::new(
        code::AZURE_APPLICATION_ID_NOT_FOUND,
        format!(
            "We didn\u{2019}t find that application ID {application} in your Azure Active Directory (Azure AD) with \
             CorrelationID {correlation}. Make sure your application is registered in Azure AD."
        ),
    )
}

/// An application that has its user already.
#[must_use]
pub fn duplicate_application_user(application: Uuid) -> DataverseError {
    DataverseError::new(
        code::DUPLICATE_APPLICATION_USER,
        format!("You are attempting to create an Application ID = {application} that already exists."),
    )
}

/// A change to a column of an application user that only the directory may set.
#[must_use]
pub fn application_user_cannot_be_updated() -> DataverseError {
    DataverseError::new(
        code::APPLICATION_USER_CANNOT_BE_UPDATED,
        "The user representing an OAuth application cannot not be updated",
    )
}

/// A role of another business unit than the user's.
#[must_use]
pub fn user_in_wrong_business(user: Uuid, unit: Uuid, role: Uuid, role_unit: Uuid) -> DataverseError {
    DataverseError::new(
        code::USER_IN_WRONG_BUSINESS,
        format!(
            "The user with id={user} belongs to a different business unit={unit} than the role with roleId={role} and \
             rolebusinessUnit={role_unit}."
        ),
    )
}

/// A role name that the business unit has already.
#[must_use]
pub fn role_already_exists(name: &str, unit: Uuid) -> DataverseError {
    DataverseError::new(
        code::ROLE_ALREADY_EXISTS,
        format!("A role with the specified name '{name}' already exists on business unit {unit}."),
    )
}
