//! The real transport against real sockets on loopback, and the library against a local org: what a script cannot
//! stand in for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bulk;
mod documentation;
mod example;
mod faults;
mod network;
mod pacing;
mod server;
mod web_api;
