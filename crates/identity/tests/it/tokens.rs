//! Client credentials: the token, and every way of not getting one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use keyholder_identity::CallerAddress;
use serde_json::{Value, json};

use crate::world::{DOMAIN, FORM, ORG, ORIGIN, START, World};

/// An endpoint, what is sent there, and the error that comes back.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, (u16, &'static str, u64));

const JWT: (&str, &str) = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// The claims of a token as a library that is not ours reads them, by the published keys.
async fn claims(world: &World, token: &str, audience: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(world.get("/common/discovery/keys").await.body).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    assert_eq!(header.x5t, header.kid);
    let key = keys.find(header.kid.as_deref().unwrap()).expect("the token's key is published");
    let mut validation = Validation::new(Algorithm::RS256);
    // Our clock is not the machine's.
    validation.validate_exp = false;
    validation.set_audience(&[audience]);
    validation.set_issuer(&[format!("https://sts.windows.net/{}/", world.tenant)]);
    jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[tokio::test]
async fn a_token_is_signed_and_says_what_the_real_one_says() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let answer = world.token(&app.client.to_string(), app.secret.expose(), &format!("{ORG}/.default")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["expires_in"], json!(3599));
    assert_eq!(answer.body["ext_expires_in"], json!(3599));
    assert_eq!(answer.text("/token_type"), "Bearer");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    let mut claims = claims(&world, answer.text("/access_token"), ORG).await;
    for opaque in ["uti", "aio", "rh"] {
        let value = claims.as_object_mut().unwrap().shift_remove(opaque).unwrap();
        assert!(value.as_str().unwrap().len() >= 22, "{opaque}");
    }
    let issuer = format!("https://sts.windows.net/{}/", world.tenant);
    let expected = json!({
        "aud": ORG,
        "iss": issuer,
        "iat": START - 300,
        "nbf": START - 300,
        "exp": START + 3600,
        "app_displayname": "orders-sync",
        "appid": app.client,
        "appidacr": "1",
        "idp": issuer,
        "idtyp": "app",
        "oid": app.principal,
        "sub": app.principal,
        "tid": world.tenant,
        "ver": "1.0",
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn the_v1_endpoint_answers_in_strings() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let id = app.client.to_string();
    let resource = format!("{ORG}/");
    let form = [GRANT, ("client_id", &id), ("client_secret", app.secret.expose()), ("resource", &resource)];
    let answer = world.post(&format!("/{}/oauth2/token?client-request-id=x", world.tenant), &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.text("/expires_in"), "3599");
    assert_eq!(answer.text("/ext_expires_in"), "3599");
    assert_eq!(answer.text("/expires_on"), (START + 3600).to_string());
    assert_eq!(answer.text("/not_before"), (START - 300).to_string());
    assert_eq!(answer.text("/resource"), resource);
    let claims = claims(&world, answer.text("/access_token"), &resource).await;
    assert_eq!(claims["ver"], "1.0");
}

#[tokio::test]
async fn every_token_is_a_new_one() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        assert!(seen.insert(world.token_of(app.client, &app.secret, &format!("{ORG}/.default")).await));
    }
}

#[tokio::test]
async fn the_tenant_may_be_named_in_four_ways() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let id = app.client.to_string().to_uppercase();
    let scope = format!("{ORG}/.default");
    let form = [GRANT, ("client_id", &id), ("client_secret", app.secret.expose()), ("scope", &scope)];
    let upper = world.tenant.to_string().to_uppercase();
    for tenant in [DOMAIN, "Contoso.EXAMPLE", "common", "organizations", upper.as_str()] {
        let answer = world.post(&format!("/{tenant}/oauth2/v2.0/token"), &form).await;
        assert_eq!(answer.status, 200, "{tenant}: {}", answer.body);
        let claims = claims(&world, answer.text("/access_token"), ORG).await;
        assert_eq!(claims["tid"], json!(world.tenant));
    }
}

