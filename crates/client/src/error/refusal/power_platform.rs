//! Refusals of Power Platform's administration.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use keyholder_entra::graph::GraphErrorBody;

use super::{cut, header};

/// Power Platform's administration refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerPlatformRefusal {
    /// Method and path of the request.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The service's code: `userNotLicensed`.
    pub code: String,
    /// The service's message.
    pub message: String,
    /// What the service's own support asks for.
    pub request_id: Option<String>,
    /// How long to wait, when the service asked for that.
    pub retry_after: Option<Duration>,
}

impl PowerPlatformRefusal {
    /// Reads a refusal; nothing when the body is not one.
    #[must_use]
    pub fn read(request: &str, response: &Response<Bytes>) -> Option<Self> {
        // The same object of OData's as Graph's.
        let GraphErrorBody { error } = serde_json::from_slice(response.body()).ok()?;
        Some(Self {
            request: request.to_owned(),
            status: response.status().as_u16(),
            code: cut(&error.code),
            message: cut(&error.message),
            request_id: header(response, "x-ms-correlation-request-id").or_else(|| header(response, "x-ms-request-id")),
            retry_after: crate::retry::retry_after(response.headers(), None),
        })
    }

    /// Whether code or message has this word: the service wraps one error in the text of another.
    #[must_use]
    pub fn says(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        [&self.code, &self.message].into_iter().any(|text| text.to_ascii_lowercase().contains(&word))
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        if matches!(self.status, 401 | 403) {
            return vec![
                "environments are administered by a Global, Power Platform or Dynamics 365 Administrator, or by an application that one of them registered as a management application".to_owned(),
            ];
        }
        Vec::new()
    }
}

impl fmt::Display for PowerPlatformRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Power Platform refused {}: {} (HTTP {}", self.request, self.message, self.status)?;
        for (name, value) in [(", ", Some(&self.code)), (", correlation id ", self.request_id.as_ref())] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                write!(f, "{name}{value}")?;
            }
        }
        f.write_str(")")
    }
}

impl std::error::Error for PowerPlatformRefusal {}
