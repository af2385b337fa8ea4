//! `/servicePrincipals/{id}/appRoleAssignments`: application permissions, which is to say admin
//! consent for them.

use http::Method;
use keyholder_foundation::ObjectId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end};
use crate::directory::app_roles::AppRoleAssignment;
use crate::directory::applications::ObjectKey;
use crate::directory::grants;
use crate::directory::listing::Condition;

const ENTITY: &str = "appRoleAssignment";

pub(super) async fn handle(call: &Call<'_>, key: ObjectKey, rest: &[Segment]) -> Result<Answer, Problem> {
    let Some((id, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => list(call, key).await,
            Method::POST => create(call, key).await,
            _ => call.no_method(),
        };
    };
    end(rest)?;
    match *call.method {
        Method::DELETE => delete(call, key, &id.text).await,
        _ => call.no_method(),
    }
}

async fn list(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadAppRoles)?;
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let principal = directory.find_service_principal(tenant, key).await?;
    let mut listing = call.query.listing(ENTITY, |_, _, _| None)?;
    listing.conditions.push(Condition::Equals("principal", principal.id.into()));
    let found = directory.list_app_roles(tenant, listing).await?;
    let mut shown = Vec::with_capacity(found.len());
    for assignment in found {
        let resource = directory.find_service_principal(tenant, ObjectKey::Object(assignment.resource)).await?;
        shown.push((
            assignment.id,
            show(&assignment, principal.display_name.as_deref(), resource.display_name.as_deref()),
        ));
    }
    let set = format!("servicePrincipals/{}/appRoleAssignments", principal.id);
    let shape = Shape { origin: &call.identity.origin, set: &set, entity: ENTITY };
    let ids: Vec<Uuid> = shown.iter().map(|(id, _)| *id).collect();
    let values: Vec<Value> = shown.into_iter().map(|(_, value)| value).collect();
    let last = call.query.page_size().min(ids.len()).saturating_sub(1);
    let after = ids.get(last).copied().unwrap_or_default();
    Ok(Answer::Found(shape.page(&call.query, values, |_| after)?))
}

async fn create(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteAppRoles)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let principal: ObjectId = body.require("principalId")?;
    let resource: ObjectId = body.require("resourceId")?;
    let role: Uuid = body.require("appRoleId")?;
    body.finish()?;
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let addressed = directory.find_service_principal(tenant, key).await?;
    if addressed.id != principal {
        return Err(Problem::invalid_value("principalId", ENTITY));
    }
    let made = directory.assign_app_role(tenant, principal, resource, role).await?;
    let resource = directory.find_service_principal(tenant, ObjectKey::Object(resource)).await?;
    let set = format!("servicePrincipals/{principal}/appRoleAssignments");
    let shape = Shape { origin: &call.identity.origin, set: &set, entity: ENTITY };
    let shown = show(&made, addressed.display_name.as_deref(), resource.display_name.as_deref());
    shape.created(&shown, &made.shown_id())
}

async fn delete(call: &Call<'_>, key: ObjectKey, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteAppRoles)?;
    call.query.of_action()?;
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let principal = directory.find_service_principal(tenant, key).await?;
    let row = grants::parse_id(id).ok_or_else(|| Problem::not_found(id))?;
    if directory.delete_app_role(tenant, principal.id, row).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::not_found(id))
    }
}

fn show(assignment: &AppRoleAssignment, principal: Option<&str>, resource: Option<&str>) -> Value {
    json!({
        "id": assignment.shown_id(),
        "deletedDateTime": null,
        "appRoleId": assignment.app_role,
        "createdDateTime": assignment.created.to_string(),
        "principalDisplayName": principal,
        "principalId": assignment.principal,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource,
        "resourceId": assignment.resource,
    })
}
