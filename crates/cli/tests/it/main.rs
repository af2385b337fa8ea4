//! The command as a whole, and the house that it stands in.
#![expect(clippy::unwrap_used, reason = "a test says where it stopped, and why it was skipped")]

mod admin_api;
mod app_user;
mod app_user_killed;
mod app_user_removed;
mod audit;
mod batch;
mod connection;
mod control;
mod credentials;
mod declared;
mod doctor;
mod documents;
mod explain;
mod export;
mod guide;
mod house;
mod import_schema;
mod init;
#[cfg(unix)]
mod interrupted;
mod killed;
mod killed_restore;
mod limits;
mod load;
#[cfg(unix)]
mod load_faults;
#[cfg(unix)]
mod load_killed;
mod login;
mod manual;
mod nodes;
mod non_interactive;
mod org;
mod person;
mod pipelines;
mod policies;
mod profiles;
mod program;
mod quickstart;
mod reading;
mod refusals;
mod requirements;
mod rights;
mod roles;
mod rotate;
mod rotate_guards;
mod rotate_killed;
mod rotate_passwords;
#[cfg(unix)]
mod rotate_places;
mod rows;
mod segmented;
mod serving;
mod sign_in;
mod sinks;
mod subscriber;
mod two_tenants;
mod usage;
