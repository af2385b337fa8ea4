//! The rooms of a local org over one data folder, open but not yet answering anyone.
//!
//! This is what `org start` serves, and what a command that finds no running org opens for
//! itself. It holds the folder's lock for as long as it lives.
//!
//! Making a world is a sequence that can be killed anywhere and is simply gone through again: each
//! part is looked for before it is made, and `complete` is written last. Only one thing cannot be
//! looked up again, the administrators' secrets, of which the store has but hashes; so a world that
//! was never completed makes new ones.

use std::sync::Arc;

use keyholder_data::{Administrator, ApplicationFacts, Organization, OrganizationConfig, Sampled, Trouble};
use keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
use keyholder_foundation::{Clocks, ObjectId, OrgId, Random, Secret, TenantId};
use keyholder_identity::directory::administrators::APPLICATION_NAME;
use keyholder_identity::{Administrators, FixedOrganizations, Identity, IdentityConfig, SigningKey, TenantPlan, keys};
use keyholder_platform::{EnvFile, EnvFileError, FolderLock};
use keyholder_store::{DatabaseOptions, Durability};

use crate::door::DirectoryDoor;
use crate::env_file::{self, Address, AdminCredentials, names};
use crate::error::StartError;
use crate::folder::{DataFolder, FolderError, OrgEntry, TenantEntry, World};

/// The domain of the first tenant. Names below `localhost` belong to nobody else (RFC 6761).
pub const TENANT_DOMAIN: &str = "keyholder.localhost";
/// The name of the first tenant and its org.
pub const ORGANIZATION_NAME: &str = "Keyholder local org";
/// The origin until a listener says otherwise.
pub const DEFAULT_ORIGIN: &str = "https://localhost:8443";
/// How many accounts and contacts a new org has.
const FIRST_SAMPLE_ROWS: u32 = 10;

/// How to open a world.
#[derive(Clone)]
pub struct WorldOptions {
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Its clocks.
    pub clocks: Clocks,
    /// Where ids, secrets and salts come from.
    pub random: Arc<dyn Random>,
    /// The token service's key for a new world; made when absent. Tests share one, because making
    /// one takes a good part of a second.
    pub signing_key: Option<Secret>,
    /// Is told what goes wrong inside, which no caller should see.
    pub trouble: Option<Trouble>,
}

/// The open rooms.
pub struct OpenWorld {
    pub(crate) folder: DataFolder,
    pub(crate) identity: Arc<Identity>,
    pub(crate) organization: Arc<Organization>,
    pub(crate) clocks: Clocks,
    tenant: TenantEntry,
    org: OrgEntry,
    origin: String,
    _lock: FolderLock,
}

const FIRST_KEY: &str = "signing-1.pem";

impl OpenWorld {
    /// Opens the world of `folder`, making it where it is new.
    ///
    /// # Errors
    /// [`StartError`]: the folder is in use, is not ours or is damaged, or a database is.
    pub async fn open(folder: DataFolder, origin: &str, options: &WorldOptions) -> Result<Self, StartError> {
        let lock = folder.open()?;
        Self::open_locked(folder, lock, origin, options).await
    }

