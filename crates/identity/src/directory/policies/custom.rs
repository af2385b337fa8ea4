//! Policies that stand in the place of the tenant's default one for the applications and service
//! principals that they are given to: at most one for each.

use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use uuid::Uuid;

use super::super::holders::{self, Holder};
use super::super::listing::Listed;
use super::super::tenants::Tenant;
use super::super::{Directory, Refusal, from_json, merge, objects, tables, to_json};
use super::restrictions::{Restrictions, Rules};
use crate::directory::objects::Shown;

/// How many a tenant may have.
const LIMIT: usize = 100;
const ENTITY: &str = "AppManagementPolicy";

/// A policy in Graph's shape.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CustomPolicy {
    pub(crate) id: Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) restrictions: Restrictions,
}

impl Listed for CustomPolicy {
    fn id(&self) -> Uuid {
        self.id
    }

    fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }
}

impl CustomPolicy {
    /// What it restricts. One that is off restricts nothing: it stands in the tenant's place all the same.
    pub(super) fn into_rules(self) -> Restrictions {
        if self.is_enabled { self.restrictions } else { Restrictions::default() }
    }

    fn changed(&self, change: &Map<String, serde_json::Value>) -> Result<Self, Refusal> {
        let policy: Self = merge(self, change, ENTITY)?;
        if policy.restrictions.are_sound() { Ok(policy) } else { Err(Refusal::invalid("restrictions", ENTITY)) }
    }
}

#[derive(Debug)]
pub(in crate::directory) struct Statements {
    list: Prepared,
    find: Prepared,
    insert: Prepared,
    update: Prepared,
    delete: Prepared,
    of_object: Prepared,
    objects: Prepared,
    give: Prepared,
    take: Prepared,
    take_from_all: Prepared,
    forget_object: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("policy_id").equals(parameter(1)));
        let of_object = || in_tenant().and(column("object_id").equals(parameter(1)));
        let select = || Select::from(tables::CUSTOM_POLICY).column("policy", Kind::Text);
        Ok(Self {
            list: Prepared::new(select().filter(in_tenant()).order_by(column("policy_id").ascending()))?,
            find: Prepared::new(select().filter(this()))?,
            insert: Prepared::new(Insert::into(tables::CUSTOM_POLICY).columns(["tenant_id", "policy_id", "policy"]))?,
            update: Prepared::new(Update::of(tables::CUSTOM_POLICY).set("policy", parameter(2)).filter(this()))?,
            delete: Prepared::new(Delete::from(tables::CUSTOM_POLICY).filter(this()))?,
            of_object: Prepared::new(
                Select::from(tables::POLICY_HOLDER)
                    .column("policy_id", Kind::Uuid)
                    .filter(of_object())
                    .limit(literal(1)),
            )?,
            objects: Prepared::new(
                Select::from(tables::POLICY_HOLDER)
                    .column("object_id", Kind::Uuid)
                    .filter(this())
                    .order_by(column("object_id").ascending()),
            )?,
            give: Prepared::new(Insert::into(tables::POLICY_HOLDER).columns(["tenant_id", "object_id", "policy_id"]))?,
            take: Prepared::new(
                Delete::from(tables::POLICY_HOLDER).filter(of_object().and(column("policy_id").equals(parameter(2)))),
            )?,
            take_from_all: Prepared::new(Delete::from(tables::POLICY_HOLDER).filter(this()))?,
            forget_object: Prepared::new(Delete::from(tables::POLICY_HOLDER).filter(of_object()))?,
        })
    }
}

fn find(
    statements: &crate::directory::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: Uuid,
) -> Result<CustomPolicy, Refusal> {
    let select = &statements.policies.custom.find;
    let found = snapshot.first(select, &[tenant.into(), id.into()], |row| from_json(row.get(0)?))?;
    found.ok_or_else(|| Refusal::NotFound(id.to_string()))
}

/// The policy that an object was given.
pub(super) fn of_object(
    statements: &crate::directory::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<Option<CustomPolicy>, Refusal> {
    let select = &statements.policies.custom.of_object;
    let given = snapshot.first(select, &[tenant.into(), object.into()], |row| row.get::<Uuid>(0))?;
    given.map(|policy| find(statements, snapshot, tenant, policy)).transpose()
}

fn all(
    statements: &crate::directory::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
) -> Result<Vec<CustomPolicy>, Refusal> {
    Ok(snapshot.list(&statements.policies.custom.list, &[tenant.into()], |row| from_json(row.get(0)?))?)
}

/// Forgets which policy an object was given that is gone for good.
pub(in crate::directory) fn forget_holder(
    statements: &crate::directory::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.policies.custom.forget_object, &[tenant.into(), object.into()])?;
    Ok(())
}

