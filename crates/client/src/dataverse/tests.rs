use super::*;
use crate::testing::{Script, answer, connection};
use futures::TryStreamExt;
use serde_json::json;

const ID: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";
const OTHER: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12";

async fn org() -> (Arc<Script>, Dataverse) {
    let (script, http) = Script::http();
    let challenge = "Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize, resource_id=https://contoso.crm4.dynamics.com/";
    script.expect("GET /api/data/v9.2/", answer(401, &[("www-authenticate", challenge)], ""));
    let org = Dataverse::connect(&connection("https://contoso.crm4.dynamics.com"), http).await.unwrap();
    token(&script, "one");
    (script, org)
}

fn token(script: &Script, text: &str) {
    let body = format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{text}"}}"#);
    script.expect("POST /t/oauth2/v2.0/token", answer(200, &[], &body));
}

fn id(text: &str) -> Uuid {
    text.parse().unwrap()
}

#[tokio::test]
async fn who_am_i_signs_in_and_asks() {
    let (script, org) = org().await;
    let body = json!({"BusinessUnitId": ID, "UserId": OTHER, "OrganizationId": ID}).to_string();
    script.expect("GET /api/data/v9.2/WhoAmI", answer(200, &[], &body));
    assert_eq!(org.who_am_i().await.unwrap().user_id, id(OTHER));
    let seen = script.seen();
    let headers = seen.last().unwrap().headers();
    assert_eq!(headers["authorization"], "Bearer one");
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(headers["odata-maxversion"], "4.0");
    assert!(!seen[0].headers().contains_key("authorization"), "discovery goes without a token");
}

