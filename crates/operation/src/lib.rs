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
//! - [`batch`]: several requests in one.
//! - [`mod@fetch`]: FetchXML documents.
//! - [`mod@sql`]: what the `sql` option takes.
//! - [`mod@query`], [`mod@write`], [`call`]: what an operation is made of.
//! - [`mod@contents`]: contents of files and images.
//! - [`mod@metadata`]: questions about the schema itself.
//! - [`oracle`]: what a query means, said a second time, naively, over rows in memory.
//! - [`mod@print`]: a query back as OData text.

pub mod batch;
pub mod bind;
pub mod call;
pub mod contents;
pub mod fetch;
pub mod metadata;
pub mod oracle;
pub mod page;
pub mod print;
pub mod query;
pub mod request;
pub mod sql;
pub mod syntax;
pub mod write;

pub use batch::References;
pub use bind::{bind, operations};
pub use call::{
    Action, AddToQueue, AskedPrivileges, Blocks, BulkDelete, Close, Function, Merge, NamedRow, PrivilegeHolder,
    RolePrivilege, Sharing, TargetFieldType,
};
pub use contents::{
    ByteRange, ContentRange, ContentsOf, Download, LARGEST_BLOCK, MOST_BLOCKS, SessionToken, Upload, UploadStep,
    changeable,
};
pub use metadata::{ChangesQuery, MetadataQuery, MetadataWrite};
pub use page::PageToken;
pub use query::{
    Circumstances, ColumnOf, Comparand, Comparison, Exists, Expand, Filter, Follow, JoinOn, Link, LinkKind, Order,
    Query, Retrieve, RowKey, Saved, Selection, SourceId, TextFunction, Within,
};
pub use request::{ActingFor, Preferences, Request};
pub use write::{
    Assigned, Assignment, Create, Delete, Multiple, MultipleKind, Paired, PairedRow, Pairing, Related, RelatedRow,
    Update,
};

/// What a request asks, with every name resolved and every value typed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// The list of entity sets: `GET …/v9.2/`.
    ServiceDocument,
    /// The document that describes every type: `GET …/v9.2/$metadata`.
    MetadataDocument,
    /// Definitions of tables, columns and relationships.
    Metadata(Box<MetadataQuery>),
    /// Many definitions at once, for whoever keeps a copy.
    MetadataChanges(Box<ChangesQuery>),
    /// A change to the schema.
    MetadataChange(Box<MetadataWrite>),
    /// Rows of a table.
    Query(Query),
    /// Rows of a table, as a query asks that a row of the org holds.
    Saved(Saved),
    /// How many rows there are, as plain text: `…/contacts/$count`.
    Count(Query),
    /// One row, or one column of it.
    Retrieve(Retrieve),
    /// The row that a lookup of another names.
    Follow(Follow),
    /// A new row.
    Create(Create),
    /// A change to a row, which may make the row if it is not there.
    Update(Update),
    /// Several new or changed rows.
    Multiple(Multiple),
    /// A row less.
    Delete(Delete),
    /// Contents of a file or image column, or a part of them.
    Download(Download),
    /// New contents of such a column, or a part of them.
    Upload(Upload),
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
    /// In whose name it is asked, where that is not the caller's.
    pub acting_for: Option<ActingFor>,
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
