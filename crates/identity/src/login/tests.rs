//! The token service asked from inside the crate, where a test can give an application what only
//! Graph gives it from outside: certificates, federated credentials, redirect URIs.

mod certificates;
mod federated;
mod keys;
mod world;
