//! Callers who act in the name of other users.

use http::Method;
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Reply, World};

const ACT: (&str, &str) = ("prvActOnBehalfOfAnotherUser", "Global");

/// An application with a role of its own.
async fn application(world: &World, number: u128, privileges: &[(&str, &str)]) -> (TokenFacts, Uuid) {
    let (token, user) = world.application_user(number, &format!("application {number}")).await;
    let role = world.role(&format!("role {number}"), privileges).await;
    world.assign(user, role).await.ok();
    (token, user)
}

async fn ask(world: &World, caller: &TokenFacts, header: (&str, String), path: &str, body: Option<Value>) -> Reply {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    world.send(caller, method, path, &[(header.0, &header.1)], body).await
}

#[tokio::test]
async fn s15_rows_bear_both_names() {
    let world = World::new().await;
    let all = [ACT, ("prvCreateContact", "Global"), ("prvReadContact", "Global")];
    let (caller, calling_user) = application(&world, 11, &all).await;
    let (_, other) = application(&world, 12, &all[1..]).await;
    for header in
        [("MSCRMCallerID", format!("{{{other}}}")), ("CallerObjectId", Uuid::from_u128(0xd000 + 12).to_string())]
    {
        let made = ask(&world, &caller, header, "contacts", Some(json!({"lastname": "Impersonated"}))).await.ok();
        let path = format!(
            "contacts({})?$select=_createdby_value,_createdonbehalfby_value,_ownerid_value,_modifiedonbehalfby_value",
            made.id()
        );
        let row = world.get(&path).await.ok().json;
        assert_eq!(
            (&row["_createdby_value"], &row["_createdonbehalfby_value"], &row["_modifiedonbehalfby_value"]),
            (&json!(other), &json!(calling_user), &json!(calling_user))
        );
        assert_eq!(row["_ownerid_value"], json!(other));
        // Whoever changes the row as themselves leaves no second name on the change.
        world.patch(&format!("contacts({})", made.id()), json!({"firstname": "Ida"})).await.ok();
        let row = world.get(&path).await.ok().json;
        assert_eq!(row["_modifiedonbehalfby_value"], Value::Null);
        assert_eq!(row["_createdonbehalfby_value"], json!(calling_user));
    }
    let me = ask(&world, &caller, ("MSCRMCallerID", other.to_string()), "WhoAmI", None).await.ok();
    assert_eq!(me.json["UserId"], json!(other));
}

#[tokio::test]
async fn only_what_both_may_is_allowed_and_only_what_both_reach_is_seen() {
    let world = World::new().await;
    let (caller, user) =
        application(&world, 21, &[ACT, ("prvReadContact", "Basic"), ("prvReadAccount", "Global")]).await;
    let (theirs, other) = application(&world, 22, &[("prvReadContact", "Basic"), ("prvCreateContact", "Basic")]).await;
    world.send(&theirs, Method::POST, "contacts", &[], Some(json!({"lastname": "Theirs"}))).await.ok();
    let acting = || ("MSCRMCallerID", other.to_string());
    // Each alone reaches one's own rows; no row belongs to both.
    let seen = world.get_as(&theirs, "contacts?$select=lastname").await.ok();
    assert_eq!(seen.rows().len(), 1);
    let seen = ask(&world, &caller, acting(), "contacts?$select=lastname", None).await.ok();
    assert!(seen.rows().is_empty(), "{}", seen.text);
    // One may and the other may not, either way round.
    let said = ask(&world, &caller, acting(), "contacts", Some(json!({"lastname": "x"}))).await;
    assert!(said.refused(403, "0x80040220").contains("prvCreateContact"), "{}", said.text);
    let said = ask(&world, &caller, acting(), "accounts", None).await;
    assert!(said.refused(403, "0x80040220").contains(&other.to_string()), "{}", said.text);
    // And with a right that reaches everything, the other's reach counts.
    let (wide, _) = application(&world, 23, &[ACT, ("prvReadContact", "Global")]).await;
    let seen = ask(&world, &wide, acting(), "contacts?$select=lastname", None).await.ok();
    assert_eq!(seen.rows()[0]["lastname"], "Theirs");
    assert_eq!(seen.rows().len(), 1);
    // In one's own name it is as without the header.
    ask(&world, &caller, ("MSCRMCallerID", user.to_string()), "accounts?$top=1", None).await.ok();
}

