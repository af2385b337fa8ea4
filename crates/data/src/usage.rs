//! How much each user asks for: operations by user and day of UTC, for the entitlement limits.
//!
//! Counted is each operation, alone, in a batch or in a bulk message, whether it is done or refused; nothing is
//! ever refused for their number. Signing in and what the org says of itself (its metadata, who the caller is,
//! which org and version this is) are not counted. Counts are merged in memory and written down together: before
//! they are read, and whenever the process says so. A kill loses the ones that wait, and nothing else. The nodes of one
//! org add to the same rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyholder_dataverse::Value;
use keyholder_dataverse::error::AccessMode;
use keyholder_limits::entitlement::Day;
use keyholder_operation::{Function, Operation};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::caller::TokenFacts;
use crate::catalogue::{Catalogue, Record};
use crate::error::{Error, Failure};
use crate::organization::{Core, Organization};
use crate::platform::Platform;

pub(crate) const TABLE: &str = "keyholder_usage";
/// For how many days counts are kept.
pub const DAYS_KEPT: u16 = 90;

/// A user, and how many operations they asked for by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserUsage {
    /// `systemuserid`
    pub user: Uuid,
    /// The application's client id, or the person's object id ([`TokenFacts::principal`]).
    pub principal: Uuid,
    /// The whole name.
    pub full_name: String,
    /// Whether it is an application.
    pub is_application: bool,
    /// Whether the user has a licence and uses it: a read-write user who is no application.
    pub is_licensed: bool,
    /// How the user may use the org.
    pub access_mode: AccessMode,
    /// Operations by day.
    pub days: BTreeMap<Day, u64>,
}

/// Counts on their way to the store.
#[derive(Debug)]
pub(crate) struct Usage {
    waiting: Mutex<HashMap<(Day, Uuid), u64>>,
    /// Held while they are written down: who reads next must find what another has just taken.
    writing: tokio::sync::Mutex<()>,
    statements: Arc<Statements>,
}

#[derive(Debug)]
struct Statements {
    add: Prepared,
    first: Prepared,
    forget: Prepared,
    list: Prepared,
}