#[tokio::test]
async fn the_audience_is_the_resource_as_asked() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    for (scope, audience) in [
        (format!("{ORG}/.default"), ORG.to_owned()),
        (format!("{ORG}//.default"), format!("{ORG}/")),
        (format!("{ORIGIN}/.default"), ORIGIN.to_owned()),
        (format!("{ORIGIN}//.default"), format!("{ORIGIN}/")),
        ("https://graph.microsoft.com/.default".to_owned(), "https://graph.microsoft.com".to_owned()),
        ("00000003-0000-0000-c000-000000000000/.default".to_owned(), "00000003-0000-0000-c000-000000000000".to_owned()),
    ] {
        let token = world.token_of(app.client, &app.secret, &scope).await;
        assert_eq!(claims(&world, &token, &audience).await["aud"], json!(audience));
    }
}

#[tokio::test]
async fn credentials_may_come_in_the_header() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", app.client, encode(app.secret.expose()));
    let request = Request::post(format!("/{}/oauth2/v2.0/token", world.tenant))
        .header("content-type", format!("{FORM};charset=utf-8"))
        .header("authorization", format!("Basic {}", STANDARD.encode(pair)))
        .body(Bytes::from(format!("grant_type=client_credentials&scope={ORG}/.default")))
        .unwrap();
    assert_eq!(world.login(request).await.status, 200);
}

#[tokio::test]
async fn an_application_without_a_service_principal_is_told_so_once_it_proved_itself() {
    let world = World::new().await;
    let made = world.graph("POST", "/v1.0/applications", json!({ "displayName": "bare" })).await;
    let secret = world.add_secret(made.text("/id").parse().unwrap(), json!({})).await;
    let (id, scope) = (made.text("/appId"), format!("{ORG}/.default"));
    assert_eq!(world.token(id, "wrong", &scope).await.token_error(), (401, "invalid_client", 7_000_215));
    let refused = world.token(id, secret.expose(), &scope).await;
    assert_eq!(refused.token_error(), (401, "invalid_client", 7_000_229));
    assert_eq!(world.graph("POST", "/v1.0/servicePrincipals", json!({ "appId": id })).await.status, 201);
    assert_eq!(world.token(id, secret.expose(), &scope).await.status, 200);
}

#[tokio::test]
async fn a_wrong_secret_and_an_expired_one_are_told_apart() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let id = app.client.to_string();
    let scope = format!("{ORG}/.default");
    let until = |days: i64| {
        let end = keyholder_foundation::Timestamp::from_unix_seconds(START + days * 86_400);
        json!({ "displayName": "short", "endDateTime": end.to_string() })
    };
    let short = world.add_secret(app.id, until(30)).await;

    assert_eq!(world.token(&id, "wrong", &scope).await.token_error(), (401, "invalid_client", 7_000_215));
    assert_eq!(world.token(&id, short.expose(), &scope).await.status, 200);
    world.advance_days(30);
    assert_eq!(world.token(&id, short.expose(), &scope).await.token_error(), (401, "invalid_client", 7_000_222));
    assert_eq!(world.token(&id, app.secret.expose(), &scope).await.status, 200, "the other secret lives on");
    assert_eq!(world.token(&id, "wrong", &scope).await.token_error(), (401, "invalid_client", 7_000_215));
    world.advance_days(701);
    assert_eq!(world.token(&id, app.secret.expose(), &scope).await.token_error(), (401, "invalid_client", 7_000_222));
    // When none could still be good, that is what is said.
    assert_eq!(world.token(&id, "wrong", &scope).await.token_error(), (401, "invalid_client", 7_000_222));
}

#[tokio::test]
async fn a_secret_works_from_its_start_and_until_it_is_removed() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let id = app.client.to_string();
    let scope = format!("{ORG}/.default");
    let start = keyholder_foundation::Timestamp::from_unix_seconds(START + 86_400);
    let later = world.add_secret(app.id, json!({ "startDateTime": start.to_string() })).await;
    assert_eq!(world.token(&id, later.expose(), &scope).await.token_error().2, 7_000_215);
    world.advance_days(1);
    assert_eq!(world.token(&id, later.expose(), &scope).await.status, 200);

    let path = format!("/v1.0/applications/{}", app.id);
    let found = world.graph("GET", &path, Value::Null).await;
    let newest = found.text("/passwordCredentials/0/keyId");
    let removed = world.graph("POST", &format!("{path}/removePassword"), json!({ "keyId": newest })).await;
    assert_eq!(removed.status, 204);
    assert_eq!(world.token(&id, later.expose(), &scope).await.token_error().2, 7_000_215);
    assert_eq!(world.token(&id, app.secret.expose(), &scope).await.status, 200);
}

