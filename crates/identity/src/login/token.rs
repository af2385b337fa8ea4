//! The token endpoint: what all grants have in common.
//!
//! The order of the checks is the real service's, as far as it shows: tenant, grant and required
//! parameters, the application, whether it is enabled, its credential, the scope, the resource.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use keyholder_entra::aadsts;
use keyholder_entra::claims::AccessTokenClaims;
use keyholder_entra::jws;
use keyholder_entra::token::{TokenSuccess, TokenSuccessV1};
use keyholder_foundation::Secret;

use super::form::Form;
use super::grants::{Grant, client_credentials};
use super::tenant::Segment;
use super::{Failure, Version, answer};
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::Refusal;

/// How long a client may use a token, in seconds, as it is told.
const EXPIRES_IN: i64 = 3599;

/// Answers a token request.
pub(super) async fn respond(
    identity: &Identity,
    segment: &str,
    version: Version,
    request: &Request<Bytes>,
    correlation: &mut Correlation,
) -> Result<Response<Bytes>, Failure> {
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return Ok(answer::document(&serde_json::json!({}))),
        _ => return Err(aadsts::only_post(request.method().as_str()).into()),
    }
    let form = Form::parse(request.headers(), request.body())?;
    correlation.or_from_body(form.client_request_id.as_deref());
    let segment = Segment::find(&identity.directory, segment).await?;
    let grant_type = form.grant_type.as_deref().filter(|grant| !grant.is_empty());
    let claims = match Grant::find(grant_type.ok_or_else(|| aadsts::parameter_missing("grant_type"))?)? {
        Grant::ClientCredentials => client_credentials::grant(identity, segment, version, &form).await?,
    };
    let key = identity.keys.current();
    let token = jws::encode(key.header_v1(), &claims, key);
    let token = token.map_err(|_| Failure::Directory(Refusal::Damaged("a token cannot be signed")))?;
    Ok(success(version, &claims, Secret::new(token)))
}

/// The answer that carries a token, in the form of the endpoint that was asked.
fn success(version: Version, claims: &AccessTokenClaims, token: Secret) -> Response<Bytes> {
    match version {
        Version::One => answer::secret_json(
            StatusCode::OK,
            &TokenSuccessV1 {
                token_type: "Bearer".to_owned(),
                expires_in: EXPIRES_IN,
                ext_expires_in: EXPIRES_IN,
                expires_on: claims.exp,
                not_before: claims.nbf,
                resource: claims.aud.clone(),
                access_token: token,
            },
        ),
        Version::Two => answer::secret_json(
            StatusCode::OK,
            &TokenSuccess {
                token_type: "Bearer".to_owned(),
                expires_in: EXPIRES_IN,
                ext_expires_in: Some(EXPIRES_IN),
                refresh_in: None,
                scope: None,
                access_token: token,
                refresh_token: None,
                id_token: None,
                client_info: None,
            },
        ),
    }
}
