//! The directory: tenants, and in each its applications, service principals, grants, roles and
//! users, on the store.
//!
//! Several tenants live in one database, and every table carries the tenant: no statement here
//! reads or changes a row without naming whose it is, with one exception, which
//! [`clients`] explains (an application of one tenant may sign in to another).
//!
//! **Epoch.** Every change counts up a number in the transaction that makes it. What is kept in
//! memory notes the number of the snapshot that it was read from and is used only while that is
//! the announced number. The number is announced from inside the transaction, just before it
//! commits: from then until the commit every reader goes to the store, so no reader uses old facts
//! after the change was acknowledged, and it does not matter whether whoever asked for the change
//! still waits for it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use keyholder_foundation::{ClientId, Clocks, KeyId, ObjectId, Random, RowIds};
use keyholder_store::statement::{Select, Update, column, literal, parameter};
use keyholder_store::{Database, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::cache::Cache;

mod accounts;
pub(crate) mod activity;
pub mod administrators;
pub(crate) mod apis;
pub(crate) mod app_roles;
pub(crate) mod applications;
pub(crate) mod certificates;
pub mod changes;
pub mod clients;
pub(crate) mod codes;
pub(crate) mod consents;
pub(crate) mod device_codes;
pub mod facts;
pub(crate) mod federated;
pub(crate) mod grants;
pub(crate) mod groups;
pub(crate) mod holders;
pub(crate) mod keys;
pub(crate) mod licences;
pub(crate) mod listing;
pub(crate) mod objects;
pub(crate) mod owners;
pub(crate) mod passwords;
pub(crate) mod people;
pub mod personas;
pub(crate) mod policies;
pub(crate) mod published;
mod recycle_bin;
pub(crate) mod registrations;
pub(crate) mod roles;
pub(crate) mod service_principals;
pub(crate) mod sessions;
mod sign_in_tables;
mod signing_keys;
pub(crate) mod standing;
pub(crate) mod tables;
pub(crate) mod tenants;
mod trust;
pub(crate) mod users;

use clients::ClientCache;
use tenants::TenantIndex;

/// How many clients' facts are kept in memory, at least.
const CLIENTS_KEPT: usize = 2048;

/// Why the directory does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] keyholder_store::Error),
    /// Nothing has this id.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// No application has this client id.
    #[error("no application has the client id `{0}`")]
    NoApplication(ClientId),
    /// The application belongs to another tenant and is not offered to others.
    #[error("the application `{0}` belongs to another tenant")]
    ForeignApplication(ClientId),
    /// The tenant has a service principal of this application already.
    #[error("the service principal name `{0}` is in use")]
    ServicePrincipalExists(ClientId),
    /// The application has no such secret.
    #[error("no secret has the id `{0}`")]
    NoPassword(KeyId),
    /// The object has no such certificate.
    #[error("no certificate has the id `{0}`")]
    NoCertificate(KeyId),
    /// Another certificate of the object has this id.
    #[error("another certificate has the id `{0}`")]
    CertificateExists(KeyId),
    /// Another federated credential of the application has this name, or this issuer and subject.
    #[error("another federated credential of the application has this {0}")]
    FederatedCredentialExists(&'static str),
    /// Another application of the tenant has this address.
    #[error("another application has the identifier URI `{0}`")]
    IdentifierUriTaken(String),
    /// Another application of the tenant has this unique name.
    #[error("another application has the unique name `{0}`")]
    UniqueNameTaken(String),
    /// A property has a value that it cannot have.
    #[error("the value of `{property}` of a {entity} is not valid")]
    Invalid {
        /// The property.
        property: String,
        /// The type, as sentences of Graph's have it.
        entity: &'static str,
    },
    /// A property does not exist.
    #[error("there is no property `{0}`")]
    UnknownProperty(String),
    /// A list is full.
    #[error("no more than {limit} {what} fit")]
    TooMany {
        /// The list.
        what: &'static str,
        /// How many fit.
        limit: usize,
    },
    /// All lists of a registration together are full.
    #[error("the registration has too many values")]
    TooBig,
    /// A permission that is on shall go or change.
    #[error("a permission among `{0}` must be disabled first")]
    EnabledEntitlement(&'static str),
    /// The application forbids its service principals credentials of their own.
    #[error("the service principal is locked by its application")]
    Locked,
    /// The tenant's policy forbids secrets.
    #[error("the tenant's policy forbids this kind of credential")]
    PolicyType,
    /// The tenant's policy wants a shorter life.
    #[error("the tenant's policy forbids a credential of this lifetime")]
    PolicyLifetime,
    /// The object has a policy for its credentials already.
    #[error("the object has a policy already")]
    HasPolicy {
        /// Whether it is the one that it was to be given.
        same: bool,
    },
    /// A certificate that is there shall change.
    #[error("the certificate `{0}` cannot be changed")]
    KeyUpdate(KeyId),
    /// A certificate shall be registered for longer than it lasts, or is over.
    #[error("the certificate does not last until its end date")]
    KeyEnd,
    /// The object has this owner already.
    #[error("the object has this owner already")]
    OwnerExists,
    /// The group has this member already.
    #[error("the group has this member already")]
    MemberExists,
    /// Another person has this sign-in name.
    #[error("another person has this sign-in name")]
    UserNameTaken,
    /// A licence needs to know where its holder works.
    #[error("the person has no usage location")]
    NoUsageLocation,
    /// There is no such licence.
    #[error("there is no licence `{0}`")]
    UnknownLicence(Uuid),
    /// The licence has no such plan.
    #[error("the licence has no service plan `{0}`")]
    UnknownPlan(Uuid),
    /// All of this licence are in use.
    #[error("no licence `{0}` is left")]
    NoLicenceLeft(Uuid),
    /// The person does not hold this licence.
    #[error("the person does not hold the licence `{0}`")]
    LicenceNotHeld(Uuid),
    /// Such a grant exists.
    #[error("the grant exists already")]
    GrantExists,
    /// Such an app role assignment exists.
    #[error("the app role assignment exists already")]
    AssignmentExists,
    /// What is stored is not what was written.
    #[error("the directory is damaged: {0}")]
    Damaged(&'static str),
}

impl Refusal {
    fn invalid(property: impl Into<String>, entity: &'static str) -> Self {
        Self::Invalid { property: property.into(), entity }
    }
}

/// Every statement, printed once when the directory is opened.
#[derive(Debug)]
struct Statements {
    bump_epoch: Prepared,
    read_epoch: Prepared,
    tenants: tenants::Statements,
    applications: applications::Statements,
    passwords: passwords::Statements,
    service_principals: service_principals::Statements,
    grants: grants::Statements,
    groups: groups::Statements,
    app_roles: app_roles::Statements,
    roles: roles::Statements,
    accounts: accounts::Statements,
    administrators: administrators::Statements,
    clients: clients::Statements,
    certificates: certificates::Statements,
    apis: apis::Statements,
    codes: codes::Statements,
    consents: consents::Statements,
    device_codes: device_codes::Statements,
    sessions: sessions::Statements,
    activity: activity::Statements,
    signing_keys: signing_keys::Statements,
    federated: federated::Statements,
    registrations: registrations::Statements,
    people: people::Statements,
    personas: personas::Statements,
    changes: changes::Statements,
    users: users::Statements,
    licences: licences::Statements,
    owners: owners::Statements,
    policies: policies::Statements,
    recycle_bin: recycle_bin::Statements,
}

impl Statements {
    fn prepare(propagation: changes::Propagation) -> Result<Self, keyholder_store::Error> {
        Ok(Self {
            bump_epoch: Prepared::new(
                Update::of(tables::EPOCH).set("value", column("value").plus(literal(1))).filter(this_epoch()),
            )?,
            read_epoch: Prepared::new(Select::from(tables::EPOCH).column("value", Kind::Integer).filter(this_epoch()))?,
            tenants: tenants::Statements::prepare()?,
            applications: applications::Statements::prepare()?,
            passwords: passwords::Statements::prepare()?,
            service_principals: service_principals::Statements::prepare()?,
            grants: grants::Statements::prepare()?,
            groups: groups::Statements::prepare()?,
            app_roles: app_roles::Statements::prepare()?,
            roles: roles::Statements::prepare()?,
            accounts: accounts::Statements::prepare()?,
            administrators: administrators::Statements::prepare()?,
            clients: clients::Statements::prepare()?,
            certificates: certificates::Statements::prepare()?,
            apis: apis::Statements::prepare()?,
            codes: codes::Statements::prepare()?,
            consents: consents::Statements::prepare()?,
            device_codes: device_codes::Statements::prepare()?,
            sessions: sessions::Statements::prepare()?,
            activity: activity::Statements::prepare()?,
            signing_keys: signing_keys::Statements::prepare()?,
            federated: federated::Statements::prepare()?,
            registrations: registrations::Statements::prepare()?,
            people: people::Statements::prepare()?,
            personas: personas::Statements::prepare()?,
            changes: changes::Statements::prepare(propagation)?,
            users: users::Statements::prepare()?,
            licences: licences::Statements::prepare()?,
            owners: owners::Statements::prepare()?,
            policies: policies::Statements::prepare()?,
            recycle_bin: recycle_bin::Statements::prepare()?,
        })
    }

    fn epoch(&self, snapshot: &mut Snapshot<'_>) -> Result<i64, Refusal> {
        let epoch = snapshot.first(&self.read_epoch, &[tables::DIRECTORY_EPOCH.into()], |row| row.get(0))?;
        epoch.ok_or(Refusal::Damaged("its epoch is missing"))
    }
}

fn this_epoch() -> keyholder_store::statement::Expr {
    column("name").equals(parameter(0))
}

/// The directory of all tenants.
#[derive(Debug)]
pub(crate) struct Directory {
    database: Database,
    statements: Arc<Statements>,
    announced: Arc<AtomicI64>,
    clocks: Clocks,
    random: Arc<dyn Random>,
    row_ids: RowIds,
    tenants: RwLock<Option<Arc<TenantIndex>>>,
    clients: ClientCache,
    apis: apis::ApiCache,
    observations: activity::Observations,
}

impl Directory {
    /// The directory in this database, which has had [`tables::migrations`]. Orgs learn of a change
    /// one `propagation_delay` later.
    pub(crate) async fn open(
        database: Database,
        clocks: Clocks,
        random: Arc<dyn Random>,
        propagation_delay: Duration,
    ) -> Result<Self, crate::Error> {
        let propagation = changes::Propagation { clocks: clocks.clone(), delay: propagation_delay };
        let statements = Arc::new(Statements::prepare(propagation)?);
        let directory = Self {
            database,
            statements,
            announced: Arc::new(AtomicI64::new(0)),
            clocks,
            random,
            row_ids: RowIds::default(),
            tenants: RwLock::new(None),
            clients: Cache::new(CLIENTS_KEPT),
            apis: Cache::new(CLIENTS_KEPT),
            observations: activity::Observations::default(),
        };
        let epoch = directory.read(|statements, snapshot| statements.epoch(snapshot)).await?;
        directory.announced.store(epoch, Ordering::SeqCst);
        Ok(directory)
    }

    /// Reads on one snapshot.
    async fn read<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        F: Fn(&Statements, &mut Snapshot<'_>) -> Result<T, Refusal> + Send + 'static,
        T: Send + 'static,
    {
        let statements = Arc::clone(&self.statements);
        self.database.read(move |snapshot| work(&statements, snapshot)).await
    }

    /// Changes the directory and its epoch in one transaction.
    async fn change<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        F: Fn(&Statements, &mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
        T: Send + 'static,
    {
        let (statements, announced) = (Arc::clone(&self.statements), Arc::clone(&self.announced));
        let changed = self.database.write(move |transaction| {
            let result = work(&statements, transaction)?;
            transaction.execute(&statements.bump_epoch, &[tables::DIRECTORY_EPOCH.into()])?;
            announced.fetch_max(statements.epoch(transaction)?, Ordering::SeqCst);
            Ok(result)
        });
        changed.await
    }

    /// Writes down what happened (a session, a failed sign-in) without touching the epoch: none of
    /// it is among the facts that are kept in memory.
    async fn observe<T, F>(&self, work: F) -> Result<T, Refusal>
    where
        F: Fn(&Statements, &mut Transaction<'_>) -> Result<T, Refusal> + Send + 'static,
        T: Send + 'static,
    {
        let statements = Arc::clone(&self.statements);
        self.database.write(move |transaction| work(&statements, transaction)).await
    }

    /// Learns of what other processes have changed; says whether there is anything new. Who asks a
    /// directory that others change too does this first.
    pub(crate) async fn catch_up(&self) -> Result<bool, Refusal> {
        let epoch = self.read(|statements, snapshot| statements.epoch(snapshot)).await?;
        Ok(self.announced.fetch_max(epoch, Ordering::SeqCst) < epoch)
    }

    /// The epoch whose facts may be used.
    fn epoch(&self) -> i64 {
        self.announced.load(Ordering::SeqCst)
    }

    /// The id of a new row.
    fn new_id(&self) -> Uuid {
        self.row_ids.next(self.clocks.now(), self.random.as_ref())
    }

    /// The id of a new object.
    fn new_object_id(&self) -> ObjectId {
        ObjectId(self.new_id())
    }

    /// All tenants, from memory while nothing changes.
    pub(crate) async fn tenants(&self) -> Result<Arc<TenantIndex>, Refusal> {
        let kept = self.tenants.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.epoch == self.epoch()) {
            return Ok(kept);
        }
        let index = Arc::new(self.read(tenants::load).await?);
        *self.tenants.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&index));
        Ok(index)
    }
}

#[cfg(test)]
mod tests;

/// A list as it is kept in one column.
fn to_json<T: serde::Serialize>(list: &T) -> Result<String, Refusal> {
    serde_json::to_string(list).map_err(|_| Refusal::Damaged("a list does not print as JSON"))
}

/// The list of [`to_json`].
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, keyholder_store::Error> {
    serde_json::from_str(text)
        .map_err(|error| keyholder_store::Error::Value { reason: format!("a stored list cannot be read: {error}") })
}

/// `current` with some of its properties changed: an object within it is merged, anything else is
/// replaced. A property that does not exist, or a value that it cannot have, is refused by name.
fn merge<T: serde::Serialize + serde::de::DeserializeOwned>(
    current: &T,
    change: &serde_json::Map<String, serde_json::Value>,
    entity: &'static str,
) -> Result<T, Refusal> {
    let invalid = |name: &str| Refusal::invalid(name, entity);
    let mut value = serde_json::to_value(current).map_err(|_| Refusal::Damaged("an object does not print as JSON"))?;
    for (name, new) in change {
        let Some(old) = value.get_mut(name) else {
            return Err(Refusal::UnknownProperty(name.clone()));
        };
        overlay(old, new);
        let read: T = serde_json::from_value(value).map_err(|_| invalid(name))?;
        value = serde_json::to_value(&read).map_err(|_| invalid(name))?;
        if let Some(unknown) = value.get(name).and_then(|shown| unknown_name(new, shown)) {
            return Err(Refusal::UnknownProperty(unknown));
        }
    }
    serde_json::from_value(value).map_err(|_| Refusal::Damaged("an object does not read from JSON"))
}

fn overlay(old: &mut serde_json::Value, new: &serde_json::Value) {
    match (old.as_object_mut(), new.as_object()) {
        (Some(old), Some(new)) => {
            for (name, new) in new {
                overlay(old.entry(name.clone()).or_insert(serde_json::Value::Null), new);
            }
        }
        _ => *old = new.clone(),
    }
}

/// A name in what was sent that is not in what came of it. Annotations say nothing new.
fn unknown_name(sent: &serde_json::Value, shown: &serde_json::Value) -> Option<String> {
    use serde_json::Value::{Array, Object};
    match (sent, shown) {
        (Object(sent), Object(shown)) => {
            sent.iter().filter(|(name, _)| !name.contains('@')).find_map(|(name, value)| {
                shown.get(name).map_or_else(|| Some(name.clone()), |shown| unknown_name(value, shown))
            })
        }
        (Array(sent), Array(shown)) => sent.iter().zip(shown).find_map(|(sent, shown)| unknown_name(sent, shown)),
        _ => None,
    }
}
