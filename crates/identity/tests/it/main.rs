//! The token service and the directory, asked as the org asks them: requests in, responses out.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test where they stand")]

mod administrators;
mod discovery;
mod graph;
mod malformed;
mod tokens;
mod verify;
mod world;
