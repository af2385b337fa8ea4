//! Whole registrations: details, owners, the recycle bin, policies.

use serde_json::{Value, json};

use crate::world::{ORIGIN, World};

const APPLICATIONS: &str = "/v1.0/applications";
const PRINCIPALS: &str = "/v1.0/servicePrincipals";
const BIN: &str = "/v1.0/directory/deletedItems";

#[tokio::test]
async fn s05_a_registration_keeps_all_that_is_said_of_it() {
    let world = World::new().await;
    let scope = json!({
        "id": "11111111-0000-4000-8000-000000000001", "value": "Orders.Read", "type": "User", "isEnabled": true,
        "adminConsentDisplayName": "Read orders", "adminConsentDescription": "Read orders", "userConsentDescription": null,
        "userConsentDisplayName": null,
    });
    let role = json!({
        "id": "11111111-0000-4000-8000-000000000002", "value": "Orders.Write", "allowedMemberTypes": ["Application"],
        "displayName": "Write orders", "description": "Write orders", "isEnabled": true,
    });
    let wanted = json!({
        "displayName": "shop", "signInAudience": "AzureADMyOrg", "isFallbackPublicClient": true,
        "api": { "requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope] },
        "appRoles": [role],
        "web": { "homePageUrl": "https://shop.contoso.example", "redirectUris": ["https://shop.contoso.example/back"],
                 "implicitGrantSettings": { "enableIdTokenIssuance": true } },
        "spa": { "redirectUris": ["http://localhost:3000/"] },
        "publicClient": { "redirectUris": ["http://localhost", "myapp://auth"] },
        "info": { "supportUrl": "https://contoso.example/help" },
        "serviceManagementReference": "42", "optionalClaims": null, "groupMembershipClaims": null, "addIns": [],
    });
    let made = world.graph("POST", APPLICATIONS, wanted.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for name in ["api/requestedAccessTokenVersion", "appRoles", "isFallbackPublicClient", "spa", "publicClient"] {
        let pointer = format!("/{name}");
        assert_eq!(made.body.pointer(&pointer), wanted.pointer(&pointer), "{name}");
    }
    assert_eq!(made.body["web"]["implicitGrantSettings"]["enableAccessTokenIssuance"], json!(false));
    assert_eq!(made.body["api"]["oauth2PermissionScopes"][0]["value"], "Orders.Read");

    // A complex property is merged, a list within it is replaced.
    let path = format!("{APPLICATIONS}/{}", made.text("/id"));
    let change = json!({ "web": { "redirectUris": ["https://shop.contoso.example/other"] }, "spa": null });
    assert_eq!(world.graph("PATCH", &path, change).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["web"]["redirectUris"], json!(["https://shop.contoso.example/other"]));
    assert_eq!(found.text("/web/homePageUrl"), "https://shop.contoso.example");
    assert_eq!(found.body["spa"], json!({ "redirectUris": [] }));

    // Its principal offers the same, and its permission can be given.
    let principal = world.graph("POST", PRINCIPALS, json!({ "appId": made.body["appId"] })).await;
    assert_eq!(principal.text("/appRoles/0/value"), "Orders.Write");
    assert_eq!(principal.text("/oauth2PermissionScopes/0/value"), "Orders.Read");
    assert_eq!(principal.body["replyUrls"][0], "https://shop.contoso.example/other");
    let client = world.application("client").await;
    let grant = json!({ "principalId": client.principal, "resourceId": principal.body["id"], "appRoleId": role["id"] });
    let assigned = format!("{PRINCIPALS}/{}/appRoleAssignedTo", principal.text("/id"));
    let given = world.graph("POST", &assigned, grant).await;
    assert_eq!((given.status, given.text("/principalDisplayName")), (201, "client"));
    let listed = world.graph("GET", &assigned, Value::Null).await;
    assert_eq!(listed.text("/value/0/resourceDisplayName"), "shop");
    assert_eq!(world.graph("DELETE", &format!("{assigned}/{}", given.text("/id")), Value::Null).await.status, 204);

    // A permission that is on does not vanish.
    let gone = world.graph("PATCH", &path, json!({ "appRoles": [] })).await;
    assert_eq!(gone.graph_error().1, "CannotDeleteOrUpdateEnabledEntitlement");
    let mut off = role;
    off["isEnabled"] = json!(false);
    assert_eq!(world.graph("PATCH", &path, json!({ "appRoles": [off] })).await.status, 204);
    assert_eq!(world.graph("PATCH", &path, json!({ "appRoles": [] })).await.status, 204);
}

#[tokio::test]
async fn details_that_cannot_be_are_refused_by_name() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    for (change, named) in [
        (json!({ "web": { "redirectUris": ["http://elsewhere.example/"] } }), "'web'"),
        (json!({ "web": { "redirectUris": ["https://a.example/#x"] } }), "'web'"),
        (json!({ "web": { "redirectUris": ["https://a.example/", "https://a.example/"] } }), "'web'"),
        (json!({ "web": { "redirectUris": "https://a.example/" } }), "'web'"),
        (json!({ "spa": { "redirectUris": ["https://*.example/"] } }), "'spa'"),
        (json!({ "publicClient": { "redirectUris": ["nothing"] } }), "'publicClient'"),
        (json!({ "publicClient": { "redirectUris": ["javascript:alert(1)"] } }), "'publicClient'"),
        (json!({ "publicClient": { "redirectUris": ["DATA:text/html,x"] } }), "'publicClient'"),
        (json!({ "api": { "requestedAccessTokenVersion": 3 } }), "'api'"),
        (json!({ "api": { "oauth2PermissionScopes": [{ "value": "x" }] } }), "'api'"),
        (json!({ "appRoles": [{ "id": app.id, "value": "a b", "allowedMemberTypes": ["User"] }] }), "'appRoles'"),
        (json!({ "appRoles": [{ "id": app.id, "value": "a", "allowedMemberTypes": [] }] }), "'appRoles'"),
        (json!({ "isFallbackPublicClient": "yes" }), "'isFallbackPublicClient'"),
        (json!({ "tokenEncryptionKeyId": app.id }), "'tokenEncryptionKeyId'"),
        (json!({ "passwordCredentials": [{ "displayName": "new" }] }), "'passwordCredentials'"),
    ] {
        let refused = world.graph("PATCH", &path, change.clone()).await;
        let (status, _, message) = refused.graph_error();
        assert!(status == 400 && message.contains(named), "{change}: {message}");
    }
    let many: Vec<String> = (0..1001).map(|at| format!("https://a.example/{at}")).collect();
    let refused = world.graph("PATCH", &path, json!({ "web": { "redirectUris": many } })).await;
    assert_eq!(refused.graph_error().1, "Directory_QuotaExceeded");
}

#[tokio::test]
async fn a_deleted_application_comes_back_with_its_ids_and_its_principal() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    let listed = world.graph("GET", &format!("{BIN}/microsoft.graph.application"), Value::Null).await;
    assert_eq!(
        (listed.text("/value/0/id"), listed.text("/value/0/appId")),
        (app.id.to_string().as_str(), app.client.to_string().as_str())
    );
    assert_eq!(listed.text("/value/0/deletedDateTime"), "2026-11-22T09:07:46Z");
    let principals = world.graph("GET", &format!("{BIN}/microsoft.graph.servicePrincipal"), Value::Null).await;
    assert_eq!(principals.text("/value/0/id"), app.principal.to_string());
    let scope = "https://graph.microsoft.com/.default";
    let refused = world.token(&app.client.to_string(), app.secret.expose(), scope).await;
    assert_eq!(refused.status, 400, "{}", refused.body);

    let restored = world.graph("POST", &format!("{BIN}/{}/restore", app.id), Value::Null).await;
    assert_eq!((restored.status, restored.text("/displayName")), (200, "orders-sync"));
    assert_eq!(restored.text("/@odata.type"), "#microsoft.graph.application");
    world.token_of(app.client, &app.secret, scope).await;
    assert_eq!(world.principal_of(&app.client.to_string()).await, json!(app.principal));

    // The principal alone, and what happens when another took its place.
    let principal = format!("{PRINCIPALS}/{}", app.principal);
    assert_eq!(world.graph("DELETE", &principal, Value::Null).await.status, 204);
    assert_eq!(world.graph("POST", PRINCIPALS, json!({ "appId": app.client })).await.status, 201);
    let taken = world.graph("POST", &format!("{BIN}/{}/restore", app.principal), Value::Null).await;
    assert_eq!(taken.graph_error().1, "Request_MultipleObjectsWithSameKeyValue");

    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{BIN}/{}", app.id), Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", &format!("{BIN}/{}", app.id), Value::Null).await.status, 404);
    assert_eq!(world.graph("POST", &format!("{BIN}/{}/restore", app.id), Value::Null).await.status, 404);
}

