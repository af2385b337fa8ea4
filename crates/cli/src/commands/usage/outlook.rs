//! Where days lead, in words.

use keyholder_dataverse::error::grouped;
use serde_json::Value;

/// What is expected of the next day: a cell.
pub(super) fn next(account: &Value) -> String {
    let outlook = account.get("outlook").unwrap_or(&Value::Null);
    match outlook.get("next").and_then(Value::as_u64) {
        Some(requests) => grouped(requests.into()),
        None => "?".to_owned(),
    }
}

/// The day on which its allowance runs out.
pub(super) fn runs_out(account: &Value) -> Option<&str> {
    account.get("outlook")?.get("runsOutOn")?.as_str()
}

/// All that is known of the days to come, as a sentence's end.
pub(super) fn words(account: &Value) -> String {
    let outlook = account.get("outlook").unwrap_or(&Value::Null);
    if let Some(why) = outlook.get("unknown").and_then(Value::as_str) {
        return why.to_owned();
    }
    let days = outlook.get("daysKnown").and_then(Value::as_u64).unwrap_or(0);
    let how = match outlook.get("byWeekday").and_then(Value::as_bool) {
        Some(true) => ", each weekday by itself",
        _ => "",
    };
    let trend = match outlook.get("trendPerDay").and_then(Value::as_f64).unwrap_or(0.0) {
        0.0 => "no clear trend".to_owned(),
        more if more > 0.0 => format!("{} more each day", rate(more)),
        less => format!("{} fewer each day", rate(-less)),
    };
    let end = match runs_out(account) {
        Some(day) => format!("it will run out on {day} at this rate"),
        None => {
            let until = outlook.get("until").and_then(Value::as_str).unwrap_or_default();
            format!("it lasts until {until} at least, as far as {days} days tell")
        }
    };
    format!("{} the next day, by {days} whole days{how}; {trend}; {end}", next(account))
}

/// Thousandths matter of little alone.
fn rate(requests: f64) -> String {
    if requests < 10.0 { format!("{requests:.1}") } else { grouped(requests.round() as u128) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn s20_where_days_lead_is_said_with_what_it_rests_on() {
        let of = |outlook: Value| words(&json!({ "outlook": outlook }));
        assert_eq!(
            of(json!({"daysKnown": 2, "unknown": "too little is known (2 days)"})),
            "too little is known (2 days)"
        );
        let even =
            json!({"daysKnown": 9, "byWeekday": false, "trendPerDay": 0.0, "next": 1_200, "until": "2026-12-07"});
        assert_eq!(
            of(even),
            "1,200 the next day, by 9 whole days; no clear trend; it lasts until 2026-12-07 at least, as far as 9 days tell"
        );
        let rising = json!({
            "daysKnown": 30, "byWeekday": true, "trendPerDay": 1_000.4, "next": 480_000, "runsOutOn": "2026-12-03",
        });
        assert_eq!(
            of(rising),
            "480,000 the next day, by 30 whole days, each weekday by itself; 1,000 more each day; it will run out on \
             2026-12-03 at this rate"
        );
        assert!(of(json!({"trendPerDay": -2.25, "next": 0})).contains("; 2.2 fewer each day; "));
    }
}