    pub(crate) async fn open_locked(
        folder: DataFolder,
        lock: FolderLock,
        origin: &str,
        options: &WorldOptions,
    ) -> Result<Self, StartError> {
        let world = match folder.world()? {
            Some(world) => world,
            None => folder.write_world(&new_world(options.random.as_ref()))?,
        };
        let (tenant, org) = world.first().ok_or_else(|| folder.damaged("world.json", "it names no org".to_owned()))?;
        let (tenant, org) = (tenant.clone(), org.clone());
        if world.complete {
            // An empty database in its place would look like an org that has lost its memory.
            for file in [folder.directory_file(), folder.org_file(org.id)] {
                if !file.exists() {
                    return Err(FolderError::Damaged { path: file, why: "it is missing".to_owned() }.into());
                }
            }
        }
        let key = signing_key(&folder, &world, options).await?;
        let identity = Arc::new(
            Identity::open(IdentityConfig {
                database: DatabaseOptions::file(folder.private_database(folder.directory_file())?)
                    .durability(options.durability),
                signing_keys: vec![key],
                clocks: options.clocks.clone(),
                random: Arc::clone(&options.random),
                origin: origin.to_owned(),
                resources: Arc::new(FixedOrganizations::new([(tenant.id, origin.to_owned())])),
            })
            .await?,
        );
        let organization = Organization::open(OrganizationConfig {
            database: DatabaseOptions::file(folder.private_database(folder.org_file(org.id))?)
                .durability(options.durability),
            organization: org.id,
            tenant: tenant.id,
            name: org.name.clone(),
            url: origin.to_owned(),
            login: origin.to_owned(),
            clocks: options.clocks.clone(),
            random: Arc::clone(&options.random),
            directory: Arc::new(DirectoryDoor::new(Arc::clone(&identity), tenant.id)),
            sample_rows: FIRST_SAMPLE_ROWS,
            trouble: options.trouble.clone(),
        })
        .await?;
        let open = Self {
            folder,
            identity,
            organization: Arc::new(organization),
            clocks: options.clocks.clone(),
            tenant,
            org,
            origin: origin.to_owned(),
            _lock: lock,
        };
        if !world.complete {
            open.complete(world).await?;
        }
        Ok(open)
    }

    /// Makes what a new world needs, in an order in which nothing is lost by a kill.
    async fn complete(&self, mut world: World) -> Result<(), StartError> {
        let known = self.identity.tenants().await?.iter().any(|(id, _)| *id == self.tenant.id);
        let administrators = if known {
            self.identity.reset_admin_credentials(self.tenant.id).await?
        } else {
            let plan = TenantPlan {
                id: Some(self.tenant.id),
                domain: self.tenant.domain.clone(),
                display_name: ORGANIZATION_NAME.to_owned(),
            };
            self.identity.bootstrap_tenant(&plan).await?
        };
        self.admit(&administrators).await?;
        world.complete = true;
        self.folder.write_world(&world)?;
        Ok(())
    }

    /// Makes new credentials for the administrators and writes them to `org.env`; the old ones stop
    /// working.
    ///
    /// # Errors
    /// [`StartError`] when the directory or the file cannot be written.
    pub async fn reset_credentials(&self) -> Result<(), StartError> {
        let administrators = self.identity.reset_admin_credentials(self.tenant.id).await?;
        self.admit(&administrators).await
    }

    /// Lets the administrators into the org, and writes what they sign in with to `org.env`.
    async fn admit(&self, administrators: &Administrators) -> Result<(), StartError> {
        let application = Administrator::Application(ApplicationFacts {
            client_id: administrators.client_id,
            display_name: APPLICATION_NAME.to_owned(),
            identifier_uri: None,
            service_principal: administrators.service_principal,
        });
        let person = Administrator::Person {
            object_id: administrators.user,
            user_principal_name: administrators.user_principal_name.clone(),
            first_name: "Local".to_owned(),
            last_name: "Administrator".to_owned(),
        };
        for administrator in [application, person] {
            self.organization.ensure_administrator(administrator).await?;
        }
        let credentials = AdminCredentials {
            client_id: administrators.client_id.to_string(),
            client_secret: administrators.client_secret.clone(),
            username: administrators.user_principal_name.clone(),
            password: administrators.password.clone(),
        };
        self.write_env(&credentials)
    }

    /// Adds sample rows; the same seed makes the same rows, and those that are there stay.
    ///
    /// # Errors
    /// [`StartError`] when the org cannot be written.
    pub async fn sample(&self, rows: u32, seed: u64) -> Result<Sampled, StartError> {
        Ok(self.organization.sample(rows, seed).await?)
    }

