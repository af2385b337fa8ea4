//! Random FetchXML documents over random rows must mean here what `operation`'s oracle says: the
//! rows, what each shows, and the groups.

use http::{HeaderMap, Method};
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, ColumnKind};
use keyholder_dataverse::value::write_json;
use keyholder_dataverse::{Schema, Value};
use keyholder_operation::{Operation, Query, Request, bind, oracle};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fetching::address;
use crate::oracle::{ACCOUNTS, ROWS, date, empty, fill, known, number, parent, row, schema, text};

const ORGANIZATIONS: u32 = 2;
const DOCUMENTS: u32 = 150;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&apos;")
}

fn one(attribute: &str, operator: &str, value: &str) -> String {
    format!("<condition attribute='{attribute}' operator='{operator}' value='{}'/>", escaped(value))
}

fn two(attribute: &str, operator: &str, values: [&str; 2]) -> String {
    let [first, second] = values.map(escaped);
    format!(
        "<condition attribute='{attribute}' operator='{operator}'><value>{first}</value><value>{second}</value></condition>"
    )
}

/// A condition on a contact.
fn of_contact() -> BoxedStrategy<String> {
    let names = || prop::sample::select(vec!["firstname", "lastname"]);
    let order = || prop::sample::select(vec!["eq", "ne", "lt", "le", "gt", "ge"]);
    let like =
        prop::sample::select(vec!["like", "not-like", "begins-with", "not-begin-with", "ends-with", "not-end-with"]);
    let list = prop::sample::select(vec!["in", "not-in", "between", "not-between"]);
    let nothing = prop::sample::select(vec!["null", "not-null"]);
    let any = prop::sample::select(vec![
        "firstname",
        "numberofchildren",
        "annualincome",
        "birthdate",
        "familystatuscode",
        "parentcustomerid",
    ]);
    prop_oneof![
        3 => (names(), order(), text()).prop_map(|(name, by, text)| one(name, by, &text)),
        3 => (names(), like, text()).prop_map(|(name, by, text)| one(name, by, &text)),
        2 => (order(), number()).prop_map(|(by, number)| one("numberofchildren", by, &number.to_string())),
        2 => (order(), number()).prop_map(|(by, number)| one("annualincome", by, &format!("{number}.5"))),
        1 => (order(), date()).prop_map(|(by, date)| one("birthdate", by, &date)),
        1 => (order(), 1..5i32).prop_map(|(by, option)| one("familystatuscode", by, &option.to_string())),
        1 => (list.clone(), number(), number())
            .prop_map(|(by, low, high)| two("numberofchildren", by, [&low.to_string(), &high.to_string()])),
        1 => (list, names(), text(), text()).prop_map(|(by, name, low, high)| two(name, by, [&low, &high])),
        1 => (prop::sample::select(vec!["on", "on-or-before", "on-or-after"]), date())
            .prop_map(|(by, date)| one("lastusedincampaign", by, &date)),
        1 => (prop::sample::select(vec!["contain-values", "not-contain-values", "in", "not-in"]), prop::sample::select(vec!["1", "2", "21"]))
            .prop_map(|(by, option)| two("new_uses", by, [option, "12"])),
        1 => (nothing, any).prop_map(|(by, name)| format!("<condition attribute='{name}' operator='{by}'/>")),
        1 => order().prop_map(|by| format!("<condition attribute='firstname' operator='{by}' valueof='lastname'/>")),
        1 => text().prop_map(|text| one("parentcustomerid", "like", &format!("{text}%"))),
    ]
    .boxed()
}

fn of_account() -> BoxedStrategy<String> {
    let order = prop::sample::select(vec!["eq", "ne", "lt", "ge", "like", "not-like", "begins-with"]);
    prop_oneof![
        3 => (order, text()).prop_map(|(by, text)| one("name", by, &text)),
        1 => Just("<condition attribute='primarycontactid' operator='not-null'/>".to_owned()),
    ]
    .boxed()
}

fn filter(condition: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let part = condition.prop_recursive(2, 6, 3, |inner| {
        (any::<bool>(), prop::collection::vec(inner, 0..3)).prop_map(|(or, parts)| {
            format!("<filter type='{}'>{}</filter>", if or { "or" } else { "and" }, parts.concat())
        })
    });
    (any::<bool>(), prop::collection::vec(part, 0..3))
        .prop_map(|(or, parts)| format!("<filter type='{}'>{}</filter>", if or { "or" } else { "and" }, parts.concat()))
        .boxed()
}

