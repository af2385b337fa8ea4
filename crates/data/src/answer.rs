//! Answers: status, headers and body, put together inside the store's snapshot and sent after it.

pub(crate) mod formatted;
pub(crate) mod rows;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use keyholder_dataverse::error::DataverseError;
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

    /// Plain text.
    pub(crate) fn text(body: String) -> Self {
        Self::empty(StatusCode::OK).with(header::CONTENT_TYPE, "text/plain").body(body)
    }

    /// A refusal.
    pub(crate) fn refusal(error: &DataverseError) -> Self {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::json(status, error.body())
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
