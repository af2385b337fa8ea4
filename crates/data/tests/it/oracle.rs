//! Random conditions and orders over random rows must mean here what `operation`'s oracle says.
//!
//! The two share the bound query and nothing after it: one evaluates it naively in memory, the
//! other prints SQL, runs it and writes JSON.

use http::{HeaderMap, Method};
use keyholder_dataverse::value::read_json;
use keyholder_dataverse::{Schema, Value};
use keyholder_operation::{Operation, Request, bind, oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use serde_json::value::RawValue;

use crate::World;

/// Rows in each organization, organizations, and queries asked of each.
const ROWS: usize = 40;
const ORGANIZATIONS: u32 = 3;
const QUERIES: u32 = 150;

/// Short texts of few letters, so that they are often the same, or the same but for case, accents
/// and blanks at the end.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['a', 'A', 'á', 'b', 'ß', 's', ' ', '_', '%', '*', '[']), 0..4)
        .prop_map(|letters| letters.into_iter().collect())
}

fn number() -> impl Strategy<Value = i32> {
    0..4i32
}

fn date() -> impl Strategy<Value = String> {
    (1..4u8).prop_map(|day| format!("2026-01-0{day}"))
}

fn row() -> impl Strategy<Value = serde_json::Value> {
    let some = |chance| prop::option::weighted(chance, number());
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let dates = (prop::option::of(date()), prop::option::of(date()));
    (texts, some(0.7), some(0.7), some(0.5), any::<bool>(), dates, prop::option::of(1..5i32)).prop_map(
        |((first, last), children, income, latitude, mail, (birth, used), status)| {
            json!({
                "firstname": first,
                "lastname": last,
                "numberofchildren": children,
                "annualincome": income.map(|units| f64::from(units) / 2.0),
                "address1_latitude": latitude.map(|units| f64::from(units) / 4.0),
                "donotemail": mail,
                "birthdate": birth,
                "lastusedincampaign": used.map(|day| format!("{day}T12:00:00Z")),
                "familystatuscode": status,
            })
        },
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One condition on one column, as OData text.
fn leaf() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec!["firstname", "lastname"]);
    let equal = prop::sample::select(vec!["eq", "ne"]);
    let order = prop::sample::select(vec!["eq", "ne", "lt", "le", "gt", "ge"]);
    let all = vec![
        "firstname",
        "lastname",
        "numberofchildren",
        "annualincome",
        "address1_latitude",
        "birthdate",
        "lastusedincampaign",
        "familystatuscode",
    ];
    let functions = prop::sample::select(vec!["contains", "startswith", "endswith"]);
    prop_oneof![
        3 => (names.clone(), order.clone(), text()).prop_map(|(name, by, text)| format!("{name} {by} {}", quoted(&text))),
        3 => (functions, names, text()).prop_map(|(by, name, text)| format!("{by}({name},{})", quoted(&text))),
        2 => (order.clone(), number()).prop_map(|(by, number)| format!("numberofchildren {by} {number}")),
        2 => (order.clone(), number()).prop_map(|(by, number)| format!("annualincome {by} {number}.5")),
        1 => (order.clone(), number()).prop_map(|(by, number)| format!("address1_latitude {by} 0.{number}5")),
        1 => (equal.clone(), any::<bool>()).prop_map(|(by, flag)| format!("donotemail {by} {flag}")),
        1 => (order.clone(), date()).prop_map(|(by, date)| format!("birthdate {by} {date}")),
        1 => (order.clone(), date()).prop_map(|(by, date)| format!("lastusedincampaign {by} {date}T12:00:00Z")),
        1 => (order.clone(), 1..5i32).prop_map(|(by, option)| format!("familystatuscode {by} {option}")),
        2 => (prop::sample::select(all), equal).prop_map(|(name, by)| format!("{name} {by} null")),
        2 => order.prop_map(|by| format!("firstname {by} lastname")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} and {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} or {right})")),
            inner.prop_map(|inside| format!("not ({inside})")),
        ]
    })
}

