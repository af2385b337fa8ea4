//! The service that lists a caller's orgs.

use keyholder_testkit::{Answer, World};
use serde_json::json;

use crate::control;

async fn ask(world: &World, token: &str, query: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    world.ask("GET", &format!("/api/discovery/v2.0/Instances{query}"), &[("authorization", &bearer)], "").await
}

#[tokio::test]
async fn s22_the_orgs_that_a_caller_is_a_user_of_are_listed() {
    let world = World::start().await;
    let made = control(&world, "POST", "orgs", json!({"name": "Second", "tenant": world.tenant()})).await;
    let second = made.body["url"].as_str().unwrap().to_owned();
    let token = world.admin_token().await;
    let all = ask(&world, &token, "").await;
    assert_eq!(all.status, 200, "{}", all.text);
    let urls: Vec<_> = all.body["value"].as_array().unwrap().iter().map(|row| row["Url"].as_str().unwrap()).collect();
    assert_eq!(urls, [world.origin(), second.clone()]);
    let first = &all.body["value"][0];
    assert_eq!(
        (&first["IsUserSysAdmin"], &first["State"], &first["TenantId"]),
        (&json!(true), &json!(0), &json!(world.tenant()))
    );

    let some = ask(&world, &token, "?$select=ApiUrl,FriendlyName&$filter=FriendlyName eq 'Second'").await;
    assert_eq!(some.body["value"], json!([{"ApiUrl": second, "FriendlyName": "Second"}]));
    assert!(some.body["@odata.context"].as_str().unwrap().ends_with("$metadata#Instances(ApiUrl,FriendlyName)"));
    let id = first["Id"].as_str().unwrap();
    for key in [format!("({id})"), format!("(UniqueName='{}')", first["UniqueName"].as_str().unwrap())] {
        let one = ask(&world, &token, &key).await;
        assert_eq!(one.body["value"].as_array().map(Vec::len), Some(1), "{key}: {}", one.text);
    }
}

#[tokio::test]
async fn strangers_get_an_empty_list_and_the_unknown_a_challenge() {
    let world = World::start().await;
    let challenge = world.ask("GET", "/api/discovery/v2.0/Instances", &[], "").await;
    assert_eq!(challenge.status, 401);
    let expected = format!(
        "Bearer authorization_uri={}/common/oauth2/authorize, resource_id=https://globaldisco.crm.dynamics.com/",
        world.origin()
    );
    assert_eq!(challenge.header("www-authenticate"), expected);

    let admin = world.admin_token().await;
    let made = world.graph(&admin, "POST", "applications", Some(&json!({"displayName": "stranger"}))).await;
    let (id, client) = (made.body["id"].as_str().unwrap(), made.body["appId"].as_str().unwrap());
    world.graph(&admin, "POST", "servicePrincipals", Some(&json!({"appId": client}))).await;
    let secret = world.graph(&admin, "POST", &format!("applications/{id}/addPassword"), Some(&json!({}))).await;
    let secret = secret.body["secretText"].as_str().unwrap().to_owned().into();
    let token = world.token(client, &secret, &world.origin()).await;
    assert_eq!(ask(&world, &token, "").await.body["value"], json!([]));
}

#[tokio::test]
async fn what_the_list_does_not_understand_is_refused_by_name() {
    let world = World::start().await;
    let token = world.admin_token().await;
    for (query, status) in [
        ("?$filter=", 400),
        ("?$filter=Colour eq 'red'", 400),
        ("?$select=Colour", 400),
        ("?$top=1", 400),
        ("(x=1)", 400),
        ("/$count", 404),
    ] {
        let refused = ask(&world, &token, query).await;
        assert_eq!(refused.status, status, "{query}: {}", refused.text);
        assert!(refused.code().starts_with("0x"), "{query}: {}", refused.text);
    }
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(world.ask("POST", "/api/discovery/v2.0/Instances", &headers, "{}").await.status, 405);
    assert_eq!(world.ask("GET", "/api/discovery/v9.0/Instances", &headers, "").await.status, 404);
}
