//! What the services that keep secrets have in common: JSON over HTTPS, one request at a time.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use keyholder_client::{Error as ClientError, ErrorKind, Http, Repeated};
use keyholder_foundation::Secret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::{PLACE_ID_LENGTH, SinkError, without};

/// How much of what a service says is shown, in characters.
const SHOWN: usize = 400;

/// A request.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Value>,
    /// What it is for: "keep the credential".
    pub(super) doing: &'static str,
}

/// Sends a request, again where nothing was carried out or twice is the same as once; answers of every status
/// are answers.
pub(super) async fn send(http: &Http, place: &str, call: &Call) -> Result<Response<Bytes>, SinkError> {
    let unanswered = |source: ClientError| SinkError::Unanswered {
        place: place.to_owned(),
        doing: call.doing,
        source: Box::new(source),
    };
    let unsendable = |error: String| unanswered(ClientError::Protocol { origin: place.to_owned(), found: error });
    let body = match &call.body {
        Some(body) => serde_json::to_vec(body).map_err(|error| unsendable(error.to_string()))?,
        None => Vec::new(),
    };
    let request = Request::builder().method(call.method.clone()).uri(call.url.as_str()).body(Bytes::from(body));
    let mut request = request.map_err(|error| unsendable(error.to_string()))?;
    *request.headers_mut() = call.headers.clone();
    if call.body.is_some() {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    http.send_repeatable(&request).await.map_err(unanswered)
}

/// The error of a request that was to write something: it may have been carried out, unless the service refused it or it
/// was never sent.
pub(super) fn of_write(error: SinkError, doing: &'static str) -> SinkError {
    match error {
        SinkError::Unanswered { doing: done, .. } if done == doing => error.may_hold(),
        error => error,
    }
}

/// The same of an answer, with the error that it is. A refusal says nothing of an earlier attempt whose answer was lost.
pub(super) fn of_answer(answer: &Response<Bytes>, error: SinkError) -> SinkError {
    let is_first = answer.extensions().get::<Repeated>().is_none();
    if answer.status().is_client_error() && is_first { error } else { error.may_hold() }
}

/// What a service answered, as JSON; null where it is none.
pub(super) fn json(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// The refusal that an answer is. `said` is the service's own message, `hidden` what it must not repeat.
pub(super) fn refusal(
    (place, doing): (&str, &'static str),
    status: StatusCode,
    said: &str,
    hidden: Option<&Secret>,
    mend: String,
) -> SinkError {
    let said = hidden.map_or_else(|| said.to_owned(), |hidden| without(said, hidden));
    let said: String = said.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let kind = match status.as_u16() {
        401 | 403 => ErrorKind::NotAllowed,
        404 | 409 => ErrorKind::Configuration,
        429 | 500.. => ErrorKind::OutOfReach,
        400 | 422 => ErrorKind::BadData,
        _ => ErrorKind::Other,
    };
    SinkError::Answered {
        place: place.to_owned(),
        doing,
        answer: format!("HTTP status {}{said}", status.as_u16()),
        mend,
        kind,
    }
}

/// The id of a place that is the same place wherever it is asked from: made of what names it.
pub(super) fn id_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).take(PLACE_ID_LENGTH / 2).collect()
}