fn query() -> impl Strategy<Value = (Option<String>, Vec<String>, Option<u32>)> {
    let columns = vec!["firstname", "lastname", "numberofchildren", "annualincome", "birthdate", "familystatuscode"];
    let order =
        (prop::sample::subsequence(columns, 0..3), any::<bool>(), any::<bool>()).prop_map(|(names, one, two)| {
            let direction = |down: bool| if down { " desc" } else { "" };
            names.into_iter().zip([one, two]).map(|(name, down)| format!("{name}{}", direction(down))).collect()
        });
    (prop::option::weighted(0.9, filter()), order, prop::option::weighted(0.2, 0..20u32))
}

/// A query's address, encoded.
fn address((filter, order, top): &(Option<String>, Vec<String>, Option<u32>)) -> String {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut address = String::from("$select=contactid");
    if let Some(filter) = filter {
        address.push_str(&format!("&$filter={}", encode(filter)));
    }
    if !order.is_empty() {
        address.push_str(&format!("&$orderby={}", encode(&order.join(","))));
    }
    if let Some(top) = top {
        address.push_str(&format!("&$top={top}"));
    }
    address
}

/// The rows as the oracle has them: what the Web API tells, read back by the columns' own rules.
fn values(schema: &Schema, rows: &[serde_json::Value]) -> Vec<oracle::Row> {
    let table = schema.table("contact").unwrap().unwrap();
    let value = |row: &serde_json::Value, column: &keyholder_dataverse::Column| {
        let told = &row[column.property_name()];
        if told.is_null() || column.kind.is_lookup() {
            return Value::Null;
        }
        let raw = RawValue::from_string(told.to_string()).unwrap();
        read_json(&table, column, &raw).unwrap()
    };
    rows.iter().map(|row| table.columns().iter().map(|column| value(row, column)).collect()).collect()
}

#[test]
fn every_query_means_what_the_oracle_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let schema = Schema::core().unwrap();
    let table = schema.table("contact").unwrap().unwrap();
    for _ in 0..ORGANIZATIONS {
        let world = runtime.block_on(World::with(|config| config.sample_rows = 0));
        let mut runner = TestRunner::new(Config { cases: 1, failure_persistence: None, ..Config::default() });
        let filled = prop::collection::vec(row(), ROWS);
        runner
            .run(&filled, |rows| {
                for row in rows {
                    runtime.block_on(world.post("contacts", row)).ok();
                }
                Ok(())
            })
            .unwrap();
        let told = runtime.block_on(world.get("contacts")).ok();
        assert_eq!(told.rows().len(), ROWS);
        let known = values(&schema, told.rows());

        let mut runner = TestRunner::new(Config { cases: QUERIES, failure_persistence: None, ..Config::default() });
        runner
            .run(&query(), |query| {
                let address = address(&query);
                let headers = HeaderMap::new();
                let request = Request {
                    method: &Method::GET,
                    path: "v9.2/contacts",
                    query: Some(&address),
                    headers: &headers,
                    body: b"",
                };
                let Operation::Query(bound) = bind(&schema, &request).unwrap().operation else {
                    panic!("{address} is no query");
                };
                let expected: Vec<_> = oracle::evaluate(&bound, &known)
                    .into_iter()
                    .map(|row| row[table.primary_id().position].guid().unwrap().to_string())
                    .collect();
                let answer = runtime.block_on(world.get(&format!("contacts?{address}"))).ok();
                let found: Vec<_> =
                    answer.rows().iter().map(|row| row["contactid"].as_str().unwrap().to_owned()).collect();
                prop_assert_eq!(&found, &expected, "{:?}", query);

                // And the same in pages.
                let mut path = format!("contacts?{address}");
                let mut paged = Vec::new();
                while bound.top.is_none() {
                    let prefer = [("Prefer", "odata.maxpagesize=7")];
                    let page = runtime.block_on(world.send(&world.admin, Method::GET, &path, &prefer, None)).ok();
                    paged.extend(page.rows().iter().map(|row| row["contactid"].as_str().unwrap().to_owned()));
                    match page.json["@odata.nextLink"].as_str() {
                        Some(next) => {
                            let next = next.strip_prefix(crate::world::BASE).unwrap();
                            next.trim_start_matches('/').clone_into(&mut path);
                        }
                        None => break,
                    }
                }
                if bound.top.is_none() {
                    prop_assert_eq!(&paged, &expected, "{:?} in pages", query);
                }
                Ok(())
            })
            .unwrap();
    }
}
