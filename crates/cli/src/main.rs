//! The `keyholder` command.
fn main() {}
