//! What the three services say when they refuse, read into fields.
//!
//! Shapes: the token endpoint's RFC 6749 section 5.2 error object with Entra's additions, and
//! the OData error object (`{"error":{"code","message"}}`) that Graph and Dataverse share.

mod power_platform;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts;
use keyholder_entra::graph::GraphErrorBody;
use keyholder_entra::token::TokenError;
use uuid::Uuid;

use super::{ErrorKind, kind_of_status};

pub use power_platform::PowerPlatformRefusal;

/// Longest service message that is kept, in characters; a page of HTML is no message.
const MESSAGE_LIMIT: usize = 2_000;

/// The token service refused to issue a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRefusal {
    /// Who was asked: the authority's URL with its tenant.
    pub authority: String,
    /// The HTTP status.
    pub status: u16,
    /// OAuth's error word: `invalid_client`.
    pub error: String,
    /// The first AADSTS number.
    pub code: Option<u32>,
    /// The description without number, ids and time.
    pub description: String,
    /// What the service's own support asks for.
    pub correlation_id: Option<String>,
    /// How long to wait, when the service asked for that.
    pub retry_after: Option<Duration>,
}

impl TokenRefusal {
    /// Reads a refusal; nothing when the body is not one.
    #[must_use]
    pub fn read(authority: &str, response: &Response<Bytes>) -> Option<Self> {
        let body: TokenError = serde_json::from_slice(response.body()).ok()?;
        let correlation_id = Some(cut(&body.correlation_id)).filter(|id| !id.is_empty());
        Some(Self {
            authority: authority.to_owned(),
            status: response.status().as_u16(),
            error: cut(&body.error),
            code: body.number(),
            description: cut(body.sentence()),
            correlation_id,
            retry_after: crate::retry::retry_after(response.headers(), None),
        })
    }

    /// Takes a text that was sent out of everything that came back, as it is and as a form encodes
    /// it: services do not repeat a secret, but a debugging proxy in between might.
    pub(crate) fn redact(&mut self, sent: &str) {
        if sent.is_empty() {
            return;
        }
        let encoded: String = url::form_urlencoded::byte_serialize(sent.as_bytes()).collect();
        let percent = crate::dataverse::encode(sent);
        for text in [&mut self.error, &mut self.description].into_iter().chain(self.correlation_id.as_mut()) {
            for form in [sent, &encoded, &percent] {
                *text = text.replace(form, "(redacted)");
            }
        }
    }

    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match (self.error.as_str(), self.code) {
            (_, Some(90002 | 900_023 | 500_011)) => ErrorKind::Configuration,
            ("temporarily_unavailable" | "server_error", _) => ErrorKind::OutOfReach,
            _ if self.status == 429 || self.status >= 500 => ErrorKind::OutOfReach,
            _ => ErrorKind::NotAllowed,
        }
    }

    /// What the code means and what to do, from the one table that the local org answers by.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let known = self.code.and_then(aadsts::explain);
        known.map_or_else(Vec::new, |known| vec![format!("{} {}", known.meaning, known.mend)])
    }
}

