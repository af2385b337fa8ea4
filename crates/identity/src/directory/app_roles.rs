//! Application permissions given to service principals (app role assignments).

use keyholder_entra::base64url;
use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, any, column, parameter, qualified};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction};
use serde::Serialize;
use uuid::Uuid;

use super::applications::ObjectKey;
use super::listing::{Listed, Listing, Page};
use super::{Directory, Refusal, changes, groups, objects, published, service_principals, tables};

/// One application permission that a service principal has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AppRoleAssignment {
    pub(crate) id: Uuid,
    pub(crate) principal: ObjectId,
    pub(crate) resource: ObjectId,
    pub(crate) app_role: Uuid,
    pub(crate) created: Timestamp,
}

impl Listed for AppRoleAssignment {
    fn id(&self) -> Uuid {
        self.id
    }
}

impl AppRoleAssignment {
    /// The id as Graph shows it.
    pub(crate) fn shown_id(&self) -> String {
        base64url::encode(self.id.as_bytes())
    }
}

fn select() -> Select {
    Select::from(tables::APP_ROLE_ASSIGNMENT)
        .column("object_id", Kind::Uuid)
        .column("principal", Kind::Uuid)
        .column("resource", Kind::Uuid)
        .column("app_role", Kind::Uuid)
        .column("created", Kind::Time)
}

#[derive(Debug)]
pub(super) struct Statements {
    values: Prepared,
    find: Prepared,
    between: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_of: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let party = || any(["principal", "resource"].map(|name| column(name).equals(parameter(2))));
        let same_principal = qualified("resource", "tenant_id")
            .equals(qualified(tables::APP_ROLE_ASSIGNMENT, "tenant_id"))
            .and(qualified("resource", "object_id").equals(qualified(tables::APP_ROLE_ASSIGNMENT, "resource")));
        Ok(Self {
            values: Prepared::new(
                Select::from(tables::APP_ROLE_ASSIGNMENT)
                    .project(qualified("resource", "client_id"), Kind::Uuid)
                    .project(qualified(tables::APP_ROLE_ASSIGNMENT, "app_role"), Kind::Uuid)
                    .join(tables::SERVICE_PRINCIPAL, "resource", same_principal)
                    .filter(
                        qualified(tables::APP_ROLE_ASSIGNMENT, "tenant_id")
                            .equals(parameter(0))
                            .and(qualified(tables::APP_ROLE_ASSIGNMENT, "principal").equals(parameter(1))),
                    ),
            )?,
            find: Prepared::new(select().filter(in_tenant().and(column("object_id").equals(parameter(1)))))?,
            between: Prepared::new(select().filter(
                in_tenant().and(column("principal").equals(parameter(1))).and(column("resource").equals(parameter(2))),
            ))?,
            insert: Prepared::new(Insert::into(tables::APP_ROLE_ASSIGNMENT).columns([
                "tenant_id",
                "object_id",
                "principal",
                "resource",
                "app_role",
                "created",
            ]))?,
            delete: Prepared::new(
                Delete::from(tables::APP_ROLE_ASSIGNMENT)
                    .filter(in_tenant().and(column("object_id").equals(parameter(1))).and(party())),
            )?,
            delete_of: Prepared::new(Delete::from(tables::APP_ROLE_ASSIGNMENT).filter(
                in_tenant().and(any(["principal", "resource"].map(|name| column(name).equals(parameter(1))))),
            ))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<AppRoleAssignment, Error> {
    Ok(AppRoleAssignment {
        id: row.get(0)?,
        principal: row.get(1)?,
        resource: row.get(2)?,
        app_role: row.get(3)?,
        created: row.get(4)?,
    })
}

/// The values of the Microsoft-published app roles that a service principal has, sorted.
pub(super) fn values_of(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<Vec<String>, Refusal> {
    let mut values = Vec::new();
    snapshot.for_each::<Error>(&statements.app_roles.values, &[tenant.into(), principal.into()], |row| {
        values.extend(published::app_role_value(row.get(0)?, row.get(1)?).map(str::to_owned));
        Ok(())
    })?;
    values.sort_unstable();
    Ok(values)
}

/// Removes every assignment to or on a service principal.
pub(super) fn delete_of(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.app_roles.delete_of, &[tenant.into(), principal.into()])?;
    Ok(())
}

impl Directory {
    /// Gives an application permission of `resource` to `principal`. A role that the resource does
    /// not publish is not found.
    pub(crate) async fn assign_app_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        resource: ObjectId,
        app_role: Uuid,
    ) -> Result<AppRoleAssignment, Refusal> {
        let created = self.clocks.now().whole_seconds();
        let assignment = AppRoleAssignment { id: self.new_id(), principal, resource, app_role, created };
        let stored = assignment.clone();
        self.change(move |statements, transaction| {
            let holder = objects::find_member(statements, transaction, tenant, principal)?;
            let holder = holder.ok_or_else(|| Refusal::NotFound(principal.to_string()))?;
            let found = service_principals::find(statements, transaction, tenant, ObjectKey::Object(resource))?;
            // The nil id is access without a role of its own.
            if !app_role.is_nil() && !found.app_roles.iter().any(|role| role.id == app_role && role.is_enabled) {
                return Err(Refusal::NotFound(app_role.to_string()));
            }
            let row = [
                tenant.into(),
                stored.id.into(),
                principal.into(),
                resource.into(),
                app_role.into(),
                stored.created.into(),
            ];
            match transaction.execute(&statements.app_roles.insert, &row) {
                Ok(_) => changes::changed(statements, transaction, tenant, holder.kind, principal),
                Err(Error::UniqueViolation { .. }) => Err(Refusal::AssignmentExists),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
        Ok(assignment)
    }

    pub(crate) async fn list_app_roles(
        &self,
        tenant: TenantId,
        listing: Listing,
    ) -> Result<Page<AppRoleAssignment>, Refusal> {
        self.read(move |_, snapshot| Ok(listing.run(snapshot, select(), tenant, read)?)).await
    }

    /// Whether a person is assigned to `resource`, directly or as a direct member of a group.
    pub(crate) async fn is_assigned(
        &self,
        tenant: TenantId,
        user: ObjectId,
        resource: ObjectId,
    ) -> Result<bool, Refusal> {
        self.read(move |statements, snapshot| {
            let groups = groups::of_member(statements, snapshot, tenant, user)?;
            for principal in std::iter::once(user).chain(groups) {
                let values = [tenant.into(), principal.into(), resource.into()];
                if snapshot.exists(&statements.app_roles.between, &values)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// The assignment of that id.
    pub(crate) async fn find_app_role(&self, tenant: TenantId, id: Uuid) -> Result<Option<AppRoleAssignment>, Refusal> {
        self.read(move |statements, snapshot| {
            Ok(snapshot.first(&statements.app_roles.find, &[tenant.into(), id.into()], read)?)
        })
        .await
    }

    /// Takes an assignment back; false when `party` has or offers no such one.
    pub(crate) async fn delete_app_role(&self, tenant: TenantId, party: ObjectId, id: Uuid) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), id.into(), party.into()];
            Ok(transaction.execute(&statements.app_roles.delete, &row)? > 0)
        })
        .await
    }
}
