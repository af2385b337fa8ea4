//! `/identity/conditionalAccess/policies`: what every sign-in of a person must meet. A tenant of the local org has one rule
//! for everybody or none, which is shown as the policy that it stands for, and is not changed here.

use http::Method;
use keyholder_foundation::TenantId;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::listing::Listed;
use crate::directory::people::SignInRule;

const PROPERTIES: Properties = &[("id", Type::Text), ("displayName", Type::Text), ("state", Type::Text)];

/// What makes a policy's id of its tenant's.
const MULTI_FACTOR: u128 = 0x5f3a_11c8_0d42_0e6b_1c7a_90b4_2d8e_6a01;
const BLOCK: u128 = 0x5f3a_11c8_0d42_0e6b_1c7a_90b4_2d8e_6a02;

/// A policy, as it is shown.
#[derive(Debug, Serialize)]
struct Policy {
    #[serde(skip)]
    id: Uuid,
    #[serde(flatten)]
    properties: Map<String, Value>,
}

impl Listed for Policy {
    fn id(&self) -> Uuid {
        self.id
    }

    fn name(&self) -> &str {
        self.properties.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((area, rest)) = rest.split_first().filter(|(area, _)| area.name == "conditionalaccess") else {
        return Err(Problem::unknown_segment(&rest.first().unwrap_or(first).text));
    };
    let Some((collection, rest)) = rest.split_first().filter(|(collection, _)| collection.name == "policies") else {
        return Err(Problem::unknown_segment(&rest.first().unwrap_or(area).text));
    };
    no_key(collection)?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadConditionalAccess)?;
    let tenant = call.caller.tenant.id;
    let policy = policy(tenant, call.identity.directory.sign_in_rule(tenant).await?);
    let shape = Shape::new(call, "identity/conditionalAccess/policies", "conditionalAccessPolicy");
    let Some((id, rest)) = rest.split_first() else {
        let askable = Askable {
            entity: "ConditionalAccessPolicy",
            properties: PROPERTIES,
            narrows: narrows_nothing,
            named: true,
        };
        let page = call.query.listing(&askable)?.page(policy.into_iter().collect());
        return Ok(Answer::Found(shape.page(&call.query, &page)?));
    };
    end(rest)?;
    call.query.of_one()?;
    let found = policy.filter(|policy| id.text.parse() == Ok(policy.id)).ok_or_else(|| Problem::not_found(&id.text))?;
    Ok(Answer::Found(shape.one(&call.query, &found)?))
}

/// The policy that a tenant's rule stands for.
fn policy(tenant: TenantId, rule: SignInRule) -> Option<Policy> {
    let (name, control, own) = match rule {
        SignInRule::None => return None,
        SignInRule::MultiFactor => ("Multi-factor authentication for everybody", "mfa", MULTI_FACTOR),
        SignInRule::Block => ("Nobody signs in", "block", BLOCK),
    };
    // The same in every run, and another one in another tenant.
    let id = Uuid::from_u128(tenant.0.as_u128() ^ own);
    let nobody = || json!([]);
    let policy = json!({
        "id": id,
        "displayName": name,
        "state": "enabled",
        "createdDateTime": null,
        "modifiedDateTime": null,
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []},
            "users": {
                "includeUsers": ["All"], "excludeUsers": nobody(),
                "includeGroups": nobody(), "excludeGroups": nobody(),
                "includeRoles": nobody(), "excludeRoles": nobody(),
            },
        },
        "grantControls": {
            "operator": "OR", "builtInControls": [control], "customAuthenticationFactors": [], "termsOfUse": [],
        },
        "sessionControls": null,
    });
    let Value::Object(properties) = policy else { return None };
    Some(Policy { id, properties })
}
