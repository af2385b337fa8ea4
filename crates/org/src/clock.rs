//! Moving the org's time: what can be asked for, as people and programs write it.
//!
//! The org clock is the machine's plus an offset, which `world.json` keeps. Everything with a due
//! time follows it: tokens, secrets, row dates, propagation, and the `Date` header. TLS
//! certificates do not: other people's programs check those against their own clocks.

use std::fmt;
use std::str::FromStr;

use keyholder_foundation::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Refused;

/// The org's time is kept within these years: tokens and certificates of others cannot say more.
const EARLIEST: &str = "2000-01-01T00:00:00Z";
const LATEST: &str = "9000-01-01T00:00:00Z";

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The units of a shift, the longest first.
const UNITS: [(char, i64); 5] = [('w', 7 * DAY), ('d', DAY), ('h', HOUR), ('m', MINUTE), ('s', SECOND)];

/// By how much to move the org's time, as in `+90d`, `-2h`, `+1d12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift {
    /// Milliseconds; negative moves back.
    millis: i64,
}

impl Shift {
    /// Milliseconds; negative moves back.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.millis
    }
}

/// A text that is no shift.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a move of time like +90d, -2h or +1d12h (units: w, d, h, m, s)")]
pub struct InvalidShift {
    /// What was given, cut to 64 characters.
    pub text: String,
}

impl FromStr for Shift {
    type Err = InvalidShift;

    fn from_str(text: &str) -> Result<Self, InvalidShift> {
        let invalid = || InvalidShift { text: text.chars().take(64).collect() };
        let (sign, mut rest) = match text.split_at_checked(1) {
            Some(("+", rest)) => (1, rest),
            Some(("-", rest)) => (-1, rest),
            _ => return Err(invalid()),
        };
        let (mut millis, mut longest) = (0_i64, i64::MAX);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
            let (number, behind) = rest.split_at(digits);
            let number: i64 = number.parse().map_err(|_| invalid())?;
            let unit = behind.chars().next().ok_or_else(invalid)?;
            let (_, length) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
            // Longer units first and each once: `2h3h` and `1m2d` are slips, not wishes.
            if length >= longest {
                return Err(invalid());
            }
            longest = length;
            millis = number.checked_mul(length).and_then(|part| millis.checked_add(part)).ok_or_else(invalid)?;
            rest = behind.get(unit.len_utf8()..).unwrap_or_default();
        }
        if longest == i64::MAX {
            return Err(invalid());
        }
        Ok(Self { millis: sign * millis })
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.millis < 0 { "-" } else { "+" })?;
        let mut left = self.millis.unsigned_abs();
        let mut any = false;
        // Weeks are read and never printed: days are what due times are spoken of in.
        for (name, length) in UNITS.into_iter().skip(1) {
            let length = length.unsigned_abs();
            if left >= length {
                write!(f, "{}{name}", left / length)?;
                left %= length;
                any = true;
            }
        }
        if any { Ok(()) } else { f.write_str("0s") }
    }
}

impl TryFrom<String> for Shift {
    type Error = InvalidShift;

    fn try_from(text: String) -> Result<Self, InvalidShift> {
        text.parse()
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        shift.to_string()
    }
}

/// What to do with the org's time; as JSON `{"set":"2027-01-31T00:00:00Z"}`, `{"move":"+90d"}` or
/// `{"reset":true}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockChange {
    /// Let it be this moment now.
    Set(Timestamp),
    /// Move it from where it is.
    Move(Shift),
    /// Let it be the machine's time again.
    Reset,
}

/// [`ClockChange`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<String>,
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    shift: Option<Shift>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<bool>,
}

impl ClockChange {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// What is wrong with it, for its writer.
    pub fn from_json(body: &[u8]) -> Result<Self, String> {
        let written: Written = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match written {
            Written { set: Some(moment), shift: None, reset: None } => {
                Timestamp::parse(&moment).map(Self::Set).map_err(|error| error.to_string())
            }
            Written { set: None, shift: Some(shift), reset: None } => Ok(Self::Move(shift)),
            Written { set: None, shift: None, reset: Some(true) } => Ok(Self::Reset),
            _ => Err("it must have one of set, move and reset".to_owned()),
        }
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        let mut written = Written { set: None, shift: None, reset: None };
        match self {
            Self::Set(moment) => written.set = Some(moment.to_string()),
            Self::Move(shift) => written.shift = Some(shift),
            Self::Reset => written.reset = Some(true),
        }
        serde_json::to_value(written).unwrap_or_default()
    }

