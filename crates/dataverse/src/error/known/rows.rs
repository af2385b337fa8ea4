//! Rows: their values, keys, versions and owners.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `RequiredFieldMissing`
    pub const MISSING_REQUIRED_ATTRIBUTE: u32 = 0x8004_0200;
    /// `ObjectDoesNotExist`
    pub const OBJECT_DOES_NOT_EXIST: u32 = 0x8004_0217;
    /// `CannotDeleteDueToAssociation`
    pub const CANNOT_DELETE_DUE_TO_ASSOCIATION: u32 = 0x8004_0227;
    /// `UnManagedIdsOwnerNotEnabled`
    pub const OWNER_NOT_ENABLED: u32 = 0x8004_022B;
    /// `CannotUpdateBecauseItIsReadOnly`
    pub const CANNOT_UPDATE_READ_ONLY: u32 = 0x8004_022E;
    /// `DuplicateRecord`
    pub const DUPLICATE_RECORD: u32 = 0x8004_0237;
    /// `InvalidDateTime`
    pub const INVALID_DATE_TIME: u32 = 0x8004_0239;
    /// `DuplicateRecordsFound`
    pub const DUPLICATE_RECORDS_FOUND: u32 = 0x8004_0333;
    /// `CannotFindObjectInQueue`
    pub const CANNOT_FIND_OBJECT_IN_QUEUE: u32 = 0x8004_04EB;
    /// `OpportunityIsAlreadyClosed`
    pub const OPPORTUNITY_ALREADY_CLOSED: u32 = 0x8004_0515;
    /// `PicklistValueOutOfRange`
    pub const PICKLIST_VALUE_OUT_OF_RANGE: u32 = 0x8004_431A;
    /// `IntegerValueOutOfRange`
    pub const INTEGER_VALUE_OUT_OF_RANGE: u32 = 0x8004_432F;
    /// `DecimalValueOutOfRange`
    pub const DECIMAL_VALUE_OUT_OF_RANGE: u32 = 0x8004_4330;
    /// `StringLengthTooLong`
    pub const STRING_LENGTH_TOO_LONG: u32 = 0x8004_4331;
    /// `unManagedidsincidentcannotclose`
    pub const INCIDENT_CANNOT_CLOSE: u32 = 0x8004_440A;
    /// `unManagedidsincidentparentaccountandparentcontactnotpresent`
    pub const INCIDENT_WITHOUT_CUSTOMER: u32 = 0x8004_4410;
    /// `IncidentIsAlreadyClosedOrCancelled`
    pub const INCIDENT_ALREADY_CLOSED: u32 = 0x8004_4411;
    /// `MergeCyclicalParentingError`
    pub const MERGE_CYCLICAL_PARENTING: u32 = 0x8004_5300;
    /// `MergeEntityNotActiveError`
    pub const MERGE_ENTITY_NOT_ACTIVE: u32 = 0x8004_5304;
    /// `MergeEntitiesIdenticalError`
    pub const MERGE_ENTITIES_IDENTICAL: u32 = 0x8004_5305;
    /// `MergeDifferentlyParentedWarning`
    pub const MERGE_DIFFERENTLY_PARENTED: u32 = 0x8004_5316;
    /// `InvalidStateCodeStatusCode`
    pub const INVALID_STATE_CODE_STATUS_CODE: u32 = 0x8004_8408;
    /// `ConcurrencyVersionMismatch`
    pub const CONCURRENCY_VERSION_MISMATCH: u32 = 0x8006_0882;
    /// `ConcurrencyVersionNotProvided`
    pub const CONCURRENCY_VERSION_NOT_PROVIDED: u32 = 0x8006_0883;
    /// `OptimisticConcurrencyNotEnabled`
    pub const OPTIMISTIC_CONCURRENCY_NOT_ENABLED: u32 = 0x8006_088D;
    /// `EntityKeyNotDefined`
    pub const ENTITY_KEY_NOT_DEFINED: u32 = 0x8006_0890;
    /// `RecordNotFoundByEntityKey`
    pub const RECORD_NOT_FOUND_BY_ENTITY_KEY: u32 = 0x8006_0891;
    /// `DuplicateRecordEntityKey`
    pub const DUPLICATE_RECORD_ENTITY_KEY: u32 = 0x8006_0892;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::MISSING_REQUIRED_ATTRIBUTE,
        name: "RequiredFieldMissing",
        status: 400,
        explanation: "A column that must have a value has none.",
        mend: "Give it a value.",
        who: Who::Program,
    },
    KnownError {
        code: code::OBJECT_DOES_NOT_EXIST,
        name: "ObjectDoesNotExist",
        status: 404,
        explanation: "There is no row with this id, or none that this org has.",
        mend: "Check the id; if it came from another org or from before a delete, look the row up again.",
        who: Who::Program,
    },
    KnownError {
        code: code::CANNOT_DELETE_DUE_TO_ASSOCIATION,
        name: "CannotDeleteDueToAssociation",
        status: 405,
        explanation: "Other rows still point at this one.",
        mend: "Remove or repoint those rows first.",
        who: Who::Program,
    },
    KnownError {
        code: code::OWNER_NOT_ENABLED,
        name: "UnManagedIdsOwnerNotEnabled",
        status: 400,
        explanation: "The user who is to own the row is disabled.",
        mend: "Enable the user, or choose another owner.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::CANNOT_UPDATE_READ_ONLY,
        name: "CannotUpdateBecauseItIsReadOnly",
        status: 400,
        explanation: "This cannot be changed.",
        mend: "Leave it out.",
        who: Who::Program,
    },
    KnownError {
        code: code::DUPLICATE_RECORD,
        name: "DuplicateRecord",
        status: 412,
        explanation: "A row with this id or these unique values is there already.",
        mend: "Read the row that is there; if it is the one you meant to make, go on with it.",
        who: Who::Program,
    },
    KnownError {
        code: code::INVALID_DATE_TIME,
        name: "InvalidDateTime",
        status: 400,
        explanation: "The date is before 1753 or no date.",
        mend: "Send a later date, in the form 2026-01-31T12:00:00Z.",
        who: Who::Program,
    },
    KnownError {
        code: code::DUPLICATE_RECORDS_FOUND,
        name: "DuplicateRecordsFound",
        status: 412,
        explanation: "A duplicate detection rule found a row like this one.",
        mend: "Use the row that is there, or send MSCRM.SuppressDuplicateDetection: true.",
        who: Who::Program,
    },
    KnownError {
        code: code::CANNOT_FIND_OBJECT_IN_QUEUE,
        name: "CannotFindObjectInQueue",
        status: 400,
        explanation: "The row is not in the queue that it is to be taken from.",
        mend: "Leave SourceQueue out, or name the queue that it is in.",
        who: Who::Program,
    },
    KnownError {
        code: code::OPPORTUNITY_ALREADY_CLOSED,
        name: "OpportunityIsAlreadyClosed",
        status: 400,
        explanation: "The opportunity is won or lost already.",
        mend: "Set its statecode to 0 first, or leave it.",
        who: Who::Program,
    },
    KnownError {
        code: code::PICKLIST_VALUE_OUT_OF_RANGE,
        name: "PicklistValueOutOfRange",
        status: 400,
        explanation: "The number is none of the column's options.",
        mend: "Send the number of an option, not its label.",
        who: Who::Program,
    },
    KnownError {
        code: code::INTEGER_VALUE_OUT_OF_RANGE,
        name: "IntegerValueOutOfRange",
        status: 400,
        explanation: "A whole number is outside the column's range.",
        mend: "Send a number inside the range.",
        who: Who::Program,
    },
    KnownError {
        code: code::DECIMAL_VALUE_OUT_OF_RANGE,
        name: "DecimalValueOutOfRange",
        status: 400,
        explanation: "A number is outside the column's range.",
        mend: "Send a number inside the range.",
        who: Who::Program,
    },
    KnownError {
        code: code::STRING_LENGTH_TOO_LONG,
        name: "StringLengthTooLong",
        status: 400,
        explanation: "A text is longer than its column.",
        mend: "Shorten the text, or lengthen the column.",
        who: Who::Customizer,
    },
    KnownError {
        code: code::INCIDENT_CANNOT_CLOSE,
        name: "unManagedidsincidentcannotclose",
        status: 400,
        explanation: "Activities about the case are still open.",
        mend: "Complete or cancel them first.",
        who: Who::Program,
    },
    KnownError {
        code: code::INCIDENT_WITHOUT_CUSTOMER,
        name: "unManagedidsincidentparentaccountandparentcontactnotpresent",
        status: 400,
        explanation: "A case belongs to an account or a contact, and this one names neither.",
        mend: "Bind customerid_account or customerid_contact.",
        who: Who::Program,
    },
    KnownError {
        code: code::INCIDENT_ALREADY_CLOSED,
        name: "IncidentIsAlreadyClosedOrCancelled",
        status: 400,
        explanation: "The case is resolved or cancelled already.",
        mend: "Set its statecode to 0 first, or leave it.",
        who: Who::Program,
    },
    KnownError {
        code: code::MERGE_CYCLICAL_PARENTING,
        name: "MergeCyclicalParentingError",
        status: 400,
        explanation: "Merging the two rows would make one of them its own parent.",
        mend: "Merge them the other way round, or change the parent first.",
        who: Who::Program,
    },
    KnownError {
        code: code::MERGE_ENTITY_NOT_ACTIVE,
        name: "MergeEntityNotActiveError",
        status: 400,
        explanation: "One of the rows that are to be merged is not active.",
        mend: "Activate it first.",
        who: Who::Program,
    },
    KnownError {
        code: code::MERGE_ENTITIES_IDENTICAL,
        name: "MergeEntitiesIdenticalError",
        status: 400,
        explanation: "A row is to be merged with itself.",
        mend: "Name two rows.",
        who: Who::Program,
    },
    KnownError {
        code: code::MERGE_DIFFERENTLY_PARENTED,
        name: "MergeDifferentlyParentedWarning",
        status: 400,
        explanation: "The rows that are to be merged have different parents.",
        mend: "Give them one parent, or merge with PerformParentingChecks false.",
        who: Who::Program,
    },
    KnownError {
        code: code::INVALID_STATE_CODE_STATUS_CODE,
        name: "InvalidStateCodeStatusCode",
        status: 400,
        explanation: "The status does not belong to the state.",
        mend: "Send statecode and statuscode that belong together.",
        who: Who::Program,
    },
    KnownError {
        code: code::CONCURRENCY_VERSION_MISMATCH,
        name: "ConcurrencyVersionMismatch",
        status: 412,
        explanation: "Somebody changed the row after it was read.",
        mend: "Read the row again, apply the change to it, and send it with the new ETag.",
        who: Who::Program,
    },
    KnownError {
        code: code::CONCURRENCY_VERSION_NOT_PROVIDED,
        name: "ConcurrencyVersionNotProvided",
        status: 400,
        explanation: "The request asks for a version check without a version.",
        mend: "Send the row's ETag in If-Match.",
        who: Who::Program,
    },
    KnownError {
        code: code::OPTIMISTIC_CONCURRENCY_NOT_ENABLED,
        name: "OptimisticConcurrencyNotEnabled",
        status: 400,
        explanation: "The table keeps no versions to compare.",
        mend: "Leave If-Match out, or enable optimistic concurrency for the table.",
        who: Who::Customizer,
    },
    KnownError {
        code: code::ENTITY_KEY_NOT_DEFINED,
        name: "EntityKeyNotDefined",
        status: 400,
        explanation: "The columns in the row's address are no alternate key of the table.",
        mend: "Use the row's id, or define the key on the table.",
        who: Who::Customizer,
    },
    KnownError {
        code: code::RECORD_NOT_FOUND_BY_ENTITY_KEY,
        name: "RecordNotFoundByEntityKey",
        status: 404,
        explanation: "No row has these alternate key values.",
        mend: "Check the values, and that they are not cut or in another column.",
        who: Who::Program,
    },
    KnownError {
        code: code::DUPLICATE_RECORD_ENTITY_KEY,
        name: "DuplicateRecordEntityKey",
        status: 412,
        explanation: "Another row has the same alternate key values.",
        mend: "Update that row instead, or choose other values.",
        who: Who::Program,
    },
];
