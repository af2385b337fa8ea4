//! Application users: columns that fill themselves, columns that are refused, and how they go.

use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::World;
use crate::world::{BASE, TENANT};

#[tokio::test]
async fn columns_fill_themselves_from_the_directory() {
    let world = World::new().await;
    let facts = world.register(2, "orders-sync");
    let body = json!({
        "applicationid": facts.client_id.0,
        "accessmode": 4,
        "isdisabled": false,
        "businessunitid@odata.bind": world.root_unit().await,
    });
    let made = world.post("systemusers", body).await;
    assert_eq!(made.status, 204);
    assert_eq!(made.header("odata-entityid"), format!("{BASE}/systemusers({})", made.id()));
    assert_eq!(made.header("location"), made.header("odata-entityid"));
    let row = world.get(&format!("systemusers({})", made.id())).await.ok().json;
    assert_eq!(row["fullname"], json!("# orders-sync"));
    assert_eq!(row["firstname"], json!("#"));
    assert_eq!(row["applicationid"], json!(facts.client_id.0));
    assert_eq!(row["applicationiduri"], json!("api://orders-sync"));
    assert_eq!(row["azureactivedirectoryobjectid"], json!(facts.service_principal.0));
    assert_eq!(row["domainname"], json!(format!("orders-sync{}@{TENANT}.com", facts.client_id)));
    assert_eq!((&row["accessmode"], &row["isdisabled"], &row["deletedstate"]), (&json!(4), &json!(false), &json!(0)));
    assert_eq!(row["_createdby_value"], json!(world.admin_user));
    assert_eq!(row["createdon"], json!("2026-11-22T09:07:46Z"));
    assert!(world.root_unit().await.contains(row["_businessunitid_value"].as_str().unwrap()));

    // Found as real clients look for it.
    let found =
        world.get(&format!("systemusers?$select=systemuserid&$filter=applicationid eq {}", facts.client_id)).await;
    assert_eq!(found.ok().rows()[0]["systemuserid"], json!(made.id()));
}

