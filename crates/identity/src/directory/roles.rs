//! Who has which directory role.

use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use super::{Directory, Refusal, tables};

#[derive(Debug)]
pub(super) struct Statements {
    of_principal: Prepared,
    insert: Prepared,
    delete_of: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let of_principal = || column("tenant_id").equals(parameter(0)).and(column("principal").equals(parameter(1)));
        Ok(Self {
            of_principal: Prepared::new(
                Select::from(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .column("role_template", Kind::Uuid)
                    .filter(of_principal()),
            )?,
            insert: Prepared::new(
                Insert::into(tables::DIRECTORY_ROLE_ASSIGNMENT)
                    .columns(["tenant_id", "principal", "role_template"])
                    .or_nothing(),
            )?,
            delete_of: Prepared::new(Delete::from(tables::DIRECTORY_ROLE_ASSIGNMENT).filter(of_principal()))?,
        })
    }
}

/// Gives a role; having it already is fine.
pub(super) fn assign(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: ObjectId,
    role_template: Uuid,
) -> Result<(), Refusal> {
    transaction.execute(&statements.roles.insert, &[tenant.into(), principal.into(), role_template.into()])?;
    Ok(())
}

/// The templates of the roles that a principal has.
pub(super) fn of_principal(
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
    /// Gives a principal a role.
    pub(crate) async fn assign_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role_template: Uuid,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| assign(statements, transaction, tenant, principal, role_template))
            .await
    }
}
