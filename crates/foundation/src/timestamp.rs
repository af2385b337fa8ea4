//! A moment in UTC, to the millisecond.
//!
//! Milliseconds in an `i64` are what both stores keep and what Dataverse shows at its finest.
//! The calendar itself (leap years, months) comes from `jiff`, which stays behind this type.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::temporal::Pieces;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 moment within the years 0001 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a date and time like 2026-01-31T12:00:00Z")]
pub struct InvalidTimestamp {
    /// What was given, cut to 64 characters.
    pub text: String,
}

/// The earliest moment that Dataverse and Graph can print: 0001-01-01T00:00:00Z.
const EARLIEST_MILLIS: i64 = -62_135_596_800_000;
/// The latest: 9999-12-31T23:59:59.999Z. Programs write the last day for "without an end".
const LATEST_MILLIS: i64 = 253_402_300_799_999;
/// 1970-01-01T00:00:00 on the calendar, whose own last moment lies behind ours.
const EPOCH: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// A moment from milliseconds since 1970; moments outside the years 1 to 9999 are brought
    /// to the nearest bound, so that every `Timestamp` can be printed.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < EARLIEST_MILLIS {
            Self(EARLIEST_MILLIS)
        } else if millis > LATEST_MILLIS {
            Self(LATEST_MILLIS)
        } else {
            Self(millis)
        }
    }

    /// A moment from whole seconds since 1970 (JWT `NumericDate`).
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment without its milliseconds, as Dataverse stores most of its dates.
    #[must_use]
    pub const fn whole_seconds(self) -> Self {
        Self(self.0 - self.0.rem_euclid(1000))
    }

    /// `self + duration`, held at the last printable moment.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// `self - duration`, held at the first printable moment.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// How much time lies between `earlier` and `self`; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads RFC 3339 with any offset; a date alone is midnight UTC.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] when the text is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let date = || {
            let date = text.parse::<Date>().ok().filter(|_| text.len() == 10)?;
            Some(on_calendar(date.to_datetime(Time::midnight()), 0))
        };
        let parsed = moment(text).or_else(date).filter(|millis| (EARLIEST_MILLIS..=LATEST_MILLIS).contains(millis));
        parsed.map(Self).ok_or_else(|| InvalidTimestamp { text: text.chars().take(64).collect() })
    }

    /// Reads HTTP's `Date` form, `Sun, 22 Nov 2026 09:07:46 GMT`; nothing when it is another text.
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let moment = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
        Some(Self::from_millis(moment.as_millisecond()))
    }

    /// `2026-11-22 09:07:46Z`: the form in the token service's error texts.
    #[must_use]
    pub fn with_blank(self) -> String {
        self.format("%Y-%m-%d %H:%M:%SZ")
    }

    /// `Sun, 22 Nov 2026 09:07:46 GMT`: the form of HTTP's `Date` header (RFC 9110).
    #[must_use]
    pub fn http_date(self) -> String {
        self.format("%a, %d %b %Y %H:%M:%S GMT")
    }

    /// `2026-11-22`.
    #[must_use]
    pub fn date(self) -> String {
        self.format("%Y-%m-%d")
    }

    fn format(self, pattern: &str) -> String {
        EPOCH.saturating_add(SignedDuration::from_millis(self.0)).strftime(pattern).to_string()
    }
}

/// A date and time with its offset, in milliseconds since 1970.
fn moment(text: &str) -> Option<i64> {
    // The library takes offsets of more than a day, which RFC 3339 does not have.
    let offset = text.get(text.len().saturating_sub(6)..).unwrap_or_default();
    if offset.starts_with(['+', '-']) && offset.get(1..3).is_some_and(|hours| hours > "23") {
        return None;
    }
    // The library knows the grammar, but ends two hours before the year does.
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).ok().or_else(|| {
        let pieces = Pieces::parse(text).ok().filter(|pieces| pieces.time_zone_annotation().is_none())?;
        Some(on_calendar(DateTime::from_parts(pieces.date(), pieces.time()?), pieces.to_numeric_offset()?.seconds()))
    })
}

/// What a calendar `offset` seconds before Greenwich shows, in milliseconds since 1970.
fn on_calendar(shown: DateTime, offset: i32) -> i64 {
    let millis = shown.duration_since(EPOCH).as_millis() - i128::from(offset) * 1000;
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pattern = if self.0.rem_euclid(1000) == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%.3fZ" };
        f.write_str(&self.format(pattern))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_the_forms_that_the_services_use() {
        let moment = Timestamp::from_millis(1_795_338_466_000);
        assert_eq!(moment.to_string(), "2026-11-22T09:07:46Z");
        assert_eq!(moment.with_blank(), "2026-11-22 09:07:46Z");
        assert_eq!(moment.http_date(), "Sun, 22 Nov 2026 09:07:46 GMT");
        assert_eq!(Timestamp::parse_http_date(&moment.http_date()), Some(moment));
        assert_eq!(Timestamp::parse_http_date("soon"), None);
        assert_eq!(moment.plus(Duration::from_millis(7)).to_string(), "2026-11-22T09:07:46.007Z");
    }

    #[test]
    fn reads_offsets_and_dates() {
        assert_eq!(Timestamp::parse("2026-11-22T10:07:46+01:00").unwrap().as_millis(), 1_795_338_466_000);
        assert_eq!(Timestamp::parse("2026-11-22").unwrap().to_string(), "2026-11-22T00:00:00Z");
        for late in ["9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-31T22:30:00-01:00"] {
            assert!(Timestamp::parse(late).is_ok_and(|moment| moment.date() == "9999-12-31"), "{late}");
        }
        for bad in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-22T25:00:00Z",
            "2026-11-22x",
            "2026-11-22T10:00:00",
            "9999-12-31T23:59:59",
            "9999-12-31T23:30:00-01:00",
            "9999-12-31T23:59:59Z[UTC]",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00-25:59",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same_moment(millis in EARLIEST_MILLIS..=LATEST_MILLIS) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }

        #[test]
        fn arithmetic_never_leaves_the_printable_years(millis: i64, more: u64) {
            let moment = Timestamp::from_millis(millis);
            for moved in [moment.plus(Duration::from_millis(more)), moment.minus(Duration::from_millis(more))] {
                prop_assert!(Timestamp::parse(&moved.to_string()).is_ok());
            }
        }
    }
}
