//! What an answer's headers tell of the limits.

use bytes::Bytes;
use http::{Response, StatusCode};
use keyholder_foundation::Timestamp;
use keyholder_limits::{Limit, Told};

use crate::error::DataverseRefusal;
use crate::retry::retry_after;

/// Reads them; `now` is the server's time, for a `Retry-After` that is a date.
pub(crate) fn read(answer: &Response<Bytes>, now: Timestamp) -> Told {
    let text = |name: &str| answer.headers().get(name)?.to_str().ok();
    let is_refused = answer.status() == StatusCode::TOO_MANY_REQUESTS;
    let waits = is_refused || answer.status() == StatusCode::SERVICE_UNAVAILABLE;
    Told {
        requests: text("x-ms-ratelimit-burst-remaining-xrm-requests").and_then(|text| text.trim().parse().ok()),
        execution: text("x-ms-ratelimit-time-remaining-xrm-requests").and_then(Told::read_seconds),
        parallelism: text("x-ms-dop-hint").and_then(|text| text.trim().parse().ok()),
        refused: is_refused.then(|| limit(answer)),
        retry_after: if waits { retry_after(answer.headers(), Some(now)) } else { None },
    }
}

/// Which limit a refusal names; that of requests where it names none.
fn limit(answer: &Response<Bytes>) -> Limit {
    named(answer).unwrap_or(Limit::Requests)
}

/// Which limit a refusal names.
pub(crate) fn named(answer: &Response<Bytes>) -> Option<Limit> {
    match DataverseRefusal::read("", answer)?.code.as_str() {
        "0x80072321" => Some(Limit::Execution),
        "0x80072322" => Some(Limit::Requests),
        "0x80072326" => Some(Limit::Concurrency),
        _ => None,
    }
}
