//! Writing: what the org adds to a row, preferences, entity tags, lookups.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

#[tokio::test]
async fn the_org_fills_in_who_when_and_in_which_state() {
    let world = World::new().await;
    let made = world.post("contacts", json!({ "firstname": "Oda", "lastname": "Lindeholm" })).await;
    assert_eq!((made.status.as_u16(), made.text.as_str()), (204, ""));
    assert_eq!(made.header("odata-entityid"), format!("{BASE}/contacts({})", made.id()));
    let path = format!("contacts({})", made.id());
    let row = world.get(&path).await.ok().json;
    assert_eq!(row["fullname"], json!("Oda Lindeholm"));
    for column in ["_ownerid_value", "_owninguser_value", "_createdby_value", "_modifiedby_value"] {
        assert_eq!(row[column], json!(world.admin_user), "{column}");
    }
    assert_eq!((&row["statecode"], &row["statuscode"], &row["donotemail"]), (&json!(0), &json!(1), &json!(false)));
    assert_eq!(
        (&row["createdon"], &row["modifiedon"]),
        (&json!("2026-11-22T09:07:46Z"), &json!("2026-11-22T09:07:46Z"))
    );

    world.advance(60);
    world.patch(&path, json!({ "firstname": "Odette" })).await.ok();
    let after = world.get(&path).await.ok().json;
    assert_eq!(after["fullname"], json!("Odette Lindeholm"));
    assert_eq!(
        (&after["createdon"], &after["modifiedon"]),
        (&json!("2026-11-22T09:07:46Z"), &json!("2026-11-22T09:08:46Z"))
    );
    assert!(after["versionnumber"].as_i64() > row["versionnumber"].as_i64());
    assert_ne!(after["@odata.etag"], row["@odata.etag"]);
}

#[tokio::test]
async fn the_row_is_the_answer_when_preferred() {
    let world = World::new().await;
    let prefer = [("Prefer", "return=representation")];
    let body = json!({ "name": "Yarrowbay", "revenue": 10 });
    let made = world.send(&world.admin, Method::POST, "accounts?$select=name", &prefer, Some(body)).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json["@odata.context"], json!(format!("{BASE}/$metadata#accounts(name)/$entity")));
    assert_eq!(made.header("preference-applied"), "return=representation");
    let path = format!("accounts({})", made.id());
    let changed = world.send(&world.admin, Method::PATCH, &path, &prefer, Some(json!({ "name": "Yarrowby" }))).await;
    assert_eq!((changed.status.as_u16(), &changed.json["name"]), (200, &json!("Yarrowby")));
    assert_eq!(changed.json["revenue"], json!(10));
    assert_eq!(changed.json["revenue_base"], json!(10));
}

