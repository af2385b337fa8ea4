//! Certificates, proofs, secrets of principals and federated credentials.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{START, World};

const APPLICATIONS: &str = "/v1.0/applications";

/// A key and its certificate, good for all of 2026 and 2027.
pub(crate) struct Certificate {
    key: rcgen::KeyPair,
    pub(crate) der: Vec<u8>,
}

pub(crate) fn certificate(name: &str) -> Certificate {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2028, 1, 1);
    let der = parameters.self_signed(&key).unwrap().der().to_vec();
    Certificate { key, der }
}

/// Base64 in lines, as scripts cut it out of PEM files.
fn in_lines(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned() + "\r\n").collect()
}

#[tokio::test]
async fn s07_certificates_are_a_list_that_is_replaced_as_a_whole() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    let (one, two) = (certificate("one"), certificate("two"));
    let entry = |der: &[u8]| json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": in_lines(der) });
    assert_eq!(world.graph("PATCH", &path, json!({ "keyCredentials": [entry(&one.der)] })).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    let first = found.body["keyCredentials"][0].clone();
    assert_eq!((&first["key"], &first["displayName"]), (&Value::Null, &json!("CN=one")));
    assert_eq!(first["endDateTime"], "2028-01-01T00:00:00Z");
    let thumbprint = STANDARD.decode(first["customKeyIdentifier"].as_str().unwrap()).unwrap();
    assert_eq!(thumbprint.len(), 20);
    let selected = world.graph("GET", &format!("{path}?$select=keyCredentials"), Value::Null).await;
    assert_eq!(selected.text("/keyCredentials/0/key"), STANDARD.encode(&one.der));

    // One stays, one comes; then only the new one stays.
    let both = json!({ "keyCredentials": [first, entry(&two.der)] });
    assert_eq!(world.graph("PATCH", &path, both).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["keyCredentials"].as_array().unwrap().len(), 2);
    let second = found.body["keyCredentials"].as_array().unwrap().iter().find(|key| key["displayName"] == "CN=two");
    let second = second.unwrap().clone();
    let mut other = second.clone();
    other["key"] = json!(STANDARD.encode(&one.der));
    let refused = world.graph("PATCH", &path, json!({ "keyCredentials": [other] })).await;
    assert!(refused.graph_error().2.starts_with("Update to existing credential with KeyId"), "{}", refused.body);
    assert_eq!(world.graph("PATCH", &path, json!({ "keyCredentials": [second] })).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["keyCredentials"], json!([second]));
    assert_eq!(world.graph("PATCH", &path, json!({ "displayName": "x" })).await.status, 204);
    assert_eq!(world.graph("GET", &path, Value::Null).await.body["keyCredentials"], json!([second]));

    for wrong in [
        json!({ "key": "AAAA" }),
        json!({ "key": "?" }),
        json!({ "key": in_lines(&one.der), "type": "Symmetric" }),
        json!({ "key": in_lines(&one.der), "usage": "Sign" }),
        json!({ "key": in_lines(&one.der), "endDateTime": "2030-01-01T00:00:00Z" }),
        json!({ "key": in_lines(&one.der), "endDateTime": "2026-01-02T00:00:00Z" }),
        json!({ "keyId": app.id }),
        json!({}),
        json!(7),
    ] {
        let refused = world.graph("PATCH", &path, json!({ "keyCredentials": [wrong.clone()] })).await;
        assert_eq!(refused.status, 400, "{wrong}");
    }
    assert_eq!(world.graph("GET", &path, Value::Null).await.body["keyCredentials"], json!([second]));
}

