//! Day by day: a table for people, CSV for programs.

use keyholder_dataverse::error::grouped;
use serde_json::{Map, Value, json};

use super::shown::{percent, text};
use crate::csv;

/// The pool's name among users.
pub(super) const POOL: &str = "(the pool)";

/// The columns of the CSV. `whole` is false of a day that is not over; `share` is of the allowance, which users without
/// a licence share.
const COLUMNS: [&str; 10] = ["tenant", "org", "user", "name", "kind", "day", "whole", "requests", "allowance", "share"];

/// The rows of a tenant's table: of each day the pool, and then who asked for anything, the most first.
pub(super) fn rows(tenant: &Value) -> Vec<Map<String, Value>> {
    let pool = tenant.get("pool").filter(|pool| !pool.is_null());
    let users = users_of(tenant);
    let of_first = pool.or(users.first()).map(days_of).unwrap_or_default();
    let mut rows = Vec::new();
    for (at, day) in of_first.iter().enumerate() {
        rows.extend(pool.and_then(|pool| days_of(pool).get(at)).map(|day| row(day, POOL, pool)));
        let asked = |user: &&Value| days_of(user).get(at).is_some_and(|day| requests_of(day) > 0);
        let mut asking: Vec<&Value> = users.iter().filter(asked).collect();
        asking.sort_by_key(|user| std::cmp::Reverse(days_of(user).get(at).map(requests_of)));
        for user in &asking {
            rows.extend(days_of(user).get(at).map(|day| row(day, text(user, "name"), Some(user))));
        }
        if pool.is_none() && asking.is_empty() {
            rows.push(Map::from_iter([
                ("day".to_owned(), json!(text(day, "day"))),
                ("requests".to_owned(), json!("0")),
            ]));
        }
    }
    rows
}

fn row(day: &Value, name: &str, whose: Option<&Value>) -> Map<String, Value> {
    let allowance = match whose.and_then(|whose| whose.get("allowance")).and_then(Value::as_u64) {
        Some(allowance) => grouped(allowance.into()),
        None if whose.is_some_and(is_of_pool) => "pool".to_owned(),
        None => "not told".to_owned(),
    };
    Map::from_iter([
        ("day".to_owned(), json!(text(day, "day"))),
        ("user".to_owned(), json!(name)),
        ("requests".to_owned(), json!(grouped(requests_of(day).into()))),
        ("allowance".to_owned(), json!(allowance)),
        ("share".to_owned(), json!(percent(day.get("share")))),
    ])
}

/// The lines of the CSV of all tenants, the header first.
pub(super) fn csv(told: &Value) -> Vec<String> {
    let mut lines = vec![csv::header(&COLUMNS.map(str::to_owned))];
    // Where there is a time, today is not over.
    let today = told.get("now").and(told.get("day"));
    for tenant in told.get("tenants").and_then(Value::as_array).into_iter().flatten() {
        let pool = tenant.get("pool").filter(|pool| !pool.is_null());
        let named = pool.map(|pool| (pool, POOL, "pool"));
        let users = users_of(tenant).iter().map(|user| (user, text(user, "name"), text(user, "kind")));
        for (whose, name, kind) in users.chain(named) {
            for day in days_of(whose) {
                let told = |value: Option<&Value>| {
                    value.filter(|value| !value.is_null()).map(ToString::to_string).unwrap_or_default()
                };
                let cells = [
                    csv::quoted(text(tenant, "domain")),
                    csv::quoted(text(whose, "org")),
                    csv::quoted(text(whose, "user")),
                    csv::quoted(name),
                    csv::quoted(kind),
                    csv::quoted(text(day, "day")),
                    (day.get("day") != today).to_string(),
                    told(day.get("requests")),
                    told(whose.get("allowance")),
                    told(day.get("share")),
                ];
                lines.push(cells.join(","));
            }
        }
    }
    lines
}

pub(super) fn users_of(tenant: &Value) -> &[Value] {
    tenant.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn days_of(account: &Value) -> &[Value] {
    account.get("days").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn requests_of(day: &Value) -> u64 {
    day.get("requests").and_then(Value::as_u64).unwrap_or(0)
}

/// Whether it shares the pool's allowance.
pub(super) fn is_of_pool(account: &Value) -> bool {
    account.get("shareOfPool").is_some_and(Value::is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Value {
        let days = |first: u64, second: u64, whole: f64| {
            json!([
                {"day": "2026-11-27", "requests": first, "share": first as f64 / whole},
                {"day": "2026-11-28", "requests": second, "share": second as f64 / whole},
            ])
        };
        json!({"day": "2026-11-28", "now": "2026-11-28T12:00:00Z", "tenants": [{
            "domain": "contoso.com",
            "pool": {"allowance": 1_000, "days": days(60, 500, 1_000.0)},
            "users": [
                {"name": "a, b", "kind": "application", "org": "one", "user": "1", "allowance": null, "shareOfPool": 0.1,
                 "days": days(60, 0, 1_000.0)},
                {"name": "c", "kind": "application", "org": "one", "user": "2", "allowance": null, "shareOfPool": 0.9,
                 "days": days(0, 500, 1_000.0)},
                {"name": "d", "kind": "licensed", "org": "one", "user": "3", "allowance": 40_000, "shareOfPool": null,
                 "days": days(0, 800, 40_000.0)},
            ],
        }]})
    }

    #[test]
    fn s20_each_day_is_listed_with_who_asked_for_most() {
        let rows = rows(&told()["tenants"][0]);
        let cells: Vec<Vec<&str>> =
            rows.iter().map(|row| row.values().map(|value| value.as_str().unwrap()).collect()).collect();
        assert_eq!(
            cells,
            [
                ["2026-11-27", POOL, "60", "1,000", "6%"],
                ["2026-11-27", "a, b", "60", "pool", "6%"],
                ["2026-11-28", POOL, "500", "1,000", "50%"],
                ["2026-11-28", "d", "800", "40,000", "2%"],
                ["2026-11-28", "c", "500", "pool", "50%"],
            ]
        );
    }

    #[test]
    fn s20_a_line_of_csv_is_a_user_and_a_day() {
        let lines = csv(&told());
        assert_eq!(lines[0], "tenant,org,user,name,kind,day,whole,requests,allowance,share");
        assert_eq!(lines[1], "contoso.com,one,1,\"a, b\",application,2026-11-27,true,60,,0.06");
        assert_eq!(lines[6], "contoso.com,one,3,d,licensed,2026-11-28,false,800,40000,0.02");
        assert_eq!(lines[8], "contoso.com,,,(the pool),pool,2026-11-28,false,500,1000,0.5");
        assert_eq!(lines.len(), 9);
    }
}
