//! The pacer against the window that it has to please.

use proptest::prelude::*;

use super::*;
use crate::Window;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A request on its way: when the server sees it, when the client hears of it, and what it hears.
struct Flight {
    arrives: i64,
    returns: i64,
    told: Option<Told>,
}

/// Lets a client that always has something to ask ask for `millis`, over a line whose delays repeat; gives how
/// many requests were let in and how many were refused.
fn run(limits: Limits, known: Limits, delays: &[(i64, i64)], parallel: usize, millis: i64) -> (u32, u32) {
    let (mut pacer, mut window) = (Pacer::new(known), Window::default());
    let mut flights: Vec<Flight> = Vec::new();
    let (mut let_in, mut refused, mut sent) = (0, 0, 0_usize);
    for now in 0..millis {
        for flight in flights.iter_mut().filter(|flight| flight.arrives == now) {
            flight.told = Some(match window.admit(&limits, at(now)) {
                Ok(left) => {
                    let_in += 1;
                    window.finish(&limits, at(now), Duration::from_micros(100));
                    Told { requests: Some(left.requests), execution: Some(left.execution), ..Told::default() }
                }
                Err(no) => {
                    refused += 1;
                    Told { refused: Some(no.limit), retry_after: Some(no.retry_after), ..Told::default() }
                }
            });
        }
        flights.retain(|flight| {
            let is_back = flight.returns == now;
            if is_back {
                pacer.answered(at(now), &flight.told.unwrap_or_default());
            }
            !is_back
        });
        while flights.len() < parallel && pacer.next(at(now)) == Next::Now {
            pacer.sent();
            let (there, back) = delays[sent % delays.len()];
            sent += 1;
            flights.push(Flight { arrives: now + there, returns: now + there + back, told: None });
        }
    }
    (let_in, refused)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn s19_a_paced_client_is_never_refused(
        requests in 1u32..60,
        window in 1u64..3,
        parallel in 1usize..9,
        delays in prop::collection::vec((1i64..40, 1i64..40), 1..9),
    ) {
        let limits = Limits { requests, window: Duration::from_secs(window), concurrent: 9, ..Limits::TODAY };
        let (let_in, refused) = run(limits, limits, &delays, parallel, 9_000);
        prop_assert_eq!(refused, 0);
        // And it is not timid: three quarters at least of what the window and the line allow, since with few requests
        // in a window each that is on its way at its end weighs much.
        let slowest = delays.iter().map(|(there, back)| there + back).max().unwrap();
        let windows = 9_000 / (i64::try_from(window).unwrap() * 1_000 + 2 * slowest);
        let by_line = 9_000 / (slowest + 1);
        prop_assert!(4 * i64::from(let_in) >= 3 * (windows * i64::from(requests)).min(by_line), "{let_in}");
    }
}

#[test]
fn a_pacer_learns_of_a_higher_limit_and_of_others() {
    let mut pacer = Pacer::new(Limits::TODAY);
    pacer.sent();
    pacer.answered(at(0), &Told { requests: Some(7_999), ..Told::default() });
    assert_eq!((pacer.limits().requests, pacer.room(at(0))), (8_000, 7_999));
    pacer.sent();
    pacer.answered(at(1), &Told { requests: Some(100), parallelism: Some(4), ..Told::default() });
    assert_eq!((pacer.room(at(1)), pacer.recommended_parallelism()), (100, Some(4)));
    assert_eq!(pacer.next(at(400_000)), Next::Now);
    assert_eq!(pacer.room(at(400_000)), 8_000, "after a window of silence nothing is known of others");
}

#[test]
fn a_refused_client_waits_as_long_as_it_was_told() {
    let mut pacer = Pacer::new(Limits::TODAY);
    let refused = |seconds: Option<u64>| Told {
        refused: Some(Limit::Requests),
        retry_after: seconds.map(Duration::from_secs),
        ..Told::default()
    };
    for _ in 0..3 {
        pacer.sent();
    }
    pacer.answered(at(0), &refused(Some(17)));
    pacer.answered(at(10), &refused(Some(5)));
    pacer.answered(at(20), &refused(None));
    assert_eq!(pacer.next(at(16_999)), Next::At(at(17_000)), "the longest wait holds");
    assert_eq!(pacer.next(at(17_000)), Next::Now);
    assert_eq!(pacer.room(at(17_000)), 6_000, "what was refused does not count");
}

#[test]
fn concurrency_and_execution_time_hold_a_client_back() {
    let limits: Limits = "100,100,2,10".parse().unwrap();
    let mut pacer = Pacer::new(limits);
    pacer.sent();
    assert_eq!(pacer.next(at(0)), Next::Now);
    pacer.sent();
    assert_eq!(pacer.next(at(0)), Next::AfterAnAnswer);
    pacer.answered(at(0), &Told { execution: Some(Duration::ZERO), ..Told::default() });
    // A hundredth of the limit is back after a hundredth of the window.
    assert_eq!(pacer.next(at(0)), Next::At(at(101)));
    assert_eq!(pacer.next(at(101)), Next::Now);
    pacer.answered(at(102), &Told { execution: Some(Duration::from_secs(50)), ..Told::default() });
    assert_eq!(pacer.next(at(102)), Next::Now);
}

#[test]
fn the_remaining_time_is_read_as_the_service_writes_it() {
    for (text, millis) in [("1,200.00", 1_200_000), ("0.5", 500), ("17", 17_000), ("1,234,567.25", 1_234_567_250)] {
        assert_eq!(Told::read_seconds(text), Some(Duration::from_millis(millis)), "{text}");
    }
    for bad in ["", ".5", "-1", "1.2.3", "1e3", "NaN", "99999999999999999999", "1.1234567"] {
        assert_eq!(Told::read_seconds(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(text: String, left: u32, wait: u64) {
        let mut pacer = Pacer::new(Limits::TODAY);
        pacer.sent();
        let told = Told {
            requests: Some(left),
            execution: Told::read_seconds(&text),
            refused: Some(Limit::Execution),
            retry_after: Some(Duration::from_secs(wait)),
            parallelism: Some(left),
        };
        pacer.answered(at(i64::MAX), &told);
        let _ = pacer.next(at(i64::MIN));
    }
}
