//! Username and password, sent by a program (RFC 6749 section 4.3; Microsoft's "OAuth 2.0 Resource
//! Owner Password Credentials"). No page is shown, so everything that would need one is refused.

use std::sync::Arc;

use keyholder_entra::aadsts;

use crate::login::authentication::{Need, authenticate};
use crate::login::client::{self, Found};
use crate::login::delegated::{self, SignedIn};
use crate::login::scope::Several;
use crate::login::tenant::Segment;
use crate::login::token::{Asking, Granted, Trail};
use crate::login::{Failure, person};

pub(super) async fn grant(asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
    let Asking { identity, segment, form, .. } = asking;
    if matches!(segment, Segment::Consumers | Segment::Any("common")) {
        return Err(aadsts::password_needs_tenant().into());
    }
    let client_id = super::required(form.client_id.as_deref(), "client_id")?;
    let name = super::required(form.username.as_deref(), "username")?;
    let password = form.password.as_ref().filter(|password| !password.is_empty());
    let password = password.ok_or_else(|| aadsts::parameter_missing("password"))?;
    super::check_target(asking)?;
    let found = find(asking, client_id, name).await?;
    trail.found = Some(found.clone());
    trail.name = Some(name.trim().to_owned());
    let need = Need::CredentialUnless { public: found.client.is_public() };
    let proof = authenticate(identity, segment, &found, form, need).await?;
    trail.proof = Some(proof);
    let asked = super::asked(asking, None, Several::Refused)?;
    let person = person::named(identity, found.tenant.id, name).await?;
    // That they tried is told of them, whatever comes of it.
    trail.person = Some(person.clone());
    person::check_password(identity, &person, password).await?;
    let signed_in = SignedIn {
        person,
        methods: person::BY_PASSWORD.to_owned(),
        at: identity.clocks.now(),
        session: None,
        nonce: None,
    };
    delegated::grant(asking, trail, found, proof, &asked, signed_in).await
}

/// The application, in the tenant that was asked or else in the person's.
async fn find(asking: &Asking<'_>, client_id: &str, name: &str) -> Result<Found, Failure> {
    let identity = asking.identity;
    let word = match &asking.segment {
        Segment::Tenant(tenant) => return client::find_in(identity, Arc::clone(tenant), client_id).await,
        Segment::Any(word) => word,
        Segment::Consumers => "consumers",
    };
    client::check_for_any(identity, word, client_id).await?;
    let unknown = || Failure::from(aadsts::user_not_found(name, word));
    let tenant = person::tenant_of(identity, name).await?.ok_or_else(unknown)?;
    let tenants = identity.directory.tenants().await?;
    let tenant = tenants.find(tenant).ok_or_else(unknown)?;
    client::find_in(identity, Arc::clone(tenant), client_id).await
}
