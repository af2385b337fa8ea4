//! Requests counted day by day.

use std::collections::BTreeMap;

use crate::entitlement::Day;
use crate::outlook::{MOST_DAYS, Outlook, TooLittle};

/// How many requests were counted on which day. A day that is not named saw none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    days: BTreeMap<Day, u64>,
}

impl From<BTreeMap<Day, u64>> for History {
    fn from(days: BTreeMap<Day, u64>) -> Self {
        Self { days }
    }
}

impl History {
    /// How many were counted on a day.
    #[must_use]
    pub fn on(&self, day: Day) -> u64 {
        self.days.get(&day).copied().unwrap_or(0)
    }

    /// Adds requests of a day.
    pub fn add(&mut self, day: Day, requests: u64) {
        let count = self.days.entry(day).or_default();
        *count = count.saturating_add(requests);
    }

    /// Adds another's requests to these.
    pub fn merge(&mut self, other: &Self) {
        other.days.iter().for_each(|(day, requests)| self.add(*day, *requests));
    }

    /// The latest day that is named.
    #[must_use]
    pub fn last(&self) -> Option<Day> {
        self.days.keys().next_back().copied()
    }

    /// So many days up to `last`, oldest first.
    pub fn days(&self, last: Day, days: u16) -> impl Iterator<Item = (Day, u64)> + '_ {
        (first(last, days).0..=last.0).map(|day| (Day(day), self.on(Day(day))))
    }

    /// How many were counted in so many days up to `last`.
    #[must_use]
    pub fn total(&self, last: Day, days: u16) -> u64 {
        self.days.range(first(last, days)..=last).fold(0, |total, (_, requests)| total.saturating_add(*requests))
    }

    /// Where the days up to `last`, which are whole, lead.
    ///
    /// # Errors
    /// [`TooLittle`] when nothing can be said.
    pub fn outlook(&self, last: Day) -> Result<Outlook, TooLittle> {
        let Some(earliest) = self.days.keys().next() else { return Err(TooLittle { days: 0 }) };
        let longest = i64::try_from(MOST_DAYS).unwrap_or(i64::MAX);
        let start = earliest.0.max(last.0.saturating_sub(longest));
        let counts: Vec<u64> = (start..=last.0).map(|day| self.on(Day(day))).collect();
        Outlook::of(last, &counts)
    }
}

fn first(last: Day, days: u16) -> Day {
    Day(last.0.saturating_sub(i64::from(days.max(1)) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_add_up_and_are_told_oldest_first() {
        let last = Day(20_785);
        let mut history = History::from(BTreeMap::from([(Day(last.0 - 3), 7), (last, 5)]));
        history.merge(&History::from(BTreeMap::from([(last, 3), (Day(last.0 + 1), 100)])));
        assert_eq!((history.on(last), history.total(last, 3), history.total(last, 4)), (8, 8, 15));
        assert_eq!(history.days(last, 2).collect::<Vec<_>>(), [(Day(last.0 - 1), 0), (last, 8)]);
        assert_eq!((history.last(), History::default().last()), (Some(Day(last.0 + 1)), None));
        assert_eq!(history.outlook(last), Err(TooLittle { days: 4 }));
        assert_eq!(history.outlook(Day(last.0 + 1)).unwrap().days_known(), 5);
        assert_eq!(history.outlook(Day(0)), Err(TooLittle { days: 0 }));
        assert_eq!(History::default().outlook(last), Err(TooLittle { days: 0 }));
    }
}
