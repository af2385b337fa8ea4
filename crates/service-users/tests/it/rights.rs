//! What a person may do of a plan, by the directory's own word.

use std::collections::BTreeMap;

use keyholder_client::credential::DYNAMICS_TOOLS;
use keyholder_client::{Connection, CredentialChoice};
use keyholder_foundation::Secret;
use keyholder_service_users::declaration::{Declaration, Sink};
use keyholder_service_users::observe::{Look, observe};
use keyholder_service_users::plan::{Leave, plan};
use keyholder_service_users::{Administrator, Estate, Sinks, rights};
use serde_json::json;

use crate::non_interactive::world::House;

const APPLICATION_DEVELOPER: &str = "cf1c38e5-3621-4004-a7cb-879624dced7c";
const APPLICATION_ADMINISTRATOR: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
const PASSWORD: &str = "Correct-horse-9-battery";

/// Somebody of the tenant with one directory role, or none.
async fn person(house: &House, name: &str, role: Option<&str>) -> Connection {
    let world = &house.world;
    let token = world.admin_token().await;
    let user_name = house.name(name);
    let body = json!({
        "accountEnabled": true, "displayName": name, "mailNickname": name, "userPrincipalName": user_name,
        "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
    });
    let made = world.graph(&token, "POST", "users", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    if let Some(role) = role {
        let body = json!({"principalId": made.body["id"], "roleDefinitionId": role, "directoryScopeId": "/"});
        let given = world.graph(&token, "POST", "roleManagement/directory/roleAssignments", Some(&body)).await;
        assert_eq!(given.status, 201, "{}", given.text);
    }
    let credential = CredentialChoice::Password { username: user_name, password: Secret::new(PASSWORD) };
    Connection { client_id: DYNAMICS_TOOLS, credential, ..world.connection() }
}

/// What that person may not do of a new application with consent.
async fn missing(house: &House, connection: Connection, declaration: &Declaration) -> Vec<String> {
    let administrator = Administrator::connect(connection, house.access.http.clone()).await.unwrap();
    let estate = Estate::new(declaration, BTreeMap::from([("org".to_owned(), Ok(administrator))]));
    let seen = observe(&estate, declaration, &Sinks::default(), Look::default()).await.unwrap();
    let plan = plan(declaration, &seen, Leave::default());
    assert!(plan.has_changes(), "{plan:#?}");
    rights::missing(&estate, &seen, &plan).await
}

#[tokio::test]
async fn s18_a_persons_directory_roles_are_looked_at_before_anything_changes() {
    let house = House::new().await;
    let url = house.world.connection().url;
    let sink = Sink::EnvFile(house.folder.path().join("orders.env"));
    let with_consent = Declaration::reading_contacts("orders-sync", &url, sink);
    let mut without = with_consent.clone();
    without.application_users.values_mut().for_each(|user| user.user_impersonation = false);

    let administrator = person(&house, "anna", Some(APPLICATION_ADMINISTRATOR)).await;
    assert_eq!(missing(&house, administrator, &with_consent).await, Vec::<String>::new());
    let developer = person(&house, "bert", Some(APPLICATION_DEVELOPER)).await;
    let [said] = &missing(&house, developer.clone(), &with_consent).await[..] else { panic!("one is missing") };
    assert!(said.contains("consent for everybody") && said.contains("Application Administrator"), "{said}");
    // Whoever makes a registration owns it, and may do the rest about it.
    assert_eq!(missing(&house, developer.clone(), &without).await, Vec::<String>::new());

    // What is there already and somebody else's takes more than that.
    let token = house.world.admin_token().await;
    let body = json!({"displayName": "theirs", "signInAudience": "AzureADMyOrg"});
    let theirs = house.world.graph(&token, "POST", "applications", Some(&body)).await;
    let client_id = theirs.body["appId"].as_str().unwrap().parse().unwrap();
    without.application_users.values_mut().for_each(|user| user.client_id = Some(client_id));
    let [said] = &missing(&house, developer, &without).await[..] else { panic!("one is missing") };
    assert!(said.contains("not its own"), "{said}");
}
