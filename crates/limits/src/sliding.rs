//! A sum over the last so many milliseconds, exact to each of them.
//!
//! What happens in one millisecond is one bucket. So there are never more buckets than things that
//! happened in the window, nor more than the window has milliseconds; nothing is rounded.

use std::collections::VecDeque;

use keyholder_foundation::Timestamp;

/// A clock that runs back by no more than this is read a little out of order, by several threads; by more, and
/// it was set back: then nothing of what was counted has happened yet.
pub(crate) const OUT_OF_ORDER: i64 = 1_000;

/// What happened in one millisecond.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    at: i64,
    requests: u32,
    micros: u64,
}

/// Requests and execution time of a window that ends now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sliding {
    /// In the order of time.
    buckets: VecDeque<Bucket>,
    requests: u64,
    micros: u64,
}

impl Sliding {
    /// Brings the window to this moment, and forgets what has left it. Gives the moment that counts: it
    /// never lies before one that was counted.
    pub(crate) fn advance(&mut self, now: Timestamp, window: i64) -> i64 {
        let now = now.as_millis();
        let newest = self.buckets.back().map_or(now, |bucket| bucket.at);
        if newest.saturating_sub(now) > OUT_OF_ORDER {
            *self = Self::default();
            return now;
        }
        let now = now.max(newest);
        while let Some(oldest) = self.buckets.front().copied() {
            if now.saturating_sub(oldest.at) < window {
                break;
            }
            self.requests = self.requests.saturating_sub(oldest.requests.into());
            self.micros = self.micros.saturating_sub(oldest.micros);
            self.buckets.pop_front();
        }
        // A burst must not hold memory for as long as its user stays.
        if self.buckets.is_empty() && self.buckets.capacity() > 64 {
            self.buckets = VecDeque::new();
        }
        now
    }

    /// Counts requests and execution time at a moment that [`Self::advance`] gave.
    pub(crate) fn add(&mut self, at: i64, requests: u32, micros: u64) {
        match self.buckets.back_mut() {
            Some(newest) if newest.at >= at => {
                newest.requests = newest.requests.saturating_add(requests);
                newest.micros = newest.micros.saturating_add(micros);
            }
            _ => self.buckets.push_back(Bucket { at, requests, micros }),
        }
        self.requests = self.requests.saturating_add(requests.into());
        self.micros = self.micros.saturating_add(micros);
    }

    /// Requests of the window.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// Execution time of the window, in microseconds.
    pub(crate) fn micros(&self) -> u64 {
        self.micros
    }

    /// The moment at which fewer than `requests` and less than `micros` are left of what is counted now; `now`
    /// when it is so already.
    pub(crate) fn room_at(&self, now: i64, window: i64, requests: u64, micros: u64) -> i64 {
        let (mut left_requests, mut left_micros) = (self.requests, self.micros);
        let mut at = now;
        for bucket in &self.buckets {
            if left_requests < requests && left_micros < micros {
                break;
            }
            left_requests = left_requests.saturating_sub(bucket.requests.into());
            left_micros = left_micros.saturating_sub(bucket.micros);
            at = bucket.at.saturating_add(window);
        }
        at
    }

    /// When the first was counted of what is counted now.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.buckets.front().map(|bucket| bucket.at)
    }

    /// Whether nothing is counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }
}
