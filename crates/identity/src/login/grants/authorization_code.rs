//! Authorization codes (RFC 6749 section 4.1) with PKCE (RFC 7636): what the sign-in page sent the
//! browser back with is redeemed here, once.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::base64url;

use crate::directory::codes::{AuthorizationCode, Presented};
use crate::directory::registrations::Platform;
use crate::login::authentication::{Need, authenticate};
use crate::login::client;
use crate::login::delegated::{self, SignedIn};
use crate::login::redirect;
use crate::login::scope::Several;
use crate::login::session_token::Code;
use crate::login::tenant::Segment;
use crate::login::token::{Asking, Granted, Trail};
use crate::login::{Failure, Version};

pub(super) async fn grant(asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
    let Asking { identity, segment, form, .. } = asking;
    let client_id = super::required(form.client_id.as_deref(), "client_id")?;
    let code = form.code.as_ref().filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| aadsts::parameter_missing("code"))?;
    if asking.version == Version::Two && form.resource.is_some() {
        return Err(aadsts::resource_parameter_unsupported().into());
    }
    if matches!(segment, Segment::Consumers) {
        return Err(aadsts::consumers_not_supported(client_id).into());
    }
    let code = Code::parse(code.expose()).ok_or_else(aadsts::grant_malformed)?;
    let invalid = || Failure::from(aadsts::grant_invalid("code"));
    let tenants = identity.directory.tenants().await?;
    let tenant = Arc::clone(tenants.find(code.tenant).ok_or_else(invalid)?);
    if let Segment::Tenant(asked) = segment
        && asked.id != tenant.id
    {
        return Err(aadsts::grant_of_another_tenant().into());
    }
    let found = client::find_in(identity, tenant, client_id).await?;
    trail.found = Some(found.clone());
    let kept = match identity.directory.find_code(code.tenant, code.hash.clone()).await? {
        Presented::Good(kept) => *kept,
        Presented::Redeemed => return Err(aadsts::code_redeemed().into()),
        Presented::Expired => return Err(aadsts::code_expired().into()),
        Presented::Unknown => return Err(invalid()),
    };
    if kept.client != found.client.facts.client_id {
        return Err(invalid());
    }
    let platform = redirect::platform(identity, &found.client, &kept.redirect_uri);
    let public = match platform {
        Some(Platform::Web) => false,
        Some(Platform::Spa | Platform::PublicClient) => true,
        None => found.client.is_public(),
    };
    let proof = authenticate(identity, segment, &found, form, Need::CredentialUnless { public }).await?;
    trail.proof = Some(proof);
    check_redirect(form.redirect_uri.as_deref(), &kept)?;
    check_verifier(form.code_verifier.as_ref().map(keyholder_foundation::Secret::expose), &kept)?;
    if platform == Some(Platform::Spa) && kept.challenge.is_none() {
        return Err(aadsts::proof_key_required().into());
    }
    let asked = super::asked(asking, Some(&kept.scope), Several::FirstCounts)?;
    let person = identity.directory.find_person(code.tenant, kept.user).await?.ok_or_else(invalid)?;
    // Used up only now: what was wrong with the request may be mended with the same code.
    if !identity.directory.redeem_code(code.tenant, code.hash.clone()).await? {
        return Err(aadsts::code_redeemed().into());
    }
    let AuthorizationCode { methods, signed_in: at, nonce, .. } = kept;
    let signed_in = SignedIn { person, methods, at, session: None, nonce };
    delegated::grant(asking, trail, found, proof, &asked, signed_in).await
}

/// The redirect URI must be the one that the code was asked with.
fn check_redirect(given: Option<&str>, kept: &AuthorizationCode) -> Result<(), Problem> {
    match given.filter(|given| !given.is_empty()) {
        None => Err(aadsts::parameter_missing("redirect_uri")),
        Some(given) if given == kept.redirect_uri => Ok(()),
        Some(given) => Err(aadsts::redirect_uri_differs(given, &kept.redirect_uri)),
    }
}

/// Whoever redeems the code must know what its challenge was made of.
fn check_verifier(given: Option<&str>, kept: &AuthorizationCode) -> Result<(), Problem> {
    let given = given.filter(|given| !given.is_empty());
    let (challenge, method) = match (&kept.challenge, given) {
        (None, None) => return Ok(()),
        // Somebody who sends a verifier believes in a challenge that never was.
        (None, Some(_)) => return Err(aadsts::verifier_wrong()),
        (Some(_), None) => return Err(aadsts::parameter_missing("code_verifier")),
        (Some(challenge), Some(_)) => challenge,
    };
    let given = given.unwrap_or_default();
    let made = match method.as_str() {
        "S256" => base64url::encode(digest(&SHA256, given.as_bytes())),
        _ => given.to_owned(),
    };
    verify_slices_are_equal(made.as_bytes(), challenge.as_bytes()).map_err(|_| aadsts::verifier_wrong())
}
