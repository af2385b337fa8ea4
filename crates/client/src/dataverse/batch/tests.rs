use super::*;
use crate::dataverse::{Key, RowRef};
use crate::testing::{answer, org};
use serde_json::json;
use uuid::Uuid;

const ID: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";

fn id() -> Uuid {
    ID.parse().unwrap()
}

/// A batch with all kinds of parts.
fn batch() -> Batch {
    let mut set = ChangeSet::new();
    let account = set.push(Change::create("accounts", &json!({ "name": "Contoso" })));
    set.push(Change::create("contacts", &json!({ "parentcustomerid_account@odata.bind": account.bind() })));
    set.push(Change::update(&account, &json!({ "name": "Contoso Ltd" })));
    let mut batch = Batch::new();
    batch.change_set(set);
    batch.change(Change::delete(("contacts", id())).if_unchanged("W/\"7\""));
    batch.read(Query::rows("contacts").top(1).annotated());
    batch
}

fn multipart(status: u16, body: &str) -> http::Response<Bytes> {
    answer(status, &[("content-type", "multipart/mixed; boundary=batchresponse_1")], &body.replace('\n', "\r\n"))
}

#[tokio::test]
async fn a_batch_is_written_as_the_service_reads_it() {
    let (_, org) = org().await;
    let text = String::from_utf8(batch().body(&org).unwrap().to_vec()).unwrap();
    let expected = format!(
        r#"--batch_keyholder
Content-Type: multipart/mixed; boundary="changeset_keyholder"

--changeset_keyholder
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 1

POST /api/data/v9.2/accounts HTTP/1.1
Content-Type: application/json; type=entry

{{"name":"Contoso"}}
--changeset_keyholder
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 2

POST /api/data/v9.2/contacts HTTP/1.1
Content-Type: application/json; type=entry

{{"parentcustomerid_account@odata.bind":"$1"}}
--changeset_keyholder
Content-Type: application/http
Content-Transfer-Encoding: binary
Content-ID: 3

PATCH $1 HTTP/1.1
Content-Type: application/json; type=entry

{{"name":"Contoso Ltd"}}
--changeset_keyholder--
--batch_keyholder
Content-Type: application/http
Content-Transfer-Encoding: binary

DELETE /api/data/v9.2/contacts({ID}) HTTP/1.1
if-match: W/"7"


--batch_keyholder
Content-Type: application/http
Content-Transfer-Encoding: binary

GET /api/data/v9.2/contacts?$top=1 HTTP/1.1
accept: application/json
prefer: odata.include-annotations="*"


--batch_keyholder--
"#
    );
    assert_eq!(text, expected.replace('\n', "\r\n"));
}

#[tokio::test]
async fn each_part_has_its_outcome() {
    let (script, org) = org().await;
    let text = format!(
        r#"--batchresponse_1
Content-Type: multipart/mixed; boundary=changesetresponse_2

--changesetresponse_2
Content-Type: application/http
Content-ID: 1

HTTP/1.1 204 No Content
OData-EntityId: https://contoso.crm4.dynamics.com/api/data/v9.2/accounts({ID})


--changesetresponse_2
Content-Type: application/http

HTTP/1.1 204 No Content


--changesetresponse_2
Content-Type: application/http

HTTP/1.1 204 No Content


--changesetresponse_2--
--batchresponse_1
Content-Type: application/http

HTTP/1.1 412 Precondition Failed
Content-Type: application/json

{{"error":{{"code":"0x80060882","message":"changed"}}}}
--batchresponse_1
Content-Type: application/http

HTTP/1.1 200 OK

{{"value":[{{"a":1}}]}}
--batchresponse_1--
"#
    );
    script.expect("POST /api/data/v9.2/$batch", multipart(200, &text));
    let outcomes = org.batch(&batch().continue_on_error()).await.unwrap();
    assert_eq!(script.seen().last().unwrap().headers()["prefer"], "odata.continue-on-error");
    let Outcome::ChangedTogether(done) = &outcomes[0] else { panic!("{:?}", outcomes[0]) };
    assert_eq!(done.iter().map(|done| done.id).collect::<Vec<_>>(), [Some(id()), None, None]);
    let refused = outcomes[1].error().and_then(Error::dataverse).unwrap();
    assert_eq!((refused.status, refused.request.as_str()), (412, format!("DELETE contacts({ID})").as_str()));
    let Outcome::Read(page) = &outcomes[2] else { panic!("{:?}", outcomes[2]) };
    assert_eq!((page.rows.len(), page.is_last()), (1, true));
}

#[tokio::test]
async fn a_batch_that_ends_early_says_what_was_not_run() {
    let (script, org) = org().await;
    let text = "--batchresponse_1\nContent-Type: application/http\n\nHTTP/1.1 400 Bad Request\n\n\
                {\"error\":{\"code\":\"0x80048d19\",\"message\":\"no\"}}\n--batchresponse_1--\n";
    script.expect("POST /api/data/v9.2/$batch", multipart(400, text));
    let outcomes = org.batch(&batch()).await.unwrap();
    assert!(matches!(outcomes[..], [Outcome::Refused(_), Outcome::NotRun, Outcome::NotRun]), "{outcomes:?}");
}

