//! Filters print and parse alike, and mean what they say.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn path(text: &str) -> Path {
    Path(text.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn print(filter: &Filter, element: bool) -> String {
    let named = |path: &Path| match (element, path.0.is_empty()) {
        (true, true) => "x".to_owned(),
        (true, false) => format!("x/{}", path.0.join("/")),
        (false, _) => path.0.join("/"),
    };
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let literal = |literal: &Literal| match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(value) => value.to_string(),
        Literal::Number(value) => value.to_string(),
        Literal::Text(text) => quote(text),
        Literal::Moment(moment) => moment.to_string(),
    };
    let operator = |operator: &Operator| match operator {
        Operator::Equal => "eq",
        Operator::NotEqual => "ne",
        Operator::Less => "lt",
        Operator::LessOrEqual => "le",
        Operator::Greater => "gt",
        Operator::GreaterOrEqual => "ge",
    };
    let join = |list: &[Filter], word: &str| {
        let parts: Vec<_> = list.iter().map(|one| format!("({})", print(one, element))).collect();
        parts.join(word)
    };
    match filter {
        Filter::All(list) => join(list, " and "),
        Filter::Any(list) => join(list, " OR "),
        Filter::Not(one) => format!("not({})", print(one, element)),
        Filter::Compare(path, by, value) => format!("{} {} {}", named(path), operator(by), literal(value)),
        Filter::In(path, list) => {
            format!("{} in ({})", named(path), list.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Filter::Text(path, TextTest::StartsWith, text) => format!("startswith({},{})", named(path), quote(text)),
        Filter::Text(path, TextTest::EndsWith, text) => format!("endsWith({}, {})", named(path), quote(text)),
        Filter::Some(path, inner) => format!("{}/any(x:{})", named(path), print(inner, true)),
        Filter::Count(path, by, number) => format!("{}/$count {} {number}", named(path), operator(by)),
    }
}

fn literals() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Number),
        any::<String>().prop_map(Literal::Text),
        (0_i64..4_000_000_000).prop_map(|seconds| Literal::Moment(Timestamp::from_unix_seconds(seconds))),
    ]
}

fn filters() -> impl Strategy<Value = Filter> {
    let names = || "p[a-z]{0,5}".prop_map(|name| path(&name));
    let operators = || {
        prop_oneof![
            Just(Operator::Equal),
            Just(Operator::NotEqual),
            Just(Operator::Less),
            Just(Operator::LessOrEqual),
            Just(Operator::Greater),
            Just(Operator::GreaterOrEqual)
        ]
    };
    let leaf = prop_oneof![
        (names(), operators(), literals()).prop_map(|(a, b, c)| Filter::Compare(a, b, c)),
        (names(), prop::collection::vec(literals(), 1..3)).prop_map(|(a, b)| Filter::In(a, b)),
        (names(), any::<String>()).prop_map(|(a, b)| Filter::Text(a, TextTest::StartsWith, b)),
        (names(), any::<String>()).prop_map(|(a, b)| Filter::Text(a, TextTest::EndsWith, b)),
        (names(), operators(), 0_i64..3).prop_map(|(a, b, c)| Filter::Count(a, b, c)),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Filter::Any),
            inner.clone().prop_map(|one| Filter::Not(Box::new(one))),
            ("p[a-z]{0,5}", inner).prop_map(|(name, one)| Filter::Some(path(&name), Box::new(one))),
        ]
    })
}

proptest! {
    #[test]
    fn print_then_parse_is_the_same(filter in filters()) {
        prop_assert_eq!(parse(&print(&filter, false)), Ok(filter));
    }

    #[test]
    fn any_text_is_read_without_panic(text: String, near in "[a-z' (),=:/$0-9-]*") {
        for text in [text, near] {
            if let Ok(filter) = parse(&text) {
                let _ = (filter.check("X", &[("a", Type::Text)]), filter.matches(&json!({ "a": [1, "b"] })));
            }
        }
    }
}

