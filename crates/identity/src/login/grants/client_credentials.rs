//! Client credentials: an application signs in for itself (RFC 6749 section 4.4; Microsoft's
//! "OAuth 2.0 client credentials flow").

use keyholder_entra::aadsts::{self, Problem};

use crate::login::authentication::{Need, authenticate};
use crate::login::token::{Asking, Granted, Trail};
use crate::login::{Failure, Version, client, issue, scope};
use crate::resources::Resource;

pub(super) async fn grant(asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
    let Asking { identity, segment, form, .. } = asking;
    let client_id = form.client_id.as_deref().filter(|id| !id.is_empty());
    let client_id = client_id.ok_or_else(|| aadsts::parameter_missing("client_id"))?;
    let target = target(asking)?;
    let found = &*trail.found.insert(client::find(identity, segment, client_id).await?);
    let proof = authenticate(identity, segment, found, form, Need::Credential).await?;
    trail.proof = Some(proof);
    // Whom the token would speak for: since 2026 the real service gives none without.
    let facts = &found.client.facts;
    if facts.service_principal.is_none() {
        return Err(aadsts::service_principal_missing(facts.client_id, found.tenant.id).into());
    }
    let requested = match target {
        Target::Resource(resource) => resource,
        Target::Scope(text) => scope::resource_of(text)?,
    };
    let resource = Resource::find(identity, found.tenant.id, requested).await;
    let resource = resource.map_err(|fault| Failure::of_resource(fault, requested, &found.tenant))?;
    let access = issue::for_application(identity, found, proof, &resource);
    let resource = &*trail.resource.insert(resource);
    if let Some(api) = resource.api.as_ref().filter(|api| api.assignment_required)
        && !found.client.assigned.iter().any(|(assigned, _)| *assigned == api.principal)
    {
        return Err(aadsts::assignment_required(facts.client_id, &api.display_name).into());
    }
    Ok(Granted::of(access))
}

/// What the token is asked for, as it came.
enum Target<'a> {
    Resource(&'a str),
    Scope(&'a str),
}

/// The parameter that the endpoint needs; only whether it is there is checked so early.
fn target<'a>(asking: &Asking<'a>) -> Result<Target<'a>, Problem> {
    let form = asking.form;
    match asking.version {
        Version::One => {
            let resource = form.resource.as_deref().map(str::trim).filter(|resource| !resource.is_empty());
            Ok(Target::Resource(resource.ok_or_else(|| aadsts::parameter_missing("resource"))?))
        }
        Version::Two if form.resource.is_some() => Err(aadsts::resource_parameter_unsupported()),
        Version::Two => Ok(Target::Scope(form.scope.as_deref().ok_or_else(|| aadsts::parameter_missing("scope"))?)),
    }
}
