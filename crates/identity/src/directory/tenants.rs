//! Tenants: few, read by nearly every request, so all of them are kept in memory at once.

use std::collections::HashMap;
use std::sync::Arc;

use keyholder_foundation::{TenantId, Timestamp};
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};

use super::{Directory, Refusal, tables};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) display_name: String,
    pub(crate) created: Timestamp,
    /// The default one first.
    pub(crate) domains: Vec<Domain>,
}

/// A domain of a tenant, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) is_default: bool,
    pub(crate) is_initial: bool,
    /// For how many days a password is good; for ever when none.
    pub(crate) password_validity: Option<u32>,
}

impl Tenant {
    /// The domain that new users get.
    pub(crate) fn default_domain(&self) -> &str {
        self.domains.first().map_or("", |domain| &domain.name)
    }

    /// Whether `host` is one of its domains or lies under one.
    pub(crate) fn owns_host(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.domains.iter().any(|domain| {
            host.strip_suffix(domain.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// All tenants of one epoch.
#[derive(Debug)]
pub(crate) struct TenantIndex {
    pub(super) epoch: i64,
    by_id: HashMap<TenantId, Arc<Tenant>>,
    by_domain: HashMap<String, TenantId>,
}

impl TenantIndex {
    pub(crate) fn find(&self, id: TenantId) -> Option<&Arc<Tenant>> {
        self.by_id.get(&id)
    }

    pub(crate) fn find_by_domain(&self, domain: &str) -> Option<&Arc<Tenant>> {
        self.find(*self.by_domain.get(&domain.to_ascii_lowercase())?)
    }

    /// Every tenant, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.by_id.values()
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    list: Prepared,
    list_domains: Prepared,
    insert: Prepared,
    insert_domain: Prepared,
    set_validity: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            list: Prepared::new(
                Select::from(tables::TENANT)
                    .column("tenant_id", Kind::Uuid)
                    .column("display_name", Kind::Text)
                    .column("created", Kind::Time),
            )?,
            list_domains: Prepared::new(
                Select::from(tables::TENANT_DOMAIN)
                    .column("tenant_id", Kind::Uuid)
                    .column("name", Kind::Text)
                    .column("is_default", Kind::Bool)
                    .column("is_initial", Kind::Bool)
                    .column("password_validity", Kind::Integer)
                    .order_by(column("is_default").descending())
                    .order_by(column("name").ascending()),
            )?,
            insert: Prepared::new(Insert::into(tables::TENANT).columns(["tenant_id", "display_name", "created"]))?,
            insert_domain: Prepared::new(Insert::into(tables::TENANT_DOMAIN).columns([
                "tenant_id",
                "name",
                "is_default",
                "is_initial",
            ]))?,
            set_validity: Prepared::new(
                Update::of(tables::TENANT_DOMAIN)
                    .set("password_validity", parameter(2))
                    .filter(column("tenant_id").equals(parameter(0)).and(column("name").equals(parameter(1)))),
            )?,
        })
    }
}

/// Reads all tenants.
pub(super) fn load(statements: &super::Statements, snapshot: &mut Snapshot<'_>) -> Result<TenantIndex, Refusal> {
    let epoch = statements.epoch(snapshot)?;
    let mut tenants: HashMap<TenantId, Tenant> = HashMap::new();
    snapshot.for_each::<Error>(&statements.tenants.list, &[], |row| {
        let (id, display_name, created) = (row.get(0)?, row.get(1)?, row.get(2)?);
        tenants.insert(id, Tenant { id, display_name, created, domains: Vec::new() });
        Ok(())
    })?;
    let mut by_domain = HashMap::new();
    snapshot.for_each::<Error>(&statements.tenants.list_domains, &[], |row| {
        let (id, name): (TenantId, String) = (row.get(0)?, row.get(1)?);
        let validity = row.get::<Option<i64>>(4)?.and_then(|days| u32::try_from(days).ok());
        let domain = Domain {
            name: name.clone(),
            is_default: row.get(2)?,
            is_initial: row.get(3)?,
            password_validity: validity,
        };
        if let Some(tenant) = tenants.get_mut(&id) {
            tenant.domains.push(domain);
            by_domain.insert(name, id);
        }
        Ok(())
    })?;
    let by_id = tenants.into_iter().map(|(id, tenant)| (id, Arc::new(tenant))).collect();
    Ok(TenantIndex { epoch, by_id, by_domain })
}

/// Makes a tenant with its domains.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
) -> Result<(), Refusal> {
    let statements = &statements.tenants;
    let row = [tenant.id.into(), tenant.display_name.as_str().into(), tenant.created.into()];
    transaction.execute(&statements.insert, &row)?;
    for domain in &tenant.domains {
        let row = [tenant.id.into(), domain.name.as_str().into(), domain.is_default.into(), domain.is_initial.into()];
        transaction.execute(&statements.insert_domain, &row)?;
    }
    Ok(())
}

impl Directory {
    /// Sets for how many days passwords of a domain are good; for ever when none. False when the
    /// tenant has no such domain.
    pub(crate) async fn set_password_validity(
        &self,
        tenant: TenantId,
        domain: String,
        days: Option<u32>,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), domain.as_str().into(), days.into()];
            Ok(transaction.execute(&statements.tenants.set_validity, &row)? > 0)
        })
        .await
    }
}
