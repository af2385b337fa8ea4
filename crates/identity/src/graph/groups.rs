//! `/groups`: security groups and who is in them.

use http::Method;
use keyholder_entra::graph::Group;
use keyholder_foundation::ObjectId;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::owners::{self, PROPERTIES as OBJECT_PROPERTIES};
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, app_role_assignments, end, member_of};
use crate::directory::groups::{self, GroupChange};
use crate::directory::listing::Condition;

const ENTITY: &str = "Group";
/// How many owners and members may be bound at once.
const BOUND: usize = 20;
const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("createdDateTime", Type::Moment),
    ("description", Type::Text),
    ("displayName", Type::Text),
    ("groupTypes", Type::Texts),
    ("isAssignableToRole", Type::Bool),
    ("mail", Type::Text),
    ("mailEnabled", Type::Bool),
    ("mailNickname", Type::Text),
    ("securityEnabled", Type::Bool),
    ("securityIdentifier", Type::Text),
];
/// What may be said of it only that there is nothing.
const ABSENT: [&str; 6] = [
    "classification",
    "membershipRule",
    "membershipRuleProcessingState",
    "preferredDataLocation",
    "preferredLanguage",
    "theme",
];

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "groups", "group")
}

fn askable() -> Askable<impl Fn(&str, bool, &str) -> Option<Condition>> {
    Askable { entity: ENTITY, properties: PROPERTIES, narrows: groups::condition, named: true }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    let (id, rest) = match (&first.key, rest.split_first()) {
        (Some(key), _) => (path::key_parts(key).1, rest),
        (None, Some((id, rest))) if id.name == "$count" => {
            end(rest)?;
            return count(call).await;
        }
        (None, Some((id, rest))) => (id.text.as_str(), rest),
        (None, None) => {
            return match *call.method {
                Method::GET => list(call).await,
                Method::POST => create(call).await,
                _ => call.no_method(),
            };
        }
    };
    // Who may not see groups learns nothing of which there are. Every person of the tenant may, and
    // applications own no groups.
    call.caller.may(Action::ReadGroups)?;
    let id: ObjectId = id.parse().map_err(|_| Problem::not_found(id))?;
    let group = call.identity.directory.find_group(call.caller.tenant.id, id).await?;
    let Some((action, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => {
                call.query.of_one()?;
                let owners = owners::expand(call, group.id, "group").await?;
                Ok(Answer::Found(shape(call).one(&call.query, &owners::Expanded::new(group, owners))?))
            }
            Method::PATCH => update(call, &group).await,
            Method::DELETE => delete(call, &group).await,
            _ => call.no_method(),
        };
    };
    match action.name.as_str() {
        "members" => members(call, &group, rest).await,
        "transitivemembers" if call.method == Method::GET => list_members(call, group.id, true, rest).await,
        "owners" => owned(call, &group, rest).await,
        "approleassignments" => app_role_assignments::of_user(call, group.id, rest).await,
        _ => member_of::handle(call, &format!("groups/{}", group.id), group.id, action, rest).await,
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadGroups)?;
    let page = call.identity.directory.list_groups(call.caller.tenant.id, call.query.listing(&askable())?).await?;
    let mut expanded = Vec::with_capacity(page.entities.len());
    for group in &page.entities {
        expanded.push(owners::expand(call, group.id, "group").await?);
    }
    let mut expanded = expanded.into_iter();
    let page = page.map(|group| owners::Expanded::new(group, expanded.next().flatten()));
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
}

async fn count(call: &Call<'_>) -> Result<Answer, Problem> {
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadGroups)?;
    let listing = call.query.counting(&askable())?;
    let page = call.identity.directory.list_groups(call.caller.tenant.id, listing).await?;
    Ok(Answer::Number(page.count.unwrap_or_default()))
}

