//! Random conditions and orders over random rows must mean here what `operation`'s oracle says.
//!
//! The two share the bound query and nothing after it: one evaluates it naively in memory, the
//! other prints SQL, runs it and writes JSON.

use std::collections::HashMap;

use http::{HeaderMap, Method};
use keyholder_data::SchemaChange;
use keyholder_dataverse::schema::{ColumnDefinition, SchemaDefinition};
use keyholder_dataverse::value::{Reference, read_json};
use keyholder_dataverse::{Schema, Value};
use keyholder_foundation::Timestamp;
use keyholder_operation::query::Zone;
use keyholder_operation::{Circumstances, Operation, Request, bind, oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::World;

/// Rows in each organization, organizations, and queries asked of each.
pub(crate) const ROWS: usize = 40;
pub(crate) const ACCOUNTS: usize = 8;
const ORGANIZATIONS: u32 = 3;
const QUERIES: u32 = 150;

/// Short texts of few letters, so that they are often the same, or the same but for case, accents
/// and blanks at the end.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['a', 'A', 'á', 'b', 'ß', 's', ' ', '_', '%', '*', '[']), 0..4)
        .prop_map(|letters| letters.into_iter().collect())
}

pub(crate) fn number() -> impl Strategy<Value = i32> {
    0..4i32
}

pub(crate) fn date() -> impl Strategy<Value = String> {
    (1..4u8).prop_map(|day| format!("2026-01-0{day}"))
}

pub(crate) fn row() -> impl Strategy<Value = serde_json::Value> {
    let some = |chance| prop::option::weighted(chance, number());
    let texts = (prop::option::of(text()), prop::option::of(text()));
    let dates = (prop::option::of(date()), prop::option::of(date()));
    let choices = (prop::option::of(1..5i32), uses());
    (texts, some(0.7), some(0.7), some(0.5), any::<bool>(), dates, choices).prop_map(
        |((first, last), children, income, latitude, mail, (birth, used), (status, uses))| {
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
                "new_uses": uses,
            })
        },
    )
}

/// Some of the options of the column of several choices, whose numbers begin and end alike; as a text.
fn uses() -> impl Strategy<Value = String> {
    prop::sample::subsequence(USES.to_vec(), 0..4)
        .prop_map(|uses| uses.iter().map(i32::to_string).collect::<Vec<_>>().join(","))
}

const USES: [i32; 5] = [1, 2, 11, 12, 21];

/// A column of several choices, which no contact has that ships.
fn column_of_uses() -> ColumnDefinition {
    let options = USES.map(|value| json!({ "value": value, "label": format!("Use {value}") }));
    let kind = json!({ "multi_select": { "options": options } });
    serde_json::from_value(json!({ "name": "new_uses", "label": "Uses", "kind": kind })).unwrap()
}

/// The tables that are asked about.
pub(crate) fn schema() -> Schema {
    let mut all = SchemaDefinition::core().unwrap();
    all.table_mut("contact").unwrap().columns.push(column_of_uses());
    Schema::new(all).unwrap()
}

