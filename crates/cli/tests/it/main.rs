//! The command as a whole, and the house that it stands in.

mod connection;
mod control;
mod house;
mod killed;
mod org;
mod program;
mod quickstart;
mod refusals;