impl Directory {
    /// The tenant's policies for single objects.
    pub(crate) async fn custom_policies(&self, tenant: TenantId) -> Result<Vec<CustomPolicy>, Refusal> {
        self.read(move |statements, snapshot| all(statements, snapshot, tenant)).await
    }

    pub(crate) async fn custom_policy(&self, tenant: TenantId, id: Uuid) -> Result<CustomPolicy, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant, id)).await
    }

    pub(crate) async fn create_custom_policy(
        &self,
        tenant: TenantId,
        content: Map<String, serde_json::Value>,
    ) -> Result<CustomPolicy, Refusal> {
        let policy = CustomPolicy { id: self.new_id(), ..CustomPolicy::default() }.changed(&content)?;
        self.change(move |statements, transaction| {
            if all(statements, transaction, tenant)?.len() >= LIMIT {
                return Err(Refusal::TooMany { what: "appManagementPolicies", limit: LIMIT });
            }
            let row = [tenant.into(), policy.id.into(), to_json(&policy)?.into()];
            transaction.execute(&statements.policies.custom.insert, &row)?;
            Ok(policy.clone())
        })
        .await
    }

    /// Changes a policy; a list in it is replaced as a whole.
    pub(crate) async fn update_custom_policy(
        &self,
        tenant: TenantId,
        id: Uuid,
        change: Map<String, serde_json::Value>,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let policy = find(statements, transaction, tenant, id)?.changed(&change)?;
            let row = [tenant.into(), id.into(), to_json(&policy)?.into()];
            transaction.execute(&statements.policies.custom.update, &row)?;
            Ok(())
        })
        .await
    }

    /// Removes a policy; for who had it, the tenant's holds again.
    pub(crate) async fn delete_custom_policy(&self, tenant: TenantId, id: Uuid) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            find(statements, transaction, tenant, id)?;
            let this = [tenant.into(), id.into()];
            transaction.execute(&statements.policies.custom.take_from_all, &this)?;
            transaction.execute(&statements.policies.custom.delete, &this)?;
            Ok(())
        })
        .await
    }

    /// The applications and service principals that have a policy, except those in the recycle bin.
    pub(crate) async fn objects_of_policy(&self, tenant: &Tenant, id: Uuid) -> Result<Vec<Shown>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            find(statements, snapshot, tenant.id, id)?;
            let select = &statements.policies.custom.objects;
            let ids: Vec<ObjectId> = snapshot.list(select, &[tenant.id.into(), id.into()], |row| row.get(0))?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                found.extend(objects::find_any(statements, snapshot, &tenant, id)?);
            }
            Ok(found)
        })
        .await
    }

    /// The policy that an application or service principal has.
    pub(crate) async fn policy_of(
        &self,
        tenant: &Tenant,
        holder: Holder,
    ) -> Result<(ObjectId, Option<CustomPolicy>), Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let held = holders::find(statements, snapshot, &tenant, holder)?;
            Ok((held.id, of_object(statements, snapshot, tenant.id, held.id)?))
        })
        .await
    }

    /// Gives an application or service principal a policy; it must have none.
    pub(crate) async fn give_policy(&self, tenant: &Tenant, holder: Holder, policy: Uuid) -> Result<(), Refusal> {
        let tenant = tenant.clone();
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            find(statements, transaction, tenant.id, policy)?;
            match of_object(statements, transaction, tenant.id, held.id)? {
                Some(other) => Err(Refusal::HasPolicy { same: other.id == policy }),
                None => {
                    let row = [tenant.id.into(), held.id.into(), policy.into()];
                    transaction.execute(&statements.policies.custom.give, &row)?;
                    Ok(())
                }
            }
        })
        .await
    }

    /// Takes a policy from an application or service principal; false when it does not have it.
    pub(crate) async fn take_policy(&self, tenant: &Tenant, holder: Holder, policy: Uuid) -> Result<bool, Refusal> {
        let tenant = tenant.clone();
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            let row = [tenant.id.into(), held.id.into(), policy.into()];
            Ok(transaction.execute(&statements.policies.custom.take, &row)? > 0)
        })
        .await
    }
}
