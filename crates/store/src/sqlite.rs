//! SQLite behind the seam: one file, one writing thread, a few reading ones.

mod connection;
mod copy;
mod open;
mod queue;
mod readers;
mod threads;

pub(crate) use connection::{Connection, Row};
pub(crate) use copy::copy;
pub(crate) use threads::Threads;
