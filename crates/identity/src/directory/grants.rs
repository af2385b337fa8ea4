//! Delegated permissions granted to service principals (OAuth 2.0 permission grants).

use keyholder_entra::base64url;
use keyholder_entra::graph::OAuth2PermissionGrant;
use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, Update, any, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Transaction};
use uuid::Uuid;

use super::applications::{ObjectKey, id_condition};
use super::changes::{self, ObjectKind, Removal};
use super::listing::{Condition, Listed, Listing, Page};
use super::{Directory, Refusal, service_principals, tables};

impl Listed for OAuth2PermissionGrant {
    fn id(&self) -> Uuid {
        self.id.as_deref().and_then(parse_id).unwrap_or_default()
    }
}

fn select() -> Select {
    Select::from(tables::PERMISSION_GRANT)
        .column("object_id", Kind::Uuid)
        .column("client", Kind::Uuid)
        .column("resource", Kind::Uuid)
        .column("consent_type", Kind::Text)
        .column("principal", Kind::Uuid)
        .column("scope", Kind::Text)
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    update: Prepared,
    delete: Prepared,
    of_party: Prepared,
    delete_of: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let party = || any(["client", "resource", "principal"].map(|name| column(name).equals(parameter(1))));
        Ok(Self {
            find: Prepared::new(select().filter(this()))?,
            insert: Prepared::new(Insert::into(tables::PERMISSION_GRANT).columns([
                "tenant_id",
                "object_id",
                "client",
                "resource",
                "consent_type",
                "principal",
                "scope",
            ]))?,
            update: Prepared::new(Update::of(tables::PERMISSION_GRANT).set("scope", parameter(2)).filter(this()))?,
            delete: Prepared::new(Delete::from(tables::PERMISSION_GRANT).filter(this()))?,
            of_party: Prepared::new(
                Select::from(tables::PERMISSION_GRANT).column("object_id", Kind::Uuid).filter(in_tenant().and(party())),
            )?,
            delete_of: Prepared::new(Delete::from(tables::PERMISSION_GRANT).filter(in_tenant().and(party())))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<OAuth2PermissionGrant, Error> {
    let principal: ObjectId = row.get(4)?;
    Ok(OAuth2PermissionGrant {
        id: Some(shown_id(row.get(0)?)),
        client_id: row.get(1)?,
        resource_id: row.get(2)?,
        consent_type: row.get(3)?,
        principal_id: (!principal.0.is_nil()).then_some(principal),
        scope: row.get(5)?,
    })
}

/// The id of a row as Graph shows it.
pub(crate) fn shown_id(row: Uuid) -> String {
    base64url::encode(row.as_bytes())
}

/// The row of an id as Graph shows it; that of a text that is none is missing.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    Uuid::from_slice(&base64url::decode(text).ok()?).ok()
}

/// Removes every grant that a service principal has or gives.
pub(super) fn delete_of(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<(), Refusal> {
    let party = [tenant.into(), principal.into()];
    let rows: Vec<Uuid> = transaction.list(&statements.grants.of_party, &party, |row| row.get(0))?;
    for row in rows {
        removed(statements, transaction, tenant, row)?;
    }
    transaction.execute(&statements.grants.delete_of, &party)?;
    Ok(())
}

fn removed(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    row: Uuid,
) -> Result<(), Refusal> {
    changes::removed(statements, transaction, tenant, ObjectKind::PermissionGrant, ObjectId(row), Removal::Purged)
}

/// Notes that a grant was made or changed.
pub(super) fn changed(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    row: Uuid,
) -> Result<(), Refusal> {
    changes::changed(statements, transaction, tenant, ObjectKind::PermissionGrant, ObjectId(row))
}

impl Directory {
    /// Grants; the grant's own id is made here.
    pub(crate) async fn create_grant(
        &self,
        tenant: TenantId,
        grant: OAuth2PermissionGrant,
    ) -> Result<OAuth2PermissionGrant, Refusal> {
        let id = self.new_id();
        let stored = grant.clone();
        self.change(move |statements, transaction| {
            service_principals::find(statements, transaction, tenant, ObjectKey::Object(stored.client_id))?;
            service_principals::find(statements, transaction, tenant, ObjectKey::Object(stored.resource_id))?;
            let row = [
                tenant.into(),
                id.into(),
                stored.client_id.into(),
                stored.resource_id.into(),
                stored.consent_type.as_str().into(),
                stored.principal_id.unwrap_or(ObjectId(Uuid::nil())).into(),
                stored.scope.clone().unwrap_or_default().into(),
            ];
            match transaction.execute(&statements.grants.insert, &row) {
                Ok(_) => changed(statements, transaction, tenant, id),
                Err(Error::UniqueViolation { .. }) => Err(Refusal::GrantExists),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        Ok(OAuth2PermissionGrant { id: Some(shown_id(id)), ..grant })
    }

    pub(crate) async fn find_grant(
        &self,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Option<OAuth2PermissionGrant>, Refusal> {
        self.read(move |statements, snapshot| {
            Ok(snapshot.first(&statements.grants.find, &[tenant.into(), id.into()], read)?)
        })
        .await
    }

    pub(crate) async fn list_grants(
        &self,
        tenant: TenantId,
        listing: Listing,
    ) -> Result<Page<OAuth2PermissionGrant>, Refusal> {
        self.read(move |_, snapshot| Ok(listing.run(snapshot, select(), tenant, read)?)).await
    }

    /// Sets what is granted; false when there is no such grant.
    pub(crate) async fn update_grant(&self, tenant: TenantId, id: Uuid, scope: String) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), id.into(), scope.as_str().into()];
            let found = transaction.execute(&statements.grants.update, &row)? > 0;
            if found {
                changed(statements, transaction, tenant, id)?;
            }
            Ok(found)
        })
        .await
    }

    /// Takes a grant back; false when there is no such grant.
    pub(crate) async fn delete_grant(&self, tenant: TenantId, id: Uuid) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let found = transaction.execute(&statements.grants.delete, &[tenant.into(), id.into()])? > 0;
            if found {
                removed(statements, transaction, tenant, id)?;
            }
            Ok(found)
        })
        .await
    }
}

/// The properties by which a filter narrows the rows that are read.
pub(crate) fn condition(property: &str, starts_with: bool, text: &str) -> Option<Condition> {
    if starts_with {
        return None;
    }
    Some(match property {
        "clientId" => id_condition("client", text),
        "resourceId" => id_condition("resource", text),
        "principalId" => id_condition("principal", text),
        "consentType" => Condition::Equals("consent_type", text.replace('\0', "\u{fffd}").into()),
        _ => return None,
    })
}
