//! How much a user may ask for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The most requests in a window that can be set. With the other bounds it keeps what is
/// remembered of a user within some 50 MB, and of one under the real limits within 300 KB.
pub const MOST_REQUESTS: u32 = 1_000_000;
/// The most execution time that can be set.
pub const MOST_EXECUTION: Duration = Duration::from_secs(1_000_000);
/// The most requests at once that can be set.
pub const MOST_CONCURRENT: u32 = 10_000;
/// The longest window that can be set.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);

/// The three service protection API limits of one user on one web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many requests a window may hold; at least one.
    pub requests: u32,
    /// How long all requests of a window together may take; at least a second.
    pub execution: Duration,
    /// How many requests may be under way at once; at least one.
    pub concurrent: u32,
    /// How long a request counts; at least a second.
    pub window: Duration,
}

impl Limits {
    /// The limits that Microsoft documents today.
    pub const TODAY: Self = Self {
        requests: 6_000,
        execution: Duration::from_secs(1_200),
        concurrent: 52,
        window: Duration::from_secs(300),
    };

    /// The limits as they were documented in 2019. How many requests might be under way at once was
    /// limited, but the number was not told: it is today's.
    pub const OF_2019: Self = Self { requests: 4_000, ..Self::TODAY };

    /// How many requests at once a caller does best with: as many as can run all the time without
    /// using up the execution time. The service calls it `x-ms-dop-hint`.
    #[must_use]
    pub fn recommended_parallelism(&self) -> u32 {
        let steady = self.execution.as_millis() / self.window.as_millis().max(1);
        u32::try_from(steady).unwrap_or(u32::MAX).clamp(1, self.concurrent.max(1))
    }

    pub(crate) fn window_millis(&self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX)
    }

    pub(crate) fn execution_micros(&self) -> u64 {
        u64::try_from(self.execution.as_micros()).unwrap_or(u64::MAX)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::TODAY
    }
}

/// A text that is no set of limits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimits {
    /// It has other parts.
    #[error("limits are written REQUESTS,EXECUTION-SECONDS,CONCURRENT[,WINDOW-SECONDS], like 6000,1200,52,300")]
    Form,
    /// A number is out of bounds.
    #[error("{what} must be a whole number from 1 to {most}")]
    Bounds {
        /// Which number.
        what: &'static str,
        /// The highest that it may be.
        most: u64,
    },
}

/// `REQUESTS,EXECUTION-SECONDS,CONCURRENT[,WINDOW-SECONDS]`; the window is five minutes when it is not given.
impl FromStr for Limits {
    type Err = InvalidLimits;

    fn from_str(text: &str) -> Result<Self, InvalidLimits> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let (requests, execution, concurrent, window) = match parts.as_slice() {
            [requests, execution, concurrent] => (*requests, *execution, *concurrent, None),
            [requests, execution, concurrent, window] => (*requests, *execution, *concurrent, Some(*window)),
            _ => return Err(InvalidLimits::Form),
        };
        let number = |what, text: &str, most: u64| match text.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(InvalidLimits::Bounds { what, most }),
        };
        let small = |what, text: &str, most: u32| {
            number(what, text, most.into()).map(|number| u32::try_from(number).unwrap_or(most))
        };
        Ok(Self {
            requests: small("the number of requests", requests, MOST_REQUESTS)?,
            execution: Duration::from_secs(number("the execution time", execution, MOST_EXECUTION.as_secs())?),
            concurrent: small("the number of requests at once", concurrent, MOST_CONCURRENT)?,
            window: match window {
                Some(window) => Duration::from_secs(number("the window", window, LONGEST_WINDOW.as_secs())?),
                None => Self::TODAY.window,
            },
        })
    }
}

/// As it is read: with the window, in whole seconds.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, execution, concurrent, window } = self;
        write!(f, "{requests},{},{concurrent},{}", execution.as_secs(), window.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        assert_eq!("6000,1200,52".parse(), Ok(Limits::TODAY));
        assert_eq!("4000, 1200, 52, 300".parse(), Ok(Limits::OF_2019));
        assert_eq!("1,2,3,4".parse::<Limits>().unwrap().window, Duration::from_secs(4));
        for bad in ["", "6000", "6000,1200", "1,2,3,4,5", "real"] {
            assert_eq!(bad.parse::<Limits>(), Err(InvalidLimits::Form), "{bad}");
        }
        for bad in ["0,1200,52", "6000,0,52", "6000,1200,0", "6000,1200,52,0", "-1,1,1", "1,1,1,86401", "1e3,1,1"] {
            assert!(matches!(bad.parse::<Limits>(), Err(InvalidLimits::Bounds { .. })), "{bad}");
        }
    }

    #[test]
    fn the_recommended_parallelism_is_what_the_execution_time_allows() {
        assert_eq!(Limits::TODAY.recommended_parallelism(), 4, "as live orgs say");
        assert_eq!("10,1,5,300".parse::<Limits>().unwrap().recommended_parallelism(), 1);
        assert_eq!("10,100000,5,1".parse::<Limits>().unwrap().recommended_parallelism(), 5);
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(requests in 1..=MOST_REQUESTS, execution in 1u64..=1_000_000, concurrent in 1..=MOST_CONCURRENT, window in 1u64..=86_400) {
            let limits = Limits {
                requests,
                execution: Duration::from_secs(execution),
                concurrent,
                window: Duration::from_secs(window),
            };
            prop_assert_eq!(limits.to_string().parse(), Ok(limits));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = text.parse::<Limits>();
        }
    }
}
