//! The org's time: kept in `world.json`, so that it survives a restart.

use keyholder_foundation::{Timestamp, WallClock};

use super::OpenWorld;
use crate::clock::{ClockChange, ClockReading};
use crate::error::StartError;

impl OpenWorld {
    /// What the org's clock shows.
    #[must_use]
    pub fn clock(&self) -> ClockReading {
        ClockReading { now: self.clocks.org.now(), offset_millis: self.clocks.org.offset_millis() }
    }

    /// Sets or moves the org's time, for good.
    ///
    /// # Errors
    /// [`Refused::Time`](crate::Refused::Time); [`StartError`] when it cannot be written down.
    pub async fn change_clock(&self, change: ClockChange) -> Result<ClockReading, StartError> {
        let mut state = self.state.write().await;
        let clock = &self.clocks.org;
        // The org clock has the machine's time under it; a test's machine may have a time of its own.
        let machine = Timestamp::from_millis(clock.now().as_millis().saturating_sub(clock.offset_millis()));
        let offset = change.offset(machine, clock.offset_millis())?;
        let mut record = state.record.clone();
        record.clock_offset_millis = offset;
        self.keep_record(&mut state, record).await?;
        clock.set_offset_millis(offset);
        Ok(self.clock())
    }
}