#[tokio::test]
async fn pages_are_followed_within_the_org_only() {
    let (script, org) = org().await;
    let next = "https://contoso.crm4.dynamics.com/api/data/v9.2/contacts?$skiptoken=x";
    let first = json!({"value": [{"a": 1}, {"a": 2}], "@odata.nextLink": next}).to_string();
    script.expect("GET /api/data/v9.2/contacts?$filter=a%20gt%200", answer(200, &[], &first));
    script.expect("GET /api/data/v9.2/contacts?$skiptoken=x", answer(200, &[], r#"{"value":[{"a":3}]}"#));
    let rows: Vec<Row> = org.query("contacts?$filter=a gt 0").page_size(2).rows().try_collect().await.unwrap();
    assert_eq!(rows.iter().map(|row| row["a"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(script.seen().last().unwrap().headers()["prefer"], "odata.maxpagesize=2");

    let evil = json!({"value": [], "@odata.nextLink": "https://evil.example/api/data/v9.2/contacts"}).to_string();
    script.expect("GET /api/data/v9.2/contacts", answer(200, &[], &evil));
    let mut pages = org.query("contacts");
    pages.next().await.unwrap();
    assert!(matches!(pages.next().await, Err(Error::Protocol { .. })));
    assert!(pages.next().await.unwrap().is_none());
    assert!(script.is_done());
}

#[tokio::test]
async fn a_rejected_token_is_replaced_once() {
    let (script, org) = org().await;
    script.expect("GET /api/data/v9.2/contacts", answer(401, &[], ""));
    token(&script, "two");
    script.expect("GET /api/data/v9.2/contacts", answer(200, &[], r#"{"value":[]}"#));
    org.query("contacts").collect().await.unwrap();
    assert_eq!(script.seen().last().unwrap().headers()["authorization"], "Bearer two");

    script.expect("GET /api/data/v9.2/contacts", answer(401, &[], ""));
    token(&script, "three");
    script.expect("GET /api/data/v9.2/contacts", answer(401, &[], ""));
    let error = org.query("contacts").collect().await.unwrap_err();
    assert_eq!(error.to_string(), "the org refused GET contacts: the org does not accept the token (HTTP 401)");
}

#[tokio::test]
async fn create_gives_the_new_rows_id() {
    let (script, org) = org().await;
    let entity = format!("https://contoso.crm4.dynamics.com/api/data/v9.2/contacts({ID})");
    script.expect("POST /api/data/v9.2/contacts", answer(204, &[("OData-EntityId", &entity)], ""));
    assert_eq!(org.create("contacts", &json!({"lastname": "x"})).await.unwrap(), id(ID));
    script.expect("POST /api/data/v9.2/contacts", answer(204, &[], ""));
    assert!(matches!(org.create("contacts", &json!({})).await, Err(Error::Protocol { .. })));
}

#[tokio::test]
async fn a_write_whose_fate_is_unknown_is_not_repeated() {
    let (script, org) = org().await;
    script.lose("POST /api/data/v9.2/contacts");
    let error = org.create("contacts", &json!({})).await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::OutOfReach);
    script.lose("GET /api/data/v9.2/contacts");
    script.expect("GET /api/data/v9.2/contacts", answer(503, &[], ""));
    script.expect("GET /api/data/v9.2/contacts", answer(200, &[], r#"{"value":[]}"#));
    org.query("contacts").collect().await.unwrap();
    assert!(script.is_done());
}

#[tokio::test]
async fn a_throttled_write_waits_as_long_as_it_is_told() {
    let (script, http, clock) = Script::with_clock();
    let org = {
        let found = Discovered {
            authority: crate::Authority::new(&"https://login.windows.net".parse().unwrap(), "t").unwrap(),
            resource: "https://contoso.crm4.dynamics.com".to_owned(),
        };
        let connection = connection("https://contoso.crm4.dynamics.com");
        let credential = connection.credential().unwrap();
        let tokens = Tokens::new(credential, found.authority.clone(), http.clone());
        Dataverse::new(&connection, &found, tokens, http)
    };
    token(&script, "one");
    let before = keyholder_foundation::WallClock::now(clock.as_ref());
    let limit = r#"{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit"}}"#;
    script.expect(
        "PATCH /api/data/v9.2/contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)",
        answer(429, &[("retry-after", "17")], limit),
    );
    script.expect("PATCH /api/data/v9.2/contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)", answer(204, &[], ""));
    org.update("contacts", id(ID), &json!({"lastname": "x"})).await.unwrap();
    let waited = keyholder_foundation::WallClock::now(clock.as_ref()).since(before);
    assert_eq!(waited, std::time::Duration::from_secs(17));
    assert_eq!(script.seen().last().unwrap().headers()["if-match"], "*");
}

#[tokio::test]
async fn references_are_made_and_unmade() {
    let (script, org) = org().await;
    let base = format!("/api/data/v9.2/systemusers({ID})/systemuserroles_association");
    script.expect(&format!("POST {base}/$ref"), answer(204, &[], ""));
    org.associate(("systemusers", id(ID)), "systemuserroles_association", ("roles", id(OTHER))).await.unwrap();
    let body = script.seen().last().unwrap().body().clone();
    let expected = json!({"@odata.id": format!("https://contoso.crm4.dynamics.com/api/data/v9.2/roles({OTHER})")});
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    script.expect(&format!("DELETE {base}({OTHER})/$ref"), answer(204, &[], ""));
    org.disassociate(("systemusers", id(ID)), "systemuserroles_association", id(OTHER)).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_read() {
    let (script, org) = org().await;
    let body = r#"{"error":{"code":"0x80072560","message":"The user is not a member of the organization."}}"#;
    script.expect("GET /api/data/v9.2/contacts", answer(403, &[], body));
    let error = org.query("contacts").collect().await.unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::NotAllowed);
    assert!(error.hints()[0].contains("application"), "{:?}", error.hints());
    script.expect("GET /api/data/v9.2/contacts", answer(404, &[("content-type", "text/html")], "<html>"));
    let error = org.query("contacts").collect().await.unwrap_err();
    assert!(error.to_string().contains("an HTML page"), "{error}");
}

#[tokio::test]
async fn what_is_typed_stays_within_the_web_api() {
    let (_, org) = org().await;
    let url = |text: &str| org.resolve(text).map(|url| url[url::Position::BeforePath..].to_owned());
    assert_eq!(url("contacts?$top=3").unwrap(), "/api/data/v9.2/contacts?$top=3");
    assert_eq!(url("/contacts?$filter=a eq 'b c'").unwrap(), "/api/data/v9.2/contacts?$filter=a%20eq%20%27b%20c%27");
    assert_eq!(url("/api/data/v9.1/accounts").unwrap(), "/api/data/v9.1/accounts");
    assert_eq!(url("https://contoso.crm4.dynamics.com/api/data/v9.0/x").unwrap(), "/api/data/v9.0/x");
    assert_eq!(
        url("contacts?$filter=url eq 'https://x'").unwrap(),
        "/api/data/v9.2/contacts?$filter=url%20eq%20%27https://x%27"
    );
    assert_eq!(url("//evil.example/x").unwrap(), "/api/data/v9.2/evil.example/x");
    for bad in
        ["https://evil.example/api/data/v9.2/x", "../../../x", "/api/data/../x", "https://contoso.crm4.dynamics.com/x"]
    {
        assert!(matches!(url(bad), Err(Error::Configuration(_))), "{bad}");
    }
}
