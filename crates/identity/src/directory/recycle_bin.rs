//! The recycle bin: what was deleted stays for thirty days of the org clock and can come back, with
//! its ids. What is older is not seen any more.

use std::time::Duration;

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, column, parameter};
use keyholder_store::{Error, Prepared, Snapshot, Transaction};

use super::applications::{self, ObjectKey};
use super::changes::{self, ObjectKind, Removal};
use super::listing::{Condition, Listing, Page};
use super::objects::Shown;
use super::tenants::Tenant;
use super::{
    Directory, Refusal, certificates, federated, groups, owners, passwords, policies, service_principals, tables, users,
};

/// How long what was deleted can come back.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

#[derive(Debug)]
pub(super) struct Statements {
    purge_application: Prepared,
    purge_service_principal: Prepared,
    purge_user: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let purge = |table| {
            let this = column("tenant_id").equals(parameter(0)).and(column("object_id").equals(parameter(1)));
            Prepared::new(Delete::from(table).filter(this))
        };
        Ok(Self {
            purge_application: purge(tables::APPLICATION)?,
            purge_service_principal: purge(tables::SERVICE_PRINCIPAL)?,
            purge_user: purge(tables::USER)?,
        })
    }
}

/// An object in the recycle bin.
enum Deleted {
    Application(Box<keyholder_entra::graph::Application>),
    ServicePrincipal(Box<keyholder_entra::graph::ServicePrincipal>),
    User(Box<keyholder_entra::graph::User>),
}

impl Deleted {
    fn find(
        statements: &super::Statements,
        snapshot: &mut Snapshot<'_>,
        tenant: &Tenant,
        id: ObjectId,
        since: Timestamp,
    ) -> Result<Self, Refusal> {
        let in_bin = |deleted: Option<Timestamp>| deleted.is_some_and(|deleted| deleted > since);
        if let Some(user) = users::find_any(statements, snapshot, tenant.id, id)?
            && in_bin(user.deleted_date_time)
        {
            return Ok(Self::User(Box::new(user)));
        }
        if let Some(application) = applications::find_any(statements, snapshot, tenant, id)?
            && in_bin(application.deleted_date_time)
        {
            return Ok(Self::Application(Box::new(application)));
        }
        if let Some(principal) = service_principals::find_any(statements, snapshot, tenant.id, id)?
            && in_bin(principal.deleted_date_time)
        {
            return Ok(Self::ServicePrincipal(Box::new(principal)));
        }
        Err(Refusal::NotFound(id.to_string()))
    }

    fn shown(&self, id: ObjectId) -> Shown {
        match self {
            Self::Application(entity) => Shown::new(ObjectKind::Application, id, entity),
            Self::ServicePrincipal(entity) => Shown::new(ObjectKind::ServicePrincipal, id, entity),
            Self::User(entity) => Shown::new(ObjectKind::User, id, entity),
        }
    }
}

fn restore(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
    deleted: &Deleted,
    new_name: Option<String>,
) -> Result<(), Refusal> {
    match deleted {
        Deleted::User(user) => users::restore(statements, transaction, tenant.id, user, new_name),
        Deleted::ServicePrincipal(principal) => {
            service_principals::restore(statements, transaction, tenant.id, principal)
        }
        Deleted::Application(application) => {
            applications::restore(statements, transaction, tenant.id, application)?;
            // The principal at home that went with it comes back with it.
            let key = (application.app_id, application.deleted_date_time);
            match service_principals::find_deleted_with(statements, transaction, tenant.id, key)? {
                Some(principal) => service_principals::restore(statements, transaction, tenant.id, &principal),
                None => Ok(()),
            }
        }
    }
}

