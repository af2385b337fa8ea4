//! `/oauth2PermissionGrants`: delegated permissions, which is to say admin consent for them.

use http::Method;
use keyholder_entra::graph::OAuth2PermissionGrant;
use keyholder_foundation::ObjectId;
use serde_json::Value;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::Askable;
use super::{Call, delta, end, no_key};
use crate::directory::applications::ObjectKey;
use crate::directory::grants;
use crate::directory::listing::Condition;

const ENTITY: &str = "oAuth2PermissionGrant";

const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("clientId", Type::Text),
    ("consentType", Type::Text),
    ("principalId", Type::Text),
    ("resourceId", Type::Text),
    ("scope", Type::Text),
];

pub(super) fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "oauth2PermissionGrants", ENTITY)
}

/// `/servicePrincipals/{id}/oauth2PermissionGrants`: what this client has.
pub(super) async fn of_client(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadGrants)?;
    let client = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
    listed(call, vec![Condition::Equals("client", client.id.into())]).await
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, segments: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((id, rest)) = segments.split_first() else {
        return match *call.method {
            Method::GET => list(call).await,
            Method::POST => create(call).await,
            _ => call.no_method(),
        };
    };
    if matches!(id.name.as_str(), "delta" | "delta()") {
        return delta::grants(call, segments).await;
    }
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
    listed(call, Vec::new()).await
}

async fn listed(call: &Call<'_>, conditions: Vec<Condition>) -> Result<Answer, Problem> {
    let askable = Askable { entity: ENTITY, properties: PROPERTIES, narrows: grants::condition, named: false };
    let mut listing = call.query.listing(&askable)?;
    listing.conditions.extend(conditions);
    let page = call.identity.directory.list_grants(call.caller.tenant.id, listing).await?;
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
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
