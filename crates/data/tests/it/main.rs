//! The organization as its callers see it: HTTP requests in, answers out.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod application_users;
mod business_units;
mod callers;
mod garbage;
mod oracle;
mod paging;
mod people;
mod reading;
mod roles;
mod sample;
mod world;
mod writing;

use world::World;
