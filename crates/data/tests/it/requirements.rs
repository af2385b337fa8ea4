//! Rows S10, S13 and S15 of what the project must do, on the local org's side.

use http::Method;
use keyholder_data::RolePolicy;
use serde_json::{Value, json};

use crate::World;

/// S10: no role at first; a custom role with the least privilege; out-of-the-box roles allowed, or refused under
/// the policy of 2016.
#[tokio::test]
async fn s10_security_roles() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    world.get_as(&caller, "contacts?$top=3").await.refused(403, "0x80042f09");
    let role = world.role("orders-sync", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    assert_eq!(world.get_as(&caller, "contacts?$top=3").await.ok().rows().len(), 3);
    let refused = world.send(&caller, Method::POST, "contacts", &[], Some(json!({ "lastname": "x" }))).await;
    assert!(refused.refused(403, "0x80040220").contains("prvCreateContact"));

    let named = async |name: &str| {
        let found = world.get(&format!("roles?$select=roleid&$filter=name eq '{name}'")).await.ok();
        found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()
    };
    for name in ["Salesperson", "System Administrator"] {
        let role = named(name).await;
        world.assign(user, role).await.ok();
        let path = format!("systemusers({user})/systemuserroles_association({role})/$ref");
        world.delete(&path).await.ok();
        world.organization.set_role_policy(RolePolicy::CustomRolesOnly);
        let refused = world.assign(user, role).await;
        let message = refused.refused(400, "0x8004f50f");
        assert!(message.contains(name) && message.contains(&user.to_string()), "{message}");
        world.organization.set_role_policy(RolePolicy::AnyRole);
    }
    world.organization.set_role_policy(RolePolicy::CustomRolesOnly);
    let custom = world.role("another", &[("prvReadAccount", "Basic")]).await;
    world.assign(user, custom).await.ok();
}

/// S13: `contacts?$top=3` with the bearer token, and the JSON or the error.
#[tokio::test]
async fn s13_the_web_api_is_called() {
    let world = World::new().await;
    for version in ["v9.0", "v9.1", "v9.2"] {
        let uri = format!("https://localhost:8443/api/data/{version}/contacts?$top=3");
        let request = http::Request::get(uri).body(bytes::Bytes::new()).unwrap();
        let response = world.organization.respond(&world.admin, request).await;
        assert_eq!(response.status(), 200);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["value"].as_array().unwrap().len(), 3);
        let context = format!("https://localhost:8443/api/data/{version}/$metadata#contacts");
        assert_eq!(body["@odata.context"], json!(context));
    }
    let refused = world.get("contacts?$top=three").await;
    assert_eq!(refused.status, 400);
    assert!(refused.json["error"]["code"].is_string() && refused.json["error"]["message"].is_string());
}

/// S15: what an application makes and changes bears its user's name.
#[tokio::test]
async fn s15_the_application_acts_as_itself() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let held = [("prvCreateContact", "Basic"), ("prvReadContact", "Global"), ("prvWriteContact", "Global")];
    world.assign(user, world.role("orders-sync", &held).await).await.ok();
    let made = world.send(&caller, Method::POST, "contacts", &[], Some(json!({ "lastname": "Quill" }))).await.ok().id();
    let theirs = world.post("contacts", json!({ "lastname": "Vane" })).await.ok().id();
    let path = format!("contacts({theirs})");
    world.send(&caller, Method::PATCH, &path, &[], Some(json!({ "lastname": "Vain" }))).await.ok();
    let by = async |path: &str| {
        let annotated = [("Prefer", "odata.include-annotations=\"*\"")];
        let row = world.send(&world.admin, Method::GET, path, &annotated, None).await.ok().json;
        let name = |column: &str| row[format!("{column}@OData.Community.Display.V1.FormattedValue")].clone();
        (row["_createdby_value"].clone(), row["_modifiedby_value"].clone(), name("_createdby_value"))
    };
    let (created, modified, name) = by(&format!("contacts({made})")).await;
    assert_eq!((created, modified), (json!(user), json!(user)));
    assert_eq!(name, json!("# orders-sync"));
    let (created, modified, _) = by(&path).await;
    assert_eq!((created, modified), (json!(world.admin_user), json!(user)));
}
