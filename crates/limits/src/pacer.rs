//! When the next request may go so that it is not refused: the client's side.
//!
//! A client counts its own requests as the server does, but from the moment at which each was answered:
//! the server let it in no later than that, so what has left the client's window has left the server's.
//! Answers tell the rest: how much room the server sees (others may use the same user), and, when a
//! request was refused after all, how long to wait.

use std::time::Duration;

use keyholder_foundation::Timestamp;

use crate::sliding::Sliding;
use crate::{Limit, Limits};

/// When the next request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Now; tell of it with [`Pacer::sent`].
    Now,
    /// From this moment on, unless answers say otherwise: ask again then.
    At(Timestamp),
    /// When one of those under way has been answered: there are as many as there may be.
    AfterAnAnswer,
}

/// What an answer tells about the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// `x-ms-ratelimit-burst-remaining-xrm-requests`.
    pub requests: Option<u32>,
    /// `x-ms-ratelimit-time-remaining-xrm-requests`.
    pub execution: Option<Duration>,
    /// `x-ms-dop-hint`.
    pub parallelism: Option<u32>,
    /// Of a request that was refused for a limit: which, when the answer names it.
    pub refused: Option<Limit>,
    /// How long the answer says to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Told {
    /// Reads `x-ms-ratelimit-time-remaining-xrm-requests`: seconds with thousands separators and up to six
    /// decimals, `1,200.00`; nothing when it is another text.
    #[must_use]
    pub fn read_seconds(text: &str) -> Option<Duration> {
        let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let whole: String = whole.chars().filter(|c| *c != ',').collect();
        if whole.is_empty() || !is_number(&whole) || !is_number(part) || part.len() > 6 {
            return None;
        }
        let micros: u64 = format!("{part:0<6}").parse().ok()?;
        let seconds: u64 = whole.parse().ok().filter(|seconds| *seconds < u64::from(u32::MAX))?;
        Some(Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros)))
    }
}

/// One service user's requests to one org, as the client that sends them knows them.
///
/// Memory: one bucket of 24 bytes for each request in the window, at most [`Limits::requests`] of them.
#[derive(Debug, Clone)]
pub struct Pacer {
    limits: Limits,
    answered: Sliding,
    in_flight: u32,
    /// Requests in the window that others sent for the same user: what the last answer that told it came to.
    others: u32,
    /// The execution time that the last answer left, and when that was.
    execution: Option<(Duration, i64)>,
    parallelism: Option<u32>,
    /// Not before this moment, because the server said so.
    held_until: Option<i64>,
}

impl Pacer {
    /// A pacer that takes these for the org's limits, until answers teach it others.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            answered: Sliding::default(),
            in_flight: 0,
            others: 0,
            execution: None,
            parallelism: None,
            held_until: None,
        }
    }

    /// The limits as far as they are known.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many requests are under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// The parallelism that the server last recommended.
    #[must_use]
    pub fn recommended_parallelism(&self) -> Option<u32> {
        self.parallelism
    }

    /// How many more requests the window takes now.
    pub fn room(&mut self, now: Timestamp) -> u32 {
        self.answered.advance(now, self.limits.window_millis());
        let used = self.answered.requests() + u64::from(self.in_flight) + u64::from(self.others);
        u32::try_from(u64::from(self.limits.requests).saturating_sub(used)).unwrap_or(u32::MAX)
    }

    /// When the next request may go.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let window = self.limits.window_millis();
        let at = self.answered.advance(now, window);
        if self.answered.is_empty() && self.in_flight == 0 {
            // Nothing was answered for a whole window: what was told then holds no more.
            self.others = 0;
        }
        if let Some(until) = self.held_until {
            if at < until && until.saturating_sub(at) <= window.saturating_mul(2) {
                return Next::At(Timestamp::from_millis(until));
            }
            self.held_until = None;
        }
        if self.in_flight >= self.limits.concurrent {
            return Next::AfterAnAnswer;
        }
        let reserved = u64::from(self.in_flight) + u64::from(self.others);
        let own = u64::from(self.limits.requests).saturating_sub(reserved);
        if self.answered.requests() >= own {
            // What is under way, or others', leaves no window of ours by itself.
            return match (own, self.in_flight) {
                (0, 0) => Next::At(Timestamp::from_millis(at.saturating_add(1_000))),
                (0, _) => Next::AfterAnAnswer,
                _ => Next::At(Timestamp::from_millis(self.answered.room_at(at, window, own, u64::MAX))),
            };
        }
        match self.execution_room(at, window) {
            Some(at) => Next::At(Timestamp::from_millis(at)),
            None => Next::Now,
        }
    }

    /// Notes that a request went out.
    pub fn sent(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// Notes that a request which went out was answered, or will never be, and learns what the answer tells.
    pub fn answered(&mut self, now: Timestamp, told: &Told) {
        let window = self.limits.window_millis();
        let at = self.answered.advance(now, window);
        self.in_flight = self.in_flight.saturating_sub(1);
        if told.refused.is_none() {
            self.answered.add(at, 1, 0);
        }
        if let Some(left) = told.requests {
            // Whoever has that many left after a request has a limit above it.
            self.limits.requests = self.limits.requests.max(left.saturating_add(1));
            let own = u64::from(self.limits.requests).saturating_sub(self.answered.requests());
            self.others = u32::try_from(own.saturating_sub(left.into())).unwrap_or(u32::MAX);
        }
        if let Some(left) = told.execution {
            self.execution = Some((left, at));
        }
        self.parallelism = told.parallelism.or(self.parallelism);
        let least = told.refused.map(|_| Duration::from_secs(1));
        if let Some(wait) = told.retry_after.or(least) {
            let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).min(window.saturating_mul(2));
            let until = at.saturating_add(wait);
            self.held_until = Some(self.held_until.map_or(until, |earlier| earlier.max(until)));
        }
    }

    /// When there is execution time for one more request; nothing when there is now. The client does not
    /// know how long the server worked on what: it keeps a hundredth of the limit for what is under way, and
    /// takes what was used up to come back evenly.
    fn execution_room(&self, at: i64, window: i64) -> Option<i64> {
        let (left, told) = self.execution?;
        let (limit, left) = (self.limits.execution.as_micros(), left.as_micros());
        let kept = limit / 100;
        if left >= kept || limit == 0 {
            return None;
        }
        let wait = (kept - left).saturating_mul(u128::from(window.unsigned_abs())) / limit;
        let room = told.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)).saturating_add(1);
        (room > at && room.saturating_sub(at) <= window).then_some(room)
    }
}

#[cfg(test)]
mod tests;
