//! The errors of Dataverse: one table for the org that answers them and the doctor that explains
//! them.
//!
//! [`DataverseError`] is an answer: code, HTTP status and the message on the wire. The functions
//! here make the messages; clients match on these texts, so they are the published or observed
//! ones to the letter. [`known()`] says what a code means and what to do.
//!
//! Where the service would do something that the local org does not do yet, the answer is
//! [`not_supported`]: it names the thing, and never pretends.

mod known;

use std::fmt;

use uuid::Uuid;

pub use known::{KnownError, code, known, known_errors};

/// One refusal, as it goes over the wire: `{"error":{"code":"0x80040217","message":"…"}}`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", Code(*code))]
pub struct DataverseError {
    /// The number of the error; printed by [`Code`].
    pub code: u32,
    /// The HTTP status.
    pub status: u16,
    /// The text that clients see.
    pub message: String,
}

/// Prints a code as the service does: `0x80040217`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl DataverseError {
    /// An error with the status that its code usually has; 400 for a code that is not known.
    #[must_use]
    pub fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, status: known(code).map_or(400, |known| known.status), message: message.into() }
    }

    /// The same error under another HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = format!("{{\"error\":{{\"code\":\"{}\",\"message\":", Code(self.code));
        crate::value::write_json_text(&mut body, &self.message);
        body.push_str("}}");
        body
    }
}

// --- What the service's OData reader refuses -------------------------------------------------

/// A request that its OData reader refuses, with this text.
#[must_use]
pub fn odata(message: impl Into<String>) -> DataverseError {
    DataverseError::new(code::ODATA, message)
}

/// A name in `$select`, `$filter` or `$orderby` that the type does not have.
#[must_use]
pub fn unknown_property(name: &str, qualified_type: &str) -> DataverseError {
    odata(format!("Could not find a property named '{name}' on type '{qualified_type}'."))
}

/// A path segment that names nothing.
#[must_use]
pub fn unknown_segment(name: &str) -> DataverseError {
    odata(format!("Resource not found for the segment '{name}'.")).with_status(404)
}

/// A method that the resource does not have.
#[must_use]
pub fn method_not_allowed(method: &str) -> DataverseError {
    odata(format!("The requested resource does not support http method '{method}'.")).with_status(405)
}

/// A query option that Dataverse itself does not have.
#[must_use]
pub fn unsupported_option(name: &str) -> DataverseError {
    odata(format!("The query parameter {name} is not supported"))
}

/// A query that cannot be read.
#[must_use]
pub fn bad_syntax() -> DataverseError {
    odata("Bad Request - Error in query syntax.")
}

/// Something that Dataverse has and the local org does not have yet. Status 501.
#[must_use]
pub fn not_supported(what: &str) -> DataverseError {
    DataverseError::new(code::NOT_SUPPORTED_HERE, format!("{what} is not supported by the local org yet."))
}

/// A body that its OData reader refuses, for this reason.
#[must_use]
pub fn payload(entity_set: &str, reason: &str) -> DataverseError {
    DataverseError::new(
        code::PAYLOAD,
        format!(
            "Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this \
             error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : \
             Microsoft.OData.ODataException: {reason}"
        ),
    )
}

/// A value in a body that is of another type than its column.
#[must_use]
pub fn cannot_convert(entity_set: &str, literal: &str, edm_type: &str) -> DataverseError {
    payload(entity_set, &format!("Cannot convert the literal '{literal}' to the expected type '{edm_type}'."))
}

/// A property in a body that the type does not have.
#[must_use]
pub fn unknown_body_property(entity_set: &str, name: &str, qualified_type: &str) -> DataverseError {
    payload(
        entity_set,
        &format!(
            "The property '{name}' does not exist on type '{qualified_type}'. Make sure to only use property names that \
             are defined by the type or mark the type as open type."
        ),
    )
}

/// An `x@odata.bind` whose `x` is no navigation property in exactly this writing.
#[must_use]
pub fn undeclared_property(entity_set: &str, name: &str) -> DataverseError {
    payload(
        entity_set,
        &format!(
            "An undeclared property '{name}' which only has property annotations in the payload but no property value \
             was found in the payload. In OData, only declared navigation properties and declared named streams can be \
             represented as properties without values."
        ),
    )
}

// --- Rows and values -------------------------------------------------------------------------

/// A row that is not there. `table` in the writing the service uses: the schema name.
#[must_use]
pub fn row_not_found(table: &str, id: Uuid) -> DataverseError {
    DataverseError::new(code::OBJECT_DOES_NOT_EXIST, format!("{table} With Id = {id} Does Not Exist"))
}

/// An alternate key that names no row.
#[must_use]
pub fn row_not_found_by_key(table: &str) -> DataverseError {
    DataverseError::new(
        code::RECORD_NOT_FOUND_BY_ENTITY_KEY,
        format!("A record with the specified key values does not exist in {table} entity"),
    )
}

