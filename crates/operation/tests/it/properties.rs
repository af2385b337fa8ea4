//! Print then read; random bytes; the oracle's own laws.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, Method};
use keyholder_dataverse::schema::{Column, ColumnKind, Table};
use keyholder_dataverse::{Decimal, Money, Value};
use keyholder_foundation::Timestamp;
use keyholder_operation::query::{Pattern, Zone};
use keyholder_operation::syntax::{apply, expand, filter, path};
use keyholder_operation::{
    Circumstances, Comparand, Comparison, Filter, Operation, Order, PageToken, Query, Request, Selection, TextFunction,
    bind, oracle, print,
};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::world::{SCHEMA, query};

fn contact() -> Arc<Table> {
    SCHEMA.table("contact").unwrap().unwrap()
}

fn columns(wanted: impl Fn(&Column) -> bool) -> impl Strategy<Value = Arc<Column>> {
    let fitting: Vec<_> = contact().shown().iter().filter(|column| wanted(column)).cloned().collect();
    select(fitting)
}

fn value_of(kind: &ColumnKind) -> BoxedStrategy<Value> {
    match kind {
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } => "[a-cA-C é'%]{0,4}".prop_map(Value::Text).boxed(),
        ColumnKind::Integer(_) | ColumnKind::Choice { .. } | ColumnKind::State { .. } | ColumnKind::Status { .. } => {
            (-2i64..3).prop_map(Value::Integer).boxed()
        }
        ColumnKind::BigInteger => any::<i64>().prop_map(Value::Integer).boxed(),
        ColumnKind::Decimal { .. } => any::<i64>().prop_map(|units| Value::Decimal(Decimal(units.into()))).boxed(),
        ColumnKind::Money { .. } => any::<i64>().prop_map(|units| Value::Money(Money(units))).boxed(),
        ColumnKind::Double { .. } => (-1e9..1e9).prop_map(Value::Double).boxed(),
        ColumnKind::Boolean(_) => any::<bool>().prop_map(Value::Boolean).boxed(),
        ColumnKind::DateTime { .. } => {
            (0i64..4_000_000_000).prop_map(|second| Value::DateTime(Timestamp::from_unix_seconds(second))).boxed()
        }
        _ => (0u128..4).prop_map(|id| Value::Guid(Uuid::from_u128(id))).boxed(),
    }
}

fn comparisons(kind: &ColumnKind) -> impl Strategy<Value = Comparison> + use<> {
    let unordered = matches!(kind, ColumnKind::Boolean(_) | ColumnKind::Guid) || kind.is_lookup();
    let mut all = vec![Comparison::Equal, Comparison::NotEqual];
    if !unordered {
        all.extend([Comparison::Greater, Comparison::GreaterOrEqual, Comparison::Less, Comparison::LessOrEqual]);
    }
    select(all)
}

fn leaf() -> impl Strategy<Value = Filter> {
    let compare = columns(|_| true).prop_flat_map(|column| {
        (Just(column.clone()), comparisons(&column.kind), value_of(&column.kind)).prop_map(
            |(column, comparison, value)| Filter::Compare {
                column: column.into(),
                comparison,
                with: Comparand::Value(value),
            },
        )
    });
    let null = (columns(|_| true), any::<bool>())
        .prop_map(|(column, negated)| Filter::Null { column: column.into(), negated });
    let functions = select(vec![TextFunction::Contains, TextFunction::StartsWith, TextFunction::EndsWith]);
    let text = (columns(|column| column.kind.is_text()), functions, "[ab%_'é\\[\\] ]{0,4}", any::<bool>()).prop_map(
        |(column, function, pattern, negated)| Filter::Text {
            column: column.into(),
            function,
            pattern: Pattern::new(pattern),
            negated,
        },
    );
    let names = || columns(|column| column.kind.is_text());
    let pair = (names(), names()).prop_map(|(column, other)| Filter::Compare {
        column: column.into(),
        comparison: Comparison::LessOrEqual,
        with: Comparand::Column(other.into()),
    });
    let list = columns(|_| true).prop_flat_map(|column| {
        let values = prop::collection::vec(value_of(&column.kind), 1..4);
        (Just(column), values, any::<bool>()).prop_map(|(column, values, negated)| Filter::In {
            column: column.into(),
            values,
            negated,
        })
    });
    prop_oneof![4 => compare, 1 => null, 2 => text, 1 => pair, 1 => list]
}

