//! Microsoft Graph over the directory.

use bytes::Bytes;
use http::Request;
use keyholder_entra::well_known::{APPLICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, LICENSE_ADMINISTRATOR};
use serde_json::{Value, json};

use crate::world::{ORG, ORIGIN, World};

const APPLICATIONS: &str = "/v1.0/applications";
const PRINCIPALS: &str = "/v1.0/servicePrincipals";
const GRANTS: &str = "/v1.0/oauth2PermissionGrants";

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().unwrap().iter().map(|entity| entity["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_registration_lives_and_dies() {
    let world = World::new().await;
    let wanted = json!({
        "displayName": "orders-sync",
        "signInAudience": "AzureADMyOrg",
        "tags": ["keyholder"],
        "notes": "made by hand",
        "requiredResourceAccess": [{
            "resourceAppId": "00000007-0000-0000-c000-000000000000",
            "resourceAccess": [{ "id": "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4", "type": "Scope" }],
        }],
    });
    let made = world.graph("POST", APPLICATIONS, wanted.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.text("/@odata.context"), format!("{ORIGIN}/v1.0/$metadata#applications/$entity"));
    assert_eq!(made.header("location"), format!("{ORIGIN}{APPLICATIONS}/{}", made.text("/id")));
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&made.body[name], value, "{name}");
    }
    assert_eq!(made.text("/createdDateTime"), "2026-11-22T09:07:46Z");
    assert_eq!(made.text("/publisherDomain"), "contoso.example");
    assert_eq!(made.body["passwordCredentials"], json!([]));
    assert_ne!(made.body["id"], made.body["appId"]);

    let by_id = format!("{APPLICATIONS}/{}", made.text("/id"));
    let by_client = format!("{APPLICATIONS}(appId='{}')", made.text("/appId"));
    for path in [&by_id, &by_client] {
        assert_eq!(world.graph("GET", path, Value::Null).await.body, made.body, "{path}");
    }
    let selected = world.graph("GET", &format!("{by_id}?$select=appId,tags"), Value::Null).await;
    let context = format!("{ORIGIN}/v1.0/$metadata#applications(appId,tags)/$entity");
    assert_eq!(selected.body, json!({ "@odata.context": context, "appId": made.body["appId"], "tags": ["keyholder"] }));

    let uri = format!("api://{}", made.text("/appId"));
    let change = json!({ "displayName": "orders", "notes": null, "tags": [], "identifierUris": [uri] });
    assert_eq!(world.graph("PATCH", &by_client, change).await.status, 204);
    let changed = world.graph("GET", &by_id, Value::Null).await;
    assert_eq!((changed.text("/displayName"), &changed.body["notes"]), ("orders", &Value::Null));
    assert_eq!(changed.body["requiredResourceAccess"], wanted["requiredResourceAccess"], "what was not named stays");
    let facts = world.identity.find_application(world.tenant, made.text("/appId").parse().unwrap()).await.unwrap();
    assert_eq!(facts.unwrap().identifier_uri, Some(uri));

    assert_eq!(world.graph("DELETE", &by_id, Value::Null).await.status, 204);
    let gone = world.graph("GET", &by_id, Value::Null).await;
    assert_eq!(
        gone.graph_error(),
        (
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
                made.text("/id")
            )
            .as_str()
        )
    );
    let filter = format!("{APPLICATIONS}?$filter=appId%20eq%20'{}'", made.text("/appId"));
    assert_eq!(world.graph("GET", &filter, Value::Null).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    let end = "2027-02-01T00:00:00Z";
    let wanted = json!({ "passwordCredential": { "displayName": "ci", "endDateTime": end } });
    let added = world.graph("POST", &format!("{path}/addPassword"), wanted).await;
    assert_eq!(added.status, 200);
    assert_eq!(added.text("/@odata.context"), format!("{ORIGIN}/v1.0/$metadata#microsoft.graph.passwordCredential"));
    assert_eq!((added.text("/displayName"), added.text("/endDateTime")), ("ci", end));
    let secret = added.text("/secretText");
    assert!(secret.starts_with(added.text("/hint")) && added.text("/hint").len() == 3);

    let read = world.graph("GET", &path, Value::Null).await;
    assert_eq!(read.body["passwordCredentials"].as_array().unwrap().len(), 2);
    assert_eq!(read.body["passwordCredentials"][0]["secretText"], Value::Null);
    assert!(!read.body.to_string().contains(secret));
    let listed = world
        .graph("GET", &format!("{APPLICATIONS}?$filter=appId eq '{}'", app.client).replace(' ', "+"), Value::Null)
        .await;
    assert_eq!(listed.body["value"][0]["passwordCredentials"], read.body["passwordCredentials"]);

    // Without a body: two years from now.
    let default = world.graph("POST", &format!("{path}/addPassword"), Value::Null).await;
    assert_eq!((default.status, default.text("/endDateTime")), (200, "2028-11-21T09:07:46Z"));
    let unknown = json!({ "keyId": "99999999-9999-9999-9999-999999999999" });
    let refused = world.graph("POST", &format!("{path}/removePassword"), unknown).await;
    let (status, code, message) = refused.graph_error();
    assert_eq!((status, code), (400, "Request_BadRequest"));
    assert!(message.starts_with("No password credential found with keyId"), "{message}");
    for wrong in [
        json!({ "passwordCredential": { "secretText": "mine" } }),
        json!({ "passwordCredential": { "endDateTime": "2020-01-01T00:00:00Z" } }),
        json!({ "passwordCredential": { "endDateTime": "tomorrow" } }),
        json!({ "passwordCredential": 1 }),
        json!({ "displayName": "outside" }),
    ] {
        let refused = world.graph("POST", &format!("{path}/addPassword"), wrong.clone()).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    let after = world.graph("GET", &path, Value::Null).await;
    assert_eq!(after.body["passwordCredentials"].as_array().unwrap().len(), 3, "nothing refused was kept");
}

#[tokio::test]
async fn lists_filter_and_page() {
    let world = World::new().await;
    for name in ["Orders-A", "orders-b", "it's", "other"] {
        assert_eq!(world.graph("POST", APPLICATIONS, json!({ "displayName": name })).await.status, 201);
    }
    let list = async |query: &str| world.graph("GET", &format!("{APPLICATIONS}?{query}"), Value::Null).await;
    assert_eq!(names(&list("$filter=displayName+eq+'ORDERS-a'").await.body), ["Orders-A"]);
    assert_eq!(names(&list("$filter=startswith(displayName,'orders')").await.body), ["Orders-A", "orders-b"]);
    assert_eq!(names(&list("$filter=startswith(displayName,'ord*')").await.body), [] as [&str; 0]);
    assert_eq!(names(&list("$filter=displayName+eq+'it''s'").await.body), ["it's"]);
    let both = "$filter=startswith(displayName,'orders')+and+displayName+eq+'orders-b'";
    assert_eq!(names(&list(both).await.body), ["orders-b"]);
    assert_eq!(names(&list("$filter=appId+eq+'no-id'").await.body), [] as [&str; 0]);

    let first = list("$filter=startswith(displayName,'o')&$top=2&$select=displayName").await;
    assert_eq!(names(&first.body), ["Orders-A", "orders-b"]);
    let link = first.text("/@odata.nextLink").strip_prefix(ORIGIN).unwrap();
    let second = world.graph("GET", link, Value::Null).await;
    assert_eq!(names(&second.body), ["other"]);
    assert_eq!(second.body.get("@odata.nextLink"), None);
}

#[tokio::test]
async fn a_page_has_a_hundred() {
    let world = World::new().await;
    let token = world.admin_token().await;
    for number in 0..100 {
        let made =
            world.graph_as(&token, "POST", APPLICATIONS, json!({ "displayName": format!("app-{number}") })).await;
        assert_eq!(made.status, 201);
    }
    // And the administrator's own.
    let first = world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 100);
    let link = first.text("/@odata.nextLink").strip_prefix(ORIGIN).unwrap();
    let second = world.graph_as(&token, "GET", link, Value::Null).await;
    assert_eq!(second.body["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_by_name() {
    let world = World::new().await;
    for (path, code, named) in [
        ("/v1.0/applications?$filter=tags eq 'x'", "Request_UnsupportedQuery", "'tags'"),
        ("/v1.0/applications?$filter=displayName has 'x'", "BadRequest", "'has'"),
        ("/v1.0/applications?$filter=displayName ne 'x'", "Request_UnsupportedQuery", "Unsupported Query."),
        ("/v1.0/applications?$search=\"displayName:x\"", "Request_UnsupportedQuery", "ConsistencyLevel"),
        ("/v1.0/applications?$skip=1", "Request_UnsupportedQuery", "'$skip'"),
        ("/v1.0/applications/$count", "Request_BadRequest", "$count is not currently supported."),
        ("/v1.0/applications?$filter=displayName eq", "BadRequest", "Invalid filter clause"),
        ("/v1.0/applications?$expand=extensionProperties", "BadRequest", "'extensionProperties'"),
        ("/v1.0/applications?$select=nonsense", "BadRequest", "'nonsense'"),
        ("/v1.0/applications?$top=0", "Request_BadRequest", "'0'"),
        ("/v1.0/nonsense", "BadRequest", "Resource not found for the segment 'nonsense'."),
        ("/beta/applications", "BadRequest", "'beta'"),
        ("/v1.0/me", "BadRequest", "/me request is only valid with delegated authentication flow."),
        ("/v1.0/organization?$filter=id eq 'x'", "Request_UnsupportedQuery", "'id'"),
    ] {
        let refused = world.graph("GET", &path.replace(' ', "+").replace('"', "%22"), Value::Null).await;
        let (status, found, message) = refused.graph_error();
        assert_eq!((status, found), (400, code), "{path}");
        assert!(message.contains(named), "{path}: {message}");
    }
    for (body, message) in [
        (json!({ "displayName": "a", "nonsense": {} }), "Invalid property 'nonsense'."),
        (json!({ "displayName": "a", "web": { "nonsense": 1 } }), "Invalid property 'nonsense'."),
        (json!({ "displayName": "a", "isDisabled": true }), "Invalid property 'isDisabled'."),
        (json!({ "displayName": 1 }), "Invalid value specified for property 'displayName' of resource 'Application'."),
        (json!({ "displayName": "" }), "Invalid value specified for property 'displayName' of resource 'Application'."),
        (json!({}), "A value is required for property 'displayName' of resource 'Application'."),
        (
            json!({ "displayName": "a", "tags": ["x y"] }),
            "Invalid value specified for property 'tags' of resource 'Application'.",
        ),
        (
            json!({ "displayName": "a", "signInAudience": "Everyone" }),
            "Invalid value specified for property 'signInAudience' of resource 'Application'.",
        ),
    ] {
        let refused = world.graph("POST", APPLICATIONS, body).await;
        assert_eq!(refused.graph_error(), (400, "Request_BadRequest", message));
    }
    assert_eq!(world.graph("PUT", APPLICATIONS, json!({})).await.status, 405);
    let listed = world.graph("GET", APPLICATIONS, Value::Null).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1, "nothing refused was kept");
}

#[tokio::test]
async fn addresses_must_be_the_tenants_and_unique() {
    let world = World::new().await;
    let make = async |name: &str, uri: String| {
        world.graph("POST", APPLICATIONS, json!({ "displayName": name, "identifierUris": [uri] })).await
    };
    let tenant = world.tenant;
    assert_eq!(make("a", format!("api://{tenant}/a")).await.status, 201);
    assert_eq!(make("b", "https://sub.contoso.example/b".to_owned()).await.status, 201);
    let foreign = make("c", "https://evil-contoso.example/c".to_owned()).await;
    assert_eq!(foreign.graph_error().1, "HostNameNotOnVerifiedDomain");
    let twice = make("d", format!("api://{tenant}/a")).await;
    assert_eq!(
        twice.graph_error(),
        (400, "Request_BadRequest", "Another object with the same value for property identifierUris already exists.")
    );
    assert_eq!(make("e", format!("api://{tenant}/aa")).await.status, 201, "a longer one is another one");
}

#[tokio::test]
async fn a_service_principal_is_made_once() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{PRINCIPALS}(appId='{}')", app.client);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.text("/id"), app.principal.to_string());
    assert_eq!(found.text("/servicePrincipalType"), "Application");
    assert_eq!(found.body["servicePrincipalNames"], json!([app.client]));
    assert_eq!(found.text("/appOwnerOrganizationId"), world.tenant.to_string());
    let again = world.graph("POST", PRINCIPALS, json!({ "appId": app.client })).await;
    let message = format!(
        "The service principal cannot be created, updated, or restored because the service principal name {} is \
         already in use.",
        app.client
    );
    assert_eq!(again.graph_error(), (409, "Request_MultipleObjectsWithSameKeyValue", message.as_str()));
    let stranger = "99999999-9999-9999-9999-999999999999";
    let unknown = world.graph("POST", PRINCIPALS, json!({ "appId": stranger })).await;
    let message =
        format!("The appId '{stranger}' of the service principal does not reference a valid application object.");
    assert_eq!(unknown.graph_error(), (400, "Request_BadRequest", message.as_str()));
    assert_eq!(unknown.text("/error/details/0/code"), "NoBackingApplicationObject");

    let renamed = json!({ "displayName": "orders" });
    assert_eq!(world.graph("PATCH", &format!("{APPLICATIONS}/{}", app.id), renamed).await.status, 204);
    assert_eq!(world.graph("GET", &path, Value::Null).await.text("/displayName"), "orders");
    assert_eq!(world.graph("PATCH", &path, json!({ "tags": ["x"], "notes": "n" })).await.status, 204);
    assert_eq!(world.graph("PATCH", &path, json!({ "accountEnabled": false })).await.status, 204);
    let changed = world.graph("GET", &path, Value::Null).await;
    assert_eq!((&changed.body["tags"], &changed.body["accountEnabled"]), (&json!(["x"]), &json!(false)));

    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", &path, Value::Null).await.status, 404);
    assert_eq!(world.graph("POST", PRINCIPALS, json!({ "appId": app.client })).await.status, 201);
}

