use super::*;
use crate::testing::{Script, answer, connection, org, token};
use futures::TryStreamExt;
use serde_json::json;

const ID: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";
const OTHER: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12";

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
async fn a_result_without_end_is_given_up() {
    let (script, org) = org().await;
    let page = |token: &str| {
        let next = format!("https://contoso.crm4.dynamics.com/api/data/v9.2/contacts?$skiptoken={token}");
        answer(200, &[], &json!({"value": [{"a": 1}], "@odata.nextLink": next}).to_string())
    };
    script.expect("GET /api/data/v9.2/contacts", page("x"));
    script.expect("GET /api/data/v9.2/contacts?$skiptoken=x", page("x"));
    let itself = org.query("contacts").collect().await.unwrap_err();
    assert!(itself.to_string().contains("names itself"), "{itself}");

    script.expect("GET /api/data/v9.2/contacts", page("0"));
    for number in 0..999 {
        let request = format!("GET /api/data/v9.2/contacts?$skiptoken={number}");
        script.expect(&request, page(&(number + 1).to_string()));
    }
    let endless = org.query("contacts").collect().await.unwrap_err();
    assert!(endless.to_string().contains("more than 1000 pages"), "{endless}");
    assert!(script.is_done());
}

#[tokio::test]
async fn pages_are_followed_within_the_org_only() {
    let (script, org) = org().await;
    let next = "https://contoso.crm4.dynamics.com/api/data/v9.2/contacts?$skiptoken=x";
    let first = json!({"value": [{"a": 1}, {"a": 2}], "@odata.nextLink": next}).to_string();
    script.expect("GET /api/data/v9.2/contacts?$filter=a%20gt%200", answer(200, &[], &first));
    script.expect("GET /api/data/v9.2/contacts?$skiptoken=x", answer(200, &[], r#"{"value":[{"a":3}]}"#));
    let rows: Vec<Row> =
        org.query(Query::from("contacts?$filter=a gt 0").page_size(2)).rows().try_collect().await.unwrap();
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
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let to = told.clone();
    org.http().tell_waits(move |wait| to.lock().unwrap().push(*wait));
    let limit = r#"{"error":{"code":"0x80072322","message":"Number of requests exceeded the limit"}}"#;
    script.expect(
        "PATCH /api/data/v9.2/contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)",
        answer(429, &[("retry-after", "17")], limit),
    );
    script.expect("PATCH /api/data/v9.2/contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)", answer(204, &[], ""));
    org.update("contacts", id(ID), &json!({"lastname": "x"})).await.unwrap();
    let waited = keyholder_foundation::WallClock::now(clock.as_ref()).since(before);
    assert_eq!(waited, std::time::Duration::from_secs(17));
    let told = told.lock().unwrap();
    assert_eq!((told.len(), told[0].until), (1, before.plus(waited)));
    assert_eq!(told[0].reason, crate::WaitReason::Limit(Some(crate::Limit::Requests)));
    assert_eq!(told[0].client_id, Some(org.tokens().credential().client_id()));
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
    let url = |text: &str| org.resolve(&text.into()).map(|url| url[url::Position::BeforePath..].to_owned());
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

#[tokio::test]
async fn a_lost_creation_is_settled_by_its_id() {
    let (script, org) = org().await;
    let create = Change::create_with_id("contacts", "contactid", id(ID), &json!({"lastname": "x"}));
    let (post, look) = ("POST /api/data/v9.2/contacts", format!("GET /api/data/v9.2/contacts({ID})?$select=contactid"));
    let missing = || answer(404, &[], r#"{"error":{"code":"0x80040217","message":"Does Not Exist"}}"#);
    let there = || answer(200, &[], "{}");
    // It had arrived.
    script.lose(post);
    script.expect(&look, there());
    assert_eq!(org.settle(&create).await.unwrap().id, Some(id(ID)));
    let body: Value = serde_json::from_slice(script.seen()[2].body()).unwrap();
    assert_eq!(body, json!({"contactid": ID, "lastname": "x"}));
    // It had not.
    script.lose(post);
    script.expect(&look, missing());
    script.expect(post, answer(204, &[], ""));
    org.settle(&create).await.unwrap();
    // It was still under way when it was looked for.
    script.expect(post, answer(504, &[], ""));
    script.expect(&look, missing());
    script.expect(post, answer(412, &[], r#"{"error":{"code":"0x80040237","message":"duplicate"}}"#));
    script.expect(&look, there());
    org.settle(&create).await.unwrap();
    // Somebody else's row is none of ours.
    script.expect(post, answer(412, &[], r#"{"error":{"code":"0x80040237","message":"duplicate"}}"#));
    assert!(org.settle(&create).await.unwrap_err().is_duplicate());
    // A run before this one may have made it.
    script.expect(&look, there());
    org.settle_again(&create).await.unwrap();
    assert!(script.is_done());
}

#[tokio::test]
async fn a_row_that_may_not_be_looked_for_may_be_there() {
    let (script, org) = org().await;
    let create = Change::create_with_id("contacts", "contactid", id(ID), &json!({"lastname": "x"}));
    let (post, look) = ("POST /api/data/v9.2/contacts", format!("GET /api/data/v9.2/contacts({ID})?$select=contactid"));
    let forbidden = || answer(403, &[], r#"{"error":{"code":"0x80040220","message":"no prvReadContact"}}"#);
    script.lose(post);
    script.expect(&look, forbidden());
    let error = org.settle(&create).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.fate_is_unknown(), "{error:?}");
    // Not even when the second try says that there is such a row.
    script.lose(post);
    script.expect(&look, answer(404, &[], r#"{"error":{"code":"0x80040217","message":"Does Not Exist"}}"#));
    script.expect(post, answer(412, &[], r#"{"error":{"code":"0x80040237","message":"duplicate"}}"#));
    script.expect(&look, forbidden());
    assert!(org.settle(&create).await.unwrap_err().fate_is_unknown());
    script.expect(&look, forbidden());
    let error = org.settle_again(&create).await.unwrap_err();
    assert!(error.fate_is_unknown() && error.to_string().contains("prvReadContact"), "{error}");
    assert!(script.is_done());
}

#[tokio::test]
async fn what_is_the_same_twice_is_sent_again_and_nothing_else() {
    let (script, org) = org().await;
    let row = format!("/api/data/v9.2/contacts({ID})");
    let missing = || answer(404, &[], r#"{"error":{"code":"0x80040217","message":"Does Not Exist"}}"#);
    script.lose(&format!("PATCH {row}"));
    script.expect(&format!("PATCH {row}"), answer(204, &[], ""));
    org.settle(&Change::update(("contacts", id(ID)), &json!({}))).await.unwrap();
    script.lose(&format!("DELETE {row}"));
    script.expect(&format!("DELETE {row}"), missing());
    org.settle(&Change::delete(("contacts", id(ID)))).await.unwrap();
    script.expect(&format!("DELETE {row}"), missing());
    assert!(org.settle(&Change::delete(("contacts", id(ID)))).await.unwrap_err().is_missing());
    for change in [
        Change::create("contacts", &json!({})),
        Change::update(("contacts", id(ID)), &json!({})).if_unchanged("W/\"1\""),
        Change::action("x", &json!({})),
    ] {
        script.lose(&format!("{} /api/data/v9.2/{}", change.method, change.path));
        assert!(org.settle(&change).await.unwrap_err().fate_is_unknown(), "{change}");
    }
    assert!(script.is_done());
}

#[tokio::test]
async fn many_rows_go_in_one_request() {
    let (script, org) = org().await;
    let mut targets = Targets::of("contact");
    targets.push_with_id("contactid", id(ID), &json!({"lastname": "a"}));
    targets.push(&json!({}));
    targets.push_with_key(("contacts", Key::alternate("emailaddress1", "a@b")), &json!({"lastname": "c"}));
    assert_eq!(targets.len(), 3);
    let (post, bytes) = ("POST /api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple", targets.bytes());
    script.expect(post, answer(200, &[], &json!({ "Ids": [ID, OTHER] }).to_string()));
    assert_eq!(org.create_multiple("contacts", targets).await.unwrap(), [id(ID), id(OTHER)]);
    let body = script.seen().last().unwrap().body().clone();
    let kind = "Microsoft.Dynamics.CRM.contact";
    let expected = json!({"Targets": [
        {"@odata.type": kind, "contactid": ID, "lastname": "a"},
        {"@odata.type": kind},
        {"@odata.type": kind, "@odata.id": "contacts(emailaddress1='a@b')", "lastname": "c"},
    ]});
    assert_eq!((serde_json::from_slice::<Value>(&body).unwrap(), body.len()), (expected, bytes));
    let mut wrong = Targets::of("contact");
    wrong.push(&7);
    assert!(matches!(org.update_multiple("contacts", wrong).await, Err(Error::Configuration(_))));
}

#[tokio::test]
async fn a_change_on_condition_bears_it() {
    let (script, org) = org().await;
    let row = format!("PATCH /api/data/v9.2/contacts({ID})");
    let header =
        |name: &str| script.seen().last().unwrap().headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let upsert = || Change::upsert(("contacts", id(ID)), &json!({}));
    script.expect(&row, answer(200, &[("etag", "W/\"8\"")], r#"{"lastname":"x"}"#));
    let done = org.execute(&upsert().if_unchanged("W/\"7\"").returning_row()).await.unwrap();
    assert_eq!((done.etag.as_deref(), done.row.unwrap()["lastname"].as_str()), (Some("W/\"8\""), Some("x")));
    assert_eq!(
        (header("if-match").as_deref(), header("prefer").as_deref()),
        (Some("W/\"7\""), Some("return=representation"))
    );
    script.expect(&row, answer(204, &[], ""));
    org.execute(&upsert().if_absent()).await.unwrap();
    assert_eq!((header("if-none-match").as_deref(), header("if-match")), (Some("*"), None));
    script.expect(&row, answer(204, &[], ""));
    org.impersonating(Impersonated::ObjectId(id(OTHER))).execute(&upsert()).await.unwrap();
    assert_eq!((header("callerobjectid").as_deref(), header("if-none-match").as_deref()), (Some(OTHER), Some("null")));
    assert!(matches!(org.execute(&upsert().if_unchanged("a\nb")).await, Err(Error::Configuration(_))));
    script.expect(&format!("GET /api/data/v9.2/contacts({ID})"), answer(304, &[], ""));
    assert_eq!(org.get_if_changed(Query::row("contacts", id(ID)), "W/\"8\"").await.unwrap(), None);
}

#[tokio::test]
async fn rows_are_counted() {
    let (script, org) = org().await;
    let query = Query::rows("contacts").filter(Filter::eq("a", 1)).select(["b"]);
    let request = "GET /api/data/v9.2/contacts/$count?$filter=a%20eq%201";
    script.expect(request, answer(200, &[], "\u{feff}17"));
    assert_eq!(org.count(&query).await.unwrap(), 17);
    script.expect(request, answer(200, &[], "many"));
    assert!(matches!(org.count(&query).await, Err(Error::Protocol { .. })));
}
