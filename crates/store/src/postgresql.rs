//! PostgreSQL behind the seam: one schema, one writing thread and a few reading ones in each
//! process, each with a connection of its own and a runtime that nobody else uses.
//!
//! Any number of processes may have a schema open. A write begins by locking the schema's one table
//! for that (`keyholder_writer`) before its snapshot is taken, so writes happen one after the other
//! over all processes, as they do on SQLite, and never meet a change that they do not see.

mod failure;
mod numeric;
mod open;
mod server;
mod session;
mod threads;
mod value;

pub use server::Server;
pub(crate) use session::Session;
pub(crate) use threads::Sessions;
pub(crate) use value::Row;