    /// Where the world answers and what a client needs to trust.
    #[must_use]
    pub fn address(&self) -> Address {
        Address {
            origin: self.origin.clone(),
            ca_file: self.folder.ca_file().display().to_string(),
            tenant_id: self.tenant.id.to_string(),
            tenant_domain: self.tenant.domain.clone(),
            org_url: self.origin.clone(),
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant.id
    }

    /// The organization.
    #[must_use]
    pub fn org(&self) -> OrgId {
        self.org.id
    }

    /// The administrators' credentials as `org.env` has them; `None` when it is lost or lacks one.
    ///
    /// # Errors
    /// [`FolderError`] when the file is there and cannot be read.
    pub fn admin_credentials(&self) -> Result<Option<AdminCredentials>, FolderError> {
        match EnvFile::read(&self.folder.env_file()) {
            Ok(file) => Ok(env_file::admin(&file)),
            Err(EnvFileError::File(error)) if error.is_missing() => Ok(None),
            Err(EnvFileError::File(error)) => Err(error.into()),
            Err(EnvFileError::Line { line, problem, .. }) => {
                Err(self.folder.damaged("org.env", format!("line {line}: {problem}")))
            }
        }
    }

    /// Brings `org.env` up to the current address; `false` when it is lost, which only
    /// [`reset_credentials`](Self::reset_credentials) mends.
    pub(crate) fn refresh_env(&self) -> Result<bool, StartError> {
        match self.admin_credentials()? {
            None => Ok(false),
            Some(credentials) => self.write_env(&credentials).map(|()| true),
        }
    }

    fn write_env(&self, credentials: &AdminCredentials) -> Result<(), StartError> {
        let text = env_file::print(&self.address(), credentials);
        if self.folder.read("org.env").ok().as_deref() != Some(text.expose()) {
            self.folder.write("org.env", text.expose().as_bytes())?;
        }
        Ok(())
    }

    /// Whether the service principal or person is a Global Administrator of the tenant.
    pub(crate) async fn is_administrator(&self, principal: ObjectId) -> Result<bool, keyholder_identity::Error> {
        self.identity.has_directory_role(self.tenant.id, principal, GLOBAL_ADMINISTRATOR).await
    }

    /// Env files in the folder whose org URL is not this org's: left from another origin.
    #[must_use]
    pub fn stale_env_files(&self) -> Vec<std::path::PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.folder.path()) else { return Vec::new() };
        let mut stale: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "env"))
            .filter(|path| {
                let url = EnvFile::read(path).ok().and_then(|file| Some(file.get(names::ORG_URL)?.value.clone()));
                url.is_some_and(|url| url.expose() != self.origin)
            })
            .collect();
        stale.sort();
        stale
    }
}

fn new_world(random: &dyn Random) -> World {
    let org = OrgEntry { id: OrgId(random.uuid()), name: ORGANIZATION_NAME.to_owned() };
    let tenant = TenantEntry { id: TenantId(random.uuid()), domain: TENANT_DOMAIN.to_owned(), orgs: vec![org] };
    World::new(vec![tenant])
}

/// The token service's key: read, or made for a new world. A completed world whose key is gone is
/// damaged: tokens that are out would suddenly be worthless, and nobody would know why.
async fn signing_key(folder: &DataFolder, world: &World, options: &WorldOptions) -> Result<SigningKey, StartError> {
    let pem = match folder.read(FIRST_KEY) {
        Ok(text) => Secret::new(text),
        Err(FolderError::File(file)) if file.is_missing() && !world.complete => {
            let pem = match &options.signing_key {
                Some(pem) => pem.clone(),
                None => {
                    tokio::task::spawn_blocking(keys::generate_key_pem).await.map_err(|_| StartError::Interrupted)??
                }
            };
            folder.write(FIRST_KEY, pem.expose().as_bytes())?;
            pem
        }
        // Tokens that are out would suddenly be worthless, and nobody would know why.
        Err(FolderError::File(file)) if file.is_missing() => {
            return Err(folder.damaged(FIRST_KEY, "it is missing".to_owned()).into());
        }
        Err(error) => return Err(error.into()),
    };
    SigningKey::from_pem(&pem, None)
        .map_err(|_| folder.damaged(FIRST_KEY, "it is no RSA private key in PEM form".to_owned()).into())
}
