//! The window against a naive one, which keeps a list of all that ever happened.

use proptest::prelude::*;

use super::*;

/// What happens next in a run, and how many milliseconds later.
#[derive(Debug, Clone)]
enum Event {
    Ask,
    /// The request that came first ends, after so many microseconds.
    End(u64),
}

#[derive(Debug, Default)]
struct Naive {
    let_in: Vec<i64>,
    ended: Vec<(i64, u64)>,
    active: u32,
    now: i64,
}

impl Naive {
    fn requests(&self, window: i64) -> Vec<i64> {
        self.let_in.iter().copied().filter(|at| *at > self.now - window).collect()
    }

    fn micros(&self, window: i64) -> u64 {
        self.ended.iter().filter(|(at, _)| *at > self.now - window).map(|(_, micros)| micros).sum()
    }

    /// Which limit a request meets, said as the documents say it.
    fn refusal(&self, limits: &Limits) -> Option<Limit> {
        let window = limits.window_millis();
        if self.active >= limits.concurrent {
            Some(Limit::Concurrency)
        } else if self.requests(window).len() >= limits.requests as usize {
            Some(Limit::Requests)
        } else if self.micros(window) >= limits.execution_micros() {
            Some(Limit::Execution)
        } else {
            None
        }
    }

    /// After how many whole seconds a refused request would find room, tried millisecond by millisecond.
    fn room(&self, limits: &Limits, limit: Limit) -> u64 {
        let window = limits.window_millis();
        let later = |millis: i64| Self {
            let_in: self.let_in.clone(),
            ended: self.ended.clone(),
            active: 0,
            now: self.now + millis,
        };
        let has_room = |millis: &i64| match limit {
            Limit::Concurrency => true,
            Limit::Requests => later(*millis).requests(window).len() < limits.requests as usize,
            Limit::Execution => later(*millis).micros(window) < limits.execution_micros(),
        };
        let millis = (0..=window).find(has_room).unwrap();
        u64::try_from((millis + 999) / 1_000).unwrap().max(1)
    }
}

fn events() -> impl Strategy<Value = Vec<(i64, Event)>> {
    let event = prop_oneof![3 => Just(Event::Ask), 2 => (0u64..400_000).prop_map(Event::End)];
    prop::collection::vec((prop_oneof![4 => 0i64..40, 1 => 0i64..1_500], event), 1..150)
}

fn limits() -> impl Strategy<Value = Limits> {
    (1u32..12, 1u64..3, 1u32..6, 1u64..3).prop_map(|(requests, execution, concurrent, window)| Limits {
        requests,
        execution: Duration::from_secs(execution),
        concurrent,
        window: Duration::from_secs(window),
    })
}

