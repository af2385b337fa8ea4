//! Dataverse tables as data: schema, typed values, and the error table. No I/O.
//!
//! The local org answers from this crate and the doctor explains from it, so both know the same
//! tables, the same value rules and the same errors. The wire contract follows Microsoft's
//! published Dataverse Web API documents; where those are silent and the choice is ours, the
//! place says "a reading".
//!
//! - [`schema`]: what tables, columns and relationships there are. It comes from files, not code.
//! - [`csdl`]: the metadata document of a real org as a schema.
//! - [`value`]: what a column can hold, and how that reads and prints in JSON.
//! - [`fold`]: when Dataverse takes two texts for the same.
//! - [`derived`]: ids for things that have none of their own.
//! - [`error`]: the `0x8…` errors with their exact texts.
//! - [`privilege`]: the verbs a table can be used with, and how a privilege is named.

pub mod csdl;
pub mod derived;
pub mod error;
pub mod fold;
pub mod privilege;
pub mod schema;
pub mod value;

pub use derived::derived_id;
pub use error::DataverseError;
pub use privilege::{AccessRights, Depth, Verb};
pub use schema::{Column, ColumnKind, Schema, Table};
pub use value::{Decimal, Money, Reference, Value};
