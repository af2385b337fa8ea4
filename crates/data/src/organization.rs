//! One organization: opening its store, and answering requests.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_foundation::{Clocks, OrgId, Random, RowIds, TenantId};
use keyholder_operation::{Bound, Operation, bind};
use keyholder_store::statement::{Insert, Select};
use keyholder_store::{Database, DatabaseOptions, Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::answer::Answer;
use crate::caller::{Callers, Entered, TokenFacts};
use crate::catalogue::{self, Catalogue};
use crate::directory::Directory;
use crate::epoch::EpochStatements;
use crate::error::{Error, Failure};
use crate::execute::{PreparedRequest, Session};
use crate::rules;
use crate::sample::{self, Sampled};
use crate::seed::{self, Administrator};

/// What stands before every path of the Web API.
const PREFIX: &str = "/api/data/";
/// The directory could not be asked, in the service's own words.
const DIRECTORY_ERROR: u32 = 0x8004_1D54;
/// A page of at most this many rows is little to read.
const FEW_ROWS: u32 = 50;
/// A request whose schema moves under it is bound again this often.
const MOST_REBINDS: usize = 3;

/// Is told what went wrong inside an organization, since its callers are not.
pub type Trouble = Arc<dyn Fn(&Error) + Send + Sync>;

/// What an organization is made of.
#[derive(Clone)]
pub struct OrganizationConfig {
    /// Where its store is.
    pub database: DatabaseOptions,
    /// Its id.
    pub organization: OrgId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What people call it; also the name of its root business unit.
    pub name: String,
    /// Its address without a `/` at the end: `https://localhost:8443`.
    pub url: String,
    /// The address of its tenant's token service without a `/` at the end; often the same.
    pub login: String,
    /// The clocks.
    pub clocks: Clocks,
    /// Where new ids come from.
    pub random: Arc<dyn Random>,
    /// Where applications are looked up.
    pub directory: Arc<dyn Directory>,
    /// How many people may be enabled non-interactive users at once; applications are not counted.
    pub non_interactive_limit: u32,
    /// How many sample accounts and contacts a new organization starts with.
    pub sample_rows: u32,
    /// Is told what goes wrong inside.
    pub trouble: Option<Trouble>,
}

impl fmt::Debug for OrganizationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrganizationConfig")
            .field("organization", &self.organization)
            .field("tenant", &self.tenant)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

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
    directory: Arc<dyn Directory>,
    pub(crate) epochs: EpochStatements,
    pub(crate) callers: Callers,
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
            directory: config.directory,
            epochs,
            callers: Callers::default(),
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
        let answer = match self.core.answer(caller, &request, id).await {
            Ok(answer) => answer,
            Err(failure) => {
                let (refusal, inside) = failure.into_answer();
                if let (Some(error), Some(trouble)) = (inside, &self.core.trouble) {
                    trouble(&error);
                }
                Answer::refusal(&refusal)
            }
        };
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

    /// Adds `rows` accounts and `rows` contacts of our own making; the same seed makes the same
    /// rows, and those that are there already are left alone.
    ///
    /// # Errors
    /// What the store says.
    pub async fn sample(&self, rows: u32, seed: u64) -> Result<Sampled, Error> {
        sample::sample(&self.core, rows, seed).await
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
        for _ in 0..MOST_REBINDS {
            let catalogue = self.catalogue();
            let parts = keyholder_operation::Request {
                method: request.method(),
                path,
                query: uri.query(),
                headers: request.headers(),
                body: request.body(),
            };
            let bound = match bind(&catalogue.schema, &parts) {
                Ok(bound) => bound,
                Err(refusal) => return Err(self.refuse(token, catalogue, refusal).await),
            };
            let application = match rules::application_of(&bound.operation) {
                Some(client) => {
                    self.directory.find_application(client).await.map_err(|error| self.directory_failed(error))?
                }
                None => None,
            };
            let (writes, little) = (changes_rows(&bound), reads_little(&bound));
            let prepared = Arc::new(PreparedRequest {
                bound,
                path: path.to_owned(),
                query: uri.query().map(ToOwned::to_owned),
                now: self.clocks.now().whole_seconds(),
                application,
                id,
            });
            let (core, token) = (Arc::clone(self), *token);
            let outcome = if writes {
                let work = move |tx: &mut Transaction<'_>| {
                    let entered = core.enter(tx, &catalogue, &token)?;
                    let caller = &*entered.caller;
                    let session = Session { core: &core, catalogue: &catalogue, caller, request: &prepared };
                    Ok((session.write(tx)?, entered))
                };
                // Only now is the epoch that the caller was found in sure to be committed.
                self.database.write(work).await.map(|(answer, entered)| {
                    self.callers.remember(&token, &entered);
                    answer
                })
            } else {
                let work = move |snapshot: &mut Snapshot<'_>| {
                    let entered = core.enter(snapshot, &catalogue, &token)?;
                    core.callers.remember(&token, &entered);
                    let caller = &*entered.caller;
                    Session { core: &core, catalogue: &catalogue, caller, request: &prepared }.read(snapshot)
                };
                if little { self.database.read_little(work).await } else { self.database.read(work).await }
            };
            match outcome {
                Err(Failure::Stale) => self.reload().await?,
                outcome => return outcome,
            }
        }
        Err(Failure::Stale)
    }

    /// Reads the epochs of this snapshot, and who is calling in it.
    pub(crate) fn enter(
        &self,
        snapshot: &mut Snapshot<'_>,
        catalogue: &Catalogue,
        token: &TokenFacts,
    ) -> Result<Entered, Failure> {
        let epochs = self.epochs.read(snapshot)?;
        if epochs.schema != catalogue.epoch {
            return Err(Failure::Stale);
        }
        self.callers.find(snapshot, catalogue, epochs.security, self, token)
    }

    /// The refusal of a request that cannot be bound; but who is no user of the org is told only
    /// that.
    async fn refuse(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: Arc<Catalogue>,
        refusal: DataverseError,
    ) -> Failure {
        let (core, token) = (Arc::clone(self), *token);
        let work = move |snapshot: &mut Snapshot<'_>| {
            let entered = core.enter(snapshot, &catalogue, &token)?;
            core.callers.remember(&token, &entered);
            Ok(())
        };
        let entered = self.database.read(work).await;
        match entered {
            Err(Failure::Answer(stranger)) => stranger.into(),
            _ => refusal.into(),
        }
    }

    async fn reload(self: &Arc<Self>) -> Result<(), Failure> {
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

fn changes_rows(bound: &Bound) -> bool {
    !matches!(
        bound.operation,
        Operation::ServiceDocument
            | Operation::Query(_)
            | Operation::Count(_)
            | Operation::Retrieve(_)
            | Operation::Function(_)
    )
}

/// Whether an operation is likely to read no more than a few rows. A guess costs nothing but time:
/// the store gives up what turns out longer, and does it elsewhere.
fn reads_little(bound: &Bound) -> bool {
    match &bound.operation {
        Operation::ServiceDocument | Operation::Retrieve(_) | Operation::Function(_) => true,
        Operation::Query(query) => {
            let rows = bound.preferences.max_page_size.or(query.top);
            !query.count && rows.is_some_and(|rows| rows <= FEW_ROWS)
        }
        _ => false,
    }
}
