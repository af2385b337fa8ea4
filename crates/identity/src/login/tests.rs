//! The token service asked from inside the crate, where a test can give an application what only
//! Graph gives it from outside: certificates, federated credentials, redirect URIs.

mod admin_consent;
mod browser;
mod certificates;
mod device;
mod federated;
mod keys;
mod numbers;
mod pages;
mod passwords;
mod refresh;
mod resources;
mod scopes;
mod world;
