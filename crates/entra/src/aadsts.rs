//! The errors of Entra's token service: one table for the service that answers them and for the
//! program that explains them.
//!
//! Every error has a number (`AADSTS7000215`), by which people search and programs decide. The
//! [`table`](self::explain) gives for each number OAuth's word, the HTTP status, what it means and
//! what to do about it; the functions here make the sentences that go over the wire, which clients
//! match on. No sentence contains a character that JSON would escape: a widely used client parses
//! the description without unescaping it.
//!
//! Where the real service's status or word was seen in more than one form, the table has the newer.

use keyholder_foundation::{ClientId, TenantId};

mod assertions;
mod family;
mod grants;
mod people;
mod table;
mod who;

pub use assertions::*;
pub use family::family;
pub use grants::*;
pub use people::*;
pub use who::Who;

/// OAuth's word for an error (RFC 6749 section 5.2, RFC 8628, and Entra's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are the protocol's own words")]
#[non_exhaustive]
pub enum OAuthError {
    AccessDenied,
    AuthorizationDeclined,
    AuthorizationPending,
    BadVerificationCode,
    ConsentRequired,
    ExpiredToken,
    InteractionRequired,
    InvalidClient,
    InvalidGrant,
    InvalidInstance,
    InvalidRequest,
    InvalidResource,
    InvalidScope,
    InvalidTenant,
    LoginRequired,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl OAuthError {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::AuthorizationDeclined => "authorization_declined",
            Self::AuthorizationPending => "authorization_pending",
            Self::BadVerificationCode => "bad_verification_code",
            Self::ConsentRequired => "consent_required",
            Self::ExpiredToken => "expired_token",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidInstance => "invalid_instance",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidResource => "invalid_resource",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTenant => "invalid_tenant",
            Self::LoginRequired => "login_required",
            Self::ServerError => "server_error",
            Self::SlowDown => "slow_down",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }
}

/// What an AADSTS number means, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The number, without `AADSTS`.
    pub number: u32,
    /// OAuth's word for it.
    pub error: OAuthError,
    /// The HTTP status with which it comes.
    pub status: u16,
    /// What is wrong.
    pub meaning: &'static str,
    /// What to do about it.
    pub mend: &'static str,
    /// Who has the right to do it.
    pub who: Who,
    /// The command that does it or goes on from it, with names as the documents use them.
    pub command: Option<&'static str>,
}

/// What `number` means and what to do; none for a number that is not in the table.
#[must_use]
pub fn explain(number: u32) -> Option<&'static Explanation> {
    let index = table::TABLE.binary_search_by_key(&number, |entry| entry.number).ok()?;
    table::TABLE.get(index)
}

/// All numbers that are known, in order.
#[must_use]
pub fn explanations() -> &'static [Explanation] {
    table::TABLE
}

/// One error, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    number: u32,
    error: OAuthError,
    status: u16,
    text: String,
    suberror: Option<&'static str>,
    claims: Option<String>,
}

impl Problem {
    /// The error `number` with the sentence `text`, freed of what JSON would escape.
    fn new(number: u32, text: &str) -> Self {
        let (error, status) = explain(number).map_or((OAuthError::InvalidRequest, 400), |e| (e.error, e.status));
        Self { number, error, status, text: plain(text, usize::MAX), suberror: None, claims: None }
    }

    /// The number, without `AADSTS`.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// OAuth's word.
    #[must_use]
    pub const fn error(&self) -> OAuthError {
        self.error
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Entra's finer word, where there is one.
    #[must_use]
    pub const fn suberror(&self) -> Option<&'static str> {
        self.suberror
    }

    /// A JSON document for the client to send back when it asks again, where there is one.
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    const fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// The same error under another of OAuth's words: some endpoints differ.
    #[must_use]
    pub const fn with_error(mut self, error: OAuthError) -> Self {
        self.error = error;
        self
    }
}

/// `text` without characters that JSON escapes, cut to `limit` characters.
fn plain(text: &str, limit: usize) -> String {
    let safe = |c: char| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_control() => ' ',
        c => c,
    };
    text.chars().take(limit).map(safe).collect()
}

/// A caller's value within a sentence: never longer than a real id or address.
fn quoted(value: &str) -> String {
    plain(value, 256)
}

/// 7000215: the secret is none of the application's.
#[must_use]
pub fn invalid_client_secret(application: ClientId) -> Problem {
    Problem::new(
        7_000_215,
        &format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{application}'."
        ),
    )
}

