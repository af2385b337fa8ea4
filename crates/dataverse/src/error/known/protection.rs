//! The service protection API limits.

use super::{KnownError, Who};

pub(super) mod code {
    //! The codes by name.

    /// `TimeLimitExceeded`
    pub const TIME_LIMIT_EXCEEDED: u32 = 0x8007_2321;
    /// `RateLimitExceeded`
    pub const RATE_LIMIT_EXCEEDED: u32 = 0x8007_2322;
    /// `ConcurrencyLimitExceeded`
    pub const CONCURRENCY_LIMIT_EXCEEDED: u32 = 0x8007_2326;
}

/// By code.
pub(super) const KNOWN: &[KnownError] = &[
    KnownError {
        code: code::TIME_LIMIT_EXCEEDED,
        name: "TimeLimitExceeded",
        status: 429,
        explanation: "The user's requests of the last five minutes took the service more time than one user gets.",
        mend: "Wait as long as Retry-After says, then ask for less at once; another service user has a limit of its own.",
        who: Who::Program,
    },
    KnownError {
        code: code::RATE_LIMIT_EXCEEDED,
        name: "RateLimitExceeded",
        status: 429,
        explanation: "The user sent more requests in the last five minutes than one user may.",
        mend: "Wait as long as Retry-After says; send several rows in one request, or share the load among service users.",
        who: Who::Program,
    },
    KnownError {
        code: code::CONCURRENCY_LIMIT_EXCEEDED,
        name: "ConcurrencyLimitExceeded",
        status: 429,
        explanation: "The user has more requests under way at once than one user may.",
        mend: "Send fewer at once; x-ms-dop-hint says how many do best.",
        who: Who::Program,
    },
];
