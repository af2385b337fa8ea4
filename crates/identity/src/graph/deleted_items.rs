//! `/directory/deletedItems`: the recycle bin.

use http::Method;
use keyholder_foundation::ObjectId;
use serde_json::{Map, Value};

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end, no_key};
use crate::directory::changes::ObjectKind;
use crate::directory::objects::Shown;

const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("appId", Type::Text),
    ("deletedDateTime", Type::Moment),
    ("displayName", Type::Text),
    ("userPrincipalName", Type::Text),
];

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((collection, rest)) = rest.split_first() else {
        return Err(Problem::unknown_segment(&first.text));
    };
    if collection.name != "deleteditems" || collection.key.is_some() {
        return Err(Problem::unknown_segment(&collection.text));
    }
    let Some((item, rest)) = rest.split_first() else {
        return Err(Problem::request("Name a type: /directory/deletedItems/microsoft.graph.application."));
    };
    // The namespace has an alias, and Microsoft's SDKs write that.
    let of_type = item.name.strip_prefix("microsoft.graph.").or_else(|| item.name.strip_prefix("graph."));
    if let Some(of_type) = of_type {
        end(rest)?;
        return list(call, item, of_type).await;
    }
    let id: ObjectId = item.text.parse().map_err(|_| Problem::not_found(&item.text))?;
    match (rest, call.method) {
        ([], &Method::GET) => get(call, id).await,
        ([], &Method::DELETE) => purge(call, id).await,
        ([action], &Method::POST) if action.name == "restore" => restore(call, id).await,
        ([], _) => call.no_method(),
        ([action], _) if action.name == "restore" => call.no_method(),
        ([other, ..], _) => Err(Problem::unknown_segment(&other.text)),
    }
}

fn read_action(kind: ObjectKind) -> Action {
    match kind {
        ObjectKind::User => Action::ReadUsers,
        ObjectKind::Group => Action::ReadGroups,
        _ => Action::ReadApplications,
    }
}

fn write_action(kind: ObjectKind) -> Action {
    if kind == ObjectKind::User { Action::WriteUsers } else { Action::WriteApplications }
}

async fn list(call: &Call<'_>, item: &Segment, of_type: &str) -> Result<Answer, Problem> {
    let kind = match of_type {
        "application" => ObjectKind::Application,
        "serviceprincipal" => ObjectKind::ServicePrincipal,
        "user" => ObjectKind::User,
        "group" => ObjectKind::Group,
        _ => return Err(Problem::unknown_segment(&item.text)),
    };
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(read_action(kind))?;
    let askable = Askable { entity: "DirectoryObject", properties: PROPERTIES, narrows: narrows_nothing, named: true };
    let listing = call.query.listing(&askable)?;
    let page = call.identity.directory.list_deleted(&call.caller.tenant, kind, listing).await?;
    let shape = Shape::new(call, format!("directory/deletedItems/microsoft.graph.{}", kind.word()), "directoryObject");
    Ok(Answer::Found(shape.page(&call.query, &page)?))
}

async fn get(call: &Call<'_>, id: ObjectId) -> Result<Answer, Problem> {
    call.query.of_one()?;
    let found = find(call, id, read_action).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &found)?))
}

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "directoryObjects", "directoryObject")
}

/// The deleted object, to which the caller must have the rights that its kind asks for.
async fn find(call: &Call<'_>, id: ObjectId, action: fn(ObjectKind) -> Action) -> Result<Shown, Problem> {
    let kinds = [ObjectKind::Application, ObjectKind::ServicePrincipal, ObjectKind::User];
    if !kinds.into_iter().any(|kind| call.caller.can(action(kind))) && !call.caller.may_own() {
        return Err(Problem::denied());
    }
    let found = call.identity.directory.find_deleted(&call.caller.tenant, id).await?;
    if call.caller.can(action(found.kind)) {
        return Ok(found);
    }
    let owned = call.identity.directory.owned_by(call.caller.tenant.id, call.caller.id).await?;
    let may_own = call.caller.was_given(action(found.kind)) && found.kind != ObjectKind::User;
    if may_own && owned.contains(&id.0) { Ok(found) } else { Err(Problem::denied()) }
}

async fn purge(call: &Call<'_>, id: ObjectId) -> Result<Answer, Problem> {
    call.query.of_action()?;
    find(call, id, write_action).await?;
    call.identity.directory.purge_deleted(&call.caller.tenant, id).await?;
    Ok(Answer::Done)
}

async fn restore(call: &Call<'_>, id: ObjectId) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse_optional("restore", call.body)?;
    let new_name = body.take_nullable_text("newUserPrincipalName", 113)?.flatten();
    // There are no addresses here that could conflict.
    let _: Option<bool> = body.take("autoReconcileProxyConflict")?;
    body.finish()?;
    let found = find(call, id, write_action).await?;
    if let Some(name) = &new_name {
        let domains = &call.caller.tenant.domains;
        let known = name
            .split_once('@')
            .is_some_and(|(_, domain)| domains.iter().any(|known| known.name.eq_ignore_ascii_case(domain)));
        if found.kind != ObjectKind::User || !known {
            return Err(Problem::invalid_value("newUserPrincipalName", "User"));
        }
    }
    let restored = call.identity.directory.restore_deleted(&call.caller.tenant, id, new_name).await?;
    let mut shown: Map<String, Value> = shape(call).one(&call.query, &restored)?;
    shown.insert("deletedDateTime".to_owned(), Value::Null);
    Ok(Answer::Found(shown))
}
