//! The real transport against real sockets on loopback: what a script cannot stand in for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod network;
mod server;
