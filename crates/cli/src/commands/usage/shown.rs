//! Usage as a local org or a report tells it, shown to people.

use std::cmp::Reverse;

use keyholder_dataverse::error::grouped;
use serde_json::{Map, Value, json};

use super::days::{self, is_of_pool, users_of};
use super::{outlook, plot};
use crate::args::Usage;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, one_line};
use crate::{settings, table};

/// Of the pool's users so many are named who take the most of it.
const MOST_NAMED: usize = 3;

/// Shows it in the form that is wanted, and fails where that is wanted too.
pub(super) fn show(mut told: Value, arguments: &Usage, printer: Printer) -> Result<(), Failure> {
    let tenants: Vec<Value> = told.get("tenants").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut beyond = Vec::new();
    for tenant in &tenants {
        if !printer.is_csv() {
            lines(tenant, &told, arguments, printer);
        }
        warn(tenant, &told, printer, &mut beyond);
    }
    let failure = (arguments.fail_on_over && !beyond.is_empty()).then(|| {
        let who = beyond.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        Failure::new(Exit::Failed, format!("beyond the day's allowance, or on the way there: {who}")).within(&mut told)
    });
    if printer.is_csv() {
        days::csv(&told).iter().for_each(|line| printer.values(line));
    }
    printer.json(&told);
    failure.map_or(Ok(()), Err)
}

fn lines(tenant: &Value, told: &Value, arguments: &Usage, printer: Printer) {
    let users = users_of(tenant);
    let pool = tenant.get("pool").filter(|pool| !pool.is_null());
    let (day, days) = (text(told, "day"), told.get("daysTold").and_then(Value::as_u64).unwrap_or(0));
    let is_report = told.get("isReport").is_some();
    match text(tenant, "domain") {
        "" => printer.line(&format!("By the report, until {day} (UTC)\n")),
        domain => printer.line(&format!("{domain}, {day} (UTC)\n")),
    }
    let asking: Vec<_> = users.iter().filter(|user| count(user, "total") > 0).collect();
    let has_orgs = users.windows(2).any(|pair| matches!(pair, [one, other] if text(one, "org") != text(other, "org")));
    let has = Has { orgs: has_orgs, runs_out: asking.iter().any(|user| outlook::runs_out(user).is_some()) };
    let asking: Vec<_> = asking.into_iter().map(|user| row(user, told, has)).collect();
    if asking.is_empty() {
        printer.line(&format!("Nobody has asked for anything that counts in {days} days.\n"));
    } else {
        printer.line(&format!("{}\n", table::of(&asking, true, table::width()).text));
    }
    if arguments.days.is_some() {
        printer.line(&format!("{}\n", table::of(&days::rows(tenant), true, table::width()).text));
    }
    if arguments.plot {
        let lines = plot::lines(users, pool, plot::shows_blocks(settings::environment));
        lines.iter().for_each(|line| printer.line(line));
        printer.line("");
    }
    let Some(pool) = pool else { return };
    let allowance = pool.get("allowance").and_then(Value::as_u64);
    let of = allowance.map_or("an allowance that is not told".to_owned(), |allowance| grouped(allowance.into()));
    let start = format!("The pool of all users without a licence: {} of {of}", number(pool, "day"));
    if is_report {
        printer.line(&format!("{start} on {day}."));
    } else {
        printer.line(&format!("{start} today, {} if the day goes on like this.", number(pool, "forecast")));
    }
    printer.line(&format!("The days to come: {}.", outlook::words(pool)));
    if let Some(most) = most(users) {
        printer.sentence("", &format!("Most of it in {days} days: {most}."));
    }
}

