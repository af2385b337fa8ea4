//! The storage seam: what crosses it are statements and values, never entities and never SQL.
//!
//! A room that keeps something (the directory, an org) writes [`statement::Statement`]s, prepares
//! each shape once ([`Prepared`]) and runs them inside a [`Database::read`] or [`Database::write`]
//! closure. The closures are synchronous and re-runnable, so that the same code fits both stores:
//!
//! - **SQLite** (here): one file is one [`Database`]. One writer thread takes all writes that wait,
//!   runs them in one transaction with a savepoint each, and answers them after the commit; a few
//!   reader threads run beside it, each closure on one snapshot. A small read is done by whoever asks,
//!   within a bound, when a connection is free. The network is never waited for.
//! - **PostgreSQL**: one schema is one `Database`, which any number of processes may have open.
//!   Closures run on threads that have a connection each; writers take turns by a lock in the
//!   schema, so that writes are as much one after the other as on SQLite. What the server gives up
//!   (a deadlock, a lost connection before the commit) is run again.
//!
//! Values mean the same in both: see [`value`]. Which guarantees a write has is said by
//! [`Durability`].

pub mod database;
pub mod dialect;
mod error;
mod handover;
mod job;
mod migration;
pub mod pattern;
mod pool;
mod postgresql;
mod prepared;
mod queue;
mod sqlite;
pub mod statement;
pub mod value;

pub use database::{Database, DatabaseOptions, Durability, MOST_TOGETHER, Row, Snapshot, Transaction};
pub use error::Error;
pub use migration::Migration;
pub use pattern::{Pattern, Piece};
pub use postgresql::Server;
pub use prepared::Prepared;
pub use value::{FromValue, Kind, Value, ValueRef};
