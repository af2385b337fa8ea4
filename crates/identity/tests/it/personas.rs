//! Personas, as the token service and the directory treat them.

use keyholder_identity::{Audience, MadePersona, Persona};
use serde_json::{Value, json};

use crate::world::World;

const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const GRAPH: &str = "https://graph.microsoft.com";

async fn sign_in(world: &World, who: &MadePersona) -> String {
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    let form = [
        ("grant_type", "password"),
        ("client_id", AZURE_CLI),
        ("username", who.user_principal_name.as_str()),
        ("password", who.password.expose()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let answer = world.post(&path, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("/access_token").to_owned()
}

#[tokio::test]
async fn s18_a_delegated_administrator_comes_from_elsewhere_and_is_no_object_of_the_directory() {
    let world = World::new().await;
    let delegate = world.identity.make_persona(world.tenant, Persona::DelegatedAdministrator).await.unwrap();
    let token = sign_in(&world, &delegate).await;
    let verified = world.identity.verify(&token, &Audience::any_of([GRAPH])).unwrap();
    assert!(verified.delegated && verified.tenant == world.tenant);
    // May what a Global Administrator may...
    let made = world.graph_as(&token, "POST", "/v1.0/users", crate::world::person("anna")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let app = world.graph_as(&token, "POST", "/v1.0/applications", json!({ "displayName": "job" })).await;
    assert_eq!(app.status, 201, "{}", app.body);
    let owners = format!("/v1.0/applications/{}/owners", app.text("/id"));
    assert_eq!(world.graph("GET", &owners, Value::Null).await.body["value"], json!([]), "and owns nothing");
    // ... and is not there.
    let id = delegate.user;
    for path in [format!("/v1.0/users/{id}"), format!("/v1.0/directoryObjects/{id}"), "/v1.0/me".to_owned()] {
        assert_eq!(world.graph_as(&token, "GET", &path, Value::Null).await.status, 404, "{path}");
    }
    let users = world.graph("GET", "/v1.0/users?$select=id", Value::Null).await;
    assert!(!users.body.to_string().contains(&id.to_string()));
    // Making it again gives another password, and the old one is over.
    let again = world.identity.make_persona(world.tenant, Persona::DelegatedAdministrator).await.unwrap();
    assert_eq!((again.user, again.password.expose() == delegate.password.expose()), (id, false));
    sign_in(&world, &again).await;
}

#[tokio::test]
async fn s18_a_person_without_rights_is_refused_what_takes_a_role() {
    let world = World::new().await;
    let nobody = world.identity.make_persona(world.tenant, Persona::WithoutRights).await.unwrap();
    let token = sign_in(&world, &nobody).await;
    assert_eq!(world.graph_as(&token, "GET", "/v1.0/me", Value::Null).await.status, 200);
    let made = world.graph_as(&token, "POST", "/v1.0/users", crate::world::person("anna")).await;
    assert_eq!(made.graph_error().1, "Authorization_RequestDenied");
    let details = world.graph("GET", &format!("/v1.0/users/{}/licenseDetails", nobody.user), Value::Null).await;
    assert_eq!(details.body["value"].as_array().map(Vec::len), Some(1), "it has a licence");
}
