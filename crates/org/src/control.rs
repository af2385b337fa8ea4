//! `/_keyholder/`: what other commands ask of a running org.
//!
//! Loopback connections only, no web pages, and only for who may read the data folder or administers the org:
//! the key of this run (`Authorization: Keyholder KEY`, from `running.json`), HTTP Basic with the
//! administering application's id and secret, or a bearer token of a Global Administrator for the
//! org's own origin. No answer holds a secret.

mod caller;

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use keyholder_identity::bearer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rooms::Rooms;
use crate::serve::plain;

/// The scheme of this run's key in an `Authorization` header.
pub const KEY_SCHEME: &str = "Keyholder";
/// More sample rows than this at once would keep the writer busy for minutes.
pub const MOST_SAMPLE_ROWS: u32 = 1_000_000;

/// The body of `POST /_keyholder/sample`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleRequest {
    /// How many rows each table shall have.
    pub rows: u32,
    /// Which rows.
    #[serde(default = "first_seed")]
    pub seed: u64,
}

fn first_seed() -> u64 {
    1
}

pub(crate) async fn respond(rooms: &Rooms, peer: SocketAddr, request: &Request<Bytes>) -> Response<Bytes> {
    if !peer.ip().to_canonical().is_loopback() {
        return plain(
            StatusCode::FORBIDDEN,
            "NotLoopback",
            "The control endpoint answers on loopback connections only.",
        );
    }
    if let Some(refusal) = caller::refusal(&rooms.world.address().origin, request) {
        return refusal;
    }
    match admitted(rooms, request).await {
        Ok(true) => {}
        Ok(false) => {
            let mut response = plain(
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "The control endpoint needs the administrating application's id and secret (HTTP Basic), \
                 or a token of a Global Administrator for this origin.",
            );
            let challenge = HeaderValue::from_static("Basic realm=\"keyholder\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return response;
        }
        Err(error) => return plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed", &error.to_string()),
    }
    let segments: Vec<&str> = request.uri().path().trim_matches('/').split('/').skip(1).collect();
    match (request.method(), segments.as_slice()) {
        (&Method::GET, ["status"]) => done(&status(rooms)),
        (&Method::POST, ["sample"]) => sample(rooms, request.body()).await,
        (&Method::POST, ["credentials", "reset"]) => match rooms.world.reset_credentials().await {
            Ok(()) => done(&json!({"envFile": rooms.world.folder.env_file()})),
            Err(error) => failed(&error),
        },
        (_, ["status" | "sample"] | ["credentials", "reset"]) => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "That control command has another method.")
        }
        _ => plain(StatusCode::NOT_FOUND, "NotFound", "There are: GET status, POST sample, POST credentials/reset."),
    }
}

/// What a running org says of itself.
pub(crate) fn status(rooms: &Rooms) -> Value {
    let address = rooms.world.address();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "origin": address.origin,
        "orgUrl": address.org_url,
        "organizationId": rooms.world.org(),
        "tenantId": address.tenant_id,
        "tenantDomain": address.tenant_domain,
        "caFile": address.ca_file,
        "envFile": rooms.world.folder.env_file(),
    })
}

async fn sample(rooms: &Rooms, body: &Bytes) -> Response<Bytes> {
    let wanted: SampleRequest = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(error) => {
            let message = format!("The body must be {{\"rows\":N,\"seed\":S}}: {error}");
            return plain(StatusCode::BAD_REQUEST, "BadRequest", &message);
        }
    };
    if !(1..=MOST_SAMPLE_ROWS).contains(&wanted.rows) {
        let message = format!("rows must be 1 to {MOST_SAMPLE_ROWS}.");
        return plain(StatusCode::BAD_REQUEST, "BadRequest", &message);
    }
    match rooms.world.sample(wanted.rows, wanted.seed).await {
        Ok(sampled) => done(&json!({"accounts": sampled.accounts, "contacts": sampled.contacts})),
        Err(error) => failed(&error),
    }
}

async fn admitted(rooms: &Rooms, request: &Request<Bytes>) -> Result<bool, keyholder_identity::Error> {
    let Some(value) = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Ok(false);
    };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let token = if scheme.eq_ignore_ascii_case(KEY_SCHEME) {
        return Ok(rooms.key.matches(rest.trim()));
    } else if scheme.eq_ignore_ascii_case("basic") {
        match token_for(rooms, value).await {
            Some(token) => token,
            None => return Ok(false),
        }
    } else {
        match bearer(request.headers()) {
            Ok(token) => token.to_owned(),
            Err(_) => return Ok(false),
        }
    };
    let Ok(token) = rooms.world.identity.verify(&token, &rooms.origin_audience) else { return Ok(false) };
    rooms.world.is_administrator(token.object_id).await
}

/// Lets the token service judge an id and secret: one place decides what a good secret is.
async fn token_for(rooms: &Rooms, basic: &str) -> Option<String> {
    let address = rooms.world.address();
    let form =
        format!("grant_type=client_credentials&resource={}", address.origin.replace(':', "%3A").replace('/', "%2F"));
    let request = Request::post(format!("/{}/oauth2/token", address.tenant_id))
        .header(header::AUTHORIZATION, basic)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form))
        .ok()?;
    let answer = rooms.world.identity.respond_login(request).await;
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    body.get("access_token")?.as_str().map(ToOwned::to_owned)
}

fn done(value: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

fn failed(error: &crate::StartError) -> Response<Bytes> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed", &error.to_string())
}
