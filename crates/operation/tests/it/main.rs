//! The crate from outside: requests in, operations or refusals out.

#![expect(clippy::unwrap_used, reason = "a test whose world cannot be made should stop there")]

mod applying;
mod binding;
mod functions;
mod links;
mod properties;
mod real_fetches;
mod real_queries;
mod world;
