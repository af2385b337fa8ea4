//! `/roleManagement/directory`: role definitions and assignments.

use http::Method;
use keyholder_entra::base64url;
use keyholder_entra::well_known::{DIRECTORY_ROLES, DirectoryRole};
use keyholder_foundation::ObjectId;
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
use crate::directory::roles::RoleAssignment;

const DEFINITION_PROPERTIES: Properties =
    &[("id", Type::Text), ("displayName", Type::Text), ("templateId", Type::Text), ("isBuiltIn", Type::Bool)];
const ASSIGNMENT_PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("principalId", Type::Text),
    ("roleDefinitionId", Type::Text),
    ("directoryScopeId", Type::Text),
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    id: Uuid,
    description: &'static str,
    display_name: &'static str,
    is_built_in: bool,
    is_enabled: bool,
    resource_scopes: [&'static str; 1],
    template_id: Uuid,
}

impl Listed for Definition {
    fn id(&self) -> Uuid {
        self.id
    }

    fn name(&self) -> &str {
        self.display_name
    }
}

fn definition(role: &DirectoryRole) -> Definition {
    Definition {
        id: role.template_id,
        description: role.display_name,
        display_name: role.display_name,
        is_built_in: true,
        is_enabled: true,
        resource_scopes: ["/"],
        template_id: role.template_id,
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    id: String,
    principal_id: ObjectId,
    role_definition_id: Uuid,
    directory_scope_id: &'static str,
    /// Both ids crossed: one per assignment, for the order of lists.
    #[serde(skip)]
    place: Uuid,
}

impl Listed for Assignment {
    fn id(&self) -> Uuid {
        self.place
    }
}

fn assignment(of: RoleAssignment) -> Assignment {
    Assignment {
        id: base64url::encode([of.role_template.as_bytes().as_slice(), of.principal.0.as_bytes()].concat()),
        principal_id: of.principal,
        role_definition_id: of.role_template,
        directory_scope_id: "/",
        place: Uuid::from_u128(of.role_template.as_u128() ^ of.principal.0.as_u128()),
    }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let [directory, collection, rest @ ..] = rest else {
        return Err(Problem::unknown_segment(&first.text));
    };
    if directory.name != "directory" {
        return Err(Problem::unknown_segment(&directory.text));
    }
    no_key(collection)?;
    let item = rest.first();
    end(rest.get(1..).unwrap_or_default())?;
    let action = if call.method == Method::GET { Action::ReadRoles } else { Action::WriteRoles };
    call.caller.may(action)?;
    match collection.name.as_str() {
        "roledefinitions" => definitions(call, item),
        "roleassignments" => match (item, call.method) {
            (None, &Method::GET) => list(call).await,
            (None, &Method::POST) => create(call).await,
            (Some(id), &Method::GET) => {
                call.query.of_one()?;
                let found = find(call, &id.text).await?;
                Ok(Answer::Found(shape(call).one(&call.query, &assignment(found))?))
            }
            (Some(id), &Method::DELETE) => {
                call.query.of_action()?;
                let found = find(call, &id.text).await?;
                let tenant = call.caller.tenant.id;
                call.identity.directory.unassign_role(tenant, found.principal, found.role_template).await?;
                Ok(Answer::Done)
            }
            _ => call.no_method(),
        },
        _ => Err(Problem::unknown_segment(&collection.text)),
    }
}

fn definitions(call: &Call<'_>, item: Option<&Segment>) -> Result<Answer, Problem> {
    if call.method != Method::GET {
        return call.no_method();
    }
    let shape = Shape::new(call, "roleManagement/directory/roleDefinitions", "unifiedRoleDefinition");
    let Some(id) = item else {
        let properties = DEFINITION_PROPERTIES;
        let askable = Askable { entity: "RoleDefinition", properties, narrows: narrows_nothing, named: true };
        let page = call.query.listing(&askable)?.page(DIRECTORY_ROLES.iter().map(definition).collect());
        return Ok(Answer::Found(shape.page(&call.query, &page)?));
    };
    call.query.of_one()?;
    let wanted = id.text.parse::<Uuid>().ok();
    let role = DIRECTORY_ROLES.iter().find(|role| Some(role.template_id) == wanted);
    let role = role.ok_or_else(|| Problem::not_found(&id.text))?;
    Ok(Answer::Found(shape.one(&call.query, &definition(role))?))
}

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "roleManagement/directory/roleAssignments", "unifiedRoleAssignment")
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let properties = ASSIGNMENT_PROPERTIES;
    let askable = Askable { entity: "RoleAssignment", properties, narrows: narrows_nothing, named: false };
    let listing = call.query.listing(&askable)?;
    let all = call.identity.directory.list_role_assignments(call.caller.tenant.id).await?;
    let page = listing.page(all.into_iter().map(assignment).collect());
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
}

async fn find(call: &Call<'_>, id: &str) -> Result<RoleAssignment, Problem> {
    let all = call.identity.directory.list_role_assignments(call.caller.tenant.id).await?;
    let mut all = all.into_iter();
    all.find(|one| assignment(*one).id == id).ok_or_else(|| Problem::not_found(id))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse("RoleAssignment", call.body)?;
    let principal: ObjectId = body.require("principalId")?;
    let role_template: Uuid = body.require("roleDefinitionId")?;
    let scope: Option<String> = body.take("directoryScopeId")?;
    body.finish()?;
    if scope.is_some_and(|scope| scope != "/") {
        return Err(Problem::invalid_value("directoryScopeId", "RoleAssignment"));
    }
    if !DIRECTORY_ROLES.iter().any(|role| role.template_id == role_template) {
        return Err(Problem::not_found(&role_template.to_string()));
    }
    let tenant = call.caller.tenant.id;
    if !call.identity.directory.assign_role_to_known(tenant, principal, role_template).await? {
        return Err(Problem::conflicting_object());
    }
    let made = assignment(RoleAssignment { principal, role_template });
    shape(call).created(&made, &made.id)
}
