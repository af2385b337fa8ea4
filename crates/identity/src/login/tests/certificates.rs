//! Client credentials by certificate: every form in which real clients write an assertion, and every
//! way of being refused.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::world::{Certified, DOMAIN, ORIGIN, Registered, START, World, certified, other_certified, sign};

fn sha1(certified: &Certified) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &certified.der).as_ref().to_vec()
}

fn sha256(certified: &Certified) -> Vec<u8> {
    digest(&SHA256, &certified.der).as_ref().to_vec()
}

pub(super) fn claims(world: &World, app: &Registered) -> Value {
    json!({
        "aud": format!("{ORIGIN}/{}/oauth2/v2.0/token", world.tenant),
        "iss": app.client, "sub": app.client, "jti": "7f6d7a1e-0000-4000-8000-00000000000a",
        "nbf": START, "iat": START, "exp": START + 600,
    })
}

pub(super) fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(sha1(certified())) })
}

#[tokio::test]
async fn s07_a_certificate_signs_in_in_every_form_that_clients_write() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    world.add_certificate(&app, certified()).await;
    let (one, two) = (sha1(certified()), sha256(certified()));
    let upper: String = one.iter().map(|byte| format!("{byte:02X}")).collect();
    let headers = [
        json!({ "alg": "RS256", "x5t": URL_SAFE_NO_PAD.encode(&one) }),
        json!({ "alg": "RS256", "x5t": URL_SAFE.encode(&one) }),
        json!({ "alg": "RS256", "x5t": STANDARD.encode(&one), "x5c": [STANDARD.encode(&certified().der)] }),
        json!({ "alg": "RS256", "x5t": STANDARD_NO_PAD.encode(&one), "kid": "whatever" }),
        json!({ "alg": "PS256", "x5t#S256": URL_SAFE_NO_PAD.encode(&two) }),
        json!({ "alg": "PS256", "x5t#S256": URL_SAFE.encode(&two), "x5c": ["line\nbreaks", "PEM text"] }),
        json!({ "alg": "PS256", "x5t#S256": STANDARD.encode(&two) }),
        json!({ "alg": "PS256", "x5t": URL_SAFE.encode(&one) }),
        json!({ "alg": "RS256", "x5t#S256": URL_SAFE_NO_PAD.encode(&two) }),
        json!({ "alg": "RS256", "kid": upper }),
        json!({ "alg": "RS256", "kid": upper.to_lowercase() }),
    ];
    for header in headers {
        for padded in [false, true] {
            let assertion = sign(&certified().pkcs8, &header, &claims(&world, &app), padded);
            let got = world.by_assertion(app.client, &assertion).await.claims();
            assert_eq!(got.appidacr.as_deref(), Some("2"), "{header}");
            assert_eq!((got.oid, got.appid), (Some(app.principal), Some(app.client)));
        }
    }
}

