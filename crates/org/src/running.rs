//! A local org that answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::Secret;
use rustls::crypto::CryptoProvider;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::certificates::Authority;
use crate::control;
use crate::env_file::{Address, AdminCredentials};
use crate::error::StartError;
use crate::folder::{DataFolder, FolderError, RunningNote};
use crate::listen::Listen;
use crate::listeners::Serving;
use keyholder_data::Imported;
use keyholder_dataverse::csdl::Provenance;
use keyholder_dataverse::schema::SchemaDefinition;

use crate::rooms::Rooms;
use crate::serve;
use crate::world::{OpenWorld, WorldOptions};

/// How often observations are written down.
const KEPT_EVERY: Duration = Duration::from_secs(1);

/// Where a local org keeps its data.
#[derive(Debug, Clone)]
pub enum Place {
    /// In this folder, between runs.
    Folder(PathBuf),
    /// In a temporary folder that goes with the org.
    Ephemeral,
}

/// How to start a local org.
pub struct Options {
    /// Where its data is.
    pub place: Place,
    /// Where it answers.
    pub listen: Listen,
    /// Whether it ends with a command that has something else to do ([`RunningNote::is_passing`]).
    pub is_passing: bool,
    /// Its world.
    pub world: WorldOptions,
    /// The TLS library's cryptography.
    pub provider: Arc<CryptoProvider>,
}

/// A local org that answers until it is stopped or dropped.
pub struct LocalOrg {
    rooms: Arc<Rooms>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    addresses: Vec<std::net::SocketAddr>,
    http_addresses: Vec<std::net::SocketAddr>,
    notes: Vec<String>,
    ca_pem: String,
    // Dropped last: the temporary folder goes when nothing uses it any more.
    _temporary: Option<tempfile::TempDir>,
}

impl LocalOrg {
    /// Opens the data folder, makes what is missing, and answers.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (folder, temporary) = match options.place {
            Place::Folder(path) => (DataFolder::new(&path)?, None),
            Place::Ephemeral => {
                let failed = |source| {
                    let path = std::env::temp_dir();
                    FolderError::File(keyholder_platform::FileError::Io { doing: "make a folder in", path, source })
                };
                let temporary = tempfile::Builder::new().prefix("keyholder-").tempdir().map_err(failed)?;
                (DataFolder::new(&temporary.path().join("data"))?, Some(temporary))
            }
        };
        let lock = folder.open()?;
        let bound = options.listen.bind().await?;
        let now = options.world.clocks.system.now();
        let mut notes: Vec<String> = bound
            .absent
            .iter()
            .map(|address| format!("this machine has no {address}; clients that ask for it will not get in"))
            .collect();
        let (authority, renewed) = authority(&folder, bound.host.as_deref(), now)?;
        if renewed {
            notes.push(format!(
                "a new certificate authority was made: give clients `{}` again",
                folder.ca_file().display()
            ));
        }
        let tls = Arc::new(authority.server_config(bound.host.as_deref(), now, &options.provider)?);

        let world =
            OpenWorld::open_locked(folder.clone(), lock, &bound.origin, Some(bound.address), &options.world).await?;
        for name in world.refresh_env_files().await? {
            let path = folder.file(&name);
            if world.is_shared() {
                let path = path.display();
                notes
                    .push(format!("`{path}` is on another node, which made the administrators' secrets: copy it here"));
                continue;
            }
            let mend = if name == "org.env" { ": run `keyholder org credentials --reset`" } else { "" };
            notes.push(format!("`{}` is lost, and with it the administrators' secrets{mend}", path.display()));
        }
        for (org, port) in world.listeners.lost() {
            for moved in
                world.list().await.iter().flat_map(|tenant| &tenant.orgs).filter(|one| one.organization_id == org)
            {
                let (name, url) = (&moved.name, &moved.url);
                notes.push(format!(
                    "port {port} of the org {name} is in use by another program: in this run it answers at {url}"
                ));
            }
        }
        for path in world.stale_env_files() {
            notes.push(format!("`{}` points to another address than {}", path.display(), bound.origin));
        }
        let mut key = [0; 32];
        options.world.random.fill(&mut key);
        let key = Secret::new(key.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let note = RunningNote::new(std::process::id(), bound.origin.clone(), bound.control.clone(), &key)
            .passing(options.is_passing);

        let (stop, stopped) = watch::channel(false);
        let connections = serve::connections(Arc::clone(&options.world.settings.sleep));
        let serving = Serving { tls: Arc::clone(&tls), connections: Arc::clone(&connections) };
        let rooms = Rooms::new(world, key, serving).await;
        let address_of = |listener: &tokio::net::TcpListener| listener.local_addr().ok();
        let addresses = bound.https.iter().filter_map(address_of).collect();
        let http_addresses = bound.http.iter().filter_map(address_of).collect();
        let mut listeners = JoinSet::new();
        let with_tls = bound.https.into_iter().map(|listener| (listener, Some(Arc::clone(&tls))));
        for (listener, tls) in with_tls.chain(bound.http.into_iter().map(|listener| (listener, None))) {
            listeners.spawn(serve::serve(listener, tls, Arc::clone(&rooms), Arc::clone(&connections), stopped.clone()));
        }
        listeners.spawn(keep_observations(Arc::clone(&rooms), stopped));
        // Written last: who reads it can connect.
        folder.write_note(&note)?;
        Ok(Self {
            rooms,
            stop,
            listeners,
            addresses,
            http_addresses,
            notes,
            ca_pem: authority.certificate_pem,
            _temporary: temporary,
        })
    }

    /// Where it answers and what a client needs to trust.
    #[must_use]
    pub fn address(&self) -> Address {
        self.rooms.world.address()
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
        self.rooms.world.import_schema(schema, provenance).await
    }

    /// The https addresses that are bound.
    #[must_use]
    pub fn addresses(&self) -> &[std::net::SocketAddr] {
        &self.addresses
    }

    /// The plain http addresses that are bound.
    #[must_use]
    pub fn http_addresses(&self) -> &[std::net::SocketAddr] {
        &self.http_addresses
    }

    /// The CA certificate, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &DataFolder {
        &self.rooms.world.folder
    }

    /// What whoever started it should know, each in one sentence.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the control endpoint says of the org, as JSON.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        control::status(&self.rooms)
    }

    /// The administrators' credentials, as `org.env` has them.
    ///
    /// # Errors
    /// [`FolderError`] when the file is there and cannot be read.
    pub fn admin_credentials(&self) -> Result<Option<AdminCredentials>, FolderError> {
        self.rooms.world.admin_credentials()
    }

    /// Stops answering, lets requests under way finish (a few seconds at most), and closes the
    /// databases.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let further = &self.rooms.world.listeners;
        further.keep_only(|_| false);
        further.finished().await;
        while self.listeners.join_next().await.is_some() {}
    }
}

