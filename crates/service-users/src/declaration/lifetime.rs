//! Durations as the file writes them: `90d`, `12h`, `6w`.

use std::time::Duration;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// The longest duration that is read: ten years. Nothing that is declared here should live longer.
const LONGEST: u64 = 3650 * DAY;

/// Reads a whole number of hours (`h`), days (`d`) or weeks (`w`). Months and years are refused:
/// they have no length.
///
/// # Errors
/// What is wrong with the text; continues "`lifetime` ...".
pub fn parse_lifetime(text: &str) -> Result<Duration, String> {
    let example = "write a number and `h`, `d` or `w`, like `90d`";
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit.trim() {
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        "" if !number.is_empty() => return Err(format!("is `{text}`, which has no unit: {example}")),
        "m" | "mo" | "month" | "months" | "y" | "year" | "years" => {
            return Err(format!("is `{text}`, and months and years have no fixed length: {example}"));
        }
        _ => return Err(format!("is `{text}`, which is no duration: {example}")),
    };
    let number: u64 = match number.parse() {
        Ok(number) if number > 0 => number,
        Ok(_) => return Err(format!("is `{text}`, which is over at once")),
        Err(_) if number.is_empty() => return Err(format!("is `{text}`, which is no duration: {example}")),
        Err(_) => return Err(too_long(text)),
    };
    match number.checked_mul(seconds) {
        Some(seconds) if seconds <= LONGEST => Ok(Duration::from_secs(seconds)),
        _ => Err(too_long(text)),
    }
}

fn too_long(text: &str) -> String {
    format!("is `{text}`, and the longest there is are ten years (`3650d`)")
}

/// The shortest text that reads as this duration; what is left over below an hour is dropped.
#[must_use]
pub fn print_lifetime(lifetime: Duration) -> String {
    let seconds = lifetime.as_secs();
    if seconds.is_multiple_of(DAY) { format!("{}d", seconds / DAY) } else { format!("{}h", seconds / HOUR) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_days_and_weeks_are_read_and_months_are_not() {
        for (text, seconds) in [("90d", 90 * DAY), ("12h", 12 * HOUR), ("6w", 42 * DAY), ("3650d", LONGEST)] {
            let read = parse_lifetime(text).unwrap();
            assert_eq!(read.as_secs(), seconds);
            assert_eq!(parse_lifetime(&print_lifetime(read)), Ok(read));
        }
        for (text, reason) in [
            ("3 months", "no fixed length"),
            ("1y", "no fixed length"),
            ("90", "no unit"),
            ("", "no duration"),
            ("d", "no duration"),
            ("-1d", "no duration"),
            ("1.5d", "no duration"),
            ("0d", "over at once"),
            ("3651d", "ten years"),
            ("99999999999999999999999d", "ten years"),
            ("18446744073709551615w", "ten years"),
        ] {
            let error = parse_lifetime(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
