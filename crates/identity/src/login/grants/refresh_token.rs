//! Refresh tokens (RFC 6749 section 6): each gives a new access token and a new refresh token, for the
//! resource of the first sign-in or for another; the old one stays good beside the new one.

use std::sync::Arc;

use keyholder_entra::{aadsts, well_known};
use keyholder_foundation::ClientId;

use crate::directory::sessions::INACTIVE;
use crate::login::authentication::{Need, authenticate};
use crate::login::client;
use crate::login::delegated::{self, SignedIn};
use crate::login::scope::Several;
use crate::login::session_token::{Purpose, SessionToken};
use crate::login::tenant::Segment;
use crate::login::token::{Asking, Granted, Trail};
use crate::login::{Failure, Version};

const PARAMETER: &str = "refresh_token";

pub(super) async fn grant(asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
    let Asking { identity, segment, form, .. } = asking;
    let client_id = super::required(form.client_id.as_deref(), "client_id")?;
    let token = form.refresh_token.as_ref().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| aadsts::parameter_missing(PARAMETER))?;
    if asking.version == Version::Two && form.resource.is_some() {
        return Err(aadsts::resource_parameter_unsupported().into());
    }
    if matches!(segment, Segment::Consumers) {
        return Err(aadsts::consumers_not_supported(client_id).into());
    }
    let token = SessionToken::parse(token.expose(), Purpose::Refresh).ok_or_else(aadsts::grant_malformed)?;
    let invalid = || Failure::from(aadsts::grant_invalid(PARAMETER));
    let tenants = identity.directory.tenants().await?;
    let tenant = Arc::clone(tenants.find(token.tenant).ok_or_else(invalid)?);
    let found = client::find_in(identity, Arc::clone(&tenant), client_id).await?;
    trail.found = Some(found.clone());
    let need = Need::CredentialUnless { public: found.client.is_public() };
    let proof = authenticate(identity, segment, &found, form, need).await?;
    trail.proof = Some(proof);

    let session = identity.directory.find_session(token.tenant, token.session).await?;
    let session = session.filter(|session| token.is_of(session)).ok_or_else(invalid)?;
    if !session.client.is_some_and(|owner| may_redeem(owner, found.client.facts.client_id)) {
        return Err(invalid());
    }
    let person = identity.directory.find_person(token.tenant, session.user).await?;
    let unknown = || aadsts::user_not_found(&session.user.to_string(), &token.tenant.to_string());
    let person = person.ok_or_else(unknown)?;
    trail.person = Some(person.clone());
    if let Segment::Tenant(asked) = segment
        && asked.id != tenant.id
    {
        return Err(aadsts::account_of_another_tenant(&person.user_principal_name, &asked.display_name).into());
    }
    let now = identity.clocks.now();
    if now >= token.issued.plus(INACTIVE) {
        return Err(aadsts::refresh_token_inactive(token.issued).into());
    }
    // Whose account is off is told that, not that the sessions went with it.
    if !person.enabled {
        return Err(aadsts::account_disabled().into());
    }
    if let Some(revoked) = session.revoked {
        return Err(aadsts::grant_revoked(token.issued, revoked).into());
    }
    let asked = super::asked(asking, Some(&session.scope), Several::FirstCounts)?;
    let signed_in =
        SignedIn { person, methods: session.methods.clone(), at: session.started, session: Some(session), nonce: None };
    delegated::grant(asking, trail, found, proof, &asked, signed_in).await
}

/// Whether a client may redeem a refresh token of another's: Microsoft's own share theirs in a family.
fn may_redeem(owner: ClientId, client: ClientId) -> bool {
    let in_family = |client: ClientId| {
        well_known::PUBLIC_CLIENTS.iter().any(|published| published.client == client && published.family)
    };
    owner == client || (in_family(owner) && in_family(client))
}