impl fmt::Display for TokenRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token service {} refused: ", self.authority)?;
        if let Some(code) = self.code {
            write!(f, "AADSTS{code}: ")?;
        }
        match self.description.as_str() {
            "" => write!(f, "{} (HTTP {})", self.error, self.status)?,
            text => f.write_str(text)?,
        }
        match &self.correlation_id {
            Some(id) => write!(f, " (correlation id {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TokenRefusal {}

/// The directory (Microsoft Graph) refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphRefusal {
    /// Method and path of the request.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// Graph's code: `Authorization_RequestDenied`.
    pub code: String,
    /// Graph's message.
    pub message: String,
    /// The request's id on the server.
    pub request_id: Option<String>,
    /// How long to wait, when the service asked for that.
    pub retry_after: Option<Duration>,
}

impl GraphRefusal {
    /// Reads a refusal; nothing when the body is not one.
    #[must_use]
    pub fn read(request: &str, response: &Response<Bytes>) -> Option<Self> {
        let GraphErrorBody { error } = serde_json::from_slice(response.body()).ok()?;
        let inner_id = error.inner_error.and_then(|inner| inner.request_id).map(|id| cut(&id));
        Some(Self {
            request: request.to_owned(),
            status: response.status().as_u16(),
            code: cut(&error.code),
            message: cut(&error.message),
            request_id: header(response, "request-id").or(inner_id),
            retry_after: crate::retry::retry_after(response.headers(), None),
        })
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let about = |path: &str| self.request.split_once(' ').is_some_and(|(_, asked)| asked.starts_with(path));
        if self.code == "Authentication_RequestFromNonPremiumTenantOrB2CTenant" {
            return vec![
                "who signed in when is told in tenants with a Microsoft Entra ID P1 plan: no right of the caller's stands in for it"
                    .to_owned(),
            ];
        }
        if self.code.starts_with("Authentication_") && self.status == 403 {
            return vec![
                "who signed in when is told to an application with AuditLog.Read.All, and to people with a role that reads reports, such as Reports Reader or Security Reader".to_owned(),
            ];
        }
        if self.code == "Authorization_RequestDenied" && (about("users") || about("subscribedSkus")) {
            return vec![
                "people and their licences need User Administrator (License Administrator is enough for licences alone); an application needs User.ReadWrite.All and LicenseAssignment.ReadWrite.All, and Organization.Read.All to see what was bought".to_owned(),
            ];
        }
        if self.code == "Authorization_RequestDenied" {
            return vec![
                "app registrations and consent need Application Administrator and, for consent to all, Privileged Role or Cloud Application Administrator; an application needs Application.ReadWrite.All and DelegatedPermissionGrant.ReadWrite.All".to_owned(),
            ];
        }
        Vec::new()
    }
}

impl fmt::Display for GraphRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the directory refused {}: {} (HTTP {}", self.request, self.message, self.status)?;
        for (name, value) in [(", ", Some(&self.code)), (", request id ", self.request_id.as_ref())] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                write!(f, "{name}{value}")?;
            }
        }
        f.write_str(")")
    }
}

impl std::error::Error for GraphRefusal {}

/// The org refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataverseRefusal {
    /// Method and path of the request.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// Dataverse's code, `0x` and eight lower-case digits; may be empty.
    pub code: String,
    /// Dataverse's message.
    pub message: String,
    /// The request's id on the server.
    pub request_id: Option<String>,
    /// How long to wait, when the service asked for that.
    pub retry_after: Option<Duration>,
    /// Which privilege is missing, at any depth, when that is why.
    pub missing_privilege: Option<MissingPrivilege>,
    /// Which row the caller's privilege does not reach, when its depth is why.
    pub missing_access: Option<MissingAccess>,
}

/// `PrivilegeDenied`.
const PRIVILEGE_DENIED: &str = "0x80040220";
/// `UnManagedIdsAccessDenied`.
const ACCESS_DENIED_TO_ROW: &str = "0x80048306";

impl DataverseRefusal {
    /// Reads a refusal; nothing when the body is not one.
    #[must_use]
    pub fn read(request: &str, response: &Response<Bytes>) -> Option<Self> {
        // The same object of OData's as Graph's.
        let GraphErrorBody { error } = serde_json::from_slice(response.body()).ok()?;
        let code = cut(&error.code).to_ascii_lowercase();
        let message = cut(&error.message);
        let missing_privilege = (code == PRIVILEGE_DENIED).then(|| MissingPrivilege::read(&message)).flatten();
        let missing_access = (code == ACCESS_DENIED_TO_ROW).then(|| MissingAccess::read(&message)).flatten();
        Some(Self {
            request: request.to_owned(),
            status: response.status().as_u16(),
            code,
            message,
            request_id: header(response, "x-ms-service-request-id").or_else(|| header(response, "req_id")),
            retry_after: crate::retry::retry_after(response.headers(), None),
            missing_privilege,
            missing_access,
        })
    }

    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        kind_of_status(self.status)
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        if let Some(missing) = &self.missing_privilege {
            return vec![missing.sentence()];
        }
        if let Some(missing) = &self.missing_access {
            return vec![missing.sentence()];
        }
        let number = self.code.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let known = number.and_then(keyholder_dataverse::error::known);
        known.map_or_else(Vec::new, |known| vec![format!("{} {}", known.explanation, known.mend)])
    }
}

impl fmt::Display for DataverseRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the org refused {}: {} (HTTP {}", self.request, self.message, self.status)?;
        for (name, value) in [(", ", Some(&self.code)), (", request id ", self.request_id.as_ref())] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                write!(f, "{name}{value}")?;
            }
        }
        f.write_str(")")
    }
}

impl std::error::Error for DataverseRefusal {}

