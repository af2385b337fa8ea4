//! One organization: opening its store, and answering requests.

mod config;
mod requests;
mod sorts;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use keyholder_dataverse::csdl::Provenance;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::SchemaDefinition;
use keyholder_foundation::{Clocks, OrgId, Random, RowIds, TenantId};
use keyholder_store::statement::{Insert, Select};
use keyholder_store::{Database, Kind, Prepared, Transaction};
use uuid::Uuid;

use crate::answer::Answer;
use crate::batch;
use crate::caller::{Callers, TokenFacts};
use crate::catalogue::change::SchemaChange;
use crate::catalogue::import::Imported;
use crate::catalogue::{self, Catalogue};
use crate::directory::Directory;
use crate::epoch::EpochStatements;
use crate::error::{Error, Failure};
use crate::sample::{self, Sampled};
use crate::seed::{self, Administrator};
use crate::usage::Usage;
pub use config::{OrganizationConfig, RolePolicy, Trouble};
pub(crate) use requests::{Restarts, Stopped};

/// What stands before every path of the Web API.
const PREFIX: &str = "/api/data/";
/// The directory could not be asked, in the service's own words.
const DIRECTORY_ERROR: u32 = 0x8004_1D54;

/// One organization. Clones are handles on the same.
#[derive(Debug, Clone)]
pub struct Organization {
    pub(crate) core: Arc<Core>,
}

/// What the requests of one organization share.
pub(crate) struct Core {
    pub(crate) organization: OrgId,
    pub(crate) tenant: TenantId,
    pub(crate) name: String,
    pub(crate) org_url: String,
    login: String,
    pub(crate) database: Database,
    pub(crate) clocks: Clocks,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) row_ids: RowIds,
    pub(crate) non_interactive_limit: u32,
    /// Whether applications may be given custom roles only.
    custom_roles_only: AtomicBool,
    /// What it says its version is.
    pub(crate) version: &'static str,
    directory: Arc<dyn Directory>,
    pub(crate) epochs: EpochStatements,
    pub(crate) callers: Callers,
    pub(crate) usage: Usage,
    catalogue: RwLock<Arc<Catalogue>>,
    trouble: Option<Trouble>,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("organization", &self.organization)
            .field("url", &self.org_url)
            .finish_non_exhaustive()
    }
}

impl Organization {
    /// Opens an organization, or makes it: its tables, its root business unit, the SYSTEM user,
    /// the privileges and the roles of the platform, and some sample rows.
    ///
    /// A run that was killed on the way is simply repeated: every step is found or made.
    ///
    /// # Errors
    /// [`Error`] when the store cannot be opened or belongs to another organization, or when its
    /// schema cannot become this program's.
    pub async fn open(config: OrganizationConfig) -> Result<Self, Error> {
        let database = Database::open(&config.database, &catalogue::migrations())?;
        let epochs = EpochStatements::new()?;
        let core = Core {
            organization: config.organization,
            tenant: config.tenant,
            name: config.name,
            org_url: config.url,
            login: config.login,
            database,
            clocks: config.clocks,
            random: config.random,
            row_ids: RowIds::default(),
            non_interactive_limit: config.non_interactive_limit,
            custom_roles_only: AtomicBool::new(config.role_policy == RolePolicy::CustomRolesOnly),
            version: config.version,
            directory: config.directory,
            epochs,
            callers: Callers::default(),
            usage: Usage::new()?,
            catalogue: RwLock::new(Arc::new(Catalogue::empty()?)),
            trouble: config.trouble,
        };
        let core = Arc::new(core);
        let (now, inside) = (core.clocks.now(), Arc::clone(&core));
        let catalogue = core
            .database
            .write::<_, Error, _>(move |tx| {
                let is_new = inside.claim(tx)?;
                let (catalogue, changed) = catalogue::install(tx, &inside.epochs)?;
                if changed {
                    seed::seed(&inside, &catalogue, tx, now)?;
                }
                if is_new && config.sample_rows > 0 {
                    for name in sample::TABLES {
                        catalogue::made::make(tx, &catalogue.table(name)?)?;
                    }
                }
                // With the first rows in the transaction that makes the organization, there is no
                // moment at which it exists without them.
                if is_new && config.sample_rows > 0 {
                    let rows = sample::generate(&inside, &catalogue, 0..config.sample_rows, sample::FIRST_SEED)?;
                    sample::insert(&inside, tx, &rows)?;
                }
                Ok(Arc::new(catalogue))
            })
            .await?;
        core.use_catalogue(catalogue);
        Ok(Self { core })
    }

