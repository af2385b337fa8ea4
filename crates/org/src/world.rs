//! The rooms of a local org over one data folder, open but not yet answering anyone.
//!
//! This is what `org start` serves, and what a command that finds no running org opens for
//! itself. It holds the folder's lock for as long as it lives.
//!
//! Who only asks holds `OpenWorld::state` for reading, for as long as the answer takes; who
//! changes what there is (the clock, the orgs, a snapshot) holds it for writing. So a change waits
//! for the requests under way, no request meets half of one, and a copy of the databases fits
//! together.

mod keys;
mod make;
mod people;
mod shared;
mod snapshots;
mod state;
mod tenants;
mod time;
mod usage;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use keyholder_data::{Imported, RolePolicy, Sampled, Trouble};
use keyholder_dataverse::csdl::Provenance;
use keyholder_dataverse::schema::SchemaDefinition;
use keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
use keyholder_foundation::{Clocks, ObjectId, OrgId, Random, Secret, Sleep, TenantId};
use keyholder_identity::{GraphThrottle, IssuerDocuments, NoIssuers};
use keyholder_limits::Limits;
use keyholder_platform::{EnvFile, FolderLock, RuntimeSleep};
use keyholder_store::Durability;
use tokio::sync::RwLock;

use crate::env_file::{self, Address, AdminCredentials, names};
use crate::error::{Refused, StartError};
use crate::folder::{DataFolder, FolderError, OrgEntry, Pretence, TenantEntry, World};
use crate::listeners::Listeners;

pub use people::WrittenPersona;
use shared::Shared;
pub use shared::SharedDatabase;
pub use snapshots::Taken;
pub(crate) use state::{OpenOrg, State};
pub use tenants::{ListedOrg, ListedTenant, NewOrg};
pub use usage::{Account, DAYS_TOLD, Entitled, Entitlement, MOST_DAYS_TOLD};

/// The domain of the first tenant. Names below `localhost` belong to nobody else (RFC 6761).
pub const TENANT_DOMAIN: &str = "keyholder.localhost";
/// The name of the first tenant and its org.
pub const ORGANIZATION_NAME: &str = "Keyholder local org";
/// The origin until a listener says otherwise.
pub const DEFAULT_ORIGIN: &str = "https://localhost:8443";

/// How many non-interactive users an org may have, as Microsoft documents it today.
pub const DEFAULT_NON_INTERACTIVE_LIMIT: u32 = 7;

/// How to open a world.
#[derive(Clone)]
pub struct WorldOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Its clocks. The org clock's offset is set to the one that the folder keeps.
    pub clocks: Clocks,
    /// Where ids, secrets and salts come from.
    pub random: Arc<dyn Random>,
    /// The database of PostgreSQL that the world is in; absent when it is in the data folder.
    pub database: Option<SharedDatabase>,
    /// The token service's key for a new world; made when absent. Tests share one, because making
    /// one takes a good part of a second.
    pub signing_key: Option<Secret>,
    /// Is told what goes wrong inside, which no caller should see.
    pub trouble: Option<Trouble>,
    /// How the world behaves.
    pub settings: Settings,
}

/// How a world behaves while this process serves it; nothing of it is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the org at the origin pretends to be.
    pub pretend: Option<Pretence>,
    /// How many people of an org may be enabled non-interactive users at once.
    pub non_interactive_limit: u32,
    /// Which roles the users of applications may be given.
    pub role_policy: RolePolicy,
    /// How long the token service does not see a new application or credential yet.
    pub directory_lag: Duration,
    /// How long after a change of the directory the orgs learn of it.
    pub propagation_delay: Duration,
    /// How often an application may ask Microsoft Graph, when that is limited at all.
    pub throttle: Option<GraphThrottle>,
    /// How long every request is held back before it is answered, as a distant service's would be.
    pub latency: Duration,
    /// The service protection API limits of each user of an org on this node; absent when there are none.
    pub limits: Option<Limits>,
    /// What requests that are held back wait with.
    pub sleep: Arc<dyn Sleep>,
    /// How the keys of outside issuers are had, whose tokens stand in for secrets.
    pub issuer_documents: Arc<dyn IssuerDocuments>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pretend: None,
            non_interactive_limit: DEFAULT_NON_INTERACTIVE_LIMIT,
            role_policy: RolePolicy::AnyRole,
            directory_lag: Duration::ZERO,
            propagation_delay: Duration::ZERO,
            throttle: None,
            latency: Duration::ZERO,
            limits: Some(Limits::TODAY),
            sleep: Arc::new(RuntimeSleep),
            issuer_documents: Arc::new(NoIssuers),
        }
    }
}

/// The open rooms.
pub struct OpenWorld {
    pub(crate) folder: DataFolder,
    pub(crate) clocks: Clocks,
    pub(crate) listeners: Listeners,
    state: RwLock<State>,
    /// Where the world is when it is not in the folder.
    shared: Option<Shared>,
    options: WorldOptions,
    origin: String,
    tenant: TenantId,
    tenant_domain: String,
    org: OrgId,
    _lock: FolderLock,
}

