use proptest::prelude::*;

use super::*;

const LAST: Day = Day(20_785);

fn of(counts: &[u64]) -> Outlook {
    Outlook::of(LAST, counts).unwrap()
}

fn after(days: i64) -> Day {
    Day(LAST.0 + days)
}

#[test]
fn s20_too_little_is_said_and_not_guessed() {
    for (counts, days, words) in [
        (&[][..], 0, "too little is known (no whole day)"),
        (&[0, 0, 0, 0, 0, 0, 0], 0, "too little is known (no whole day)"),
        (&[0, 0, 0, 0, 0, 0, 9], 1, "too little is known (1 day)"),
        (&[0, 0, 5, 9], 2, "too little is known (2 days)"),
        (&[0, 0, 5, 0, 0, 9], 4, "too little is known (4 days)"),
    ] {
        let said = Outlook::of(LAST, counts).unwrap_err();
        assert_eq!((said, said.to_string().as_str()), (TooLittle { days }, words), "{counts:?}");
    }
    assert!(Outlook::of(LAST, &[1; LEAST_DAYS]).is_ok());
}

#[test]
fn s20_a_rise_runs_out_on_the_day_that_it_leads_to() {
    let rising = of(&[1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    assert_eq!((rising.trend(), rising.days_known(), rising.is_by_weekday()), (1_000_000, 6, false));
    assert_eq!(rising.expected(after(1)), Some(7_000));
    assert_eq!(rising.runs_out(after(1), 8_500), Some(after(3)));
    assert_eq!(rising.runs_out(after(1), 9_000), Some(after(4)), "an allowance may be used up, not more");
    assert_eq!(rising.runs_out(after(4), 7_000), Some(after(4)), "days before are not asked for");
    // Six days tell of six, and not of more.
    assert_eq!((rising.expected(after(6)), rising.expected(after(7))), (Some(12_000), None));
    assert_eq!(rising.runs_out(after(1), 12_500), None);
    // What falls ends at nothing.
    let falling = of(&[500, 400, 300, 200, 100, 50]);
    assert_eq!(falling.expected(after(6)), Some(0));
}

#[test]
fn one_odd_day_moves_nothing() {
    let even = of(&[100; 10]);
    let odd = of(&[100, 100, 100, 900_000, 100, 100, 100, 100, 100, 100]);
    assert_eq!((even.expected(after(1)), even.trend()), (Some(100), 0));
    assert_eq!((odd.expected(after(1)), odd.trend()), (Some(100), 0));
    assert_eq!(odd.runs_out(after(1), 1_000), None);
    // Up and down is no trend.
    assert_eq!(of(&[100, 140, 90, 130, 110, 120, 95, 135]).trend(), 0);
}

#[test]
fn weekdays_are_told_apart_from_two_weeks_on() {
    // 2026-11-28 is a Saturday; three weeks that end on it, with nothing at weekends.
    let saturday = Day::of(keyholder_foundation::Timestamp::parse("2026-11-28").unwrap());
    let week = [0, 700, 700, 700, 700, 700, 0];
    let weeks: Vec<u64> = (0..3).flat_map(|_| week).collect();
    let outlook = Outlook::of(saturday, &weeks).unwrap();
    // The first Sunday has nothing: it comes before the first request.
    assert_eq!((outlook.days_known(), outlook.is_by_weekday(), outlook.trend()), (20, true, 0));
    let next: Vec<_> = (1..=7).map(|day| outlook.expected(Day(saturday.0 + day)).unwrap()).collect();
    assert_eq!(next, week);
    // A week's growth is told from a weekend's end.
    let growing: Vec<u64> = (0..3_u64).flat_map(|number| week.map(|count| count + 70 * number)).collect();
    let outlook = Outlook::of(saturday, &growing).unwrap();
    assert_eq!(outlook.trend(), 10_000);
    assert_eq!(outlook.expected(Day(saturday.0 + 2)), Some(910));
    assert_eq!(outlook.expected(Day(saturday.0 + 8)), Some(280), "a Sunday two weeks on");
    assert_eq!(outlook.runs_out(Day(saturday.0 + 1), 945), Some(Day(saturday.0 + 9)));
}

fn history() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![3 => 0..50_000_u64, 1 => any::<u64>()], 0..120)
}

proptest! {
    #[test]
    fn any_history_is_looked_at_without_a_fault(counts in history(), last in -1_000_000..1_000_000_i64, allowance: u64) {
        let last = Day(last);
        match Outlook::of(last, &counts) {
            Err(TooLittle { days }) => prop_assert!(days < LEAST_DAYS),
            Ok(outlook) => {
                prop_assert!(outlook.days_known() >= LEAST_DAYS && outlook.days_known() <= counts.len());
                prop_assert!(outlook.end() > last && outlook.end().0 - last.0 <= i64::from(FURTHEST));
                if let Some(day) = outlook.runs_out(Day(last.0 - 5), allowance) {
                    prop_assert!(day > last && day <= outlook.end());
                    prop_assert!(outlook.expected(day).unwrap() > allowance);
                    prop_assert!((last.0 + 1..day.0).all(|day| outlook.expected(Day(day)).unwrap() <= allowance));
                } else {
                    prop_assert!((last.0 + 1..=outlook.end().0).all(|day| outlook.expected(Day(day)).unwrap() <= allowance));
                }
            }
        }
    }

    #[test]
    fn a_straight_rise_is_gone_on_with(start in 1..100_000_u64, step in 1..10_000_u64, days in 5..90_usize) {
        let counts: Vec<u64> = (0..days as u64).map(|day| start + step * day).collect();
        let outlook = of(&counts);
        prop_assert_eq!(outlook.trend(), i64::try_from(step * 1_000).unwrap());
        for ahead in 1..=days as u64 {
            let expected = start + step * (days as u64 - 1 + ahead);
            prop_assert_eq!(outlook.expected(after(i64::try_from(ahead).unwrap())), Some(expected));
        }
    }

    #[test]
    fn one_odd_day_of_thirty_moves_no_even_load(level in 10..50_000_u64, at in 0..30_usize, odd: u64) {
        let mut counts = vec![level; 30];
        counts[at] = odd;
        if at == 0 && odd == 0 {
            return Ok(());
        }
        let outlook = of(&counts);
        prop_assert_eq!(outlook.trend(), 0);
        for ahead in 1..=29 {
            prop_assert_eq!(outlook.expected(after(ahead)), Some(level));
        }
    }

    #[test]
    fn what_is_twice_as_much_leads_to_twice_as_much(counts in prop::collection::vec(1..50_000_u64, 5..40)) {
        let twice: Vec<u64> = counts.iter().map(|count| count * 2).collect();
        let (one, two) = (of(&counts), of(&twice));
        for ahead in 1..=5 {
            let (one, two) = (one.expected(after(ahead)).unwrap(), two.expected(after(ahead)).unwrap());
            prop_assert!(two.abs_diff(one * 2) <= 2, "{} and {}", one, two);
        }
    }

    #[test]
    fn days_before_the_first_request_change_nothing(counts in prop::collection::vec(1..50_000_u64, 5..40), before in 0..40_usize) {
        let mut padded = vec![0; before];
        padded.extend(&counts);
        prop_assert_eq!(of(&padded), of(&counts));
    }
}
