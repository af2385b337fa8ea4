//! What a client knows of others who use the same user.
//!
//! Who has used up its own part of the window asks nothing, so hears nothing of the room that others leave. It may
//! find out by a request beyond its part, a probe: one at a time, and none within a second of another request. Only
//! while others may have requests in the window, which is proven and ends: they were seen there a window ago at most.
//! A client that is alone, or that takes the limit for a higher one than it is, never sees any, so it sends no probe.
//!
//! A probe that is refused doubles the time until the next, and one that finds room for several more halves it: so where
//! others leave slowly or not at all there are few refusals, and where they leave fast little room is lost. When a
//! refusal says when to come again, there is room then, and nobody waits longer.

use super::Told;
use crate::Limit;

/// The shortest time between a request and a probe, in milliseconds.
const SHORTEST_GAP: i64 = 1_000;

/// What is known of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Others {
    /// Until when requests of theirs may be in the window: a window after they were seen to be.
    until: Option<i64>,
    /// The lowest most that answers of the last window told, and when that was first.
    most: Option<(u64, i64)>,
    /// When a request was sent last.
    sent: Option<i64>,
    /// How long after that a probe may go.
    gap: i64,
    /// Which request is a probe and is under way.
    probe: Option<u64>,
    /// A refusal said when there is room, and nothing was sent since.
    is_invited: bool,
}

impl Default for Others {
    fn default() -> Self {
        Self { until: None, most: None, sent: None, gap: SHORTEST_GAP, probe: None, is_invited: false }
    }
}

impl Others {
    /// They have requests in the window now.
    pub(super) fn seen(&mut self, at: i64, window: i64) {
        let until = at.saturating_add(window);
        self.until = Some(self.until.map_or(until, |earlier| earlier.max(until)));
    }

    /// An answer told bounds of what the window takes of the client's own. If that is more than it took at
    /// most before, others have left since, who were there then; some of them may still be.
    pub(super) fn left(&mut self, at: i64, least: u64, most: u64, window: i64) {
        self.most = self.most.filter(|(_, then)| (0..window).contains(&at.saturating_sub(*then)));
        match self.most {
            Some((before, then)) if least > before => {
                self.seen(then, window);
                self.most = Some((most, at));
            }
            Some((before, _)) if before <= most => {}
            _ => self.most = Some((most, at)),
        }
    }

    /// A request of this number goes; whether beyond the client's own part.
    pub(super) fn sent(&mut self, at: i64, number: u64, is_beyond: bool) {
        self.sent = Some(at);
        self.is_invited = false;
        if is_beyond {
            self.probe = Some(number);
        }
    }

    /// The request of this number came to its end.
    pub(super) fn answered(&mut self, number: u64, told: &Told, window: i64) {
        self.is_invited |= told.refused == Some(Limit::Requests) && told.retry_after.is_some();
        if self.probe != Some(number) {
            return;
        }
        self.probe = None;
        if told.refused.is_some() {
            self.gap = self.gap.saturating_mul(2).min(window.max(SHORTEST_GAP));
        } else if told.requests.is_some_and(|left| left > 1) {
            self.gap = (self.gap / 2).max(SHORTEST_GAP);
        }
    }

    /// When a probe may go; nothing while one is under way, or nobody else is known to be there.
    pub(super) fn probe_at(&self, at: i64, window: i64) -> Option<i64> {
        let until = self.until.filter(|_| self.probe.is_none())?;
        // Further ahead it can only be by a clock that was set back.
        if !(1..=window).contains(&until.saturating_sub(at)) {
            return None;
        }
        let due = match self.sent {
            Some(sent) if !self.is_invited => sent.min(at).saturating_add(self.gap),
            _ => at,
        };
        (due < until).then_some(due)
    }
}
