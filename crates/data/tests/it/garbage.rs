//! Whatever a client sends, the mistake is theirs: an answer in the service's shape, never a
//! failure of the org's own.

use bytes::Bytes;
use http::{Method, Request};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::World;
use crate::world::URL;

const SEGMENTS: [&str; 24] = [
    "accounts",
    "contacts",
    "systemusers",
    "roles",
    "teams",
    "businessunits",
    "organizations",
    "privileges",
    "transactioncurrencies",
    "roletemplates",
    "$count",
    "$ref",
    "$value",
    "$metadata",
    "name",
    "WhoAmI()",
    "systemuserroles_association",
    "contact_customer_accounts",
    "roleprivileges_association",
    "teammembership_association",
    "Microsoft.Dynamics.CRM.AddPrivilegesRole",
    "RetrieveRolePrivilegesRole(RoleId=@p)",
    "%FF",
    "..",
];

const OPTIONS: [&str; 14] = [
    "$select=name",
    "$select=",
    "$filter=name eq 'x'",
    "$filter=(((",
    "$orderby=name desc",
    "$top=-1",
    "$top=99999999999",
    "$count=true",
    "$skiptoken=x",
    "$expand=contact_customer_accounts",
    "@p=null",
    "$id=roles(1)",
    "%",
    "=",
];

const HEADERS: [(&str, &str); 8] = [
    ("Prefer", "return=representation"),
    ("Prefer", "odata.maxpagesize=0"),
    ("Prefer", "odata.include-annotations=*"),
    ("If-Match", "W/\"1\""),
    ("If-Match", "*"),
    ("If-None-Match", "*"),
    ("OData-Version", "3.0"),
    ("MSCRMCallerID", "x"),
];

const MEMBERS: [&str; 20] = [
    "\"name\":\"x\"",
    "\"name\":null",
    "\"name\":5",
    "\"revenue\":1e300",
    "\"revenue\":-1",
    "\"statecode\":7",
    "\"statuscode\":2",
    "\"accountid\":\"x\"",
    "\"applicationid\":\"00000000-0000-0000-0000-000000000001\"",
    "\"isdisabled\":true",
    "\"lastname\":\"\\u0000\"",
    "\"primarycontactid@odata.bind\":\"/contacts(x)\"",
    "\"ownerid@odata.bind\":\"/teams(00000000-0000-0000-0000-000000000001)\"",
    "\"ownerid@odata.bind\":null",
    "\"businessunitid@odata.bind\":null",
    "\"parentaccountid@odata.bind\":\"accounts()\"",
    "\"Privileges\":[{}]",
    "\"@odata.id\":\"roles(00000000-0000-0000-0000-000000000001)\"",
    "\"exchangerate\":0",
    "\"value\":[]",
];

fn some<T: Clone + std::fmt::Debug + 'static>(from: &'static [T], most: usize) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(prop::sample::select(from), 0..most)
}

#[test]
fn no_request_makes_the_org_fail() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = runtime.block_on(World::new());
    // Ids that are there, so that some requests get far.
    let mut ids = vec![String::new(), format!("({})", Uuid::from_u128(0x404)), "(name='x')".to_owned()];
    ids.push(format!("({})", world.admin_user));
    for set in ["accounts", "contacts", "roles", "teams", "transactioncurrencies", "businessunits"] {
        let rows = runtime.block_on(world.get(&format!("{set}?$top=1"))).ok();
        let row = rows.rows()[0].as_object().unwrap();
        let id = row.values().find_map(|value| value.as_str().filter(|text| Uuid::parse_str(text).is_ok())).unwrap();
        ids.push(format!("({id})"));
    }
    let methods = prop::sample::select(vec![Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE]);
    let path = prop::collection::vec((prop::sample::select(&SEGMENTS[..]), prop::sample::select(ids)), 0..4);
    let strategy = (methods, path, some(&OPTIONS, 3), some(&HEADERS, 3), some(&MEMBERS, 4), any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |(method, path, options, headers, members, whole)| {
            let path: Vec<String> = path.iter().map(|(segment, id)| format!("{segment}{id}")).collect();
            let uri = format!("{URL}/api/data/v9.2/{}?{}", path.join("/"), options.join("&")).replace(' ', "%20");
            let mut request = Request::builder().method(method.clone()).uri(uri);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let body = format!("{{{}{}", members.join(","), if whole { "}" } else { "" });
            let Ok(request) = request.body(Bytes::from(body.clone())) else { return Ok(()) };
            let response = runtime.block_on(world.organization.respond(&world.admin, request));
            let text = String::from_utf8_lossy(response.body());
            prop_assert!(response.status() != 500 && response.status() != 503, "{method} {path:?} {body} {text}");
            if response.status().is_client_error() || response.status() == 501 {
                let error: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert!(error["error"]["code"].as_str().is_some_and(|code| code.starts_with("0x")), "{text}");
                prop_assert!(!error["error"]["message"].as_str().unwrap_or_default().is_empty(), "{text}");
            }
            Ok(())
        })
        .unwrap();
}