/// What Dataverse's `PrivilegeDenied` text says, in fields.
///
/// The text has changed over the years (dataverse error 0x80040220 has had three forms); the parts
/// read here are common to all of them. No role of the caller has the privilege, at whatever depth; where one
/// has it, but not deep enough for a row, that is [`MissingAccess`].
///
/// ```
/// use keyholder_client::MissingPrivilege;
/// let told = "Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8, roleCount=1), is missing \
///     prvReadContact privilege (Id=d26fe964-230b-42dd-ad93-5cc879de411e) on OTC=2 for entity 'contact'.";
/// let missing = MissingPrivilege::read(told).unwrap();
/// assert_eq!((missing.name.as_str(), missing.table.as_deref()), ("prvReadContact", Some("contact")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingPrivilege {
    /// The privilege's name: `prvReadContact`.
    pub name: String,
    /// The table's logical name, in the newer forms of the text.
    pub table: Option<String>,
    /// The id of the user or team that lacks it.
    pub principal: Option<Uuid>,
    /// Whether that is a team.
    pub principal_is_team: bool,
}

impl MissingPrivilege {
    /// Reads the text; nothing when it names no privilege.
    #[must_use]
    pub fn read(message: &str) -> Option<Self> {
        let (before, after) = message.split_once("is missing ")?;
        let name = after.split_whitespace().next()?;
        let plausible = name.len() > 3 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.starts_with("prv") || !plausible {
            return None;
        }
        let principal_is_team = before.contains("Principal team");
        let principal = between(before, "(Id=", &[',', ')']).and_then(|id| Uuid::parse_str(id).ok());
        let table = between(after, "for entity '", &['\'']).map(str::to_owned);
        Some(Self { name: name.to_owned(), table, principal, principal_is_team })
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let who = match (self.principal_is_team, self.principal) {
            (false, Some(id)) => format!("the user {id}"),
            (true, Some(id)) => format!("the team {id}"),
            (false, None) => "the user".to_owned(),
            (true, None) => "the team".to_owned(),
        };
        let table = self.table.as_ref().map_or_else(String::new, |table| format!(" on the table {table}"));
        format!("{who} lacks the privilege {}{table}: add it to one of its security roles", self.name)
    }
}

/// What Dataverse's text of a row beyond the caller's reach says, in fields: a role has the privilege, but the row
/// lies deeper than the role's depth goes, and nobody shares it with the caller.
///
/// ```
/// use keyholder_client::error::MissingAccess;
/// let told = "Principal with id 5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11 does not have ReadAccess right(s) for record \
///     with id 7a1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12 of entity account.";
/// let missing = MissingAccess::read(told).unwrap();
/// assert_eq!((missing.rights.as_slice(), missing.table.as_str()), (&["ReadAccess".to_owned()][..], "account"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingAccess {
    /// The id of the user or team.
    pub principal: Uuid,
    /// The rights that are missing: `ReadAccess`, `WriteAccess`.
    pub rights: Vec<String>,
    /// The row's id.
    pub row: Uuid,
    /// The table's logical name.
    pub table: String,
}

impl MissingAccess {
    /// Reads the text; nothing when it is none of this kind.
    #[must_use]
    pub fn read(message: &str) -> Option<Self> {
        let principal = between(message, "Principal with id ", &[' '])?.parse().ok()?;
        let (rights, rest) = message.split_once(" does not have ")?.1.split_once(" right(s) for record with id ")?;
        let (row, table) = rest.split_once(" of entity ")?;
        let table = table.split_whitespace().next()?.trim_end_matches('.');
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let rights: Vec<String> = rights.split(',').map(|right| right.trim().to_owned()).collect();
        let is_told = is_name(table) && rights.iter().all(|right| is_name(right));
        is_told.then_some(Self { principal, rights, row: row.parse().ok()?, table: table.to_owned() })
    }

    /// The same in a sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { principal, row, table, .. } = self;
        let rights = self.rights.join(", ");
        format!(
            "{principal} has the privilege, but not for the row {row} of the table {table}, which belongs to somebody \
             else or another business unit: give the privilege behind {rights} more depth, share the row, or change its owner"
        )
    }
}

fn between<'a>(text: &'a str, start: &str, ends: &[char]) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(ends).map(|(inside, _)| inside)
}

fn header(response: &Response<Bytes>, name: &str) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(cut)
}

/// The text on one line, without control characters (they could paint over a terminal), and not
/// longer than [`MESSAGE_LIMIT`].
pub(crate) fn cut(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.clone().take(MESSAGE_LIMIT).collect();
    if clean.count() > MESSAGE_LIMIT {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