    /// The offset that this makes of `offset`, when the machine's clock shows `machine`. Both are
    /// milliseconds.
    pub(crate) fn offset(self, machine: Timestamp, offset: i64) -> Result<i64, Refused> {
        let bound = |text| Timestamp::parse(text).unwrap_or(Timestamp::EPOCH).as_millis();
        let wanted = match self {
            Self::Set(moment) => moment.as_millis().saturating_sub(machine.as_millis()),
            Self::Move(shift) => offset.saturating_add(shift.as_millis()),
            Self::Reset => 0,
        };
        let shown = machine.as_millis().saturating_add(wanted);
        if wanted != 0 && !(bound(EARLIEST)..bound(LATEST)).contains(&shown) {
            return Err(Refused::Time { earliest: EARLIEST, latest: LATEST });
        }
        Ok(wanted)
    }
}

/// What the org's clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// The org's time.
    pub now: Timestamp,
    /// How far that is ahead of the machine's time, in milliseconds.
    pub offset_millis: i64,
}

impl ClockReading {
    /// How far the org's time is ahead of the machine's.
    #[must_use]
    pub const fn offset(self) -> Shift {
        Shift { millis: self.offset_millis }
    }

    /// `{"now":"2027-01-31T00:00:00Z","offset":"+90d","offsetMillis":7776000000}`.
    #[must_use]
    pub fn to_json(self) -> serde_json::Value {
        serde_json::json!({
            "now": self.now.to_string(),
            "offset": self.offset().to_string(),
            "offsetMillis": self.offset_millis,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moves_are_read_as_people_write_them() {
        for (text, millis) in
            [("+90d", 90 * DAY), ("-2h", -2 * HOUR), ("+1d12h", 36 * HOUR), ("+2w", 14 * DAY), ("-0s", 0)]
        {
            assert_eq!(text.parse::<Shift>().unwrap().as_millis(), millis, "{text}");
        }
        for bad in ["", "+", "90d", "+d", "+90", "+90x", "+2h3h", "+1m2d", "+9999999999999w", "+1é", "--2h", "+1d "] {
            assert!(bad.parse::<Shift>().is_err(), "{bad}");
        }
        assert_eq!("+5w".parse::<Shift>().unwrap().to_string(), "+35d");
    }

    #[test]
    fn a_change_says_one_thing() {
        for good in [r#"{"set":"2027-01-31"}"#, r#"{"move":"-2h"}"#, r#"{"reset":true}"#] {
            let change = ClockChange::from_json(good.as_bytes()).unwrap();
            assert_eq!(ClockChange::from_json(change.to_json().to_string().as_bytes()), Ok(change));
        }
        for bad in
            ["", "{}", r#"{"reset":false}"#, r#"{"set":"2027-01-31","reset":true}"#, r#"{"set":"soon"}"#, r#"{"by":1}"#]
        {
            assert!(ClockChange::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_stays_where_everything_can_print_it() {
        let machine = Timestamp::parse("2026-11-22").unwrap();
        let far = ClockChange::Move("+3000000d".parse().unwrap());
        assert!(matches!(far.offset(machine, 0), Err(Refused::Time { .. })));
        assert!(ClockChange::Set(Timestamp::parse("1999-12-31").unwrap()).offset(machine, 0).is_err());
        assert_eq!(ClockChange::Reset.offset(machine, 5), Ok(0));
        assert_eq!(ClockChange::Move("-1s".parse().unwrap()).offset(machine, 5_000), Ok(4_000));
        assert_eq!(ClockChange::Set(machine.plus(std::time::Duration::from_secs(3))).offset(machine, 9), Ok(3_000));
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same_move(seconds in -1_000_000_000_000_i64..1_000_000_000_000) {
            let shift = Shift { millis: seconds * SECOND };
            prop_assert_eq!(shift.to_string().parse::<Shift>().map(Shift::as_millis), Ok(shift.millis));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String, bytes: Vec<u8>) {
            let _ = text.parse::<Shift>();
            let _ = ClockChange::from_json(&bytes);
        }
    }
}
