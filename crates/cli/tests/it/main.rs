//! The command as a whole, and the house that it stands in.
#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod connection;
mod control;
mod documents;
mod house;
mod killed;
mod org;
mod program;
mod quickstart;
mod refusals;
mod serving;
