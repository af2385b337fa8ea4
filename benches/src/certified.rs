//! An application that proves itself by a certificate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use keyholder_entra::jws;
use keyholder_foundation::{SystemClock, WallClock};
use keyholder_identity::SigningKey;
use serde_json::json;
use uuid::Uuid;

use crate::Failure;
use crate::org_process::Org;

/// How long an assertion is good, in seconds: as long as real clients make theirs.
const LIFETIME: i64 = 600;

/// Registers an application with a certificate and gives its token request. The assertion in it
/// is used again and again, as clients do while it is good; the service checks it each time.
pub(crate) async fn token_request(org: &Org) -> Result<Request<Full<Bytes>>, Failure> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
    let mut parameters = rcgen::CertificateParams::new(Vec::new())?;
    parameters.not_before = rcgen::date_time_ymd(2026, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2036, 1, 1);
    let certificate = parameters.self_signed(&key)?.der().to_vec();
    let application = json!({
        "displayName": "measured by certificate",
        "keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": STANDARD.encode(&certificate)}],
    });
    let made = org.ask(Method::POST, "/v1.0/applications", Some(&application)).await?;
    let client = made["appId"].as_str().ok_or("the application has no appId")?;
    org.ask(Method::POST, "/v1.0/servicePrincipals", Some(&json!({"appId": client}))).await?;

    let signer = SigningKey::from_pkcs8(&key.serialize_der(), Some(&certificate))?;
    let header = jws::Header {
        typ: Some("JWT".to_owned()),
        alg: "RS256".to_owned(),
        x5t: Some(signer.id().to_owned()),
        ..jws::Header::default()
    };
    let now = SystemClock::new().now().unix_seconds();
    let claims = json!({
        "aud": format!("{}{}", org.origin(), org.token_path()),
        "iss": client,
        "sub": client,
        "jti": Uuid::from_u128(1),
        "nbf": now,
        "exp": now + LIFETIME,
    });
    let assertion = jws::encode(&jws::encode_header(&header)?, &claims, &signer)?;
    let proof = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion.as_str()),
    ];
    Ok(org.token_request_by(client, &proof))
}
