//! The request to stop.

use std::io;

use crate::system;

/// Waits until the person or the system asks the process to stop: Ctrl-C everywhere, and
/// SIGTERM on Unix.
///
/// # Errors
/// When the handler cannot be set.
pub async fn interrupted() -> io::Result<()> {
    system::interrupted().await
}
