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
