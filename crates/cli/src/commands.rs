//! One file per command. A command takes what was typed and a printer, and ends in an exit code
//! or a failure; it holds no logic of its own.

pub(crate) mod app_user;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod credential;
mod declared;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod explain_config;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod init;
pub(crate) mod load;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod manual;
pub(crate) mod non_interactive;
pub(crate) mod org;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod query;
pub(crate) mod quickstart;
mod rehearsal;
pub(crate) mod role;
pub(crate) mod rotate;
mod rows;
pub(crate) mod schema;
pub(crate) mod subscriber;
pub(crate) mod token;
pub(crate) mod usage;
pub(crate) mod whoami;
pub(crate) mod write;
