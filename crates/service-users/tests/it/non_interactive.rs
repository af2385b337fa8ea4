//! Non-interactive users on a whole local org, over a transport that can be cut at any request. The
//! clock is moved by whoever waits: hours take no time.

mod convert;
mod create;
mod declared;
mod killed;
mod limits;
mod migrate;
mod release;
pub(crate) mod world;
