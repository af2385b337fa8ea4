//! The errors of Dataverse: one table for the org that answers them and the doctor that explains
//! them.
//!
//! [`DataverseError`] is an answer: code, HTTP status and the message on the wire. The functions
//! here make the messages; clients match on these texts, so they are the published or observed
//! ones to the letter. [`known()`] says what a code means and what to do.
//!
//! Where the service would do something that the local org does not do yet, the answer is
//! [`not_supported`]: it names the thing, and never pretends.

mod access;
mod known;
mod protection;

use std::fmt;

use uuid::Uuid;

pub use access::{
    AccessMode, MissingPrivilege, PrincipalFacts, application_not_in_directory, application_user_cannot_be_updated,
    cannot_act_on_behalf, duplicate_application_user, insufficient_access_mode, no_roles,
    non_interactive_user_cannot_access_ui, not_a_member, privilege_denied, role_already_exists, row_access_denied,
    unit_of_user_disabled, user_disabled, user_in_wrong_business,
};
pub use known::{KnownError, Who, code, known, known_errors};
pub use protection::{concurrency_exceeded, execution_time_exceeded, grouped, requests_exceeded};

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

    /// The same error about a row inside the body of a request. A place that is told already is kept: it is the
    /// deeper one.
    #[must_use]
    pub fn at_place(mut self, place: &str) -> Self {
        const MARK: &str = " (In the body at: ";
        if !place.is_empty() && !self.message.contains(MARK) {
            self.message = format!("{}{MARK}{place})", self.message);
        }
        self
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> String {
        self.annotated_body(Uuid::nil(), |_| false)
    }

    /// The answer's body with the details that a caller may ask for ("Include more details with errors" of Microsoft's
    /// page on composing HTTP requests): those whose names are `wanted`. `request` is the request's id.
    #[must_use]
    pub fn annotated_body(&self, request: Uuid, wanted: impl Fn(&str) -> bool) -> String {
        let mut body = format!("{{\"error\":{{\"code\":\"{}\",\"message\":", Code(self.code));
        crate::value::write_json_text(&mut body, &self.message);
        for (name, value) in self.details(request) {
            if wanted(name) {
                body.push_str(",\"@");
                body.push_str(name);
                body.push_str("\":");
                crate::value::write_json_text(&mut body, &value);
            }
        }
        body.push_str("}}");
        body
    }

    /// The annotations of an error, by their names without the `@`.
    fn details(&self, request: Uuid) -> [(&'static str, String); 9] {
        let name = known(self.code).map_or("", |known| known.name);
        let category = if self.status < 500 { "ClientError" } else { "SystemFailure" };
        [
            ("Microsoft.PowerApps.CDS.ErrorDetails.ApiActivityIdKey", request.to_string()),
            ("Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionCategory", category.to_owned()),
            // Written so by the service.
            ("Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionMesageName", name.to_owned()),
            ("Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionHttpStatusCode", self.status.to_string()),
            ("Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus", "0".to_owned()),
            ("Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode", "0".to_owned()),
            (
                "Microsoft.PowerApps.CDS.HelpLink",
                format!(
                    "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{:08x}\
                     &client=platform",
                    self.code
                ),
            ),
            // What plug-ins write down while they run; none run here.
            ("Microsoft.PowerApps.CDS.TraceText", String::new()),
            ("Microsoft.PowerApps.CDS.InnerError.Message", self.message.clone()),
        ]
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

/// A row whose values in the columns of an alternate key another row has.
#[must_use]
pub fn duplicate_key(key: &str, columns: &str) -> DataverseError {
    DataverseError::new(
        code::DUPLICATE_RECORD_ENTITY_KEY,
        format!(
            "Entity Key {key} violated. A record with the same value for {columns} already exists. A duplicate record \
             cannot be created. Select one or more unique values and try again."
        ),
    )
}

/// A stamp of definitions that is not that of now.
#[must_use]
pub fn expired_version_stamp() -> DataverseError {
    DataverseError::new(
        code::EXPIRED_VERSION_STAMP,
        "Version stamp associated with the client has expired. Please perform a full sync.",
    )
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

/// A file that is larger than its column takes.
#[must_use]
pub fn attachment_too_big() -> DataverseError {
    DataverseError::new(code::ATTACHMENT_TOO_BIG, "Attachment file size is too big.")
}

/// An image that is larger than its column takes; both sizes in bytes.
#[must_use]
pub fn image_too_big(most: u64, given: u64) -> DataverseError {
    DataverseError::new(
        code::PROCESS_IMAGE_FAILURE,
        format!(
            "Error occured when processing image. Reason: File size is too big. MaxSize: {} MB, Uploaded filesize: {} \
             MB.",
            most >> 20,
            given >> 20
        ),
    )
}

/// Images that have more pixels together than one request may have; `most` is that many.
#[must_use]
pub fn too_many_pixels(most: u64) -> DataverseError {
    DataverseError::new(
        code::PROCESS_IMAGE_FAILURE,
        format!(
            "Error occured when processing image. Reason: The images of one request or change set have at most {most} \
             pixels together: send smaller ones, or fewer at once."
        ),
    )
}

/// An image of no type that image columns take.
#[must_use]
pub fn image_not_processed(row: Uuid, table: &str, column: &str) -> DataverseError {
    DataverseError::new(
        code::PROCESS_IMAGE_FAILURE,
        format!(
            "Error occured when processing image. Reason: Update image properties failed for objectid: {row}, \
             logicalName: {table}, attribute: {column}"
        ),
    )
}

/// Contents that a column does not hold; `what` is `file` or `image`.
#[must_use]
pub fn no_file_attachment(what: &str, column: &str, table: &str, row: Uuid) -> DataverseError {
    DataverseError::new(
        code::OBJECT_DOES_NOT_EXIST,
        format!("No FileAttachment records found for {what} attribute: {column} of {table} record with id {row}."),
    )
}

/// An image for a new row that is not its table's primary one.
#[must_use]
pub fn non_primary_image(column: &str, table: &str) -> DataverseError {
    DataverseError::new(
        code::NON_PRIMARY_IMAGE_ON_CREATE,
        format!(
            "Non-primary image attribute {column} of entity {table} is not allowed to upload during Create operation."
        ),
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

/// A query that takes too long, in the service's words and with its status.
#[must_use]
pub fn sql_timeout() -> DataverseError {
    DataverseError::new(code::SQL_TIMEOUT, "SQL timeout expired.")
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
    fn details_stand_in_a_body_that_is_asked_for_them() {
        let error = row_not_found("account", Uuid::from_u128(1));
        let whole = error.annotated_body(Uuid::from_u128(7), |_| true);
        for expected in [
            "\"@Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionMesageName\":\"ObjectDoesNotExist\"",
            "\"@Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionHttpStatusCode\":\"404\"",
            "error=Microsoft.Crm.CrmException%3a80040217&client=platform\"",
            "\"@Microsoft.PowerApps.CDS.TraceText\":\"\"",
        ] {
            assert!(whole.contains(expected), "{whole}");
        }
        assert_eq!(error.annotated_body(Uuid::nil(), |_| false), error.body());
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