/// Who takes most of the pool.
fn most(users: &[Value]) -> Option<String> {
    let mut taking: Vec<&Value> = users.iter().filter(|user| is_of_pool(user) && count(user, "total") > 0).collect();
    taking.sort_by_key(|user| Reverse(count(user, "total")));
    let named = taking
        .iter()
        .take(MOST_NAMED)
        .map(|user| format!("{} {} ({})", text(user, "name"), percent(user.get("shareOfPool")), number(user, "total")));
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Says who is beyond, or will be; whoever is so on the last day is added to `beyond`.
fn warn(tenant: &Value, told: &Value, printer: Printer, beyond: &mut Vec<String>) {
    let is_report = told.get("isReport").is_some();
    let users = users_of(tenant).iter().map(|user| (user, one_line(text(user, "name"))));
    let domain = text(tenant, "domain");
    let pool = tenant.get("pool").filter(|pool| !pool.is_null());
    let pool = pool.map(|pool| (pool, format!("the pool{}{domain}", if domain.is_empty() { "" } else { " of " })));
    for (account, name) in users.chain(pool) {
        let allowance = account.get("allowance").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let mend =
            if account.get("shareOfPool").is_none() { ": spread the load over days, or buy add-ons" } else { "" };
        if account.get("isForecastBeyond").and_then(Value::as_bool).unwrap_or(false) {
            beyond.push(name.clone());
            let allowance = grouped(allowance.into());
            let when = text(account, "usedUp").get(11..16).unwrap_or_default();
            if is_report {
                printer.note(&format!("{name} was beyond the allowance of {allowance} on {}{mend}", text(told, "day")));
            } else if count(account, "day") > account.get("allowance").and_then(Value::as_u64).unwrap_or(u64::MAX) {
                printer.note(&format!("{name} is beyond the day's allowance of {allowance}{mend}"));
            } else {
                printer.note(&format!(
                    "{name} is on the way beyond the day's allowance of {allowance}, at {when} (UTC) at this rate{mend}"
                ));
            }
        }
        if let Some(day) = outlook::runs_out(account) {
            printer.note(&format!("{name} will run out on {day} at this rate{mend}"));
        }
    }
}

/// The columns that say something here.
#[derive(Debug, Clone, Copy)]
struct Has {
    orgs: bool,
    runs_out: bool,
}

/// A user as a row for people.
fn row(user: &Value, told: &Value, has: Has) -> Map<String, Value> {
    let mut row = Map::new();
    let mut put = |name: String, value: String| row.insert(name, json!(value));
    put("user".to_owned(), text(user, "name").to_owned());
    if has.orgs {
        put("org".to_owned(), text(user, "org").to_owned());
    }
    put("kind".to_owned(), text(user, "kind").to_owned());
    if let Some(seconds) = told.get("windowSeconds").and_then(Value::as_u64) {
        put(format!("last {seconds} s"), number(user.get("window").unwrap_or(&Value::Null), "requests"));
    }
    let is_report = told.get("isReport").is_some();
    put(if is_report { text(told, "day").to_owned() } else { "today".to_owned() }, number(user, "day"));
    let allowance = match user.get("allowance") {
        Some(Value::Number(_)) => number(user, "allowance"),
        _ if is_of_pool(user) => "pool".to_owned(),
        _ => "not told".to_owned(),
    };
    put("allowance".to_owned(), allowance);
    put("share".to_owned(), percent(user.get("share")));
    if !is_report {
        put("forecast".to_owned(), number(user, "forecast"));
    }
    let days = told.get("daysTold").and_then(Value::as_u64).unwrap_or(0);
    put(format!("{days} days"), number(user, "total"));
    put("next day".to_owned(), outlook::next(user));
    if has.runs_out {
        put("runs out".to_owned(), outlook::runs_out(user).unwrap_or_default().to_owned());
    }
    row
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn number(value: &Value, name: &str) -> String {
    grouped(count(value, name).into())
}

/// A share as people read it: tenths of a percent where they say anything.
pub(super) fn percent(share: Option<&Value>) -> String {
    let Some(percent) = share.and_then(Value::as_f64).map(|share| share * 100.0) else { return String::new() };
    if percent > 0.0 && percent < 0.05 {
        return "under 0.1%".to_owned();
    }
    let tenths = format!("{percent:.1}");
    format!("{}%", tenths.strip_suffix(".0").unwrap_or(&tenths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_most_of_the_pool_is_named() {
        let user =
            |name: &str, total: u64, share: Option<f64>| json!({"name": name, "total": total, "shareOfPool": share});
        let users = [
            user("small", 10, Some(0.001)),
            user("person", 90_000, None),
            user("large", 8_000, Some(0.8)),
            user("idle", 0, Some(0.0)),
            user("middle", 1_990, Some(0.199)),
            user("least", 1, Some(0.0001)),
        ];
        assert_eq!(most(&users).unwrap(), "large 80% (8,000), middle 19.9% (1,990), small 0.1% (10)");
        assert_eq!(most(&users[1..2]), None);
        assert_eq!(percent(Some(&json!(0.0001))), "under 0.1%");
        assert_eq!((percent(None), percent(Some(&json!(1.5)))), (String::new(), "150%".to_owned()));
    }
}
