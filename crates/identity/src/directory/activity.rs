//! What is observed of sign-ins: a log of the last of them in each tenant, and when each service
//! principal, credential and person signed in last. An audit finds by it what nobody uses.
//!
//! Observations are merged in memory and written down together: before they are read, when enough of
//! them wait, and whenever the process says so. A kill loses the ones that wait, and nothing else.
//! Sign-ins of an application for itself that follow each other with the same credential for the
//! same resource are one entry with a count, as the real log aggregates them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyholder_foundation::{ClientId, KeyId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sign_in_tables::{SIGN_IN_ACTIVITY, SIGN_IN_LOG};
use super::{Directory, Refusal, from_json, to_json};

/// How many entries a tenant's log keeps.
pub(crate) const LOG_LENGTH: i64 = 10_000;
/// How many entries wait in memory at most.
const WAITING: usize = 512;

/// By what an application proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CredentialKind {
    /// Nothing: it cannot keep a secret.
    None,
    Secret,
    Certificate,
    Federated,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignIn {
    /// When; the last time, when it counts several.
    pub(crate) created: Timestamp,
    /// How it was asked for, in OAuth's word: `client_credentials`, `password`, ...
    pub(crate) flow: String,
    pub(crate) client: ClientId,
    pub(crate) client_name: String,
    pub(crate) service_principal: Option<ObjectId>,
    pub(crate) credential: CredentialKind,
    /// Which of the application's credentials.
    pub(crate) key: Option<KeyId>,
    /// The person, when the application asked for one.
    pub(crate) user: Option<ObjectId>,
    pub(crate) user_name: Option<String>,
    /// What it was for, as it was asked.
    pub(crate) resource: Option<String>,
    /// The resource's service principal.
    pub(crate) resource_principal: Option<ObjectId>,
    /// The AADSTS number; 0 when it succeeded.
    pub(crate) error: u32,
    /// The error's sentence.
    pub(crate) failure: Option<String>,
    /// The sender's id of the request, or ours for want of one.
    pub(crate) correlation: Uuid,
    /// How many sign-ins the entry stands for.
    pub(crate) count: u32,
}

impl SignIn {
    /// Whether a program did it alone: by a token that somebody's earlier sign-in gave it.
    pub(crate) fn is_non_interactive(&self) -> bool {
        self.flow == "refresh_token"
    }
}

/// What somebody or something did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ActivityKind {
    /// A service principal signed in for itself.
    ApplicationClient(CredentialKind),
    /// Somebody signed in through a service principal.
    DelegatedClient,
    /// An application got a token for a service principal as a resource.
    ApplicationResource,
    /// Somebody got a token for a service principal as a resource.
    DelegatedResource,
    /// A person signed in, in whatever way.
    Person,
    /// A person tried to sign in, well or not, and was there to do it.
    PersonThere,
    /// A program tried to sign in on a person's behalf, well or not.
    PersonAway,
}

impl ActivityKind {
    const ALL: [Self; 10] = [
        Self::ApplicationClient(CredentialKind::None),
        Self::ApplicationClient(CredentialKind::Secret),
        Self::ApplicationClient(CredentialKind::Certificate),
        Self::ApplicationClient(CredentialKind::Federated),
        Self::DelegatedClient,
        Self::ApplicationResource,
        Self::DelegatedResource,
        Self::Person,
        Self::PersonThere,
        Self::PersonAway,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::ApplicationClient(CredentialKind::None) => "application",
            Self::ApplicationClient(CredentialKind::Secret) => "secret",
            Self::ApplicationClient(CredentialKind::Certificate) => "certificate",
            Self::ApplicationClient(CredentialKind::Federated) => "federated",
            Self::DelegatedClient => "delegated",
            Self::ApplicationResource => "resource_application",
            Self::DelegatedResource => "resource_delegated",
            Self::Person => "person",
            Self::PersonThere => "person_there",
            Self::PersonAway => "person_away",
        }
    }
}

/// When something was done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Activity {
    /// The service principal or person.
    pub(crate) principal: ObjectId,
    pub(crate) kind: ActivityKind,
    /// Which of the application's credentials, for [`ActivityKind::ApplicationClient`].
    pub(crate) key: Option<KeyId>,
    pub(crate) last: Timestamp,
}

/// What makes two sign-ins of an application one entry.
type Alike = (TenantId, ClientId, Option<KeyId>, Option<ObjectId>);

