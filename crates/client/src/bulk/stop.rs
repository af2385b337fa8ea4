//! The request to stop a load.

use std::sync::Arc;

use tokio::sync::watch;

/// A load is asked to stop by it: no more rows are read, what is under way is waited for and written down. Clones are one.
///
/// ```
/// use keyholder_client::bulk::Stop;
/// let stop = Stop::default();
/// stop.clone().ask();
/// assert!(stop.is_asked());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Asks to stop.
    pub fn ask(&self) {
        self.0.send_replace(true);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        // The sender lives as long as this does.
        let _ = self.0.subscribe().wait_for(|asked| *asked).await;
    }
}
