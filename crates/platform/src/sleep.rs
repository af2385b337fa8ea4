//! Waiting in real time.

use std::pin::Pin;
use std::time::Duration;

use keyholder_foundation::Sleep;

/// Waits in real time, on the runtime's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuntimeSleep;

impl Sleep for RuntimeSleep {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(duration))
    }
}
