//! What somebody is a member of: groups and directory roles, listed (`memberOf`,
//! `transitiveMemberOf`) or asked for (`checkMemberGroups`, `getMemberGroups` and their kin).

use http::Method;
use keyholder_foundation::ObjectId;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::directory_roles;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, end};
use crate::directory::changes::ObjectKind;
use crate::directory::listing::Listed;
use crate::directory::objects::Shown;
use crate::directory::roles;

/// How many ids may be asked about at once.
const ASKED: usize = 20;
const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("displayName", Type::Text),
    ("description", Type::Text),
    ("mailNickname", Type::Text),
    ("securityEnabled", Type::Bool),
    ("roleTemplateId", Type::Text),
    ("userPrincipalName", Type::Text),
    ("appId", Type::Text),
];

/// A group or role, as it is shown among others.
#[derive(Debug, Serialize)]
struct Joined {
    #[serde(skip)]
    id: Uuid,
    #[serde(skip)]
    kind: &'static str,
    #[serde(flatten)]
    properties: Map<String, Value>,
}

impl Listed for Joined {
    fn id(&self) -> Uuid {
        self.id
    }

    fn name(&self) -> &str {
        self.properties.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Whether a segment in lower case is about that.
pub(super) fn is_one(name: &str) -> bool {
    matches!(
        name,
        "memberof"
            | "transitivememberof"
            | "checkmembergroups"
            | "checkmemberobjects"
            | "getmembergroups"
            | "getmemberobjects"
    )
}

/// Everything of that below `set`, the address of the object with this id, whom the caller sees.
pub(super) async fn handle(
    call: &Call<'_>,
    set: &str,
    id: ObjectId,
    action: &Segment,
    rest: &[Segment],
) -> Result<Answer, Problem> {
    let name = action.name.strip_prefix("microsoft.graph.").unwrap_or(&action.name);
    match (name, call.method) {
        ("memberof", &Method::GET) => list(call, format!("{set}/memberOf"), id, false, rest).await,
        ("transitivememberof", &Method::GET) => list(call, format!("{set}/transitiveMemberOf"), id, true, rest).await,
        ("checkmembergroups" | "checkmemberobjects", &Method::POST) => {
            end(rest)?;
            check(call, id, name == "checkmemberobjects").await
        }
        ("getmembergroups" | "getmemberobjects", &Method::POST) => {
            end(rest)?;
            get(call, id, name == "getmemberobjects").await
        }
        (name, _) if is_one(name) => call.no_method(),
        _ => Err(Problem::unknown_segment(&action.text)),
    }
}

async fn list(call: &Call<'_>, set: String, id: ObjectId, all: bool, rest: &[Segment]) -> Result<Answer, Problem> {
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let mut joined = Vec::new();
    for group in directory.groups_of(tenant, id, all).await? {
        joined.push(joined_of(group.id.0, "group", &group));
    }
    for role in directory.roles_of(tenant, id).await?.into_iter().filter_map(|role| roles::find(tenant, role)) {
        let shown = directory_roles::show(tenant, role);
        joined.push(joined_of(roles::object_id(tenant, role.template_id), "directoryRole", &shown));
    }
    answer(call, set, joined, rest, |joined| joined.kind.to_ascii_lowercase())
}

fn joined_of(id: Uuid, kind: &'static str, entity: &impl Serialize) -> Joined {
    let mut properties = Map::new();
    properties.insert("@odata.type".to_owned(), format!("#microsoft.graph.{kind}").into());
    if let Ok(Value::Object(shown)) = serde_json::to_value(entity) {
        properties.extend(shown);
    }
    Joined { id, kind, properties }
}

/// A list of objects of several kinds, or of one when the path goes on with `microsoft.graph.KIND`,
/// or their number when it ends in `$count`.
pub(super) fn answer<T: Listed>(
    call: &Call<'_>,
    set: String,
    mut all: Vec<T>,
    mut rest: &[Segment],
    kind: impl Fn(&T) -> String,
) -> Result<Answer, Problem> {
    if let Some((cast, after)) = rest.split_first()
        && let Some(wanted) = cast.name.strip_prefix("microsoft.graph.")
    {
        if !["group", "directoryrole", "user", "serviceprincipal"].contains(&wanted) {
            return Err(Problem::unknown_segment(&cast.text));
        }
        all.retain(|object| kind(object) == wanted);
        rest = after;
    }
    let askable = Askable { entity: "DirectoryObject", properties: PROPERTIES, narrows: narrows_nothing, named: true };
    if let [last] = rest
        && last.name == "$count"
    {
        let listing = call.query.counting(&askable)?;
        return Ok(Answer::Number(listing.page(all).count.unwrap_or_default()));
    }
    end(rest)?;
    let listing = call.query.listing(&askable)?;
    Ok(Answer::Found(Shape::new(call, set, "directoryObject").page(&call.query, &listing.page(all))?))
}

/// The ids of everything that somebody is in: groups, and directory roles when `objects`.
async fn ids(call: &Call<'_>, id: ObjectId, objects: bool) -> Result<Vec<Uuid>, Problem> {
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let mut ids: Vec<Uuid> = directory.groups_of(tenant, id, true).await?.into_iter().map(|group| group.id.0).collect();
    if objects {
        ids.extend(directory.roles_of(tenant, id).await?.into_iter().map(|role| roles::object_id(tenant, role)));
    }
    Ok(ids)
}

async fn check(call: &Call<'_>, id: ObjectId, objects: bool) -> Result<Answer, Problem> {
    may_ask(call, id)?;
    call.query.of_action()?;
    let mut body = Body::parse("checkMemberGroups", call.body)?;
    let asked: Vec<Uuid> = body.require(if objects { "ids" } else { "groupIds" })?;
    body.finish()?;
    if asked.len() > ASKED {
        return Err(Problem::request("Too many ids were specified; the limit is 20."));
    }
    let known = ids(call, id, objects).await?;
    let held: Vec<Uuid> = asked.into_iter().filter(|id| known.contains(id)).collect();
    Ok(texts(call, &held))
}

async fn get(call: &Call<'_>, id: ObjectId, objects: bool) -> Result<Answer, Problem> {
    may_ask(call, id)?;
    call.query.of_action()?;
    let mut body = Body::parse("getMemberGroups", call.body)?;
    // Every group here is a security group.
    let _: bool = body.require("securityEnabledOnly")?;
    body.finish()?;
    Ok(texts(call, &ids(call, id, objects).await?))
}

/// Everybody may ask about themselves.
fn may_ask(call: &Call<'_>, id: ObjectId) -> Result<(), Problem> {
    if id == call.caller.id { Ok(()) } else { call.caller.may(Action::ReadGroups) }
}

fn texts(call: &Call<'_>, ids: &[Uuid]) -> Answer {
    let context = format!("{}/{}/$metadata#Collection(Edm.String)", call.identity.origin, call.version);
    Answer::Found(Map::from_iter([("@odata.context".to_owned(), context.into()), ("value".to_owned(), json!(ids))]))
}

/// Of `/directoryObjects/{id}`.
pub(super) async fn of_object(
    call: &Call<'_>,
    object: &Shown,
    action: &Segment,
    rest: &[Segment],
) -> Result<Answer, Problem> {
    if object.kind == ObjectKind::Application {
        return Err(Problem::unknown_segment(&action.text));
    }
    handle(call, &format!("directoryObjects/{}", object.id), object.id, action, rest).await
}
