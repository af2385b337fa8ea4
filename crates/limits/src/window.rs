//! What one user asked for lately, and whether one more request is let in: the server's side.

use std::time::Duration;

use keyholder_foundation::Timestamp;

use crate::Limits;
use crate::sliding::Sliding;

/// One of the three service protection API limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The number of requests in a window.
    Requests,
    /// Their execution time together.
    Execution,
    /// The number of requests at once.
    Concurrency,
}

/// What is left to a user whose request was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// How many more requests the window takes.
    pub requests: u32,
    /// How much more execution time the window takes.
    pub execution: Duration,
}

/// Why a request was not let in, and when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which limit it met.
    pub limit: Limit,
    /// After how many whole seconds there is room again; more for who keeps on asking.
    pub retry_after: Duration,
}

/// What a user asked for in the window that ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Requests that were let in.
    pub requests: u64,
    /// The execution time of those that ended.
    pub execution: Duration,
    /// Requests under way.
    pub active: u32,
}

/// One user's requests on one web server.
///
/// A request counts from the moment that it is let in; its execution time from the moment that it ends. Those
/// that are refused count in neither. Memory: at most one bucket of 24 bytes for each request let in and for
/// each that ended, never more than [`Limits::requests`] twice and [`Limits::concurrent`] once, nor than the
/// window has milliseconds.
#[derive(Debug, Clone, Default)]
pub struct Window {
    counted: Sliding,
    active: u32,
    pushing: Option<Pushing>,
}

/// A caller who was refused, and has not been let in since.
#[derive(Debug, Clone, Copy)]
struct Pushing {
    /// When the last refusal was that counts: several of one second are one, because whoever has
    /// requests under way could not know yet.
    last: i64,
    /// Until when the caller was told to wait.
    until: i64,
    /// By how many seconds that is longer than there would have been to wait.
    longer: i64,
}

impl Window {
    /// Asks to let one more request in. Whoever is let in must be told of by [`Window::finish`].
    ///
    /// # Errors
    /// [`Refused`] when a limit is used up.
    pub fn admit(&mut self, limits: &Limits, now: Timestamp) -> Result<Admitted, Refused> {
        let window = limits.window_millis();
        let now = self.counted.advance(now, window);
        let limit = if self.active >= limits.concurrent {
            Limit::Concurrency
        } else if self.counted.requests() >= limits.requests.into() {
            Limit::Requests
        } else if self.counted.micros() >= limits.execution_micros() {
            Limit::Execution
        } else {
            self.counted.add(now, 1, 0);
            self.active += 1;
            self.pushing = None;
            return Ok(self.left(limits));
        };
        Err(Refused { limit, retry_after: self.refuse(limits, limit, now) })
    }

    /// Notes that a request which was let in has ended, after this time.
    pub fn finish(&mut self, limits: &Limits, now: Timestamp, took: Duration) {
        let now = self.counted.advance(now, limits.window_millis());
        self.active = self.active.saturating_sub(1);
        self.counted.add(now, 0, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// What the window holds now.
    pub fn used(&mut self, limits: &Limits, now: Timestamp) -> Used {
        self.counted.advance(now, limits.window_millis());
        Used {
            requests: self.counted.requests(),
            execution: Duration::from_micros(self.counted.micros()),
            active: self.active,
        }
    }

    /// Whether the window says no more about its user than a new one would.
    pub fn is_forgettable(&mut self, limits: &Limits, now: Timestamp) -> bool {
        self.counted.advance(now, limits.window_millis());
        self.active == 0 && self.counted.is_empty()
    }

    fn left(&self, limits: &Limits) -> Admitted {
        let requests = u64::from(limits.requests).saturating_sub(self.counted.requests());
        Admitted {
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            execution: Duration::from_micros(limits.execution_micros().saturating_sub(self.counted.micros())),
        }
    }

    /// How long to tell a caller to wait: until there is room, and a second longer for each second in which
    /// they asked again although they were told to wait; a window more at most.
    fn refuse(&mut self, limits: &Limits, limit: Limit, now: i64) -> Duration {
        let window = limits.window_millis();
        let room = match limit {
            Limit::Concurrency => now,
            Limit::Requests => self.counted.room_at(now, window, limits.requests.into(), u64::MAX),
            Limit::Execution => self.counted.room_at(now, window, u64::MAX, limits.execution_micros()),
        };
        let (last, longer) = match self.pushing {
            // Set back, the clock says nothing about who asked when.
            Some(before) if now < before.last || now >= before.until => (now, 0),
            Some(before) if now - before.last >= 1_000 => (now, (before.longer + 1).min(window / 1_000)),
            Some(before) => (before.last, before.longer),
            None => (now, 0),
        };
        let seconds = (room.saturating_sub(now).saturating_add(999) / 1_000).max(1).saturating_add(longer);
        self.pushing = Some(Pushing { last, longer, until: now.saturating_add(seconds.saturating_mul(1_000)) });
        Duration::from_secs(u64::try_from(seconds).unwrap_or(1))
    }

    #[cfg(test)]
    fn buckets(&self) -> usize {
        self.counted.buckets()
    }
}

#[cfg(test)]
mod tests;