#[tokio::test]
async fn amounts_follow_their_currency() {
    let world = World::new().await;
    let body =
        json!({ "currencyname": "Half Dollar", "isocurrencycode": "HDR", "currencysymbol": "h", "exchangerate": 2 });
    let currency = world.post("transactioncurrencies", body).await.ok().id();
    let bind = format!("/transactioncurrencies({currency})");
    let body = json!({ "name": "Umberfield", "revenue": 25, "transactioncurrencyid@odata.bind": bind });
    let account = world.post("accounts", body).await.ok().id();
    let path = format!("accounts({account})");
    let row = world.get(&format!("{path}?$select=revenue,revenue_base,exchangerate")).await.ok().json;
    assert_eq!((&row["revenue"], &row["revenue_base"], &row["exchangerate"]), (&json!(25), &json!(12.5), &json!(2)));
    assert_eq!(row["_transactioncurrencyid_value"], json!(currency));
    world.patch(&path, json!({ "revenue": null })).await.ok();
    let row = world.get(&format!("{path}?$select=revenue,revenue_base")).await.ok().json;
    assert_eq!((&row["revenue"], &row["revenue_base"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn upsert_makes_or_changes_and_conditions_hold_it_back() {
    let world = World::new().await;
    let id = Uuid::from_u128(0x77);
    let path = format!("accounts({id})");
    let send = async |headers: &[(&str, &str)], name: &str| {
        world.send(&world.admin, Method::PATCH, &path, headers, Some(json!({ "name": name }))).await
    };
    assert_eq!(
        send(&[("If-Match", "*")], "a").await.refused(404, "0x80040217"),
        format!("Account With Id = {id} Does Not Exist")
    );
    let made = send(&[("If-None-Match", "*")], "b").await;
    assert_eq!((made.status.as_u16(), made.id()), (204, id));
    assert_eq!(
        send(&[("If-None-Match", "*")], "c").await.refused(412, "0x80040237"),
        "A record with matching key values already exists."
    );
    assert_eq!(send(&[("If-None-Match", "null")], "d").await.status, 204);
    assert_eq!(send(&[("If-Match", "*")], "e").await.status, 204);

    let tag = world.get(&path).await.ok().header("etag").to_owned();
    assert_eq!(send(&[("If-Match", &tag)], "f").await.status, 204);
    let message = "The version of the existing record doesn't match the RowVersion property provided.";
    assert_eq!(send(&[("If-Match", &tag)], "g").await.refused(412, "0x80060882"), message);
    let delete = world.send(&world.admin, Method::DELETE, &path, &[("If-Match", &tag)], None).await;
    assert_eq!(delete.refused(412, "0x80060882"), message);
    assert_eq!(world.get(&path).await.ok().json["name"], json!("f"));
    assert_eq!(world.delete(&path).await.status, 204);
    world.delete(&path).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn a_clients_own_id_is_kept_and_used_once() {
    let world = World::new().await;
    let id = Uuid::from_u128(0x78);
    assert_eq!(world.post("contacts", json!({ "contactid": id, "lastname": "A" })).await.ok().id(), id);
    world.post("contacts", json!({ "contactid": id, "lastname": "B" })).await.refused(412, "0x80040237");
    assert_eq!(world.get(&format!("contacts({id})/lastname")).await.ok().json["value"], json!("A"));
}

#[tokio::test]
async fn lookups_are_bound_cleared_and_checked() {
    let world = World::new().await;
    let account = world.post("accounts", json!({ "name": "Oakenshade" })).await.ok().id();
    let bind =
        |id: Uuid| json!({ "lastname": "Fenn", "parentcustomerid_account@odata.bind": format!("accounts({id})") });
    let contact = world.post("contacts", bind(account)).await.ok().id();
    let path = format!("contacts({contact})");
    let parent = async || {
        world.get(&format!("{path}?$select=_parentcustomerid_value")).await.ok().json["_parentcustomerid_value"].clone()
    };
    assert_eq!(parent().await, json!(account));
    world.patch(&path, json!({ "parentcustomerid_account@odata.bind": null })).await.ok();
    assert_eq!(parent().await, Value::Null);
    let missing = Uuid::from_u128(0x404);
    assert!(world.post("contacts", bind(missing)).await.refused(404, "0x80040217").contains(&missing.to_string()));
    world.patch(&path, bind(account)).await.ok();
    assert_eq!(parent().await, json!(account));
}

#[tokio::test]
async fn state_and_status_go_together() {
    let world = World::new().await;
    let id = world.post("accounts", json!({ "name": "Wexmere" })).await.ok().id();
    let path = format!("accounts({id})");
    world.patch(&path, json!({ "statecode": 1 })).await.ok();
    let row = world.get(&format!("{path}?$select=statecode,statuscode")).await.ok().json;
    assert_eq!((&row["statecode"], &row["statuscode"]), (&json!(1), &json!(2)));
    world.patch(&path, json!({ "statuscode": 1 })).await.refused(400, "0x80048408");
    world.patch(&path, json!({ "statecode": 0, "statuscode": 1 })).await.ok();
}

#[tokio::test]
async fn mistakes_in_bodies_are_the_clients() {
    let world = World::new().await;
    world.post("accounts", json!({ "nope": 1 })).await.refused(400, "0x80048d19");
    world.post("accounts", json!({ "numberofemployees": "many" })).await.refused(400, "0x80048d19");
    world.post("accounts", json!({ "name": "x".repeat(161) })).await.refused(400, "0x80044331");
    world.post("accounts", json!({ "name": "nul\u{0}" })).await.refused(400, "0x80040278");
    world.post("roletemplates", json!({ "name": "x" })).await;
    world.post("organizations", json!({ "name": "x" })).await;
    let bytes = http::Request::post(format!("{BASE}/accounts")).body(bytes::Bytes::from_static(b"{\"name\":")).unwrap();
    assert_eq!(world.organization.respond(&world.admin, bytes).await.status(), 400);
}

#[tokio::test]
async fn a_single_column_is_put_and_cleared() {
    let world = World::new().await;
    let id = world.post("accounts", json!({ "name": "Ravelston", "telephone1": "1" })).await.ok().id();
    let path = format!("accounts({id})/telephone1");
    let put = world.send(&world.admin, Method::PUT, &path, &[], Some(json!({ "value": "+1-201-555-0100" }))).await;
    assert_eq!(put.status, 204);
    assert_eq!(world.get(&path).await.ok().json["value"], json!("+1-201-555-0100"));
    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(world.get(&path).await.status, 204);
}

#[tokio::test]
async fn a_status_that_is_given_must_belong_to_the_state() {
    let world = World::new().await;
    let id = world.post("contacts", json!({ "lastname": "Morn" })).await.ok().id();
    let path = format!("contacts({id})");
    // 1 is the status that the row has, and belongs to the state that it leaves.
    world.patch(&path, json!({ "statecode": 1, "statuscode": 1 })).await.refused(400, "0x80048408");
    world.patch(&path, json!({ "statuscode": 2 })).await.refused(400, "0x80048408");
    world.patch(&path, json!({ "statecode": 0, "statuscode": 2 })).await.refused(400, "0x80048408");
    let states = async || {
        let row = world.get(&format!("{path}?$select=statecode,statuscode")).await.ok().json;
        (row["statecode"].clone(), row["statuscode"].clone())
    };
    assert_eq!(states().await, (json!(0), json!(1)), "nothing of it was done");
    world.patch(&path, json!({ "statecode": 1 })).await.ok();
    assert_eq!(states().await, (json!(1), json!(2)), "a state alone brings its own status");
    world.patch(&path, json!({ "statecode": 0, "statuscode": 1 })).await.ok();
    assert_eq!(states().await, (json!(0), json!(1)));
}

#[tokio::test]
async fn disabled_users_become_no_owners() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    world.assign(user, role).await.ok();
    world.patch(&format!("systemusers({user})"), json!({ "isdisabled": true })).await.ok();
    let body = json!({ "lastname": "Morn", "ownerid@odata.bind": format!("/systemusers({user})") });
    world.post("contacts", body.clone()).await.refused(400, "0x8004022b");
    let id = world.post("contacts", json!({ "lastname": "Morn" })).await.ok().id();
    world.patch(&format!("contacts({id})"), body.clone()).await.refused(400, "0x8004022b");
    world.patch(&format!("systemusers({user})"), json!({ "isdisabled": false })).await.ok();
    world.patch(&format!("contacts({id})"), body).await.ok();
}

#[tokio::test]
async fn a_row_from_elsewhere_keeps_the_day_on_which_it_was_made_there() {
    let world = World::new().await;
    let body = json!({ "lastname": "Quill", "overriddencreatedon": "2011-03-04T05:06:07Z" });
    let contact = world.post("contacts", body.clone()).await.ok().id();
    let row = world.get(&format!("contacts({contact})?$select=createdon,overriddencreatedon")).await.ok().json;
    assert_eq!(row["createdon"], json!("2011-03-04T05:06:07Z"));
    assert_eq!(row["overriddencreatedon"], json!("2026-11-22T09:07:46Z"));
    // Only whoever may say so.
    let (caller, user) = world.application_user(2, "migration").await;
    let send = async || world.send(&caller, Method::POST, "contacts", &[], Some(body.clone())).await;
    world.assign(user, world.role("makes", &[("prvCreateContact", "Basic")]).await).await.ok();
    assert!(send().await.refused(403, "0x80040220").contains("prvOverrideCreatedOnCreatedBy"));
    world.assign(user, world.role("overrides", &[("prvOverrideCreatedOnCreatedBy", "Global")]).await).await.ok();
    send().await.ok();
    // A change says nothing about it.
    world.patch(&format!("contacts({contact})"), json!({ "overriddencreatedon": "2001-01-01T00:00:00Z" })).await.ok();
    let row = world.get(&format!("contacts({contact})?$select=createdon")).await.ok().json;
    assert_eq!(row["createdon"], json!("2011-03-04T05:06:07Z"));
}

#[tokio::test]
async fn a_case_belongs_to_a_customer() {
    let world = World::new().await;
    let message = world.post("incidents", json!({ "title": "Broken" })).await;
    assert_eq!(message.refused(400, "0x80044410"), "You should specify a parent contact or account.");
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let body = json!({ "title": "Broken", "customerid_contact@odata.bind": format!("/contacts({contact})") });
    let case = world.post("incidents", body).await.ok().id();
    let cleared = json!({ "customerid_contact@odata.bind": null });
    world.patch(&format!("incidents({case})"), cleared).await.refused(400, "0x80044410");
    world.patch(&format!("incidents({case})"), json!({ "title": "Mended" })).await.ok();
    world.post("quotes", json!({ "name": "A quote names its customer later" })).await.ok();
}

#[tokio::test]
async fn an_error_tells_more_to_whoever_asks() {
    let world = World::new().await;
    let path = format!("contacts({})", Uuid::from_u128(1));
    let details = async |prefer: &str| {
        let reply = world.send(&world.admin, Method::GET, &path, &[("Prefer", prefer)], None).await;
        reply.refused(404, "0x80040217");
        let id = reply.header("req_id").to_owned();
        (reply.json["error"].as_object().unwrap().clone(), id)
    };
    assert_eq!(details("odata.maxpagesize=5").await.0.len(), 2);
    let (all, id) = details("odata.include-annotations=\"*\"").await;
    assert_eq!(all["@Microsoft.PowerApps.CDS.ErrorDetails.ApiActivityIdKey"], json!(id));
    assert_eq!(all["@Microsoft.PowerApps.CDS.ErrorDetails.ApiExceptionHttpStatusCode"], json!("404"));
    assert_eq!(all["@Microsoft.PowerApps.CDS.InnerError.Message"], all["message"]);
    assert!(all["@Microsoft.PowerApps.CDS.HelpLink"].as_str().unwrap().contains("%3a80040217"));
    assert!(all.contains_key("@Microsoft.PowerApps.CDS.TraceText"));
    let (some, _) = details("odata.include-annotations=\"Microsoft.PowerApps.CDS.ErrorDetails.*\"").await;
    assert!(some.keys().all(|key| !key.starts_with('@') || key.contains("ErrorDetails")), "{some:?}");
    assert!(some.len() > 2);
}
