//! Waiting as a value: whoever waits is handed what to wait with, so that a test need not.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

/// Waits.
pub trait Sleep: Send + Sync + Debug {
    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
