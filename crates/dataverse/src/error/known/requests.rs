//! Requests that cannot be understood or done, whoever sends them.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `InvalidArgument`
    pub const INVALID_ARGUMENT: u32 = 0x8004_0203;
    /// `UnExpected`
    pub const UNEXPECTED: u32 = 0x8004_0216;
    /// `NotImplemented`
    pub const NOT_IMPLEMENTED: u32 = 0x8004_0219;
    /// `InvalidOperation`
    pub const INVALID_OPERATION: u32 = 0x8004_023B;
    /// `NotSupported`
    pub const NOT_SUPPORTED_HERE: u32 = 0x8004_0315;
    /// `MissingParameter`
    pub const MISSING_PARAMETER: u32 = 0x8004_031F;
    /// `SdkMessageDoesNotSupportEntity`
    pub const MESSAGE_NOT_SUPPORTED: u32 = 0x8004_0800;
    /// `MetadataNoMapping`
    pub const METADATA_NO_MAPPING: u32 = 0x8004_0E01;
    /// `RequestLengthTooLarge`
    pub const REQUEST_LENGTH_TOO_LARGE: u32 = 0x8004_418A;
    /// `TooManyConditionsInQuery`
    pub const TOO_MANY_CONDITIONS_IN_QUERY: u32 = 0x8004_430C;
    /// `ExpiredVersionStamp`
    pub const EXPIRED_VERSION_STAMP: u32 = 0x8004_4352;
    /// `PayloadNotReadable`
    pub const PAYLOAD: u32 = 0x8004_8D19;
    /// `ODataError`
    pub const ODATA: u32 = 0x8006_0888;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::INVALID_ARGUMENT,
        name: "InvalidArgument",
        status: 400,
        explanation: "One of the values does not fit what was asked.",
        mend: "Read the message; it names the value.",
        who: Who::Program,
    },
    KnownError {
        code: code::UNEXPECTED,
        name: "UnExpected",
        status: 500,
        explanation: "Something went wrong inside the service.",
        mend: "Try again; if it stays, look into the org's log with the time and the request id.",
        who: Who::Administrator,
    },
    KnownError {
        code: code::NOT_IMPLEMENTED,
        name: "NotImplemented",
        status: 501,
        explanation: "The service does not do this.",
        mend: "Look for another operation.",
        who: Who::Program,
    },
    KnownError {
        code: code::INVALID_OPERATION,
        name: "InvalidOperation",
        status: 405,
        explanation: "The operation cannot be used like this.",
        mend: "Check method and address against the operation's page.",
        who: Who::Program,
    },
    KnownError {
        code: code::NOT_SUPPORTED_HERE,
        name: "NotSupported",
        status: 501,
        explanation: "The local org does not do this yet; the real service may.",
        mend: "Try it on a real org, or do without.",
        who: Who::Program,
    },
    KnownError {
        code: code::MISSING_PARAMETER,
        name: "MissingParameter",
        status: 400,
        explanation: "A parameter of the function or action is missing.",
        mend: "Give every parameter that the operation's page lists.",
        who: Who::Program,
    },
    KnownError {
        code: code::MESSAGE_NOT_SUPPORTED,
        name: "SdkMessageDoesNotSupportEntity",
        status: 400,
        explanation: "Rows of this table cannot be written like this.",
        mend: "Use the operation that the table's page names; rows between two tables are made and removed with $ref.",
        who: Who::Program,
    },
    KnownError {
        code: code::METADATA_NO_MAPPING,
        name: "MetadataNoMapping",
        status: 400,
        explanation: "Rows of one table do not give values to new rows of the other.",
        mend: "Name a target table that has a lookup to the source's table.",
        who: Who::Program,
    },
    KnownError {
        code: code::REQUEST_LENGTH_TOO_LARGE,
        name: "RequestLengthTooLarge",
        status: 413,
        explanation: "The request is larger than the service takes.",
        mend: "Send less at once.",
        who: Who::Program,
    },
    KnownError {
        code: code::TOO_MANY_CONDITIONS_IN_QUERY,
        name: "TooManyConditionsInQuery",
        status: 400,
        explanation: "The query has more conditions than the service takes.",
        mend: "Ask in several requests, or compare with a list.",
        who: Who::Program,
    },
    KnownError {
        code: code::EXPIRED_VERSION_STAMP,
        name: "ExpiredVersionStamp",
        status: 400,
        explanation: "The stamp is of an answer that is too old to tell what has changed since.",
        mend: "Ask for all definitions, without a stamp, and keep the stamp of that answer.",
        who: Who::Program,
    },
    KnownError {
        code: code::PAYLOAD,
        name: "PayloadNotReadable",
        status: 400,
        explanation: "The body does not fit the table: a wrong name, a wrong type, or no JSON.",
        mend: "The text after the last colon names the property. Names are case-sensitive; lookups are set by navigation property, as in parentcustomerid_account@odata.bind.",
        who: Who::Program,
    },
    KnownError {
        code: code::ODATA,
        name: "ODataError",
        status: 400,
        explanation: "Something in the request is not as OData has it: its address, its query, a header or what its body refers to.",
        mend: "The message names what it stumbled over. Names are case-sensitive; lookups are read as _name_value; GUIDs and numbers stand without quotes, texts in single quotes.",
        who: Who::Program,
    },
];
