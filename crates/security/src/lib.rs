//! Privileges, roles and Reach: who may do what to which rows. No I/O.
//!
//! Two questions, in the service's own order. Does the caller hold the privilege at all, through
//! a role of their own or of a team? If not, the whole request is refused with the long 403 that
//! names the privilege. If so, how far does it reach? The answer is a [`Reach`], which the store's
//! side turns into a condition on rows.
//!
//! **What a request names cannot be lowered without its reach.** The store's side turns a caller's
//! operation into statements only through a [`ReachedTable`], and [`authorise`] is the only way to
//! one. (The org's own bookkeeping has statements of its own; nothing here speaks about those.)
//!
//! ```compile_fail
//! use keyholder_security::{Reach, ReachedTable};
//! fn all_of(table: std::sync::Arc<keyholder_dataverse::Table>) -> ReachedTable {
//!     ReachedTable { table, verb: keyholder_dataverse::Verb::Read, depth: None, reach: Reach::Everything }
//! }
//! ```
//!
//! ```compile_fail
//! use keyholder_security::{Authorised, ReachedTable, Reading};
//! // Nor can an authorised operation be made around a query by hand.
//! fn free(query: keyholder_operation::Query, rows: ReachedTable) -> Authorised {
//!     Authorised::Query(Reading { part: query, rows, source: None })
//! }
//! ```
//!
//! Follows Microsoft's "How access to a record is determined" and "Security roles and privileges".
//! Hierarchy (managers and positions) has its place in [`Reach`] and comes later.

mod authorised;
mod definitions;
mod denied;
mod grants;
mod privilege;
mod reach;
mod required;
pub mod role_file;

pub use authorised::{
    Authorised, Binding, Calling, Deleting, Linking, Merging, Pairs, Permission, Reading, Relating, Writing, authorise,
    consequence,
};
pub use definitions::{DEFINITION_READS, DEFINITION_WRITES};
pub use denied::Denied;
pub use grants::{Grants, Holder};
pub use keyholder_dataverse::{Depth, Verb};
pub use privilege::{Privilege, default_role_privileges, privilege_id, privileges_of, standalone_privileges};
pub use reach::{Reach, ReachedTable, Rows};
pub use required::{Requirement, Subject, required};
pub use role_file::{RoleFile, RoleFileError};
