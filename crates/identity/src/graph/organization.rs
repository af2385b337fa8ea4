//! `/organization`: the tenant itself.

use http::Method;
use keyholder_entra::graph::{Organization, VerifiedDomain};
use keyholder_foundation::TenantId;

use super::answer::{Answer, Shape};
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end};
use crate::directory::tenants::Tenant;

pub(super) fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    if first.key.is_some() {
        return Err(Problem::unknown_segment(&first.text));
    }
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadOrganization)?;
    let shape = Shape { origin: &call.identity.origin, set: "organization", entity: "organization" };
    let tenant = &call.caller.tenant;
    let Some((id, rest)) = rest.split_first() else {
        let listing = call.query.listing("Organization", |_, _, _| None)?;
        // There is exactly one, so nothing comes after it.
        let page = if listing.after.is_some() { Vec::new() } else { vec![organization(tenant)] };
        return Ok(Answer::Found(shape.page(&call.query, page, |organization| organization.id.0)?));
    };
    end(rest)?;
    call.query.of_one()?;
    if id.text.parse::<TenantId>() != Ok(tenant.id) {
        return Err(Problem::not_found(&id.text));
    }
    Ok(Answer::Found(shape.one(&call.query, &organization(tenant))?))
}

fn organization(tenant: &Tenant) -> Organization {
    let domain = |domain: &crate::directory::tenants::Domain| VerifiedDomain {
        name: domain.name.clone(),
        kind: Some("Managed".to_owned()),
        is_default: domain.is_default,
        is_initial: domain.is_initial,
        capabilities: Some("Email, OfficeCommunicationsOnline".to_owned()),
    };
    Organization {
        id: tenant.id,
        display_name: Some(tenant.display_name.clone()),
        verified_domains: tenant.domains.iter().map(domain).collect(),
        created_date_time: Some(tenant.created),
        tenant_type: Some("AAD".to_owned()),
    }
}
