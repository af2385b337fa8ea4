//! What the codes mean, and what to do about them.
//!
//! Names and numbers are those of Microsoft's list of web-service error codes; five codes that only
//! occur on the wire have names of our own. The words are ours. The table stands in one file for
//! each area of the service.

mod access;
mod administration;
mod contents;
mod protection;
mod queries;
mod requests;
mod rows;
mod who;

pub use who::Who;

/// One error of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownError {
    /// The number.
    pub code: u32,
    /// The name in the published list.
    pub name: &'static str,
    /// The HTTP status that it usually comes with.
    pub status: u16,
    /// What it means.
    pub explanation: &'static str,
    /// What to do.
    pub mend: &'static str,
    /// Who has the right to do it.
    pub who: Who,
}

impl KnownError {
    /// The command that mends it or goes on from it, with names as the documents use them.
    #[must_use]
    pub const fn command(&self) -> Option<&'static str> {
        Some(match self.code {
            code::PRIVILEGE_DENIED | code::ACCESS_DENIED_TO_ROW => {
                "keyholder role create 'Orders integration' --grant 'contact=read:organization' --update"
            }
            code::USER_NOT_ENABLED | code::SYSTEM_USER_DISABLED => "keyholder app-user enable orders-sync",
            code::USER_NOT_ASSIGNED_ROLES
            | code::USER_NOT_MEMBER_OF_ORG
            | code::AZURE_APPLICATION_ID_NOT_FOUND_IN_ORG_DB
            | code::AZURE_APPLICATION_ID_NOT_FOUND => {
                "keyholder app-user create orders-sync --role 'Orders integration' --save-env orders-sync.env"
            }
            code::APPLICATION_USER_ALLOW_CUSTOM_ROLE_ONLY => {
                "keyholder app-user create orders-sync --grant 'contact=read:organization' --save-env orders-sync.env"
            }
            code::DUPLICATE_APPLICATION_USER | code::ACCESS_DENIED => "keyholder app-user show orders-sync",
            code::CANNOT_ACT_ON_BEHALF_OF_ANOTHER_USER => {
                "keyholder role create 'On behalf' --grant 'prvActOnBehalfOfAnotherUser=organization'"
            }
            code::NON_INTERACTIVE_USER_CANNOT_ACCESS_UI => {
                "keyholder query 'contacts?$top=3' --env-file orders-sync.env"
            }
            code::INSUFFICIENT_ACCESS_MODE | code::INVALID_ACCESS_MODE_TRANSITION => {
                "keyholder non-interactive convert svc-orders@contoso.com"
            }
            code::INVALID_NON_INTERACTIVE_USER_QUOTA => "keyholder non-interactive list",
            code::USER_IN_WRONG_BUSINESS | code::TEAM_IN_WRONG_BUSINESS | code::ROLE_DOES_NOT_EXIST => {
                "keyholder role list"
            }
            code::ROLE_ALREADY_EXISTS => "keyholder role show 'Orders integration'",
            code::RATE_LIMIT_EXCEEDED | code::TIME_LIMIT_EXCEEDED | code::CONCURRENCY_LIMIT_EXCEEDED => {
                "keyholder usage"
            }
            _ => return None,
        })
    }
}

/// The codes by name.
pub mod code {
    pub use super::access::code::*;
    pub use super::administration::code::*;
    pub use super::contents::code::*;
    pub use super::protection::code::*;
    pub use super::queries::code::*;
    pub use super::requests::code::*;
    pub use super::rows::code::*;
}

/// The areas of the table; inside each the errors stand in the order of their codes.
const AREAS: [&[KnownError]; 7] = [
    requests::KNOWN,
    queries::KNOWN,
    rows::KNOWN,
    contents::KNOWN,
    access::KNOWN,
    administration::KNOWN,
    protection::KNOWN,
];

/// What a code means.
#[must_use]
pub fn known(code: u32) -> Option<&'static KnownError> {
    known_errors().find(|known| known.code == code)
}

/// Every error that the table has.
pub fn known_errors() -> impl Iterator<Item = &'static KnownError> {
    AREAS.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_stands_once_and_says_what_to_do() {
        for area in AREAS {
            assert!(area.is_sorted_by(|left, right| left.code < right.code));
        }
        let mut codes = HashSet::new();
        for error in known_errors() {
            assert!(codes.insert(error.code), "{} stands twice", error.name);
            assert!(error.explanation.ends_with('.') && error.mend.ends_with('.'), "{}", error.name);
            assert!((400..=599).contains(&error.status), "{}", error.name);
            assert!(error.who.as_str().len() > 10, "{}", error.name);
            assert!(error.command().is_none_or(|command| command.starts_with("keyholder ")), "{}", error.name);
        }
    }
}
