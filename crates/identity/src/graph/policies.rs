//! `/policies`: what credentials applications and service principals may have. The tenant's default
//! policy (`defaultAppManagementPolicy`), and those that stand in its place for single objects
//! (`appManagementPolicies`), with who has which.

use http::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::owners;
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::holders::Holder;

const DEFAULT: &str = "TenantAppManagementPolicy";
const ENTITY: &str = "AppManagementPolicy";
const PROPERTIES: Properties = &[("id", Type::Text), ("displayName", Type::Text), ("isEnabled", Type::Bool)];
/// The longest name and the longest description, in characters.
const MAX_TEXT: usize = 1024;

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((policy, rest)) = rest.split_first() else {
        return Err(Problem::unknown_segment(&first.text));
    };
    match policy.name.as_str() {
        "appmanagementpolicies" => custom(call, policy, rest).await,
        "defaultappmanagementpolicy" => {
            end(rest)?;
            default(call).await
        }
        _ => Err(Problem::unknown_segment(&policy.text)),
    }
}

async fn default(call: &Call<'_>) -> Result<Answer, Problem> {
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    match *call.method {
        Method::GET => {
            call.caller.may(Action::ReadPolicies)?;
            call.query.of_one()?;
            let found = directory.app_management_policy(tenant).await?;
            let shape = Shape::new(call, "policies/defaultAppManagementPolicy", "tenantAppManagementPolicy");
            Ok(Answer::Found(shape.one(&call.query, &found)?))
        }
        Method::PATCH => {
            call.caller.may(Action::WritePolicies)?;
            call.query.of_action()?;
            let mut body = Body::parse(DEFAULT, call.body)?;
            if body.names().any(|name| name == "id") {
                return Err(body.invalid("id"));
            }
            for name in ["displayName", "description"] {
                body.take_nullable_text(name, MAX_TEXT)?;
            }
            directory.update_app_management_policy(tenant, body.rest()?).await?;
            Ok(Answer::Done)
        }
        _ => call.no_method(),
    }
}

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "policies/appManagementPolicies", "appManagementPolicy")
}

/// `/policies/appManagementPolicies`.
async fn custom(call: &Call<'_>, collection: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    let (id, rest) = match (&collection.key, rest.split_first()) {
        (Some(key), _) => (path::key_parts(key).1, rest),
        (None, Some((id, rest))) => (id.text.as_str(), rest),
        (None, None) => {
            return match *call.method {
                Method::GET => list(call).await,
                Method::POST => create(call).await,
                _ => call.no_method(),
            };
        }
    };
    let found = id.parse().map_err(|_| Problem::not_found(id));
    match (rest, call.method) {
        ([], &Method::GET) => get(call, found?).await,
        ([], &Method::PATCH) => update(call, found?).await,
        ([], &Method::DELETE) => {
            call.caller.may(Action::WritePolicies)?;
            call.query.of_action()?;
            call.identity.directory.delete_custom_policy(call.caller.tenant.id, found?).await?;
            Ok(Answer::Done)
        }
        ([inner], &Method::GET) if inner.name == "appliesto" => applies_to(call, found?).await,
        ([], _) => call.no_method(),
        ([inner], _) if inner.name == "appliesto" => call.no_method(),
        ([other, ..], _) => Err(Problem::unknown_segment(&other.text)),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadPolicies)?;
    let askable = Askable { entity: ENTITY, properties: PROPERTIES, narrows: narrows_nothing, named: false };
    let listing = call.query.listing(&askable)?;
    let found = call.identity.directory.custom_policies(call.caller.tenant.id).await?;
    Ok(Answer::Found(shape(call).page(&call.query, &listing.page(found))?))
}

async fn get(call: &Call<'_>, id: Uuid) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadPolicies)?;
    call.query.of_one()?;
    let found = call.identity.directory.custom_policy(call.caller.tenant.id, id).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &found)?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::WritePolicies)?;
    call.query.of_action()?;
    let body = Body::parse(ENTITY, call.body)?;
    body.has("displayName")?;
    let made = call.identity.directory.create_custom_policy(call.caller.tenant.id, content(body)?).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, id: Uuid) -> Result<Answer, Problem> {
    call.caller.may(Action::WritePolicies)?;
    call.query.of_action()?;
    let content = content(Body::parse(ENTITY, call.body)?)?;
    call.identity.directory.update_custom_policy(call.caller.tenant.id, id, content).await?;
    Ok(Answer::Done)
}