/// Refuses a change of a group to callers that may neither change all groups nor own this one.
/// Groups that can have directory roles are for those who give such roles.
async fn may_manage(call: &Call<'_>, group: &Group, action: Action) -> Result<(), Problem> {
    let sensitive = group.is_assignable_to_role == Some(true);
    if call.caller.can(if sensitive { Action::WriteRoleGroups } else { action }) {
        return Ok(());
    }
    let owned = call.identity.directory.owned_by(call.caller.tenant.id, call.caller.id).await?;
    let may_own = call.caller.is_person && call.caller.was_given(action);
    if may_own && owned.contains(&group.id.0) { Ok(()) } else { Err(Problem::denied()) }
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::CreateGroups)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    for name in ["displayName", "mailEnabled", "mailNickname", "securityEnabled"] {
        body.has(name)?;
    }
    let is_assignable_to_role = body.take::<Option<bool>>("isAssignableToRole")?.flatten() == Some(true);
    let mut change = GroupChange { is_assignable_to_role, ..change(&mut body)? };
    body.finish()?;
    if is_assignable_to_role {
        call.caller.may(Action::WriteRoleGroups)?;
    }
    if let Some(owner) = call.caller.as_group_owner()
        && !change.owners.contains(&owner)
    {
        change.owners.push(owner);
    }
    let made = call.identity.directory.create_group(call.caller.tenant.id, change).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, group: &Group) -> Result<Answer, Problem> {
    may_manage(call, group, Action::WriteGroups).await?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let change = change(&mut body)?;
    body.finish()?;
    call.identity.directory.update_group(call.caller.tenant.id, group.id, change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, group: &Group) -> Result<Answer, Problem> {
    may_manage(call, group, Action::WriteGroups).await?;
    call.query.of_action()?;
    call.identity.directory.delete_group(call.caller.tenant.id, group.id).await?;
    Ok(Answer::Done)
}

/// What a body says of a group. Only security groups are here: whatever asks for another kind is
/// refused by the property that does.
fn change(body: &mut Body) -> Result<GroupChange, Problem> {
    let change = GroupChange {
        display_name: body.take_text("displayName", 256)?,
        description: body.take_nullable_text("description", 1024)?,
        mail_nickname: body.take_text("mailNickname", 64)?,
        is_assignable_to_role: false,
        owners: bound(body, "owners@odata.bind", "owners")?,
        members: bound(body, "members@odata.bind", "members")?,
    };
    if change.mail_nickname.as_ref().is_some_and(|name| !super::users::is_nickname(name)) {
        return Err(body.invalid("mailNickname"));
    }
    let wants = |value: Option<bool>, allowed: bool| value.is_some_and(|value| value != allowed);
    if wants(body.take("mailEnabled")?, false) {
        return Err(Problem::request("Mail-enabled groups are not supported by the local org; make a security group."));
    }
    if wants(body.take("securityEnabled")?, true) {
        return Err(Problem::request("Groups that are not security-enabled are not supported by the local org."));
    }
    if body.take::<Vec<String>>("groupTypes")?.is_some_and(|types| !types.is_empty()) {
        return Err(Problem::request(
            "Microsoft 365 groups and groups with a membership rule are not supported by the local org; leave \
             groupTypes empty.",
        ));
    }
    let visibility: Option<Option<String>> = body.take("visibility")?;
    if visibility.flatten().is_some_and(|word| word != "Private") {
        return Err(body.invalid("visibility"));
    }
    for name in ABSENT {
        body.take_nothing(name)?;
    }
    Ok(change)
}

/// The objects that a body binds.
fn bound(body: &mut Body, annotation: &str, property: &str) -> Result<Vec<ObjectId>, Problem> {
    let addresses: Vec<String> = body.take(annotation)?.unwrap_or_default();
    if addresses.len() > BOUND {
        return Err(body.invalid(property));
    }
    addresses.iter().map(|address| owners::referred(address).ok_or_else(|| body.invalid(property))).collect()
}

async fn members(call: &Call<'_>, group: &Group, rest: &[Segment]) -> Result<Answer, Problem> {
    let directory = &call.identity.directory;
    let tenant = call.caller.tenant.id;
    match (rest, call.method) {
        ([last], &Method::POST) if last.name == "$ref" => {
            may_manage(call, group, Action::WriteGroupMembers).await?;
            call.query.of_action()?;
            let member = owners::reference(call.body)?;
            if directory.add_group_member(tenant, group.id, member).await? {
                Ok(Answer::Done)
            } else {
                Err(Problem::member_exists())
            }
        }
        ([member, last], &Method::DELETE) if last.name == "$ref" => {
            may_manage(call, group, Action::WriteGroupMembers).await?;
            call.query.of_action()?;
            let id: ObjectId = member.text.parse().map_err(|_| Problem::not_found(&member.text))?;
            if directory.remove_group_member(tenant, group.id, id).await? {
                Ok(Answer::Done)
            } else {
                Err(Problem::not_found(&member.text))
            }
        }
        (_, &Method::GET) => list_members(call, group.id, false, rest).await,
        _ => call.no_method(),
    }
}

async fn list_members(call: &Call<'_>, group: ObjectId, all: bool, rest: &[Segment]) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadGroups)?;
    let members = call.identity.directory.group_members(call.caller.tenant.id, group, all).await?;
    let set = format!("groups/{group}/{}", if all { "transitiveMembers" } else { "members" });
    let ends_as = |member: &crate::directory::objects::Shown| member.kind.word().to_ascii_lowercase();
    member_of::answer(call, set, members, rest, ends_as)
}

async fn owned(call: &Call<'_>, group: &Group, rest: &[Segment]) -> Result<Answer, Problem> {
    let directory = &call.identity.directory;
    let tenant = call.caller.tenant.id;
    let object = (crate::directory::changes::ObjectKind::Group, group.id);
    match (rest, call.method) {
        ([], &Method::GET) => {
            call.caller.may(Action::ReadGroups)?;
            let properties = OBJECT_PROPERTIES;
            let askable = Askable { entity: "DirectoryObject", properties, narrows: narrows_nothing, named: true };
            let listing = call.query.listing(&askable)?;
            let owners = directory.list_owners(tenant, group.id).await?;
            let shape = Shape::new(call, format!("groups/{}/owners", group.id), "directoryObject");
            Ok(Answer::Found(shape.page(&call.query, &listing.page(owners))?))
        }
        ([last], &Method::POST) if last.name == "$ref" => {
            may_manage(call, group, Action::WriteGroups).await?;
            call.query.of_action()?;
            directory.add_owner(tenant, object, owners::reference(call.body)?).await?;
            Ok(Answer::Done)
        }
        ([owner, last], &Method::DELETE) if last.name == "$ref" => {
            may_manage(call, group, Action::WriteGroups).await?;
            call.query.of_action()?;
            let id = owner.text.parse().map_err(|_| Problem::not_found(&owner.text))?;
            directory.remove_owner(tenant, object, id).await?;
            Ok(Answer::Done)
        }
        ([other, ..], _) if other.name != "$ref" => Err(Problem::unknown_segment(&other.text)),
        _ => call.no_method(),
    }
}
