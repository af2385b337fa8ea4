//! What an object looks like of which little was said: the properties that real ones have, with the
//! values that real ones have.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::world::World;

/// Where recorded bodies of the real service may be found.
fn recorded() -> PathBuf {
    std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("data/fixtures/graph-http.jsonl")
}

fn names(object: &Value) -> BTreeSet<String> {
    let names = object.as_object().into_iter().flatten().map(|(name, _)| name.clone());
    names.filter(|name| !name.contains('@')).collect()
}

/// The objects of a body, and which collection its context says that they are of.
fn objects(body: &Value) -> Option<(&'static str, Vec<&Value>)> {
    let (_, context) = body.get("@odata.context")?.as_str()?.split_once("$metadata#")?;
    let set = ["applications", "servicePrincipals", "users"].into_iter().find(|set| {
        let rest = context.strip_prefix(set);
        rest.is_some_and(|rest| rest.is_empty() || rest == "/$entity")
    })?;
    let list = body.get("value").and_then(Value::as_array);
    Some((set, list.map_or_else(|| vec![body], |list| list.iter().collect())))
}

#[tokio::test]
async fn every_property_of_a_recorded_object_is_there() {
    let file = recorded();
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: there is no {}", file.display());
        return;
    };
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let ours = [("applications", app.id), ("servicePrincipals", app.principal), ("users", world.person("adele").await)];
    let mut compared = 0;
    for line in text.lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let Some((set, objects)) = recorded["response"].get("json").and_then(objects) else { continue };
        let (_, id) = ours.iter().find(|(name, _)| *name == set).unwrap();
        for object in objects {
            let theirs = names(object);
            // Both when they are shown anyway and when they are asked for.
            let shown = world.graph("GET", &format!("/v1.0/{set}/{id}"), Value::Null).await;
            let select: Vec<_> = theirs.iter().map(String::as_str).collect();
            let selected =
                world.graph("GET", &format!("/v1.0/{set}/{id}?$select={}", select.join(",")), Value::Null).await;
            assert_eq!(names(&selected.body), theirs, "{} of {}", set, recorded["id"]);
            let missing: Vec<_> = theirs.difference(&names(&shown.body)).cloned().collect();
            assert!(missing.is_empty(), "{missing:?} of {set} in {}", recorded["id"]);
            compared += 1;
        }
    }
    assert!(compared >= 6, "only {compared} recorded objects were found in {}", file.display());
}