#[tokio::test]
async fn an_answer_that_is_none_to_the_batch_is_not_believed() {
    let (script, org) = org().await;
    let one = "--batchresponse_1\nContent-Type: application/http\n\nHTTP/1.1 204 No Content\n\n\n--batchresponse_1--\n";
    let cut = "--batchresponse_1\nContent-Type: application/http\n\nHTTP/1.1 204 No Content\n\n\n";
    for wrong in [multipart(200, one), multipart(200, cut), multipart(200, ""), answer(200, &[], "{}")] {
        script.expect("POST /api/data/v9.2/$batch", wrong);
        let error = org.batch(&batch()).await.unwrap_err();
        assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
        assert!(error.fate_is_unknown());
    }
    script.expect("POST /api/data/v9.2/$batch", answer(429, &[], r#"{"error":{"code":"0x80072322","message":"m"}}"#));
    script.expect("POST /api/data/v9.2/$batch", answer(403, &[], r#"{"error":{"code":"","message":"m"}}"#));
    assert_eq!(org.batch(&batch()).await.unwrap_err().dataverse().unwrap().status, 403);
    assert!(org.batch(&Batch::new()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_batch_has_a_most() {
    let (_, org) = org().await;
    let mut batch = Batch::new();
    for _ in 0..=MOST_REQUESTS {
        batch.change(Change::delete(("contacts", id())));
    }
    assert!(matches!(org.batch(&batch).await, Err(Error::Configuration(_))));
}

#[tokio::test]
async fn a_lost_batch_is_settled_part_by_part() {
    let (script, org) = org().await;
    let mut set = ChangeSet::new();
    set.push(Change::create_with_id("accounts", "accountid", id(), &json!({ "name": "A" })));
    set.push(Change::update(("contacts", id()), &json!({ "lastname": "B" })));
    let mut batch = Batch::new();
    batch.change_set(set);
    batch.change(Change::create_with_id("contacts", "contactid", id(), &json!({})));
    batch.change(Change::create("contacts", &json!({})));
    let batch = batch.continue_on_error();
    script.lose("POST /api/data/v9.2/$batch");
    script.expect(&format!("GET /api/data/v9.2/accounts({ID})?$select=accountid"), answer(200, &[], "{}"));
    let missing = r#"{"error":{"code":"0x80040217","message":"Does Not Exist"}}"#;
    script.expect(&format!("GET /api/data/v9.2/contacts({ID})?$select=contactid"), answer(404, &[], missing));
    let entity = format!("https://contoso.crm4.dynamics.com/api/data/v9.2/contacts({ID})");
    script.expect("POST /api/data/v9.2/contacts", answer(204, &[("odata-entityid", &entity)], ""));
    let outcomes = org.settle_batch(&batch).await.unwrap();
    let Outcome::ChangedTogether(done) = &outcomes[0] else { panic!("{:?}", outcomes[0]) };
    assert_eq!(done[0].id, Some(id()));
    assert!(matches!(&outcomes[1], Outcome::Changed(done) if done.id == Some(id())), "{:?}", outcomes[1]);
    assert!(outcomes[2].error().unwrap().fate_is_unknown(), "nobody can tell");
    assert!(script.is_done());
}

#[tokio::test]
async fn behind_a_part_of_unknown_fate_nothing_is_called_not_run() {
    let (script, org) = org().await;
    let mut batch = Batch::new();
    batch.change(Change::create("contacts", &json!({})));
    batch.change(Change::create_with_id("contacts", "contactid", id(), &json!({})));
    script.lose("POST /api/data/v9.2/$batch");
    let outcomes = org.settle_batch(&batch).await.unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.error().unwrap().fate_is_unknown()), "{outcomes:?}");
    assert!(script.is_done());
}

#[tokio::test]
async fn parts_that_may_not_be_looked_for_leave_the_others_settled() {
    let (script, org) = org().await;
    let account = || Change::create_with_id("accounts", "accountid", id(), &json!({ "name": "A" }));
    let mut set = ChangeSet::new();
    set.push(account());
    let mut batch = Batch::new();
    batch.change(Change::create_with_id("contacts", "contactid", id(), &json!({})));
    batch.change_set(set);
    batch.change(account());
    batch.read("contacts");
    let forbidden = || answer(403, &[], r#"{"error":{"code":"0x80040220","message":"no prvReadAccount"}}"#);
    script.lose("POST /api/data/v9.2/$batch");
    script.expect(&format!("GET /api/data/v9.2/contacts({ID})?$select=contactid"), answer(200, &[], "{}"));
    for _ in 0..2 {
        script.expect(&format!("GET /api/data/v9.2/accounts({ID})?$select=accountid"), forbidden());
    }
    script.expect("POST /api/data/v9.2/$batch", forbidden());
    let outcomes = org.settle_batch(&batch.continue_on_error()).await.unwrap();
    assert!(matches!(&outcomes[0], Outcome::Changed(done) if done.id == Some(id())), "{:?}", outcomes[0]);
    assert!(outcomes[1..3].iter().all(|outcome| outcome.error().unwrap().fate_is_unknown()), "{outcomes:?}");
    assert_eq!(outcomes[3].error().unwrap().dataverse().unwrap().status, 403);
    assert!(script.is_done());
}

#[test]
fn rows_are_bound_by_their_addresses() {
    let by_key = RowRef::from(("accounts", Key::alternate("name", "O'Brien & Co/1")));
    assert_eq!(by_key.bind(), "/accounts(name='O''Brien%20%26%20Co%2F1')");
    assert_eq!(ChangeSet::new().push(Change::delete(&by_key)).bind(), "$1");
}

/// A FetchXML document of about so many characters.
fn document(length: usize) -> String {
    let value = "x".repeat(length);
    format!(
        "<fetch><entity name='contact'><filter><condition attribute='lastname' operator='ne' value='{value}'/></filter></entity></fetch>"
    )
}

fn alone(status: &str, body: &str) -> http::Response<Bytes> {
    multipart(
        200,
        &format!(
            "--batchresponse_1\nContent-Type: application/http\n\nHTTP/1.1 {status}\n\n{body}\n--batchresponse_1--\n"
        ),
    )
}

#[tokio::test]
async fn s13_a_query_whose_address_is_too_long_for_a_get_goes_into_a_batch_page_by_page() {
    const BATCH: &str = "POST /api/data/v9.2/$batch";
    let (script, org) = org().await;
    let more = json!({ "value": [{ "a": 1 }], "@Microsoft.Dynamics.CRM.morerecords": true }).to_string();
    // It only reads, so that it may be sent again.
    script.lose(BATCH);
    script.expect(BATCH, alone("200 OK", &more));
    script.expect(BATCH, alone("200 OK", r#"{"value":[{"a":2}]}"#));
    let query = Query::fetch_xml("contacts", document(33_000)).page_size(1);
    assert_eq!(org.query(query.clone()).collect().await.unwrap().len(), 2);
    let seen = script.seen();
    let text = String::from_utf8(seen.last().unwrap().body().to_vec()).unwrap();
    assert!(
        text.contains("\r\n\r\nGET /api/data/v9.2/contacts?fetchXml=%3Cfetch%20page=%222%22%3E"),
        "{}",
        &text[..400]
    );
    assert!(
        text.contains("\r\nprefer: odata.maxpagesize=1,odata.include-annotations=")
            && text.ends_with("--batch_keyholder--\r\n")
    );

    script.expect(BATCH, alone("403 Forbidden", r#"{"error":{"code":"0x80040220","message":"no"}}"#));
    let error = org.query(query.clone()).collect().await.unwrap_err();
    let refusal = error.dataverse().unwrap();
    assert_eq!((refusal.status, refusal.request.as_str()), (403, "GET contacts"));
    for broken in ["", "--batchresponse_1\n", "--batchresponse_1\nA: b\n\nno answer\n--batchresponse_1--\n"] {
        script.expect(BATCH, multipart(200, broken));
        assert!(matches!(org.get(query.clone()).await, Err(Error::Protocol { .. })), "{broken:?}");
    }
    script.expect(BATCH, answer(429, &[], r#"{"error":{"code":"0x80072322","message":"later"}}"#));
    script.expect(BATCH, alone("200 OK", r#"{"value":[]}"#));
    assert!(org.query(query).collect().await.unwrap().is_empty());
    assert!(script.is_done());
}

#[tokio::test]
async fn what_fits_goes_by_get_and_what_fits_nowhere_is_not_sent() {
    let (script, org) = org().await;
    let url = |length| org.resolve(&Query::fetch_xml("contacts", document(length))).unwrap();
    let room = LONGEST_ADDRESS - url(0).as_str().len();
    let path = url(room)[Position::BeforePath..].to_owned();
    script.expect(&format!("GET {path}"), answer(200, &[], r#"{"value":[]}"#));
    assert!(org.query(Query::fetch_xml("contacts", document(room))).collect().await.unwrap().is_empty());
    script.expect("POST /api/data/v9.2/$batch", alone("200 OK", r#"{"value":[]}"#));
    assert!(org.query(Query::fetch_xml("contacts", document(room + 1))).collect().await.unwrap().is_empty());
    let error = org.query(Query::fetch_xml("contacts", document(66_000))).collect().await.unwrap_err();
    assert!(error.to_string().contains("65536") && error.to_string().len() < 300, "{error}");
    assert_eq!(error.kind(), crate::ErrorKind::Configuration);
    assert!(script.is_done());
}