/// Links that join, with what they show.
fn joined() -> BoxedStrategy<String> {
    let kind = || prop::sample::select(vec!["inner", "outer", "matchfirstrowusingcrossapply"]);
    let show = |yes: bool, name: &str| if yes { format!("<attribute name='{name}'/>") } else { String::new() };
    let firm = (kind(), any::<bool>(), filter(of_account())).prop_map(move |(kind, shows, filter)| {
        format!(
            "<link-entity name='account' from='accountid' to='parentcustomerid' alias='f' link-type='{kind}'>{}{filter}\
             </link-entity>",
            show(shows, "name")
        )
    });
    let people = (kind(), any::<bool>(), filter(of_contact()), any::<bool>()).prop_map(move |(kind, shows, filter, sorts)| {
        format!(
            "<link-entity name='contact' from='parentcustomerid' to='contactid' alias='p' link-type='{kind}'>{}{filter}{}\
             </link-entity>",
            show(shows, "lastname"),
            if sorts { "<order attribute='firstname' descending='true'/>" } else { "" }
        )
    });
    prop_oneof![
        2 => Just(String::new()),
        2 => firm.clone(),
        2 => people.clone(),
        1 => (firm, people).prop_map(|(firm, people)| firm + &people),
    ]
    .boxed()
}

/// Links that only ask.
fn asking() -> BoxedStrategy<String> {
    let inside = prop::sample::select(vec!["any", "not any", "all", "not all"]);
    let link = |kind: &str, filter: &str| {
        format!(
            "<link-entity name='account' from='primarycontactid' to='contactid' link-type='{kind}'>{filter}</link-entity>"
        )
    };
    prop_oneof![
        3 => Just(String::new()),
        1 => (inside, filter(of_account()))
            .prop_map(move |(kind, filter)| format!("<filter>{}</filter>", link(kind, &filter))),
        1 => (prop::sample::select(vec!["exists", "in"]), filter(of_account()))
            .prop_map(move |(kind, filter)| link(kind, &filter)),
    ]
    .boxed()
}

/// A document whose rows are rows.
fn plain() -> impl Strategy<Value = String> {
    let columns =
        vec!["contactid", "firstname", "lastname", "numberofchildren", "familystatuscode", "parentcustomerid"];
    let shown = prop::sample::subsequence(columns.clone(), 1..4);
    let orders =
        prop::sample::subsequence(vec!["firstname", "numberofchildren", "familystatuscode", "parentcustomerid"], 0..3);
    (shown, orders, any::<[bool; 4]>(), filter(of_contact()), joined(), asking()).prop_map(
        |(shown, orders, [distinct, raw, down, outer], filter, joined, asking)| {
            let shown: String = shown.iter().map(|name| format!("<attribute name='{name}'/>")).collect();
            let orders: String =
                orders.iter().map(|name| format!("<order attribute='{name}' descending='{down}'/>")).collect();
            // A condition about a link that counts behind the joins.
            let late = if outer && joined.contains("alias='f'") {
                "<filter><condition entityname='f' attribute='name' operator='null'/></filter>"
            } else {
                ""
            };
            format!(
                "<fetch distinct='{distinct}' useraworderby='{raw}'><entity name='contact'>{shown}{orders}{filter}{joined}\
                 {asking}{late}</entity></fetch>"
            )
        },
    )
}

/// A document whose rows are groups.
fn grouped() -> impl Strategy<Value = String> {
    let groups = prop::sample::subsequence(
        vec!["firstname", "familystatuscode", "parentcustomerid", "birthdate' dategrouping='day", "donotemail"],
        0..3,
    );
    let figures = prop::sample::subsequence(
        vec![
            ("contactid", "count"),
            ("lastname", "countcolumn"),
            ("lastname", "countcolumn' distinct='true"),
            ("annualincome", "sum"),
            ("annualincome", "avg"),
            ("numberofchildren", "avg"),
            ("numberofchildren", "sum"),
            ("numberofchildren", "max"),
            ("birthdate", "min"),
            ("address1_latitude", "avg"),
        ],
        1..5,
    );
    (groups, figures, any::<[bool; 2]>(), filter(of_contact()), joined()).prop_map(
        |(groups, figures, [sorts, down], filter, joined)| {
            // What links show has no place beside groups.
            let joined = joined
                .replace("<attribute name='name'/>", "")
                .replace("<attribute name='lastname'/>", "")
                .replace("<order attribute='firstname' descending='true'/>", "");
            let groups: String = groups
                .iter()
                .enumerate()
                .map(|(index, name)| format!("<attribute name='{name}' alias='g{index}' groupby='true'/>"))
                .collect();
            let figures: String = figures
                .iter()
                .enumerate()
                .map(|(index, (name, figure))| format!("<attribute name='{name}' alias='f{index}' aggregate='{figure}'/>"))
                .collect();
            let order = if sorts { format!("<order alias='f0' descending='{down}'/>") } else { String::new() };
            format!("<fetch aggregate='true'><entity name='contact'>{groups}{figures}{order}{filter}{joined}</entity></fetch>")
        },
    )
}