fn purge(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    deleted: &Deleted,
    id: ObjectId,
) -> Result<(), Refusal> {
    let (kind, statement) = match deleted {
        Deleted::User(_) => {
            users::purge(statements, transaction, tenant, id)?;
            (ObjectKind::User, &statements.recycle_bin.purge_user)
        }
        Deleted::Application(_) => {
            federated::delete_all(statements, transaction, tenant, id)?;
            (ObjectKind::Application, &statements.recycle_bin.purge_application)
        }
        Deleted::ServicePrincipal(_) => (ObjectKind::ServicePrincipal, &statements.recycle_bin.purge_service_principal),
    };
    passwords::delete_all(statements, transaction, tenant, id)?;
    groups::forget_member(statements, transaction, tenant, id)?;
    certificates::delete_all(statements, transaction, tenant, id)?;
    owners::delete_of(statements, transaction, tenant, id)?;
    policies::forget_holder(statements, transaction, tenant, id)?;
    transaction.execute(statement, &[tenant.into(), id.into()])?;
    changes::removed(statements, transaction, tenant, kind, id, Removal::Purged)
}

impl Directory {
    fn bin_reaches_back_to(&self) -> Timestamp {
        self.clocks.now().minus(KEPT)
    }

    /// The objects of one kind that are in the recycle bin.
    pub(crate) async fn list_deleted(
        &self,
        tenant: &Tenant,
        kind: ObjectKind,
        mut listing: Listing,
    ) -> Result<Page<Shown>, Refusal> {
        let tenant = tenant.clone();
        listing.conditions.push(Condition::GreaterThan("deleted", self.bin_reaches_back_to().into()));
        self.read(move |statements, snapshot| {
            Ok(match kind {
                ObjectKind::User => users::list_deleted(statements, snapshot, tenant.id, &listing)?
                    .map(|entity| Shown::new(kind, entity.id, &entity)),
                ObjectKind::Application => applications::list_deleted(snapshot, &tenant, &listing)?
                    .map(|entity| Shown::new(kind, entity.id, &entity)),
                ObjectKind::ServicePrincipal => service_principals::list_deleted(snapshot, tenant.id, &listing)?
                    .map(|entity| Shown::new(kind, entity.id, &entity)),
                // They are gone when they are deleted.
                ObjectKind::Group | ObjectKind::PermissionGrant => listing.page(Vec::new()),
            })
        })
        .await
    }

    pub(crate) async fn find_deleted(&self, tenant: &Tenant, id: ObjectId) -> Result<Shown, Refusal> {
        let (tenant, since) = (tenant.clone(), self.bin_reaches_back_to());
        self.read(move |statements, snapshot| Ok(Deleted::find(statements, snapshot, &tenant, id, since)?.shown(id)))
            .await
    }

    /// Brings an object back, a person under another name if one is given.
    pub(crate) async fn restore_deleted(
        &self,
        tenant: &Tenant,
        id: ObjectId,
        new_name: Option<String>,
    ) -> Result<Shown, Refusal> {
        let (tenant, since) = (tenant.clone(), self.bin_reaches_back_to());
        self.change(move |statements, transaction| {
            let deleted = Deleted::find(statements, transaction, &tenant, id, since)?;
            restore(statements, transaction, &tenant, &deleted, new_name.clone())?;
            let key = ObjectKey::Object(id);
            Ok(match deleted {
                Deleted::User(_) => {
                    let user = users::find(statements, transaction, tenant.id, &users::UserKey::Object(id))?;
                    Shown::new(ObjectKind::User, id, &user)
                }
                Deleted::Application(_) => {
                    Shown::new(ObjectKind::Application, id, &applications::find(statements, transaction, &tenant, key)?)
                }
                Deleted::ServicePrincipal(_) => {
                    let found = service_principals::find(statements, transaction, tenant.id, key)?;
                    Shown::new(ObjectKind::ServicePrincipal, id, &found)
                }
            })
        })
        .await
    }

    /// Removes an object for good.
    pub(crate) async fn purge_deleted(&self, tenant: &Tenant, id: ObjectId) -> Result<(), Refusal> {
        let (tenant, since) = (tenant.clone(), self.bin_reaches_back_to());
        self.change(move |statements, transaction| {
            let deleted = Deleted::find(statements, transaction, &tenant, id, since)?;
            purge(statements, transaction, tenant.id, &deleted, id)
        })
        .await
    }
}
