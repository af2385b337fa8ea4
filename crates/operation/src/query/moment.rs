//! Stretches of time that the moment decides: today, the last seven days, older than three months.
//!
//! Whole days, weeks, months and years begin at midnight in the caller's time zone, weeks on
//! Sunday. What they are is a pure function of the moment and the zone. A column that is the same
//! for everybody (a date without time among them) is not moved by the zone.

use keyholder_foundation::Timestamp;

use super::DatePart;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Months are counted from January of the year 0; further away than these nothing is asked for.
const FIRST_MONTH: i64 = -24_000;
const LAST_MONTH: i64 = 240_000;

/// The caller's time zone: so far from UTC, all year.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Minutes to add to UTC for the time there.
    pub offset_minutes: i32,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Span {
    /// The day that lies so many days after today.
    Day(i32),
    /// The last seven days and today up to now; with `next`, from now to the end of the seven days
    /// that follow today.
    SevenDays {
        /// Whether the next ones.
        next: bool,
    },
    /// The whole week, month or year that lies so many after this one.
    Whole(TimeUnit, i32),
    /// From so many ago until now; of days and longer, from the beginning of that day. Of fiscal
    /// periods and years, so many whole ones before this.
    Last(TimeUnit, u32),
    /// From now until so many ahead; of days and longer, to the end of that day. Of fiscal periods
    /// and years, so many whole ones after this.
    Next(TimeUnit, u32),
    /// Before the moment that lies so many ago.
    OlderThan(TimeUnit, u32),
    /// The day of this moment: an instant, or midnight of a date.
    On(Timestamp),
    /// That day and all before it.
    OnOrBefore(Timestamp),
    /// That day and all after it.
    OnOrAfter(Timestamp),
    /// A fiscal year, or one of its periods.
    Fiscal {
        /// The year.
        year: i32,
        /// The period's number, from 1.
        period: Option<u8>,
        /// Whether what lies before or after counts, too.
        reach: FiscalReach,
    },
}

/// What counts beside a fiscal period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FiscalReach {
    /// Nothing.
    In,
    /// All that lies before it.
    InOrBefore,
    /// All that lies after it.
    InOrAfter,
}

/// What time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// Seven days, from Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
    /// A fiscal period: a quarter of the calendar, as in an org that nobody has set up otherwise.
    FiscalPeriod,
    /// A fiscal year: the calendar's.
    FiscalYear,
}

/// From the first moment (which counts) to the last (which does not); open where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: Option<Timestamp>,
    /// The one behind the last.
    pub before: Option<Timestamp>,
}

impl Range {
    /// Whether a moment lies in it.
    #[must_use]
    pub fn contains(self, moment: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.before.is_none_or(|before| moment < before)
    }
}

impl Span {
    /// The stretch at the moment `now`. `local` says whether the column's values are moments, which
    /// the caller sees in their zone; otherwise they are the same for everybody.
    #[must_use]
    pub fn range(self, now: Timestamp, zone: Zone, local: bool) -> Range {
        let offset = i64::from(zone.offset_minutes) * MINUTE;
        // Everything is computed in the time that the caller's clock shows.
        let now = now.as_millis().saturating_add(offset);
        let today = now.div_euclid(DAY);
        let day = |day: i64| day.saturating_mul(DAY);
        let given = |moment: Timestamp| {
            let shown = moment.as_millis().saturating_add(if local { offset } else { 0 });
            shown.div_euclid(DAY)
        };
        let (from, before) = match self {
            Self::Day(after) => (Some(day(today + i64::from(after))), Some(day(today + i64::from(after) + 1))),
            Self::SevenDays { next: false } => (Some(day(today - 7)), Some(now + 1)),
            Self::SevenDays { next: true } => (Some(now), Some(day(today + 8))),
            Self::Whole(unit, after) => {
                let first = |after: i64| beginning(unit, now, after);
                (Some(first(after.into())), Some(first(i64::from(after) + 1)))
            }
            Self::Last(unit, count) if unit.is_fiscal() => {
                (Some(beginning(unit, now, -i64::from(count))), Some(beginning(unit, now, 0)))
            }
            Self::Next(unit, count) if unit.is_fiscal() => {
                (Some(beginning(unit, now, 1)), Some(beginning(unit, now, 1 + i64::from(count))))
            }
            Self::Fiscal { year, period, reach } => {
                let (first, length) = period.map_or((0, 12), |period| ((i64::from(period) - 1) * 3, 3));
                let first = i64::from(year) * 12 + first;
                let (from, before) = (day(first_of_month(first)), day(first_of_month(first + length)));
                match reach {
                    FiscalReach::In => (Some(from), Some(before)),
                    FiscalReach::InOrBefore => (None, Some(before)),
                    FiscalReach::InOrAfter => (Some(from), None),
                }
            }
            Self::Last(unit, count) => {
                let since = moved(unit, now, -i64::from(count));
                (Some(if unit.is_short() { since } else { day(since.div_euclid(DAY)) }), Some(now + 1))
            }
            Self::Next(unit, count) => {
                let until = moved(unit, now, count.into());
                (Some(now), Some(if unit.is_short() { until + 1 } else { day(until.div_euclid(DAY) + 1) }))
            }
            Self::OlderThan(unit, count) => (None, Some(moved(unit, now, -i64::from(count)))),
            Self::On(moment) => (Some(day(given(moment))), Some(day(given(moment) + 1))),
            Self::OnOrBefore(moment) => (None, Some(day(given(moment) + 1))),
            Self::OnOrAfter(moment) => (Some(day(given(moment))), None),
        };
        let stored = |shown: i64| Timestamp::from_millis(if local { shown.saturating_sub(offset) } else { shown });
        Range { from: from.map(stored), before: before.map(stored) }
    }
}