impl Drop for LocalOrg {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.rooms.world.listeners.keep_only(|_| false);
        self.rooms.world.folder.remove_note();
    }
}

/// Writes down each second what was observed of sign-ins and usage, so that a kill loses no more than that; and
/// once more at the end. Forgets whom the limits need to know no more. Nothing is decided by it.
async fn keep_observations(rooms: Arc<Rooms>, mut stopped: watch::Receiver<bool>) {
    let mut ending = false;
    while !ending {
        ending = tokio::time::timeout(KEPT_EVERY, stopped.wait_for(|stopping| *stopping)).await.is_ok();
        rooms.world.keep_observations().await;
        rooms.world.keep_usage().await;
        rooms.protection.forget_idle();
    }
}

/// The kept CA, or a new one where there is none or it cannot vouch for `host`; and whether
/// clients must be given it again.
fn authority(
    folder: &DataFolder,
    host: Option<&str>,
    now: keyholder_foundation::Timestamp,
) -> Result<(Authority, bool), StartError> {
    const CERTIFICATE: &str = "ca.pem";
    const KEY: &str = "ca.key";
    let read = |name| match folder.read(name) {
        Ok(text) => Ok(Some(text)),
        Err(FolderError::File(file)) if file.is_missing() => Ok(None),
        Err(error) => Err(error),
    };
    let kept = match (read(CERTIFICATE)?, read(KEY)?) {
        (Some(certificate_pem), Some(key)) => Some(Authority { certificate_pem, key_pem: key.into() }),
        _ => None,
    };
    let had_one = folder.ca_file().exists();
    if let Some(kept) = kept
        && kept.covers(host, now)?
    {
        return Ok((kept, false));
    }
    let made = Authority::create(host, now)?;
    // The key first: a certificate without its key would be given to clients in vain.
    folder.write(KEY, made.key_pem.expose().as_bytes())?;
    folder.write(CERTIFICATE, made.certificate_pem.as_bytes())?;
    Ok((made, had_one))
}