/// A condition in which `and` and `or` take turns, `levels` deep and `wide` conditions at each.
fn nested(levels: usize, wide: usize) -> String {
    let leaf = "not contains(name,'x')";
    (0..levels).fold(leaf.to_owned(), |inner, level| {
        let operator = if level % 2 == 0 { " and " } else { " or " };
        format!("{} {operator} ({inner})", vec![leaf; wide].join(operator))
    })
}

#[test]
fn deep_filters_and_long_orders_are_answered_or_refused() {
    const COLUMNS: [&str; 14] = [
        "name",
        "accountnumber",
        "createdon",
        "modifiedon",
        "revenue",
        "numberofemployees",
        "statecode",
        "statuscode",
        "address1_city",
        "emailaddress1",
        "telephone1",
        "websiteurl",
        "description",
        "creditonhold",
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = runtime.block_on(World::new());
    let orders = prop::collection::vec((prop::sample::select(&COLUMNS[..]), any::<bool>()), 0..30);
    let strategy = (0usize..110, 1usize..9, orders, 1u32..4);
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    runner
        .run(&strategy, |(levels, wide, orders, size)| {
            let filter = nested(levels, wide);
            let orders: Vec<String> = orders
                .iter()
                .map(|(name, descending)| format!("{name}{}", if *descending { " desc" } else { "" }))
                .collect();
            let prefer = format!("odata.maxpagesize={size}");
            let mut path = format!("accounts?$select=name&$filter={filter}&$orderby={}", orders.join(","));
            // The first page and the next: only the second asks for what comes after a row.
            for _ in 0..2 {
                // `send` holds that the org itself never fails.
                let headers = [("Prefer", prefer.as_str())];
                let page = runtime.block_on(world.send(&world.admin, Method::GET, &path, &headers, None));
                if page.status != 200 {
                    let code = page.json["error"]["code"].as_str().unwrap_or_default().to_owned();
                    prop_assert!(matches!(page.status.as_u16(), 400 | 414) && code.starts_with("0x"), "{}", page.text);
                    break;
                }
                match page.json.get("@odata.nextLink").and_then(|next| next.as_str()) {
                    Some(next) => path = next.trim_start_matches(crate::world::BASE).trim_start_matches('/').to_owned(),
                    None => break,
                }
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn the_deepest_filter_with_the_longest_order_still_pages() {
    let world = World::new().await;
    let order = "name,accountnumber desc,createdon,modifiedon,revenue desc,numberofemployees,statecode,statuscode,\
                 address1_city desc,emailaddress1";
    let path = format!("accounts?$select=name&$filter={}&$orderby={order}", nested(20, 24));
    let page = world.send(&world.admin, Method::GET, &path, &[("Prefer", "odata.maxpagesize=2")], None).await.ok();
    let next = page.json["@odata.nextLink"].as_str().unwrap().strip_prefix(crate::world::BASE).unwrap()[1..].to_owned();
    assert_eq!(world.get(&next).await.ok().rows().len(), 8);
}
