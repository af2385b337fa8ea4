//! Who signed in when.

use serde_json::{Value, json};

use crate::world::{ORIGIN, World};

const ACTIVITIES: &str = "/beta/reports/servicePrincipalSignInActivities";
const CREDENTIALS: &str = "/beta/reports/appCredentialSignInActivities";
const LOG: &str = "/auditLogs/signIns";
const GRAPH: &str = "https://graph.microsoft.com/.default";

#[tokio::test]
async fn s08_the_use_of_principals_and_credentials_is_reported() {
    let world = World::new().await;
    let (used, idle) = (world.application("used").await, world.application("idle").await);
    let none = world.graph("GET", &format!("{ACTIVITIES}?$filter=appId eq '{}'", used.client), Value::Null).await;
    assert_eq!((none.status, &none.body["value"]), (200, &json!([])), "{}", none.body);
    world.advance_days(3);
    world.token_of(used.client, &used.secret, GRAPH).await;
    let found = world.graph("GET", &format!("{ACTIVITIES}?$filter=appId eq '{}'", used.client), Value::Null).await;
    let row = &found.body["value"][0];
    assert_eq!(row["applicationAuthenticationClientSignInActivity"]["lastSignInDateTime"], "2026-11-25T09:07:46Z");
    assert_eq!(row["lastSignInActivity"]["lastSignInDateTime"], "2026-11-25T09:07:46Z");
    assert_eq!(row["delegatedClientSignInActivity"], Value::Null);
    let all = world.graph("GET", ACTIVITIES, Value::Null).await;
    let clients: Vec<_> = all.body["value"].as_array().unwrap().iter().map(|row| row["appId"].clone()).collect();
    assert!(!clients.contains(&json!(idle.client)), "what was never used has no row");

    let by_key = format!("{CREDENTIALS}?$filter=appId eq '{}'", used.client);
    let found = world.graph("GET", &by_key, Value::Null).await;
    let row = &found.body["value"][0];
    assert_eq!((&row["keyType"], &row["credentialOrigin"]), (&json!("clientSecret"), &json!("application")));
    assert_eq!((&row["appObjectId"], &row["servicePrincipalObjectId"]), (&json!(used.id), &json!(used.principal)));
    assert_eq!(row["signInActivity"]["lastSignInDateTime"], "2026-11-25T09:07:46Z");
    assert_eq!(row["expirationDateTime"], "2028-11-21T09:07:46Z");
    let remove = json!({ "keyId": row["keyId"] });
    let path = format!("/v1.0/applications/{}/removePassword", used.id);
    assert_eq!(world.graph("POST", &path, remove).await.status, 204);
    assert_eq!(world.graph("GET", &by_key, Value::Null).await.body["value"], json!([]));
    assert_eq!(world.graph("GET", "/v1.0/reports/servicePrincipalSignInActivities", Value::Null).await.status, 400);
}

#[tokio::test]
async fn the_log_has_every_sign_in_and_every_failure() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    world.token_of(app.client, &app.secret, GRAPH).await;
    assert_eq!(world.token(&app.client.to_string(), "wrong", GRAPH).await.status, 401);
    let people = world.graph("GET", &format!("/v1.0{LOG}"), Value::Null).await;
    assert_eq!((people.status, &people.body["value"]), (200, &json!([])), "applications only when they are asked for");
    let kind = "signInEventTypes/any(t:t eq 'servicePrincipal')";
    let found =
        world.graph("GET", &format!("/beta{LOG}?$filter={kind} and appId eq '{}'", app.client), Value::Null).await;
    let errors: Vec<_> =
        found.body["value"].as_array().unwrap().iter().map(|row| row["status"]["errorCode"].clone()).collect();
    assert_eq!(errors, [json!(7_000_215), json!(0)], "the newest first");
    let good = &found.body["value"][1];
    assert_eq!((&good["servicePrincipalId"], &good["appDisplayName"]), (&json!(app.principal), &json!("orders-sync")));
    assert_eq!(
        (&good["resourceDisplayName"], &good["clientCredentialType"]),
        (&json!("Microsoft Graph"), &json!("clientSecret"))
    );
    let failed = format!(
        "/beta{LOG}?$filter={kind} and status/errorCode eq 7000215 and createdDateTime ge 2026-11-22T00:00:00Z"
    );
    assert_eq!(world.graph("GET", &failed, Value::Null).await.body["value"].as_array().unwrap().len(), 1);

    let mut path = format!("/beta{LOG}?$filter={kind}&$top=1");
    let mut seen = 0;
    loop {
        let page = world.graph("GET", &path, Value::Null).await;
        seen += page.body["value"].as_array().unwrap().len();
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => path = next.strip_prefix(ORIGIN).unwrap().to_owned(),
            None => break,
        }
    }
    assert!(seen >= 3, "the administrator's own sign-ins too: {seen}");
}
