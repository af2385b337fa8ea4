//! `/oauth2PermissionGrants`: delegated permissions, which is to say admin consent for them.

use http::Method;
use keyholder_entra::graph::OAuth2PermissionGrant;
use keyholder_foundation::ObjectId;
use serde_json::Value;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end};
use crate::directory::grants;

const ENTITY: &str = "oAuth2PermissionGrant";

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape { origin: &call.identity.origin, set: "oauth2PermissionGrants", entity: ENTITY }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    if first.key.is_some() {
        return Err(Problem::unknown_segment(&first.text));
    }
    let Some((id, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => list(call).await,
            Method::POST => create(call).await,
            _ => call.no_method(),
        };
    };
    end(rest)?;
    let row = grants::parse_id(&id.text).ok_or_else(|| Problem::not_found(&id.text));
    match *call.method {
        Method::GET => get(call, row?, &id.text).await,
        Method::PATCH => update(call, row?, &id.text).await,
        Method::DELETE => delete(call, row?, &id.text).await,
        _ => call.no_method(),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadGrants)?;
    let listing = call.query.listing(ENTITY, grants::condition)?;
    let found = call.identity.directory.list_grants(call.caller.tenant.id, listing).await?;
    let row = |grant: &OAuth2PermissionGrant| grant.id.as_deref().and_then(grants::parse_id).unwrap_or_default();
    Ok(Answer::Found(shape(call).page(&call.query, found, row)?))
}

async fn get(call: &Call<'_>, row: Uuid, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadGrants)?;
    call.query.of_one()?;
    let found = call.identity.directory.find_grant(call.caller.tenant.id, row).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &found.ok_or_else(|| Problem::not_found(id))?)?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteGrants)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let grant = OAuth2PermissionGrant {
        client_id: body.require("clientId")?,
        consent_type: body.require("consentType")?,
        id: None,
        principal_id: body.take::<Option<ObjectId>>("principalId")?.flatten(),
        resource_id: body.require("resourceId")?,
        scope: Some(scope(&mut body)?.unwrap_or_default()),
    };
    // Still sent by old scripts, and ignored by Graph for years.
    let _: (Option<Value>, Option<Value>) = (body.take("startTime")?, body.take("expiryTime")?);
    match (grant.consent_type.as_str(), grant.principal_id) {
        ("AllPrincipals", None) | ("Principal", Some(_)) => {}
        ("AllPrincipals" | "Principal", _) => return Err(body.invalid("principalId")),
        _ => return Err(body.invalid("consentType")),
    }
    body.finish()?;
    let made = call.identity.directory.create_grant(call.caller.tenant.id, grant).await?;
    let id = made.id.clone().unwrap_or_default();
    shape(call).created(&made, &id)
}

async fn update(call: &Call<'_>, row: Uuid, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteGrants)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let scope = scope(&mut body)?.ok_or_else(|| body.invalid("scope"))?;
    body.finish()?;
    if call.identity.directory.update_grant(call.caller.tenant.id, row, scope).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::not_found(id))
    }
}

async fn delete(call: &Call<'_>, row: Uuid, id: &str) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteGrants)?;
    call.query.of_action()?;
    if call.identity.directory.delete_grant(call.caller.tenant.id, row).await? {
        Ok(Answer::Done)
    } else {
        Err(Problem::not_found(id))
    }
}

/// Permissions separated by blanks.
fn scope(body: &mut Body) -> Result<Option<String>, Problem> {
    Ok(body.take_nullable_text("scope", 3850)?.flatten())
}