#[tokio::test]
async fn s07_a_service_principal_signs_in_by_a_certificate_of_its_own() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("/v1.0/servicePrincipals/{}", app.principal);
    let own = certificate("own");
    let entry = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": in_lines(&own.der) });
    let add = json!({ "keyCredentials": [entry] });
    let signed_in = async || {
        let audience = format!("{}/{}/oauth2/v2.0/token", crate::world::ORIGIN, world.tenant);
        let claims = json!({ "aud": audience, "iss": app.client, "sub": app.client, "nbf": START, "exp": START + 600 });
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        let sha1 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &own.der);
        header.x5t = Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha1.as_ref()));
        let key = jsonwebtoken::EncodingKey::from_rsa_der(&rsa_private_key(&own.key));
        let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app.client.to_string()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        world.post(&format!("/{}/oauth2/v2.0/token", world.tenant), &form).await
    };
    assert_eq!(signed_in().await.token_error(), (401, "invalid_client", 700_027));
    let changed = world.graph("PATCH", &path, add.clone()).await;
    assert_eq!(changed.status, 204, "{}", changed.body);
    let shown = world.graph("GET", &path, Value::Null).await.body["keyCredentials"].clone();
    assert_eq!((&shown[0]["displayName"], &shown[0]["key"]), (&json!("CN=own"), &Value::Null), "{shown}");
    let of_application = world.graph("GET", &format!("{APPLICATIONS}/{}", app.id), Value::Null).await;
    assert_eq!(of_application.body["keyCredentials"], json!([]), "it is the principal's alone");
    assert_eq!(signed_in().await.status, 200);
    // What stays is named by its id alone, and what is left out goes.
    assert_eq!(world.graph("PATCH", &path, json!({ "keyCredentials": shown })).await.status, 204);
    assert_eq!(signed_in().await.status, 200);
    let refused = world.graph("PATCH", &path, json!({ "keyCredentials": [{ "keyId": app.id }] })).await;
    assert!(refused.graph_error().2.contains("'ServicePrincipal'"), "{}", refused.body);
    assert_eq!(world.graph("PATCH", &path, json!({ "keyCredentials": [] })).await.status, 204);
    assert_eq!(signed_in().await.token_error(), (401, "invalid_client", 700_027));
    // An application can forbid its principals credentials of their own.
    let lock = json!({ "servicePrincipalLockConfiguration": { "isEnabled": true, "allProperties": true } });
    assert_eq!(world.graph("PATCH", &format!("{APPLICATIONS}/{}", app.id), lock).await.status, 204);
    assert_eq!(world.graph("PATCH", &path, add).await.status, 400);
}

#[tokio::test]
async fn secrets_and_certificates_share_the_room_of_all_lists() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    let token = world.admin_token().await;
    let add = async || world.graph_as(&token, "POST", &format!("{path}/addPassword"), Value::Null).await;
    for number in 2..=101 {
        assert_eq!(add().await.status, 200, "the secret number {number}");
    }
    let scope = "https://graph.microsoft.com/.default";
    world.token_of(app.client, &app.secret, scope).await;
    let uris: Vec<String> = (0..898).map(|number| format!("https://a.example/{number}")).collect();
    assert_eq!(world.graph("PATCH", &path, json!({ "web": { "redirectUris": uris } })).await.status, 204);
    assert_eq!(add().await.status, 200, "the thousandth item");
    let full = "The size of the object has exceeded its limit.";
    let refused = add().await;
    assert!(refused.graph_error().2.starts_with(full), "{}", refused.body);
    let entry = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": in_lines(&certificate("x").der) });
    let refused = world.graph("PATCH", &path, json!({ "keyCredentials": [entry] })).await;
    assert!(refused.graph_error().2.starts_with(full), "{}", refused.body);
    let fits = world.graph("PATCH", &path, json!({ "web": { "redirectUris": [] }, "keyCredentials": [entry] })).await;
    assert_eq!(fits.status, 204, "{}", fits.body);
}

#[tokio::test]
async fn s09_a_registration_that_is_deactivated_gets_no_more_tokens() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let (path, scope) = (format!("{APPLICATIONS}/{}", app.id), "https://graph.microsoft.com/.default");
    let token = world.token_of(app.client, &app.secret, scope).await;
    let set = async |is_disabled: Value| {
        assert_eq!(world.graph("PATCH", &path, json!({ "isDisabled": is_disabled })).await.status, 204);
        let principal = world.graph("GET", &format!("/v1.0/servicePrincipals/{}", app.principal), Value::Null).await;
        assert_eq!(principal.body["isDisabled"], is_disabled);
        assert_eq!(world.graph("GET", &path, Value::Null).await.body["isDisabled"], is_disabled);
        assert_eq!(principal.body["accountEnabled"], true);
        world.token(&app.client.to_string(), app.secret.expose(), scope).await
    };
    assert_eq!(set(json!(true)).await.token_error(), (400, "unauthorized_client", 7_000_112));
    // What was got before is good until it expires: refused for want of rights, not of a living application.
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 403);
    assert_eq!(set(json!(false)).await.status, 200);
    assert_eq!(set(json!(true)).await.status, 400);
    assert_eq!(set(Value::Null).await.status, 200);
}

