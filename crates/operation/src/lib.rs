//! From a Web API request to one bound [`Operation`]. No I/O.
//!
//! Whatever a caller asks becomes one typed value: parsed from method, address, headers and body,
//! then bound against the schema, where a wrong name or type is refused with Dataverse's own
//! error. Privileges and SQL follow from that value, never from text. What a request can say and
//! the value cannot is refused by name; nothing is silently left out.
//!
//! ```text
//! Request -> syntax (what was written) -> bind (what it means here) -> Operation
//! ```
//!
//! The grammar is that of OData 4.0 (OASIS, URL conventions and ABNF) as far as the Dataverse Web
//! API documents it. All parsers run in linear time, and have limits for length, depth and count.
//!
//! - [`Request`]: the parts of an HTTP request that matter here.
//! - [`bind()`]: the way in.
//! - [`mod@query`], [`mod@write`], [`call`]: what an operation is made of.
//! - [`oracle`]: what a query means, said a second time, naively, over rows in memory.
//! - [`mod@print`]: a query back as OData text.

pub mod bind;
pub mod call;
pub mod oracle;
pub mod page;
pub mod print;
pub mod query;
pub mod request;
pub mod syntax;
pub mod write;

pub use bind::bind;
pub use call::{Action, Function, RolePrivilege};
pub use page::PageToken;
pub use query::{Comparand, Comparison, Filter, Order, Query, Retrieve, RowKey, Selection, TextFunction, Within};
pub use request::{Preferences, Request};
pub use write::{Assigned, Assignment, Create, Delete, Pairing, Update};

/// What a request asks, with every name resolved and every value typed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// The list of entity sets: `GET …/v9.2/`.
    ServiceDocument,
    /// Rows of a table.
    Query(Query),
    /// How many rows there are, as plain text: `…/contacts/$count`.
    Count(Query),
    /// One row, or one column of it.
    Retrieve(Retrieve),
    /// A new row.
    Create(Create),
    /// A change to a row, which may make the row if it is not there.
    Update(Update),
    /// A row less.
    Delete(Delete),
    /// A new pair of a many-to-many relationship.
    Associate(Pairing),
    /// A pair less.
    Disassociate(Pairing),
    /// A function.
    Function(Function),
    /// An action.
    Action(Action),
}

/// An operation and how its answer should look.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// What is asked.
    pub operation: Operation,
    /// What the caller prefers about the answer.
    pub preferences: Preferences,
    /// The version in the address, `v9.2`; the answer's addresses repeat it.
    pub version: ApiVersion,
}

/// A version of the Web API. The three answer alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// `v9.0`
    V90,
    /// `v9.1`
    V91,
    /// `v9.2`
    V92,
}

impl ApiVersion {
    /// As it stands in an address.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V90 => "v9.0",
            Self::V91 => "v9.1",
            Self::V92 => "v9.2",
        }
    }

    /// The version with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V90, Self::V91, Self::V92].into_iter().find(|version| version.name() == name)
    }
}
