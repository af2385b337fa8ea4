//! The local org: data folder, certificate authority, listener and control endpoints.

pub mod certificates;
pub mod env_file;
pub mod folder;
pub mod listen;
mod serve;
