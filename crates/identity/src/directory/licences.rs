//! Licences: how many a tenant has bought, and who holds which.
//!
//! Which licences exist is the same everywhere ([`keyholder_entra::licences`]); a tenant has
//! [`PREPAID`] of each, unless another number was set. Those of deleted people are free.

use std::collections::HashMap;

use keyholder_entra::graph::{
    AssignedLicense, LicenseAssignmentState, LicenseDetails, LicenseUnits, ServicePlanInfo, SubscribedSku, User,
};
use keyholder_entra::licences::{self as known, SKUS, Sku};
use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction};
use uuid::Uuid;

use super::changes::{self, ObjectKind};
use super::listing::Listed;
use super::tenants::Tenant;
use super::users::{self, UserKey};
use super::{Directory, Refusal, from_json, tables, to_json};

/// How many of each licence a tenant has when nobody said another number.
const PREPAID: i64 = 25;

/// A licence that somebody holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    holder: ObjectId,
    pub(crate) sku: Uuid,
    pub(crate) disabled_plans: Vec<Uuid>,
    changed: Timestamp,
}

impl Held {
    pub(super) fn shown(&self) -> AssignedLicense {
        AssignedLicense { disabled_plans: self.disabled_plans.clone(), sku_id: self.sku }
    }

    pub(super) fn state(&self) -> LicenseAssignmentState {
        LicenseAssignmentState {
            assigned_by_group: None,
            disabled_plans: self.disabled_plans.clone(),
            error: Some("None".to_owned()),
            last_updated_date_time: Some(self.changed),
            sku_id: self.sku,
            state: Some("Active".to_owned()),
        }
    }
}

/// What a tenant has bought, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Licences {
    /// How many of each licence, by its id.
    pub bought: HashMap<Uuid, u64>,
    /// The ids of the licences that each person holds.
    pub held: HashMap<ObjectId, Vec<Uuid>>,
}

/// Whether one of these licences makes its holder a user of Dataverse orgs.
pub(crate) fn reach_dataverse(licences: &[AssignedLicense]) -> bool {
    licences.iter().any(|held| known::find(held.sku_id).is_some_and(|sku| sku.reaches_dataverse(&held.disabled_plans)))
}

