//! Who may do what: application permissions, directory roles, owning.

use keyholder_entra::well_known::APPLICATION_ADMINISTRATOR;
use serde_json::{Value, json};

use crate::world::{Registered, World};

const APPLICATIONS: &str = "/v1.0/applications";
const PRINCIPALS: &str = "/v1.0/servicePrincipals";
const OWNED_BY: &str = "18a4783c-866b-4cc7-a460-3d5e5662c884";

/// A token of an application that has this permission of Microsoft Graph's.
async fn permitted(world: &World, app: &Registered, role: &str) -> String {
    let graph = world.principal_of("00000003-0000-0000-c000-000000000000").await;
    let path = format!("{PRINCIPALS}/{}/appRoleAssignments", app.principal);
    let grant = json!({ "principalId": app.principal, "resourceId": graph, "appRoleId": role });
    assert_eq!(world.graph("POST", &path, grant).await.status, 201);
    world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await
}

#[tokio::test]
async fn s18_owned_by_means_owned_only() {
    let world = World::new().await;
    let (maker, other) = (world.application("maker").await, world.application("other").await);
    let token = permitted(&world, &maker, OWNED_BY).await;
    let ask = async |method: &str, path: &str, body: Value| world.graph_as(&token, method, path, body).await;
    let made = ask("POST", APPLICATIONS, json!({ "displayName": "mine", "signInAudience": "AzureADMyOrg" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let mine = format!("{APPLICATIONS}/{}", made.text("/id"));
    let owners = ask("GET", &format!("{mine}/owners"), Value::Null).await;
    assert_eq!(owners.text("/value/0/id"), maker.principal.to_string(), "the maker owns it");
    let principal = ask("POST", PRINCIPALS, json!({ "appId": made.body["appId"] })).await;
    assert_eq!(principal.status, 201);
    assert_eq!(ask("PATCH", &mine, json!({ "notes": "x" })).await.status, 204);
    assert_eq!(ask("POST", &format!("{mine}/addPassword"), Value::Null).await.status, 200);
    let federated = json!({ "name": "abc", "issuer": "https://i.example", "subject": "s", "audiences": ["a"] });
    assert_eq!(ask("POST", &format!("{mine}/federatedIdentityCredentials"), federated.clone()).await.status, 201);
    let listed = ask("GET", APPLICATIONS, Value::Null).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1, "and it sees nothing else");

    let theirs = format!("{APPLICATIONS}/{}", other.id);
    for (method, path, body) in [
        ("GET", theirs.clone(), Value::Null),
        ("PATCH", theirs.clone(), json!({ "notes": "x" })),
        ("DELETE", theirs.clone(), Value::Null),
        ("POST", format!("{theirs}/addPassword"), Value::Null),
        ("POST", format!("{theirs}/federatedIdentityCredentials"), federated),
        ("POST", PRINCIPALS.to_owned(), json!({ "appId": other.client })),
        ("PATCH", format!("{PRINCIPALS}/{}", other.principal), json!({ "accountEnabled": false })),
        ("GET", "/v1.0/users".to_owned(), Value::Null),
        ("POST", "/v1.0/users".to_owned(), json!({})),
        ("GET", "/v1.0/applications/delta".to_owned(), Value::Null),
    ] {
        let refused = ask(method, &path, body).await;
        assert_eq!(refused.graph_error().1, "Authorization_RequestDenied", "{method} {path}");
    }
    assert_eq!(ask("DELETE", &mine, Value::Null).await.status, 204);
    let bin = format!("/v1.0/directory/deletedItems/{}", made.text("/id"));
    assert_eq!(ask("DELETE", &bin, Value::Null).await.status, 204);
}

#[tokio::test]
async fn s18_a_person_without_a_role_registers_and_owns_but_consents_to_nothing() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let token = world.person_token(adele);
    let ask = async |method: &str, path: &str, body: Value| world.graph_as(&token, method, path, body).await;
    let made = ask("POST", APPLICATIONS, json!({ "displayName": "mine", "signInAudience": "AzureADMyOrg" })).await;
    assert_eq!(made.status, 201);
    let mine = format!("{APPLICATIONS}/{}", made.text("/id"));
    assert_eq!(ask("GET", &format!("{mine}/owners"), Value::Null).await.text("/value/0/id"), adele.to_string());
    assert_eq!(ask("POST", &format!("{mine}/addPassword"), Value::Null).await.status, 200);
    let principal = ask("POST", PRINCIPALS, json!({ "appId": made.body["appId"] })).await;
    assert_eq!(principal.status, 201);
    let owned = ask("GET", "/v1.0/me/ownedObjects?$filter=displayName eq 'mine'", Value::Null).await;
    assert_eq!(owned.body["value"].as_array().unwrap().len(), 2, "the application and its principal");
    let resource = world.principal_of("00000007-0000-0000-c000-000000000000").await;
    let grant = json!({
        "clientId": principal.body["id"], "consentType": "AllPrincipals", "principalId": null, "resourceId": resource,
        "scope": "user_impersonation",
    });
    assert_eq!(ask("POST", "/v1.0/oauth2PermissionGrants", grant.clone()).await.status, 403);
    let other = world.application("other").await;
    assert_eq!(ask("GET", &format!("{APPLICATIONS}/{}", other.id), Value::Null).await.status, 200, "members read");
    assert_eq!(ask("DELETE", &format!("{APPLICATIONS}/{}", other.id), Value::Null).await.status, 403);
    assert_eq!(ask("GET", "/v1.0/users", Value::Null).await.status, 200);
    assert_eq!(ask("POST", "/v1.0/users", crate::world::person("x")).await.status, 403);
    assert_eq!(ask("GET", "/v1.0/policies/defaultAppManagementPolicy", Value::Null).await.status, 403);
    assert_eq!(ask("GET", "/beta/reports/servicePrincipalSignInActivities", Value::Null).await.status, 403);

    world.identity.assign_directory_role(world.tenant, adele, APPLICATION_ADMINISTRATOR).await.unwrap();
    assert_eq!(ask("POST", "/v1.0/oauth2PermissionGrants", grant).await.status, 201);
    assert_eq!(ask("DELETE", &format!("{APPLICATIONS}/{}", other.id), Value::Null).await.status, 204);
    let roles = json!({ "principalId": adele, "roleDefinitionId": "62e90394-69f5-4237-9190-012177145e10" });
    let raise = ask("POST", "/v1.0/roleManagement/directory/roleAssignments", roles).await;
    assert_eq!(raise.status, 403, "nobody makes themselves Global Administrator");
}

#[tokio::test]
async fn s18_application_permissions_open_their_own_door_only() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let user = format!("/v1.0/users/{adele}");
    let licences = json!({ "addLicenses": [], "removeLicenses": [] });
    for (role, allowed) in [
        ("741f803b-c850-494e-b5df-cde7c675a1ca", [200, 204, 403, 200, 403]), // User.ReadWrite.All
        ("df021288-bdef-4463-88db-98f22de89214", [200, 403, 403, 403, 403]), // User.Read.All
        ("cc117bb9-00cf-4eb8-b580-ea2a878fe8f7", [403, 403, 204, 403, 403]), // User-PasswordProfile.ReadWrite.All
        ("5facf0c1-8979-4e95-abcf-ff3d079771c0", [403, 403, 403, 200, 403]), // LicenseAssignment.ReadWrite.All
        ("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", [403, 403, 403, 403, 200]), // RoleManagement.ReadWrite.Directory
    ] {
        let app = world.application(role).await;
        let token = permitted(&world, &app, role).await;
        let password = json!({ "passwordProfile": { "password": "New-Password-9" } });
        let requests = [
            ("GET", user.clone(), Value::Null),
            ("PATCH", user.clone(), json!({ "jobTitle": "x" })),
            ("PATCH", user.clone(), password),
            ("POST", format!("{user}/assignLicense"), licences.clone()),
            ("GET", "/v1.0/roleManagement/directory/roleAssignments".to_owned(), Value::Null),
        ];
        for ((method, path, body), expected) in requests.into_iter().zip(allowed) {
            let answer = world.graph_as(&token, method, &path, body).await;
            assert_eq!(answer.status, expected, "{role} {method} {path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_token_does_no_more_for_an_administrator_than_its_application_was_given() {
    let world = World::new().await;
    let (adele, ben) = (world.person("adele").await, world.person("ben").await);
    let global = keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
    world.identity.assign_directory_role(world.tenant, adele, global).await.unwrap();
    let role = json!({ "principalId": ben, "roleDefinitionId": global.template_id, "directoryScopeId": "/" });
    let made = json!({ "displayName": "made", "signInAudience": "AzureADMyOrg" });
    let group = json!({ "displayName": "g", "mailEnabled": false, "mailNickname": "g", "securityEnabled": true });
    let password = json!({ "currentPassword": "Correct-Horse-1", "newPassword": "Other-Horse-22" });
    let adeles = "/v1.0/users/adele@contoso.example";
    let requests = [
        ("GET", "/v1.0/me", Value::Null),
        ("GET", adeles, Value::Null),
        ("GET", "/v1.0/users", Value::Null),
        ("GET", "/v1.0/applications", Value::Null),
        ("POST", "/v1.0/applications", made),
        ("POST", "/v1.0/groups", group),
        ("GET", "/v1.0/auditLogs/signIns", Value::Null),
        ("POST", "/v1.0/me/changePassword", password),
        ("POST", "/v1.0/me/revokeSignInSessions", Value::Null),
        ("POST", "/v1.0/roleManagement/directory/roleAssignments", role),
    ];
    for (scopes, expected) in [
        ("openid profile", [403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
        ("user_impersonation", [403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
        ("User.Read", [200, 200, 403, 403, 403, 403, 403, 403, 403, 403]),
        ("User.Read.All", [200, 200, 200, 403, 403, 403, 403, 403, 403, 403]),
        ("Application.ReadWrite.OwnedBy", [403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
        ("Application.ReadWrite.All", [403, 403, 403, 200, 201, 403, 403, 403, 403, 403]),
        ("User.ReadWrite.All", [200, 200, 200, 403, 403, 403, 403, 403, 200, 403]),
        ("AuditLog.Read.All", [403, 403, 403, 403, 403, 403, 200, 403, 403, 403]),
        ("Directory.AccessAsUser.All", [200, 200, 200, 200, 201, 201, 403, 204, 200, 201]),
    ] {
        let token = world.scoped_token(adele, scopes);
        for ((method, path, body), expected) in requests.iter().zip(expected) {
            let answer = world.graph_as(&token, method, path, body.clone()).await;
            assert_eq!(answer.status, expected, "{scopes}: {method} {path}: {}", answer.body);
        }
    }
    let token = world.scoped_token(ben, "User.Read");
    let unknown = world.graph_as(&token, "GET", "/v1.0/users/nobody@contoso.example", Value::Null).await;
    assert_eq!(unknown.graph_error().1, "Authorization_RequestDenied", "who may not read learns of nobody");
}

#[tokio::test]
async fn owning_an_application_takes_a_token_that_may_write_applications() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let all = world.scoped_token(adele, "Application.ReadWrite.All");
    let made = json!({ "displayName": "mine", "signInAudience": "AzureADMyOrg" });
    let made = world.graph_as(&all, "POST", APPLICATIONS, made).await;
    let mine = format!("{APPLICATIONS}/{}", made.text("/id"));
    let reading = world.scoped_token(adele, "Application.Read.All");
    assert_eq!(world.graph_as(&reading, "GET", &mine, Value::Null).await.status, 200);
    for (token, expected) in [(&reading, 403), (&all, 204)] {
        assert_eq!(world.graph_as(token, "PATCH", &mine, json!({ "notes": "x" })).await.status, expected);
    }
}
