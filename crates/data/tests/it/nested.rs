//! Rows inside the body of a new row: made, bound and paired in one transaction, each with its own rights.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

/// The ids in a collection.
async fn ids(world: &World, path: &str, column: &str) -> Vec<Value> {
    world.get(path).await.ok().rows().iter().map(|row| row[column].clone()).collect()
}

#[tokio::test]
async fn objects_are_made_before_and_arrays_after() {
    let world = World::new().await;
    let body = json!({
        "name": "Ottermere",
        "primarycontactid": { "firstname": "Ada", "lastname": "Quill", "parentcustomerid_account": { "name": "Inner" } },
        "contact_customer_accounts": [
            { "lastname": "One", "account_primary_contact": [{ "name": "Deep" }] },
            { "lastname": "Two", "parentcustomerid_contact": null },
        ],
        "account_parent_account": [],
    });
    // The second contact names its customer twice: once by standing where it does.
    let twice = world.post("accounts", body.clone()).await;
    let message = twice.refused(400, "0x80048d19");
    assert!(message.contains("'parentcustomerid' is given more than one value"), "{message}");
    assert!(message.ends_with("(In the body at: contact_customer_accounts[1])"), "{message}");

    let mut body = body;
    body["contact_customer_accounts"][1].as_object_mut().unwrap().remove("parentcustomerid_contact");
    let made = world.post("accounts", body).await;
    assert_eq!((made.status.as_u16(), made.text.as_str()), (204, ""));
    let account = made.id();
    let row = world.get(&format!("accounts({account})?$select=_primarycontactid_value")).await.ok().json;
    let contact = row["_primarycontactid_value"].as_str().unwrap().to_owned();
    let primary = world.get(&format!("contacts({contact})?$select=fullname,_parentcustomerid_value")).await.ok().json;
    assert_eq!(primary["fullname"], json!("Ada Quill"));
    let inner = primary["_parentcustomerid_value"].as_str().unwrap();
    assert_eq!(world.get(&format!("accounts({inner})/name")).await.ok().json["value"], json!("Inner"));
    let path = format!("accounts({account})/contact_customer_accounts?$select=lastname&$orderby=lastname");
    assert_eq!(ids(&world, &path, "lastname").await, [json!("One"), json!("Two")]);
    let one = ids(&world, &path, "contactid").await[0].as_str().unwrap().to_owned();
    let deep = world.get(&format!("contacts({one})/account_primary_contact?$select=name")).await.ok();
    assert_eq!(deep.rows().iter().map(|row| &row["name"]).collect::<Vec<_>>(), [&json!("Deep")]);
}

#[tokio::test]
async fn arrays_of_binds_name_rows_that_are_there() {
    let world = World::new().await;
    let contact = async |name: &str| world.post("contacts", json!({ "lastname": name })).await.ok().id();
    let (one, two) = (contact("A").await, contact("B").await);
    let tag = world.get(&format!("contacts({one})")).await.ok().header("etag").to_owned();
    let body = json!({
        "name": "Bindweed",
        "contact_customer_accounts@odata.bind": [format!("/contacts({one})"), format!("{BASE}/contacts({two})")],
        "contact_customer_accounts": [{ "lastname": "C" }],
    });
    let account = world.post("accounts", body).await.ok().id();
    let path = format!("accounts({account})/contact_customer_accounts?$select=lastname&$orderby=lastname");
    assert_eq!(ids(&world, &path, "lastname").await, [json!("A"), json!("B"), json!("C")]);
    assert_ne!(world.get(&format!("contacts({one})")).await.ok().header("etag"), tag);

    let missing = Uuid::from_u128(0x404);
    let accounts = async || ids(&world, "accounts?$select=name", "name").await.len();
    let before = accounts().await;
    let bind = json!([format!("/contacts({one})"), format!("/contacts({missing})")]);
    let body = json!({ "name": "Half", "contact_customer_accounts@odata.bind": bind });
    let refused = world.post("accounts", body).await;
    let message = refused.refused(404, "0x80040217");
    assert!(message.contains(&missing.to_string()) && message.contains("contact_customer_accounts[1]"), "{message}");
    assert_eq!(accounts().await, before, "nothing of it was done");
    assert_eq!(ids(&world, &path, "lastname").await.len(), 3, "and nobody moved");

    for wrong in [json!("/contacts(x)"), json!({}), json!([1]), Value::Null] {
        let body = json!({ "name": "x", "contact_customer_accounts@odata.bind": wrong });
        assert_eq!(world.post("accounts", body).await.status, 400, "{wrong}");
    }
    // Nor does a change take rows with it.
    let path = format!("accounts({account})");
    for body in [
        json!({ "contact_customer_accounts@odata.bind": [format!("/contacts({one})")] }),
        json!({ "contact_customer_accounts": [{ "lastname": "x" }] }),
        json!({ "primarycontactid": { "lastname": "x" } }),
    ] {
        world.patch(&path, body).await.refused(501, "0x80040315");
    }
}