#[tokio::test]
async fn who_may_not_act_for_others_or_for_nobody_there_is_refused() {
    let world = World::new().await;
    let (caller, _) = application(&world, 31, &[("prvReadContact", "Global")]).await;
    let (allowed, _) = application(&world, 32, &[ACT, ("prvReadContact", "Global")]).await;
    let (_, other) = application(&world, 33, &[("prvReadContact", "Global")]).await;
    for nobody in [other, Uuid::from_u128(0xbeef)] {
        let said = ask(&world, &caller, ("MSCRMCallerID", nobody.to_string()), "contacts", None).await;
        assert_eq!(said.refused(403, "0x8004a110"), "User does not have the privilege to act on behalf another user.");
    }
    let said = ask(&world, &allowed, ("CallerObjectId", Uuid::from_u128(0xbeef).to_string()), "contacts", None).await;
    said.refused(403, "0x80072560");
    let said = ask(&world, &allowed, ("MSCRMCallerID", "me".to_owned()), "contacts", None).await;
    assert!(said.refused(400, "0x80060888").contains("MSCRMCallerID"), "{}", said.text);
    let both = [("MSCRMCallerID", &*other.to_string()), ("CallerObjectId", &*other.to_string())];
    world.send(&allowed, Method::GET, "contacts", &both, None).await.refused(400, "0x80060888");
    // Taken away, it is over with the next request; and so is acting for somebody who was disabled.
    ask(&world, &allowed, ("MSCRMCallerID", other.to_string()), "contacts?$top=1", None).await.ok();
    world.patch(&format!("systemusers({other})"), json!({"isdisabled": true})).await.ok();
    let said = ask(&world, &allowed, ("MSCRMCallerID", other.to_string()), "contacts?$top=1", None).await;
    assert_eq!(said.status, 403, "{}", said.text);
}

#[tokio::test]
async fn a_batch_in_anothers_name_is_so_in_all_its_requests() {
    let world = World::new().await;
    let (caller, _) = application(&world, 41, &[ACT, ("prvReadContact", "Global"), ("prvReadAccount", "Global")]).await;
    let (_, other) = application(&world, 42, &[("prvReadContact", "Global")]).await;
    let part =
        |header: &str| format!("--b\r\nContent-Type: application/http\r\n\r\nGET WhoAmI HTTP/1.1\r\n{header}\r\n\r\n");
    let own = Uuid::from_u128(0xd000 + 41);
    let body = format!("{}{}--b--\r\n", part(""), part(&format!("CallerObjectId: {own}\r\n")));
    let request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("{}/$batch", crate::world::BASE))
        .header("Content-Type", "multipart/mixed; boundary=b")
        .header("MSCRMCallerID", other.to_string());
    let response = world.organization.respond(&caller, request.body(body.into()).unwrap()).await;
    let text = String::from_utf8(response.into_body().to_vec()).unwrap();
    assert_eq!(text.matches(&format!("\"UserId\":\"{other}\"")).count(), 1, "{text}");
    assert_eq!(text.matches("\"UserId\":").count(), 2, "{text}");
}

#[tokio::test]
async fn s18_a_partners_administrator_stays_one_in_anothers_name() {
    let world = World::new().await;
    let partner = TokenFacts { app_only: false, delegated: true, ..world.admin };
    let facts = world.register(51, "service");
    let body = || json!({"applicationid": facts.client_id.0, "accessmode": 4});
    world.send(&partner, Method::POST, "systemusers", &[], Some(body())).await.refused(403, "0x80040220");
    let said =
        ask(&world, &partner, ("MSCRMCallerID", world.admin_user.to_string()), "systemusers", Some(body())).await;
    said.refused(403, "0x80040220");
    // In the same name and without that rule it would be done.
    ask(&world, &world.admin, ("MSCRMCallerID", world.admin_user.to_string()), "systemusers", Some(body())).await.ok();
}