/// An organization with these tables, and without rows.
pub(crate) async fn empty() -> World {
    let world = World::with(|config| config.sample_rows = 0).await;
    let column = SchemaChange::AddColumn("contact".into(), Box::new(column_of_uses()));
    world.organization.change_schema(vec![column]).await.unwrap();
    world
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// One condition on one column of a contact, as OData text. `~` stands where the row does.
fn plain() -> impl Strategy<Value = String> {
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
    let not = prop::sample::select(vec!["", "not "]);
    prop_oneof![
        3 => (names.clone(), order.clone(), text()).prop_map(|(name, by, text)| format!("~{name} {by} {}", quoted(&text))),
        3 => (functions, names.clone(), text()).prop_map(|(by, name, text)| format!("{by}(~{name},{})", quoted(&text))),
        2 => (order.clone(), number()).prop_map(|(by, number)| format!("~numberofchildren {by} {number}")),
        2 => (order.clone(), number()).prop_map(|(by, number)| format!("~annualincome {by} {number}.5")),
        1 => (order.clone(), number()).prop_map(|(by, number)| format!("~address1_latitude {by} 0.{number}5")),
        1 => (equal.clone(), any::<bool>()).prop_map(|(by, flag)| format!("~donotemail {by} {flag}")),
        1 => (order.clone(), date()).prop_map(|(by, date)| format!("~birthdate {by} {date}")),
        1 => (order.clone(), date()).prop_map(|(by, date)| format!("~lastusedincampaign {by} {date}T12:00:00Z")),
        1 => (order.clone(), 1..5i32).prop_map(|(by, option)| format!("~familystatuscode {by} {option}")),
        2 => (equal.clone(), uses()).prop_map(|(by, uses)| match uses.is_empty() {
            true => format!("~new_uses {by} null"),
            false => format!("~new_uses {by} '{uses}'"),
        }),
        2 => (prop::sample::select(vec!["ContainValues", "DoesNotContainValues"]), prop::sample::subsequence(USES.to_vec(), 1..3))
            .prop_map(|(name, uses)| {
                let uses = uses.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(",");
                format!("~Microsoft.Dynamics.CRM.{name}(PropertyName='new_uses',PropertyValues=[{uses}])")
            }),
        2 => (prop::sample::select(all), equal).prop_map(|(name, by)| format!("~{name} {by} null")),
        2 => order.prop_map(|by| format!("~firstname {by} ~lastname")),
        1 => (not.clone(), names, text(), text())
            .prop_map(|(not, name, one, two)| format!("{not}(~{name} in ({},{}))", quoted(&one), quoted(&two))),
        1 => function(),
        1 => listed(),
        1 => (not, number(), number()).prop_map(|(not, one, two)| format!("{not}(~annualincome in ({one}.5,{two}))")),
    ]
}

/// Lists of every kind that a column can be.
fn listed() -> impl Strategy<Value = String> {
    let not = prop::sample::select(vec!["", "not "]);
    let lists = vec![
        "numberofchildren in (0,2)",
        "address1_latitude in (0.25,0.75)",
        "donotemail in (true)",
        "birthdate in (2026-01-01,2026-01-03)",
        "lastusedincampaign in (2026-01-02T12:00:00Z)",
        "familystatuscode in (1,3,4)",
        "contactid in (00000000-0000-0000-0000-000000000001)",
    ];
    (not, prop::sample::select(lists)).prop_map(|(not, list)| format!("{not}(~{list})"))
}

/// One of Dataverse's own functions. The clock stands 325 days after the first of the dates.
fn function() -> impl Strategy<Value = String> {
    let call = |name: &str, column: &str, values: String| {
        format!("~Microsoft.Dynamics.CRM.{name}(PropertyName='{column}'{values})")
    };
    let dates = || prop::sample::select(vec!["birthdate", "lastusedincampaign"]);
    let days = || prop::sample::select(vec!["LastXDays", "OlderThanXDays"]);
    let on = || prop::sample::select(vec!["On", "OnOrBefore", "OnOrAfter"]);
    let lists = || prop::sample::select(vec!["In", "NotIn", "Between", "NotBetween"]);
    let others = vec![
        ("LastXMonths", ",PropertyValue=10"),
        ("ThisYear", ""),
        ("LastXYears", ",PropertyValue='1'"),
        ("NextXHours", ",PropertyValue=3"),
        ("InFiscalYear", ",PropertyValue=2026"),
        ("InOrAfterFiscalPeriodAndYear", ",PropertyValue1=2,PropertyValue2=2026"),
        ("Last7Days", ""),
    ];
    prop_oneof![
        (days(), dates(), 322..328u32).prop_map(move |(name, column, days)| call(
            name,
            column,
            format!(",PropertyValue={days}")
        )),
        (on(), dates(), date()).prop_map(move |(name, column, date)| call(
            name,
            column,
            format!(",PropertyValue='{date}'")
        )),
        (prop::sample::select(others), dates()).prop_map(move |((name, values), column)| call(
            name,
            column,
            values.to_owned()
        )),
        (lists(), number(), number()).prop_map(move |(name, one, two)| {
            call(name, "numberofchildren", format!(",PropertyValues=[\"{one}\",'{two}']"))
        }),
        prop::sample::select(vec!["ownerid", "contactid", "parentcustomerid"])
            .prop_map(move |column| { call("NotEqualUserId", column, String::new()) }),
    ]
}

/// A condition on rows that a contact is related to, with `inner` about one of several others.
fn related(inner: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    let order = || prop::sample::select(vec!["eq", "ne", "lt", "ge"]);
    let quantity = || prop::sample::select(vec!["any", "all", "not any", "not all"]);
    let lambda = |quantity: &str, collection: &str, row: &str, inner: &str| {
        let (not, quantity) = quantity.strip_prefix("not ").map_or(("", quantity), |rest| ("not ", rest));
        format!("{not}~{collection}/{quantity}({row}:{inner})")
    };
    prop_oneof![
        2 => (order(), text()).prop_map(|(by, text)| format!("~parentcustomerid_account/name {by} {}", quoted(&text))),
        2 => (order(), text()).prop_map(|(by, text)| {
            format!("~parentcustomerid_account/primarycontactid/lastname {by} {}", quoted(&text))
        }),
        1 => Just("~parentcustomerid_contact/firstname ne ~parentcustomerid_account/name".to_owned()),
        1 => prop::sample::select(vec!["parentcustomerid_contact eq", "parentcustomerid_account ne"])
            .prop_map(|asked| format!("~{asked} null")),
        1 => Just("not ~contact_customer_contacts/any()".to_owned()),
        3 => (quantity(), inner.clone())
            .prop_map(move |(by, inner)| lambda(by, "contact_customer_contacts", "c", &inner.replace('~', "c/"))),
        2 => (quantity(), quantity(), inner, text()).prop_map(move |(outer, by, inner, text)| {
            let contacts = lambda(by, "contact_customer_accounts", "d", &inner.replace('~', "d/"));
            let inside = format!("a/name eq {} or {}", quoted(&text), contacts.replace('~', "a/"));
            lambda(outer, "account_primary_contact", "a", &inside)
        }),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    let deeper = prop_oneof![2 => plain(), 1 => related(plain().boxed())].boxed();
    let leaf = prop_oneof![3 => plain(), 2 => related(deeper)];
    let chains = leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} and {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} or {right})")),
            inner.prop_map(|inside| format!("not ({inside})")),
        ]
    });
    chains.prop_map(|text| text.replace('~', ""))
}

