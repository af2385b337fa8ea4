//! Provisioning against a small stand-in for the three services.
//!
//! The whole path on the local org is tested through the command line. Here are the cases that
//! need a service to misbehave at a chosen request: lost answers, lag, killed runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod audit;
mod certificates;
mod credentials;
mod declaration;
mod directory;
mod eventual;
mod guards;
mod keys;
mod killed;
mod non_interactive;
mod org;
mod path;
mod plans;
mod remote_sinks;
mod rights;
mod rotate_lag;
mod sinks;
mod strangers;
mod subscribers;
mod world;