#[test]
fn filters_mean_what_they_say() {
    let object = json!({
        "displayName": "Orders-Sync", "accountEnabled": true, "mail": null, "createdDateTime": "2026-11-22T09:07:46Z",
        "tags": ["Keyholder", "x"], "assignedLicenses": [{ "skuId": "1e1a282c-9c54-43a2-9310-98ef728faace" }],
        "appId": "631a96bc-a705-4eda-9f99-fdaf9f54f6a2", "status": { "errorCode": 7000222 },
    });
    for (text, expected) in [
        ("displayName eq 'orders-sync'", true),
        ("displayName ne 'orders-sync'", false),
        ("mail eq null", true),
        ("mail ne 'x'", true),
        ("not startswith(mail,'x')", true),
        ("startsWith(displayName,'ORD') and endswith(displayName, 'SYNC')", true),
        ("displayName in ('a', 'orders-sync')", true),
        ("displayName in ('a')", false),
        ("accountEnabled eq true", true),
        ("accountEnabled eq false or mail eq null", true),
        ("createdDateTime ge 2026-11-22T00:00:00Z and createdDateTime lt 2026-11-23T00:00:00Z", true),
        ("createdDateTime gt 2027-01-01T00:00:00Z", false),
        ("tags/any(t:t eq 'keyholder')", true),
        ("tags/any(t:startswith(t,'y'))", false),
        ("assignedLicenses/any(l:l/skuId eq 1e1a282c-9c54-43a2-9310-98ef728faace)", true),
        ("assignedLicenses/$count eq 0", false),
        ("status/errorCode eq 7000222", true),
        ("status/errorCode gt 7000222", false),
        ("appId eq 631A96BC-a705-4eda-9f99-fdaf9f54f6a2", true),
        ("(appId eq 'x' or displayName eq 'orders-sync') and not(mail ne null)", true),
    ] {
        assert_eq!(parse(text).map(|filter| filter.matches(&object)), Ok(expected), "{text}");
    }
}

#[test]
fn everything_else_is_refused() {
    for refused in [
        "",
        "appId",
        "appId eq",
        "appId eq 'x",
        "appId eq x",
        "appId has 'x'",
        "appId eq 'x' xor appId eq 'y'",
        "startswith(displayName)",
        "contains(displayName,'x')",
        "(appId eq 'x'",
        "appId eq 'x')",
        "appId eq 'x' and",
        "'x' eq appId",
        "tags/any()",
        "tags/any(t:u eq 'x')",
        "tags/all(t:t eq 'x')",
        "tags/$count eq x",
        "a in ()",
        "$count eq 1",
    ] {
        assert!(parse(refused).is_err(), "{refused}");
    }
    assert!(parse(&vec!["a eq 'x'"; MAX + 1].join(" and ")).is_err());
    assert!(parse(&format!("{}a eq 'x'{}", "(".repeat(100), ")".repeat(100))).is_err());
    assert!(parse(&format!("{}a eq 'x'", "not ".repeat(100_000))).is_err());
}

const MAX: usize = 50;

#[test]
fn a_filter_is_checked_against_the_properties() {
    const PROPERTIES: Properties = &[
        ("name", Type::Text),
        ("on", Type::Bool),
        ("tags", Type::Texts),
        ("list", Type::Objects(&[("id", Type::Text)])),
    ];
    for (text, fine) in [
        ("name eq 'x' and on eq true", true),
        ("tags/any(t:t eq 'x')", true),
        ("list/any(t:t/id eq 'x')", true),
        ("tags/$count ne 0", true),
        ("name eq true", false),
        ("on eq 'true'", false),
        ("name gt 'x'", false),
        ("startswith(on,'x')", false),
        ("tags eq 'x'", false),
        ("tags/any(t:t/id eq 'x')", false),
        ("list/any(t:t eq 'x')", false),
        ("list/any(t:t/other eq 'x')", false),
        ("other eq 'x'", false),
        ("name/$count eq 0", false),
    ] {
        assert_eq!(parse(text).unwrap().check("X", PROPERTIES).is_ok(), fine, "{text}");
    }
}