    /// Answers a request to the Web API by the bearer of a verified token.
    ///
    /// The request's body has been read and bounded by the listener.
    pub async fn respond(&self, caller: &TokenFacts, request: Request<Bytes>) -> Response<Bytes> {
        let id = self.core.random.uuid();
        let answered = self.core.answer(caller, &request, id).await;
        let answer = answered.unwrap_or_else(|failure| self.core.refusal(failure, id, request.headers()));
        answer.into_response(id)
    }

    /// The answer to a request without a token, or with one that is not good: who to ask for one.
    #[must_use]
    pub fn challenge(&self) -> Response<Bytes> {
        let core = &self.core;
        // The values stand without quotes, and the resource ends in a `/`: clients rely on both.
        let challenge = format!(
            "Bearer authorization_uri={}/{}/oauth2/authorize, resource_id={}/",
            core.login, core.tenant, core.org_url
        );
        let mut response = Answer::empty(StatusCode::UNAUTHORIZED).into_response(core.random.uuid());
        if let Ok(value) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    /// A refusal that was decided before a request with these headers came here.
    #[must_use]
    pub fn refuse(&self, refusal: &DataverseError, headers: &HeaderMap) -> Response<Bytes> {
        let id = self.core.random.uuid();
        Answer::refusal(refusal, id, headers).into_response(id)
    }

    /// Adds `rows` accounts and `rows` contacts of our own making; the same seed makes the same
    /// rows, and those that are there already are left alone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sample(&self, rows: u32, seed: u64) -> Result<Sampled, Error> {
        sample::sample(&self.core, rows, seed).await
    }

    /// Changes what the organization has of its own in its schema, in order: all or nothing. Gives a line for each difference in
    /// which what ships counted.
    ///
    /// # Errors
    /// [`Error::Refused`] naming the table or column that there is not, is there already, or ships; or what the store says.
    pub async fn change_schema(&self, changes: Vec<SchemaChange>) -> Result<Vec<String>, Error> {
        let (core, now) = (Arc::clone(&self.core), self.core.clocks.now());
        let work = move |tx: &mut Transaction<'_>| catalogue::change::change(&core, tx, &changes, now);
        let changed = self.core.database.write(work).await?;
        self.core.use_catalogue(Arc::new(changed.catalogue));
        Ok(changed.differences)
    }

    /// Takes tables from elsewhere into what the organization has of its own: those that are new, and what is new in those that
    /// there are. The same again changes nothing, and what nobody says (see [`Provenance`]) takes nothing away. Type codes are
    /// given here.
    ///
    /// # Errors
    /// [`Error::Refused`] naming the table that cannot be used; then nothing is changed. Or what the store says.
    pub async fn import_schema(&self, imported: SchemaDefinition, provenance: Provenance) -> Result<Imported, Error> {
        let (core, now) = (Arc::clone(&self.core), self.core.clocks.now());
        let work = move |tx: &mut Transaction<'_>| catalogue::import::import(&core, tx, &imported, &provenance, now);
        let (report, catalogue) = self.core.database.write(work).await?;
        if let Some(catalogue) = catalogue {
            self.core.use_catalogue(Arc::new(catalogue));
        }
        Ok(report)
    }

    /// The logical names of the tables that have been made so far, in alphabetical order: those that the
    /// platform relies on, and those that somebody has used.
    ///
    /// # Errors
    /// What the store says.
    pub async fn made_tables(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = self
            .core
            .database
            .read(|snapshot| Ok::<_, Error>(catalogue::made::list(snapshot)?))
            .await?
            .into_iter()
            .collect();
        names.sort();
        Ok(names)
    }

    /// Makes sure that somebody is an enabled user of the organization with the System
    /// Administrator role; gives the user's id.
    ///
    /// # Errors
    /// What the store says.
    pub async fn ensure_administrator(&self, administrator: Administrator) -> Result<Uuid, Error> {
        let core = Arc::clone(&self.core);
        let (catalogue, now) = (core.catalogue(), core.clocks.now());
        let write =
            move |tx: &mut Transaction<'_>| Ok::<_, Error>(seed::ensure(&core, &catalogue, tx, &administrator, now)?);
        self.core.database.write(write).await
    }

