//! What can be ordered, and what it is ordered for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Asked;

/// What chances are drawn of.
pub(super) const CHANCES: u64 = 1 << 53;
/// The longest that a request is made to take.
pub(super) const LONGEST: Duration = Duration::from_secs(300);
/// The longest pattern of a path, in bytes.
const LONGEST_PATTERN: usize = 512;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The org works on it for so much longer, which counts as execution time.
    Latency,
    /// It is refused with status 429, as by the limit on requests.
    Throttle,
    /// It is refused with status 503.
    Unavailable,
    /// The connection ends before the request is done.
    DropBefore,
    /// The connection ends after the request is done and before it is answered.
    DropAfter,
    /// The answer's body comes in pieces over so much time.
    SlowBody,
    /// The connection ends in the middle of the answer's body.
    TruncatedBody,
    /// A page of HTML comes instead of the answer, as from a proxy; the request is not done.
    Html,
    /// Its token is taken for one that has expired: status 401.
    ExpiredToken,
}

/// An order: a fault, and which requests meet it. The body of `POST /_keyholder/faults`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultOrder {
    /// What happens.
    pub fault: FaultKind,
    /// How long [`FaultKind::Latency`] and [`FaultKind::SlowBody`] make it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u32>,
    /// What [`FaultKind::Throttle`] and [`FaultKind::Unavailable`] say in `Retry-After`, in seconds; no such header
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// Requests with this method only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Requests whose path matches only, in which `*` stands for any characters.
    #[serde(default = "web_api")]
    pub path: String,
    /// Requests with a token of this application (client id) or principal (object id) only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<uuid::Uuid>,
    /// So many requests at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
    /// For so many seconds by the org's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// With which probability a request that matches meets it.
    #[serde(default = "always")]
    pub probability: f64,
    /// Which requests those are.
    #[serde(default = "first_seed")]
    pub seed: u64,
}

fn web_api() -> String {
    "/api/data/*".to_owned()
}

fn always() -> f64 {
    1.0
}

fn first_seed() -> u64 {
    1
}

/// An order that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOrder(&'static str);

impl FaultOrder {
    /// An order for every request to the Web API.
    #[must_use]
    pub fn new(fault: FaultKind) -> Self {
        Self {
            fault,
            milliseconds: None,
            retry_after: None,
            method: None,
            path: web_api(),
            user: None,
            requests: None,
            seconds: None,
            probability: always(),
            seed: first_seed(),
        }
    }

    /// Refuses an order that makes no sense.
    ///
    /// # Errors
    /// [`InvalidOrder`] says why.
    pub fn check(&self) -> Result<(), InvalidOrder> {
        let takes_time = matches!(self.fault, FaultKind::Latency | FaultKind::SlowBody);
        let says_when = matches!(self.fault, FaultKind::Throttle | FaultKind::Unavailable);
        let refused = |why| Err(InvalidOrder(why));
        match self.milliseconds {
            None if takes_time => {
                return refused(
                    "latency and slow-body take a time: `milliseconds`, or `--time 2s` on the command line",
                );
            }
            Some(_) if !takes_time => return refused("only latency and slow-body take a time"),
            Some(0) => return refused("the time is at least a millisecond"),
            Some(_) if self.time() > LONGEST => return refused("the time is at most 300 seconds"),
            _ => {}
        }
        if self.retry_after.is_some() && !says_when {
            return refused("only throttle and unavailable say when to try again (retryAfter)");
        }
        if !(self.probability > 0.0 && self.probability <= 1.0) {
            return refused("the probability lies above 0 and at most at 1");
        }
        if self.requests == Some(0) || self.seconds == Some(0) {
            return refused("requests and seconds are at least 1");
        }
        if !self.path.starts_with(['/', '*']) || self.path.len() > LONGEST_PATTERN {
            return refused("the path's pattern begins with `/` or `*` and has at most 512 bytes");
        }
        if self
            .method
            .as_ref()
            .is_some_and(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            return refused("the method is one word, like POST");
        }
        Ok(())
    }

    /// How long the fault makes it.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.milliseconds.unwrap_or(0).into())
    }

    pub(super) fn matches(&self, asked: &Asked<'_>) -> bool {
        let method = self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(asked.method.as_str()));
        let user = self.user.is_none_or(|user| asked.who.is_some_and(|who| who.contains(&user)));
        let token = self.fault != FaultKind::ExpiredToken || asked.has_token;
        method && user && token && is_like(asked.path.as_bytes(), self.path.as_bytes())
    }

    pub(super) fn is_chosen(&self, drawn: u64) -> bool {
        // Numbers below 2^53 are exact.
        #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
        let share = drawn as f64 / CHANCES as f64;
        share < self.probability
    }
}

/// Whether a text is like a pattern, in which `*` stands for any bytes.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    // Where the last star stood, and up to where it has been taken to reach.
    let mut star = None;
    while at < text.len() {
        if pattern.get(of) == Some(&b'*') {
            star = Some((of, at));
            of += 1;
        } else if pattern.get(of) == text.get(at) {
            at += 1;
            of += 1;
        } else if let Some((stood, reached)) = star {
            star = Some((stood, reached + 1));
            at = reached + 1;
            of = stood + 1;
        } else {
            return false;
        }
    }
    pattern.get(of..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, said by trying everything.
    fn is_like_naively(text: &[u8], pattern: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|at| is_like_naively(&text[at..], rest)),
            (Some((wanted, rest)), Some((found, others))) => wanted == found && is_like_naively(others, rest),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_are_matched_as_they_are_meant(text in "[ab/]{0,8}", pattern in "[ab/*]{0,6}") {
            prop_assert_eq!(is_like(text.as_bytes(), pattern.as_bytes()), is_like_naively(text.as_bytes(), pattern.as_bytes()));
        }

        #[test]
        fn any_order_is_read_without_panic(body: Vec<u8>) {
            if let Ok(order) = serde_json::from_slice::<FaultOrder>(&body) {
                let _ = order.check();
            }
        }
    }

    #[test]
    fn orders_that_make_no_sense_are_refused() {
        let order = |text: &str| serde_json::from_str::<FaultOrder>(text).map(|order| order.check().is_ok());
        for good in [
            r#"{"fault":"drop-after"}"#,
            r#"{"fault":"latency","milliseconds":1500,"method":"POST","path":"*contacts*","probability":0.25,"seed":7}"#,
            r#"{"fault":"throttle","retryAfter":5,"requests":3}"#,
            r#"{"fault":"expired-token","seconds":30,"user":"00000000-0000-0000-0000-000000000001"}"#,
        ] {
            assert!(order(good).unwrap(), "{good}");
        }
        for bad in [
            r#"{"fault":"latency"}"#,
            r#"{"fault":"latency","milliseconds":300001}"#,
            r#"{"fault":"slow-body","milliseconds":0}"#,
            r#"{"fault":"html","milliseconds":5}"#,
            r#"{"fault":"html","retryAfter":5}"#,
            r#"{"fault":"html","probability":0}"#,
            r#"{"fault":"html","probability":1.5}"#,
            r#"{"fault":"html","requests":0}"#,
            r#"{"fault":"html","path":"contacts"}"#,
            r#"{"fault":"html","method":"PO ST"}"#,
        ] {
            assert!(!order(bad).unwrap(), "{bad}");
        }
        for unread in
            [r#"{"fault":"earthquake"}"#, r#"{"fault":"html","colour":1}"#, "{}", r#"{"fault":"html","user":"me"}"#]
        {
            assert!(order(unread).is_err(), "{unread}");
        }
    }
}