/// Chains as binding makes them: never one of a kind directly inside the same kind.
fn condition() -> impl Strategy<Value = Filter> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop::collection::vec(inner, 2..4).prop_flat_map(|parts| {
            let flat = |same: fn(&Filter) -> Option<&Vec<Filter>>| {
                parts.iter().flat_map(|part| same(part).cloned().unwrap_or_else(|| vec![part.clone()])).collect()
            };
            let and = Filter::And(flat(|part| if let Filter::And(parts) = part { Some(parts) } else { None }));
            let or = Filter::Or(flat(|part| if let Filter::Or(parts) = part { Some(parts) } else { None }));
            prop_oneof![Just(and), Just(or)]
        })
    })
}

fn queries() -> impl Strategy<Value = Query> {
    let order = columns(|column| !column.kind.is_lookup());
    (
        prop::option::of(prop::collection::vec(columns(|_| true), 1..4)),
        prop::option::of(condition()),
        prop::collection::vec((order, any::<bool>()), 0..3),
        prop::option::of(0u32..5_000),
        any::<bool>(),
        prop::option::of((2u32..9, "\\PC{0,9}")),
    )
        .prop_map(|(select, filter, order, top, count, page)| Query {
            select: select.map_or_else(|| Selection::all(&contact()), |named| Selection::of(&contact(), named)),
            filter,
            order: order_of(order),
            top,
            count,
            page: page.map(|(page, cookie)| PageToken { page, cookie }),
            ..Query::all(contact())
        })
}

fn rows() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let row: Vec<_> = contact()
        .columns()
        .iter()
        .map(|column| prop_oneof![1 => Just(Value::Null), 3 => value_of(&column.kind)].boxed())
        .collect();
    prop::collection::vec(row, 0..8)
}

/// Contacts and nothing else, asked about by nobody in particular.
fn world(contacts: Vec<Vec<Value>>) -> oracle::World<'static> {
    oracle::World {
        rows: HashMap::from([(contact().type_code(), contacts)]),
        pairs: HashMap::new(),
        circumstances: Circumstances {
            user: Uuid::from_u128(1),
            business_unit: Uuid::from_u128(2),
            teams: vec![Uuid::from_u128(3)].into(),
            reports: Vec::new().into(),
            report_teams: Vec::new().into(),
            hierarchies: Vec::new(),
            now: Timestamp::EPOCH,
            zone: Zone::default(),
        },
    }
}

/// Conditions over related rows, as text: their links are as binding makes them.
fn related() -> impl Strategy<Value = String> {
    let leaf = |prefix: &'static str| {
        let paths = select(vec![
            "fullname eq 'a'",
            "parentcustomerid_account/name ne 'b'",
            "parentcustomerid_account/primarycontactid/lastname in ('a','b')",
            "_ownerid_value ne null",
            "parentcustomerid_contact eq null",
            "owninguser/parentsystemuserid/fullname eq owninguser/fullname",
            "not contains(owningbusinessunit/name,'x')",
            "contact_customer_contacts/any()",
        ]);
        paths.prop_map(move |path| {
            let named = ["fullname", "parentcustomerid_", "_ownerid", "owning", "contact_customer"];
            let first = named.iter().filter_map(|name| path.find(name)).min().unwrap_or(0);
            let prefixed = format!("{}{prefix}{}", &path[..first], &path[first..]);
            // The other side of a comparison of two columns begins with the row, too.
            prefixed.replace("eq owning", &format!("eq {prefix}owning"))
        })
    };
    let inner = (leaf("c/"), leaf("c/"), select(vec![" and ", " or "]), any::<bool>(), select(vec!["any", "all"]))
        .prop_map(|(one, two, word, not, all)| {
            format!("{}contact_customer_contacts/{all}(c:{one}{word}{two})", if not { "not " } else { "" })
        });
    let pairs = leaf("").prop_map(|one| format!("{one} or owninguser/fullname eq 'x'"));
    prop_oneof![inner, pairs, leaf("")]
}

