//! What a user or a pool has asked for, as programs are told it.

use keyholder_foundation::Timestamp;
use keyholder_limits::entitlement::{Day, forecast, share, used_up};
use keyholder_limits::history::History;
use serde_json::{Value, json};

/// Requests day by day, and what they are held against.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// What was asked for.
    pub history: &'a History,
    /// What is allowed in a day; nothing where that is not known.
    pub allowance: Option<u64>,
    /// Whether others use that up too, so that nothing is said of when it ends.
    pub is_shared: bool,
    /// How many days are told of.
    pub days: u16,
    /// The last of them,
    pub last: Day,
    /// and the time on it, unless it is over.
    pub now: Option<Timestamp>,
}

impl Account<'_> {
    /// Adds to an object what there is to tell: `day` and `share` of the allowance on the last day, its `forecast`,
    /// `isForecastBeyond` and when the allowance is `usedUp`, the `total` of all `days`, each of them, and the
    /// `outlook` beyond the last. Shares of an allowance that is not known are null.
    #[must_use]
    pub fn told(&self, mut who: Value) -> Value {
        let so_far = self.history.on(self.last);
        let forecast = self.now.map(|now| forecast(now, so_far));
        let own = self.allowance.filter(|_| !self.is_shared);
        let share = |requests: u64| self.allowance.map(|allowance| share(requests, allowance));
        let days = self.history.days(self.last, self.days).map(
            |(day, requests)| json!({ "day": day.start().date(), "requests": requests, "share": share(requests) }),
        );
        let told = json!({
            "day": so_far,
            "share": share(so_far),
            "forecast": forecast,
            "isForecastBeyond": own.map(|allowance| forecast.unwrap_or(so_far) > allowance),
            "usedUp": own
                .zip(self.now)
                .and_then(|(allowance, now)| used_up(now, so_far, allowance))
                .map(|when| when.whole_seconds().to_string()),
            "total": self.history.total(self.last, self.days),
            "days": days.collect::<Vec<_>>(),
            "outlook": self.outlook(own),
        });
        if let (Value::Object(who), Value::Object(told)) = (&mut who, told) {
            who.extend(told);
        }
        who
    }

    /// From the first day behind the last on. A day that is not over says nothing of whole ones.
    fn outlook(&self, own: Option<u64>) -> Value {
        let whole = if self.now.is_some() { Day(self.last.0.saturating_sub(1)) } else { self.last };
        let next = Day(self.last.0.saturating_add(1));
        match self.history.outlook(whole) {
            Err(too_little) => json!({ "daysKnown": too_little.days, "unknown": too_little.to_string() }),
            Ok(outlook) => json!({
                "daysKnown": outlook.days_known(),
                "byWeekday": outlook.is_by_weekday(),
                "trendPerDay": outlook.trend() as f64 / 1_000.0,
                "next": outlook.expected(next),
                "until": outlook.end().start().date(),
                "runsOutOn": own.and_then(|own| outlook.runs_out(next, own)).map(|day| day.start().date()),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising() -> History {
        (0..10)
            .map(|day| (Day(100 + day), 100 * (day.unsigned_abs() + 1)))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into()
    }

    #[test]
    fn s20_an_account_says_when_it_runs_out() {
        let (history, last) = (rising(), Day(109));
        let over = Account { history: &history, allowance: Some(1_250), is_shared: false, days: 2, last, now: None };
        let told = over.told(json!({"name": "orders"}));
        let expected = json!({
            "name": "orders", "day": 1_000, "share": 0.8, "forecast": null, "isForecastBeyond": false, "usedUp": null,
            "total": 1_900,
            "days": [{"day": "1970-04-19", "requests": 900, "share": 0.72},
                     {"day": "1970-04-20", "requests": 1_000, "share": 0.8}],
            "outlook": {
                "daysKnown": 10, "byWeekday": false, "trendPerDay": 100.0, "next": 1_100, "until": "1970-04-30",
                "runsOutOn": "1970-04-23",
            },
        });
        assert_eq!(told, expected);
        let shared = Account { is_shared: true, ..over.clone() }.told(json!({}));
        assert_eq!(
            (&shared["share"], &shared["isForecastBeyond"], &shared["outlook"]["runsOutOn"]),
            (&json!(0.8), &Value::Null, &Value::Null)
        );
        let unknown = Account { allowance: None, ..over }.told(json!({}));
        assert_eq!((&unknown["share"], &unknown["days"][0]["share"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn a_day_that_is_not_over_is_forecast_and_counts_for_nothing_else() {
        let (history, last) = (rising(), Day(109));
        let now = Timestamp::from_millis(last.start().as_millis() + 12 * 3_600_000);
        let told =
            Account { history: &history, allowance: Some(1_500), is_shared: false, days: 1, last, now: Some(now) };
        let told = told.told(json!({}));
        assert_eq!(
            (&told["forecast"], &told["isForecastBeyond"], &told["usedUp"]),
            (&json!(2_000), &json!(true), &json!("1970-04-20T18:00:00Z"))
        );
        assert_eq!((&told["outlook"]["daysKnown"], &told["outlook"]["next"]), (&json!(9), &json!(1_100)));
        let first =
            Account { history: &History::default(), allowance: None, is_shared: true, days: 1, last, now: None };
        assert_eq!(
            first.told(json!({}))["outlook"],
            json!({"daysKnown": 0, "unknown": "too little is known (no whole day)"})
        );
    }
}
