//! The local Dataverse: one organization, from an HTTP request to its answer.
//!
//! ```text
//! request -> bound (operation) -> authorised (security) -> lowered (here) -> store -> answer
//! ```
//!
//! An [`Organization`] owns a store with the org's schema and rows. A request is bound on the
//! caller's task; then one hop to a storage thread does the rest in one snapshot: who is calling,
//! what they may, the statement, and its rows written straight into the answer's buffer. No
//! storage thread waits for a socket or for the directory.
//!
//! - [`Organization`] opens, answers, seeds and fills an org;
//! - [`Directory`] is what an org needs from the tenant's directory, as a trait;
//! - `catalogue` knows how the schema's tables lie in the store;
//! - `lower` turns authorised operations into statements: what a request names has its reach in it;
//! - `units` keeps what every business unit brings along: its default team, its copies of roles;
//! - `usage` counts what each user asks for, for the entitlement limits;
//! - `platform`, `seed`, `epoch` and `catalogue` hold the statements of the org's own bookkeeping;
//! - `contents` keeps files and images in pieces, and what is being transferred;
//! - `execute` does them, `rules` says what the platform adds or refuses, `answer` writes JSON.
//!
//! The wire contract follows Microsoft's published Dataverse Web API documents.

mod answer;
mod batch;
mod caller;
mod catalogue;
mod contents;
mod directory;
mod epoch;
mod error;
mod execute;
mod lower;
mod membership;
mod metadata;
mod organization;
mod people;
mod platform;
mod rules;
mod sample;
mod seed;
mod shares;
mod units;
mod usage;

pub use caller::TokenFacts;
pub use catalogue::change::SchemaChange;
pub use catalogue::import::Imported;
pub use directory::{ApplicationFacts, BoxFuture, Directory, DirectoryError};
pub use error::Error;
pub use execute::call::VERSION;
pub use membership::Membership;
pub use organization::{Organization, OrganizationConfig, RolePolicy, Trouble, short_name};
pub use people::{PersonFacts, Presence};
pub use sample::Sampled;
pub use seed::Administrator;
pub use usage::{DAYS_KEPT as USAGE_DAYS_KEPT, UserUsage};
