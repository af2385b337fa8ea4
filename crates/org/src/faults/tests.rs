//! Which requests meet which faults.

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_unix_seconds(1_000_000);

fn asked<'a>(method: &'a Method, path: &'a str) -> Asked<'a> {
    Asked { method, path, who: Some([Uuid::from_u128(1), Uuid::from_u128(2)]), has_token: true }
}

fn contacts() -> Asked<'static> {
    asked(&Method::GET, "/api/data/v9.2/contacts")
}

fn ordered(orders: &[FaultOrder]) -> Faults {
    let faults = Faults::default();
    for order in orders {
        assert!(order.check().is_ok() && faults.order(order.clone(), START).is_some());
    }
    faults
}

#[test]
fn an_order_is_for_what_it_names() {
    let user = |number| Some(Uuid::from_u128(number));
    let wanted = |change: fn(&mut FaultOrder)| {
        let mut order = FaultOrder::new(FaultKind::Html);
        change(&mut order);
        order
    };
    let meets =
        |order: &FaultOrder, asked: &Asked<'_>| ordered(std::slice::from_ref(order)).meet(START, asked).fault.is_some();
    assert!(meets(&wanted(|_| {}), &contacts()));
    assert!(!meets(&wanted(|_| {}), &asked(&Method::GET, "/v1.0/applications")), "the Web API unless told otherwise");
    assert!(meets(&wanted(|order| order.path = "*".to_owned()), &asked(&Method::GET, "/v1.0/applications")));
    assert!(!meets(&wanted(|order| order.method = Some("post".to_owned())), &contacts()));
    assert!(meets(&wanted(|order| order.method = Some("get".to_owned())), &contacts()));
    for (number, is_met) in [(1, true), (2, true), (3, false)] {
        let order = FaultOrder { user: user(number), ..FaultOrder::new(FaultKind::Html) };
        assert_eq!(meets(&order, &contacts()), is_met, "{number}");
        assert!(!meets(&order, &Asked { who: None, ..contacts() }));
    }
    let expired = FaultOrder::new(FaultKind::ExpiredToken);
    assert!(meets(&expired, &contacts()));
    assert!(!meets(&expired, &Asked { has_token: false, ..contacts() }), "what is not there cannot expire");
}

#[test]
fn orders_end_after_their_requests_or_seconds() {
    let faults = ordered(&[FaultOrder { requests: Some(2), ..FaultOrder::new(FaultKind::Html) }]);
    let met: Vec<bool> = (0..3).map(|_| faults.meet(START, &contacts()).fault.is_some()).collect();
    assert_eq!(met, [true, true, false]);
    assert_eq!(faults.list(START)["faults"][0]["isUsedUp"], true);

    let faults = ordered(&[FaultOrder { seconds: Some(10), ..FaultOrder::new(FaultKind::Html) }]);
    for (millis, is_met) in [(0, true), (9_999, true), (10_000, false)] {
        let now = START.plus(Duration::from_millis(millis));
        assert_eq!(faults.meet(now, &contacts()).fault.is_some(), is_met, "{millis}");
    }
}

#[test]
fn latencies_add_up_and_of_the_rest_the_first_decides() {
    let latency = |millis| FaultOrder { milliseconds: Some(millis), ..FaultOrder::new(FaultKind::Latency) };
    let once = FaultOrder { requests: Some(1), ..FaultOrder::new(FaultKind::DropAfter) };
    let faults = ordered(&[latency(100), once, FaultOrder::new(FaultKind::Html), latency(50)]);
    for kind in [FaultKind::DropAfter, FaultKind::Html] {
        let met = faults.meet(START, &contacts());
        assert_eq!((met.latency, met.fault.unwrap().fault), (Duration::from_millis(150), kind));
    }
    let faults = ordered(&[latency(300_000), latency(300_000)]);
    assert_eq!(faults.meet(START, &contacts()).latency, order::LONGEST);
}

#[test]
fn there_are_only_so_many_orders_and_used_ones_make_room() {
    let order = FaultOrder { requests: Some(1), ..FaultOrder::new(FaultKind::Html) };
    let faults = ordered(&vec![order.clone(); MOST_ORDERS]);
    assert!(faults.order(order.clone(), START).is_none());
    faults.meet(START, &contacts());
    assert_eq!(faults.order(order, START).unwrap()["id"], MOST_ORDERS + 1);
    assert_eq!((faults.clear(Some(2)), faults.clear(Some(2)), faults.clear(None)), (1, 0, MOST_ORDERS - 1));
    assert!(!faults.any());
}

proptest! {
    #[test]
    fn the_same_requests_meet_the_same_faults(seed: u64, thousandths in 1u32..=1000) {
        let order = FaultOrder { probability: f64::from(thousandths) / 1000.0, seed, ..FaultOrder::new(FaultKind::Html) };
        let run = || {
            let faults = ordered(std::slice::from_ref(&order));
            (0..1000).filter(|_| faults.meet(START, &contacts()).fault.is_some()).collect::<Vec<i32>>()
        };
        let met = run();
        prop_assert_eq!(&met, &run());
        // Six standard deviations of a thousand draws.
        let (expected, found) = (i64::from(thousandths), i64::try_from(met.len()).unwrap());
        prop_assert!((found - expected).abs() <= 96, "{found} of {expected}");
    }
}
