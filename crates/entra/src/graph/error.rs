//! Graph's error shape.

use serde::{Deserialize, Serialize};

/// The body of every answer of Graph's that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphErrorBody {
    /// The error.
    pub error: GraphError,
}

/// An error of Graph's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphError {
    /// A word that programs decide by, as `Request_ResourceNotFound`.
    #[serde(default)]
    pub code: String,
    /// A sentence for people; some programs match on its start.
    #[serde(default)]
    pub message: String,
    /// What more there is to say, where there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
    /// When and which request.
    #[serde(default, alias = "innererror", skip_serializing_if = "Option::is_none")]
    pub inner_error: Option<InnerError>,
}

/// A finer error within one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    /// A word that programs decide by, as `NoBackingApplicationObject`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// What it is about, as a property's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// When and which request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InnerError {
    /// A finer word, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The HTTP status, where the service says it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The message, where the service says it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// UTC, without the `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The service's id of the request.
    #[serde(rename = "request-id", alias = "requestId", default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The caller's id of the request.
    #[serde(rename = "client-request-id", alias = "clientRequestId", default, skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_spelling_of_the_inner_error_reads() {
        for spelling in ["innerError", "innererror"] {
            let text = format!(
                r#"{{"error":{{"code":"Request_BadRequest","message":"m","{spelling}":{{"date":"2026-11-22T09:07:46","request-id":"r","status":"400"}}}}}}"#
            );
            let body: GraphErrorBody = serde_json::from_str(&text).unwrap();
            assert_eq!(body.error.inner_error.unwrap().request_id.as_deref(), Some("r"));
        }
    }
}
