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
        }
    }
}