/// Binding leaves out a column that is there already.
fn order_of(columns: Vec<(Arc<Column>, bool)>) -> Vec<Order> {
    let mut order: Vec<Order> = Vec::new();
    for (column, descending) in columns {
        if order.iter().all(|known| known.column.position != column.position) {
            order.push(Order { column: column.into(), otherwise: Vec::new(), descending, labels: false });
        }
    }
    order
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn print_then_read_is_the_same_query(original in queries()) {
        let address = print::query(&original);
        prop_assert_eq!(query(&address), original, "{}", address);
    }

    #[test]
    fn related_rows_print_as_they_were_bound(
        filter in related(),
        order in select(vec![
            "", "_parentcustomerid_value desc", "parentcustomerid_account/name,fullname", "_ownerid_value,createdon desc",
            "parentcustomerid_account/primarycontactid/fullname desc",
        ]),
        expand in select(vec![
            "owninguser",
            "owninguser/$ref,contact_customer_contacts($select=fullname,_ownerid_value;$orderby=fullname desc;$top=3)",
            "parentcustomerid_account($select=name;$filter=primarycontactid/fullname eq 'a;(b''' and name in ('x','y');\
             $expand=contact_customer_accounts($expand=owninguser/$ref,contact_customer_contacts($select=fullname)))",
        ]),
        nested: bool,
    ) {
        let filter = if nested { format!("contact_customer_contacts/any(z:z/fullname eq 'x') or {filter}") } else { filter };
        let address = format!("contacts?$filter={filter}&$orderby={order}&$expand={expand}");
        let original = query(&address);
        let printed = print::query(&original);
        prop_assert_eq!(query(&printed), original, "{} became {}", address, printed);
    }

    #[test]
    fn a_negated_comparison_is_its_opposite(row in rows(), leaf in leaf()) {
        // `not` before anything but an order takes exactly the other rows.
        let opposite = match leaf.clone() {
            Filter::Compare { column, comparison: Comparison::Equal, with } => {
                Filter::Compare { column, comparison: Comparison::Equal.negated(), with }
            }
            Filter::Null { column, negated } => Filter::Null { column, negated: !negated },
            Filter::Text { column, function, pattern, negated } => {
                Filter::Text { column, function, pattern, negated: !negated }
            }
            Filter::In { column, values, negated } => Filter::In { column, values, negated: !negated },
            _ => return Ok(()),
        };
        let (contact, world) = (contact(), world(Vec::new()));
        for row in &row {
            let holds = |filter| oracle::holds(filter, &contact, row, &world);
            prop_assert_ne!(holds(&leaf), holds(&opposite));
        }
    }

    #[test]
    fn the_oracle_does_not_care_where_rows_stood(query in queries(), rows in rows()) {
        // Rows with different ids, so that the order is total.
        let contact = contact();
        let with_ids = |rows: Vec<(usize, Vec<Value>)>| -> Vec<Vec<Value>> {
            rows.into_iter()
                .map(|(number, mut row)| {
                    row[contact.primary_id().position] = Value::Guid(Uuid::from_u128(number as u128));
                    row
                })
                .collect()
        };
        let numbered: Vec<_> = rows.into_iter().enumerate().collect();
        let backwards: Vec<_> = numbered.iter().rev().cloned().collect();
        let (rows, backwards) = (world(with_ids(numbered)), world(with_ids(backwards)));
        let some = oracle::evaluate(&query, &rows);
        prop_assert_eq!(&some, &oracle::evaluate(&query, &backwards));
        let endless = Query { top: None, ..query.clone() };
        let all = oracle::evaluate(&endless, &rows);
        prop_assert_eq!(some.len(), all.len().min(query.top.unwrap_or(u32::MAX) as usize));
        prop_assert_eq!(&all[..some.len()], &some[..]);
    }

    #[test]
    fn random_text_never_panics(text in "\\PC{0,200}") {
        let _ = filter::parse(&text);
        let _ = path::split(&text);
        let _ = path::named(&text);
        let _ = PageToken::parse(&text);
    }

    #[test]
    fn near_filters_never_panic(words in prop::collection::vec(select(vec![
        "(", ")", " and ", " or ", " eq ", "not ", "fullname", "'a''", "null", "contains(", ",", "1.5e3", "@p",
        "/", "any(", "all(c:", "c/", "[", "]", "\"", "\\", ";", "$select=", "$expand=", "/$ref", "groupby((", "aggregate(",
        "$count as n", "filter(", "Microsoft.Dynamics.CRM.In(PropertyName=", "2026-01-31", "11111111-2222-3333-4444-555555555555", "%", "in", "x'y'", "é",
    ]), 0..40)) {
        let text = words.concat();
        let _ = filter::parse(&text);
        let _ = filter::argument(&text);
        let _ = expand::items(&text);
        let _ = apply::transformations(&text);
        let _ = path::named(&text);
    }

    #[test]
    fn random_requests_never_panic(
        method in select(vec!["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"]),
        path in "(v9.2/)?(contacts|accounts|roles|systemusers)?[ -~]{0,40}",
        query in prop::option::of("[ -~]{0,60}"),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let method: Method = method.parse().unwrap();
        let headers = HeaderMap::new();
        let _ = bind(&SCHEMA, &Request { method: &method, path: &path, query: query.as_deref(), headers: &headers, body: &body, references: None });
    }
}

