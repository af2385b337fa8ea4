//! When a request is sent again.
//!
//! Only what is safe: a request that the service refused to carry out (429, or 503 with a
//! `Retry-After`) may be repeated whatever it does; a request whose fate is unknown (connection
//! lost, 502, 503 without a word, 504) only when carrying it out twice is the same as once. A
//! refused connection or an unknown host is told at once: more often a typing mistake than an
//! outage.

use std::time::Duration;

use http::{HeaderMap, Method, Response};
use keyholder_foundation::Timestamp;

use crate::error::{Error, Unreachable};

/// How often, and how long at most, a request is tried again.
///
/// ```
/// use keyholder_client::RetryPolicy;
/// use std::time::Duration;
/// let patient = RetryPolicy { attempts: 9, ..RetryPolicy::default() };
/// assert_eq!(patient.backoff(4), Duration::from_secs(8));
/// ```
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Tries in all, the first included.
    pub attempts: u32,
    /// The longest single wait that is accepted; a service that asks for more is obeyed by giving up.
    pub longest_wait: Duration,
    /// The first wait when the service names none; doubled each time.
    pub first_wait: Duration,
}

impl Default for RetryPolicy {
    /// Five tries. The longest wait is the width of a service protection window (300 s), since no
    /// 429 asks for more.
    fn default() -> Self {
        Self { attempts: 5, longest_wait: Duration::from_secs(300), first_wait: Duration::from_secs(1) }
    }
}

impl RetryPolicy {
    /// Every request is sent once.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// How long to wait before sending the request again after its `attempt`th try (from 1) came
    /// to `outcome`; nothing when it must not be sent again.
    #[must_use]
    pub fn wait<B>(
        &self,
        method: &Method,
        attempt: u32,
        outcome: &Result<Response<B>, Error>,
        now: Timestamp,
    ) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let asked = match outcome {
            Ok(answer) => retry_after(answer.headers(), Some(now)),
            Err(_) => None,
        };
        let again = match outcome {
            Ok(answer) => match answer.status().as_u16() {
                429 => true,
                503 => asked.is_some() || repeatable(method),
                502 | 504 => repeatable(method),
                _ => false,
            },
            Err(Error::Unreachable { cause: Unreachable::Lost(_), .. }) => repeatable(method),
            Err(_) => false,
        };
        let wait = asked.unwrap_or_else(|| self.backoff(attempt));
        (again && wait <= self.longest_wait).then_some(wait)
    }

    /// How long to wait after the `attempt`th try (from 1) when nobody says how long: twice as long each time.
    #[must_use]
    pub fn backoff(&self, attempt: u32) -> Duration {
        self.first_wait.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1))).min(self.longest_wait)
    }
}

/// GET and HEAD. PUT and DELETE repeat to the same state too, but the second answer differs
/// (a repeated DELETE is a 404), so their callers decide.
fn repeatable(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// `Retry-After`: seconds, or a date (only when `now` is known).
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(Timestamp::parse_http_date(text)?.since(now?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn status(code: u16, retry_after: Option<&str>) -> Result<Response<()>, Error> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(code).unwrap();
        if let Some(text) = retry_after {
            answer.headers_mut().insert(http::header::RETRY_AFTER, text.parse().unwrap());
        }
        Ok(answer)
    }

    fn lost() -> Result<Response<()>, Error> {
        Err(Error::Unreachable { origin: "x".to_owned(), cause: Unreachable::Lost("reset".to_owned()) })
    }

    #[test]
    fn only_what_was_not_carried_out_is_repeated_for_writes() {
        let policy = RetryPolicy::default();
        let wait = |method: Method, outcome| policy.wait(&method, 1, &outcome, NOW);
        assert_eq!(wait(Method::POST, status(429, Some("7"))), Some(Duration::from_secs(7)));
        assert_eq!(wait(Method::POST, status(503, Some("7"))), Some(Duration::from_secs(7)));
        assert_eq!(wait(Method::POST, status(503, None)), None);
        assert_eq!(wait(Method::POST, lost()), None);
        assert_eq!(wait(Method::PATCH, status(504, None)), None);
        assert_eq!(wait(Method::GET, status(503, None)), Some(Duration::from_secs(1)));
        assert_eq!(wait(Method::GET, lost()), Some(Duration::from_secs(1)));
        assert_eq!(wait(Method::GET, status(500, None)), None);
        assert_eq!(wait(Method::GET, status(403, None)), None);
    }

    #[test]
    fn waits_grow_and_have_bounds() {
        let policy = RetryPolicy::default();
        let third = policy.wait(&Method::GET, 3, &lost(), NOW);
        assert_eq!(third, Some(Duration::from_secs(4)));
        assert_eq!(policy.wait(&Method::GET, 5, &lost(), NOW), None);
        assert_eq!(policy.wait(&Method::GET, 1, &status(429, Some("86400")), NOW), None);
        assert_eq!(RetryPolicy::never().wait(&Method::GET, 1, &lost(), NOW), None);
    }

    #[test]
    fn retry_after_may_be_a_date() {
        let date = NOW.plus(Duration::from_secs(30)).http_date();
        let wait = RetryPolicy::default().wait(&Method::GET, 1, &status(429, Some(&date)), NOW);
        assert_eq!(wait, Some(Duration::from_secs(30)));
    }
}
