//! `/servicePrincipals`.

use http::Method;
use keyholder_foundation::ClientId;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::{self, Segment};
use super::problem::Problem;
use super::{Call, app_role_assignments, applications};
use crate::directory::applications::ObjectKey;
use crate::directory::service_principals::{self, ServicePrincipalChange};

const ENTITY: &str = "ServicePrincipal";

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape { origin: &call.identity.origin, set: "servicePrincipals", entity: "servicePrincipal" }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    let Some((key, rest)) = path::object(first, rest)? else {
        return match *call.method {
            Method::GET => list(call).await,
            Method::POST => create(call).await,
            _ => call.no_method(),
        };
    };
    match rest.split_first() {
        None => match *call.method {
            Method::GET => get(call, key).await,
            Method::PATCH => update(call, key).await,
            Method::DELETE => delete(call, key).await,
            _ => call.no_method(),
        },
        Some((segment, rest)) if segment.name == "approleassignments" => {
            app_role_assignments::handle(call, key, rest).await
        }
        Some((segment, _)) => Err(Problem::unknown_segment(&segment.text)),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadApplications)?;
    let listing = call.query.listing(ENTITY, service_principals::condition)?;
    let found = call.identity.directory.list_service_principals(call.caller.tenant.id, listing).await?;
    Ok(Answer::Found(shape(call).page(&call.query, found, |principal| principal.id.0)?))
}

async fn get(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadApplications)?;
    call.query.of_one()?;
    let found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &found)?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let client: ClientId = body.require("appId")?;
    let change = change(&mut body)?;
    body.finish()?;
    let made = call.identity.directory.create_service_principal(&call.caller.tenant, client, change).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let change = change(&mut body)?;
    body.finish()?;
    call.identity.directory.update_service_principal(call.caller.tenant.id, key, change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    call.identity.directory.delete_service_principal(call.caller.tenant.id, key).await?;
    Ok(Answer::Done)
}

/// What a body says of a service principal. `displayName` is taken and ignored, as Graph does: the
/// application's name is repeated.
fn change(body: &mut Body) -> Result<ServicePrincipalChange, Problem> {
    body.take_nullable_text("displayName", 256)?;
    let change = ServicePrincipalChange {
        account_enabled: body.take("accountEnabled")?,
        app_role_assignment_required: body.take("appRoleAssignmentRequired")?,
        tags: body.take("tags")?,
        notes: body.take_nullable_text("notes", 1024)?,
    };
    if change.tags.as_ref().is_some_and(|tags| !applications::are_tags(tags)) {
        return Err(body.invalid("tags"));
    }
    Ok(change)
}