#[test]
fn nulls_stand_first_and_last_and_ids_break_ties() {
    let contact = contact();
    let row = |number: u128, name: Option<&str>| {
        let mut row = vec![Value::Null; contact.columns().len()];
        row[contact.primary_id().position] = Value::Guid(Uuid::from_u128(number));
        row[contact.column("lastname").unwrap().position] = name.map_or(Value::Null, |name| Value::Text(name.into()));
        row
    };
    let rows = [row(4, Some("b")), row(3, None), row(2, Some("B ")), row(1, Some("a"))];
    let world = world(rows.to_vec());
    let ids = |address: &str| -> Vec<u128> {
        let query = query(address);
        let found = oracle::evaluate(&query, &world);
        found.iter().map(|row| row[contact.primary_id().position].guid().unwrap().as_u128()).collect()
    };
    assert_eq!(ids("contacts?$orderby=lastname"), [3, 1, 2, 4]);
    assert_eq!(ids("contacts?$orderby=lastname desc"), [2, 4, 1, 3]);
    assert_eq!(ids("contacts?$orderby=lastname desc&$top=1"), [2]);
    assert_eq!(ids("contacts"), [1, 2, 3, 4]);
    assert_eq!(ids("contacts?$filter=lastname ne 'b'"), [1, 3]);
    assert_eq!(ids("contacts?$filter=not startswith(lastname,'b')"), [1, 3]);
    assert_eq!(ids("contacts?$filter=not (lastname gt 'a')"), [1]);
}

#[test]
fn depth_and_length_are_bounded() {
    for text in [
        "(".repeat(20_000),
        "not ".repeat(8_000),
        format!("{}fullname eq 'a'{}", "(".repeat(101), ")".repeat(101)),
        format!("fullname eq '{}'", "a".repeat(40_000)),
        vec!["fullname eq 'a'"; 501].join(" or "),
    ] {
        assert_eq!(filter::parse(&text).unwrap_err().status, 400);
    }
    assert!(filter::parse(&vec!["fullname eq 'a'"; 500].join(" or ")).is_ok());
    assert!(filter::parse(&format!("{}fullname eq 'a'{}", "(".repeat(99), ")".repeat(99))).is_ok());
    let deep = format!("contacts?$filter={}", "(".repeat(100));
    let headers = HeaderMap::new();
    let (path, query) = deep.split_once('?').unwrap();
    let path = format!("v9.2/{path}");
    let request = Request {
        method: &Method::GET,
        path: &path,
        query: Some(query),
        headers: &headers,
        body: b"",
        references: None,
    };
    assert!(!matches!(bind(&SCHEMA, &request).map(|bound| bound.operation), Ok(Operation::Query(_))));
}