/// 7000222: the secret is the application's, but its time is over.
#[must_use]
pub fn expired_client_secret(application: ClientId) -> Problem {
    Problem::new(
        7_000_222,
        &format!(
            "The provided client secret keys for app '{application}' are expired. Visit the Azure portal to create \
             new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for \
             added security: https://aka.ms/certCreds."
        ),
    )
}

/// 7000216: client credentials without a credential.
#[must_use]
pub fn credential_required() -> Problem {
    Problem::new(
        7_000_216,
        "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
    )
}

/// 7000218: an empty credential, or another grant of a confidential client without one.
#[must_use]
pub fn credential_missing() -> Problem {
    Problem::new(
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    )
}

/// 700016: no such application in the tenant.
#[must_use]
pub fn application_not_found(application: &str, tenant: &str) -> Problem {
    Problem::new(
        700_016,
        &format!(
            "Application with identifier '{}' was not found in the directory '{}'. This can happen if the application \
             has not been installed by the administrator of the tenant or consented to by any user in the tenant. You \
             may have sent your authentication request to the wrong tenant.",
            quoted(application),
            quoted(tenant)
        ),
    )
}

/// 7000112: the application's service principal is disabled.
#[must_use]
pub fn application_disabled(application: ClientId, name: &str) -> Problem {
    Problem::new(7_000_112, &format!("Application '{application}'({}) is disabled.", quoted(name)))
}

/// 7000229: the application is registered here, but has no service principal.
#[must_use]
pub fn service_principal_missing(application: ClientId, tenant: TenantId) -> Problem {
    Problem::new(
        7_000_229,
        &format!(
            "The client application {application} is missing service principal in the tenant {tenant}. See \
             instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"
        ),
    )
}

/// 90002: no such tenant. The configuration document's endpoint says `invalid_tenant` instead.
#[must_use]
pub fn tenant_not_found(tenant: &str) -> Problem {
    Problem::new(
        90_002,
        &format!(
            "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
             cloud. Check with your subscription administrator, this may happen if there are no active subscriptions \
             for the tenant.",
            quoted(tenant)
        ),
    )
}

/// 900023: what stands for the tenant can be none.
#[must_use]
pub fn tenant_malformed(tenant: &str) -> Problem {
    Problem::new(
        900_023,
        &format!(
            "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain.",
            quoted(tenant)
        ),
    )
}

/// 9002346: an application of work accounts at an endpoint of personal ones.
#[must_use]
pub fn consumers_not_supported(application: &str) -> Problem {
    Problem::new(
        9_002_346,
        &format!(
            "Application '{}' is configured for use by Azure Active Directory users only. Please do not use the \
             /consumers endpoint to serve this request.",
            quoted(application)
        ),
    )
}

/// 500011: the tenant has no such resource.
#[must_use]
pub fn resource_not_found(resource: &str, tenant: &str) -> Problem {
    Problem::new(
        500_011,
        &format!(
            "The resource principal named {} was not found in the tenant named {}. This can happen if the application \
             has not been installed by the administrator of the tenant or consented to by any user in the tenant. You \
             might have sent your authentication request to the wrong tenant.",
            quoted(resource),
            quoted(tenant)
        ),
    )
}

/// 500014: the resource's service principal is disabled.
#[must_use]
pub fn resource_disabled(resource: &str) -> Problem {
    Problem::new(500_014, &format!("The service principal for resource '{}' is disabled.", quoted(resource)))
}

/// 900144: a parameter is missing.
#[must_use]
pub fn parameter_missing(name: &str) -> Problem {
    Problem::new(900_144, &format!("The request body must contain the following parameter: '{}'.", quoted(name)))
}

/// 1002012: client credentials for anything but `<resource>/.default`.
#[must_use]
pub fn scope_without_default(scope: &str) -> Problem {
    Problem::new(
        1_002_012,
        &format!(
            "The provided value for scope {} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI).",
            quoted(scope)
        ),
    )
}

/// 70011: a scope that cannot be read.
#[must_use]
pub fn scope_malformed(scope: &str) -> Problem {
    Problem::new(
        70_011,
        &format!(
            "The provided value for the input parameter 'scope' is not valid. The scope {} is not valid.",
            quoted(scope)
        ),
    )
}