#[tokio::test]
async fn a_row_can_be_made_in_the_collection_that_it_belongs_to() {
    let world = World::new().await;
    let account = world.post("accounts", json!({ "name": "Mill" })).await.ok().id();
    let collection = format!("accounts({account})/contact_customer_accounts");
    let contact = world.post(&collection, json!({ "lastname": "Weir" })).await.ok().id();
    let row = world.get(&format!("contacts({contact})?$select=lastname,_parentcustomerid_value")).await.ok().json;
    assert_eq!((&row["lastname"], &row["_parentcustomerid_value"]), (&json!("Weir"), &json!(account)));

    let body = json!({ "lastname": "Weir", "parentcustomerid_account@odata.bind": format!("/accounts({account})") });
    let twice = world.post(&collection, body).await;
    let message = twice.refused(400, "0x80048d19");
    assert!(message.contains("'parentcustomerid' is given more than one value"), "{message}");
    let missing = Uuid::from_u128(0x405);
    let elsewhere = format!("accounts({missing})/contact_customer_accounts");
    let nowhere = world.post(&elsewhere, json!({ "lastname": "Nowhere" })).await;
    let message = nowhere.refused(404, "0x80040217");
    assert!(message.contains(&missing.to_string()), "{message}");
    let path = "contacts?$select=lastname&$filter=lastname eq 'Weir' or lastname eq 'Nowhere'";
    assert_eq!(ids(&world, path, "lastname").await, [json!("Weir")]);
    let pairs = format!("systemusers({missing})/systemuserroles_association");
    world.post(&pairs, json!({ "name": "Role" })).await.refused(405, "0x80060888");
}

#[tokio::test]
async fn a_row_is_taken_out_of_the_collection_that_it_is_in_and_of_no_other() {
    let world = World::new().await;
    let account = async |name: &str| world.post("accounts", json!({ "name": name })).await.ok().id();
    let (here, elsewhere) = (account("Here").await, account("Elsewhere").await);
    let of = format!("accounts({here})/contact_customer_accounts");
    let contact = world.post(&of, json!({ "lastname": "Weir" })).await.ok().id();
    let path = format!("contacts({contact})?$select=_parentcustomerid_value");
    let customer = async || {
        let reply = world.get(&path).await.ok();
        (reply.json["_parentcustomerid_value"].clone(), reply.header("etag").to_owned())
    };
    let before = customer().await;
    let other = format!("accounts({elsewhere})/contact_customer_accounts({contact})/$ref");
    assert_eq!(world.delete(&other).await.ok().status.as_u16(), 204);
    assert_eq!(customer().await, before);
    let missing = format!("{of}({})/$ref", Uuid::from_u128(0x406));
    world.delete(&missing).await.refused(404, "0x80040217");

    world.delete(&format!("{of}({contact})/$ref")).await.ok();
    assert_eq!(customer().await.0, Value::Null);
    world.post(&format!("{of}/$ref"), json!({ "@odata.id": format!("{BASE}/contacts({contact})") })).await.ok();
    assert_eq!(customer().await.0, json!(here));
    let by_id = format!("{of}/$ref?$id={BASE}/contacts({contact})");
    world.delete(&by_id).await.ok();
    assert_eq!(customer().await.0, Value::Null);
}

#[tokio::test]
async fn a_batch_names_its_rows_in_arrays_too() {
    let world = World::new().await;
    let part = |id: u8, set: &str, body: Value| {
        format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {id}\r\n\r\nPOST \
             {BASE}/{set} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{body}\r\n"
        )
    };
    let contact = part(1, "contacts", json!({ "lastname": "Vane" }));
    let account = part(2, "accounts", json!({ "name": "Weather", "contact_customer_accounts@odata.bind": ["$1"] }));
    let body = format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{contact}{account}--c--\r\n--b--\r\n");
    let request = http::Request::post(format!("{BASE}/$batch"))
        .header("Content-Type", "multipart/mixed; boundary=b")
        .body(bytes::Bytes::from(body))
        .unwrap();
    let response = world.organization.respond(&world.admin, request).await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
    let found = world.get("contacts?$select=_parentcustomerid_value&$filter=lastname eq 'Vane'").await.ok();
    let account = found.rows()[0]["_parentcustomerid_value"].as_str().unwrap();
    assert_eq!(world.get(&format!("accounts({account})/name")).await.ok().json["value"], json!("Weather"));
}

