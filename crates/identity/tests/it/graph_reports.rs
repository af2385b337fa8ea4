//! Who signed in when.

use serde_json::{Value, json};

use crate::world::{DOMAIN, ORIGIN, World};

const ACTIVITIES: &str = "/beta/reports/servicePrincipalSignInActivities";
const CREDENTIALS: &str = "/beta/reports/appCredentialSignInActivities";
const LOG: &str = "/auditLogs/signIns";
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
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

#[tokio::test]
async fn s08_when_people_signed_in_last_is_told_to_who_asks_and_may() {
    let world = World::new().await;
    let user = world.person("adele").await;
    let of_adele = format!("/v1.0/users/{user}?$select=id,signInActivity,lastPasswordChangeDateTime");
    let never = world.graph("GET", &of_adele, Value::Null).await;
    assert_eq!((never.status, &never.body["signInActivity"]), (200, &Value::Null), "{}", never.body);
    assert_eq!(never.text("/lastPasswordChangeDateTime"), "2026-11-22T09:07:46Z");
    let sign_in = async |form: &[(&str, &str)]| {
        let mut all = vec![("client_id", AZURE_CLI), ("scope", "https://graph.microsoft.com/.default offline_access")];
        all.extend(form);
        world.post(&format!("/{DOMAIN}/oauth2/v2.0/token"), &all).await
    };
    let name = format!("adele@{DOMAIN}");
    let by_password = async |password: &str| {
        sign_in(&[("grant_type", "password"), ("username", &name), ("password", password)]).await
    };
    world.advance_days(1);
    let tokens = by_password("Correct-Horse-1").await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    world.advance_days(1);
    let refreshed = sign_in(&[("grant_type", "refresh_token"), ("refresh_token", tokens.text("/refresh_token"))]).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    world.advance_days(1);
    assert_eq!(by_password("wrong").await.token_error().2, 50_126);
    let found = world.graph("GET", &of_adele, Value::Null).await;
    for (name, moment) in [
        ("lastSignInDateTime", "2026-11-25T09:07:46Z"),
        ("lastNonInteractiveSignInDateTime", "2026-11-24T09:07:46Z"),
        ("lastSuccessfulSignInDateTime", "2026-11-24T09:07:46Z"),
    ] {
        assert_eq!(found.body["signInActivity"][name], moment, "{name}");
    }
    // The failed one is told of her in the log, too.
    let log = world.graph("GET", &format!("/v1.0{LOG}?$filter=userId eq '{user}'"), Value::Null).await;
    assert_eq!(log.body["value"][0]["status"]["errorCode"], 50_126);
    // A new password is told as well.
    let profile = json!({ "password": "Correct-Horse-2", "forceChangePasswordNextSignIn": false });
    let reset = json!({ "passwordProfile": profile });
    assert_eq!(world.graph("PATCH", &format!("/v1.0/users/{user}"), reset).await.status, 204);
    let found = world.graph("GET", &of_adele, Value::Null).await;
    assert_eq!(found.text("/lastPasswordChangeDateTime"), "2026-11-25T09:07:46Z");

    // Only to who asks for it by name, and may read reports.
    let whole = world.graph("GET", &format!("/v1.0/users/{user}"), Value::Null).await;
    assert!(whole.body.get("signInActivity").is_none() && whole.body.get("lastPasswordChangeDateTime").is_none());
    let listed = world.graph("GET", "/v1.0/users?$select=displayName,signInActivity", Value::Null).await;
    let rows = listed.body["value"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["signInActivity"]["lastSignInDateTime"] == "2026-11-25T09:07:46Z"));
    let refused = world.graph_as(&world.person_token(user), "GET", &of_adele, Value::Null).await;
    assert_eq!(refused.graph_error().1, "Authentication_RequestFromUnsupportedUserRole");
    let app = world.application("reader").await;
    let graph = world.principal_of("00000003-0000-0000-c000-000000000000").await;
    let grant = async |role: &str| {
        let body = json!({ "principalId": app.principal, "resourceId": graph, "appRoleId": role });
        let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", app.principal);
        assert_eq!(world.graph("POST", &path, body).await.status, 201);
    };
    grant("7ab1d382-f21e-4acd-a863-ba3e13f7da61").await;
    let token = world.token_of(app.client, &app.secret, GRAPH).await;
    let refused = world.graph_as(&token, "GET", &of_adele, Value::Null).await;
    let message = "Calling principal does not have required MSGraph permissions AuditLog.Read.All";
    assert_eq!(refused.graph_error(), (403, "Authentication_MSGraphPermissionMissing", message));
    grant("b0afded3-3588-46d8-8b3d-9842eff778da").await;
    let token = world.token_of(app.client, &app.secret, GRAPH).await;
    assert_eq!(world.graph_as(&token, "GET", &of_adele, Value::Null).await.status, 200);
}
