//! The pacer against the window that it has to please.

use proptest::prelude::*;

use super::*;
use crate::Window;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A request on its way: when the server sees it, when the client hears of it, and what it hears.
struct Flight {
    sent: Sent,
    arrives: i64,
    returns: i64,
    told: Option<Told>,
}

/// How many requests were let in, and when those were refused that were.
struct Ran {
    let_in: u32,
    refused: Vec<i64>,
}

/// A client that always has something to ask.
struct Client<'a> {
    known: Limits,
    /// The delays of its line, there and back, which repeat.
    delays: &'a [(i64, i64)],
    parallel: usize,
    /// When it begins.
    begins: i64,
}

/// Lets it ask until `millis`; another sends a request for the same user at each of these moments.
fn run(limits: Limits, client: &Client<'_>, others: &[i64], millis: i64) -> Ran {
    let (mut pacer, mut window) = (Pacer::new(client.known), Window::default());
    let mut flights: Vec<Flight> = Vec::new();
    let (mut let_in, mut refused, mut sent) = (0, Vec::new(), 0_usize);
    let mut others = others.iter().peekable();
    for now in 0..millis {
        while others.next_if(|other| **other <= now).is_some() {
            window.admit(&limits, at(now)).unwrap();
            window.finish(&limits, at(now), Duration::ZERO);
        }
        for flight in flights.iter_mut().filter(|flight| flight.arrives == now) {
            flight.told = Some(match window.admit(&limits, at(now)) {
                Ok(left) => {
                    let_in += 1;
                    window.finish(&limits, at(now), Duration::from_micros(100));
                    Told { requests: Some(left.requests), execution: Some(left.execution), ..Told::default() }
                }
                Err(no) => {
                    refused.push(now);
                    Told { refused: Some(no.limit), retry_after: Some(no.retry_after), ..Told::default() }
                }
            });
        }
        flights.retain(|flight| {
            let is_back = flight.returns == now;
            if is_back {
                pacer.answered(at(now), flight.sent, &flight.told.unwrap_or_default());
            }
            !is_back
        });
        while now >= client.begins && flights.len() < client.parallel && pacer.next(at(now)) == Next::Now {
            let (there, back) = client.delays[sent % client.delays.len()];
            let (arrives, returns) = (now + there, now + there + back);
            flights.push(Flight { sent: pacer.sent(at(now)), arrives, returns, told: None });
            sent += 1;
        }
    }
    Ran { let_in, refused }
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
        let Ran { let_in, refused } = run(limits, &Client { known: limits, delays: &delays, parallel, begins: 0 }, &[], 9_000);
        prop_assert!(refused.is_empty(), "{refused:?}");
        // And it is not timid: three quarters at least of what the window and the line allow, since with few requests
        // in a window each that is on its way at its end weighs much.
        let slowest = delays.iter().map(|(there, back)| there + back).max().unwrap();
        let windows = 9_000 / (i64::try_from(window).unwrap() * 1_000 + 2 * slowest);
        let by_line = 9_000 / (slowest + 1);
        prop_assert!(4 * i64::from(let_in) >= 3 * (windows * i64::from(requests)).min(by_line), "{let_in}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn s22_a_client_that_has_to_find_the_limits_is_never_refused_and_not_timid(
        requests in 9u32..80,
        parallel in 1usize..9,
        delays in prop::collection::vec((1i64..40, 1i64..40), 1..9),
        before in 0u32..80,
    ) {
        let limits = Limits { requests, window: Duration::from_secs(2), concurrent: 9, ..Limits::TODAY };
        let known = Client { known: limits, delays: &delays, parallel, begins: 0 };
        let finding = Client { known: Limits { requests: 6_000, ..limits }, ..known };
        let found = run(limits, &finding, &[], 20_000);
        prop_assert!(found.refused.is_empty(), "{:?}", found.refused);
        let known = run(limits, &known, &[], 20_000);
        prop_assert!(100 * found.let_in >= 95 * known.let_in, "{} and {}", found.let_in, known.let_in);
        // Another's requests leave the window little by little; how many are left is known to within those under way.
        let before = before.min(requests);
        let shared = run(limits, &finding, &vec![0; before as usize], 20_000);
        prop_assert!(shared.refused.iter().all(|at| *at < 2_000), "{:?}", shared.refused);
        prop_assert!(4 * (shared.let_in + before) >= 3 * known.let_in, "{} and {}", shared.let_in, known.let_in);
    }
}

/// A minute's window of 600, which another fills from 0 to 12 s, and a client that begins at 40 s.
fn late(others: &[i64], parallel: usize, until: i64) -> Ran {
    let limits = Limits { requests: 600, window: Duration::from_secs(60), ..Limits::TODAY };
    run(limits, &Client { known: limits, delays: &[(20, 20), (5, 30)], parallel, begins: 40_000 }, others, until)
}

