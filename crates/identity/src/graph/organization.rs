//! `/organization` and `/domains`: the tenant itself.

use http::Method;
use keyholder_entra::graph::{Organization, VerifiedDomain};
use keyholder_foundation::TenantId;
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::listing::Listed;
use crate::directory::tenants::{Domain, Tenant};

const DOMAIN_PROPERTIES: Properties =
    &[("id", Type::Text), ("isDefault", Type::Bool), ("isInitial", Type::Bool), ("isVerified", Type::Bool)];

/// For how many days a password may be good.
const VALIDITY: std::ops::RangeInclusive<u32> = 14..=730;
/// The number of days that stands for ever.
const FOR_EVER: u32 = 2_147_483_647;

impl Listed for Organization {
    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// A domain as `/domains` shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownDomain {
    id: String,
    authentication_type: &'static str,
    availability_status: Option<String>,
    is_admin_managed: bool,
    is_default: bool,
    is_initial: bool,
    is_root: bool,
    is_verified: bool,
    supported_services: [&'static str; 2],
    password_notification_window_in_days: Option<u32>,
    password_validity_period_in_days: Option<u32>,
    /// The place in the list: Graph shows domains by no id that lists are ordered by.
    #[serde(skip)]
    place: u128,
}

impl Listed for ShownDomain {
    fn id(&self) -> Uuid {
        Uuid::from_u128(self.place)
    }
}

pub(super) fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadOrganization)?;
    let shape = Shape::new(call, "organization", "organization");
    let tenant = &call.caller.tenant;
    let Some((id, rest)) = rest.split_first() else {
        let askable = Askable { entity: "Organization", properties: &[], narrows: narrows_nothing, named: false };
        let page = call.query.listing(&askable)?.page(vec![organization(tenant)]);
        return Ok(Answer::Found(shape.page(&call.query, &page)?));
    };
    end(rest)?;
    call.query.of_one()?;
    if id.text.parse::<TenantId>() != Ok(tenant.id) {
        return Err(Problem::not_found(&id.text));
    }
    Ok(Answer::Found(shape.one(&call.query, &organization(tenant))?))
}

fn organization(tenant: &Tenant) -> Organization {
    let domain = |domain: &Domain| VerifiedDomain {
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

pub(super) async fn handle_domains(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    match (call.method, rest) {
        (&Method::GET, _) => call.caller.may(Action::ReadDomains)?,
        (&Method::PATCH, [id]) => return update_domain(call, &id.text).await,
        _ => return call.no_method(),
    }
    let shape = Shape::new(call, "domains", "domain");
    let domains = call.caller.tenant.domains.iter().zip(1..).map(|(domain, place)| ShownDomain {
        id: domain.name.clone(),
        authentication_type: "Managed",
        availability_status: None,
        is_admin_managed: true,
        is_default: domain.is_default,
        is_initial: domain.is_initial,
        is_root: true,
        is_verified: true,
        supported_services: ["Email", "OfficeCommunicationsOnline"],
        password_notification_window_in_days: None,
        password_validity_period_in_days: domain.password_validity,
        place,
    });
    let mut domains: Vec<_> = domains.collect();
    let Some((id, rest)) = rest.split_first() else {
        let properties = DOMAIN_PROPERTIES;
        let askable = Askable { entity: "Domain", properties, narrows: narrows_nothing, named: false };
        let page = call.query.listing(&askable)?.page(domains);
        return Ok(Answer::Found(shape.page(&call.query, &page)?));
    };
    end(rest)?;
    call.query.of_one()?;
    domains.retain(|domain| domain.id.eq_ignore_ascii_case(&id.text));
    let found = domains.first().ok_or_else(|| Problem::not_found(&id.text))?;
    Ok(Answer::Found(shape.one(&call.query, found)?))
}

/// Of a domain only this can be changed: for how long its people's passwords are good.
async fn update_domain(call: &Call<'_>, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteDomains)?;
    call.query.of_action()?;
    let mut body = Body::parse("Domain", call.body)?;
    let days: u32 = body.require("passwordValidityPeriodInDays")?;
    let invalid = body.invalid("passwordValidityPeriodInDays");
    body.take_nothing("passwordNotificationWindowInDays")?;
    body.finish()?;
    let days = match days {
        FOR_EVER => None,
        days if VALIDITY.contains(&days) => Some(days),
        _ => return Err(invalid),
    };
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    match directory.set_password_validity(tenant, id.to_ascii_lowercase(), days).await? {
        true => Ok(Answer::Done),
        false => Err(Problem::not_found(id)),
    }
}