#[derive(Debug)]
pub(super) struct Statements {
    of_holder: Prepared,
    of_all: Prepared,
    in_use: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_of: Prepared,
    prepaid: Prepared,
    delete_prepaid: Prepared,
    insert_prepaid: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let of_holder = || in_tenant().and(column("holder").equals(parameter(1)));
        let held = || {
            Select::from(tables::USER_LICENCE)
                .column("holder", Kind::Uuid)
                .column("sku", Kind::Uuid)
                .column("disabled_plans", Kind::Text)
                .column("changed", Kind::Time)
                .order_by(column("sku").ascending())
        };
        let live = Select::from(tables::USER)
            .column("object_id", Kind::Uuid)
            .filter(in_tenant())
            .filter(column("deleted").is_null());
        Ok(Self {
            of_holder: Prepared::new(held().filter(of_holder()))?,
            of_all: Prepared::new(held().filter(in_tenant()))?,
            in_use: Prepared::new(
                Select::from(tables::USER_LICENCE)
                    .column("sku", Kind::Uuid)
                    .filter(in_tenant())
                    .filter(column("holder").in_select(live)),
            )?,
            insert: Prepared::new(Insert::into(tables::USER_LICENCE).columns([
                "tenant_id",
                "holder",
                "sku",
                "disabled_plans",
                "changed",
            ]))?,
            delete: Prepared::new(
                Delete::from(tables::USER_LICENCE).filter(of_holder().and(column("sku").equals(parameter(2)))),
            )?,
            delete_of: Prepared::new(Delete::from(tables::USER_LICENCE).filter(of_holder()))?,
            prepaid: Prepared::new(
                Select::from(tables::PREPAID_UNITS)
                    .column("sku", Kind::Uuid)
                    .column("enabled", Kind::Integer)
                    .filter(in_tenant()),
            )?,
            delete_prepaid: Prepared::new(
                Delete::from(tables::PREPAID_UNITS).filter(in_tenant().and(column("sku").equals(parameter(1)))),
            )?,
            insert_prepaid: Prepared::new(Insert::into(tables::PREPAID_UNITS).columns([
                "tenant_id",
                "sku",
                "enabled",
            ]))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<Held, Error> {
    Ok(Held { holder: row.get(0)?, sku: row.get(1)?, disabled_plans: from_json(row.get(2)?)?, changed: row.get(3)? })
}

/// What a person holds.
pub(super) fn of_holder(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    holder: ObjectId,
) -> Result<Vec<Held>, Refusal> {
    Ok(snapshot.list(&statements.licences.of_holder, &[tenant.into(), holder.into()], read)?)
}

/// What everybody holds.
pub(super) fn of_all(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
) -> Result<HashMap<ObjectId, Vec<Held>>, Refusal> {
    let mut all: HashMap<ObjectId, Vec<Held>> = HashMap::new();
    snapshot.for_each::<Error>(&statements.licences.of_all, &[tenant.into()], |row| {
        let held = read(row)?;
        all.entry(held.holder).or_default().push(held);
        Ok(())
    })?;
    Ok(all)
}

/// How many of each licence there are and are in use.
struct Stock {
    bought: HashMap<Uuid, i64>,
    used: HashMap<Uuid, i64>,
}

impl Stock {
    fn read(statements: &super::Statements, snapshot: &mut Snapshot<'_>, tenant: TenantId) -> Result<Self, Refusal> {
        let rows =
            snapshot.list(&statements.licences.prepaid, &[tenant.into()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut used: HashMap<Uuid, i64> = HashMap::new();
        snapshot.for_each::<Error>(&statements.licences.in_use, &[tenant.into()], |row| {
            *used.entry(row.get(0)?).or_default() += 1;
            Ok(())
        })?;
        Ok(Self { bought: rows.into_iter().collect(), used })
    }

    fn bought(&self, sku: Uuid) -> i64 {
        self.bought.get(&sku).copied().unwrap_or(PREPAID)
    }

    fn used(&self, sku: Uuid) -> i64 {
        self.used.get(&sku).copied().unwrap_or(0)
    }

    fn is_spent(&self, sku: Uuid) -> bool {
        self.used(sku) >= self.bought(sku)
    }
}

/// Takes from a person in the recycle bin what others hold by now.
pub(super) fn drop_what_is_spent(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    holder: ObjectId,
) -> Result<(), Refusal> {
    let stock = Stock::read(statements, transaction, tenant)?;
    for held in of_holder(statements, transaction, tenant, holder)? {
        if stock.is_spent(held.sku) {
            transaction.execute(&statements.licences.delete, &[tenant.into(), holder.into(), held.sku.into()])?;
        }
    }
    Ok(())
}

/// Takes everything from a person.
pub(super) fn delete_of(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    holder: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.licences.delete_of, &[tenant.into(), holder.into()])?;
    Ok(())
}

/// Gives a licence to somebody who has just been made and holds none.
pub(super) fn give_first(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    holder: ObjectId,
    sku: &Sku,
    now: Timestamp,
) -> Result<(), Refusal> {
    let row = [tenant.into(), holder.into(), sku.id.into(), to_json(&Vec::<Uuid>::new())?.into(), now.into()];
    transaction.execute(&statements.licences.insert, &row)?;
    Ok(())
}

fn give(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    (tenant, user): (TenantId, &User),
    wanted: &AssignedLicense,
    now: Timestamp,
) -> Result<(), Refusal> {
    let sku = known::find(wanted.sku_id).ok_or(Refusal::UnknownLicence(wanted.sku_id))?;
    if let Some(unknown) = wanted.disabled_plans.iter().find(|id| sku.plans.iter().all(|plan| plan.id != **id)) {
        return Err(Refusal::UnknownPlan(*unknown));
    }
    let this = [tenant.into(), user.id.into(), sku.id.into()];
    // Whoever holds it already keeps the seat: only the plans change.
    let held = transaction.execute(&statements.licences.delete, &this)? > 0;
    if !held && Stock::read(statements, transaction, tenant)?.is_spent(sku.id) {
        return Err(Refusal::NoLicenceLeft(sku.id));
    }
    let [tenant, holder, sku] = this;
    let row = [tenant, holder, sku, to_json(&wanted.disabled_plans)?.into(), now.into()];
    transaction.execute(&statements.licences.insert, &row)?;
    Ok(())
}

impl Directory {
    /// Gives and takes licences, all or nothing; the person as it is then.
    pub(crate) async fn assign_licences(
        &self,
        tenant: TenantId,
        key: UserKey,
        add: Vec<AssignedLicense>,
        remove: Vec<Uuid>,
    ) -> Result<User, Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| {
            let user = users::find(statements, transaction, tenant, &key)?;
            for sku in &remove {
                let this = [tenant.into(), user.id.into(), (*sku).into()];
                if transaction.execute(&statements.licences.delete, &this)? == 0 {
                    return Err(Refusal::LicenceNotHeld(*sku));
                }
            }
            if !add.is_empty() && user.usage_location.is_none() {
                return Err(Refusal::NoUsageLocation);
            }
            for wanted in &add {
                give(statements, transaction, (tenant, &user), wanted, now)?;
            }
            changes::changed(statements, transaction, tenant, ObjectKind::User, user.id)?;
            users::find(statements, transaction, tenant, &UserKey::Object(user.id))
        })
        .await
    }

    /// What the tenant has bought.
    pub(crate) async fn subscribed_skus(&self, tenant: &Tenant) -> Result<Vec<SubscribedSku>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let stock = Stock::read(statements, snapshot, tenant.id)?;
            Ok(SKUS.iter().map(|sku| subscribed(&tenant, sku, &stock)).collect())
        })
        .await
    }

    /// How many of each licence the tenant has bought, and which each of its people holds.
    pub(crate) async fn licences(&self, tenant: TenantId) -> Result<Licences, Refusal> {
        self.read(move |statements, snapshot| {
            let stock = Stock::read(statements, snapshot, tenant)?;
            let held = of_all(statements, snapshot, tenant)?;
            Ok(Licences {
                bought: SKUS.iter().map(|sku| (sku.id, u64::try_from(stock.bought(sku.id)).unwrap_or(0))).collect(),
                held: held
                    .into_iter()
                    .map(|(holder, held)| (holder, held.iter().map(|one| one.sku).collect()))
                    .collect(),
            })
        })
        .await
    }

    /// Sets how many of a licence the tenant has; those given away already stay given.
    pub(crate) async fn set_prepaid_units(&self, tenant: TenantId, sku: Uuid, units: u32) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.licences.delete_prepaid, &[tenant.into(), sku.into()])?;
            transaction.execute(&statements.licences.insert_prepaid, &[tenant.into(), sku.into(), units.into()])?;
            Ok(())
        })
        .await
    }
}