#[tokio::test]
async fn s07_dates_may_be_fractions_and_missing_and_an_assertion_may_come_again() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    world.add_certificate(&app, certified()).await;
    let aud = format!("{ORIGIN}/{}/oauth2/v2.0/token", world.tenant);
    for dates in [
        json!({ "exp": START as f64 + 600.25, "iat": START as f64 + 0.75 }),
        json!({ "exp": START + 1800, "nbf": START + 1 }),
        json!({ "exp": START + 600, "nbf": START + 299 }),
        json!({ "exp": START - 299 }),
        json!({ "exp": (START + 300).to_string() }),
        json!({ "exp": START as f64 * 100.0 }),
    ] {
        let mut claims = dates.clone();
        claims["iss"] = json!(app.client);
        claims["sub"] = json!(app.client.to_string().to_uppercase());
        claims["aud"] = json!([aud]);
        claims["jti"] = json!("the same");
        let assertion = sign(&certified().pkcs8, &header(), &claims, false);
        for _ in 0..2 {
            let answer = world.by_assertion(app.client, &assertion).await;
            assert_eq!(answer.status, 200, "{dates}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn s11_the_audience_is_any_name_of_the_token_service() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    world.add_certificate(&app, certified()).await;
    let id = world.tenant;
    let ask = async |audience: String| {
        let mut claims = claims(&world, &app);
        claims["aud"] = json!(audience);
        let assertion = sign(&certified().pkcs8, &header(), &claims, false);
        world.by_assertion(app.client, &assertion).await
    };
    for path in [
        format!("{id}/oauth2/v2.0/token"),
        format!("{id}/oauth2/token"),
        format!("{id}/v2.0"),
        format!("{DOMAIN}/oauth2/v2.0/token"),
        format!("{DOMAIN}/oauth2/token"),
    ] {
        let answer = ask(format!("{ORIGIN}/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    for audience in
        [String::new(), "api://AzureADTokenExchange".to_owned(), format!("{ORIGIN}/{}/v2.0", world.other.tenant)]
    {
        let refused = ask(audience.clone()).await.error();
        assert_eq!(refused, (401, "invalid_client".to_owned(), 700_023), "{audience}");
    }
}

#[tokio::test]
async fn s07_each_mistake_of_an_assertion_has_its_number() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let other = world.application("other").await;
    world.add_certificate(&app, certified()).await;
    let good = claims(&world, &app);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    let signed = |header: &Value, claims: &Value| sign(&certified().pkcs8, header, claims, false);
    let x5t = |certified: &Certified| URL_SAFE_NO_PAD.encode(sha1(certified));
    let ours = header();
    let cases = [
        ("another's signature", sign(&other_certified().pkcs8, &ours, &good, false), 700_027),
        (
            "an unknown certificate",
            sign(&other_certified().pkcs8, &json!({ "alg": "RS256", "x5t": x5t(other_certified()) }), &good, false),
            700_027,
        ),
        ("a key id that is no thumbprint", signed(&json!({ "alg": "RS256", "kid": "key-1" }), &good), 700_027),
        (
            "the algorithm swapped",
            signed(&ours, &good).replacen(
                &part(&ours),
                &part(&json!({ "alg": "PS256", "typ": "JWT", "x5t": x5t(certified()) })),
                1,
            ),
            700_027,
        ),
        ("no signature", format!("{}.{}.", part(&ours), part(&good)), 700_027),
        ("no thumbprint", signed(&json!({ "alg": "RS256" }), &good), 50_027),
        ("a thumbprint of no length", signed(&json!({ "alg": "RS256", "x5t": "AAAA" }), &good), 50_027),
        ("alg none", format!("{}.{}.", part(&json!({ "alg": "none", "x5t": x5t(certified()) })), part(&good)), 50_027),
        ("HS256", signed(&json!({ "alg": "HS256", "x5t": x5t(certified()) }), &good), 50_027),
        ("an extension", signed(&json!({ "alg": "RS256", "x5t": x5t(certified()), "crit": ["exp"] }), &good), 50_027),
        ("two parts", "a.b".to_owned(), 50_027),
        ("nothing", String::new(), 50_027),
        ("no exp", signed(&ours, &with("exp", Value::Null)), 50_027),
        ("no iss", signed(&ours, &with("iss", Value::Null)), 50_027),
        ("claims that are no object", signed(&ours, &json!([1])), 50_027),
        ("another application", signed(&ours, &with("iss", json!(other.client))), 700_021),
        ("another subject", signed(&ours, &with("sub", json!(other.client))), 700_021),
        ("no subject", signed(&ours, &with("sub", Value::Null)), 700_021),
        ("expired", signed(&ours, &with("exp", json!(START - 300))), 700_024),
        ("not yet", signed(&ours, &with("nbf", json!(START + 301))), 700_024),
        ("no audience", signed(&ours, &with("aud", Value::Null)), 700_023),
    ];
    for (what, assertion, number) in cases {
        let answer = world.by_assertion(app.client, &assertion).await;
        assert_eq!(answer.error(), (401, "invalid_client".to_owned(), number), "{what}");
        assert!(!serde_json::to_string(&answer.text("error_description")).unwrap().contains('\\'), "{what}");
    }
    let not_found =
        world.by_assertion(other.client, &sign(&certified().pkcs8, &ours, &claims(&world, &other), false)).await;
    let said = not_found.text("error_description");
    assert!(said.contains("[Reason - The key was not found., Thumbprint of key used by client: '"), "{said}");
    let expired = world.by_assertion(app.client, &signed(&ours, &with("exp", json!(START - 300)))).await;
    assert!(expired.text("error_description").contains("assertion valid from 2026-11-22T"), "{}", expired.body);
    let no_nbf = signed(&ours, &json!({ "iss": app.client, "sub": app.client, "exp": 1, "aud": good["aud"] }));
    let answer = world.by_assertion(app.client, &no_nbf).await;
    assert!(answer.text("error_description").contains("valid from 1970-01-01T00:00:00Z"), "{}", answer.body);
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn s08_a_certificate_ends_and_can_be_taken_away() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let key = world.add_certificate(&app, certified()).await;
    let ask = async || {
        let mut claims = claims(&world, &app);
        claims["exp"] = json!(world.identity.clocks.now().unix_seconds() + 600);
        claims["nbf"] = Value::Null;
        let assertion = sign(&certified().pkcs8, &header(), &claims, false);
        world.by_assertion(app.client, &assertion).await
    };
    assert_eq!(ask().await.status, 200);
    world.identity.directory.delete_certificate(world.tenant, app.id, key).await.unwrap();
    assert_eq!(ask().await.number(), 700_027);
    world.add_certificate(&app, certified()).await;
    assert_eq!(ask().await.status, 200);
    world.advance(86_400 * 600);
    let refused = ask().await;
    assert_eq!(refused.number(), 700_027);
    let said = refused.text("error_description");
    assert!(said.contains("[Reason - The key used is expired.,"), "{said}");
    assert!(said.contains("Found key 'Start=2026-01-01T00:00:00Z, End=2028-01-01T00:00:00Z'"), "{said}");
}
