//! Exact decimal numbers from and to their written form, without a detour through binary floats.

use std::fmt;

/// No number of the service has more digits; longer texts are refused unread.
const LONGEST_NUMBER: usize = 64;

/// Reads a JSON number as a count of 10^-scale units. Digits beyond are rounded half away from
/// zero: a reading, the service documents no rule. None for anything that is no JSON number,
/// longer than 64 characters or beyond an `i128`.
#[must_use]
pub fn parse_scaled(text: &str, scale: u32) -> Option<i128> {
    if text.len() > LONGEST_NUMBER {
        return None;
    }
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !digits_only(whole)
        || !digits_only(fraction)
        || (mantissa.contains('.') && fraction.is_empty())
    {
        return None;
    }
    let digits = || whole.bytes().chain(fraction.bytes()).map(|byte| i128::from(byte - b'0'));
    // How many of the digits stand before the unit's point.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let mut units: i128 = 0;
    for digit in digits().take(usize::try_from(kept.max(0)).ok()?) {
        units = units.checked_mul(10)?.checked_add(digit)?;
    }
    let count = i64::try_from(whole.len() + fraction.len()).ok()?;
    if kept > count && units != 0 {
        let noughts = u32::try_from(kept - count).ok()?;
        units = units.checked_mul(10_i128.checked_pow(noughts)?)?;
    }
    let first_dropped = usize::try_from(kept).ok().and_then(|kept| digits().nth(kept));
    if first_dropped.is_some_and(|digit| digit >= 5) {
        units = units.checked_add(1)?;
    }
    Some(if negative { -units } else { units })
}

/// `units` of 10^-scale, rounded half away from zero to `digits` after the point.
pub(super) fn round(units: i128, scale: u32, digits: u32) -> i128 {
    let Some(step) = scale.checked_sub(digits).and_then(|dropped| 10_i128.checked_pow(dropped)) else { return units };
    let rest = units % step;
    let down = units - rest;
    if rest.unsigned_abs() * 2 >= step.unsigned_abs() { down + step * rest.signum() } else { down }
}

/// Prints `units` of 10^-scale as short as it goes.
pub(super) fn print(f: &mut fmt::Formatter<'_>, units: i128, scale: u32) -> fmt::Result {
    let one = 10_u128.pow(scale);
    let (whole, fraction) = (units.unsigned_abs() / one, units.unsigned_abs() % one);
    if units < 0 {
        f.write_str("-")?;
    }
    write!(f, "{whole}")?;
    if fraction == 0 {
        return Ok(());
    }
    let width = scale as usize;
    let digits = format!("{fraction:0width$}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}