fn plans(sku: &Sku, disabled: &[Uuid]) -> Vec<ServicePlanInfo> {
    let info = |plan: &known::ServicePlan| ServicePlanInfo {
        applies_to: Some("User".to_owned()),
        provisioning_status: Some(if disabled.contains(&plan.id) { "Disabled" } else { "Success" }.to_owned()),
        service_plan_id: plan.id,
        service_plan_name: plan.name.to_owned(),
    };
    sku.plans.iter().map(info).collect()
}

fn subscribed(tenant: &Tenant, sku: &Sku, stock: &Stock) -> SubscribedSku {
    SubscribedSku {
        id: format!("{}_{}", tenant.id, sku.id),
        account_id: Some(tenant.id.to_string()),
        account_name: Some(tenant.display_name.clone()),
        applies_to: Some("User".to_owned()),
        capability_status: Some("Enabled".to_owned()),
        consumed_units: stock.used(sku.id),
        prepaid_units: LicenseUnits { enabled: stock.bought(sku.id), ..LicenseUnits::default() },
        service_plans: plans(sku, &[]),
        sku_id: sku.id,
        sku_part_number: sku.part_number.to_owned(),
        subscription_ids: Vec::new(),
    }
}

/// What a person's licences give.
pub(crate) fn details(user: &User) -> Vec<LicenseDetails> {
    let detail = |held: &AssignedLicense| {
        let sku = known::find(held.sku_id)?;
        Some(LicenseDetails {
            // Holder and licence, as the real id is.
            id: keyholder_entra::base64url::encode([user.id.0.as_bytes().as_slice(), sku.id.as_bytes()].concat()),
            sku_id: sku.id,
            sku_part_number: sku.part_number.to_owned(),
            service_plans: plans(sku, &held.disabled_plans),
        })
    };
    user.assigned_licenses.iter().filter_map(detail).collect()
}

impl Listed for SubscribedSku {
    fn id(&self) -> Uuid {
        self.sku_id
    }
}

impl Listed for LicenseDetails {
    fn id(&self) -> Uuid {
        self.sku_id
    }
}
