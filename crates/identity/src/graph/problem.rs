//! Graph's errors: codes, sentences and statuses, since clients match on all three.

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response, StatusCode};
use keyholder_entra::challenge::Challenge;
use keyholder_entra::graph::{GraphError, GraphErrorBody, InnerError};
use keyholder_entra::well_known;
use keyholder_foundation::Timestamp;

use super::answer;
use crate::correlation::Correlation;
use crate::directory::Refusal;
use crate::verify::TokenProblem;

/// One error, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// The request's syntax, or a name that Graph itself does not know.
    pub(super) fn bad_request(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// What the directory refuses.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// A query option that is not offered.
    pub(super) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    pub(super) fn unknown_segment(segment: &str) -> Self {
        Self::bad_request(&format!("Resource not found for the segment '{}'.", cut(segment)))
    }

    pub(super) fn unknown_property(name: &str, entity: &str) -> Self {
        let name = cut(name);
        Self::bad_request(&format!("Could not find a property named '{name}' on type 'microsoft.graph.{entity}'."))
    }

    pub(super) fn invalid_property(name: &str) -> Self {
        Self::request(format!("Invalid property '{}'.", cut(name)))
    }

    pub(super) fn invalid_value(name: &str, entity: &str) -> Self {
        Self::request(format!("Invalid value specified for property '{name}' of resource '{entity}'."))
    }

    pub(super) fn not_found(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
                cut(id)
            ),
        )
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        )
    }

    pub(super) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// The token is good, but whom it was made for is disabled or gone.
    pub(super) fn caller_unknown() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Authorization_IdentityNotFound",
            "The identity of the calling application could not be established.",
        )
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge", "The request body is too large.")
    }

    /// An address that is neither the application's own nor on a domain of the tenant.
    pub(super) fn host_not_verified(uri: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "HostNameNotOnVerifiedDomain",
            format!(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain: '{}'",
                cut(uri)
            ),
        )
    }

    /// An object of which there are too many.
    fn quota(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Directory_QuotaExceeded", message)
    }

    fn duplicate(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    /// The answer, with the challenge where a token is wanted.
    pub(super) fn into_response(self, correlation: Correlation, now: Timestamp, origin: &str) -> Response<Bytes> {
        let date = now.whole_seconds().to_string();
        let inner = InnerError {
            code: None,
            date: Some(date.trim_end_matches('Z').to_owned()),
            request_id: Some(correlation.trace.to_string()),
            client_request_id: Some(correlation.client_or_trace().to_string()),
        };
        let error = GraphError { code: self.code.to_owned(), message: self.message, inner_error: Some(inner) };
        let mut response = answer::json(self.status, &GraphErrorBody { error });
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = Challenge {
                authorization_uri: Some(format!("{origin}/common/oauth2/authorize")),
                resource_id: None,
                others: vec![
                    ("client_id".to_owned(), well_known::MICROSOFT_GRAPH.to_string()),
                    ("realm".to_owned(), String::new()),
                ],
            };
            // An origin and ids: always a header's value.
            if let Ok(value) = HeaderValue::from_str(&challenge.quoted()) {
                response.headers_mut().insert(WWW_AUTHENTICATE, value);
            }
        }
        response
    }
}

impl From<TokenProblem> for Problem {
    fn from(problem: TokenProblem) -> Self {
        let message = match problem {
            TokenProblem::Missing => "Access token is empty.",
            TokenProblem::Malformed(_) => "CompactToken parsing failed with error code: 80049217",
            TokenProblem::Expired => "Lifetime validation failed, the token is expired.",
            TokenProblem::NotYetValid => "Lifetime validation failed, the token is not yet valid.",
            TokenProblem::Audience => "Access token validation failure. Invalid audience.",
            TokenProblem::Issuer | TokenProblem::Tenant => "Access token validation failure. Invalid issuer.",
            TokenProblem::Algorithm | TokenProblem::UnknownKey | TokenProblem::Signature => {
                "Access token validation failure. Invalid signature."
            }
        };
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(_) | Refusal::Damaged(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                format!("The directory cannot answer just now: {}", cut(&refusal.to_string())),
            ),
            Refusal::NotFound(id) => Self::not_found(&id),
            Refusal::NoApplication(client) => Self::request(format!(
                "The appId '{client}' of the service principal does not reference a valid application object."
            )),
            Refusal::ForeignApplication(_) => Self::new(
                StatusCode::FORBIDDEN,
                "Authorization_RequestDenied",
                "When using this permission, the backing application of the service principal being created must in \
                 the local tenant",
            ),
            Refusal::ServicePrincipalExists(client) => Self::duplicate(format!(
                "The service principal cannot be created, updated, or restored because the service principal name \
                 {client} is already in use."
            )),
            Refusal::NoPassword(key) => Self::request(format!("No password credential found with keyId {key}.")),
            Refusal::TooMany { what, limit } => {
                Self::quota(format!("The number of values of '{what}' exceeds the limit of {limit}."))
            }
            Refusal::IdentifierUriTaken(_) => {
                Self::request("Another object with the same value for property identifierUris already exists.")
            }
            Refusal::GrantExists => Self::duplicate("Permission entry already exists."),
            Refusal::AssignmentExists => Self::request("Permission being assigned already exists on the object"),
        }
    }
}

/// A caller's text within a sentence, not longer than a real one.
fn cut(text: &str) -> String {
    text.chars().take(256).collect()
}
