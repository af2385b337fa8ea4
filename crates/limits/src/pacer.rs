//! When the next request may go so that it is not refused: the client's side.
//!
//! A client counts its own requests as the server does, but from the moment at which each was answered:
//! the server let it in no later than that, so what has left the client's window has left the server's.
//! Answers tell the rest: how much room the server sees (others may use the same user, and the limit may be
//! another than it is taken for), and, when a request was refused after all, how long to wait.
//!
//! **How many of its own requests a window takes** is what an answer says was left, and those of its own that the
//! server had counted when it let that request in. How many these were the client cannot know: requests
//! and answers overtake one another. But it knows bounds, whatever the delays are. Say a request was sent
//! at `s` and answered at `r`, and let in at some moment `a` between.
//!
//! - *No fewer* than itself, and each that had been answered at `s` and was sent after `r - window`: that one was let in
//!   before `a`, and after `a - window`.
//! - *No more* than those that the client counted at `s`, and each that it sent until `r`: what it did not count at
//!   `s` any more had been let in before `s - window`, so before `a - window`.
//!
//! So each answer tells a least and a most that the window takes. The highest least is kept; while others do not take more
//! than they did, that is never too much. A most below it tells that they do: then what this answer tells counts alone.
//!
//! **No request is refused** while no more are sent than that many, those under way and those answered in the last window
//! together. For what the server has in its window when it lets a request in was sent before; the last of it to be sent
//! was sent when all the others were under way, or had been answered less than a window ago.
//!
//! **Others' requests leave the window, too**, and nobody tells when. Where they were seen to be there, a client that has
//! used up its own part asks for one request more now and then, which alone may be refused; see [`others`].

mod others;

use std::time::Duration;

use keyholder_foundation::Timestamp;

use crate::sliding::Sliding;
use crate::{Limit, Limits};
use others::Others;

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

/// A request that went out: what the client had counted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "tell of its answer with `Pacer::answered`"]
pub struct Sent {
    /// Requests that had been sent ever, this one included.
    sent: u64,
    /// Those of them that had come to their end.
    ended: u64,
    /// Those that the server may have counted, this one included.
    used: u64,
}

