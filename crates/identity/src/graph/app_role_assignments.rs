//! `appRoleAssignments` (what a service principal or person may) and `appRoleAssignedTo` (who may
//! what of a resource): application permissions, which is to say admin consent for them.

use http::Method;
use keyholder_entra::well_known::MICROSOFT_GRAPH;
use keyholder_foundation::ObjectId;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end};
use crate::directory::app_roles::AppRoleAssignment;
use crate::directory::applications::ObjectKey;
use crate::directory::changes::ObjectKind;
use crate::directory::grants;
use crate::directory::listing::{Condition, Listed};
use crate::directory::objects;

const ENTITY: &str = "appRoleAssignment";

/// From which side assignments are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Principal,
    Resource,
}

/// The object through which assignments are addressed.
struct Addressed {
    side: Side,
    id: ObjectId,
    /// The collection's address.
    set: String,
}

/// `/servicePrincipals/{id}/appRoleAssignments`.
pub(super) async fn of_principal(call: &Call<'_>, key: ObjectKey, rest: &[Segment]) -> Result<Answer, Problem> {
    addressed(call, key, Side::Principal, rest).await
}

/// `/servicePrincipals/{id}/appRoleAssignedTo`.
pub(super) async fn on_resource(call: &Call<'_>, key: ObjectKey, rest: &[Segment]) -> Result<Answer, Problem> {
    addressed(call, key, Side::Resource, rest).await
}

/// `/users/{id}/appRoleAssignments`.
pub(super) async fn of_user(call: &Call<'_>, id: ObjectId, rest: &[Segment]) -> Result<Answer, Problem> {
    let set = format!("users/{id}/appRoleAssignments");
    handle(call, &Addressed { side: Side::Principal, id, set }, rest).await
}

async fn addressed(call: &Call<'_>, key: ObjectKey, side: Side, rest: &[Segment]) -> Result<Answer, Problem> {
    let needed = if call.method == Method::GET { Action::ReadAppRoles } else { Action::WriteAppRoles };
    call.caller.may(needed)?;
    let found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
    let name = if side == Side::Principal { "appRoleAssignments" } else { "appRoleAssignedTo" };
    let set = format!("servicePrincipals/{}/{name}", found.id);
    handle(call, &Addressed { side, id: found.id, set }, rest).await
}

async fn handle(call: &Call<'_>, addressed: &Addressed, rest: &[Segment]) -> Result<Answer, Problem> {
    let Some((id, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => list(call, addressed).await,
            Method::POST => create(call, addressed).await,
            _ => call.no_method(),
        };
    };
    end(rest)?;
    match *call.method {
        Method::GET => get(call, addressed, &id.text).await,
        Method::DELETE => delete(call, addressed, &id.text).await,
        _ => call.no_method(),
    }
}

/// An assignment with the names that Graph shows.
#[derive(Serialize)]
struct Shown {
    #[serde(skip)]
    row: Uuid,
    #[serde(flatten)]
    properties: Map<String, Value>,
}

impl Listed for Shown {
    fn id(&self) -> Uuid {
        self.row
    }
}

async fn list(call: &Call<'_>, addressed: &Addressed) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadAppRoles)?;
    let askable = Askable { entity: ENTITY, properties: &[], narrows: narrows_nothing, named: false };
    let mut listing = call.query.listing(&askable)?;
    let side = if addressed.side == Side::Principal { "principal" } else { "resource" };
    listing.conditions.push(Condition::Equals(side, addressed.id.into()));
    let page = call.identity.directory.list_app_roles(call.caller.tenant.id, listing).await?;
    let mut ids: Vec<_> = page.entities.iter().flat_map(|found| [found.principal, found.resource]).collect();
    ids.sort_unstable();
    ids.dedup();
    let objects = call.identity.directory.find_objects(&call.caller.tenant, ids).await?;
    let page = page.map(|assignment| Shown { row: assignment.id, properties: show(&assignment, &objects) });
    let shape = Shape::new(call, addressed.set.as_str(), ENTITY);
    Ok(Answer::Found(shape.page(&call.query, &page)?))
}

async fn get(call: &Call<'_>, addressed: &Addressed, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadAppRoles)?;
    call.query.of_one()?;
    let row = grants::parse_id(id).ok_or_else(|| Problem::not_found(id))?;
    let found = call.identity.directory.find_app_role(call.caller.tenant.id, row).await?;
    let party = |one: &AppRoleAssignment| if addressed.side == Side::Principal { one.principal } else { one.resource };
    let found = found.filter(|one| party(one) == addressed.id).ok_or_else(|| Problem::not_found(id))?;
    let objects =
        call.identity.directory.find_objects(&call.caller.tenant, vec![found.principal, found.resource]).await?;
    let shape = Shape::new(call, addressed.set.as_str(), ENTITY);
    Ok(Answer::Found(shape.one(&call.query, &show(&found, &objects))?))
}

async fn create(call: &Call<'_>, addressed: &Addressed) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteAppRoles)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let principal: ObjectId = body.require("principalId")?;
    let resource: ObjectId = body.require("resourceId")?;
    let role: Uuid = body.require("appRoleId")?;
    body.finish()?;
    let (named, property) = match addressed.side {
        Side::Principal => (principal, "principalId"),
        Side::Resource => (resource, "resourceId"),
    };
    if addressed.id != named {
        return Err(Problem::invalid_value(property, ENTITY));
    }
    check_graph(call, resource).await?;
    let made = call.identity.directory.assign_app_role(call.caller.tenant.id, principal, resource, role).await?;
    let objects = call.identity.directory.find_objects(&call.caller.tenant, vec![principal, resource]).await?;
    let shown = show(&made, &objects);
    Shape::new(call, addressed.set.as_str(), ENTITY).created(&shown, &made.shown_id())
}

/// Microsoft Graph's own permissions are given by fewer.
async fn check_graph(call: &Call<'_>, resource: ObjectId) -> Result<(), Problem> {
    if call.caller.can(Action::WriteGraphAppRoles) {
        return Ok(());
    }
    let key = ObjectKey::Object(resource);
    let found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
    if found.app_id == MICROSOFT_GRAPH { Err(Problem::denied()) } else { Ok(()) }
}

async fn delete(call: &Call<'_>, addressed: &Addressed, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteAppRoles)?;
    call.query.of_action()?;
    let row = grants::parse_id(id).ok_or_else(|| Problem::not_found(id))?;
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    if let Some(found) = directory.find_app_role(tenant, row).await? {
        check_graph(call, found.resource).await?;
    }
    if directory.delete_app_role(tenant, addressed.id, row).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::not_found(id))
    }
}

/// An assignment with the names of its two sides.
fn show(assignment: &AppRoleAssignment, found: &[objects::Shown]) -> Map<String, Value> {
    let name = |id: ObjectId| {
        let object = found.iter().find(|object| object.id == id)?;
        object.properties.get("displayName").cloned()
    };
    let is_user = found.iter().any(|object| object.id == assignment.principal && object.kind == ObjectKind::User);
    let shown = json!({
        "id": assignment.shown_id(),
        "deletedDateTime": null,
        "appRoleId": assignment.app_role,
        "createdDateTime": assignment.created.to_string(),
        "principalDisplayName": name(assignment.principal),
        "principalId": assignment.principal,
        "principalType": if is_user { "User" } else { "ServicePrincipal" },
        "resourceDisplayName": name(assignment.resource),
        "resourceId": assignment.resource,
    });
    shown.as_object().cloned().unwrap_or_default()
}
