//! Real clients against one local org each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says where it stopped, and why it was skipped"
)]

mod audit;
mod azure_cli;
mod dataverse;
mod issuers;
mod node;
mod pages;
mod places;
mod program;
mod python;
mod rust;
mod stage;
