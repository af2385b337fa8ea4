//! Values at the edges and bodies of odd shapes: a clear refusal with the service's code, or the value as it was sent.

use bytes::Bytes;
use keyholder_data::SchemaChange;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

async fn raw(world: &World, body: impl Into<Bytes>) -> (u16, String) {
    let request = http::Request::post(format!("{BASE}/accounts")).body(body.into()).unwrap();
    let response = world.organization.respond(&world.admin, request).await;
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
}

#[tokio::test]
async fn odd_bodies_are_refused_in_bounded_time() {
    let world = World::new().await;
    for body in [
        format!("{{\"name\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000)),
        format!("{{\"name\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        format!("{{\"contact_customer_accounts\":[{}]}}", "{},".repeat(50_000).trim_end_matches(',')),
        format!(
            "{{\"contact_customer_accounts@odata.bind\":[{}]}}",
            "\"/contacts(1)\",".repeat(50_000).trim_end_matches(',')
        ),
        "[]".to_owned(),
        "null".to_owned(),
        "{\"name\":\"x\"".to_owned(),
        "{\"name\":\"x\"} more".to_owned(),
        "{\"name\":\"\\ud800\"}".to_owned(),
        String::new(),
    ] {
        let (status, text) = raw(&world, body.clone()).await;
        assert!((400..500).contains(&status), "{status} {text} for {}", body.chars().take(60).collect::<String>());
        assert!(text.contains("\"code\":\"0x8"), "{text}");
    }
    let (status, text) = raw(&world, Bytes::from_static(b"{\"name\":\"\xff\xfe\"}")).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("0x80048d19"), "{text}");
}

#[tokio::test]
async fn values_at_the_edges() {
    let world = World::new().await;
    let refused = [
        ("numberofemployees", json!(-1), "0x8004432f"),
        ("numberofemployees", json!(1_000_000_001), "0x8004432f"),
        ("numberofemployees", json!(2_147_483_648_i64), "0x80048d19"),
        ("numberofemployees", json!(1.5), "0x80048d19"),
        ("address1_latitude", json!(90.1), "0x80044330"),
        ("accountcategorycode", json!(3), "0x8004431a"),
        ("name", json!(7), "0x80048d19"),
        ("donotemail", json!("true"), "0x80048d19"),
        ("lastusedincampaign", json!("1752-12-31T00:00:00Z"), "0x80040239"),
        ("lastusedincampaign", json!("10000-01-01T00:00:00Z"), "0x80048d19"),
        ("lastusedincampaign", json!("2026-02-30T00:00:00Z"), "0x80048d19"),
        ("accountid", json!("not-a-guid"), "0x80048d19"),
    ];
    for (column, value, code) in refused {
        let reply = world.post("accounts", json!({ "name": "x", column: value.clone() })).await;
        let found = reply.json["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((reply.status.as_u16(), found), (400, code), "{column} = {value}: {}", reply.text);
    }
    for number in ["1e400", "-1e400", "99999999999999999999999999", "1e-400"] {
        let (status, text) = raw(&world, format!("{{\"name\":\"x\",\"revenue\":{number}}}")).await;
        assert!(status == 400 || (number == "1e-400" && status == 204), "{number}: {status} {text}");
    }
    let kept = json!({
        "name": "x".repeat(160), "accountid": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "numberofemployees": 1_000_000_000,
        "lastusedincampaign": "9999-12-31T23:59:59Z", "address1_latitude": -90,
    });
    let id = world.post("accounts", kept).await.ok().id();
    assert_eq!(id, Uuid::max());
    let row = world.get(&format!("accounts({id})?$select=lastusedincampaign,numberofemployees")).await.ok().json;
    assert_eq!(row["lastusedincampaign"], json!("9999-12-31T23:59:59Z"));
    assert_eq!(row["numberofemployees"], json!(1_000_000_000));
    world.post("accounts", json!({ "accountid": id, "name": "again" })).await.refused(412, "0x80040237");
}

#[tokio::test]
async fn alternate_keys_name_one_row() {
    let world = World::new().await;
    let key = SchemaChange::AddKey("account".to_owned(), "number_key".to_owned(), vec!["accountnumber".to_owned()]);
    world.organization.change_schema(vec![key]).await.unwrap();
    let number = |number: &str| json!({ "name": "x", "accountnumber": number });
    let first = world.post("accounts", number("A-1")).await.ok().id();
    let second = world.post("accounts", number("A-2")).await.ok().id();
    let message = world.post("accounts", number("a-1")).await.refused(412, "0x80060892").to_owned();
    assert!(
        message.starts_with("Entity Key number_key violated. A record with the same value for Account Number"),
        "{message}"
    );
    world.patch(&format!("accounts({second})"), number("A-1")).await.refused(412, "0x80060892");
    // The row itself keeps its key, and rows without a number are many.
    world.patch(&format!("accounts({first})"), number("A-1")).await.ok();
    for _ in 0..2 {
        world.post("accounts", json!({ "name": "none" })).await.ok();
    }
    // By its key a row is found, bound and made.
    let path = "accounts(accountnumber='A-1')";
    assert_eq!(world.get(&format!("{path}?$select=accountid")).await.ok().json["accountid"], json!(first));
    let bind = json!({ "lastname": "x", "parentcustomerid_account@odata.bind": format!("/{path}") });
    let contact = world.post("contacts", bind).await.ok().id();
    let row = world.get(&format!("contacts({contact})?$select=_parentcustomerid_value")).await.ok().json;
    assert_eq!(row["_parentcustomerid_value"], json!(first));
    let nested = json!({ "name": "y", "contact_customer_accounts": [{
        "lastname": "z", "account_primary_contact@odata.bind": [format!("{BASE}/{path}")],
    }] });
    world.post("accounts", nested).await.ok();
    let row = world.get(&format!("{path}?$select=_primarycontactid_value")).await.ok().json;
    assert_ne!(row["_primarycontactid_value"], Value::Null);
    let made = world.patch("accounts(accountnumber='A-3')", json!({ "name": "new" })).await.ok();
    assert_eq!(world.get(&format!("accounts({})/accountnumber", made.id())).await.ok().json["value"], json!("A-3"));
    world.get("accounts(accountnumber='A-4')").await.refused(404, "0x80060891");
}
