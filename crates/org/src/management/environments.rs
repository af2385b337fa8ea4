//! Power Platform's environments: each org is one. Tools find an org's URL here by the
//! environment's id, and have an application user or a person brought into it.
//!
//! A reading: an environment's id is the organization's id, where the real service has two.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use keyholder_data::{Administrator, ApplicationFacts};
use keyholder_foundation::{ClientId, ObjectId};
use keyholder_identity::VerifiedToken;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, POWER_PLATFORM, Refusal, administers, body, caller, check_administers, check_query, is, ok};
use crate::door::token_facts;
use crate::folder::Pretence;
use crate::propagation;
use crate::world::{OpenOrg, OpenWorld, State};

/// What tools ask to see more of, where there is no more to see.
const WITHOUT_EFFECT: [&str; 1] = ["$expand"];

#[derive(Deserialize)]
struct AddAppUser {
    #[serde(rename = "servicePrincipalAppId")]
    application: ClientId,
}

#[derive(Deserialize)]
struct AddUser {
    #[serde(rename = "objectId")]
    person: ObjectId,
}

pub(super) async fn answer(world: &OpenWorld, request: &Request<Bytes>, segments: &[&str]) -> Answered {
    let path: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let (as_administrator, rest) = match path.as_slice() {
        ["scopes", "admin", "environments", rest @ ..] => (true, rest),
        ["environments", rest @ ..] => (false, rest),
        _ => return Err(Refusal::not_found("The resource")),
    };
    let state = world.state().await;
    let caller = caller(world, &state, request, &POWER_PLATFORM)?;
    check_query(request, &WITHOUT_EFFECT)?;
    world.deliver(&state).await;
    let administers = administers(&state, &caller).await?;
    if as_administrator {
        check_administers(administers)?;
    }
    match rest {
        [] if is(&Method::GET, request) => {
            let mut listed = Vec::new();
            for org in visible(&state, &caller, administers).await? {
                listed.push(environment(world, &org, as_administrator));
            }
            ok(json!({"value": listed}))
        }
        [id] if is(&Method::GET, request) => {
            let org = find(&state, &caller, administers, id).await?;
            ok(environment(world, &org, as_administrator))
        }
        [_, "addappuser"] if as_administrator && is(&Method::POST, request) && caller.delegated => {
            Err(Refusal::delegated())
        }
        [id, "addappuser"] if as_administrator && is(&Method::POST, request) => {
            let org = find(&state, &caller, administers, id).await?;
            let wanted: AddAppUser = body(request)?;
            add_application(&state, &org, wanted.application).await
        }
        [id, "adduser"] if as_administrator && is(&Method::POST, request) => {
            let org = find(&state, &caller, administers, id).await?;
            let wanted: AddUser = body(request)?;
            add_person(world, &state, &org, wanted.person).await
        }
        [] | [_] | [_, "addappuser" | "adduser"] => Err(Refusal::method()),
        _ => Err(Refusal::not_found("The resource")),
    }
}

/// The orgs of the caller's tenant that the caller may know of: all of them for administrators, for
/// others those that have them as a user.
async fn visible(state: &State, caller: &VerifiedToken, administers: bool) -> Result<Vec<Arc<OpenOrg>>, Refusal> {
    let mut visible = Vec::new();
    for org in state.orgs.iter().filter(|org| org.tenant == caller.tenant) {
        if administers || org.organization.membership(&token_facts(caller)).await?.is_some_and(|user| !user.is_disabled)
        {
            visible.push(Arc::clone(org));
        }
    }
    Ok(visible)
}

async fn find(state: &State, caller: &VerifiedToken, administers: bool, id: &str) -> Result<Arc<OpenOrg>, Refusal> {
    let found = visible(state, caller, administers).await?.into_iter().find(|org| org.id.to_string() == id);
    found.ok_or_else(|| {
        let id: String = id.chars().take(60).filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let message = format!("The environment '{id}' could not be found in the tenant '{}'.", caller.tenant);
        Refusal::new(http::StatusCode::NOT_FOUND, "EnvironmentNotFound", message)
    })
}

/// Makes an application a user of the org with the System Administrator role, as the real service
/// does; doing it again changes nothing.
async fn add_application(state: &State, org: &OpenOrg, application: ClientId) -> Answered {
    let found = state.identity.find_application(org.tenant, application).await?;
    let known = found.and_then(|facts| {
        Some(ApplicationFacts {
            client_id: facts.client_id,
            display_name: facts.display_name,
            identifier_uri: facts.identifier_uri,
            service_principal: facts.service_principal?,
        })
    });
    let Some(known) = known else {
        let message = format!("The service principal of the application '{application}' was not found in the tenant.");
        return Err(Refusal::bad_request("ServicePrincipalNotFound", message));
    };
    org.organization.ensure_administrator(Administrator::Application(known)).await?;
    ok(json!({}))
}

/// Brings a person of the directory into the org now, instead of when it would learn of them.
async fn add_person(world: &OpenWorld, state: &State, org: &OpenOrg, person: ObjectId) -> Answered {
    let refused = |code, message: &str| Err(Refusal::bad_request(code, message));
    let Some(facts) = state.identity.user_facts(org.tenant, person).await?.filter(|facts| !facts.deleted) else {
        return refused("userNotFound", "The user was not found in the tenant.");
    };
    let facts = propagation::person(org, &facts, world.clocks.now());
    if !facts.is_licensed && !facts.is_administrator {
        return refused("userNotLicensed", "The user has no license for the environment.");
    }
    if !facts.may_enter {
        return refused("userNotInSecurityGroup", "The user is not a member of the environment's security group.");
    }
    if !facts.is_enabled {
        return refused("userNotEnabled", "The user is blocked from signing in.");
    }
    org.organization.follow_person(facts).await?;
    ok(json!({}))
}

/// An environment, as far as tools read it.
fn environment(world: &OpenWorld, org: &OpenOrg, as_administrator: bool) -> Value {
    let scope = if as_administrator { "scopes/admin/environments" } else { "environments" };
    let short = org.short_name();
    json!({
        "id": format!("/providers/Microsoft.BusinessAppPlatform/{scope}/{}", org.id),
        "type": format!("Microsoft.BusinessAppPlatform/{}", if as_administrator { "scopes/environments" } else { "environments" }),
        "location": "local",
        "name": org.id,
        "properties": {
            "tenantId": org.tenant,
            "azureRegion": "local",
            "displayName": org.name,
            "createdTime": org.opened.to_string(),
            "provisioningState": "Succeeded",
            "creationType": "User",
            "environmentSku": "Production",
            "isDefault": false,
            "runtimeEndpoints": {"microsoft.BusinessAppPlatform": world.address().origin},
            "databaseType": "CommonDataService",
            "linkedEnvironmentMetadata": {
                "resourceId": org.id,
                "friendlyName": org.name,
                "uniqueName": short,
                "domainName": short,
                "version": org.pretend.map_or(keyholder_data::VERSION, Pretence::version),
                "instanceUrl": format!("{}/", org.url),
                "instanceApiUrl": org.url,
                "baseLanguage": 1033,
                "instanceState": "Ready",
                "createdTime": org.opened.to_string(),
                "platformSku": "Standard",
                "schemaType": "Standard",
                "securityGroupId": org.security_group(),
            },
            "states": {"management": {"id": "Ready"}, "runtime": {"id": "Enabled"}},
        },
    })
}
