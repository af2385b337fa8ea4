//! The token service inside this process: no listener, no other thread. What a token costs beyond
//! its signature before any HTTP, and what it costs to check one that was good before.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use keyholder_foundation::{Clocks, OsRandom};
use keyholder_identity::{
    Audience, FixedOrganizations, GraphOptions, Identity, IdentityConfig, NoIssuers, SigningKey, TenantPlan, bearer,
    keys,
};
use keyholder_store::DatabaseOptions;
use serde_json::Value;

use crate::arguments::Arguments;
use crate::org_process::form;
use crate::report::Report;
use crate::{Failure, process};

const ORIGIN: &str = "https://localhost:8443";
/// Checks, and tokens, in one round.
const CHECKS: u32 = 50_000;
const TOKENS: u32 = 1_000;

pub(crate) async fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let (identity, request) = token_service().await?;
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let headers = headers_with_token(&identity, &request).await?;
    let audience = Audience::any_of([ORIGIN]);
    let (mut signatures, mut tokens, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds() {
        signatures.push(process::signature_cpu_micros(&key, 1, arguments.turn() / 2)?);
        let before = process::thread_cpu_micros()?;
        for _ in 0..TOKENS {
            identity.respond_login(request.clone()).await;
        }
        tokens.push((process::thread_cpu_micros()? - before) / f64::from(TOKENS));
        let before = process::thread_cpu_micros()?;
        for _ in 0..CHECKS {
            identity.verify(bearer(&headers)?, &audience)?;
        }
        checks.push((process::thread_cpu_micros()? - before) / f64::from(CHECKS));
    }
    report.figure("bearer verification with the cache warm, in process, CPU", &checks, "us", "3 us");
    report.figure("token by secret, in process, CPU", &tokens, "us", "");
    let name = "the same / bare signature, one at a time";
    report.ratio(name, tokens.iter().copied(), signatures.iter().copied(), "");
    Ok(())
}

/// A token service of its own, and a token request to it.
async fn token_service() -> Result<(Identity, Request<Bytes>), Failure> {
    let key = SigningKey::from_pem(&keys::generate_key_pem()?, None)?;
    let identity = Identity::open(IdentityConfig {
        database: DatabaseOptions::ephemeral(),
        signing_keys: vec![key],
        clocks: Clocks::system(0),
        random: Arc::new(OsRandom),
        origin: ORIGIN.to_owned(),
        resources: Arc::new(FixedOrganizations::default()),
        graph: GraphOptions::default(),
        issuer_documents: Arc::new(NoIssuers),
        directory_lag: Duration::ZERO,
    })
    .await?;
    let plan = TenantPlan { id: None, domain: "contoso.example".to_owned(), display_name: "Contoso".to_owned() };
    let made = identity.bootstrap_tenant(&plan).await?;
    let (client, scope) = (made.client_id.to_string(), format!("{ORIGIN}/.default"));
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", made.client_secret.expose()),
        ("scope", scope.as_str()),
    ];
    let (head, body) = form(&format!("/{}/oauth2/v2.0/token", made.tenant), fields.into_iter()).into_parts();
    Ok((identity, Request::from_parts(head, body.collect().await?.to_bytes())))
}

/// The headers of a request with a token in them.
async fn headers_with_token(identity: &Identity, request: &Request<Bytes>) -> Result<HeaderMap, Failure> {
    let answer = identity.respond_login(request.clone()).await;
    let answer: Value = serde_json::from_slice(answer.body())?;
    let token = answer["access_token"].as_str().ok_or_else(|| format!("no token: {answer}"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse()?);
    Ok(headers)
}
