//! Policies for single applications and service principals, in the place of the tenant's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::graph_credentials::certificate;
use crate::world::{ORIGIN, World};

const POLICIES: &str = "/v1.0/policies/appManagementPolicies";
const DEFAULT: &str = "/v1.0/policies/defaultAppManagementPolicy";

fn secrets(kind: &str, lifetime: &Value) -> Value {
    let rule = json!({ "restrictionType": kind, "maxLifetime": lifetime, "restrictForAppsCreatedAfterDateTime": null });
    json!({ "passwordCredentials": [rule], "keyCredentials": [] })
}

fn reference(policy: &str) -> Value {
    json!({ "@odata.id": format!("{ORIGIN}{POLICIES}/{policy}") })
}

#[tokio::test]
async fn s07_a_policy_of_its_own_holds_for_an_application_over_the_tenants() {
    let world = World::new().await;
    let (app, other) = (world.application("orders-sync").await, world.application("other").await);
    let forbidden = json!({ "isEnabled": true, "applicationRestrictions": secrets("passwordAddition", &Value::Null) });
    assert_eq!(world.graph("PATCH", DEFAULT, forbidden).await.status, 204);
    let add = async |object: String| world.graph("POST", &format!("/v1.0/{object}/addPassword"), Value::Null).await;
    let refused = add(format!("applications/{}", app.id)).await;
    assert_eq!(refused.graph_error().1, "CredentialTypeNotAllowedAsPerAppPolicy");

    let wanted = json!({
        "displayName": "Short secrets", "description": "At most 90 days", "isEnabled": true,
        "restrictions": secrets("passwordLifetime", &json!("P90D")),
    });
    let made = world.graph("POST", POLICIES, wanted).await;
    assert_eq!((made.status, made.text("/displayName")), (201, "Short secrets"), "{}", made.body);
    let id = made.text("/id").to_owned();
    assert!(made.header("location").ends_with(&format!("{POLICIES}/{id}")));
    let held = format!("/v1.0/applications/{}/appManagementPolicies", app.id);
    assert_eq!(world.graph("GET", &held, Value::Null).await.body["value"], json!([]));
    assert_eq!(world.graph("POST", &format!("{held}/$ref"), reference(&id)).await.status, 204);
    let listed = world.graph("GET", &held, Value::Null).await;
    assert_eq!((listed.status, listed.text("/value/0/id")), (200, id.as_str()));
    assert_eq!(listed.text("/value/0/restrictions/passwordCredentials/0/maxLifetime"), "P90D");
    let applies = world.graph("GET", &format!("{POLICIES}/{id}/appliesTo"), Value::Null).await;
    assert_eq!(applies.text("/value/0/id"), app.id.to_string());
    assert_eq!(applies.text("/value/0/@odata.type"), "#microsoft.graph.application");

    // Secrets again, but short ones; for everybody else it is as before.
    let long = add(format!("applications/{}", app.id)).await;
    assert_eq!(long.graph_error().1, "CredentialInvalidLifetimeAsPerAppPolicy");
    let short = json!({ "passwordCredential": { "endDateTime": "2027-01-22T00:00:00Z" } });
    let path = format!("/v1.0/applications/{}/addPassword", app.id);
    assert_eq!(world.graph("POST", &path, short).await.status, 200);
    assert_eq!(add(format!("applications/{}", other.id)).await.status, 400);

    // One at most, and not twice.
    let again = world.graph("POST", &format!("{held}/$ref"), reference(&id)).await;
    assert!(again.graph_error().2.contains("'appManagementPolicies'"), "{}", again.body);
    let second = world.graph("POST", POLICIES, json!({ "displayName": "second" })).await;
    let refused = world.graph("POST", &format!("{held}/$ref"), reference(second.text("/id"))).await;
    assert!(refused.graph_error().2.contains("only one"), "{}", refused.body);

    // A policy that is off restricts nothing, and neither does the tenant's then.
    assert_eq!(world.graph("PATCH", &format!("{POLICIES}/{id}"), json!({ "isEnabled": false })).await.status, 204);
    assert_eq!(add(format!("applications/{}", app.id)).await.status, 200);
    // Taken away, the tenant's holds again.
    assert_eq!(world.graph("DELETE", &format!("{held}/{id}/$ref"), Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{held}/{id}/$ref"), Value::Null).await.status, 404);
    assert_eq!(add(format!("applications/{}", app.id)).await.status, 400);

    // A principal has one of its own in the same way; deleting the policy takes it from everybody.
    let held = format!("/v1.0/servicePrincipals/{}/appManagementPolicies", app.principal);
    let change = json!({ "isEnabled": true, "restrictions": secrets("passwordAddition", &Value::Null) });
    assert_eq!(world.graph("PATCH", &format!("{POLICIES}/{id}"), change).await.status, 204);
    assert_eq!(world.graph("POST", &format!("{held}/$ref"), reference(&id)).await.status, 204);
    assert_eq!(add(format!("servicePrincipals/{}", app.principal)).await.status, 400);
    assert_eq!(world.graph("DELETE", &format!("{POLICIES}/{id}"), Value::Null).await.status, 204);
    assert_eq!(add(format!("servicePrincipals/{}", app.principal)).await.status, 200);
    assert_eq!(world.graph("GET", &format!("{POLICIES}/{id}"), Value::Null).await.status, 404);
    let all = world.graph("GET", &format!("{POLICIES}?$filter=displayName eq 'second'"), Value::Null).await;
    assert_eq!(all.body["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn s07_a_policy_of_its_own_holds_for_certificates() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let rule = json!({ "restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P1D" });
    let restrictions = json!({ "passwordCredentials": [], "keyCredentials": [rule] });
    let wanted = json!({ "displayName": "a day", "isEnabled": true, "restrictions": restrictions });
    let made = world.graph("POST", POLICIES, wanted).await;
    let held = format!("/v1.0/applications/{}/appManagementPolicies/$ref", app.id);
    assert_eq!(world.graph("POST", &held, reference(made.text("/id"))).await.status, 204);
    let text = STANDARD.encode(certificate("two years").der);
    let credential = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": text });
    let path = format!("/v1.0/applications/{}", app.id);
    let refused = world.graph("PATCH", &path, json!({ "keyCredentials": [credential] })).await;
    assert_eq!(refused.graph_error().1, "CredentialInvalidLifetimeAsPerAppPolicy");
}

#[tokio::test]
async fn policies_that_cannot_be_and_callers_who_may_not_are_refused() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    for (body, named) in [
        (json!({ "isEnabled": true }), "'displayName'"),
        (json!({ "displayName": "a", "id": app.id }), "'id'"),
        (json!({ "displayName": "a", "applicationRestrictions": {} }), "'applicationRestrictions'"),
        (json!({ "displayName": "a", "restrictions": secrets("passwordLifetime", &Value::Null) }), "'restrictions'"),
        (json!({ "displayName": "a", "restrictions": secrets("nonsense", &Value::Null) }), "'restrictions'"),
    ] {
        let refused = world.graph("POST", POLICIES, body.clone()).await;
        let (status, _, message) = refused.graph_error();
        assert!(status == 400 && message.contains(named), "{body}: {message}");
    }
    let held = format!("/v1.0/applications/{}/appManagementPolicies", app.id);
    let unknown = reference("11111111-0000-4000-8000-000000000009");
    assert_eq!(world.graph("POST", &format!("{held}/$ref"), unknown).await.status, 404);
    let wrong = json!({ "@odata.id": format!("{ORIGIN}/v1.0/users/{}", app.id) });
    assert_eq!(world.graph("POST", &format!("{held}/$ref"), wrong).await.status, 400);
    let person = world.person_token(world.person("adele").await);
    for (method, path) in [("GET", POLICIES.to_owned()), ("GET", held.clone()), ("POST", POLICIES.to_owned())] {
        let body = if method == "POST" { json!({ "displayName": "a" }) } else { Value::Null };
        assert_eq!(world.graph_as(&person, method, &path, body).await.status, 403, "{method} {path}");
    }
    for at in 0..100 {
        let made = world.graph("POST", POLICIES, json!({ "displayName": format!("policy {at}") })).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    let full = world.graph("POST", POLICIES, json!({ "displayName": "one too many" })).await;
    assert_eq!(full.graph_error().1, "Directory_QuotaExceeded");
}
