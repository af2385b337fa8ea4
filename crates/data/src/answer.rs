//! Answers: status, headers and body, put together inside the store's snapshot and sent after it.

pub(crate) mod formatted;
pub(crate) mod groups;
pub(crate) mod rows;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use keyholder_dataverse::error::DataverseError;
use keyholder_operation::Preferences;
use uuid::Uuid;

const JSON: &str = "application/json; odata.metadata=minimal";

/// What is answered, before the headers that every answer has.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Nothing but a status.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A JSON document.
    pub(crate) fn json(status: StatusCode, body: String) -> Self {
        Self::empty(status).with(header::CONTENT_TYPE, JSON).body(body)
    }

    /// An XML document.
    pub(crate) fn xml(body: String) -> Self {
        Self::empty(StatusCode::OK).with(header::CONTENT_TYPE, "application/xml").body(body)
    }

    /// Plain text.
    pub(crate) fn text(body: String) -> Self {
        Self::empty(StatusCode::OK).with(header::CONTENT_TYPE, "text/plain").body(body)
    }

    /// Bytes, whatever they are.
    pub(crate) fn bytes(status: StatusCode, body: Vec<u8>) -> Self {
        Self::empty(status).with(header::CONTENT_TYPE, "application/octet-stream").body(body)
    }

    /// A refusal of the request with this id and these headers, with the details that they ask for.
    pub(crate) fn refusal(error: &DataverseError, request: Uuid, headers: &HeaderMap) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // Preferences that cannot be read ask for nothing; they may be what is refused.
        let asked = Preferences::read(headers).ok().and_then(|preferences| preferences.annotations);
        let wanted = |name: &str| asked.as_ref().is_some_and(|annotations| annotations.include(name));
        Self::json(status, error.annotated_body(request, wanted))
    }

    fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a header. Values come from ids and numbers; one that is no header text is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Says where the row is that was made or changed.
    pub(crate) fn at(self, address: &str) -> Self {
        self.with(HeaderName::from_static("odata-entityid"), address).with(header::LOCATION, address)
    }

    /// Says which version the row has.
    pub(crate) fn tagged(self, version: Option<i64>) -> Self {
        match version {
            Some(version) => self.with(header::ETAG, &format!("W/\"{version}\"")),
            None => self,
        }
    }

    /// Says which preferences were followed.
    pub(crate) fn applied(self, preferences: Option<&str>) -> Self {
        match preferences {
            Some(preferences) => self.with(HeaderName::from_static("preference-applied"), preferences),
            None => self,
        }
    }

    /// Parts between boundaries: the answer to a batch.
    pub(crate) fn multipart(status: StatusCode, boundary: &str, body: Vec<u8>) -> Self {
        Self::empty(status).with(header::CONTENT_TYPE, &format!("multipart/mixed; boundary={boundary}")).body(body)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Appends the answer as a message of HTTP, as it stands in the answer to a batch.
    pub(crate) fn write_message(&self, out: &mut Vec<u8>) {
        let reason = self.status.canonical_reason().unwrap_or("Unknown");
        out.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status.as_u16()).as_bytes());
        for (name, value) in &self.headers {
            out.extend_from_slice(written(name).as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"OData-Version: 4.0\r\n\r\n");
        out.extend_from_slice(&self.body);
        out.extend_from_slice(b"\r\n");
    }

    /// The whole answer to the request that was given this id.
    pub(crate) fn into_response(self, request: Uuid) -> Response<Bytes> {
        let answer = self
            .with(HeaderName::from_static("odata-version"), "4.0")
            .with(HeaderName::from_static("req_id"), &request.to_string())
            .with(HeaderName::from_static("x-ms-service-request-id"), &request.to_string())
            .with(header::CACHE_CONTROL, "no-cache");
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        response
    }
}

/// A header's name as the service writes it: some clients look for it letter by letter.
fn written(name: &HeaderName) -> &str {
    match name.as_str() {
        "content-type" => "Content-Type",
        "etag" => "ETag",
        "location" => "Location",
        "odata-entityid" => "OData-EntityId",
        "preference-applied" => "Preference-Applied",
        other => other,
    }
}
