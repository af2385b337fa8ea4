//! The texts of the service protection API limits.

use std::time::Duration;

use super::{DataverseError, code};

/// More requests than a window takes.
#[must_use]
pub fn requests_exceeded(limit: u32, window: Duration) -> DataverseError {
    let seconds = window.as_secs();
    let message = format!("Number of requests exceeded the limit of {limit} over time window of {seconds} seconds.");
    DataverseError::new(code::RATE_LIMIT_EXCEEDED, message)
}

/// More execution time than a window takes.
#[must_use]
pub fn execution_time_exceeded(limit: Duration, window: Duration) -> DataverseError {
    let (millis, seconds) = (grouped(limit.as_millis()), window.as_secs());
    DataverseError::new(
        code::TIME_LIMIT_EXCEEDED,
        format!(
            "Combined execution time of incoming requests exceeded limit of {millis} milliseconds over time window of \
             {seconds} seconds. Decrease number of concurrent requests or reduce the duration of requests and try again \
             later."
        ),
    )
}

/// More requests at once than there may be.
#[must_use]
pub fn concurrency_exceeded(limit: u32) -> DataverseError {
    DataverseError::new(
        code::CONCURRENCY_LIMIT_EXCEEDED,
        format!("Number of concurrent requests exceeded the limit of {limit}."),
    )
}

/// A number with a comma between its thousands, as the service prints limits: `1,200,000`.
#[must_use]
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s19_the_texts_are_the_services_own() {
        let window = Duration::from_secs(300);
        let requests = requests_exceeded(6_000, window);
        assert_eq!(
            requests.body(),
            "{\"error\":{\"code\":\"0x80072322\",\"message\":\"Number of requests exceeded the limit of 6000 over time \
             window of 300 seconds.\"}}"
        );
        let time = execution_time_exceeded(Duration::from_secs(1_200), window);
        assert_eq!(
            (time.status, time.code, time.message.as_str()),
            (
                429,
                0x8007_2321,
                "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window \
                 of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again \
                 later."
            )
        );
        let at_once = concurrency_exceeded(52);
        assert_eq!(
            (at_once.status, at_once.code, at_once.message.as_str()),
            (429, 0x8007_2326, "Number of concurrent requests exceeded the limit of 52.")
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_200_000, "1,200,000"), (12_345, "12,345")] {
            assert_eq!(grouped(number), text);
        }
    }
}