#[tokio::test]
async fn a_disabled_or_deleted_application_gets_no_token() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let id = app.client.to_string();
    let scope = format!("{ORG}/.default");
    let principal = format!("/v1.0/servicePrincipals/{}", app.principal);
    assert_eq!(world.graph("PATCH", &principal, json!({ "accountEnabled": false })).await.status, 204);
    let refused = world.token(&id, app.secret.expose(), &scope).await;
    assert_eq!(refused.token_error(), (400, "unauthorized_client", 7_000_112));
    assert!(refused.text("/error_description").contains(&format!("Application '{id}'(orders-sync) is disabled.")));
    assert_eq!(world.graph("PATCH", &principal, json!({ "accountEnabled": true })).await.status, 204);
    assert_eq!(world.token(&id, app.secret.expose(), &scope).await.status, 200);
    assert_eq!(world.graph("DELETE", &format!("/v1.0/applications/{}", app.id), Value::Null).await.status, 204);
    let gone = world.token(&id, app.secret.expose(), &scope).await;
    assert_eq!(gone.token_error(), (400, "unauthorized_client", 700_016));
    assert_eq!(world.graph("GET", &principal, Value::Null).await.status, 404, "its service principal went with it");
}

#[tokio::test]
async fn each_mistake_has_its_number() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let (id, secret) = (app.client.to_string(), app.secret.expose());
    let scope = format!("{ORG}/.default");
    let two = format!("{ORG}/.default https://graph.microsoft.com/.default");
    let v2 = format!("/{}/oauth2/v2.0/token", world.tenant);
    let v1 = format!("/{}/oauth2/token", world.tenant);
    let stranger = "99999999-9999-9999-9999-999999999999";
    let long = "s".repeat(1025);
    let (id, scope) = (("client_id", id.as_str()), ("scope", scope.as_str()));
    let key = ("client_secret", secret);
    #[rustfmt::skip]
    let cases: Vec<Case<'_>> = vec![
        (&v2, vec![], (400, "invalid_request", 900_144)),
        (&v2, vec![("grant_type", "")], (400, "invalid_request", 900_144)),
        (&v2, vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), id, key, scope], (400, "unsupported_grant_type", 70_003)),
        (&v2, vec![("grant_type", "password"), id, key, scope], (400, "invalid_request", 900_144)),
        (&v2, vec![("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), id], (400, "invalid_request", 900_144)),
        (&v2, vec![("grant_type", "authorization_code"), id, key], (400, "invalid_request", 900_144)),
        (&v2, vec![("grant_type", "refresh_token"), id, key], (400, "invalid_request", 900_144)),
        (&v2, vec![GRANT, key, scope], (400, "invalid_request", 900_144)),
        (&v2, vec![GRANT, id, key], (400, "invalid_request", 900_144)),
        (&v1, vec![GRANT, id, key, scope], (400, "invalid_request", 900_144)),
        (&v2, vec![GRANT, id, key, scope, ("resource", ORG)], (400, "invalid_request", 901_002)),
        (&v2, vec![GRANT, ("client_id", stranger), key, scope], (400, "unauthorized_client", 700_016)),
        (&v2, vec![GRANT, ("client_id", "not-an-id"), key, scope], (400, "unauthorized_client", 700_016)),
        (&v2, vec![GRANT, id, scope], (401, "invalid_client", 7_000_216)),
        (&v2, vec![GRANT, id, scope, ("client_secret", "")], (401, "invalid_client", 7_000_218)),
        (&v2, vec![GRANT, id, scope, ("client_assertion", "a.b.c")], (400, "invalid_request", 900_144)),
        (&v2, vec![GRANT, id, scope, ("client_assertion", "a.b.c"), ("client_assertion_type", "x")], (400, "invalid_request", 9_002_313)),
        (&v2, vec![GRANT, id, scope, ("client_assertion", "a.b.c"), JWT], (401, "invalid_client", 50_027)),
        (&v2, vec![GRANT, id, scope, ("client_secret", "wrong")], (401, "invalid_client", 7_000_215)),
        (&v2, vec![GRANT, id, ("client_secret", "wrong"), ("scope", "nonsense")], (401, "invalid_client", 7_000_215)),
        (&v2, vec![GRANT, id, key, ("scope", "https://contoso.crm.example/user_impersonation")], (400, "invalid_scope", 1_002_012)),
        (&v2, vec![GRANT, id, key, ("scope", "")], (400, "invalid_scope", 28_003)),
        (&v2, vec![GRANT, id, key, ("scope", &two)], (400, "invalid_scope", 700_022)),
        (&v2, vec![GRANT, id, key, ("scope", "https://other.crm.example/.default")], (400, "invalid_resource", 500_011)),
        (&v1, vec![GRANT, id, key, ("resource", "https://other.crm.example")], (400, "invalid_resource", 500_011)),
        (&v2, vec![GRANT, GRANT, id, key, scope], (400, "invalid_request", 9_002_313)),
        (&v2, vec![GRANT, id, scope, ("client_secret", &long)], (400, "invalid_request", 90_015)),
        ("/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token", vec![GRANT, id, key, scope], (400, "invalid_request", 90_002)),
        ("/unknown.example/oauth2/v2.0/token", vec![GRANT, id, key, scope], (400, "invalid_request", 90_002)),
        ("/authorize/oauth2/v2.0/token", vec![GRANT, id, key, scope], (400, "invalid_request", 900_023)),
        ("/consumers/oauth2/v2.0/token", vec![GRANT, id, key, scope], (400, "invalid_request", 9_002_346)),
        ("/common/oauth2/v2.0/token", vec![GRANT, ("client_id", stranger), key, scope], (400, "unauthorized_client", 700_016)),
    ];
    for (path, form, expected) in cases {
        let answer = world.post(path, &form).await;
        assert_eq!(answer.token_error(), expected, "{path} {form:?}");
        let description = answer.text("/error_description");
        assert!(!serde_json::to_string(description).unwrap().contains('\\'), "{description}");
        assert!(description.contains(" Trace ID: ") && description.contains(" Timestamp: "), "{description}");
        assert!(!description.contains(secret), "a secret must not come back");
    }
}

#[tokio::test]
async fn only_a_posted_form_is_read() {
    let world = World::new().await;
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    assert_eq!(world.get(&path).await.token_error(), (400, "invalid_request", 900_561));
    let json = Request::post(&path).header("content-type", "application/json").body(Bytes::from("{}")).unwrap();
    assert_eq!(world.login(json).await.token_error(), (400, "invalid_request", 9_002_313));
    let unknown = world.get("/common/oauth2/nothing").await;
    assert_eq!((unknown.status, unknown.text("/error")), (404, "invalid_request"));
}

#[tokio::test]
async fn the_callers_own_id_comes_back() {
    let world = World::new().await;
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    let id = "7f6d7a1e-0000-4000-8000-00000000000a";
    let request = Request::post(&path)
        .header("content-type", FORM)
        .header("client-request-id", id)
        .body(Bytes::from("grant_type=x"))
        .unwrap();
    let answer = world.login(request).await;
    assert_eq!((answer.text("/correlation_id"), answer.header("client-request-id")), (id, id));
    assert_eq!(answer.header("x-ms-request-id"), answer.text("/trace_id"));
    assert!(answer.text("/error_description").contains(&format!("Correlation ID: {id} ")));
    let in_query = world.post(&format!("{path}?client-request-id={id}"), &[]).await;
    assert_eq!(in_query.text("/correlation_id"), id);
    let in_body = world.post(&path, &[("client-request-id", id)]).await;
    assert_eq!(in_body.text("/correlation_id"), id);
}

#[tokio::test]
async fn graphs_permissions_stand_in_graphs_tokens_only() {
    let world = World::new().await;
    let app = world.application("auditor").await;
    let graph =
        world.graph("GET", "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')", Value::Null);
    let graph = graph.await;
    let roles = graph.body["appRoles"].as_array().unwrap();
    let role = roles.iter().find(|role| role["value"] == "Application.Read.All").unwrap();
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", app.principal);
    let assignment = json!({ "principalId": app.principal, "resourceId": graph.body["id"], "appRoleId": role["id"] });
    assert_eq!(world.graph("POST", &path, assignment).await.status, 201);
    for (resource, carries) in [("https://graph.microsoft.com", true), (ORIGIN, true), (ORG, false)] {
        let token = world.token_of(app.client, &app.secret, &format!("{resource}/.default")).await;
        let claims = claims(&world, &token, resource).await;
        let expected = if carries { json!(["Application.Read.All"]) } else { Value::Null };
        assert_eq!(claims.get("roles").cloned().unwrap_or_default(), expected, "{resource}");
    }
}

/// Username and password through an application, from an address.
async fn by_password(world: &World, client: &str, user: &str) -> crate::world::Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", client),
        ("username", &format!("{user}@{DOMAIN}")),
        ("password", "Correct-Horse-1"),
        ("scope", &format!("{ORG}/user_impersonation openid profile offline_access")),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = Request::post(format!("/{}/oauth2/v2.0/token", world.tenant))
        .header("content-type", FORM)
        .body(Bytes::from(body))
        .unwrap();
    request.extensions_mut().insert(CallerAddress([127, 0, 0, 1].into()));
    world.login(request).await
}