/// 28003: an empty scope.
#[must_use]
pub fn scope_empty() -> Problem {
    Problem::new(
        28_003,
        "Provided value for the input parameter scope cannot be empty when requesting an access token.",
    )
}

/// 700022: scopes of more than one resource.
#[must_use]
pub fn several_resources(scope: &str) -> Problem {
    Problem::new(
        700_022,
        &format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. \
             Scope {} is not valid.",
            quoted(scope)
        ),
    )
}

/// 901002: `resource` at the v2 endpoint.
#[must_use]
pub fn resource_parameter_unsupported() -> Problem {
    Problem::new(901_002, "The 'resource' request parameter is not supported.")
}

/// 70003: a grant that is not offered.
#[must_use]
pub fn unsupported_grant_type(grant: &str) -> Problem {
    Problem::new(70_003, &format!("The app requested an unsupported grant type '{}'.", quoted(grant)))
}

/// 900561: another verb than POST.
#[must_use]
pub fn only_post(method: &str) -> Problem {
    Problem::new(
        900_561,
        &format!("The endpoint only accepts POST, OPTIONS requests. Received a {} request.", quoted(method)),
    )
}

/// 9002313: a request that cannot be read. `detail` says which part, in our own words.
#[must_use]
pub fn request_malformed(detail: &str) -> Problem {
    let text = format!("Invalid request. Request is malformed or invalid. {}", quoted(detail));
    Problem::new(9_002_313, text.trim_end())
}

/// 90015: a field that is longer than the service reads.
#[must_use]
pub fn request_too_long(name: &str) -> Problem {
    Problem::new(90_015, &format!("Requested query string is too long. The value of '{}' is too long.", quoted(name)))
}

/// 90033: the service itself cannot answer just now. `detail` says why, in our own words.
#[must_use]
pub fn temporarily_unavailable(detail: &str) -> Problem {
    Problem::new(90_033, &format!("A transient error has occurred. Please try again. {}", quoted(detail)))
}

/// 50049: a cloud host that is unknown.
#[must_use]
pub fn instance_unknown(host: &str) -> Problem {
    Problem::new(50_049, &format!("Unknown or invalid instance. '{}' is not served here.", quoted(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_something() {
        for pair in table::TABLE.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} before {}", pair[0].number, pair[1].number);
        }
        for entry in table::TABLE {
            assert!(entry.meaning.ends_with('.') && entry.mend.ends_with('.'), "{}", entry.number);
            assert!((400..600).contains(&entry.status), "{}", entry.number);
            assert!(entry.who.as_str().len() > 10, "{}", entry.number);
            let is_one = |command: &str| ["keyholder ", "az "].iter().any(|program| command.starts_with(program));
            assert!(entry.command.is_none_or(is_one), "{}", entry.number);
            assert_eq!(entry.status == 401, entry.error == OAuthError::InvalidClient, "{}", entry.number);
        }
    }

    #[test]
    fn every_sentence_has_its_number_in_the_table() {
        let id = ClientId(uuid::Uuid::nil());
        for problem in [
            invalid_client_secret(id),
            expired_client_secret(id),
            credential_required(),
            credential_missing(),
            application_not_found("a", "t"),
            application_disabled(id, "a"),
            service_principal_missing(id, TenantId(uuid::Uuid::nil())),
            tenant_not_found("t"),
            tenant_malformed("t"),
            consumers_not_supported("a"),
            resource_not_found("r", "t"),
            resource_disabled("r"),
            parameter_missing("p"),
            scope_without_default("s"),
            scope_malformed("s"),
            scope_empty(),
            several_resources("s"),
            resource_parameter_unsupported(),
            unsupported_grant_type("g"),
            only_post("GET"),
            request_malformed("d"),
            request_too_long("p"),
            instance_unknown("h"),
            temporarily_unavailable("d"),
        ] {
            let entry = explain(problem.number()).unwrap_or_else(|| panic!("{} is not in the table", problem.number()));
            assert_eq!((entry.error, entry.status), (problem.error(), problem.status()));
        }
    }

    #[test]
    fn a_callers_value_cannot_break_a_sentence() {
        let problem = tenant_not_found("a\"b\\c\r\nd");
        assert!(problem.text().starts_with("Tenant 'a'b/c  d' not found."), "{}", problem.text());
        assert!(unsupported_grant_type(&"x".repeat(10_000)).text().len() < 400);
    }
}