/// What waits to be written down.
#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<(TenantId, SignIn)>,
    merged: HashMap<Alike, usize>,
}

/// Observations on their way to the store.
#[derive(Debug, Default)]
pub(super) struct Observations {
    waiting: Mutex<Waiting>,
    /// Held while they are written down: who reads next must find what another has just taken.
    writing: tokio::sync::Mutex<()>,
}

impl Observations {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Every state between two statements is a sound one, so a poisoned lock is usable.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one; true when it is time to write down what waits.
    fn add(&self, tenant: TenantId, entry: SignIn) -> bool {
        let mut waiting = self.lock();
        let waiting = &mut *waiting;
        if entry.user.is_none() && entry.error == 0 {
            let alike = (tenant, entry.client, entry.key, entry.resource_principal);
            let at = *waiting.merged.entry(alike).or_insert(waiting.entries.len());
            match waiting.entries.get_mut(at) {
                Some((_, earlier)) if earlier.resource == entry.resource => {
                    earlier.count = earlier.count.saturating_add(1);
                    earlier.created = entry.created;
                    earlier.correlation = entry.correlation;
                    return false;
                }
                Some(_) => {
                    waiting.merged.insert(alike, waiting.entries.len());
                }
                None => {}
            }
        }
        waiting.entries.push((tenant, entry));
        waiting.entries.len() >= WAITING
    }

    fn take(&self) -> Vec<(TenantId, SignIn)> {
        std::mem::take(&mut *self.lock()).entries
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    highest: Prepared,
    insert: Prepared,
    delete_before: Prepared,
    list: Prepared,
    update_activity: Prepared,
    insert_activity: Prepared,
    activities: Prepared,
    activities_of: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = ["principal", "credential_kind", "key_id"]
            .into_iter()
            .enumerate()
            .fold(in_tenant(), |all, (at, name)| all.and(column(name).equals(parameter(at + 1))));
        Ok(Self {
            highest: Prepared::new(
                Select::from(SIGN_IN_LOG)
                    .column("sequence", Kind::Integer)
                    .filter(in_tenant())
                    .order_by(column("sequence").descending())
                    .limit(keyholder_store::statement::literal(1)),
            )?,
            insert: Prepared::new(Insert::into(SIGN_IN_LOG).columns(["tenant_id", "sequence", "created", "entry"]))?,
            delete_before: Prepared::new(
                Delete::from(SIGN_IN_LOG).filter(in_tenant().and(column("sequence").at_most(parameter(1)))),
            )?,
            list: Prepared::new(
                Select::from(SIGN_IN_LOG)
                    .column("sequence", Kind::Integer)
                    .column("entry", Kind::Text)
                    .filter(in_tenant().and(column("sequence").less_than(parameter(1))))
                    .order_by(column("sequence").descending())
                    .limit(parameter(2)),
            )?,
            update_activity: Prepared::new(
                Update::of(SIGN_IN_ACTIVITY).set("last_sign_in", parameter(4)).filter(this),
            )?,
            insert_activity: Prepared::new(Insert::into(SIGN_IN_ACTIVITY).columns([
                "tenant_id",
                "principal",
                "credential_kind",
                "key_id",
                "last_sign_in",
            ]))?,
            activities: Prepared::new(activities().filter(in_tenant()))?,
            activities_of: Prepared::new(activities().filter(in_tenant().and(column("principal").in_list(1))))?,
        })
    }
}

fn activities() -> Select {
    Select::from(SIGN_IN_ACTIVITY)
        .column("principal", Kind::Uuid)
        .column("credential_kind", Kind::Text)
        .column("key_id", Kind::Uuid)
        .column("last_sign_in", Kind::Time)
}

fn read_activity(row: &Row<'_>) -> Result<Option<Activity>, Error> {
    let (word, key): (&str, KeyId) = (row.get(1)?, row.get(2)?);
    let kind = ActivityKind::ALL.into_iter().find(|kind| kind.word() == word);
    let key = (!key.0.is_nil()).then_some(key);
    let (principal, last) = (row.get(0)?, row.get(3)?);
    Ok(kind.map(|kind| Activity { principal, kind, key, last }))
}