#[tokio::test]
async fn owners_are_added_listed_expanded_and_removed() {
    let world = World::new().await;
    let (app, adele) = (world.application("orders-sync").await, world.person("adele").await);
    let path = format!("{APPLICATIONS}/{}", app.id);
    let reference = |id: &dyn std::fmt::Display| json!({ "@odata.id": format!("{ORIGIN}/v1.0/directoryObjects/{id}") });
    let add =
        async |id: &dyn std::fmt::Display| world.graph("POST", &format!("{path}/owners/$ref"), reference(id)).await;
    assert_eq!(add(&adele).await.status, 204);
    assert_eq!(add(&app.principal).await.status, 204);
    let again = add(&adele).await;
    let message = "One or more added object references already exist for the following modified properties: 'owners'.";
    assert_eq!(again.graph_error(), (400, "Request_BadRequest", message));
    assert_eq!(add(&app.id).await.status, 404, "an application owns nothing");
    assert_eq!(add(&"nonsense").await.status, 400);
    let listed = world.graph("GET", &format!("{path}/owners"), Value::Null).await;
    let types: Vec<_> =
        listed.body["value"].as_array().unwrap().iter().map(|owner| owner["@odata.type"].clone()).collect();
    assert!(
        types.contains(&json!("#microsoft.graph.user")) && types.contains(&json!("#microsoft.graph.servicePrincipal"))
    );
    let expanded = world.graph("GET", &format!("{path}?$expand=owners($select=id)&$select=id"), Value::Null).await;
    assert_eq!(expanded.body["owners"].as_array().unwrap().len(), 2);
    let listed = format!("{APPLICATIONS}?$expand=owners&$filter=appId eq '{}'", app.client);
    let expanded = world.graph("GET", &listed, Value::Null).await;
    assert_eq!(expanded.body["value"][0]["owners"].as_array().unwrap().len(), 2);
    assert_eq!(world.graph("DELETE", &format!("{path}/owners/{adele}/$ref"), Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{path}/owners/{adele}/$ref"), Value::Null).await.status, 404);
    // Bound when it is made.
    let bound = json!({
        "displayName": "bound", "owners@odata.bind": [format!("{ORIGIN}/v1.0/users/{adele}")],
    });
    let made = world.graph("POST", APPLICATIONS, bound).await;
    let listed = world.graph("GET", &format!("{APPLICATIONS}/{}/owners", made.text("/id")), Value::Null).await;
    assert_eq!(listed.text("/value/0/id"), adele.to_string());
}

#[tokio::test]
async fn s05_a_unique_name_makes_once_and_changes_afterwards() {
    let world = World::new().await;
    let path = "/v1.0/applications(uniqueName='orders-sync')";
    let send = async |prefer: bool, body: Value| {
        let mut request = http::Request::patch(path)
            .header("authorization", format!("Bearer {}", world.admin_token().await))
            .header("content-type", "application/json");
        if prefer {
            request = request.header("prefer", "create-if-missing");
        }
        world.identity.respond_graph(request.body(body.to_string().into()).unwrap()).await.status().as_u16()
    };
    assert_eq!(send(false, json!({ "displayName": "a" })).await, 404);
    assert_eq!(send(true, json!({ "displayName": "a" })).await, 201);
    assert_eq!(send(true, json!({ "displayName": "b" })).await, 204);
    let found = world.graph("GET", path, Value::Null).await;
    assert_eq!((found.text("/displayName"), found.text("/uniqueName")), ("b", "orders-sync"));
    let twice = world.graph("POST", APPLICATIONS, json!({ "displayName": "c", "uniqueName": "orders-sync" })).await;
    assert_eq!(twice.graph_error().1, "Request_MultipleObjectsWithSameKeyValue");
}

#[tokio::test]
async fn s07_the_tenants_policy_forbids_secrets_or_long_ones() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let policy = "/v1.0/policies/defaultAppManagementPolicy";
    let found = world.graph("GET", policy, Value::Null).await;
    assert_eq!((found.status, &found.body["isEnabled"]), (200, &json!(false)));
    let restrict = async |kind: &str, lifetime: Value| {
        let rule =
            json!({ "restrictionType": kind, "maxLifetime": lifetime, "restrictForAppsCreatedAfterDateTime": null });
        let change = json!({ "isEnabled": true, "applicationRestrictions": { "passwordCredentials": [rule], "keyCredentials": [] } });
        world.graph("PATCH", policy, change).await.status
    };
    let add = async |body: Value| world.graph("POST", &format!("{APPLICATIONS}/{}/addPassword", app.id), body).await;
    assert_eq!(restrict("passwordLifetime", json!("P90D")).await, 204);
    let long = add(Value::Null).await;
    assert_eq!((long.status, long.graph_error().1), (400, "CredentialInvalidLifetimeAsPerAppPolicy"));
    let short = json!({ "passwordCredential": { "endDateTime": "2027-01-22T00:00:00Z" } });
    assert_eq!(add(short.clone()).await.status, 200);
    assert_eq!(restrict("passwordAddition", Value::Null).await, 204);
    let forbidden = add(short.clone()).await;
    assert_eq!((forbidden.status, forbidden.graph_error().1), (400, "CredentialTypeNotAllowedAsPerAppPolicy"));
    // The principal's own rules are others.
    let own = world.graph("POST", &format!("{PRINCIPALS}/{}/addPassword", app.principal), short.clone()).await;
    assert_eq!(own.status, 200);

    assert_eq!(restrict("passwordLifetime", Value::Null).await, 400, "a limit without a length");
    assert_eq!(restrict("passwordLifetime", json!("90 days")).await, 400);
    assert_eq!(restrict("nonsense", Value::Null).await, 400);
    let unknown = world.graph("PATCH", policy, json!({ "applicationRestrictions": { "identifierUris": {} } })).await;
    assert_eq!(unknown.graph_error().2, "Invalid property 'identifierUris'.");
    assert_eq!(world.graph("PATCH", policy, json!({ "isEnabled": false })).await.status, 204);
    assert_eq!(add(Value::Null).await.status, 200);
}

#[tokio::test]
async fn s07_an_application_can_lock_its_principals() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let lock = json!({ "servicePrincipalLockConfiguration": { "isEnabled": true, "allProperties": true } });
    assert_eq!(world.graph("PATCH", &format!("{APPLICATIONS}/{}", app.id), lock).await.status, 204);
    let refused = world.graph("POST", &format!("{PRINCIPALS}/{}/addPassword", app.principal), Value::Null).await;
    assert_eq!((refused.status, refused.graph_error().1), (400, "ServicePrincipalLockForbidsUpdate"));
}