impl OpenWorld {
    /// Opens the world of `folder`, making it where it is new.
    ///
    /// # Errors
    /// [`StartError`]: the folder is in use, is not ours or is damaged, or a database is.
    pub async fn open(folder: DataFolder, origin: &str, options: &WorldOptions) -> Result<Self, StartError> {
        let lock = folder.open()?;
        Self::open_locked(folder, lock, origin, None, options).await
    }

    /// The same under a lock that is held already, with further orgs listening on `address`.
    pub(crate) async fn open_locked(
        folder: DataFolder,
        lock: FolderLock,
        origin: &str,
        address: Option<IpAddr>,
        options: &WorldOptions,
    ) -> Result<Self, StartError> {
        let (shared, known) = match &options.database {
            Some(at) => {
                folder.may_be_in_database(at.place())?;
                let shared = Shared::open(at, options.durability)?;
                let known = shared.begin(options, &new_world(options.random.as_ref())).await?;
                folder.be_in_database(at.place())?;
                (Some(shared), Some(known))
            }
            None => {
                folder.be_by_itself()?;
                (None, None)
            }
        };
        let record = match &known {
            Some(known) => known.record.clone(),
            None => match folder.world()? {
                Some(record) => record,
                None => folder.write_world(&new_world(options.random.as_ref()))?,
            },
        };
        let (tenant, org) = record.first().ok_or_else(|| folder.damaged("world.json", "it names no org".to_owned()))?;
        let (tenant, tenant_domain, org) = (tenant.id, tenant.domain.clone(), org.id);
        options.clocks.org.set_offset_millis(record.clock_offset_millis);
        if shared.is_none() {
            snapshots::finish(&folder, &record)?;
            if record.complete {
                check_databases(&folder, &record)?;
            }
        }
        let listeners = address.map_or_else(Listeners::none, Listeners::on);
        let complete = record.complete;
        let has_list = |org: &OrgEntry| org.security_group.as_ref().is_some_and(|group| !group.members.is_empty());
        let takes_over = record.orgs().any(|(_, org)| has_list(org));
        let opening =
            state::Opening { folder: &folder, shared: shared.as_ref(), options, origin, listeners: &listeners };
        let state = opening.open(record, known).await?;
        let open = Self {
            folder,
            clocks: options.clocks.clone(),
            listeners,
            state: RwLock::new(state),
            shared,
            options: options.clone(),
            origin: origin.to_owned(),
            tenant,
            tenant_domain,
            org,
            _lock: lock,
        };
        if !complete {
            open.complete().await?;
        } else if takes_over {
            // Lists of people are groups of the directory by now.
            let mut state = open.state.write().await;
            let record = state.record.clone();
            open.keep_record(&mut state, record).await?;
        }
        Ok(open)
    }

    /// Writes the record down, and has it be the state's.
    async fn keep_record(&self, state: &mut State, record: World) -> Result<(), StartError> {
        match &self.shared {
            None => state.record = self.folder.write_world(&record)?,
            Some(shared) => {
                state.epoch = shared.write(&record, state.epoch).await?;
                state.record = record;
            }
        }
        Ok(())
    }

    /// Whether other nodes may change the world.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Refuses what takes files, where the world is in no files.
    fn only_in_files(&self, what: &'static str) -> Result<(), Refused> {
        if self.is_shared() { Err(Refused::OnPostgresql { what }) } else { Ok(()) }
    }

    /// Learns of what other nodes have changed; says whether there may be other orgs now. Whatever a
    /// request is about, this comes first, so it sees what any node had changed before.
    pub(crate) async fn catch_up(&self) -> Result<bool, StartError> {
        let Some(shared) = &self.shared else { return Ok(false) };
        {
            let state = self.state.read().await;
            let (epoch, changed) = tokio::join!(shared.epoch(), state.identity.catch_up());
            if changed? {
                state.propagation.wake();
            }
            if epoch? == state.epoch {
                return Ok(false);
            }
        }
        let mut state = self.state.write().await;
        let known = shared.read().await?;
        // Somebody else may have done it meanwhile.
        if known.epoch == state.epoch {
            return Ok(false);
        }
        let opened = self.opening().open(known.record.clone(), Some(known)).await?;
        self.clocks.org.set_offset_millis(opened.record.clock_offset_millis);
        let old = std::mem::replace(&mut *state, opened);
        self.listeners.keep_only(|org| state.org(org).is_some());
        old.close();
        Ok(true)
    }

