//! Real clients against one local org each.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says where it stopped, and why it was skipped")]

mod msal_python;
mod program;