#[tokio::test]
async fn consent_is_given_once_and_found_by_client() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let other = world.application("other").await;
    let resource = world.principal_of("00000007-0000-0000-c000-000000000000").await;
    let grant = |client: Value| {
        json!({
            "clientId": client, "consentType": "AllPrincipals", "principalId": null, "resourceId": resource,
            "scope": "user_impersonation", "startTime": "2020-01-01T00:00:00Z",
        })
    };
    let made = world.graph("POST", GRANTS, grant(json!(app.principal))).await;
    assert_eq!((made.status, made.text("/scope")), (201, "user_impersonation"));
    assert_eq!(world.graph("POST", GRANTS, grant(json!(other.principal))).await.status, 201);
    let again = world.graph("POST", GRANTS, grant(json!(app.principal))).await;
    let expected = (409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.");
    assert_eq!(again.graph_error(), expected);

    let list = format!("/v1.0/oAuth2PermissionGrants?$filter=clientId+eq+'{}'", app.principal);
    let found = world.graph("GET", &list, Value::Null).await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 1);
    assert_eq!(found.body["value"][0]["id"], made.body["id"]);
    let path = format!("{GRANTS}/{}", made.text("/id"));
    assert_eq!(world.graph("PATCH", &path, json!({ "scope": "a b" })).await.status, 204);
    assert_eq!(world.graph("GET", &path, Value::Null).await.text("/scope"), "a b");
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 404);

    for (name, value, status) in [
        ("consentType", json!("Nobody"), 400),
        ("consentType", json!("Principal"), 400),
        ("clientId", json!("99999999-9999-9999-9999-999999999999"), 404),
        ("resourceId", json!("99999999-9999-9999-9999-999999999999"), 404),
        ("resourceId", json!("no-id"), 400),
    ] {
        let mut wrong = grant(json!(app.principal));
        wrong[name] = value;
        assert_eq!(world.graph("POST", GRANTS, wrong).await.status, status, "{name}");
    }
    // With the service principal go its grants.
    assert_eq!(world.graph("DELETE", &format!("{PRINCIPALS}/{}", other.principal), Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", GRANTS, Value::Null).await.body["value"], json!([]));
}

#[tokio::test]
async fn application_permissions_are_given_and_taken() {
    let world = World::new().await;
    let app = world.application("auditor").await;
    let graph = world.principal_of("00000003-0000-0000-c000-000000000000").await;
    let path = format!("{PRINCIPALS}/{}/appRoleAssignments", app.principal);
    let role = "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30";
    let wanted = json!({ "principalId": app.principal, "resourceId": graph, "appRoleId": role });
    let made = world.graph("POST", &path, wanted.clone()).await;
    assert_eq!((made.status, made.text("/resourceDisplayName")), (201, "Microsoft Graph"));
    let again = world.graph("POST", &path, wanted.clone()).await;
    assert_eq!(
        again.graph_error(),
        (400, "Request_BadRequest", "Permission being assigned already exists on the object")
    );
    let mut unknown = wanted;
    unknown["appRoleId"] = json!("99999999-9999-9999-9999-999999999999");
    assert_eq!(world.graph("POST", &path, unknown).await.status, 404);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.text("/value/0/id"), made.text("/id"));
    // One by its id, from either side and from no other.
    let (id, assigned) = (made.text("/id"), format!("{PRINCIPALS}/{}/appRoleAssignedTo", graph.as_str().unwrap()));
    for path in [format!("{path}/{id}"), format!("{assigned}/{id}")] {
        let one = world.graph("GET", &path, Value::Null).await;
        assert_eq!((one.status, one.text("/id"), one.text("/appRoleId")), (200, id, role), "{}", one.body);
        assert_eq!(one.text("/principalDisplayName"), "auditor");
    }
    let selected = world.graph("GET", &format!("{path}/{id}?$select=appRoleId"), Value::Null).await;
    assert_eq!((selected.text("/appRoleId"), selected.body.get("principalId")), (role, None));
    for path in [format!("{assigned}/{}", app.id), format!("{PRINCIPALS}/{}/appRoleAssignedTo/{id}", app.principal)] {
        assert_eq!(world.graph("GET", &path, Value::Null).await.status, 404, "{path}");
    }

    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 200);
    assert_eq!(world.graph_as(&token, "POST", APPLICATIONS, json!({ "displayName": "x" })).await.status, 403);
    assert_eq!(world.graph("DELETE", &format!("{path}/{}", made.text("/id")), Value::Null).await.status, 204);
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 403, "taken away at once");
    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 403);
}

