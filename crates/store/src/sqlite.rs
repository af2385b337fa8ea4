//! SQLite behind the seam: one file, one writing thread, a few reading ones.

mod connection;
mod copy;
mod long;
mod open;
mod readers;
mod threads;
mod work;

pub(crate) use connection::{Connection, Row};
pub(crate) use copy::copy;
pub(crate) use threads::Threads;