    /// The rooms as they are now; nothing of them changes while this is held.
    pub(crate) async fn state(&self) -> tokio::sync::RwLockReadGuard<'_, State> {
        self.state.read().await
    }

    /// Writes down what was observed of sign-ins.
    pub(crate) async fn keep_observations(&self) {
        let kept = self.state().await.identity.flush_observations().await;
        if let (Err(error), Some(trouble)) = (kept, &self.options.trouble) {
            trouble(&keyholder_data::DirectoryError { reason: error.to_string() }.into());
        }
    }

    /// Tells whoever looks after the org what went wrong inside.
    pub(crate) fn tell(&self, error: &StartError) {
        if let Some(trouble) = &self.options.trouble {
            trouble(&keyholder_data::DirectoryError { reason: error.to_string() }.into());
        }
    }

    /// Where what nobody shall guess comes from.
    pub(crate) fn random(&self) -> &dyn Random {
        self.options.random.as_ref()
    }

    /// Delivers what the orgs have to learn of the directory by now.
    pub(crate) async fn deliver(&self, state: &State) {
        state.deliver(self.clocks.now(), self.options.trouble.as_ref()).await;
    }

    /// What it takes to open another state of this world.
    fn opening(&self) -> state::Opening<'_> {
        state::Opening {
            folder: &self.folder,
            shared: self.shared.as_ref(),
            options: &self.options,
            origin: &self.origin,
            listeners: &self.listeners,
        }
    }

    /// Adds sample rows to the org at the origin; the same seed makes the same rows, and those that
    /// are there stay.
    ///
    /// # Errors
    /// [`StartError`] when the org cannot be written.
    pub async fn sample(&self, rows: u32, seed: u64) -> Result<Sampled, StartError> {
        let state = self.state().await;
        Ok(state.first()?.organization.sample(rows, seed).await?)
    }

    /// Takes tables from elsewhere into the org at the origin; the same again changes nothing.
    ///
    /// # Errors
    /// [`StartError`] naming the table that cannot be used, or when the org cannot be written.
    pub async fn import_schema(
        &self,
        schema: SchemaDefinition,
        provenance: Provenance,
    ) -> Result<Imported, StartError> {
        let state = self.state().await;
        Ok(state.first()?.organization.import_schema(schema, provenance).await?)
    }

    /// What requests wait with.
    pub(crate) fn sleep(&self) -> &Arc<dyn Sleep> {
        &self.options.settings.sleep
    }

    /// How long every request is held back.
    pub(crate) fn latency(&self) -> Duration {
        self.options.settings.latency
    }

    /// The service protection API limits, when there are any.
    pub(crate) fn limits(&self) -> Option<Limits> {
        self.options.settings.limits
    }

    /// Where the world answers and what a client needs to trust.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            origin: self.origin.clone(),
            ca_file: self.folder.ca_file().display().to_string(),
            tenant_id: self.tenant.to_string(),
            tenant_domain: self.tenant_domain.clone(),
            org_url: self.origin.clone(),
        }
    }

    /// The tenant of the org at the origin.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The organization at the origin.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The administrators' credentials as `org.env` has them; `None` when it is lost or lacks one.
    ///
    /// # Errors
    /// [`FolderError`] when the file is there and cannot be read.
    pub fn admin_credentials(&self) -> Result<Option<AdminCredentials>, FolderError> {
        Ok(env_file::read(&self.folder.env_file())?.as_ref().and_then(env_file::admin))
    }

    /// Whether the service principal or person is a Global Administrator of the first tenant.
    pub(crate) async fn is_administrator(&self, principal: ObjectId) -> Result<bool, keyholder_identity::Error> {
        self.state().await.identity.has_directory_role(self.tenant, principal, GLOBAL_ADMINISTRATOR).await
    }

    /// Env files in the folder that name another origin than this: left from another address.
    #[must_use]
    pub fn stale_env_files(&self) -> Vec<std::path::PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path()) else { return Vec::new() };
        let mut stale: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "env"))
            .filter(|path| {
                let file = EnvFile::read(path).ok();
                let named = file.as_ref().and_then(|file| file.get(names::ORIGIN).or_else(|| file.get(names::ORG_URL)));
                named.is_some_and(|url| url.value.expose() != self.origin)
            })
            .collect();
        stale.sort();
        stale
    }
}

/// Refuses a world that lacks a database: an empty one in its place would look like an org that has
/// lost its memory.
fn check_databases(folder: &DataFolder, record: &World) -> Result<(), FolderError> {
    let state = folder.state(record.state);
    let orgs = record.orgs().map(|(_, org)| state.org_file(org.id));
    match std::iter::once(state.directory_file()).chain(orgs).find(|file| !file.exists()) {
        Some(path) => Err(FolderError::Damaged { path, why: "it is missing".to_owned() }),
        None => Ok(()),
    }
}

fn new_world(random: &dyn Random) -> World {
    let mut tenant = TenantEntry::new(TenantId(random.uuid()), TENANT_DOMAIN);
    tenant.orgs.push(OrgEntry::new(OrgId(random.uuid()), ORGANIZATION_NAME));
    World::new(vec![tenant])
}