impl DatePart {
    /// This part of a moment, in the time that the caller's clock shows; `local` as for
    /// [`Span::range`]. Weeks begin on Sunday, and the first is the one with the first of January.
    #[must_use]
    pub fn of(self, moment: Timestamp, zone: Zone, local: bool) -> i64 {
        let offset = if local { i64::from(zone.offset_minutes) * MINUTE } else { 0 };
        let day = moment.as_millis().saturating_add(offset).div_euclid(DAY);
        let (year, month, in_month) = date(day);
        match self {
            Self::Day => in_month,
            Self::Week => {
                let first = first_of_month(year * 12);
                // 1970-01-04 was a Sunday.
                let weekday = (first - 3).rem_euclid(7);
                (day - first + weekday) / 7 + 1
            }
            Self::Month => month,
            Self::Quarter | Self::FiscalPeriod => (month - 1) / 3 + 1,
            Self::Year | Self::FiscalYear => year,
        }
    }
}

impl TimeUnit {
    const fn is_fiscal(self) -> bool {
        matches!(self, Self::FiscalPeriod | Self::FiscalYear)
    }

    const fn is_short(self) -> bool {
        matches!(self, Self::Minute | Self::Hour)
    }
}

/// The beginning of the week, month or year that lies so many after the one of this moment.
fn beginning(unit: TimeUnit, moment: i64, after: i64) -> i64 {
    let day = moment.div_euclid(DAY);
    let (year, month, _) = date(day);
    let first = match unit {
        TimeUnit::Minute => return (moment.div_euclid(MINUTE) + after) * MINUTE,
        TimeUnit::Hour => return (moment.div_euclid(HOUR) + after) * HOUR,
        TimeUnit::Day => day + after,
        // 1970-01-04 was a Sunday.
        TimeUnit::Week => (day - 3).div_euclid(7) * 7 + 3 + after * 7,
        TimeUnit::Month => first_of_month((year * 12 + month - 1 + after).clamp(FIRST_MONTH, LAST_MONTH)),
        TimeUnit::FiscalPeriod => {
            first_of_month((((year * 12 + month - 1).div_euclid(3) + after) * 3).clamp(FIRST_MONTH, LAST_MONTH))
        }
        TimeUnit::Year | TimeUnit::FiscalYear => first_of_month(((year + after) * 12).clamp(FIRST_MONTH, LAST_MONTH)),
    };
    first.saturating_mul(DAY)
}

/// The moment that lies so many later, at the same time of day. A day that its month does not have
/// becomes the month's last.
fn moved(unit: TimeUnit, moment: i64, count: i64) -> i64 {
    let months = match unit {
        TimeUnit::Minute => return moment.saturating_add(count.saturating_mul(MINUTE)),
        TimeUnit::Hour => return moment.saturating_add(count.saturating_mul(HOUR)),
        TimeUnit::Day => return moment.saturating_add(count.saturating_mul(DAY)),
        TimeUnit::Week => return moment.saturating_add(count.saturating_mul(7 * DAY)),
        TimeUnit::Month => count,
        TimeUnit::FiscalPeriod => count.saturating_mul(3),
        TimeUnit::Year | TimeUnit::FiscalYear => count.saturating_mul(12),
    };
    let (year, month, day) = date(moment.div_euclid(DAY));
    let target = (year * 12 + month - 1).saturating_add(months).clamp(FIRST_MONTH, LAST_MONTH);
    let length = first_of_month(target + 1) - first_of_month(target);
    (first_of_month(target) + day.min(length) - 1) * DAY + moment.rem_euclid(DAY)
}

/// Year, month (from 1) and day (from 1) of a day counted from 1970-01-01, in the Gregorian
/// calendar. Years are counted from March, whose lengths of months then repeat.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

