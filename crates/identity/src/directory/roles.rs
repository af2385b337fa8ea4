//! Who has which directory role, and which roles the tenant uses.
//!
//! A role's object in a tenant has an id of its own; here it is the template's id crossed with the
//! tenant's, so that it need not be kept.

use keyholder_entra::well_known::{DIRECTORY_ROLES, DirectoryRole};
use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use super::changes::ObjectKind;
use super::{Directory, Refusal, changes, groups, objects, tables};

#[derive(Debug)]
pub(super) struct Statements {
    of_principal: Prepared,
    list: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_of: Prepared,
    activated: Prepared,
    activate: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let of_principal = || in_tenant().and(column("principal").equals(parameter(1)));
        Ok(Self {
            of_principal: Prepared::new(
                Select::from(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .column("role_template", Kind::Uuid)
                    .filter(of_principal()),
            )?,
            list: Prepared::new(
                Select::from(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .column("principal", Kind::Uuid)
                    .column("role_template", Kind::Uuid)
                    .filter(in_tenant())
                    .order_by(column("principal").ascending())
                    .order_by(column("role_template").ascending()),
            )?,
            insert: Prepared::new(
                Insert::into(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .columns(["tenant_id", "principal", "role_template"])
                    .or_nothing(),
            )?,
            delete: Prepared::new(
                Delete::from(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .filter(of_principal().and(column("role_template").equals(parameter(2)))),
            )?,
            delete_of: Prepared::new(Delete::from(tables::DIRECTORY_ROLE_ASSIGNMENT).filter(of_principal()))?,
            activated: Prepared::new(
                Select::from(tables::ACTIVATED_ROLE).column("role_template", Kind::Uuid).filter(in_tenant()),
            )?,
            activate: Prepared::new(
                Insert::into(tables::ACTIVATED_ROLE).columns(["tenant_id", "role_template"]).or_nothing(),
            )?,
        })
    }
}

/// The id of a role's object in a tenant, and back again.
pub(crate) fn object_id(tenant: TenantId, role_template: Uuid) -> Uuid {
    Uuid::from_u128(tenant.0.as_u128() ^ role_template.as_u128())
}

/// The role that a template's id or an object's id names.
pub(crate) fn find(tenant: TenantId, id: Uuid) -> Option<&'static DirectoryRole> {
    DIRECTORY_ROLES.iter().find(|role| role.template_id == id || object_id(tenant, role.template_id) == id)
}

/// One principal's having one role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoleAssignment {
    pub(crate) principal: ObjectId,
    pub(crate) role_template: Uuid,
}

/// Gives a role; having it already is fine.
pub(super) fn assign(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
    role_template: Uuid,
) -> Result<bool, Refusal> {
    let row = [tenant.into(), principal.into(), role_template.into()];
    let is_new = transaction.execute(&statements.roles.insert, &row)? > 0;
    transaction.execute(&statements.roles.activate, &[tenant.into(), role_template.into()])?;
    note(statements, transaction, tenant, principal)?;
    Ok(is_new)
}

/// Whoever has a role or lost one has changed, for the orgs.
fn note(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<(), Refusal> {
    match objects::find_member(statements, transaction, tenant, principal)? {
        Some(found) if found.kind == ObjectKind::Group => groups::tell(statements, transaction, tenant, principal),
        Some(found) => changes::changed(statements, transaction, tenant, found.kind, principal),
        None => Ok(()),
    }
}

/// The templates of the roles that a principal has: its own, and those of groups that it is in.
pub(super) fn of_principal(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<Vec<Uuid>, Refusal> {
    let mut roles = given_to(statements, snapshot, tenant, principal)?;
    // A group that has roles has no groups in it.
    for group in groups::of_member(statements, snapshot, tenant, principal)? {
        roles.extend(given_to(statements, snapshot, tenant, group)?);
    }
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

fn given_to(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<Vec<Uuid>, Refusal> {
    Ok(snapshot.list(&statements.roles.of_principal, &[tenant.into(), principal.into()], |row| row.get(0))?)
}

/// Takes every role away.
pub(super) fn delete_of(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.roles.delete_of, &[tenant.into(), principal.into()])?;
    Ok(())
}

impl Directory {
    /// The templates of the roles that a principal has.
    pub(crate) async fn roles_of(&self, tenant: TenantId, principal: ObjectId) -> Result<Vec<Uuid>, Refusal> {
        self.read(move |statements, snapshot| of_principal(statements, snapshot, tenant, principal)).await
    }

    /// Gives a principal a role; whether it is new to it.
    pub(crate) async fn assign_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role_template: Uuid,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| assign(statements, transaction, tenant, principal, role_template))
            .await
    }

    /// As [`Self::assign_role`], for a principal that must exist.
    pub(crate) async fn assign_role_to_known(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role_template: Uuid,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            match objects::find_member(statements, transaction, tenant, principal)? {
                None => return Err(Refusal::NotFound(principal.to_string())),
                Some(found) if found.kind == ObjectKind::Group && !found.is("isAssignableToRole") => {
                    return Err(Refusal::invalid("principalId", "RoleAssignment"));
                }
                Some(_) => {}
            }
            assign(statements, transaction, tenant, principal, role_template)
        })
        .await
    }

    /// Takes a role away; false when the principal did not have it.
    pub(crate) async fn unassign_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role_template: Uuid,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), principal.into(), role_template.into()];
            let had = transaction.execute(&statements.roles.delete, &row)? > 0;
            if had {
                note(statements, transaction, tenant, principal)?;
            }
            Ok(had)
        })
        .await
    }

    /// Everybody's roles.
    pub(crate) async fn list_role_assignments(&self, tenant: TenantId) -> Result<Vec<RoleAssignment>, Refusal> {
        self.read(move |statements, snapshot| {
            Ok(snapshot.list(&statements.roles.list, &[tenant.into()], |row| {
                Ok(RoleAssignment { principal: row.get(0)?, role_template: row.get(1)? })
            })?)
        })
        .await
    }

    /// The templates of the roles that the tenant uses.
    pub(crate) async fn activated_roles(&self, tenant: TenantId) -> Result<Vec<Uuid>, Refusal> {
        self.read(move |statements, snapshot| {
            let mut roles: Vec<Uuid> =
                snapshot.list(&statements.roles.activated, &[tenant.into()], |row| row.get(0))?;
            let assigned = snapshot.list(&statements.roles.list, &[tenant.into()], |row| row.get::<Uuid>(1))?;
            roles.extend(assigned);
            roles.sort_unstable();
            roles.dedup();
            Ok(roles)
        })
        .await
    }

    /// Makes the tenant use a role.
    pub(crate) async fn activate_role(&self, tenant: TenantId, role_template: Uuid) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.roles.activate, &[tenant.into(), role_template.into()])?;
            Ok(())
        })
        .await
    }
}
