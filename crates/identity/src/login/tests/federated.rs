//! Federated credentials: whose tokens are taken instead of a secret, and how their keys are had.

use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{Answer, ORG, ORIGIN, Registered, START, World, certified, jwk, other_certified, sign};
use crate::directory::federated::FederatedCredential;

pub(super) const ISSUER: &str = "http://localhost:9001/ci";
pub(super) const SUBJECT: &str = "repo:contoso/orders:ref:refs/heads/main";
pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";

pub(super) async fn federate(world: &World, app: &Registered, issuer: &str, subject: &str, audience: &str) {
    let id = world.identity.random.uuid();
    let credential = FederatedCredential {
        id,
        name: id.to_string(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audience: audience.to_owned(),
        description: None,
        created: world.identity.clocks.now(),
    };
    world.identity.directory.insert_federated(world.tenant, app.id, credential).await.unwrap();
}

pub(super) fn publish(world: &World, issuer: &str, keys: &[Value]) {
    let mut at = world.documents.at.lock().unwrap();
    let keys_at = format!("{issuer}/keys");
    let configuration = json!({ "issuer": issuer, "jwks_uri": keys_at });
    at.insert(format!("{issuer}/.well-known/openid-configuration"), configuration.to_string());
    at.insert(keys_at, json!({ "keys": keys }).to_string());
}

pub(super) fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": START, "exp": START + 600 })
}

pub(super) fn token(claims: &Value) -> String {
    sign(&certified().pkcs8, &json!({ "alg": "RS256", "kid": "k1" }), claims, false)
}

fn number(answer: &Answer) -> (u16, u64) {
    (answer.status, answer.number())
}

#[tokio::test]
async fn s07_an_outside_issuers_token_signs_in() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    federate(&world, &app, ISSUER, SUBJECT, AUDIENCE).await;
    publish(&world, ISSUER, &[jwk(&certified().pkcs8, "k1")]);
    let got = world.by_assertion(app.client, &token(&claims())).await.claims();
    assert_eq!((got.oid, got.appidacr.as_deref()), (Some(app.principal), Some("2")));
    let mut many = claims();
    many["aud"] = json!([AUDIENCE]);
    assert_eq!(world.by_assertion(app.client, &token(&many)).await.status, 200);
    for several in [json!([AUDIENCE, "other"]), json!(["other", AUDIENCE])] {
        many["aud"] = several;
        assert_eq!(number(&world.by_assertion(app.client, &token(&many)).await), (401, 700_212));
    }
    let asked = world.documents.asked.lock().unwrap().len();
    assert_eq!(asked, 2, "configuration and keys are asked for once");
}

#[tokio::test]
async fn s07_issuer_subject_and_audience_must_fit_to_the_letter() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let with = |name: &str, value: &str| {
        let mut claims = claims();
        claims[name] = json!(value);
        token(&claims)
    };
    let ask = async |assertion: String| number(&world.by_assertion(app.client, &assertion).await);
    assert_eq!(ask(token(&claims())).await, (401, 700_211), "nothing is registered yet");
    federate(&world, &app, ISSUER, SUBJECT, AUDIENCE).await;
    federate(&world, &app, "http://localhost:9002", "another", AUDIENCE).await;
    assert_eq!(ask(with("iss", "http://localhost:9001/ci/")).await, (401, 700_211));
    assert_eq!(ask(with("sub", "repo:contoso/orders:ref:refs/heads/dev")).await, (401, 700_213));
    assert_eq!(ask(with("sub", "another")).await, (401, 700_213), "of the other issuer");
    assert_eq!(ask(with("aud", ORG)).await, (401, 700_212));
    assert_eq!(ask(with("sub", &SUBJECT.to_uppercase())).await, (401, 7_002_138));
    assert_eq!(ask(with("iss", "http://LOCALHOST:9001/ci")).await, (401, 7_002_138));
    assert_eq!(ask(with("aud", "API://azureadtokenexchange")).await, (401, 7_002_138));
    assert!(world.documents.asked.lock().unwrap().is_empty(), "nobody is asked for what does not fit");
    let said = world.by_assertion(app.client, &with("sub", "x'y")).await.text("error_description");
    assert!(said.contains("presented assertion subject 'x'y'"), "{said}");
}

