//! What a tenant is born with, and how a lost file is replaced.

use keyholder_entra::well_known::{GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR};
use keyholder_identity::{Error, TenantPlan};
use serde_json::{Value, json};

use crate::world::{DOMAIN, ORG, World};

#[tokio::test]
async fn a_tenant_has_its_administrators_and_microsofts_principals() {
    let world = World::new().await;
    assert_eq!(world.identity.tenants().await.unwrap(), [(world.tenant, DOMAIN.to_owned())]);
    assert_eq!(world.admin.user_principal_name, "admin@contoso.example");
    let found = world.graph("GET", "/v1.0/servicePrincipals?$select=displayName,appId", Value::Null).await;
    let mut names: Vec<_> =
        found.body["value"].as_array().unwrap().iter().map(|sp| sp["displayName"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [Some("Dataverse"), Some("Keyholder local administrator"), Some("Microsoft Graph")]);
    let dataverse =
        world.graph("GET", "/v1.0/servicePrincipals(appId='00000007-0000-0000-c000-000000000000')", Value::Null).await;
    assert_eq!(dataverse.text("/oauth2PermissionScopes/0/id"), "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4");
    assert_eq!(dataverse.text("/oauth2PermissionScopes/0/value"), "user_impersonation");

    for principal in [world.admin.service_principal, world.admin.user] {
        assert!(world.identity.has_directory_role(world.tenant, principal, GLOBAL_ADMINISTRATOR).await.unwrap());
        assert!(!world.identity.has_directory_role(world.tenant, principal, USER_ADMINISTRATOR).await.unwrap());
    }
    let facts = world.identity.find_application(world.tenant, world.admin.client_id).await.unwrap().unwrap();
    assert_eq!(facts.display_name, "Keyholder local administrator");
    assert_eq!(facts.service_principal, Some(world.admin.service_principal));
    assert!(facts.enabled);
}

#[tokio::test]
async fn new_credentials_end_the_old_ones() {
    let world = World::new().await;
    let (client, scope) = (world.admin.client_id.to_string(), format!("{ORG}/.default"));
    let reset = world.identity.reset_admin_credentials(world.tenant).await.unwrap();
    assert_eq!((reset.client_id, reset.user), (world.admin.client_id, world.admin.user));
    assert!(!reset.password.matches(world.admin.password.expose()));
    let old = world.token(&client, world.admin.client_secret.expose(), &scope).await;
    assert_eq!(old.token_error().2, 7_000_215);
    assert_eq!(world.token(&client, reset.client_secret.expose(), &scope).await.status, 200);
}

#[tokio::test]
async fn administrators_who_removed_themselves_come_back() {
    let world = World::new().await;
    let path = format!("/v1.0/applications(appId='{}')", world.admin.client_id);
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    let reset = world.identity.reset_admin_credentials(world.tenant).await.unwrap();
    assert_ne!(reset.client_id, world.admin.client_id);
    let token = world.token_of(reset.client_id, &reset.client_secret, "https://graph.microsoft.com/.default").await;
    let made = world.graph_as(&token, "POST", "/v1.0/applications", json!({ "displayName": "again" })).await;
    assert_eq!(made.status, 201, "it is a Global Administrator again");
}

#[tokio::test]
async fn administrators_outlive_any_clock() {
    let world = World::new().await;
    world.advance_days(365 * 60);
    world.token_of(world.admin.client_id, &world.admin.client_secret, &format!("{ORG}/.default")).await;
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let plan = |domain: &str| TenantPlan { id: None, domain: domain.to_owned(), display_name: "Other".to_owned() };
    let other = world.identity.bootstrap_tenant(&plan("Fabrikam.example")).await.unwrap();
    assert_eq!(other.user_principal_name, "admin@fabrikam.example");
    let taken = world.identity.bootstrap_tenant(&plan("CONTOSO.example")).await;
    assert!(matches!(taken, Err(Error::DomainTaken(domain)) if domain == DOMAIN));
    let no_domain = world.identity.bootstrap_tenant(&plan("no domain")).await;
    assert!(matches!(no_domain, Err(Error::Domain(_))));

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &other.client_id.to_string()),
        ("client_secret", other.client_secret.expose()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token = world.post("/fabrikam.example/oauth2/v2.0/token", &form).await;
    let token = token.text("/access_token");
    let path = format!("/v1.0/applications/{}", app.id);
    for (method, body) in [("GET", Value::Null), ("PATCH", json!({ "notes": "x" })), ("DELETE", Value::Null)] {
        assert_eq!(world.graph_as(token, method, &path, body).await.status, 404, "{method}");
    }
    let listed = world.graph_as(token, "GET", "/v1.0/applications", Value::Null).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 1, "only its own administrator");
    let at_home = world.post(&format!("/{}/oauth2/v2.0/token", world.tenant), &form).await;
    assert_eq!(at_home.token_error().2, 700_016, "an application of another tenant is unknown");
    let foreign = world.graph_as(token, "POST", "/v1.0/servicePrincipals", json!({ "appId": app.client })).await;
    assert_eq!(foreign.graph_error().0, 403);

    // The org belongs to the first tenant alone.
    let scope = format!("{ORG}/.default");
    let form = [form[0], form[1], form[2], ("scope", scope.as_str())];
    let refused = world.post("/fabrikam.example/oauth2/v2.0/token", &form).await;
    assert_eq!(refused.token_error().2, 500_011);
}

#[tokio::test]
async fn a_multi_tenant_application_signs_in_where_it_has_a_principal() {
    let world = World::new().await;
    let app = world.application("vendor").await;
    let path = format!("/v1.0/applications/{}", app.id);
    let audience = json!({ "signInAudience": "AzureADMultipleOrgs" });
    assert_eq!(world.graph("PATCH", &path, audience).await.status, 204);
    let plan = TenantPlan { id: None, domain: "fabrikam.example".to_owned(), display_name: "Fabrikam".to_owned() };
    let other = world.identity.bootstrap_tenant(&plan).await.unwrap();
    let (client, admin) = (app.client.to_string(), other.client_id.to_string());
    let scope = ("scope", "https://graph.microsoft.com/.default");
    let vendor =
        [("grant_type", "client_credentials"), ("client_id", &client), ("client_secret", app.secret.expose()), scope];
    let admin = [vendor[0], ("client_id", &admin), ("client_secret", other.client_secret.expose()), scope];
    let endpoint = "/fabrikam.example/oauth2/v2.0/token";
    assert_eq!(world.post(endpoint, &vendor).await.token_error().2, 700_016);
    let token = world.post(endpoint, &admin).await;
    let made = world
        .graph_as(token.text("/access_token"), "POST", "/v1.0/servicePrincipals", json!({ "appId": client }))
        .await;
    assert_eq!((made.status, made.text("/appOwnerOrganizationId")), (201, world.tenant.to_string().as_str()));
    assert_eq!(world.post(endpoint, &vendor).await.status, 200, "with the secret that it has at home");
}