fn bound(schema: &Schema, path: &str) -> Query {
    let headers = HeaderMap::new();
    let (place, query) = path.split_once('?').unwrap();
    let place = format!("v9.2/{place}");
    let request = Request {
        method: &Method::GET,
        path: &place,
        query: Some(query),
        headers: &headers,
        body: b"",
        references: None,
    };
    match bind(schema, &request).unwrap_or_else(|error| panic!("{path}: {error}")).operation {
        Operation::Query(query) => query,
        other => panic!("{other:?}"),
    }
}

/// A value as its member's text; of texts that are the same but for their writing, one.
fn written(column: &Column, value: &Value) -> String {
    match value {
        Value::Text(text) => fold(text),
        // The reader of the answers is exact to the last digit but one.
        Value::Double(number) => format!("{number:.12}"),
        value => {
            let mut text = String::new();
            write_json(&mut text, column, value);
            text
        }
    }
}

fn told(column: &Column, member: Option<&serde_json::Value>) -> String {
    match member {
        None => "null".to_owned(),
        Some(serde_json::Value::String(text)) if column.kind.is_text() => fold(text),
        Some(serde_json::Value::Number(number)) if matches!(column.kind, ColumnKind::Double { .. }) => {
            format!("{:.12}", number.as_f64().unwrap())
        }
        Some(value) => value.to_string(),
    }
}

#[test]
fn every_document_means_what_the_oracle_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let schema = schema();
    for _ in 0..ORGANIZATIONS {
        let world = runtime.block_on(empty());
        let filled = (
            prop::collection::vec((row(), parent()), ROWS),
            prop::collection::vec((prop::option::of(text()), prop::option::of(0..ROWS)), ACCOUNTS),
        );
        let mut runner = TestRunner::new(Config { cases: 1, failure_persistence: None, ..Config::default() });
        let made = runner.run(&filled, |(contacts, accounts)| {
            runtime.block_on(fill(&world, contacts, accounts));
            Ok(())
        });
        made.unwrap();
        let known = runtime.block_on(known(&world, &schema));

        let config = || Config { cases: DOCUMENTS, failure_persistence: None, ..Config::default() };
        let rows = TestRunner::new(config()).run(&plain(), |document| {
            let path = address("contacts", &document);
            let query = bound(&schema, &path);
            let own = query.select.columns().iter().map(|column| (column.property_name(), column));
            let named = query.shown.iter().map(|shown| (shown.name.to_string(), &shown.column.column));
            let columns: Vec<_> = own.chain(named).collect();
            let mut expected: Vec<Vec<String>> = oracle::shown(&query, &known)
                .iter()
                .map(|row| columns.iter().zip(row).map(|((_, column), value)| written(column, value)).collect())
                .collect();
            let reply = runtime.block_on(world.get(&path)).ok();
            let mut found: Vec<Vec<String>> = reply
                .rows()
                .iter()
                .map(|row| columns.iter().map(|(name, column)| told(column, row.get(name))).collect())
                .collect();
            // How rows tie that come once, no document says.
            if query.distinct {
                expected.sort();
                found.sort();
            }
            prop_assert_eq!(found, expected, "{}", document);
            Ok(())
        });
        rows.unwrap();
        let groups = TestRunner::new(config()).run(&grouped(), |document| {
            let path = address("contacts", &document);
            let query = bound(&schema, &path);
            let aggregate = query.aggregate.clone().unwrap();
            let number = schema.table("contact").unwrap().unwrap().column("numberofchildren").unwrap().clone();
            let member = |column: Option<&Column>, value: &Value| match value {
                Value::Integer(units) => units.to_string(),
                value => written(column.unwrap_or(&number), value),
            };
            let columns = aggregate.groups.iter().map(|group| (&group.name, Some(&*group.column.column))).chain(
                aggregate.figures.iter().map(|one| (&one.name, one.column.as_ref().map(|column| &*column.column))),
            );
            let columns: Vec<_> = columns.collect();
            let expected: Vec<Vec<String>> = oracle::groups(&query, &aggregate, &known)
                .iter()
                .map(|(groups, figures)| {
                    let values = groups.iter().chain(figures);
                    columns.iter().zip(values).map(|((_, column), value)| member(*column, value)).collect()
                })
                .collect();
            let reply = runtime.block_on(world.get(&path)).ok();
            let found: Vec<Vec<String>> = reply
                .rows()
                .iter()
                .map(|row| {
                    columns.iter().map(|(name, column)| told(column.unwrap_or(&number), row.get(&***name))).collect()
                })
                .collect();
            prop_assert_eq!(found, expected, "{}", document);
            Ok(())
        });
        groups.unwrap();
    }
}
