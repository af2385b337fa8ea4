//! How many requests at once do best, found by trying.
//!
//! More at once bring more rows a second until the server is busy; from then on each only takes longer. So it grows
//! while answers come as fast as they did, shrinks when they take much longer or one was refused, and never goes below
//! what the server recommends (`x-ms-dop-hint`): additive increase, multiplicative decrease, as TCP does it, with a
//! fast start.
//!
//! Answers from far away come in bursts, as the requests went out: the first of a burst frees a place, and the others find
//! fewer under way than are allowed before it is taken. So what counts is not how many those are, but whether a request
//! had to wait while they were under way: then each of them grows it.

use std::time::Duration;

use keyholder_limits::{Limit, Told};

/// Where it starts, before the server has recommended anything.
const START: f64 = 4.0;
/// Where the fastest of as many answers as are under way takes so many times as long as the fastest ever, the server has no
/// more to give. The others of them may be slow because they had to connect, and one that is has nothing to say.
const SLOW: f64 = 2.5;
/// What is left after such answers.
const GENTLE: f64 = 0.9;
/// What is left after a refusal.
const SHARP: f64 = 0.5;
/// Where no fewer may be under way, the fastest answer is forgotten little by little: what is asked has become another
/// thing, or the server slower. With more under way, they themselves would be the reason.
const FORGET: f64 = 1.02;

#[derive(Debug, Clone)]
pub(super) struct Concurrency {
    allowed: f64,
    least: f64,
    most: f64,
    is_starting: bool,
    /// The fastest answer, in seconds.
    fastest: Option<f64>,
    /// The fastest of the last ones, and whether that was slow.
    fastest_lately: f64,
    is_slow: bool,
    /// So many more of them are to come.
    round: u32,
    /// So many answers to requests that went out before the last change are still to come.
    stale: u32,
    /// And so many to requests that were under way when another last had to wait for one of them.
    wanted: u32,
}

impl Concurrency {
    pub(super) fn new(most: u32) -> Self {
        let most = f64::from(most.max(1));
        let allowed = START.min(most);
        Self {
            allowed,
            least: 1.0,
            most,
            is_starting: true,
            fastest: None,
            fastest_lately: f64::INFINITY,
            is_slow: false,
            round: 0,
            stale: 0,
            wanted: 0,
        }
    }

    /// How many may be under way now.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 1 and a u32")]
    pub(super) fn allowed(&self) -> u32 {
        self.allowed.max(1.0) as u32
    }

    /// Notes that a request has to wait because so many are under way.
    pub(super) fn held_back(&mut self, at_once: u32) {
        self.wanted = at_once;
    }

    /// Learns from an answer which came when so many were under way, itself included.
    pub(super) fn learn(&mut self, told: &Told, at_once: u32, took: Option<Duration>) {
        if let Some(hint) = told.parallelism {
            self.least = f64::from(hint.max(1)).min(self.most);
            self.allowed = self.allowed.max(self.least);
        }
        self.stale = self.stale.saturating_sub(1);
        let is_wanted = self.wanted > 0;
        self.wanted = self.wanted.saturating_sub(1);
        if let Some(limit) = told.refused {
            if limit == Limit::Concurrency {
                // Not one more than went well, from now on.
                self.most = (f64::from(at_once) - 1.0).clamp(1.0, self.most);
                self.least = self.least.min(self.most);
            }
            self.shrink(SHARP, at_once);
            return;
        }
        let Some(took) = took.map(|took| took.as_secs_f64()) else { return };
        let is_least = f64::from(at_once) <= self.least;
        let fastest = self.fastest.map_or(took, |fastest| took.min(if is_least { fastest * FORGET } else { fastest }));
        self.fastest = Some(fastest);
        self.fastest_lately = self.fastest_lately.min(took);
        let is_slow = |took: f64| took > fastest * SLOW && fastest > 0.0;
        self.round = self.round.saturating_sub(1);
        if self.round == 0 {
            self.is_slow = is_slow(self.fastest_lately);
            (self.round, self.fastest_lately) = (at_once, f64::INFINITY);
            if self.is_slow {
                self.shrink(GENTLE, at_once);
            }
        }
        // Only who uses what is allowed learns whether more would do.
        let is_full = is_wanted || f64::from(at_once) + 1.0 > self.allowed;
        if is_full && !self.is_slow && !is_slow(took) {
            let step = if self.is_starting { 1.0 } else { 1.0 / self.allowed.max(1.0) };
            self.allowed = (self.allowed + step).min(self.most);
        }
    }

