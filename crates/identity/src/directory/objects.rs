//! Objects of any kind by their id: people, service principals, applications.

use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::Snapshot;
use serde::Serialize;
use serde_json::{Map, Value};

use super::applications::{self, ObjectKey};
use super::changes::ObjectKind;
use super::listing::Listed;
use super::tenants::Tenant;
use super::users::{self, UserKey};
use super::{Directory, Refusal, groups, service_principals};

/// An object among objects of other kinds, with its type.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    #[serde(skip)]
    pub(crate) kind: ObjectKind,
    #[serde(skip)]
    pub(crate) id: ObjectId,
    #[serde(flatten)]
    pub(crate) properties: Map<String, Value>,
}

impl Listed for Shown {
    fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.properties.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }
}

impl Shown {
    /// Whether this property of it is true.
    pub(super) fn is(&self, property: &str) -> bool {
        self.properties.get(property) == Some(&Value::Bool(true))
    }

    pub(super) fn new(kind: ObjectKind, id: ObjectId, entity: &impl Serialize) -> Self {
        let mut properties = Map::new();
        properties.insert("@odata.type".to_owned(), format!("#microsoft.graph.{}", kind.word()).into());
        if let Ok(Value::Object(shown)) = serde_json::to_value(entity) {
            properties.extend(shown);
        }
        Self { kind, id, properties }
    }
}

fn missing_is_none<T>(result: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The person or service principal with this id. Groups and applications are found by the others.
pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Option<Shown>, Refusal> {
    if let Some(user) = missing_is_none(users::find(statements, snapshot, tenant, &UserKey::Object(id)))? {
        return Ok(Some(Shown::new(ObjectKind::User, id, &user)));
    }
    let found = missing_is_none(service_principals::find(statements, snapshot, tenant, ObjectKey::Object(id)))?;
    Ok(found.map(|principal| Shown::new(ObjectKind::ServicePrincipal, id, &principal)))
}

/// The person, service principal or group with this id: what can be a member of a group.
pub(super) fn find_member(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Option<Shown>, Refusal> {
    if let Some(found) = find(statements, snapshot, tenant, id)? {
        return Ok(Some(found));
    }
    let found = missing_is_none(groups::find(statements, snapshot, tenant, id))?;
    Ok(found.map(|group| Shown::new(ObjectKind::Group, id, &group)))
}

/// The object of any kind with this id.
pub(super) fn find_any(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    id: ObjectId,
) -> Result<Option<Shown>, Refusal> {
    if let Some(found) = find_member(statements, snapshot, tenant.id, id)? {
        return Ok(Some(found));
    }
    let found = missing_is_none(applications::find(statements, snapshot, tenant, ObjectKey::Object(id)))?;
    Ok(found.map(|application| Shown::new(ObjectKind::Application, id, &application)))
}

/// Those of the people and service principals with these ids that exist.
pub(super) fn find_all(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    ids: &[ObjectId],
) -> Result<Vec<Shown>, Refusal> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(find(statements, snapshot, tenant, *id)?);
    }
    Ok(found)
}

impl Directory {
    /// Those of the objects with these ids that exist.
    pub(crate) async fn find_objects(&self, tenant: &Tenant, ids: Vec<ObjectId>) -> Result<Vec<Shown>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let mut found = Vec::with_capacity(ids.len());
            for id in &ids {
                found.extend(find_any(statements, snapshot, &tenant, *id)?);
            }
            Ok(found)
        })
        .await
    }
}