#[tokio::test]
async fn s08_an_application_rolls_its_own_certificate_with_proof_and_no_rights() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    let (old, new) = (certificate("old"), certificate("new"));
    let entry = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": in_lines(&old.der) });
    assert_eq!(world.graph("PATCH", &path, json!({ "keyCredentials": [entry] })).await.status, 204);
    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    let proof = |by: &Certificate, issuer: &str, audience: &str, age: i64| {
        let key = jsonwebtoken::EncodingKey::from_rsa_der(&rsa_private_key(&by.key));
        let claims = json!({ "aud": audience, "iss": issuer, "nbf": START - age, "exp": START - age + 600 });
        jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), &claims, &key).unwrap()
    };
    let long = |id: &str| {
        let key = jsonwebtoken::EncodingKey::from_rsa_der(&rsa_private_key(&old.key));
        let audience = "00000002-0000-0000-c000-000000000000";
        let claims = json!({ "aud": audience, "iss": id, "nbf": START, "exp": START + 601 });
        jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), &claims, &key).unwrap()
    };
    let (me, audience) = (app.id.to_string(), "00000002-0000-0000-c000-000000000000");
    let add = async |proof: String| {
        let body = json!({
            "keyCredential": { "type": "AsymmetricX509Cert", "usage": "Verify", "key": in_lines(&new.der) },
            "passwordCredential": null, "proof": proof,
        });
        world.graph_as(&token, "POST", &format!("{path}/addKey"), body).await
    };
    for wrong in [
        proof(&new, &me, audience, 0),
        proof(&old, &app.client.to_string(), audience, 0),
        proof(&old, &me, "https://graph.microsoft.com", 0),
        proof(&old, &me, audience, 1000),
        long(&me),
        "nonsense".to_owned(),
    ] {
        assert_eq!(add(wrong).await.status, 401);
    }
    let added = add(proof(&old, &me, audience, 0)).await;
    assert_eq!((added.status, added.text("/displayName")), (200, "CN=new"), "{}", added.body);

    let keys = world.graph("GET", &path, Value::Null).await;
    let of = |name: &str| {
        let list = keys.body["keyCredentials"].as_array().unwrap();
        list.iter().find(|key| key["displayName"] == name).unwrap()["keyId"].clone()
    };
    let remove = async |key: Value, proof: String| {
        let body = json!({ "keyId": key, "proof": proof });
        world.graph_as(&token, "POST", &format!("{path}/removeKey"), body).await.status
    };
    assert_eq!(remove(of("CN=old"), proof(&new, &me, audience, 0)).await, 204);
    assert_eq!(remove(of("CN=new"), proof(&old, &me, audience, 0)).await, 401, "the old one is gone");
    assert_eq!(remove(json!(app.id), proof(&new, &me, audience, 0)).await, 400);
}

/// The PKCS#1 key inside a PKCS#8 envelope of an RSA key: what follows its fixed head.
fn rsa_private_key(key: &rcgen::KeyPair) -> Vec<u8> {
    let pkcs8 = key.serialize_der();
    pkcs8[26..].to_vec()
}

#[tokio::test]
async fn s07_a_principal_has_secrets_of_its_own() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("/v1.0/servicePrincipals/{}", app.principal);
    let added = world.graph("POST", &format!("{path}/addPassword"), json!({})).await;
    assert_eq!(added.status, 200, "{}", added.body);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["passwordCredentials"][0]["keyId"], added.body["keyId"]);
    let sign_in = async || {
        world.token(&app.client.to_string(), added.text("/secretText"), "https://graph.microsoft.com/.default").await
    };
    assert_eq!(sign_in().await.status, 200, "it signs in as the application's own do");
    let remove = json!({ "keyId": added.body["keyId"] });
    assert_eq!(world.graph("POST", &format!("{path}/removePassword"), remove).await.status, 204);
    assert_eq!(sign_in().await.status, 401);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["passwordCredentials"], json!([]));
}