#[tokio::test]
async fn only_callers_with_rights_may() {
    let world = World::new().await;
    let app = world.application("nobody").await;
    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    let own = format!("{APPLICATIONS}/{}", app.id);
    let denied = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
    for (method, path, body) in [
        ("GET", APPLICATIONS, Value::Null),
        ("POST", APPLICATIONS, json!({ "displayName": "x" })),
        ("GET", &own, Value::Null),
        ("PATCH", &own, json!({ "notes": "x" })),
        ("DELETE", &own, Value::Null),
        ("POST", &format!("{own}/addPassword"), Value::Null),
        ("POST", &format!("{own}/removePassword"), json!({ "keyId": app.id })),
        ("GET", PRINCIPALS, Value::Null),
        ("POST", PRINCIPALS, json!({ "appId": app.client })),
        ("GET", GRANTS, Value::Null),
        ("POST", GRANTS, json!({})),
        ("GET", "/v1.0/organization", Value::Null),
    ] {
        let refused = world.graph_as(&token, method, path, body).await;
        assert_eq!(refused.graph_error(), denied, "{method} {path}");
    }
    // Any directory role reads; only some write. Roles count from the next request on.
    let assign = async |role| world.identity.assign_directory_role(world.tenant, app.principal, role).await.unwrap();
    assign(LICENSE_ADMINISTRATOR).await;
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 200);
    assert_eq!(world.graph_as(&token, "GET", "/v1.0/organization", Value::Null).await.status, 200);
    assert_eq!(world.graph_as(&token, "PATCH", &own, json!({ "notes": "x" })).await.graph_error(), denied);
    assign(APPLICATION_ADMINISTRATOR).await;
    assert_eq!(world.graph_as(&token, "PATCH", &own, json!({ "notes": "x" })).await.status, 204);
    // Application administrators give permissions of any API but Microsoft Graph.
    let roles = format!("{PRINCIPALS}/{}/appRoleAssignments", app.principal);
    let graph = world.principal_of("00000003-0000-0000-c000-000000000000").await;
    let role = "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30";
    let wanted = json!({ "principalId": app.principal, "resourceId": graph, "appRoleId": role });
    assert_eq!(world.graph_as(&token, "POST", &roles, wanted).await.graph_error(), denied);
}