/// Columns in a row's address that are no key of the table.
#[must_use]
pub fn key_not_defined(table: &str) -> DataverseError {
    DataverseError::new(
        code::ENTITY_KEY_NOT_DEFINED,
        format!("The specified key attributes are not a defined key for the {table} entity"),
    )
}

/// A row that is there already.
#[must_use]
pub fn duplicate_record() -> DataverseError {
    DataverseError::new(code::DUPLICATE_RECORD, "A record with matching key values already exists.")
}

/// A row that has been changed since the caller read it.
#[must_use]
pub fn version_mismatch() -> DataverseError {
    DataverseError::new(
        code::CONCURRENCY_VERSION_MISMATCH,
        "The version of the existing record doesn't match the RowVersion property provided.",
    )
}

/// A text longer than its column takes.
#[must_use]
pub fn text_too_long(column: &str, table: &str, max_length: u32) -> DataverseError {
    DataverseError::new(
        code::STRING_LENGTH_TOO_LONG,
        format!(
            "A validation error occurred.  The length of the '{column}' attribute of the '{table}' entity exceeded the \
             maximum allowed length of '{max_length}'."
        ),
    )
}

/// A number that its column does not take.
#[must_use]
pub fn number_out_of_range(column: &str, table: &str, value: &str, integer: bool) -> DataverseError {
    DataverseError::new(
        if integer { code::INTEGER_VALUE_OUT_OF_RANGE } else { code::DECIMAL_VALUE_OUT_OF_RANGE },
        format!(
            "A validation error occurred. The value {value} of '{column}' on record of type '{table}' is outside the \
             valid range."
        ),
    )
}

/// A number that is none of the column's options.
#[must_use]
pub fn option_out_of_range(column: &str, table: &str, value: i64) -> DataverseError {
    DataverseError::new(
        code::PICKLIST_VALUE_OUT_OF_RANGE,
        format!(
            "A validation error occurred. The value {value} of '{column}' on record of type '{table}' is outside the \
             valid range."
        ),
    )
}

/// A date before the service's calendar begins.
#[must_use]
pub fn date_too_early(value: &str) -> DataverseError {
    DataverseError::new(
        code::INVALID_DATE_TIME,
        format!(
            "DateTime is less than minumum value supported by CrmDateTime. Actual value: {value}, Minimum value \
             supported: 01/01/1753 00:00:00"
        ),
    )
}

/// A status that does not belong to the row's state.
#[must_use]
pub fn invalid_status(status: i64, state: i64, table: &str) -> DataverseError {
    DataverseError::new(
        code::INVALID_STATE_CODE_STATUS_CODE,
        format!("{status} is not a valid status code for state code {state} on {table}."),
    )
}

/// A required column without a value.
#[must_use]
pub fn missing_required(column: &str, table: &str) -> DataverseError {
    DataverseError::new(
        code::MISSING_REQUIRED_ATTRIBUTE,
        format!("Attribute: {column} cannot be set to NULL on entity: {table}"),
    )
}

// --- Who may -----------------------------------------------------------------------------------

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

/// Something in the org itself went wrong; the reason stays in its own log.
#[must_use]
pub fn unexpected() -> DataverseError {
    DataverseError::new(code::UNEXPECTED, "An unexpected error occurred.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_the_service_does() {
        let error = row_not_found("account", Uuid::from_u128(1));
        assert_eq!(error.status, 404);
        assert_eq!(
            error.body(),
            "{\"error\":{\"code\":\"0x80040217\",\"message\":\"account With Id = 00000000-0000-0000-0000-000000000001 \
             Does Not Exist\"}}"
        );
    }

    #[test]
    fn the_long_text_of_a_missing_privilege() {
        let caller = PrincipalFacts {
            role_count: 1,
            privilege_count: 9,
            known_privileges: 40,
            ..PrincipalFacts::new(
                Uuid::from_u128(1),
                Uuid::from_u128(2),
                AccessMode::NonInteractive,
                Some(Uuid::from_u128(3)),
            )
        };
        let missing = MissingPrivilege {
            name: "prvReadContact".into(),
            id: Uuid::from_u128(4),
            table: "contact".into(),
            type_code: 2,
            display_name: "Contact".into(),
        };
        let error = privilege_denied(&caller, &missing);
        assert_eq!((error.status, error.code), (403, 0x8004_0220));
        assert_eq!(
            error.message,
            "Principal user (Id=00000000-0000-0000-0000-000000000001, type=8, roleCount=1, privilegeCount=9, \
             accessMode='4 Non-interactive', AADObjectId='00000000-0000-0000-0000-000000000003', \
             MetadataCachePrivilegesCount=40, businessUnitId=00000000-0000-0000-0000-000000000002), is missing \
             prvReadContact privilege (Id=00000000-0000-0000-0000-000000000004) on OTC=2 for entity 'contact' \
             (LocalizedName='Contact'). context.Caller=00000000-0000-0000-0000-000000000001. Consider adding missed \
             privilege to one of the principal (user/team) roles."
        );
    }
}