#[tokio::test]
async fn pairs_are_made_with_the_row() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    let body = json!({
        "name": "Night shift",
        "businessunitid@odata.bind": world.root_unit().await,
        "teammembership_association@odata.bind": [format!("/systemusers({user})")],
        "teamroles_association@odata.bind": [format!("/roles({role})")],
    });
    let team = world.post("teams", body).await.ok().id();
    let of = async |path: &str, column| ids(&world, &format!("teams({team})/{path}?$select={column}"), column).await;
    assert_eq!(of("teammembership_association", "systemuserid").await, [json!(user)]);
    assert_eq!(of("teamroles_association", "roleid").await, [json!(role)]);
    let body = json!({ "name": "Day shift", "teammembership_association": [{ "lastname": "x" }] });
    world.post("teams", body).await.refused(501, "0x80040315");
}

#[tokio::test]
async fn every_row_of_the_body_needs_its_own_rights() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let first = [("prvCreateAccount", "Basic"), ("prvAppendToAccount", "Basic"), ("prvReadAccount", "Basic")];
    world.assign(user, world.role("accounts", &first).await).await.ok();
    let body = json!({ "name": "Ours", "contact_customer_accounts": [{ "lastname": "Theirs" }] });
    let post = async |body: &Value| world.send(&caller, Method::POST, "accounts", &[], Some(body.clone())).await;
    for (privilege, role) in
        [("prvCreateContact", "one"), ("prvAppendContact", "two"), ("prvReadContact", "three")].iter().take(2)
    {
        let message = post(&body).await.refused(403, "0x80040220").to_owned();
        assert!(message.contains(privilege), "{message}");
        world.assign(user, world.role(role, &[(privilege, "Basic")]).await).await.ok();
    }
    post(&body).await.ok();
    // A row of somebody else's is not taken along: writing it is asked for, and its reach.
    let theirs = world.post("contacts", json!({ "lastname": "Not ours" })).await.ok().id();
    let bind = json!({ "name": "Ours", "contact_customer_accounts@odata.bind": [format!("/contacts({theirs})")] });
    let message = post(&bind).await.refused(403, "0x80040220").to_owned();
    assert!(message.contains("prvWriteContact"), "{message}");
    world.assign(user, world.role("four", &[("prvWriteContact", "Basic")]).await).await.ok();
    let refused = post(&bind).await;
    let message = refused.refused(403, "0x80048306");
    assert!(message.contains("WriteAccess") && message.ends_with("contact_customer_accounts[0])"), "{message}");
}

#[tokio::test]
async fn bodies_have_bounds() {
    let world = World::new().await;
    let nested = |levels: usize| {
        (0..levels).fold(json!({ "name": "core" }), |inner, level| {
            if level % 2 == 0 {
                json!({ "lastname": "x", "parentcustomerid_account": inner })
            } else {
                json!({ "name": "x", "primarycontactid": inner })
            }
        })
    };
    world.post("accounts", nested(10)).await.ok();
    let message = world.post("accounts", nested(12)).await.refused(400, "0x80060888").to_owned();
    assert!(message.contains("more than 10 deep at 'primarycontactid/"), "{message}");
    let many =
        |rows: usize| json!({ "name": "x", "contact_customer_accounts": vec![json!({ "lastname": "x" }); rows] });
    let message = world.post("accounts", many(1_001)).await.refused(400, "0x80060888").to_owned();
    assert!(message.contains("more than 1000 related rows"), "{message}");
    let made = world.post("accounts", many(200)).await.ok().id();
    let count = world.get(&format!("accounts({made})/contact_customer_accounts/$count")).await.ok();
    assert_eq!(count.text.trim_start_matches('\u{feff}'), "200");
    // Neither a row by reference nor rows of another message hide in a body.
    let by_id = json!({ "name": "x", "primarycontactid": { "@odata.id": format!("contacts({made})") } });
    world.post("accounts", by_id).await.refused(501, "0x80040315");
    let targets = json!({ "Targets": [{
        "@odata.type": "Microsoft.Dynamics.CRM.account", "name": "x", "primarycontactid": { "lastname": "x" },
    }] });
    world.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", targets).await.refused(501, "0x80040315");
}