    /// Sets which roles the users of applications may be given from now on. What they have, they keep.
    pub fn set_role_policy(&self, policy: RolePolicy) {
        self.core.custom_roles_only.store(policy == RolePolicy::CustomRolesOnly, Ordering::Relaxed);
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The organization's id.
    #[must_use]
    pub fn id(&self) -> OrgId {
        self.core.organization
    }

    /// Does what waits and closes the store; further requests are refused.
    pub fn close(self) {
        self.core.database.clone().close();
    }
}

impl Core {
    /// The id of something that every organization has once: derived, so that a repeated seed
    /// finds it, and different in each organization.
    pub(crate) fn seed_id(&self, name: &str) -> Uuid {
        // 128-bit FNV-1a, in the form of a UUID of version 8 (RFC 9562).
        const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        let bytes = self.organization.0.as_bytes().iter().copied().chain(name.bytes());
        let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
        uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
    }

    /// Which roles the users of applications may be given.
    pub(crate) fn role_policy(&self) -> RolePolicy {
        // A policy by itself: nothing else has to be seen along with it.
        match self.custom_roles_only.load(Ordering::Relaxed) {
            true => RolePolicy::CustomRolesOnly,
            false => RolePolicy::AnyRole,
        }
    }

    /// The organization's unique name and the one in its address.
    pub(crate) fn short_name(&self) -> String {
        short_name(self.organization)
    }

    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        // The lock only ever guards one assignment.
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn use_catalogue(&self, catalogue: Arc<Catalogue>) {
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = catalogue;
    }

    /// Writes into a new store whose it is; refuses one that is another's. Says whether it is new.
    fn claim(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let read = Select::from("keyholder_owner").column("organization", Kind::Uuid).column("tenant", Kind::Uuid);
        let found: Option<(OrgId, TenantId)> =
            tx.first(&Prepared::new(read)?, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match found {
            None => {
                let write = Prepared::new(Insert::into("keyholder_owner").columns(["organization", "tenant"]))?;
                tx.execute(&write, &[self.organization.into(), self.tenant.into()])?;
                Ok(true)
            }
            Some((organization, tenant)) if (organization, tenant) == (self.organization, self.tenant) => Ok(false),
            Some((found_organization, found_tenant)) => Err(Error::AnotherOrganization {
                organization: self.organization,
                tenant: self.tenant,
                found_organization,
                found_tenant,
            }),
        }
    }

    async fn answer(
        self: &Arc<Self>,
        token: &TokenFacts,
        request: &Request<Bytes>,
        id: Uuid,
    ) -> Result<Answer, Failure> {
        if token.tenant != self.tenant {
            return Err(error::not_a_member().into());
        }
        let uri = request.uri();
        let path = uri.path().strip_prefix(PREFIX).ok_or_else(|| error::unknown_segment(uri.path()))?;
        if let Some(version) = batch::version_of(request.method(), path) {
            return batch::answer(self, token, version, request).await;
        }
        let asked = keyholder_operation::Request {
            method: request.method(),
            path,
            query: uri.query(),
            headers: request.headers(),
            body: request.body(),
            references: None,
        };
        self.answer_one(token, &asked, request.body(), id).await
    }

    /// What the caller of a request that failed is told; what went wrong inside goes elsewhere.
    pub(crate) fn refusal(&self, failure: Failure, id: Uuid, headers: &HeaderMap) -> Answer {
        let (refusal, inside) = failure.into_answer();
        if let (Some(error), Some(trouble)) = (inside, &self.trouble) {
            trouble(&error);
        }
        Answer::refusal(&refusal, id, headers)
    }

    pub(crate) async fn reload(self: &Arc<Self>) -> Result<(), Failure> {
        let core = Arc::clone(self);
        let catalogue = self.database.read(move |snapshot| catalogue::load(snapshot, &core.epochs)).await?;
        self.use_catalogue(Arc::new(catalogue));
        Ok(())
    }

    fn directory_failed(&self, error: crate::DirectoryError) -> Failure {
        if let Some(trouble) = &self.trouble {
            trouble(&error.into());
        }
        DataverseError::new(DIRECTORY_ERROR, "Azure Active Directory Error.").with_status(503).into()
    }
}

/// An organization's unique name, which is also the one in its address: `org` and the first digits of its id.
#[must_use]
pub fn short_name(organization: OrgId) -> String {
    let id = organization.to_string();
    format!("org{}", id.split('-').next().unwrap_or_default())
}
