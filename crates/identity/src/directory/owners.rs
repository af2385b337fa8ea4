//! Who owns which application, service principal or group. An owner may change and delete it whatever
//! other rights there are.

use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, any, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use super::changes::{self, ObjectKind};
use super::{Directory, Refusal, objects, tables};

/// How many owners an object may have.
const LIMIT: usize = 100;

#[derive(Debug)]
pub(super) struct Statements {
    of_object: Prepared,
    owned_by: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_of: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            of_object: Prepared::new(
                Select::from(tables::OBJECT_OWNER)
                    .column("owner", Kind::Uuid)
                    .filter(in_tenant().and(column("object").equals(parameter(1))))
                    .order_by(column("owner").ascending()),
            )?,
            owned_by: Prepared::new(
                Select::from(tables::OBJECT_OWNER)
                    .column("object", Kind::Uuid)
                    .filter(in_tenant().and(column("owner").equals(parameter(1)))),
            )?,
            insert: Prepared::new(Insert::into(tables::OBJECT_OWNER).columns(["tenant_id", "object", "owner"]))?,
            delete: Prepared::new(Delete::from(tables::OBJECT_OWNER).filter(
                in_tenant().and(column("object").equals(parameter(1))).and(column("owner").equals(parameter(2))),
            ))?,
            delete_of: Prepared::new(
                Delete::from(tables::OBJECT_OWNER)
                    .filter(in_tenant().and(any(["object", "owner"].map(|name| column(name).equals(parameter(1)))))),
            )?,
        })
    }
}

/// The owners of an object.
pub(super) fn of_object(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<Vec<ObjectId>, Refusal> {
    Ok(snapshot.list(&statements.owners.of_object, &[tenant.into(), object.into()], |row| row.get(0))?)
}

/// What a person or service principal owns.
pub(super) fn owned_by(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    owner: ObjectId,
) -> Result<Vec<Uuid>, Refusal> {
    Ok(snapshot.list(&statements.owners.owned_by, &[tenant.into(), owner.into()], |row| row.get(0))?)
}

/// Gives an object one more owner.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
    owner: ObjectId,
) -> Result<(), Refusal> {
    match transaction.execute(&statements.owners.insert, &[tenant.into(), object.into(), owner.into()]) {
        Ok(_) => Ok(()),
        Err(Error::UniqueViolation { .. }) => Err(Refusal::OwnerExists),
        Err(error) => Err(error.into()),
    }
}

/// As [`insert`], for an owner that must be a person or a service principal.
pub(super) fn insert_known(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
    owner: ObjectId,
) -> Result<(), Refusal> {
    if objects::find(statements, transaction, tenant, owner)?.is_none() {
        return Err(Refusal::NotFound(owner.to_string()));
    }
    insert(statements, transaction, tenant, object, owner)
}

/// Forgets what an object owns and who owns it.
pub(super) fn delete_of(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.owners.delete_of, &[tenant.into(), object.into()])?;
    Ok(())
}

impl Directory {
    /// The owners of an object, as they are shown.
    pub(crate) async fn list_owners(&self, tenant: TenantId, object: ObjectId) -> Result<Vec<objects::Shown>, Refusal> {
        self.read(move |statements, snapshot| {
            let owners = of_object(statements, snapshot, tenant, object)?;
            objects::find_all(statements, snapshot, tenant, &owners)
        })
        .await
    }

    /// Gives an application, service principal or group an owner: a person or a service principal.
    pub(crate) async fn add_owner(
        &self,
        tenant: TenantId,
        (kind, object): (ObjectKind, ObjectId),
        owner: ObjectId,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            if of_object(statements, transaction, tenant, object)?.len() >= LIMIT {
                return Err(Refusal::TooMany { what: "owners", limit: LIMIT });
            }
            insert_known(statements, transaction, tenant, object, owner)?;
            changes::changed(statements, transaction, tenant, kind, object)
        })
        .await
    }

    /// Takes an owner from an object.
    pub(crate) async fn remove_owner(
        &self,
        tenant: TenantId,
        (kind, object): (ObjectKind, ObjectId),
        owner: ObjectId,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let this = [tenant.into(), object.into(), owner.into()];
            if transaction.execute(&statements.owners.delete, &this)? == 0 {
                return Err(Refusal::NotFound(owner.to_string()));
            }
            changes::changed(statements, transaction, tenant, kind, object)
        })
        .await
    }

    /// What a person or service principal owns.
    pub(crate) async fn owned_by(&self, tenant: TenantId, owner: ObjectId) -> Result<Vec<Uuid>, Refusal> {
        self.read(move |statements, snapshot| owned_by(statements, snapshot, tenant, owner)).await
    }
}