fn query() -> impl Strategy<Value = (Option<String>, Vec<String>, Option<u32>)> {
    let columns = vec![
        "firstname",
        "lastname",
        "numberofchildren",
        "annualincome",
        "birthdate",
        "familystatuscode",
        "parentcustomerid_account/name",
        "parentcustomerid_account/primarycontactid/firstname",
        "_parentcustomerid_value",
    ];
    let order =
        (prop::sample::subsequence(columns, 0..3), any::<bool>(), any::<bool>()).prop_map(|(names, one, two)| {
            let direction = |down: bool| if down { " desc" } else { "" };
            names.into_iter().zip([one, two]).map(|(name, down)| format!("{name}{}", direction(down))).collect()
        });
    (prop::option::weighted(0.9, filter()), order, prop::option::weighted(0.2, 0..20u32))
}

/// Makes the contacts and accounts, and lets them point at each other.
pub(crate) async fn fill(
    world: &World,
    contacts: Vec<(serde_json::Value, Option<(bool, usize)>)>,
    accounts: Vec<(Option<String>, Option<usize>)>,
) {
    let (mut people, mut firms) = (Vec::new(), Vec::new());
    for (row, _) in &contacts {
        people.push(world.post("contacts", row.clone()).await.ok().id());
    }
    for (name, primary) in accounts {
        let mut row = json!({ "name": name });
        if let Some(primary) = primary {
            row["primarycontactid@odata.bind"] = json!(format!("/contacts({})", people[primary]));
        }
        firms.push(world.post("accounts", row).await.ok().id());
    }
    for (index, ((_, parent), id)) in contacts.iter().zip(&people).enumerate() {
        // People who belong to each other in a circle are refused.
        let Some((firm, number)) = parent.as_ref().filter(|(firm, number)| *firm || *number < index) else { continue };
        let (navigation, set, ids) = match firm {
            true => ("parentcustomerid_account", "accounts", &firms),
            false => ("parentcustomerid_contact", "contacts", &people),
        };
        let body = json!({ format!("{navigation}@odata.bind"): format!("/{set}({})", ids[*number]) });
        world.send(&world.admin, Method::PATCH, &format!("contacts({id})"), &[], Some(body)).await.ok();
    }
}

