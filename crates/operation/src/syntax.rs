//! What a request says, before anybody asks what it means.
//!
//! - [`lexer`]: the words of a filter, an address segment or a list.
//! - [`filter`]: `$filter` as a tree of names and literals.
//! - [`apply`]: `$apply`, transformations one behind the other.
//! - [`expand`]: `$expand`, whose items have options of their own.
//! - [`path`]: the segments of an address and their arguments.
//! - [`options`]: the query options, each at most once, unknown ones refused.
//!
//! Everything borrows from the request. Nothing here knows a table.

pub mod apply;
pub mod expand;
pub mod filter;
pub mod lexer;
pub mod options;
pub mod path;

use std::borrow::Cow;

use keyholder_dataverse::error::{self, DataverseError};
use uuid::Uuid;

/// Texts of one option or segment are at most this long.
pub(crate) const LONGEST_TEXT: usize = 32_768;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Literal<'a> {
    /// `null`
    Null,
    /// `true`
    Boolean(bool),
    /// `'O''Neil'`, without its quotes.
    Text(Cow<'a, str>),
    /// `-12.5e3`, as written.
    Number(&'a str),
    /// A GUID.
    Guid(Uuid),
    /// `2026-01-31` or `2026-01-31T12:00:00Z`, as written.
    DateTime(&'a str),
    /// `@p1`, without the `@`.
    Alias(&'a str),
    /// `['account','contact']` in the brackets of a function, as written.
    List(&'a str),
    /// `Microsoft.Dynamics.CRM.EndpointAccessType'Default'`: a word and a text.
    Typed {
        /// What stands before the quotes.
        prefix: &'a str,
        /// What stands in them.
        text: Cow<'a, str>,
    },
}

/// A text in an error message: long ones cut.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 200;
    let mut cut: String = text.chars().take(SHOWN).collect();
    if cut.len() < text.len() {
        cut.push_str("...");
    }
    cut
}

/// The refusal of OData's own reader for a text that breaks off the grammar here.
pub(crate) fn syntax_error(text: &str, position: usize) -> DataverseError {
    error::odata(format!("Syntax error at position {} in '{}'.", characters(text, position), quoted(text)))
}

/// Positions count characters, as people do.
pub(crate) fn characters(text: &str, position: usize) -> usize {
    text.get(..position).map_or(position, |before| before.chars().count())
}