#[tokio::test]
async fn s07_a_patch_only_takes_secrets_away() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}", app.id);
    world.add_secret(app.id, json!({ "displayName": "second" })).await;
    let found = world.graph("GET", &path, Value::Null).await;
    let kept = found.body["passwordCredentials"][0].clone();
    assert_eq!(kept["displayName"], "second");
    assert_eq!(world.graph("PATCH", &path, json!({ "passwordCredentials": [kept] })).await.status, 204);
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.body["passwordCredentials"], json!([kept]));
    let personal = world.graph("POST", APPLICATIONS, json!({ "displayName": "personal" })).await;
    let add = format!("{APPLICATIONS}/{}/addPassword", personal.text("/id"));
    for expected in [200, 200, 400] {
        assert_eq!(world.graph("POST", &add, Value::Null).await.status, expected, "personal accounts: two secrets");
    }
}

#[tokio::test]
async fn s07_federated_credentials_stand_in_for_secrets() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let path = format!("{APPLICATIONS}/{}/federatedIdentityCredentials", app.id);
    let wanted = |name: &str, subject: &str| {
        json!({
            "name": name, "issuer": "https://token.actions.githubusercontent.com", "subject": subject,
            "audiences": ["api://AzureADTokenExchange"], "description": "CI",
        })
    };
    let made = world.graph("POST", &path, wanted("ci-main", "repo:a/b:ref:refs/heads/main")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    for key in [made.text("/id"), "ci-main"] {
        let found = world.graph("GET", &format!("{path}/{key}"), Value::Null).await;
        assert_eq!((found.status, found.text("/subject")), (200, "repo:a/b:ref:refs/heads/main"));
    }
    let by_key = format!("{APPLICATIONS}(appId='{}')/federatedIdentityCredentials(name='ci-main')", app.client);
    assert_eq!(world.graph("GET", &by_key, Value::Null).await.text("/id"), made.text("/id"));
    let filtered = world.graph("GET", &format!("{path}?$filter=subject eq 'none'"), Value::Null).await;
    assert_eq!(filtered.body["value"], json!([]));

    let same = world.graph("POST", &path, wanted("other", "repo:a/b:ref:refs/heads/main")).await;
    assert_eq!((same.status, same.graph_error().1), (400, "Request_BadRequest"));
    let name = world.graph("POST", &path, wanted("ci-main", "repo:c")).await;
    assert_eq!((name.status, name.graph_error().1), (409, "Request_MultipleObjectsWithSameKeyValue"));
    for (property, value, message) in [
        ("audiences", json!([]), "Federated identity credentials must have exactly one audience."),
        ("audiences", json!(["a", "b"]), "Federated identity credentials must have exactly one audience."),
        (
            "name",
            json!("a b"),
            "Invalid value specified for property 'name' of resource 'FederatedIdentityCredential'.",
        ),
        ("name", json!("ab"), "Invalid value specified for property 'name' of resource 'FederatedIdentityCredential'."),
        (
            "issuer",
            json!("nonsense"),
            "Invalid value specified for property 'issuer' of resource 'FederatedIdentityCredential'.",
        ),
        (
            "subject",
            json!("repo:*"),
            "Invalid value specified for property 'subject' of resource 'FederatedIdentityCredential'.",
        ),
        (
            "subject",
            json!("x".repeat(601)),
            "Invalid value specified for property 'subject' of resource 'FederatedIdentityCredential'.",
        ),
        (
            "subject",
            Value::Null,
            "A value is required for property 'subject' of resource 'FederatedIdentityCredential'.",
        ),
    ] {
        let mut wrong = wanted("fresh", "repo:fresh");
        wrong[property] = value;
        assert_eq!(world.graph("POST", &path, wrong).await.graph_error(), (400, "Request_BadRequest", message));
    }
    let change = json!({ "subject": "repo:a/b:environment:prod", "description": null });
    assert_eq!(world.graph("PATCH", &format!("{path}/ci-main"), change).await.status, 204);
    let rename = json!({ "name": "renamed" });
    assert_eq!(world.graph("PATCH", &format!("{path}/ci-main"), rename).await.status, 400, "a name never changes");
    for more in 0..19 {
        assert_eq!(world.graph("POST", &path, wanted(&format!("n-{more}"), &format!("s:{more}"))).await.status, 201);
    }
    let full = world.graph("POST", &path, wanted("one-more", "one:more")).await;
    assert_eq!((full.status, full.graph_error().1), (400, "Directory_QuotaExceeded"));
    assert_eq!(world.graph("DELETE", &format!("{path}/ci-main"), Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{path}/ci-main"), Value::Null).await.status, 404);
}
