//! Who may use the control endpoint.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use keyholder_identity::bearer;
use serde_json::Value;

use super::{KEY_SCHEME, caller};
use crate::rooms::Rooms;
use crate::serve::plain;

/// A schema as it is sent, in bytes: what the largest metadata documents come to.
const LARGEST_SCHEMA: usize = 48 << 20;

/// What is said to a request that is not let in; nothing when it is.
pub(super) async fn refusal(rooms: &Rooms, peer: SocketAddr, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if !peer.ip().to_canonical().is_loopback() {
        let said = "The control endpoint answers on loopback connections only.";
        return Some(plain(StatusCode::FORBIDDEN, "NotLoopback", said));
    }
    if let Some(refusal) = caller::refusal(&rooms.world.address().origin, request) {
        return Some(refusal);
    }
    match admitted(rooms, request).await {
        Ok(true) => None,
        Ok(false) => {
            let mut response = plain(
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "The control endpoint needs the administrating application's id and secret (HTTP Basic), \
                 or a token of a Global Administrator for this origin.",
            );
            let challenge = HeaderValue::from_static("Basic realm=\"keyholder\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            Some(response)
        }
        Err(error) => Some(plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed", &error.to_string())),
    }
}

/// How large a body may be before it is known who calls: a schema's, of whoever has this run's key.
pub(crate) fn largest_body(rooms: &Rooms, head: &http::request::Parts) -> Option<usize> {
    let value = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let is_known = scheme.eq_ignore_ascii_case(KEY_SCHEME) && rooms.key.matches(rest.trim());
    (is_known && head.uri.path().trim_matches('/') == "_keyholder/schema").then_some(LARGEST_SCHEMA)
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
    let verified = rooms.world.state().await.identity.verify(&token, &rooms.origin_audience);
    let Ok(token) = verified else { return Ok(false) };
    // A partner's administrator has that role too, and is here to be refused things by this world.
    Ok(!token.delegated && rooms.world.is_administrator(token.object_id).await?)
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
    let answer = rooms.world.state().await.identity.respond_login(request).await;
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    body.get("access_token")?.as_str().map(ToOwned::to_owned)
}
