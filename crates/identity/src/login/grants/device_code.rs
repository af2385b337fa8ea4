//! Device codes (RFC 8628 section 3.4): a client asks again and again, until the person has signed in
//! on another device.

use std::sync::Arc;

use keyholder_entra::aadsts;

use crate::directory::device_codes::DeviceState;
use crate::login::Failure;
use crate::login::authentication::{Need, authenticate};
use crate::login::client;
use crate::login::delegated::{self, SignedIn};
use crate::login::scope::{Asked, Several};
use crate::login::session_token::Code;
use crate::login::tenant::Segment;
use crate::login::token::{Asking, Granted, Trail};

pub(super) async fn grant(asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
    let Asking { identity, segment, form, .. } = asking;
    let client_id = super::required(form.client_id.as_deref(), "client_id")?;
    if matches!(segment, Segment::Consumers) {
        return Err(aadsts::consumers_not_supported(client_id).into());
    }
    // v1 calls it `code`; some clients send both.
    let code = form.device_code.as_ref().or(form.code.as_ref()).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| aadsts::parameter_missing("device_code"))?;
    let unknown = || Failure::from(aadsts::device_code_unknown());
    let code = Code::parse(code.expose()).ok_or_else(unknown)?;
    let client = client_id.trim().parse().map_err(|_| unknown())?;
    let polled = identity.directory.poll_device_code(code.tenant, code.hash, client).await?;
    let (kept, too_often) = polled.ok_or_else(unknown)?;
    if identity.clocks.now() >= kept.expires {
        return Err(aadsts::device_code_expired().into());
    }
    let approval = match kept.state.clone() {
        DeviceState::Pending if too_often => return Err(aadsts::device_slow_down().into()),
        DeviceState::Pending => return Err(aadsts::device_pending().into()),
        DeviceState::Redeemed => return Err(aadsts::code_redeemed().into()),
        DeviceState::Declined => return Err(aadsts::device_declined(kept.client, client_id).into()),
        DeviceState::Approved(approval) => approval,
    };
    let tenants = identity.directory.tenants().await?;
    let tenant = Arc::clone(tenants.find(approval.tenant).ok_or_else(unknown)?);
    if let Segment::Tenant(asked) = segment
        && asked.id != tenant.id
    {
        return Err(aadsts::grant_of_another_tenant().into());
    }
    let found = client::find_in(identity, tenant, client_id).await?;
    trail.found = Some(found.clone());
    let need = Need::CredentialUnless { public: found.client.is_public() };
    let proof = authenticate(identity, segment, &found, form, need).await?;
    trail.proof = Some(proof);
    let asked = Asked::parse(&kept.scope, Several::FirstCounts)?;
    let person = identity.directory.find_person(approval.tenant, approval.user).await?.ok_or_else(unknown)?;
    if !identity.directory.redeem_device_code(&kept).await? {
        return Err(aadsts::code_redeemed().into());
    }
    let signed_in = SignedIn { person, methods: approval.methods, at: approval.signed_in, session: None, nonce: None };
    delegated::grant(asking, trail, found, proof, &asked, signed_in).await
}