#[tokio::test]
async fn directory_roles_are_given_in_both_ways() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let template = "4d6ac14f-3453-41d0-bef9-a3e0c569773a";
    let activated = world.graph("GET", "/v1.0/directoryRoles", Value::Null).await;
    assert_eq!(activated.body["value"].as_array().unwrap().len(), 1, "only the administrators' own");
    let made = world.graph("POST", "/v1.0/directoryRoles", json!({ "roleTemplateId": template })).await;
    assert_eq!((made.status, made.text("/displayName")), (201, "License Administrator"));
    assert_eq!(world.graph("POST", "/v1.0/directoryRoles", json!({ "roleTemplateId": template })).await.status, 400);
    let members = format!("/v1.0/directoryRoles(roleTemplateId='{template}')/members");
    let reference = json!({ "@odata.id": format!("{ORIGIN}/v1.0/users/{adele}") });
    assert_eq!(world.graph("POST", &format!("{members}/$ref"), reference.clone()).await.status, 204);
    assert_eq!(world.graph("POST", &format!("{members}/$ref"), reference).await.status, 400);
    assert_eq!(world.graph("GET", &members, Value::Null).await.text("/value/0/id"), adele.to_string());
    let member_of = world.graph("GET", &format!("/v1.0/users/{adele}/memberOf"), Value::Null).await;
    assert_eq!(member_of.text("/value/0/roleTemplateId"), template);

    let assignments = "/v1.0/roleManagement/directory/roleAssignments";
    let found = world.graph("GET", &format!("{assignments}?$filter=principalId eq '{adele}'"), Value::Null).await;
    assert_eq!(found.text("/value/0/roleDefinitionId"), template);
    let by_id = format!("{assignments}/{}", found.text("/value/0/id"));
    assert_eq!(world.graph("GET", &by_id, Value::Null).await.status, 200);
    assert_eq!(world.graph("DELETE", &by_id, Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", &members, Value::Null).await.body["value"], json!([]));
    let wanted = json!({ "principalId": adele, "roleDefinitionId": template, "directoryScopeId": "/" });
    assert_eq!(world.graph("POST", assignments, wanted.clone()).await.status, 201);
    let again = world.graph("POST", assignments, wanted).await;
    let message = "A conflicting object with one or more of the specified property values is present in the directory.";
    assert_eq!(again.graph_error(), (400, "Request_BadRequest", message));
    let definition = world.graph(
        "GET",
        "/v1.0/roleManagement/directory/roleDefinitions?$filter=displayName eq 'License Administrator'",
        Value::Null,
    );
    assert_eq!(definition.await.text("/value/0/id"), template);
}