/// What the Web API tells of the rows.
pub(crate) async fn known(world: &World, schema: &Schema) -> oracle::World<'static> {
    let prefer = [("Prefer", "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"")];
    let mut rows = HashMap::new();
    for (set, table, count) in [("contacts", "contact", ROWS), ("accounts", "account", ACCOUNTS)] {
        let told = world.send(&world.admin, Method::GET, set, &prefer, None).await.ok();
        assert_eq!(told.rows().len(), count);
        rows.extend([values(schema, table, told.rows())]);
    }
    let circumstances = Circumstances {
        user: world.admin_user,
        business_unit: Uuid::nil(),
        teams: Vec::new().into(),
        reports: Vec::new().into(),
        report_teams: Vec::new().into(),
        hierarchies: Vec::new(),
        now: Timestamp::parse("2026-11-22T09:07:46Z").unwrap(),
        zone: Zone::default(),
    };
    oracle::World { rows, pairs: HashMap::new(), circumstances }
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

/// Whom a contact belongs to (an account, another contact, nobody), by its number among them.
pub(crate) fn parent() -> impl Strategy<Value = Option<(bool, usize)>> {
    prop::option::weighted(0.8, (any::<bool>(), 0..ACCOUNTS))
}

/// The rows as the oracle has them: what the Web API tells, read back by the columns' own rules.
fn values(schema: &Schema, table: &str, rows: &[serde_json::Value]) -> (i32, Vec<oracle::Row>) {
    let table = schema.table(table).unwrap().unwrap();
    let value = |row: &serde_json::Value, column: &keyholder_dataverse::Column| {
        let name = column.property_name();
        let told = &row[&name];
        if told.is_null() {
            return Value::Null;
        }
        if column.kind.is_lookup() {
            let target = row[format!("{name}@Microsoft.Dynamics.CRM.lookuplogicalname")].as_str().unwrap();
            let type_code = schema.table(target).unwrap().unwrap().type_code();
            return Value::Lookup(Reference { type_code, id: told.as_str().unwrap().parse().unwrap() });
        }
        let raw = RawValue::from_string(told.to_string()).unwrap();
        read_json(&table, column, &raw).unwrap()
    };
    let rows = rows.iter().map(|row| table.columns().iter().map(|column| value(row, column)).collect());
    (table.type_code(), rows.collect())
}

#[test]
fn every_query_means_what_the_oracle_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let schema = schema();
    let table = schema.table("contact").unwrap().unwrap();
    for _ in 0..ORGANIZATIONS {
        let world = runtime.block_on(empty());
        let mut runner = TestRunner::new(Config { cases: 1, failure_persistence: None, ..Config::default() });
        let filled = (
            prop::collection::vec((row(), parent()), ROWS),
            prop::collection::vec((prop::option::of(text()), prop::option::of(0..ROWS)), ACCOUNTS),
        );
        runner
            .run(&filled, |(contacts, accounts)| {
                runtime.block_on(fill(&world, contacts, accounts));
                Ok(())
            })
            .unwrap();
        let known = runtime.block_on(known(&world, &schema));

        // Queries over other tables that tell some rows from others: without them nothing is tried.
        let telling = std::cell::Cell::new(0);
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
                    references: None,
                };
                let bound = match bind(&schema, &request) {
                    // No function of the service's own can be negated.
                    Err(refusal) if refusal.message.starts_with("Not operator along with") => return Ok(()),
                    bound => bound.unwrap(),
                };
                let Operation::Query(bound) = bound.operation else {
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
                if !bound.further_tables().is_empty() && (1..ROWS).contains(&found.len()) {
                    telling.set(telling.get() + 1);
                }

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
        assert!(telling.get() > QUERIES / 10, "only {} of {QUERIES} queries tell", telling.get());
    }
}