#[tokio::test]
async fn an_application_for_the_assigned_lets_in_nobody_else() {
    let world = World::new().await;
    let app = world.application("portal").await;
    let (client, user) = (app.client.to_string(), world.person("anna").await);
    let path = format!("/v1.0/applications/{}", app.id);
    assert_eq!(world.graph("PATCH", &path, json!({ "isFallbackPublicClient": true })).await.status, 204);
    let crm = world.principal_of("00000007-0000-0000-c000-000000000000").await;
    let grant = json!({
        "clientId": app.principal, "consentType": "AllPrincipals", "resourceId": crm, "scope": "user_impersonation",
    });
    assert_eq!(world.graph("POST", "/v1.0/oauth2PermissionGrants", grant).await.status, 201);
    let first = by_password(&world, &client, "anna").await;
    assert_eq!(first.status, 200, "{}", first.body);

    let principal = format!("/v1.0/servicePrincipals/{}", app.principal);
    let assigned_only = json!({ "appRoleAssignmentRequired": true });
    assert_eq!(world.graph("PATCH", &principal, assigned_only.clone()).await.status, 204);
    let refused = by_password(&world, &client, "anna").await;
    assert_eq!(refused.token_error(), (400, "interaction_required", 50_105));
    assert!(refused.text("/error_description").contains(&format!("anna@{DOMAIN}")), "{}", refused.body);
    // The same for whoever was let in before.
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", client.as_str()),
        ("refresh_token", first.text("/refresh_token")),
    ];
    let endpoint = format!("/{}/oauth2/v2.0/token", world.tenant);
    assert_eq!(world.post(&endpoint, &refresh).await.token_error().2, 50_105);

    // Assigned directly,
    let assigned = format!("{principal}/appRoleAssignedTo");
    let assignment =
        |to: Value| json!({ "principalId": to, "resourceId": app.principal, "appRoleId": uuid::Uuid::nil() });
    let given = world.graph("POST", &assigned, assignment(json!(user))).await;
    assert_eq!(given.status, 201, "{}", given.body);
    assert_eq!(by_password(&world, &client, "anna").await.status, 200);
    assert_eq!(world.post(&endpoint, &refresh).await.status, 200);
    assert_eq!(world.graph("DELETE", &format!("{assigned}/{}", given.text("/id")), Value::Null).await.status, 204);
    assert_eq!(by_password(&world, &client, "anna").await.token_error().2, 50_105);
    // or as a member of a group.
    let group = json!({
        "displayName": "portal", "mailNickname": "portal", "mailEnabled": false, "securityEnabled": true,
        "members@odata.bind": [format!("{ORIGIN}/v1.0/directoryObjects/{user}")],
    });
    let group = world.graph("POST", "/v1.0/groups", group).await;
    assert_eq!(group.status, 201, "{}", group.body);
    let given = world.graph("POST", &assigned, assignment(group.body["id"].clone())).await;
    assert_eq!(given.status, 201, "{}", given.body);
    assert_eq!(by_password(&world, &client, "anna").await.status, 200);

    // A resource can be for the assigned only as well.
    assert_eq!(
        world.graph("PATCH", &format!("/v1.0/servicePrincipals/{}", crm.as_str().unwrap()), assigned_only).await.status,
        204
    );
    assert_eq!(by_password(&world, &client, "anna").await.token_error().2, 50_105);
}