    /// Once for all answers that tell the same.
    fn shrink(&mut self, to: f64, at_once: u32) {
        if self.stale == 0 {
            self.is_starting = false;
            self.stale = at_once;
            self.wanted = 0;
            self.allowed *= to;
        }
        self.allowed = self.allowed.clamp(self.least, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(millis: u64) -> Option<Duration> {
        Some(Duration::from_millis(millis))
    }

    #[test]
    fn it_grows_while_answers_are_fast_and_no_further_than_the_limit() {
        let mut found = Concurrency::new(52);
        assert_eq!(found.allowed(), 4);
        for _ in 0..500 {
            found.learn(&Told::default(), found.allowed(), answer(20));
        }
        assert_eq!(found.allowed(), 52);
        let mut idle = Concurrency::new(52);
        idle.learn(&Told::default(), 1, answer(20));
        assert_eq!(idle.allowed(), 4, "who asks for little learns nothing");
    }

    #[test]
    fn every_answer_of_a_burst_counts_where_a_request_waits_for_one() {
        for (waits, wanted) in [(true, 32), (false, 7)] {
            let mut found = Concurrency::new(52);
            for _ in 0..3 {
                let burst = found.allowed();
                if waits {
                    found.held_back(burst);
                }
                for under_way in (1..=burst).rev() {
                    found.learn(&Told::default(), under_way, answer(20));
                }
            }
            assert_eq!(found.allowed(), wanted, "waits: {waits}");
        }
    }

    #[test]
    fn that_the_first_requests_had_to_connect_does_not_end_the_fast_start() {
        let mut found = Concurrency::new(52);
        for _ in 0..4 {
            found.learn(&Told::default(), 4, answer(400));
        }
        for _ in 0..50 {
            found.learn(&Told::default(), found.allowed(), answer(20));
        }
        assert_eq!(found.allowed(), 52);
    }

    #[test]
    fn it_stays_near_what_a_busy_server_can_do() {
        // Eight at once are worked on; more wait.
        let mut found = Concurrency::new(52);
        for _ in 0..2_000 {
            let at_once = found.allowed();
            found.learn(&Told::default(), at_once, answer(20 * u64::from(at_once.max(8)) / 8));
        }
        assert!((8..=24).contains(&found.allowed()), "{}", found.allowed());
    }

    #[test]
    fn it_shrinks_once_for_refusals_at_a_time_and_never_below_what_is_recommended() {
        let mut found = Concurrency::new(52);
        for _ in 0..100 {
            found.learn(&Told { parallelism: Some(6), ..Told::default() }, found.allowed(), answer(20));
        }
        let refused = Told { refused: Some(Limit::Requests), ..Told::default() };
        for _ in 0..20 {
            found.learn(&refused, 52, answer(1));
        }
        assert_eq!(found.allowed(), 26);
        for _ in 0..1_000 {
            found.learn(&refused, 10, answer(1));
        }
        assert_eq!(found.allowed(), 6);
        let too_many = Told { refused: Some(Limit::Concurrency), ..Told::default() };
        found.learn(&too_many, 5, answer(1));
        for _ in 0..100 {
            found.learn(&Told::default(), found.allowed(), answer(1));
        }
        assert_eq!(found.allowed(), 4, "one fewer than was too many");
    }
}
