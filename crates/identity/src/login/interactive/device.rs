//! Device sign-in (RFC 8628): where it starts, and what a person's code leads to.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use keyholder_entra::aadsts;
use keyholder_entra::token::{DeviceAuthorization, DeviceAuthorizationV1};
use keyholder_foundation::{Random, TenantId};
use uuid::Uuid;

use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::Refusal;
use crate::directory::device_codes::{DeviceCode, DeviceState, GOOD, INTERVAL};
use crate::login::form::Form;
use crate::login::scope::{Asked, Several};
use crate::login::session_token::Code;
use crate::login::tenant::Segment;
use crate::login::{Failure, Version, answer, client, consent};

/// Letters and digits that nobody takes for one another, nor makes words of.
const ALPHABET: &[u8; 24] = b"BCDFGHJKLMNPQRSTVWXZ2479";
/// The length of a code that a person types.
const LENGTH: usize = 9;

/// Answers `/{tenant}/oauth2/devicecode`.
pub(in crate::login) async fn start(
    identity: &Identity,
    segment: &str,
    version: Version,
    request: &Request<Bytes>,
    correlation: &mut Correlation,
) -> Result<Response<Bytes>, Failure> {
    // v1's own clients ask with GET.
    let query = request.uri().query().unwrap_or_default();
    let form = match *request.method() {
        Method::POST => Form::parse(request.headers(), request.body())?,
        Method::GET => Form::of_query(query)?,
        _ => return Err(aadsts::only_post(request.method().as_str()).into()),
    };
    correlation.or_from_body(form.client_request_id.as_deref());
    let segment = Segment::find(&identity.directory, segment).await?;
    let client_id = form.client_id.as_deref().filter(|id| !id.is_empty());
    let client_id = client_id.ok_or_else(|| aadsts::parameter_missing("client_id"))?;
    let (tenant, client) = match &segment {
        Segment::Tenant(tenant) => {
            let found = client::find_in(identity, std::sync::Arc::clone(tenant), client_id).await?;
            (tenant.id, found.client.facts.client_id)
        }
        Segment::Consumers => return Err(aadsts::consumers_not_supported(client_id).into()),
        Segment::Any(word) => (TenantId(Uuid::nil()), client::check_for_any(identity, word, client_id).await?),
    };
    let asked = match version {
        Version::One => {
            let resource = form.resource.as_deref().map(str::trim).filter(|resource| !resource.is_empty());
            Asked::of_resource(resource.ok_or_else(|| aadsts::parameter_missing("resource"))?)
        }
        Version::Two if form.resource.is_some() => return Err(aadsts::resource_parameter_unsupported().into()),
        Version::Two => {
            let scope = form.scope.as_deref().ok_or_else(|| aadsts::parameter_missing("scope"))?;
            Asked::parse(scope, Several::Refused)?
        }
    };
    consent::check_before_sign_in(client, &asked)?;
    let (user_code, code) = keep(identity, tenant, client, &asked).await?;
    Ok(respond(identity, version, user_code, code))
}

/// Keeps a new pair of codes.
async fn keep(
    identity: &Identity,
    tenant: TenantId,
    client: keyholder_foundation::ClientId,
    asked: &Asked,
) -> Result<(String, Code), Failure> {
    // Two in a row that are taken already will not be seen.
    for _ in 0..8 {
        let code = Code::new(tenant, identity.random.as_ref());
        let user_code = user_code(identity.random.as_ref());
        let kept = DeviceCode {
            tenant,
            hash: code.hash.clone(),
            user_code: user_code.clone(),
            client,
            scope: asked.text.clone(),
            expires: identity.clocks.now().plus(GOOD),
            state: DeviceState::Pending,
        };
        if identity.directory.insert_device_code(kept).await? {
            return Ok((user_code, code));
        }
    }
    Err(Failure::Directory(Refusal::Damaged("no device code is free")))
}

fn respond(identity: &Identity, version: Version, user_code: String, code: Code) -> Response<Bytes> {
    let page = format!("{}/devicelogin", identity.origin);
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(0);
    let message = format!(
        "To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
    );
    match version {
        Version::One => answer::secret_json(
            StatusCode::OK,
            &DeviceAuthorizationV1 {
                user_code,
                device_code: code.text,
                verification_url: page,
                expires_in: seconds(GOOD),
                interval: seconds(INTERVAL),
                message,
            },
        ),
        Version::Two => answer::secret_json(
            StatusCode::OK,
            &DeviceAuthorization {
                user_code,
                device_code: code.text,
                verification_uri: page,
                expires_in: seconds(GOOD),
                interval: seconds(INTERVAL),
                message,
            },
        ),
    }
}

/// A code for a person to type.
fn user_code(random: &dyn Random) -> String {
    let bound = u64::try_from(ALPHABET.len()).unwrap_or(1);
    let pick = |_| {
        let at = usize::try_from(random.below(bound)).unwrap_or(0);
        ALPHABET.get(at).map_or('B', |byte| char::from(*byte))
    };
    (0..LENGTH).map(pick).collect()
}

/// A code as it is compared: however a person typed it.
pub(super) fn normal(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).take(20).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::SeededRandom;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_may_be_typed_in_many_ways(seed: u64) {
            let code = user_code(&SeededRandom::new(seed));
            prop_assert_eq!(code.len(), LENGTH);
            let typed = format!(" {}-{} ", &code[..3].to_lowercase(), &code[3..]);
            prop_assert_eq!(normal(&typed), code);
        }
    }
}
