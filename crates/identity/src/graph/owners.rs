//! `owners` of applications and service principals, and `$expand=owners`.

use http::Method;
use keyholder_foundation::ObjectId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Call;
use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use crate::directory::applications::ObjectKey;
use crate::directory::changes::ObjectKind;
use crate::directory::listing::{Listed, Page};

/// How many owners may be bound when an object is made.
const BOUND: usize = 20;
/// How many are shown inside the object.
const EXPANDED: usize = 20;
pub(super) const PROPERTIES: Properties =
    &[("id", Type::Text), ("displayName", Type::Text), ("userPrincipalName", Type::Text), ("appId", Type::Text)];

/// Something that has owners.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owned {
    Application(ObjectKey),
    ServicePrincipal(ObjectKey),
}

impl Owned {
    async fn find(self, call: &Call<'_>) -> Result<(ObjectKind, ObjectId), Problem> {
        let (directory, tenant) = (&call.identity.directory, &call.caller.tenant);
        Ok(match self {
            Self::Application(key) => (ObjectKind::Application, directory.find_application(tenant, key).await?.id),
            Self::ServicePrincipal(key) => {
                (ObjectKind::ServicePrincipal, directory.find_service_principal(tenant.id, key).await?.id)
            }
        })
    }

    fn set(self) -> &'static str {
        match self {
            Self::Application(_) => "applications",
            Self::ServicePrincipal(_) => "servicePrincipals",
        }
    }
}

pub(super) async fn handle(call: &Call<'_>, owned: Owned, rest: &[Segment]) -> Result<Answer, Problem> {
    match (rest, call.method) {
        ([], &Method::GET) => list(call, owned).await,
        ([last], &Method::POST) if last.name == "$ref" => add(call, owned).await,
        ([owner, last], &Method::DELETE) if last.name == "$ref" => remove(call, owned, &owner.text).await,
        ([], _) => call.no_method(),
        ([last], _) if last.name == "$ref" => call.no_method(),
        ([_, last], _) if last.name == "$ref" => call.no_method(),
        ([other, ..], _) => Err(Problem::unknown_segment(&other.text)),
    }
}

async fn list(call: &Call<'_>, owned: Owned) -> Result<Answer, Problem> {
    call.reach().await?;
    let askable = Askable { entity: "DirectoryObject", properties: PROPERTIES, narrows: narrows_nothing, named: true };
    let listing = call.query.listing(&askable)?;
    let (_, object) = owned.find(call).await?;
    call.may_see(object).await?;
    let owners = call.identity.directory.list_owners(call.caller.tenant.id, object).await?;
    let shape = Shape::new(call, format!("{}/{object}/owners", owned.set()), "directoryObject");
    Ok(Answer::Found(shape.page(&call.query, &listing.page(owners))?))
}

/// `ownedObjects` of a person or service principal, to callers who may see them all, or ask for
/// their own.
pub(super) async fn owned(call: &Call<'_>, set: &str, owner: ObjectId) -> Result<Answer, Problem> {
    if owner != call.caller.id {
        call.caller.may(Action::ReadApplications)?;
    }
    let askable = Askable { entity: "DirectoryObject", properties: PROPERTIES, narrows: narrows_nothing, named: true };
    let listing = call.query.listing(&askable)?;
    let (directory, tenant) = (&call.identity.directory, &call.caller.tenant);
    let ids = directory.owned_by(tenant.id, owner).await?.into_iter().map(ObjectId).collect();
    let found = directory.find_objects(tenant, ids).await?;
    Ok(Answer::Found(Shape::new(call, set, "directoryObject").page(&call.query, &listing.page(found))?))
}

/// The object that a reference names: `{"@odata.id":"https://../directoryObjects/{id}"}`.
pub(super) fn reference(body: &[u8]) -> Result<ObjectId, Problem> {
    let mut body = Body::parse("DirectoryObject", body)?;
    let address: String = body.require("@odata.id")?;
    body.finish()?;
    referred(&address).ok_or_else(|| Problem::request("Invalid object reference in '@odata.id'."))
}

pub(super) fn referred(address: &str) -> Option<ObjectId> {
    let (collection, id) = address.trim_end_matches('/').rsplit_once('/')?;
    let collection = collection.rsplit('/').next()?.to_ascii_lowercase();
    let known = matches!(collection.as_str(), "directoryobjects" | "users" | "serviceprincipals" | "groups");
    known.then(|| id.parse().ok()).flatten()
}

async fn add(call: &Call<'_>, owned: Owned) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let owner = reference(call.body)?;
    let object = owned.find(call).await?;
    call.may_manage(object.1).await?;
    call.identity.directory.add_owner(call.caller.tenant.id, object, owner).await?;
    Ok(Answer::Done)
}

async fn remove(call: &Call<'_>, owned: Owned, owner: &str) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let owner = owner.parse().map_err(|_| Problem::not_found(owner))?;
    let object = owned.find(call).await?;
    call.may_manage(object.1).await?;
    call.identity.directory.remove_owner(call.caller.tenant.id, object, owner).await?;
    Ok(Answer::Done)
}

/// The owners that a body binds to what it makes (`owners@odata.bind`).
pub(super) fn bound(body: &mut Body) -> Result<Vec<ObjectId>, Problem> {
    let addresses: Vec<String> = body.take("owners@odata.bind")?.unwrap_or_default();
    if addresses.len() > BOUND {
        return Err(body.invalid("owners"));
    }
    addresses.iter().map(|address| referred(address).ok_or_else(|| body.invalid("owners"))).collect()
}

/// The owners of an object, when they are to be shown with it. Nothing else can be expanded.
pub(super) async fn expand(call: &Call<'_>, object: ObjectId, entity: &str) -> Result<Option<Value>, Problem> {
    match call.query.expand.as_slice() {
        [] => Ok(None),
        [name] if name == "owners" => {
            let mut owners = call.identity.directory.list_owners(call.caller.tenant.id, object).await?;
            owners.truncate(EXPANDED);
            Ok(serde_json::to_value(owners).ok())
        }
        [other, ..] => Err(Problem::unknown_property(other, entity)),
    }
}

/// The objects of a page, each with its owners when they are to be shown.
pub(super) async fn expand_all<T: Listed>(
    call: &Call<'_>,
    page: Page<T>,
    entity: &str,
) -> Result<Page<Expanded<T>>, Problem> {
    let mut owners = Vec::with_capacity(page.entities.len());
    for object in &page.entities {
        owners.push(expand(call, ObjectId(object.id()), entity).await?);
    }
    let mut owners = owners.into_iter();
    Ok(page.map(|object| Expanded::new(object, owners.next().flatten())))
}

/// An object with its owners, where they were asked for.
#[derive(Debug, Serialize)]
pub(super) struct Expanded<T> {
    #[serde(flatten)]
    object: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Value>,
}

impl<T> Expanded<T> {
    pub(super) fn new(object: T, owners: Option<Value>) -> Self {
        Self { object, owners }
    }
}

impl<T: Listed> Listed for Expanded<T> {
    fn id(&self) -> Uuid {
        self.object.id()
    }

    fn name(&self) -> &str {
        self.object.name()
    }
}