#[tokio::test]
async fn the_email_may_be_chosen_and_the_unit_defaults() {
    let world = World::new().await;
    let facts = world.register(2, "orders-sync");
    let body = json!({ "applicationid": facts.client_id.0, "internalemailaddress": "orders@contrast.example.com" });
    let id = world.post("systemusers", body).await.ok().id();
    let row = world.get(&format!("systemusers({id})?$select=internalemailaddress,accessmode")).await.ok().json;
    assert_eq!(row["internalemailaddress"], json!("orders@contrast.example.com"));
    assert_eq!(row["accessmode"], json!(4));
    let teams = world.get(&format!("systemusers({id})/teammembership_association?$select=name,isdefault")).await.ok();
    assert_eq!(teams.rows()[0]["isdefault"], json!(true));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = World::new().await;
    let unknown = Uuid::from_u128(0x404);
    let reply = world.post("systemusers", json!({ "applicationid": unknown })).await;
    let message = reply.refused(reply.status.as_u16(), "0x8004f510");
    assert!(
        message.starts_with(&format!("We didn\u{2019}t find that application ID {unknown} in your Azure")),
        "{message}"
    );
    assert!(reply.status.is_client_error());

    let (_, user) = world.application_user(2, "orders-sync").await;
    let facts = world.register(2, "orders-sync");
    let again = world.post("systemusers", json!({ "applicationid": facts.client_id.0 })).await;
    assert_eq!(
        again.refused(again.status.as_u16(), "0x8004f511"),
        format!("You are attempting to create an Application ID = {} that already exists.", facts.client_id)
    );
    assert!(again.status.is_client_error());

    let path = format!("systemusers({user})");
    let cases = [
        (json!({ "azureactivedirectoryobjectid": Uuid::nil() }), "0x80041d4f"),
        (json!({ "islicensed": true }), "0x80041d4c"),
        (json!({ "issyncwithdirectory": true }), "0x80041d4e"),
        (json!({ "firstname": "Renamed" }), "0x80041d48"),
        (json!({ "domainname": "other@contrast.example.com" }), "0x80041d48"),
        (json!({ "applicationid": Uuid::nil() }), "0x80041d48"),
    ];
    for (body, code) in cases {
        let reply = world.patch(&path, body.clone()).await;
        reply.refused(reply.status.as_u16(), code);
        assert!(reply.status.is_client_error(), "{body}");
    }
    // Clients send the same application id along with the flag.
    let body = json!({ "isdisabled": true, "applicationid": facts.client_id.0 });
    assert_eq!(world.patch(&path, body).await.status, 204);
    world.post("systemusers", json!({ "firstname": "No", "lastname": "Application" })).await.refused(501, "0x80040315");
    let missing = json!({ "applicationid": facts.client_id.0, "businessunitid@odata.bind": format!("/businessunits({unknown})") });
    world.post("systemusers", missing).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn deleting_takes_two_steps_and_only_from_disabled_users() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("reader", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    let path = format!("systemusers({user})");

    let active = world.delete(&path).await;
    assert!(active.status.is_client_error());
    assert!(active.json["error"]["message"].as_str().unwrap().contains("is not disabled"), "{}", active.text);

    world.patch(&path, json!({ "isdisabled": true })).await.ok();
    assert_eq!(world.delete(&path).await.status, 204);
    let row = world.get(&format!("{path}?$select=deletedstate,isdisabled")).await.ok().json;
    assert_eq!((&row["deletedstate"], &row["isdisabled"]), (&json!(1), &json!(true)));
    assert!(world.get(&format!("{path}/systemuserroles_association")).await.ok().rows().is_empty());
    assert!(world.get(&format!("{path}/teammembership_association")).await.ok().rows().is_empty());

    // The soft-deleted row holds the key.
    let body = json!({ "applicationid": caller.client.0 });
    assert_eq!(
        world.post("systemusers", body.clone()).await.refused(412, "0x80040237"),
        "A record with matching key values already exists."
    );
    world.patch(&path, json!({ "isdisabled": false })).await.refused(400, "0x80041d48");

    assert_eq!(world.delete(&path).await.status, 204);
    assert_eq!(
        world.get(&path).await.refused(404, "0x80040217"),
        format!("SystemUser With Id = {user} Does Not Exist")
    );
    world.delete(&path).await.refused(404, "0x80040217");
    assert_ne!(world.post("systemusers", body).await.ok().id(), user);
}

#[tokio::test]
async fn a_user_who_owns_rows_cannot_be_deleted_for_good() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("maker", &[("prvCreateAccount", "Basic")]).await;
    world.assign(user, role).await.ok();
    let made = world.send(&caller, Method::POST, "accounts", &[], Some(json!({ "name": "Own" }))).await.ok().id();
    let path = format!("systemusers({user})");
    world.patch(&path, json!({ "isdisabled": true })).await.ok();
    world.delete(&path).await.ok();
    world.delete(&path).await.refused(405, "0x80040227");
    let admin = json!({ "ownerid@odata.bind": format!("/systemusers({})", world.admin_user) });
    world.patch(&format!("accounts({made})"), admin).await.ok();
    world.delete(&path).await.ok();
}

#[tokio::test]
async fn system_is_nobodys_to_change() {
    let world = World::new().await;
    let found = world.get("systemusers?$filter=fullname eq 'system'&$select=systemuserid").await.ok();
    let path = format!("systemusers({})", found.rows()[0]["systemuserid"].as_str().unwrap());
    world.patch(&path, json!({ "isdisabled": false })).await.refused(403, "0x80041d33");
    world.delete(&path).await.refused(403, "0x80041d33");
}

#[tokio::test]
async fn making_users_needs_the_privilege() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("reader", &[("prvReadUser", "Global")]).await;
    world.assign(user, role).await.ok();
    // Whether the application is there is not told to those who may not make users.
    for id in [world.register(3, "third").client_id.0, Uuid::from_u128(0x404)] {
        let reply = world.send(&caller, Method::POST, "systemusers", &[], Some(json!({ "applicationid": id }))).await;
        assert!(reply.refused(403, "0x80040220").contains("prvCreateUser"));
    }
}