/// What a sign-in says of who did what last. One that failed says only that somebody tried.
fn learned(entry: &SignIn) -> impl Iterator<Item = Activity> {
    let last = entry.created;
    let with =
        |principal: Option<ObjectId>, kind, key| principal.map(|principal| Activity { principal, kind, key, last });
    let (client, resource, person) = match entry.user {
        None => (
            with(entry.service_principal, ActivityKind::ApplicationClient(entry.credential), entry.key),
            with(entry.resource_principal, ActivityKind::ApplicationResource, None),
            None,
        ),
        Some(user) => (
            with(entry.service_principal, ActivityKind::DelegatedClient, None),
            with(entry.resource_principal, ActivityKind::DelegatedResource, None),
            with(Some(user), ActivityKind::Person, None),
        ),
    };
    let way = if entry.is_non_interactive() { ActivityKind::PersonAway } else { ActivityKind::PersonThere };
    let done = [client, resource, person].into_iter().flatten().filter(|_| entry.error == 0);
    done.chain(with(entry.user, way, None))
}

impl Directory {
    /// Notes a sign-in, or one that failed.
    pub(crate) async fn observe_sign_in(&self, tenant: TenantId, entry: SignIn) {
        if self.observations.add(tenant, entry) {
            // That the store is busy must not cost anybody a token; what waited is lost then.
            drop(self.flush_observations().await);
        }
    }

    /// Writes down what waits. When it returns, all that was observed before the call is written, also
    /// what another call has taken.
    pub(crate) async fn flush_observations(&self) -> Result<(), Refusal> {
        let _writing = self.observations.writing.lock().await;
        let entries = self.observations.take();
        if entries.is_empty() {
            return Ok(());
        }
        self.observe(move |statements, transaction| {
            let statements = &statements.activity;
            let mut highest: HashMap<TenantId, i64> = HashMap::new();
            let mut last: HashMap<(TenantId, ObjectId, &'static str, KeyId), Timestamp> = HashMap::new();
            for (tenant, entry) in &entries {
                let sequence = match highest.get(tenant) {
                    Some(sequence) => sequence + 1,
                    None => {
                        transaction.first(&statements.highest, &[(*tenant).into()], |row| row.get(0))?.unwrap_or(0) + 1
                    }
                };
                highest.insert(*tenant, sequence);
                let row = [(*tenant).into(), sequence.into(), entry.created.into(), to_json(entry)?.into()];
                transaction.execute(&statements.insert, &row)?;
                for activity in learned(entry) {
                    let key = activity.key.unwrap_or(KeyId(Uuid::nil()));
                    last.insert((*tenant, activity.principal, activity.kind.word(), key), activity.last);
                }
            }
            for (tenant, highest) in highest {
                transaction.execute(&statements.delete_before, &[tenant.into(), (highest - LOG_LENGTH).into()])?;
            }
            for ((tenant, principal, kind, key), moment) in last {
                let row = [tenant.into(), principal.into(), kind.into(), key.into(), moment.into()];
                if transaction.execute(&statements.update_activity, &row)? == 0 {
                    transaction.execute(&statements.insert_activity, &row)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The newest entries of a tenant's log, at most `limit`, each with its number; only those with a
    /// number below `before`, when there is one.
    pub(crate) async fn sign_ins(
        &self,
        tenant: TenantId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, SignIn)>, Refusal> {
        self.flush_observations().await?;
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), before.unwrap_or(i64::MAX).into(), limit.into()];
            Ok(snapshot.list(&statements.activity.list, &values, |row| Ok((row.get(0)?, from_json(row.get(1)?)?)))?)
        })
        .await
    }

    /// When each of these people and service principals signed in last.
    pub(crate) async fn sign_in_activities_of(
        &self,
        tenant: TenantId,
        principals: Vec<ObjectId>,
    ) -> Result<Vec<Activity>, Refusal> {
        self.flush_observations().await?;
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), Value::ids(principals.iter().copied())];
            let found = snapshot.list(&statements.activity.activities_of, &values, read_activity)?;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }

    /// When each service principal, credential and person of a tenant signed in last.
    pub(crate) async fn sign_in_activities(&self, tenant: TenantId) -> Result<Vec<Activity>, Refusal> {
        self.flush_observations().await?;
        self.read(move |statements, snapshot| {
            let found = snapshot.list(&statements.activity.activities, &[tenant.into()], read_activity)?;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_activity_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = ActivityKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), ActivityKind::ALL.len());
    }
}
