//! The command as a whole, and the house that it stands in.
#![expect(clippy::unwrap_used, reason = "a test says where it stopped, and why it was skipped")]

mod connection;
mod control;
mod declared;
mod documents;
mod guide;
mod house;
mod init;
mod killed;
mod killed_restore;
mod login;
mod manual;
mod non_interactive;
mod org;
mod person;
mod program;
mod quickstart;
mod refusals;
mod serving;
mod sign_in;