#[tokio::test]
async fn without_a_good_token_comes_the_challenge() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let for_org = world.token_of(app.client, &app.secret, &format!("{ORG}/.default")).await;
    let expired = world.admin_token().await;
    world.clock.advance(std::time::Duration::from_secs(4000));
    for (authorization, message) in [
        (None, "Access token is empty."),
        (Some("Basic eDp5".to_owned()), "Access token is empty."),
        (Some("Bearer abc".to_owned()), "CompactToken parsing failed with error code: 80049217"),
        (Some(format!("Bearer {for_org}")), "Access token validation failure. Invalid audience."),
        (Some(format!("Bearer {expired}")), "Lifetime validation failed, the token is expired."),
    ] {
        let mut request = Request::get(APPLICATIONS);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = world.identity.respond_graph(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(response.status(), 401);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        let challenge = keyholder_entra::challenge::Challenge::parse(&challenge).unwrap();
        assert_eq!(challenge.authority(), Some(format!("{ORIGIN}/common").as_str()));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["message"]),
            (&json!("InvalidAuthenticationToken"), &json!(message))
        );
    }
}

#[tokio::test]
async fn errors_name_the_request() {
    let world = World::new().await;
    let id = "7f6d7a1e-0000-4000-8000-00000000000a";
    let request = Request::get(APPLICATIONS).header("client-request-id", id).body(Bytes::new()).unwrap();
    let response = world.identity.respond_graph(request).await;
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let inner = &body["error"]["innerError"];
    assert_eq!(inner["date"], "2026-11-22T09:07:46");
    assert_eq!(inner["client-request-id"], id);
    assert_eq!(response.headers()["client-request-id"], id);
    assert_eq!(response.headers()["request-id"].to_str().unwrap(), inner["request-id"].as_str().unwrap());
}