#[tokio::test]
async fn s07_the_issuers_keys_decide() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    federate(&world, &app, ISSUER, SUBJECT, AUDIENCE).await;
    let ask = async |assertion: String| number(&world.by_assertion(app.client, &assertion).await);
    assert_eq!(ask(token(&claims())).await, (400, 50_166), "nobody answers there");
    publish(&world, ISSUER, &[jwk(&other_certified().pkcs8, "k0"), jwk(&other_certified().pkcs8, "k1")]);
    assert_eq!(ask(token(&claims())).await, (401, 700_027), "another key under that name");
    let unknown = sign(&certified().pkcs8, &json!({ "alg": "RS256", "kid": "k2" }), &claims(), false);
    assert_eq!(ask(unknown.clone()).await, (401, 7_000_272));
    publish(&world, ISSUER, &[jwk(&certified().pkcs8, "k2")]);
    assert_eq!(ask(unknown.clone()).await, (401, 7_000_272), "it was asked just now");
    world.advance(5);
    assert_eq!(world.by_assertion(app.client, &unknown).await.status, 200, "asked again for a key it did not know");
    let nameless = sign(&certified().pkcs8, &json!({ "alg": "RS256" }), &claims(), false);
    assert_eq!(world.by_assertion(app.client, &nameless).await.status, 200, "there is only one");
    let other = sign(&certified().pkcs8, &json!({ "alg": "PS256", "kid": "k2" }), &claims(), false);
    assert_eq!(ask(other).await, (401, 50_027));
    let mut old = claims();
    old["exp"] = json!(START - 295);
    assert_eq!(
        ask(sign(&certified().pkcs8, &json!({ "alg": "RS256", "kid": "k2" }), &old, false)).await,
        (401, 700_024)
    );
}

#[tokio::test]
async fn s07_only_issuers_on_this_machine_are_asked_unless_allowed() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let outside = "https://token.actions.example";
    federate(&world, &app, outside, SUBJECT, AUDIENCE).await;
    publish(&world, outside, &[jwk(&certified().pkcs8, "k1")]);
    let mut claims = claims();
    claims["iss"] = json!(outside);
    let assertion = token(&claims);
    let refused = world.by_assertion(app.client, &assertion).await;
    assert_eq!(number(&refused), (400, 50_166));
    assert!(refused.body.contains("--allow-issuer"), "{}", refused.body);
    assert!(world.documents.asked.lock().unwrap().is_empty());
    world.documents.allowed.lock().unwrap().push(outside.to_owned());
    assert_eq!(world.by_assertion(app.client, &assertion).await.status, 200);

    // A local issuer cannot send us elsewhere, nor name itself another.
    let local = "http://127.0.0.1:9003";
    federate(&world, &app, local, SUBJECT, AUDIENCE).await;
    claims["iss"] = json!(local);
    for configuration in [
        json!({ "issuer": local, "jwks_uri": "https://elsewhere.example/keys" }),
        json!({ "issuer": ISSUER, "jwks_uri": format!("{local}/keys") }),
        json!({ "issuer": local }),
        json!("nonsense"),
    ] {
        let at = format!("{local}/.well-known/openid-configuration");
        world.documents.at.lock().unwrap().insert(at, configuration.to_string());
        assert_eq!(number(&world.by_assertion(app.client, &token(&claims)).await), (400, 50_166), "{configuration}");
    }
}

#[tokio::test]
async fn s07_an_issuers_keys_may_be_given_as_a_file() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let issuer = "https://kubernetes.default.svc";
    federate(&world, &app, issuer, SUBJECT, AUDIENCE).await;
    let keys = json!({ "keys": [jwk(&certified().pkcs8, "k1")] });
    world.documents.files.lock().unwrap().insert(issuer.to_owned(), keys.to_string());
    let mut claims = claims();
    claims["iss"] = json!(issuer);
    assert_eq!(world.by_assertion(app.client, &token(&claims)).await.status, 200);
    assert!(world.documents.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn s07_a_persons_own_token_is_no_credential() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    for issuer in [format!("https://sts.windows.net/{}/", world.tenant), format!("{ORIGIN}/{}/v2.0", world.tenant)] {
        federate(&world, &app, &issuer, SUBJECT, AUDIENCE).await;
        let mut claims = claims();
        claims["iss"] = json!(issuer);
        claims["scp"] = json!("user_impersonation");
        assert_eq!(number(&world.by_assertion(app.client, &token(&claims)).await), (400, 700_229));
        claims["scp"] = Value::Null;
        assert_eq!(number(&world.by_assertion(app.client, &token(&claims)).await), (401, 7_000_272), "not our key");
    }
    // An application's token of ours is one, when the registration says so.
    let source = world.application("source").await;
    let issuer = format!("https://sts.windows.net/{}/", world.tenant);
    federate(&world, &app, &issuer, &source.principal.to_string(), ORG).await;
    let theirs = world.by_secret(&source, &format!("{ORG}/.default")).await.text("access_token");
    assert_eq!(world.by_assertion(app.client, &theirs).await.status, 200);
    assert_ne!(source.client.0, Uuid::nil());
}