/// The first day of a month counted from January of the year 0.
fn first_of_month(months: i64) -> i64 {
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_calendar_agrees_with_the_clocks() {
        for day in (-200_000..200_000).step_by(97) {
            let (year, month, in_month) = date(day);
            assert_eq!(first_of_month(year * 12 + month - 1) + in_month - 1, day);
            let printed = Timestamp::from_millis(day * DAY).date();
            assert_eq!(printed, format!("{year:04}-{month:02}-{in_month:02}"));
        }
    }

    #[test]
    fn stretches_begin_where_the_callers_days_begin() {
        // A Wednesday; in the zone it is Thursday already.
        let (now, zone) = (at("2026-03-11T23:30:00Z"), Zone { offset_minutes: 60 });
        let range = |span: Span, local| {
            let range = span.range(now, zone, local);
            let text = |moment: Option<Timestamp>| moment.map_or("-".to_owned(), |moment| moment.to_string());
            format!("{} {}", text(range.from), text(range.before))
        };
        for (span, local, expected) in [
            (Span::Day(0), true, "2026-03-11T23:00:00Z 2026-03-12T23:00:00Z"),
            (Span::Day(0), false, "2026-03-12T00:00:00Z 2026-03-13T00:00:00Z"),
            (Span::Day(-1), true, "2026-03-10T23:00:00Z 2026-03-11T23:00:00Z"),
            (Span::Whole(TimeUnit::Week, 0), false, "2026-03-08T00:00:00Z 2026-03-15T00:00:00Z"),
            (Span::Whole(TimeUnit::Month, -1), false, "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z"),
            (Span::Whole(TimeUnit::Year, 1), false, "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"),
            (Span::Whole(TimeUnit::FiscalPeriod, 0), false, "2026-01-01T00:00:00Z 2026-04-01T00:00:00Z"),
            (Span::Last(TimeUnit::FiscalPeriod, 2), false, "2025-07-01T00:00:00Z 2026-01-01T00:00:00Z"),
            (Span::Next(TimeUnit::FiscalYear, 1), false, "2027-01-01T00:00:00Z 2028-01-01T00:00:00Z"),
            (
                Span::Fiscal { year: 2026, period: Some(2), reach: FiscalReach::In },
                false,
                "2026-04-01T00:00:00Z 2026-07-01T00:00:00Z",
            ),
            (Span::Fiscal { year: 2026, period: None, reach: FiscalReach::InOrAfter }, true, "2025-12-31T23:00:00Z -"),
            (Span::OlderThan(TimeUnit::Month, 1), true, "- 2026-02-11T23:30:00Z"),
            (Span::OlderThan(TimeUnit::Minute, 30), true, "- 2026-03-11T23:00:00Z"),
            (Span::On(at("2026-03-11T22:30:00Z")), true, "2026-03-10T23:00:00Z 2026-03-11T23:00:00Z"),
            (Span::OnOrBefore(at("2026-03-11")), false, "- 2026-03-12T00:00:00Z"),
            (Span::OnOrAfter(at("2026-03-11")), false, "2026-03-11T00:00:00Z -"),
        ] {
            assert_eq!(range(span, local), expected, "{span:?}");
        }
        let last = Span::Last(TimeUnit::Day, 2).range(now, zone, true);
        assert!(last.contains(now) && last.contains(at("2026-03-09T23:00:00Z")));
        assert!(!last.contains(at("2026-03-09T22:59:59Z")));
        let hours = Span::Last(TimeUnit::Hour, 2).range(now, zone, true);
        assert!(hours.contains(at("2026-03-11T21:30:00Z")) && !hours.contains(at("2026-03-11T21:29:59Z")));
    }

    #[test]
    fn parts_of_a_date_are_those_of_the_documented_example() {
        let parts = |text: &str| {
            let parts = [DatePart::Day, DatePart::Week, DatePart::Month, DatePart::Quarter, DatePart::Year];
            parts.map(|part| part.of(at(text), Zone::default(), true))
        };
        assert_eq!(parts("2023-03-25T17:42:00Z"), [25, 12, 3, 1, 2023]);
        assert_eq!(parts("2023-08-27T00:00:00Z"), [27, 35, 8, 3, 2023]);
        assert_eq!(parts("2022-01-01T00:00:00Z"), [1, 1, 1, 1, 2022]);
        assert_eq!(parts("2022-01-02T00:00:00Z"), [2, 2, 1, 1, 2022]);
        let zone = Zone { offset_minutes: -60 };
        assert_eq!(DatePart::Year.of(at("2024-01-01T00:30:00Z"), zone, true), 2023);
        assert_eq!(DatePart::Year.of(at("2024-01-01T00:30:00Z"), zone, false), 2024);
    }

    #[test]
    fn a_month_without_the_day_ends_earlier() {
        let older =
            |now: &str| Span::OlderThan(TimeUnit::Month, 1).range(at(now), Zone::default(), true).before.unwrap();
        assert_eq!(older("2026-03-31T10:00:00Z"), at("2026-02-28T10:00:00Z"));
        assert_eq!(older("2024-03-31T10:00:00Z"), at("2024-02-29T10:00:00Z"));
        // However far back, it stays a date.
        let far = Span::OlderThan(TimeUnit::Year, u32::MAX).range(at("2026-01-01"), Zone::default(), true);
        assert!(far.before.is_some());
    }
}
