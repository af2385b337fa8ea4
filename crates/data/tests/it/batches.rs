//! Several requests in one.

use http::{Method, Request, StatusCode};
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{BASE, Reply, World};

/// An answer inside the answer to a batch.
#[derive(Debug)]
struct Inner {
    content_id: Option<String>,
    status: u16,
    head: String,
    json: Value,
}

impl Inner {
    fn row(&self) -> Uuid {
        let address = self.head.lines().find_map(|line| line.strip_prefix("OData-EntityId: ")).unwrap();
        address.rsplit_once('(').unwrap().1.trim_end_matches(')').parse().unwrap()
    }

    fn code(&self) -> &str {
        self.json["error"]["code"].as_str().unwrap_or_default()
    }
}

/// A request by itself, as a part.
fn part(request: &str, body: &str) -> String {
    format!(
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n{request} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
    )
}

/// Changes with the Content-IDs 1, 2, ... as a change set.
fn change_set(requests: &[(&str, Value)]) -> String {
    let mut text = "--b\r\nContent-Type: multipart/mixed; boundary=\"set\"\r\n\r\n".to_owned();
    for (number, (request, body)) in requests.iter().enumerate() {
        let id = number + 1;
        text += &format!(
            "--set\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\n{request} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        );
    }
    text + "--set--\r\n"
}

async fn send(world: &World, caller: &TokenFacts, parts: &[String], prefer: &str) -> (Reply, Vec<Inner>) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{BASE}/$batch"))
        .header("Content-Type", "multipart/mixed; boundary=b")
        .header("Prefer", prefer);
    let body = format!("{}--b--\r\n", parts.concat());
    let response = world.organization.respond(caller, request.body(body.into()).unwrap()).await;
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let json = serde_json::from_str(&text).unwrap_or_default();
    let inner = inner(&text);
    (Reply { status: head.status, headers: head.headers, text, json }, inner)
}

/// Reads the parts with a status line, whichever boundary they stand between.
fn inner(text: &str) -> Vec<Inner> {
    let message = |part: &str| {
        let (mime, message) = part.split_once("\r\n\r\n")?;
        let (head, body) = message.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
        let content_id = mime.lines().find_map(|line| line.strip_prefix("Content-ID: ")).map(ToOwned::to_owned);
        let body = body.lines().next().unwrap_or_default();
        let json = serde_json::from_str(body).unwrap_or_default();
        Some(Inner { content_id, status, head: head.to_owned(), json })
    };
    text.split("Content-Type: application/http\r\n").skip(1).filter_map(message).collect()
}

