//! Graph's errors: codes, sentences and statuses, since clients match on all three.

use bytes::Bytes;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use keyholder_entra::challenge::Challenge;
use keyholder_entra::graph::{ErrorDetail, GraphError, GraphErrorBody, InnerError};
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
    /// A finer word for it, and what it is about.
    detail: Option<(&'static str, &'static str)>,
    /// Seconds after which to come again.
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None, retry_after: None }
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

    /// An application without the permission to read reports.
    pub(super) fn permission_missing(permission: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authentication_MSGraphPermissionMissing",
            format!("Calling principal does not have required MSGraph permissions {permission}"),
        )
    }

    /// A person without a role that may read reports.
    pub(super) fn role_missing() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authentication_RequestFromUnsupportedUserRole",
            "User is not in the allowed roles",
        )
    }

    pub(super) fn bad_skip_token() -> Self {
        Self::bad_request("The specified $skiptoken is not valid.")
    }

    /// An object that exists already.
    pub(super) fn conflicting_object() -> Self {
        Self::request(
            "A conflicting object with one or more of the specified property values is present in the directory.",
        )
    }

    /// A member of a group or role that it has already.
    pub(super) fn member_exists() -> Self {
        Self::request(
            "One or more added object references already exist for the following modified properties: 'members'.",
        )
    }

    /// A proof that proves nothing.
    pub(super) fn unauthenticated(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// A body of another kind than JSON.
    pub(super) fn not_json(content_type: &str) -> Self {
        let shown: String = content_type.chars().filter(|c| !c.is_control()).take(80).collect();
        let message = format!("The content type '{shown}' is not supported; send application/json.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// The caller has asked too often.
    pub(super) fn throttled(retry_after: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Please retry again later.");
        Self { retry_after: Some(retry_after), ..problem }
    }

    /// An item of a batch whose forerunner failed.
    pub(super) fn failed_dependency() -> Self {
        Self::new(StatusCode::FAILED_DEPENDENCY, "FailedDependency", "A request that this one depends on failed.")
    }

    /// Something that delta queries can no longer tell.
    pub(super) fn resync() -> Self {
        Self::new(
            StatusCode::GONE,
            "resyncRequired",
            "The delta token is not valid. A full synchronization is required.",
        )
    }

    /// An object of which there are too many.
    fn quota(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Directory_QuotaExceeded", message)
    }

    /// The quota of registrations of a person without a role.
    pub(super) fn registrations_spent() -> Self {
        Self::quota("The directory object quota limit for the Principal has been exceeded.")
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

    fn duplicate(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "Request_MultipleObjectsWithSameKeyValue", message)
    }

    /// The answer, with the challenge where a token is wanted.
    pub(super) fn into_response(self, correlation: Correlation, now: Timestamp, origin: &str) -> Response<Bytes> {
        let date = now.whole_seconds().to_string();
        let inner = InnerError {
            // Only throttling says these again inside.
            code: self.retry_after.map(|_| self.status.as_str().to_owned()),
            status: self.retry_after.map(|_| self.status.as_str().to_owned()),
            message: self.retry_after.map(|_| self.message.clone()),
            date: Some(date.trim_end_matches('Z').to_owned()),
            request_id: Some(correlation.trace.to_string()),
            client_request_id: Some(correlation.client_or_trace().to_string()),
        };
        let detail = self.detail.map(|(code, target)| ErrorDetail {
            code: code.to_owned(),
            message: self.message.clone(),
            target: Some(target.to_owned()),
        });
        let error = GraphError {
            code: self.code.to_owned(),
            message: self.message,
            details: detail.into_iter().collect(),
            inner_error: Some(inner),
        };
        let mut response = answer::json(self.status, &GraphErrorBody { error });
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
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
            TokenProblem::Audience | TokenProblem::Scope => "Access token validation failure. Invalid audience.",
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
            Refusal::NoApplication(client) => {
                let problem = Self::request(format!(
                    "The appId '{client}' of the service principal does not reference a valid application object."
                ));
                Self { detail: Some(("NoBackingApplicationObject", "appId")), ..problem }
            }
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
            Refusal::NoCertificate(key) => Self::request(format!("No key credential found with keyId {key}.")),
            Refusal::CertificateExists(_) => {
                Self::request("A key credential with the same keyId exists on the object already.")
            }
            Refusal::FederatedCredentialExists("name") => Self::duplicate(
                "FederatedIdentityCredential with name already exists. Use a unique name for each credential.",
            ),
            Refusal::FederatedCredentialExists(_) => Self::request(
                "The combination of issuer and subject must be unique on the application: a \
                 FederatedIdentityCredential with the same issuer and subject already exists.",
            ),
            Refusal::UniqueNameTaken(_) => {
                Self::duplicate("Another object with the same value for property uniqueName already exists.")
            }
            Refusal::Invalid { property, entity } => Self::invalid_value(&property, entity),
            Refusal::UnknownProperty(name) => Self::invalid_property(&name),
            Refusal::TooMany { what, limit } => {
                Self::quota(format!("The number of values of '{what}' exceeds the limit of {limit}."))
            }
            Refusal::TooBig => Self::quota(
                "The size of the object has exceeded its limit. Please reduce the number of values and retry your \
                 request.",
            ),
            Refusal::EnabledEntitlement(property) => Self::new(
                StatusCode::BAD_REQUEST,
                "CannotDeleteOrUpdateEnabledEntitlement",
                format!(
                    "Property {property}: a permission (scope or role) cannot be deleted or updated unless disabled first."
                ),
            ),
            Refusal::Locked => Self::new(
                StatusCode::BAD_REQUEST,
                "ServicePrincipalLockForbidsUpdate",
                "Credentials cannot be added to the service principal: its application has locked them \
                 (servicePrincipalLockConfiguration).",
            ),
            Refusal::PolicyType => Self::new(
                StatusCode::BAD_REQUEST,
                "CredentialTypeNotAllowedAsPerAppPolicy",
                "Credential type not allowed as per assigned policy.",
            ),
            Refusal::PolicyLifetime => Self::new(
                StatusCode::BAD_REQUEST,
                "CredentialInvalidLifetimeAsPerAppPolicy",
                "Credential lifetime exceeds the max value allowed as per assigned policy.",
            ),
            Refusal::HasPolicy { same: true } => Self::request(
                "One or more added object references already exist for the following modified properties: \
                 'appManagementPolicies'.",
            ),
            Refusal::HasPolicy { same: false } => Self::request(
                "Another policy is assigned to the object: only one appManagementPolicy can be. Remove that one first.",
            ),
            Refusal::KeyUpdate(key) => {
                Self::request(format!("Update to existing credential with KeyId '{key}' is not allowed."))
            }
            Refusal::KeyEnd => Self::request("Key credential end date is invalid."),
            Refusal::OwnerExists => Self::request(
                "One or more added object references already exist for the following modified properties: 'owners'.",
            ),
            Refusal::MemberExists => Self::member_exists(),
            Refusal::UserNameTaken => {
                Self::request("Another object with the same value for property userPrincipalName already exists.")
            }
            Refusal::NoUsageLocation => {
                Self::request("License assignment cannot be done for user with invalid usage location.")
            }
            Refusal::UnknownLicence(sku) => {
                Self::request(format!("License {sku} does not correspond to a valid company License."))
            }
            Refusal::UnknownPlan(plan) => {
                Self::request(format!("Disabled plan {plan} does not correspond to a service plan of the License."))
            }
            Refusal::NoLicenceLeft(sku) => {
                Self::request(format!("Subscription with SKU {sku} does not have any available licenses."))
            }
            Refusal::LicenceNotHeld(_) => Self::request("User does not have a corresponding license."),
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
