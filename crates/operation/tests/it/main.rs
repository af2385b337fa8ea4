//! The crate from outside: requests in, operations or refusals out.

mod binding;
mod properties;
mod real_queries;
mod world;
