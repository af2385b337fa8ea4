//! `/directoryRoles` and `/directoryRoleTemplates`: the older way to give directory roles.

use http::Method;
use keyholder_entra::well_known::{DIRECTORY_ROLES, DirectoryRole};
use keyholder_foundation::{ObjectId, TenantId};
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::owners::reference;
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::listing::{Listed, Page};
use crate::directory::roles;

const PROPERTIES: Properties = &[("id", Type::Text), ("displayName", Type::Text), ("roleTemplateId", Type::Text)];

/// A role that the tenant uses.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownRole {
    id: Uuid,
    deleted_date_time: Option<String>,
    description: &'static str,
    display_name: &'static str,
    role_template_id: Uuid,
}

impl Listed for ShownRole {
    fn id(&self) -> Uuid {
        self.id
    }

    fn name(&self) -> &str {
        self.display_name
    }
}

pub(super) fn show(tenant: TenantId, role: &DirectoryRole) -> ShownRole {
    ShownRole {
        id: roles::object_id(tenant, role.template_id),
        deleted_date_time: None,
        description: role.display_name,
        display_name: role.display_name,
        role_template_id: role.template_id,
    }
}

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "directoryRoles", "directoryRole")
}

/// `/directoryRoleTemplates`.
pub(super) fn handle_templates(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    end(rest)?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadRoles)?;
    call.query.of_whole_list()?;
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Template {
        id: Uuid,
        deleted_date_time: Option<String>,
        description: &'static str,
        display_name: &'static str,
    }
    impl Listed for Template {
        fn id(&self) -> Uuid {
            self.id
        }
    }
    let template = |role: &DirectoryRole| Template {
        id: role.template_id,
        deleted_date_time: None,
        description: role.display_name,
        display_name: role.display_name,
    };
    let page = Page { entities: DIRECTORY_ROLES.iter().map(template).collect(), next: None, count: None };
    Ok(Answer::Found(Shape::new(call, "directoryRoleTemplates", "directoryRoleTemplate").page(&call.query, &page)?))
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    let write = call.method != Method::GET;
    call.caller.may(if write { Action::WriteRoles } else { Action::ReadRoles })?;
    let (id, rest) = match (&first.key, rest.split_first()) {
        (Some(key), _) => (path::key_parts(key).1.to_owned(), rest),
        (None, Some((id, rest))) => (id.text.clone(), rest),
        (None, None) => {
            return match *call.method {
                Method::GET => list(call).await,
                Method::POST => activate(call).await,
                _ => call.no_method(),
            };
        }
    };
    let tenant = call.caller.tenant.id;
    let role = id.parse().ok().and_then(|id| roles::find(tenant, id)).ok_or_else(|| Problem::not_found(&id))?;
    if !call.identity.directory.activated_roles(tenant).await?.contains(&role.template_id) {
        return Err(Problem::not_found(&id));
    }
    match (rest, call.method) {
        ([], &Method::GET) => {
            call.query.of_one()?;
            Ok(Answer::Found(shape(call).one(&call.query, &show(tenant, role))?))
        }
        ([members], &Method::GET) if members.name == "members" => list_members(call, role).await,
        ([members, last], &Method::POST) if members.name == "members" && last.name == "$ref" => {
            add_member(call, role).await
        }
        ([members, member, last], &Method::DELETE) if members.name == "members" && last.name == "$ref" => {
            remove_member(call, role, &member.text).await
        }
        ([], _) => call.no_method(),
        ([members, ..], _) if members.name == "members" => call.no_method(),
        ([other, ..], _) => Err(Problem::unknown_segment(&other.text)),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let askable = Askable { entity: "DirectoryRole", properties: PROPERTIES, narrows: narrows_nothing, named: true };
    let listing = call.query.listing(&askable)?;
    let tenant = call.caller.tenant.id;
    let activated = call.identity.directory.activated_roles(tenant).await?;
    let shown = activated.iter().filter_map(|template| roles::find(tenant, *template)).map(|role| show(tenant, role));
    Ok(Answer::Found(shape(call).page(&call.query, &listing.page(shown.collect()))?))
}

async fn activate(call: &Call<'_>) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse("DirectoryRole", call.body)?;
    let template: Uuid = body.require("roleTemplateId")?;
    body.finish()?;
    let known = DIRECTORY_ROLES.iter().find(|role| role.template_id == template);
    let role = known.ok_or_else(|| Problem::invalid_value("roleTemplateId", "DirectoryRole"))?;
    let tenant = call.caller.tenant.id;
    if call.identity.directory.activated_roles(tenant).await?.contains(&template) {
        return Err(Problem::conflicting_object());
    }
    call.identity.directory.activate_role(tenant, template).await?;
    let shown = show(tenant, role);
    shape(call).created(&shown, &shown.id.to_string())
}

async fn list_members(call: &Call<'_>, role: &DirectoryRole) -> Result<Answer, Problem> {
    // Graph has no pages here.
    call.query.of_whole_list()?;
    let tenant = &call.caller.tenant;
    let assignments = call.identity.directory.list_role_assignments(tenant.id).await?;
    let of_role = assignments.iter().filter(|assignment| assignment.role_template == role.template_id);
    let ids = of_role.map(|assignment| assignment.principal).collect();
    let found = call.identity.directory.find_objects(tenant, ids).await?;
    let id = roles::object_id(tenant.id, role.template_id);
    let shape = Shape::new(call, format!("directoryRoles/{id}/members"), "directoryObject");
    Ok(Answer::Found(shape.page(&call.query, &Page { entities: found, next: None, count: None })?))
}

async fn add_member(call: &Call<'_>, role: &DirectoryRole) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let member = reference(call.body)?;
    let tenant = call.caller.tenant.id;
    if call.identity.directory.assign_role_to_known(tenant, member, role.template_id).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::member_exists())
    }
}

async fn remove_member(call: &Call<'_>, role: &DirectoryRole, member: &str) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let id: ObjectId = member.parse().map_err(|_| Problem::not_found(member))?;
    if call.identity.directory.unassign_role(call.caller.tenant.id, id, role.template_id).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::not_found(member))
    }
}
