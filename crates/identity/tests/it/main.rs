//! The token service and the directory, asked as the org asks them: requests in, responses out.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test where they stand")]

mod administrators;
mod discovery;
mod graph;
mod graph_applications;
mod graph_batches;
mod graph_credentials;
mod graph_defaults;
mod graph_factors;
mod graph_groups;
mod graph_licences;
mod graph_policies;
mod graph_queries;
mod graph_reports;
mod graph_rights;
mod graph_users;
mod malformed;
mod outbox;
mod personas;
mod stores;
mod tokens;
mod verify;
mod world;