#[tokio::test]
async fn the_tenant_shows_itself() {
    let world = World::new().await;
    let list = world.graph("GET", "/v1.0/organization", Value::Null).await;
    assert_eq!(list.text("/value/0/id"), world.tenant.to_string());
    assert_eq!(list.text("/value/0/verifiedDomains/0/name"), "contoso.example");
    assert_eq!(list.body["value"][0]["verifiedDomains"][0]["isDefault"], json!(true));
    let one = world.graph("GET", &format!("/v1.0/organization/{}", world.tenant), Value::Null).await;
    assert_eq!(one.text("/displayName"), "Contoso");
    let other = world.graph("GET", "/v1.0/organization/99999999-9999-9999-9999-999999999999", Value::Null).await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn whoever_was_shut_out_is_nobody_at_once() {
    let world = World::new().await;
    let app = world.application("robot").await;
    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    let principal = app.principal;
    world.identity.assign_directory_role(world.tenant, principal, GLOBAL_ADMINISTRATOR).await.unwrap();
    let is_administrator = || world.identity.has_directory_role(world.tenant, principal, GLOBAL_ADMINISTRATOR);
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 200);
    assert!(is_administrator().await.unwrap());

    let path = format!("{PRINCIPALS}/{principal}");
    let nobody =
        (401, "Authorization_IdentityNotFound", "The identity of the calling application could not be established.");
    assert_eq!(world.graph("PATCH", &path, json!({ "accountEnabled": false })).await.status, 204);
    let refused = world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await;
    assert_eq!(refused.graph_error(), nobody);
    assert!(refused.header("www-authenticate").starts_with("Bearer "));
    assert!(!is_administrator().await.unwrap(), "nor of the control endpoint");
    assert_eq!(world.graph("PATCH", &path, json!({ "accountEnabled": true })).await.status, 204);
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 200);
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.graph_error(), nobody);
}