#[tokio::test]
async fn a_new_registration_has_what_real_ones_have() {
    let world = World::new().await;
    let made = world.graph("POST", "/v1.0/applications", json!({ "displayName": "Display name" })).await;
    let nobody = json!({ "displayName": null, "verifiedPublisherId": null, "addedDateTime": null });
    for (name, value) in [
        ("addIns", json!([])),
        ("applicationTemplateId", Value::Null),
        ("certification", Value::Null),
        ("createdByAppId", json!(world.admin.client_id)),
        ("disabledByMicrosoftStatus", Value::Null),
        ("groupMembershipClaims", Value::Null),
        ("isDisabled", Value::Null),
        ("optionalClaims", Value::Null),
        ("parentalControlSettings", json!({ "countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow" })),
        ("requestSignatureVerification", Value::Null),
        ("samlMetadataUrl", Value::Null),
        ("tokenEncryptionKeyId", Value::Null),
        ("verifiedPublisher", nobody.clone()),
    ] {
        assert_eq!(made.body.get(name), Some(&value), "{name}");
    }
    // Personal accounts come with it, and those have tokens of the second version.
    assert_eq!(made.body["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(made.body.get("authenticationBehaviors"), None);
    let path = format!("/v1.0/applications/{}", made.text("/id"));
    let selected = world.graph("GET", &format!("{path}?$select=id,authenticationBehaviors"), Value::Null).await;
    assert_eq!(selected.body["authenticationBehaviors"], Value::Null);
    assert_eq!(selected.status, 200);

    let body = json!({ "appId": made.body["appId"] });
    let principal = world.graph("POST", "/v1.0/servicePrincipals", body).await;
    for (name, value) in [
        ("addIns", json!([])),
        ("alternativeNames", json!([])),
        ("applicationTemplateId", Value::Null),
        ("createdByAppId", json!(world.admin.client_id)),
        ("description", Value::Null),
        ("disabledByMicrosoftStatus", Value::Null),
        ("loginUrl", Value::Null),
        ("notificationEmailAddresses", json!([])),
        ("preferredSingleSignOnMode", Value::Null),
        ("preferredTokenSigningKeyThumbprint", Value::Null),
        ("resourceSpecificApplicationPermissions", json!([])),
        ("samlSingleSignOnSettings", Value::Null),
        ("tokenEncryptionKeyId", Value::Null),
        ("verifiedPublisher", nobody),
    ] {
        assert_eq!(principal.body.get(name), Some(&value), "{name}");
    }
    // What was read is fine to be sent back whole.
    let sent = json!({
        "verifiedPublisher": made.body["verifiedPublisher"], "certification": null,
        "addIns": [], "parentalControlSettings": made.body["parentalControlSettings"],
    });
    assert_eq!(world.graph("PATCH", &path, sent).await.status, 204);
    // In the recycle bin, among objects of other kinds, it has them too.
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    let path = format!("/v1.0/directory/deletedItems/{}", made.text("/id"));
    assert_eq!(world.graph("GET", &path, Value::Null).await.body.get("isDisabled"), Some(&Value::Null));
}

#[tokio::test]
async fn what_clients_write_is_given_back() {
    let world = World::new().await;
    let app = world.application("shop").await;
    let path = format!("/v1.0/applications/{}", app.id);
    let add_in = json!({
        "id": "11111111-0000-4000-8000-000000000007", "type": "powershell",
        "properties": [{ "key": "expandedUrl", "value": "https://shop.contoso.example" }],
    });
    let claim =
        json!({ "name": "groups", "source": null, "essential": false, "additionalProperties": ["emit_as_roles"] });
    let wanted = json!({
        "addIns": [add_in],
        "groupMembershipClaims": "SecurityGroup, ApplicationGroup",
        "optionalClaims": { "idToken": [], "accessToken": [claim], "saml2Token": [] },
        "parentalControlSettings": { "countriesBlockedForMinors": ["NL"], "legalAgeGroupRule": "BlockMinors" },
        "requestSignatureVerification": { "isSignedRequestRequired": true, "allowedWeakAlgorithms": null },
        "samlMetadataUrl": "https://shop.contoso.example/metadata",
    });
    assert_eq!(world.graph("PATCH", &path, wanted.clone()).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(found.body.get(name), Some(value), "{name}");
    }
    let principal = format!("/v1.0/servicePrincipals/{}", app.principal);
    assert_eq!(world.graph("GET", &principal, Value::Null).await.body["addIns"], wanted["addIns"]);
    let wanted = json!({
        "alternativeNames": ["isExplicit=True"], "description": "Orders of the shop",
        "loginUrl": "https://shop.contoso.example/in", "notificationEmailAddresses": ["adele@contoso.example"],
        "preferredSingleSignOnMode": "saml", "samlSingleSignOnSettings": { "relayState": "/orders" },
        "preferredTokenSigningKeyThumbprint": "0123456789ABCDEF0123456789ABCDEF01234567",
    });
    assert_eq!(world.graph("PATCH", &principal, wanted.clone()).await.status, 204);
    // Something else changes: what was said before stays.
    assert_eq!(world.graph("PATCH", &principal, json!({ "accountEnabled": false })).await.status, 204);
    let filter = "/v1.0/servicePrincipals?$filter=preferredSingleSignOnMode eq 'saml'";
    let found = world.graph("GET", filter, Value::Null).await;
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(found.body["value"][0].get(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn values_that_the_service_does_not_know_are_refused_by_name() {
    let world = World::new().await;
    let app = world.application("shop").await;
    for (path, change, named) in [
        (format!("applications/{}", app.id), json!({ "groupMembershipClaims": "Everybody" }), "groupMembershipClaims"),
        (format!("applications/{}", app.id), json!({ "addIns": [{ "type": "x" }] }), "addIns"),
        (format!("applications/{}", app.id), json!({ "optionalClaims": { "cookie": [] } }), "cookie"),
        (format!("applications/{}", app.id), json!({ "optionalClaims": { "idToken": [{}] } }), "optionalClaims"),
        (
            format!("applications/{}", app.id),
            json!({ "parentalControlSettings": { "legalAgeGroupRule": "Never" } }),
            "parentalControlSettings",
        ),
        (format!("applications/{}", app.id), json!({ "samlMetadataUrl": "metadata" }), "samlMetadataUrl"),
        (format!("applications/{}", app.id), json!({ "createdByAppId": app.client }), "createdByAppId"),
        (format!("applications/{}", app.id), json!({ "isDisabled": "perhaps" }), "isDisabled"),
        (format!("servicePrincipals/{}", app.principal), json!({ "isDisabled": true }), "isDisabled"),
        (
            format!("servicePrincipals/{}", app.principal),
            json!({ "preferredSingleSignOnMode": "magic" }),
            "preferredSingleSignOnMode",
        ),
        (
            format!("servicePrincipals/{}", app.principal),
            json!({ "notificationEmailAddresses": ["nobody"] }),
            "notificationEmailAddresses",
        ),
        (format!("servicePrincipals/{}", app.principal), json!({ "loginUrl": "ftp://shop" }), "loginUrl"),
        (format!("servicePrincipals/{}", app.principal), json!({ "addIns": [{ "id": app.id }] }), "addIns"),
    ] {
        let refused = world.graph("PATCH", &format!("/v1.0/{path}"), change.clone()).await;
        let (status, _, message) = refused.graph_error();
        assert!(status == 400 && message.contains(&format!("'{named}'")), "{change}: {status} {message}");
    }
}