#[test]
fn the_room_that_others_leave_is_used_as_they_leave() {
    let burst: Vec<i64> = (0..600).map(|number| number * 20).collect();
    for parallel in [1, 8, 20] {
        // At 66 s half of them have left, and at 72 s all; the line carries no more than one in 40 ms each.
        let (half, line) = (late(&burst, parallel, 66_000).let_in, 150 * u32::try_from(parallel).unwrap());
        assert!(100 * half >= 80 * line.min(300), "{parallel} at once: {half} of {}", line.min(300));
        let ended = late(&burst, parallel, 78_000 + 24_000 / i64::try_from(parallel).unwrap());
        assert!(100 * ended.let_in >= 95 * 600, "{parallel} at once: {} of 600", ended.let_in);
        // Those of the beginning, when it knows nothing, and of the moment at which it was told to come again.
        assert!(ended.refused.iter().all(|at| *at < 60_100), "{:?}", ended.refused);
        assert!(ended.refused.len() <= 3 * parallel, "{} refusals", ended.refused.len());
    }
}

#[test]
fn others_who_leave_slowly_or_stay_cost_few_probes() {
    // One leaves at 41 s, and the others a minute later.
    let mut others = vec![39_000; 600];
    others[0] = -19_000;
    others.sort_unstable();
    let stayed = late(&others, 4, 99_000);
    assert!(stayed.refused.len() <= 12, "{:?}", stayed.refused);
    // One leaves every three seconds, always.
    let limits = Limits { requests: 20, window: Duration::from_secs(60), ..Limits::TODAY };
    let others: Vec<i64> = (0..20).map(|number| number * 3_000).collect();
    let client = Client { known: limits, delays: &[(20, 20)], parallel: 1, begins: 59_000 };
    let slow = run(limits, &client, &others, 118_000);
    assert!(slow.let_in >= 17, "{} of 20", slow.let_in);
    assert!(slow.refused.len() <= 4, "{:?}", slow.refused);
}

#[test]
fn answers_that_overtake_one_another_make_nothing_look_larger_than_it_is() {
    let mut pacer = Pacer::new(Limits::TODAY);
    let told = |left| Told { requests: Some(left), ..Told::default() };
    let sent: Vec<Sent> = (0..50).map(|_| pacer.sent(at(0))).collect();
    // The limit is 300, and the last answer comes first: all that is known to be counted is what it answers.
    let mut most = 0;
    for (left, sent) in (250..300).zip(sent.into_iter().rev()) {
        pacer.answered(at(i64::from(left)), sent, &told(left));
        most += 1;
        assert_eq!(pacer.room(at(300)), left + 1 - 50, "{most} answers");
    }
    // One that was sent after all these were answered counts them all.
    let sent = pacer.sent(at(400));
    pacer.answered(at(401), sent, &told(249));
    assert_eq!(pacer.room(at(401)), 249);
}

#[test]
fn a_pacer_learns_of_a_higher_limit_and_of_others() {
    let mut pacer = Pacer::new(Limits::TODAY);
    let sent = pacer.sent(at(0));
    pacer.answered(at(0), sent, &Told { requests: Some(7_999), ..Told::default() });
    assert_eq!((pacer.limits().requests, pacer.room(at(0))), (8_000, 7_999));
    let sent = pacer.sent(at(0));
    pacer.answered(at(1), sent, &Told { requests: Some(100), parallelism: Some(4), ..Told::default() });
    assert_eq!((pacer.room(at(1)), pacer.recommended_parallelism()), (100, Some(4)));
    // Others' requests leave the window, too.
    let sent = pacer.sent(at(2));
    pacer.answered(at(2), sent, &Told { requests: Some(5_000), ..Told::default() });
    assert_eq!(pacer.room(at(2)), 5_000);
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
    let [first, second, third] = [0; 3].map(|moment| pacer.sent(at(moment)));
    pacer.answered(at(0), first, &refused(Some(17)));
    pacer.answered(at(10), second, &refused(Some(5)));
    pacer.answered(at(20), third, &refused(None));
    assert_eq!(pacer.next(at(16_999)), Next::At(at(17_000)), "the longest wait holds");
    assert_eq!(pacer.next(at(17_000)), Next::Now);
    assert_eq!(pacer.room(at(17_000)), 6_000, "what was refused does not count");
}

#[test]
fn concurrency_and_execution_time_hold_a_client_back() {
    let limits: Limits = "100,100,2,10".parse().unwrap();
    let mut pacer = Pacer::new(limits);
    let first = pacer.sent(at(0));
    assert_eq!(pacer.next(at(0)), Next::Now);
    let second = pacer.sent(at(0));
    assert_eq!(pacer.next(at(0)), Next::AfterAnAnswer);
    pacer.answered(at(0), first, &Told { execution: Some(Duration::ZERO), ..Told::default() });
    // A hundredth of the limit is back after a hundredth of the window.
    assert_eq!(pacer.next(at(0)), Next::At(at(101)));
    assert_eq!(pacer.next(at(101)), Next::Now);
    pacer.answered(at(102), second, &Told { execution: Some(Duration::from_secs(50)), ..Told::default() });
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
        let sent = pacer.sent(at(0));
        let told = Told {
            requests: Some(left),
            execution: Told::read_seconds(&text),
            refused: Some(Limit::Execution),
            retry_after: Some(Duration::from_secs(wait)),
            parallelism: Some(left),
        };
        pacer.answered(at(i64::MAX), sent, &told);
        let _ = pacer.next(at(i64::MIN));
    }
}