async fn last_names(world: &World) -> Vec<String> {
    let path = "contacts?$select=lastname&$filter=startswith(lastname,'batch')&$orderby=lastname";
    let found = world.get(path).await.ok();
    found.rows().iter().map(|row| row["lastname"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn requests_are_done_in_order_and_answered_between_the_boundaries_that_clients_look_for() {
    let world = World::new().await;
    let parts = [
        part("POST /api/data/v9.2/contacts", r#"{"lastname":"batch a"}"#),
        part("GET contacts?$select=lastname&$filter=lastname eq 'batch a'", ""),
        part(&format!("GET {BASE}/contacts/$count"), ""),
    ];
    let (reply, inner) = send(&world, &world.admin, &parts, "").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    let boundary = reply.header("content-type").strip_prefix("multipart/mixed; boundary=").unwrap();
    assert!(boundary.starts_with("batchresponse_") && reply.text.starts_with(&format!("--{boundary}\r\n")));
    assert!(reply.text.ends_with(&format!("--{boundary}--\r\n")));
    assert_eq!(inner.iter().map(|part| part.status).collect::<Vec<_>>(), [204, 200, 200]);
    assert!(inner[0].head.starts_with("HTTP/1.1 204 No Content\r\n"), "{}", inner[0].head);
    assert_eq!(inner[1].json["value"][0]["contactid"], json!(inner[0].row()));
}

#[tokio::test]
async fn a_change_set_is_done_whole_and_its_requests_refer_to_each_others_rows() {
    let world = World::new().await;
    let set = change_set(&[
        ("POST accounts", json!({"name": "batch account"})),
        ("POST contacts", json!({"lastname": "batch b", "parentcustomerid_account@odata.bind": "$1"})),
        ("PUT $2/firstname", json!({"value": "Bea"})),
        ("PATCH $2", json!({"jobtitle": "Planner"})),
        ("PUT $1/primarycontactid/$ref", json!({"@odata.id": "$2"})),
    ]);
    let (reply, inner) = send(&world, &world.admin, &[set], "").await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert!(reply.text.contains("boundary=changesetresponse_"));
    let ids: Vec<_> = inner.iter().map(|part| part.content_id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    let (account, contact) = (inner[0].row(), inner[1].row());
    let path = format!("contacts({contact})?$select=firstname,jobtitle,_parentcustomerid_value");
    let row = world.get(&path).await.ok().json;
    assert_eq!(
        (&row["firstname"], &row["jobtitle"], &row["_parentcustomerid_value"]),
        (&json!("Bea"), &json!("Planner"), &json!(account))
    );
    let row = world.get(&format!("accounts({account})?$select=_primarycontactid_value")).await.ok().json;
    assert_eq!(row["_primarycontactid_value"], json!(contact));
}

#[tokio::test]
async fn a_change_set_makes_the_tables_that_it_is_the_first_to_use() {
    let world = World::with(|config| config.sample_rows = 0).await;
    let set = change_set(&[
        ("POST accounts", json!({"name": "batch account"})),
        ("POST contacts", json!({"lastname": "batch b", "parentcustomerid_account@odata.bind": "$1"})),
    ]);
    let (reply, _) = send(&world, &world.admin, &[set], "").await;
    assert_eq!(reply.text.matches("HTTP/1.1 204").count(), 2, "{}", reply.text);
    let rows = world.get("contacts?$select=_parentcustomerid_value").await.ok();
    assert!(rows.rows()[0]["_parentcustomerid_value"].is_string(), "{}", rows.text);
}

#[tokio::test]
async fn a_change_set_that_fails_leaves_nothing_and_is_answered_by_one_part() {
    let world = World::new().await;
    let wrong = [
        // Refused when it is bound, and refused only when it is done.
        ("POST contacts", json!({"lastname": "batch d", "nonsense": 1}), "0x80048d19"),
        ("DELETE contacts(00000000-0000-0000-0000-000000000001)", Value::Null, "0x80040217"),
    ];
    for (request, body, code) in wrong {
        let set = change_set(&[("POST contacts", json!({"lastname": "batch c"})), (request, body)]);
        let (reply, inner) = send(&world, &world.admin, &[set], "").await;
        assert_eq!(inner.len(), 1, "{}", reply.text);
        assert!(reply.text.contains("Content-Type: multipart/mixed; boundary=changesetresponse_"), "{}", reply.text);
        assert_eq!((inner[0].code(), inner[0].content_id.as_deref()), (code, Some("2")), "{}", reply.text);
        assert_eq!(reply.status.as_u16(), inner[0].status);
        assert!(last_names(&world).await.is_empty());
    }
}

#[tokio::test]
async fn the_first_failure_ends_a_batch_unless_it_shall_go_on() {
    let world = World::new().await;
    let parts = [
        part("POST contacts", r#"{"lastname":"batch e"}"#),
        part("GET nonsense", ""),
        part("POST contacts", r#"{"lastname":"batch f"}"#),
    ];
    let (reply, inner) = send(&world, &world.admin, &parts, "").await;
    assert_eq!((reply.status.as_u16(), inner.len(), inner[1].status), (404, 2, 404), "{}", reply.text);
    assert_eq!(last_names(&world).await, ["batch e"]);

    let (reply, inner) = send(&world, &world.admin, &parts, "odata.continue-on-error").await;
    assert_eq!((reply.status, reply.header("preference-applied")), (StatusCode::OK, "odata.continue-on-error"));
    assert_eq!(inner.iter().map(|part| part.status).collect::<Vec<_>>(), [204, 404, 204]);
    assert_eq!(last_names(&world).await, ["batch e", "batch e", "batch f"]);
}

#[tokio::test]
async fn changes_that_follow_one_another_are_each_done_by_itself_and_see_those_before() {
    let world = World::new().await;
    let [id, other] = [1, 2].map(|number| Uuid::from_u128(0xba7c_0000 + number));
    let new = |id: Uuid, name: &str| part("POST contacts", &json!({"contactid": id, "lastname": name}).to_string());
    let change = |id: Uuid, name: &str| part(&format!("PATCH contacts({id})"), &json!({"lastname": name}).to_string());
    let parts = [
        new(id, "batch h"),
        new(id, "batch twice"),
        change(id, "batch i"),
        part("POST contacts", r#"{"lastname":"batch bad","nonsense":1}"#),
        new(other, "batch j"),
        part(&format!("GET contacts({id})?$select=lastname"), ""),
        part(&format!("DELETE contacts({other})"), ""),
        part(&format!("DELETE contacts({other})"), ""),
        new(other, "batch k"),
    ];
    let (reply, inner) = send(&world, &world.admin, &parts, "odata.continue-on-error").await;
    let statuses: Vec<_> = inner.iter().map(|part| part.status).collect();
    assert_eq!(statuses, [204, 412, 204, 400, 204, 200, 204, 404, 204], "{}", reply.text);
    assert_eq!(inner[5].json["lastname"], "batch i");
    assert_eq!(last_names(&world).await, ["batch i", "batch k"]);
    // Where a failure ends the batch, nothing behind it is done.
    let ends = [change(other, "batch l"), new(id, "batch twice"), change(other, "batch m")];
    let (reply, inner) = send(&world, &world.admin, &ends, "").await;
    assert_eq!((reply.status.as_u16(), inner.len()), (412, 2), "{}", reply.text);
    assert_eq!(last_names(&world).await, ["batch i", "batch l"]);
}

#[tokio::test]
async fn changes_wait_for_one_before_them_that_is_the_first_to_use_a_table() {
    let world = World::with(|config| config.sample_rows = 0).await;
    // There are contacts from here on, and no accounts yet.
    send(&world, &world.admin, &[part("POST contacts", r#"{"lastname":"batch n"}"#)], "").await;
    let id = Uuid::from_u128(0xba7c_0010);
    let with_account =
        json!({"contactid": id, "lastname": "batch first", "parentcustomerid_account": {"name": "batch account"}});
    let parts = [
        part("POST contacts", &with_account.to_string()),
        part(&format!("PATCH contacts({id})"), r#"{"lastname":"batch o"}"#),
    ];
    let (reply, inner) = send(&world, &world.admin, &parts, "odata.continue-on-error").await;
    assert_eq!(inner.iter().map(|part| part.status).collect::<Vec<_>>(), [204, 204], "{}", reply.text);
    assert_eq!(last_names(&world).await, ["batch n", "batch o"]);
    assert!(world.get("accounts?$select=name").await.ok().text.contains("batch account"));
}

#[tokio::test]
async fn what_is_no_batch_changes_nothing() {
    let world = World::new().await;
    let one = part("POST contacts", r#"{"lastname":"batch g"}"#);
    let nested = part("POST $batch", "");
    let (reply, inner) = send(&world, &world.admin, &[nested], "").await;
    assert_eq!((reply.status.as_u16(), inner[0].code()), (400, "0x80060888"), "{}", reply.text);
    let unknown = change_set(&[("PUT $7/lastname", json!({"value": "x"}))]);
    let (reply, inner) = send(&world, &world.admin, &[unknown], "").await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(inner[0].json["error"]["message"], "Content-ID Reference: '$7' does not exist in the batch context.");
    let set = change_set(&[("GET contacts", Value::Null)]);
    let (reply, inner) = send(&world, &world.admin, &[one, set], "").await;
    assert!(reply.status == StatusCode::BAD_REQUEST && inner.is_empty(), "{}", reply.text);
    assert!(last_names(&world).await.is_empty());
    let reply = world.get("$batch").await;
    reply.refused(405, "0x80060888");
}

#[tokio::test]
async fn every_request_of_a_batch_is_checked_for_itself() {
    let world = World::new().await;
    let (reader, user) = world.application_user(9, "batch-reader").await;
    let role = world.role("batch readers", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    let parts = [
        part("GET contacts?$top=1", ""),
        part("POST contacts", r#"{"lastname":"batch h"}"#),
        part("GET accounts?$top=1", ""),
    ];
    let (_, inner) = send(&world, &reader, &parts, "odata.continue-on-error").await;
    assert_eq!(inner.iter().map(|part| part.status).collect::<Vec<_>>(), [200, 403, 403]);
    let message = inner[1].json["error"]["message"].as_str().unwrap();
    assert!(message.contains("prvCreateContact"), "{message}");
}
