//! Where the days known so far lead: how many requests to expect of a day to come.
//!
//! Made so that one odd day (a load, a holiday) moves next to nothing. The trend is the median of the slopes between
//! all pairs of days (Theil and Sen's), and it counts only where the days rise or fall more often than chance would
//! have it (Mann and Kendall's test, at one in twenty). From two whole weeks on a day is compared with the same weekday
//! of other weeks alone, and each weekday has a level of its own (Hirsch and Slack's seasonal form of both); before,
//! all days have one level. All of it is reckoned in whole thousandths of a request, so that every machine says the
//! same.

use std::fmt;

use crate::entitlement::Day;

/// Of fewer whole days no test tells a trend from chance.
pub const LEAST_DAYS: usize = 5;
/// No more days than these, the latest, are looked at.
pub const MOST_DAYS: usize = 366;
/// A look ahead goes no further than this, nor further than as many days as are known.
pub const FURTHEST: u32 = 90;

const WEEK: usize = 7;
/// Each weekday is there twice.
const WEEKLY_FROM: usize = 2 * WEEK;
/// A day of more counts as one of so many.
const MOST_REQUESTS: i64 = 1_000_000_000_000;
const THOUSAND: i64 = 1_000;

/// What the days known tell of those to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    last: Day,
    days: usize,
    /// Thousandths of a request more, each day.
    slope: i64,
    /// Thousandths of a request on the last day known, were it the weekday with this number ([`weekday`]).
    levels: [i64; WEEK],
}

/// So few whole days are known that nothing is said of those to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLittle {
    /// How many are known.
    pub days: usize,
}

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days {
            0 => f.write_str("too little is known (no whole day)"),
            1 => f.write_str("too little is known (1 day)"),
            days => write!(f, "too little is known ({days} days)"),
        }
    }
}

impl Outlook {
    /// Looks ahead from whole days, oldest first, of which `last` is the last. Days before the first request are
    /// taken for days before there was anybody to ask, and not for known ones.
    ///
    /// # Errors
    /// [`TooLittle`] when fewer than [`LEAST_DAYS`] are known.
    pub fn of(last: Day, counts: &[u64]) -> Result<Self, TooLittle> {
        let first = counts.iter().position(|count| *count > 0).unwrap_or(counts.len());
        let first = first.max(counts.len().saturating_sub(MOST_DAYS));
        let known: Vec<i64> = counts
            .iter()
            .skip(first)
            .map(|count| i64::try_from(*count).unwrap_or(MOST_REQUESTS).min(MOST_REQUESTS) * THOUSAND)
            .collect();
        if known.len() < LEAST_DAYS {
            return Err(TooLittle { days: known.len() });
        }
        let is_weekly = known.len() >= WEEKLY_FROM;
        let slope = trend(&known, if is_weekly { WEEK } else { 1 });
        // How far each day lies over the line through nothing on the last day.
        let over = |at: usize| known[at] + slope * days_to_end(at, known.len());
        let level = |wanted: Option<i64>| {
            let is_wanted = |at: &usize| {
                wanted.is_none_or(|wanted| weekday(Day(last.0.saturating_sub(days_to_end(*at, known.len())))) == wanted)
            };
            median((0..known.len()).filter(is_wanted).map(over).collect())
        };
        let levels = if is_weekly {
            std::array::from_fn(|number| level(i64::try_from(number).ok()))
        } else {
            [level(None); WEEK]
        };
        Ok(Self { last, days: known.len(), slope, levels })
    }

    /// On how many whole days it rests.
    #[must_use]
    pub fn days_known(&self) -> usize {
        self.days
    }

    /// Whether each weekday is looked at by itself.
    #[must_use]
    pub fn is_by_weekday(&self) -> bool {
        self.days >= WEEKLY_FROM
    }

    /// Thousandths of a request more on each day than on the one before; nothing where the days show no clear trend.
    #[must_use]
    pub fn trend(&self) -> i64 {
        self.slope
    }

    /// The last day that it says anything of: as far ahead as days are known, and [`FURTHEST`] at most.
    #[must_use]
    pub fn end(&self) -> Day {
        let known = u32::try_from(self.days).unwrap_or(FURTHEST);
        Day(self.last.0.saturating_add(known.min(FURTHEST).into()))
    }

    /// How many requests to expect on a day; nothing of days after [`Self::end`].
    #[must_use]
    pub fn expected(&self, day: Day) -> Option<u64> {
        if day > self.end() {
            return None;
        }
        let level = usize::try_from(weekday(day)).ok().and_then(|number| self.levels.get(number)).copied().unwrap_or(0);
        let thousandths = self.slope.saturating_mul(day.0.saturating_sub(self.last.0)).saturating_add(level);
        u64::try_from(thousandths.saturating_add(THOUSAND / 2).div_euclid(THOUSAND)).ok().or(Some(0))
    }

    /// The first day from `from` to [`Self::end`] on which more requests are to be expected than `allowance`.
    #[must_use]
    pub fn runs_out(&self, from: Day, allowance: u64) -> Option<Day> {
        let from = from.0.max(self.last.0.saturating_add(1));
        (from..=self.end().0).map(Day).find(|day| self.expected(*day).is_some_and(|requests| requests > allowance))
    }
}

fn days_to_end(at: usize, days: usize) -> i64 {
    i64::try_from(days - 1 - at).unwrap_or(i64::MAX)
}

/// Days that are whole weeks apart have the same.
fn weekday(day: Day) -> i64 {
    day.0.rem_euclid(7)
}

/// The median slope between days that are a multiple of `step` apart; nothing where chance alone might have made it.
fn trend(known: &[i64], step: usize) -> i64 {
    let mut slopes = Vec::new();
    // Kendall's score, and eighteen times what it varies by where there is no trend. Ties would make that less, so
    // that leaving them out only makes the test stricter.
    let (mut score, mut variance) = (0_i64, 0_i64);
    for start in 0..step.min(known.len()) {
        let same: Vec<i64> = known.iter().skip(start).step_by(step).copied().collect();
        for (at, earlier) in same.iter().enumerate() {
            for (apart, later) in same.iter().skip(at + 1).enumerate() {
                let days = i64::try_from((apart + 1) * step).unwrap_or(i64::MAX);
                slopes.push((later - earlier) / days);
                score += (later - earlier).signum();
            }
        }
        let days = i64::try_from(same.len()).unwrap_or(0);
        variance += days * (days - 1) * (2 * days + 5);
    }
    let clear = score.abs().saturating_sub(1).max(0);
    // One in twenty: 1.96 times the deviation, squared, with the continuity correction of one.
    if 1_800 * clear * clear > 384 * variance { median(slopes) } else { 0 }
}

fn median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let (below, above) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(below), values.get(above)) {
        (Some(below), Some(above)) => below + (above - below) / 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