/// One service user's requests to one org, as the client that sends them knows them.
///
/// Memory: three buckets of 24 bytes at most for each request in the window, of which there are no more than
/// [`Limits::requests`].
#[derive(Debug, Clone)]
pub struct Pacer {
    limits: Limits,
    answered: Sliding,
    in_flight: u32,
    /// Each by the moment at which it was sent.
    sent: Sliding,
    sent_ever: u64,
    /// Those of which no answer told that the server counted them, by the moment at which that was known.
    untold: Sliding,
    /// How many of the client's own requests a window takes, as far as answers told.
    own: Option<u64>,
    others: Others,
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
            sent: Sliding::default(),
            sent_ever: 0,
            untold: Sliding::default(),
            own: None,
            others: Others::default(),
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
        u32::try_from(self.own().saturating_sub(self.used())).unwrap_or(u32::MAX)
    }

    /// When the next request may go.
    pub fn next(&mut self, now: Timestamp) -> Next {
        let window = self.limits.window_millis();
        let at = self.answered.advance(now, window);
        if self.answered.is_empty() && self.in_flight == 0 {
            // Nothing was answered for a whole window: what was told then holds no more.
            self.own = None;
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
        let own = self.own().saturating_sub(self.in_flight.into());
        if self.answered.requests() >= own {
            // What is under way, or others', leaves no window of ours by itself.
            let room = (own > 0).then(|| self.answered.room_at(at, window, own, u64::MAX));
            let probe = if self.own() < self.limits.requests.into() { self.others.probe_at(at, window) } else { None };
            match (room, probe) {
                (_, Some(probe)) if probe <= at => {}
                (Some(room), Some(probe)) => return Next::At(Timestamp::from_millis(room.min(probe))),
                (Some(moment), None) | (None, Some(moment)) => return Next::At(Timestamp::from_millis(moment)),
                (None, None) if self.in_flight > 0 => return Next::AfterAnAnswer,
                (None, None) => return Next::At(Timestamp::from_millis(at.saturating_add(1_000))),
            }
        }
        match self.execution_room(at, window) {
            Some(at) => Next::At(Timestamp::from_millis(at)),
            None => Next::Now,
        }
    }

    /// Notes that a request went out.
    pub fn sent(&mut self, now: Timestamp) -> Sent {
        let window = self.limits.window_millis();
        self.answered.advance(now, window);
        let at = self.sent.advance(now, window);
        self.sent.add(at, 1, 0);
        let is_beyond = self.used() >= self.own();
        self.others.sent(at, self.sent_ever.saturating_add(1), is_beyond);
        let ended = self.sent_ever.saturating_sub(self.in_flight.into());
        self.sent_ever = self.sent_ever.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(1);
        Sent { sent: self.sent_ever, ended, used: self.used() }
    }

    /// Notes that a request which went out was answered, or will never be, and learns what the answer tells.
    pub fn answered(&mut self, now: Timestamp, sent: Sent, told: &Told) {
        let window = self.limits.window_millis();
        let at = self.answered.advance(now, window);
        if let Some(left) = told.requests {
            // Whoever has that many left after a request has a limit above it.
            self.limits.requests = self.limits.requests.max(left.saturating_add(1));
            self.learn_own(now, sent, left.into(), told.refused.is_none());
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        if told.refused == Some(Limit::Requests) {
            self.learn_of_others(at, told.retry_after);
        }
        self.others.answered(sent.sent, told, window);
        if told.refused.is_none() {
            self.answered.add(at, 1, 0);
        }
        if told.refused.is_some() || told.requests.is_none() {
            let at = self.untold.advance(now, window);
            self.untold.add(at, 1, 0);
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

    /// Learns how many of the client's own requests a window takes from what was left after this one, or, if it was not
    /// let in, without it. Why these are bounds stands above.
    fn learn_own(&mut self, now: Timestamp, sent: Sent, left: u64, is_let_in: bool) {
        let window = self.limits.window_millis();
        let at = self.sent.advance(now, window);
        self.untold.advance(now, window);
        // Of those that have left the window some may have had no answer yet: so fewer are left than there were.
        let gone = self.sent_ever.saturating_sub(self.sent.requests()) + self.untold.requests();
        let least = left + u64::from(is_let_in) + sent.ended.saturating_sub(gone);
        let most = left + sent.used + self.sent_ever.saturating_sub(sent.sent);
        if self.own.is_some_and(|own| own > most) {
            // They take more than they did.
            self.others.seen(at, window);
        }
        self.others.left(at, least, most, window);
        self.own = Some(match self.own {
            Some(own) if own <= most => own.max(least),
            _ => least,
        });
    }

    /// Learns from a refusal whether others fill the window: where none of the client's own requests can be in it, or
    /// there will be room before the first of them leaves it.
    fn learn_of_others(&mut self, at: i64, retry_after: Option<Duration>) {
        let window = self.limits.window_millis();
        let is_none_ours = self.answered.is_empty() && self.in_flight == 0;
        // The server let the first in before it was answered: by less than a tenth of the window, unless the line is bad.
        let ours = self.answered.oldest().unwrap_or(at).saturating_add(window - window / 10);
        let is_before_ours = retry_after
            .and_then(|wait| i64::try_from(wait.as_millis()).ok())
            .is_some_and(|wait| at.saturating_add(wait) < ours);
        if is_none_ours || is_before_ours {
            self.others.seen(at, window);
        }
    }

    /// How many of its own requests the client may have in a window.
    fn own(&self) -> u64 {
        let limit = self.limits.requests.into();
        self.own.map_or(limit, |own| own.min(limit))
    }

    /// How many of its own requests the server may have in its window.
    fn used(&self) -> u64 {
        self.answered.requests() + u64::from(self.in_flight)
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
