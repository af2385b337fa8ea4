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

use keyholder_foundation::{ClientId, Clocks, KeyId, ObjectId, Random, RowIds};
use keyholder_store::statement::{Select, Update, column, literal, parameter};
use keyholder_store::{Database, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::cache::Cache;

pub mod administrators;
pub(crate) mod app_roles;
pub(crate) mod applications;
pub mod clients;
pub(crate) mod grants;
pub(crate) mod listing;
pub(crate) mod passwords;
pub(crate) mod published;
pub(crate) mod roles;
pub(crate) mod service_principals;
pub(crate) mod standing;
pub(crate) mod tables;
pub(crate) mod tenants;

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
    /// A list is full.
    #[error("no more than {limit} {what} fit")]
    TooMany {
        /// The list.
        what: &'static str,
        /// How many fit.
        limit: usize,
    },
    /// Another application of the tenant has this address.
    #[error("another application has the identifier URI `{0}`")]
    IdentifierUriTaken(String),
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
    app_roles: app_roles::Statements,
    roles: roles::Statements,
    standing: standing::Statements,
    administrators: administrators::Statements,
    clients: clients::Statements,
}

impl Statements {
    fn prepare() -> Result<Self, keyholder_store::Error> {
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
            app_roles: app_roles::Statements::prepare()?,
            roles: roles::Statements::prepare()?,
            standing: standing::Statements::prepare()?,
            administrators: administrators::Statements::prepare()?,
            clients: clients::Statements::prepare()?,
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
}

impl Directory {
    /// The directory in this database, which has had [`tables::migrations`].
    pub(crate) async fn open(
        database: Database,
        clocks: Clocks,
        random: Arc<dyn Random>,
    ) -> Result<Self, crate::Error> {
        let statements = Arc::new(Statements::prepare()?);
        let directory = Self {
            database,
            statements,
            announced: Arc::new(AtomicI64::new(0)),
            clocks,
            random,
            row_ids: RowIds::default(),
            tenants: RwLock::new(None),
            clients: Cache::new(CLIENTS_KEPT),
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
