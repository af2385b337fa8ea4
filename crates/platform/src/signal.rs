//! The request to stop.

use std::io;

use crate::system;

/// Hears the person's or the system's request to stop from the moment that it is made: Ctrl-C
/// everywhere, and SIGTERM on Unix. Make it before telling anybody that the process is ready.
#[derive(Debug)]
pub struct Interruption(system::Interruption);

impl Interruption {
    /// Begins to listen; the process no longer ends by itself then.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        system::Interruption::listen().map(Self)
    }

    /// Waits until a stop is asked for; at once when it was asked for already.
    ///
    /// # Errors
    /// When the system can no longer tell.
    pub async fn wait(&mut self) -> io::Result<()> {
        self.0.wait().await
    }
}
