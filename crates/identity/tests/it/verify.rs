//! Which tokens a door takes, and which it refuses.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyholder_foundation::TenantId;
use keyholder_identity::{Audience, SigningKey, TokenProblem};
use serde_json::{Value, json};

use crate::world::{ORG, ORIGIN, World, foreign_key_pem, key_pem};

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_token_opens_the_doors_it_is_for() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let org = Audience::any_of([ORG]).of_tenant(world.tenant);
    let token = world.token_of(app.client, &app.secret, &format!("{ORG}//.default")).await;
    let verified = world.identity.verify(&token, &org).unwrap();
    assert_eq!((verified.client, verified.object_id), (app.client, app.principal));
    assert!(verified.app_only);
    assert_eq!(verified.audience, format!("{ORG}/"));
    assert_eq!(world.identity.verify(&token, &org).unwrap(), verified, "the second time from memory");
    assert_eq!(world.identity.verify(&token, &Audience::any_of([ORIGIN])), Err(TokenProblem::Audience));
    let elsewhere = Audience::any_of([ORG]).of_tenant(TenantId(uuid::Uuid::nil()));
    assert_eq!(world.identity.verify(&token, &elsewhere), Err(TokenProblem::Tenant));
}

#[tokio::test]
async fn a_token_ends_by_the_org_clock_with_five_minutes_of_grace() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let org = Audience::any_of([ORG]);
    let token = world.token_of(app.client, &app.secret, &format!("{ORG}/.default")).await;
    world.clock.advance(Duration::from_secs(3600 + 299));
    assert!(world.identity.verify(&token, &org).is_ok());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.identity.verify(&token, &org), Err(TokenProblem::Expired));
    world.identity.verify("", &org).unwrap_err();
}

#[tokio::test]
async fn a_token_from_the_future_is_refused() {
    let world = World::new().await;
    let later = World::new().await;
    later.clock.advance(Duration::from_secs(601));
    // The same key signs in both worlds.
    let token = later.token_of(later.admin.client_id, &later.admin.client_secret, &format!("{ORG}/.default")).await;
    let org = Audience::any_of([ORG]);
    assert_eq!(world.identity.verify(&token, &org), Err(TokenProblem::NotYetValid));
    world.clock.advance(Duration::from_secs(1));
    assert!(world.identity.verify(&token, &org).is_ok());
}

#[tokio::test]
async fn nothing_but_our_own_signature_counts() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let org = Audience::any_of([ORG]);
    let token = world.token_of(app.client, &app.secret, &format!("{ORG}/.default")).await;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["oid"] = json!(world.admin.service_principal);
    let kid = SigningKey::from_pem(key_pem(), None).unwrap().id().to_owned();
    let verify = |token: String| world.identity.verify(&token, &org).unwrap_err();

    let tampered = format!("{header}.{}.{signature}", part(&claims));
    assert_eq!(verify(tampered), TokenProblem::Signature);
    for alg in ["none", "HS256", "RS384", "PS256", "rs256"] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": kid }));
        assert_eq!(verify(format!("{header}.{payload}.")), TokenProblem::Algorithm, "{alg}");
        assert_eq!(verify(format!("{header}.{payload}.{signature}")), TokenProblem::Algorithm, "{alg}");
    }
    let unsigned = part(&json!({ "alg": "RS256", "kid": kid }));
    assert_eq!(verify(format!("{unsigned}.{payload}.")), TokenProblem::Signature);
    for header in [json!({ "alg": "RS256" }), json!({ "alg": "RS256", "kid": "other" })] {
        assert_eq!(verify(format!("{}.{payload}.{signature}", part(&header))), TokenProblem::UnknownKey);
    }

    // Signed well, but by somebody else under our key's name, and by us about another issuer.
    let sign = |pem: &keyholder_foundation::Secret, claims: &Value| {
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.expose().as_bytes()).unwrap();
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(kid.clone());
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    assert_eq!(verify(sign(foreign_key_pem(), &claims)), TokenProblem::Signature);
    let own = sign(key_pem(), &claims);
    assert!(world.identity.verify(&own, &org).is_ok(), "the check itself would let our own signature through");
    claims["iss"] = json!("https://sts.windows.net/00000000-0000-0000-0000-000000000000/");
    assert_eq!(verify(sign(key_pem(), &claims)), TokenProblem::Issuer);
    assert!(matches!(verify("a.b.c".to_owned()), TokenProblem::Malformed(_)));
}