/// What a body says of a policy.
fn content(mut body: Body) -> Result<Map<String, Value>, Problem> {
    if body.names().any(|name| name == "id") {
        return Err(body.invalid("id"));
    }
    let name = body.take_text("displayName", MAX_TEXT)?;
    let description = body.take_nullable_text("description", MAX_TEXT)?;
    let mut content = body.rest()?;
    content.extend(name.map(|name| ("displayName".to_owned(), name.into())));
    content.extend(description.map(|text| ("description".to_owned(), text.into())));
    Ok(content)
}

/// `appliesTo`: the applications and service principals that have the policy.
async fn applies_to(call: &Call<'_>, id: Uuid) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadPolicies)?;
    call.caller.may(Action::ReadApplications)?;
    let askable =
        Askable { entity: "DirectoryObject", properties: owners::PROPERTIES, narrows: narrows_nothing, named: true };
    let listing = call.query.listing(&askable)?;
    let found = call.identity.directory.objects_of_policy(&call.caller.tenant, id).await?;
    let shape = Shape::new(call, format!("policies/appManagementPolicies/{id}/appliesTo"), "directoryObject");
    Ok(Answer::Found(shape.page(&call.query, &listing.page(found))?))
}

/// `appManagementPolicies` of an application or service principal: which one it has, if any; it is
/// given and taken by reference.
pub(super) async fn of_holder(call: &Call<'_>, holder: Holder, rest: &[Segment]) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadApplications)?;
    let is_reference = |segment: &Segment| segment.name == "$ref";
    match (rest, call.method) {
        ([], &Method::GET) => listed(call, holder).await,
        ([last], &Method::POST) if is_reference(last) => assign(call, holder).await,
        ([policy, last], &Method::DELETE) if is_reference(last) => unassign(call, holder, &policy.text).await,
        ([], _) => call.no_method(),
        ([last] | [_, last], _) if is_reference(last) => call.no_method(),
        ([other, ..], _) => Err(Problem::unknown_segment(&other.text)),
    }
}

async fn listed(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadPolicies)?;
    let askable = Askable { entity: ENTITY, properties: PROPERTIES, narrows: narrows_nothing, named: false };
    let listing = call.query.listing(&askable)?;
    let (object, found) = call.identity.directory.policy_of(&call.caller.tenant, holder).await?;
    let collection = match holder {
        Holder::Application(_) => "applications",
        Holder::ServicePrincipal(_) => "servicePrincipals",
    };
    let set = format!("{collection}('{object}')/appManagementPolicies");
    let page = listing.page(found.into_iter().collect());
    Ok(Answer::Found(Shape::new(call, set, "appManagementPolicy").page(&call.query, &page)?))
}

async fn assign(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.caller.may(Action::WritePolicies)?;
    call.query.of_action()?;
    let mut body = Body::parse("DirectoryObject", call.body)?;
    let address: String = body.require("@odata.id")?;
    body.finish()?;
    let policy = referred(&address).ok_or_else(|| Problem::request("Invalid object reference in '@odata.id'."))?;
    call.identity.directory.give_policy(&call.caller.tenant, holder, policy).await?;
    Ok(Answer::Done)
}

/// The policy that an address names: `https://../policies/appManagementPolicies/{id}`.
fn referred(address: &str) -> Option<Uuid> {
    let (collection, id) = address.trim_end_matches('/').rsplit_once('/')?;
    let known = collection.rsplit('/').next()?.eq_ignore_ascii_case("appManagementPolicies");
    known.then(|| id.parse().ok()).flatten()
}

async fn unassign(call: &Call<'_>, holder: Holder, policy: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WritePolicies)?;
    call.query.of_action()?;
    let missing = || Problem::not_found(policy);
    let id = policy.parse().map_err(|_| missing())?;
    match call.identity.directory.take_policy(&call.caller.tenant, holder, id).await? {
        true => Ok(Answer::Done),
        false => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_policy_is_referred_to_by_its_address() {
        let id = "03ef14b0-ca33-4840-8f4f-d6e91916010e";
        for (address, is_one) in [
            (format!("https://h/v1.0/policies/appManagementPolicies/{id}"), true),
            (format!("https://h/v1.0/policies/appmanagementpolicies/{id}/"), true),
            (format!("https://h/v1.0/users/{id}"), false),
            (id.to_owned(), false),
        ] {
            assert_eq!(referred(&address).is_some(), is_one, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_reference_is_read_without_panic(address: String) {
            let _ = referred(&address);
        }
    }
}