#[tokio::test]
async fn a_persons_token_says_their_names_and_where_they_ask_from() {
    let world = World::new().await;
    let user = world.person("anna").await;
    let tools = "51f81489-12ee-4a9e-aaae-a2591f45987d";
    let answer = by_password(&world, tools, "anna").await;
    let unnamed = claims(&world, answer.text("/access_token"), ORG).await;
    assert!(unnamed["given_name"].is_null() && unnamed["family_name"].is_null());
    let names = json!({ "givenName": "Anna", "surname": "Smith" });
    assert_eq!(world.graph("PATCH", &format!("/v1.0/users/{user}"), names).await.status, 204);
    let answer = by_password(&world, tools, "anna").await;
    let named = claims(&world, answer.text("/access_token"), ORG).await;
    assert_eq!(
        (&named["given_name"], &named["family_name"], &named["ipaddr"]),
        (&json!("Anna"), &json!("Smith"), &json!("127.0.0.1"))
    );
}

#[tokio::test]
async fn the_origins_tokens_have_no_permissions_that_only_say_who_signs_in() {
    let world = World::new().await;
    world.person("anna").await;
    let form = [
        ("grant_type", "password"),
        ("client_id", "51f81489-12ee-4a9e-aaae-a2591f45987d"),
        ("username", &format!("anna@{DOMAIN}")),
        ("password", "Correct-Horse-1"),
        ("scope", &format!("{ORIGIN}/user_impersonation openid profile offline_access")),
    ];
    let answer = world.post(&format!("/{}/oauth2/v2.0/token", world.tenant), &form).await;
    assert_eq!(answer.text("/scope"), format!("{ORIGIN}/user_impersonation openid profile"));
    let said = claims(&world, answer.text("/access_token"), ORIGIN).await;
    assert_eq!(said["scp"], "user_impersonation");
}

#[tokio::test]
async fn a_client_proves_itself_in_one_way() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let client = app.client.to_string();
    let form = [
        GRANT,
        ("client_id", client.as_str()),
        ("client_secret", app.secret.expose()),
        JWT,
        ("client_assertion", "a.b.c"),
        ("scope", &format!("{ORG}/.default")),
    ];
    let refused = world.post(&format!("/{}/oauth2/v2.0/token", world.tenant), &form).await;
    assert_eq!(refused.token_error(), (400, "invalid_request", 9_002_313));
    assert!(refused.text("/error_description").contains("'client_assertion'"), "{}", refused.body);
}

#[tokio::test]
async fn a_page_may_ask_beforehand_whether_it_may_post() {
    let world = World::new().await;
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    let asked = http::Request::options(path).header("origin", "https://spa.example").body(bytes::Bytes::new());
    let answer = world.login(asked.unwrap()).await;
    assert_eq!((answer.status, answer.header("access-control-allow-methods")), (200, "POST, OPTIONS"));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}
