//! The token service and the directory, asked as the org asks them: requests in, responses out.

mod administrators;
mod discovery;
mod graph;
mod malformed;
mod tokens;
mod verify;
mod world;