impl Usage {
    pub(crate) fn new() -> Result<Self, keyholder_store::Error> {
        let this = column("day").equals(parameter(0)).and(column("principal").equals(parameter(1)));
        let statements = Statements {
            add: Prepared::new(
                Update::of(TABLE).set("operations", column("operations").plus(parameter(2))).filter(this),
            )?,
            first: Prepared::new(Insert::into(TABLE).columns(["day", "principal", "operations"]))?,
            forget: Prepared::new(Delete::from(TABLE).filter(column("day").less_than(parameter(0))))?,
            list: Prepared::new(
                Select::from(TABLE)
                    .column("principal", Kind::Uuid)
                    .column("day", Kind::Integer)
                    .column("operations", Kind::Integer)
                    .filter(column("day").at_least(parameter(0))),
            )?,
        };
        Ok(Self { waiting: Mutex::default(), writing: tokio::sync::Mutex::default(), statements: Arc::new(statements) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Day, Uuid), u64>> {
        // Each change is one step, so a poisoned lock is usable.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self, day: Day, principal: Uuid, operations: u64) {
        if operations > 0 {
            let mut waiting = self.lock();
            let count = waiting.entry((day, principal)).or_default();
            *count = count.saturating_add(operations);
        }
    }
}

/// How many requests an operation counts as.
pub(crate) fn operations(operation: &Operation) -> u64 {
    match operation {
        Operation::ServiceDocument
        | Operation::MetadataDocument
        | Operation::Metadata(_)
        | Operation::MetadataChanges(_)
        | Operation::MetadataChange(_)
        | Operation::Function(Function::WhoAmI | Function::RetrieveVersion | Function::RetrieveCurrentOrganization) => {
            0
        }
        Operation::Multiple(multiple) => multiple.rows.len() as u64,
        _ => 1,
    }
}

impl Organization {
    /// Writes down what was counted of the users' operations. When it returns, all that was counted before the call is
    /// written, also what another call has taken.
    ///
    /// # Errors
    /// What the store says; then the counts wait for the next call.
    pub async fn flush_usage(&self) -> Result<(), Error> {
        let usage = &self.core().usage;
        let _writing = usage.writing.lock().await;
        let taken = Arc::new(std::mem::take(&mut *usage.lock()));
        let Some(newest) = taken.keys().map(|(day, _)| day.0).max() else { return Ok(()) };
        let (statements, counts) = (Arc::clone(&usage.statements), Arc::clone(&taken));
        let write = move |tx: &mut Transaction<'_>| {
            for ((day, principal), operations) in &*counts {
                let row = [day.0.into(), (*principal).into(), i64::try_from(*operations).unwrap_or(i64::MAX).into()];
                if tx.execute(&statements.add, &row)? == 0 {
                    tx.execute(&statements.first, &row)?;
                }
            }
            tx.execute(&statements.forget, &[newest.saturating_sub(DAYS_KEPT.into()).into()])?;
            Ok::<_, keyholder_store::Error>(())
        };
        match self.core().database.write(write).await {
            Ok(()) => Ok(()),
            // Whether it was kept is not known, and nothing is counted twice.
            Err(error @ keyholder_store::Error::Undecided { .. }) => Err(error.into()),
            Err(error) => {
                taken.iter().for_each(|((day, principal), operations)| usage.count(*day, *principal, *operations));
                Err(error.into())
            }
        }
    }

    /// How many operations each user asked for on this day and later. Who is no user any more is left out.
    ///
    /// # Errors
    /// What the store says.
    pub async fn usage(&self, since: Day) -> Result<Vec<UserUsage>, Error> {
        self.flush_usage().await?;
        let (core, catalogue) = (Arc::clone(self.core()), self.core().catalogue());
        let work = move |snapshot: &mut Snapshot<'_>| {
            let mut counted: BTreeMap<Uuid, BTreeMap<Day, u64>> = BTreeMap::new();
            snapshot.for_each::<keyholder_store::Error>(&core.usage.statements.list, &[since.0.into()], |row| {
                let operations = u64::try_from(row.get::<i64>(2)?).unwrap_or(0);
                counted.entry(row.get(0)?).or_default().insert(Day(row.get(1)?), operations);
                Ok(())
            })?;
            let mut users = Vec::with_capacity(counted.len());
            for (principal, days) in counted {
                users.extend(user_of(snapshot, &catalogue, principal, days)?);
            }
            users.sort_by(|left, right| left.full_name.cmp(&right.full_name).then(left.user.cmp(&right.user)));
            Ok::<_, Error>(users)
        };
        self.core().database.read(work).await
    }
}

fn user_of(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    principal: Uuid,
    days: BTreeMap<Day, u64>,
) -> Result<Option<UserUsage>, Failure> {
    let platform = Platform { catalogue };
    let application = platform.application_user(snapshot, principal)?.map(|(user, _)| user);
    let user = match application {
        Some(user) => Some(user),
        None => platform.person(snapshot, principal)?,
    };
    let Some(user) = user else { return Ok(None) };
    let Some(row) = Record::load(snapshot, catalogue, &catalogue.layout_of("systemuser")?, user)? else {
        return Ok(None);
    };
    let access_mode = match row.get("accessmode") {
        Value::Integer(mode) => AccessMode::from_number(*mode).unwrap_or(AccessMode::ReadWrite),
        _ => AccessMode::ReadWrite,
    };
    let is_licensed = *row.get("islicensed") == Value::Boolean(true);
    Ok(Some(UserUsage {
        user,
        principal,
        full_name: row.get("fullname").text().unwrap_or_default().to_owned(),
        is_application: application.is_some(),
        is_licensed: is_licensed && application.is_none() && access_mode == AccessMode::ReadWrite,
        access_mode,
        days,
    }))
}

impl Core {
    /// Counts operations of whoever signed in.
    pub(crate) fn count(&self, token: &TokenFacts, operations: u64) {
        self.usage.count(Day::of(self.clocks.now()), token.principal(), operations);
    }
}