proptest! {
    #[test]
    fn s19_the_window_decides_as_a_list_of_everything_does(limits in limits(), events in events()) {
        let (mut window, mut naive) = (Window::default(), Naive::default());
        let mut naive_longest = 0;
        for (later, event) in events {
            naive.now += later;
            let now = Timestamp::from_millis(naive.now);
            match event {
                Event::Ask => {
                    let expected = naive.refusal(&limits);
                    match window.admit(&limits, now) {
                        Ok(left) => {
                            prop_assert_eq!(expected, None);
                            naive.let_in.push(naive.now);
                            naive.active += 1;
                            let millis = limits.window_millis();
                            prop_assert_eq!(left.requests as usize, limits.requests as usize - naive.requests(millis).len());
                            let micros = limits.execution_micros() - naive.micros(millis);
                            prop_assert_eq!(left.execution, Duration::from_micros(micros));
                        }
                        Err(refused) => {
                            prop_assert_eq!(Some(refused.limit), expected);
                            let room = naive.room(&limits, refused.limit);
                            let longest = room + limits.window.as_secs();
                            prop_assert!((room..=longest).contains(&refused.retry_after.as_secs()), "{refused:?} {room}");
                        }
                    }
                }
                Event::End(micros) if naive.active > 0 => {
                    naive.active -= 1;
                    naive.ended.push((naive.now, micros));
                    window.finish(&limits, now, Duration::from_micros(micros));
                }
                Event::End(_) => {}
            }
            naive_longest = naive_longest.max(window.buckets());
            prop_assert_eq!(window.used(&limits, now).active, naive.active);
        }
        prop_assert!(naive_longest <= 2 * limits.requests as usize + limits.concurrent as usize);
        prop_assert!(naive_longest <= usize::try_from(limits.window.as_millis()).unwrap());
    }

    #[test]
    fn whoever_waits_as_told_is_let_in(limits in limits(), bursts in prop::collection::vec(0i64..2_500, 1..40)) {
        let (mut window, mut now) = (Window::default(), 0);
        for pause in bursts {
            now += pause;
            match window.admit(&limits, Timestamp::from_millis(now)) {
                Ok(_) => {}
                Err(refused) => {
                    now += i64::try_from(refused.retry_after.as_millis()).unwrap();
                    prop_assert!(window.admit(&limits, Timestamp::from_millis(now)).is_ok());
                }
            }
            window.finish(&limits, Timestamp::from_millis(now), Duration::from_millis(40));
        }
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn small() -> Limits {
    "2,1200,52,300".parse().unwrap()
}

#[test]
fn s19_asking_on_makes_the_wait_longer_and_requests_under_way_do_not() {
    let (limits, mut window) = (small(), Window::default());
    for _ in 0..2 {
        window.admit(&limits, at(0)).unwrap();
    }
    let seconds = |window: &mut Window, millis| window.admit(&limits, at(millis)).unwrap_err().retry_after.as_secs();
    for _ in 0..50 {
        assert_eq!(seconds(&mut window, 500), 300, "many at once are one push");
    }
    assert_eq!(seconds(&mut window, 1_499), 299);
    assert_eq!(seconds(&mut window, 1_500), 299 + 1);
    assert_eq!(seconds(&mut window, 2_500), 298 + 2);
    assert_eq!(seconds(&mut window, 200_000), 100 + 3);
    assert!(window.admit(&limits, at(300_000)).is_ok(), "there is room, and a request that finds it is let in");
    window.admit(&limits, at(300_000)).unwrap();
    assert_eq!(seconds(&mut window, 300_000), 300, "and all is forgiven");
}

#[test]
fn a_clock_that_was_set_back_frees_the_window() {
    let (limits, mut window) = (small(), Window::default());
    for _ in 0..2 {
        window.admit(&limits, at(90_000)).unwrap();
    }
    assert!(window.admit(&limits, at(89_500)).is_err(), "a little out of order is as good as now");
    assert!(window.admit(&limits, at(10_000)).is_ok());
    assert_eq!(window.used(&limits, at(10_000)).active, 3, "what is under way stays so");
}

#[test]
fn a_window_is_forgotten_when_it_is_empty_and_nothing_is_under_way() {
    let (limits, mut window) = (small(), Window::default());
    window.admit(&limits, at(0)).unwrap();
    assert!(!window.is_forgettable(&limits, at(400_000)));
    window.finish(&limits, at(400_000), Duration::from_secs(400));
    assert!(!window.is_forgettable(&limits, at(699_999)));
    assert!(window.is_forgettable(&limits, at(700_000)));
}

#[test]
fn the_extremes_are_counted_without_overflow() {
    let (limits, mut window) = (Limits::TODAY, Window::default());
    for moment in [Timestamp::from_millis(i64::MIN), Timestamp::from_millis(i64::MAX)] {
        window.admit(&limits, moment).unwrap();
        window.finish(&limits, moment, Duration::MAX);
        assert_eq!(window.admit(&limits, moment).unwrap_err().limit, Limit::Execution);
        window.finish(&limits, moment, Duration::MAX);
    }
}
