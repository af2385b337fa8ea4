//! The local org of a data folder: the running one, or one opened for this command alone.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyholder_client::{Connection, EnvFile, Http, NetworkOptions};
use keyholder_foundation::{Clocks, OsRandom, Secret, Sleep};
use keyholder_org::folder::{FolderError, RunningNote};
use keyholder_org::world::DEFAULT_ORIGIN;
use keyholder_org::{
    DataFolder, Listen, LocalOrg, OpenWorld, Options, Place, Refused, Settings, SharedDatabase, StartError,
    WorldOptions, control, env_file,
};
use keyholder_platform::{EnvFileError, RuntimeSleep};
use serde_json::Value;
use url::Url;

use crate::args::{Data, Durability, ListenFlags};
use crate::exit::Exit;
use crate::failure::{Failure, exit_of};
use crate::printer::Printer;
use crate::settings::{self, DATABASE_URL, MASTER_KEY_FILE};

/// How a world is opened from the command line.
fn world_options(durability: Durability, settings: Settings, database: Option<SharedDatabase>) -> WorldOptions {
    WorldOptions {
        database,
        durability: match durability {
            Durability::Normal => keyholder_org::Durability::Normal,
            Durability::Full => keyholder_org::Durability::Full,
        },
        clocks: Clocks::system(0),
        random: Arc::new(OsRandom),
        signing_key: None,
        // A fault inside the local org is answered without details; here is where they go.
        trouble: Some(Arc::new(|error| {
            let _ = writeln!(std::io::stderr(), "trouble inside the local org: {error}");
        })),
        settings,
    }
}

/// The database that the org is in, when it is in none of its folder's: as a file or the environment
/// says. No flag takes the URL, which has a password in it.
fn database(file: Option<&Path>) -> Result<Option<SharedDatabase>, Failure> {
    let url = match file {
        Some(file) => Some(settings::secret_file(file, "database's URL", "--database-url-file")?),
        None => settings::environment(DATABASE_URL).filter(|url| !url.is_empty()).map(Secret::new),
    };
    let Some(url) = url else { return Ok(None) };
    let path = settings::environment(MASTER_KEY_FILE).filter(|path| !path.is_empty());
    let path = path.ok_or(Refused::NoMasterKey { variable: MASTER_KEY_FILE })?;
    let key = settings::secret_file(Path::new(&path), "master key", MASTER_KEY_FILE)?;
    Ok(Some(SharedDatabase::new(&url, &key, Arc::new(OsRandom), Arc::new(RuntimeSleep))?))
}

/// The same of flags. What is kept nowhere is in no database either, whatever the environment says.
fn database_of(data: &Data, printer: Printer) -> Result<Option<SharedDatabase>, Failure> {
    if data.ephemeral {
        return Ok(None);
    }
    let database = database(data.database_url_file.as_deref())?;
    if let Some(file) = &data.database_url_file {
        settings::note_exposed(file, "password", printer);
    }
    if let Some(file) = settings::environment(MASTER_KEY_FILE).filter(|_| database.is_some()) {
        settings::note_exposed(Path::new(&file), "master key", printer);
    }
    Ok(database)
}

/// Starts the local org that the flags describe.
pub(crate) async fn start(
    data: &Data,
    listen: &ListenFlags,
    settings: Settings,
    printer: Printer,
) -> Result<LocalOrg, Failure> {
    Ok(start_at(data, listen, settings, false, database_of(data, printer)?).await?)
}

/// The same; where no flag says where, at the port where it was last: env files and clients know that one.
async fn start_at(
    data: &Data,
    listen: &ListenFlags,
    settings: Settings,
    is_passing: bool,
    database: Option<SharedDatabase>,
) -> Result<LocalOrg, StartError> {
    let place = if data.ephemeral { Place::Ephemeral } else { Place::Folder(data.data.clone()) };
    let last = match &place {
        Place::Folder(folder) if listen.host.is_none() => {
            DataFolder::new(folder)?.last_origin().and_then(|origin| port_of(&origin))
        }
        _ => None,
    };
    let listen = Listen {
        address: listen.listen,
        also: listen.also_listen.clone(),
        http: listen.http,
        last,
        host: listen.host.clone(),
    };
    let options = Options {
        place,
        listen,
        is_passing,
        world: world_options(data.durability, settings, database),
        provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    };
    LocalOrg::start(options).await
}

/// Who can do something with a data folder now.
pub(crate) enum Holder {
    /// A running org, spoken to over its control endpoint.
    Running(Control),
    /// Nobody else: it was opened here.
    Opened(Box<OpenWorld>),
}

/// Finds out who holds the folder; opens it when nobody does.
pub(crate) async fn holder(path: &Path) -> Result<Holder, Failure> {
    let folder = DataFolder::new(path)?;
    if !folder.exists()? {
        return Err(no_local_org(path, "--data DIR"));
    }
    match folder.running()? {
        Some(note) => Ok(Holder::Running(Control::new(&folder, note)?)),
        None => {
            let origin = folder.last_origin().unwrap_or_else(|| DEFAULT_ORIGIN.to_owned());
            let options = world_options(Durability::Normal, Settings::default(), database(None)?);
            let world = OpenWorld::open(folder, &origin, &options).await?;
            Ok(Holder::Opened(Box::new(world)))
        }
    }
}

/// The failure of a command that needs a local org which is there already.
fn no_local_org(path: &Path, flag: &str) -> Failure {
    Failure::new(Exit::BadConfiguration, format!("there is no local org in `{}`", path.display())).hint(format!(
        "make one with `keyholder org start` or `keyholder quickstart`, or give the folder of another with `{flag}`"
    ))
}

/// What becomes of a command whose local org is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// The org is made: the command makes things in it.
    Make,
    /// The command fails: it only reads, or changes what must be there already.
    Refuse,
}

impl Absent {
    /// As a command that makes things has it, unless it only says what it would do.
    pub(crate) fn unless(dry_run: bool) -> Self {
        if dry_run { Self::Refuse } else { Self::Make }
    }
}

/// How often, and how long each time, somebody who has the folder for a while is waited for.
const TRIES: u32 = 1200;
const PAUSE: Duration = Duration::from_millis(100);

/// An org that was there, or that was started; or nothing, where none is to be made.
enum Found {
    Running(DataFolder, RunningNote),
    Started(Box<LocalOrg>),
    Nothing,
}

/// The port of an origin on this machine.
fn port_of(origin: &str) -> Option<u16> {
    let url = Url::parse(origin).ok().filter(|url| url.host_str() == Some("localhost"))?;
    url.port_or_known_default()
}

/// The local org of a folder, for one command: the running one, or one that runs as long as the command.
pub(crate) enum LocalPlace {
    /// In this process.
    Here(Box<LocalOrg>),
    /// In another process, which has the folder.
    Elsewhere(DataFolder),
}

/// How a local org is started where none runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) data: &'a Data,
    pub(crate) listen: &'a ListenFlags,
    /// How it behaves.
    pub(crate) settings: &'a Settings,
    /// Whether it ends with the command.
    pub(crate) is_passing: bool,
    pub(crate) absent: Absent,
}

impl LocalPlace {
    /// Finds the running org of a folder, or starts one where it answered last.
    pub(crate) async fn find(path: &Path, absent: Absent, printer: Printer) -> Result<Self, Failure> {
        let data = Data {
            data: path.to_path_buf(),
            ephemeral: false,
            database_url_file: None,
            durability: Durability::Normal,
        };
        let listen = ListenFlags { listen: None, also_listen: Vec::new(), http: None, host: None };
        let settings = Settings::default();
        let made = Made { data: &data, listen: &listen, settings: &settings, is_passing: true, absent };
        Self::find_with(made, |_| Ok(()), printer).await
    }

    /// The same as flags say; `check` may refuse the running one.
    pub(crate) async fn find_with(
        made: Made<'_>,
        check: impl Fn(&RunningNote) -> Result<(), Failure>,
        printer: Printer,
    ) -> Result<Self, Failure> {
        let database = database_of(made.data, printer)?;
        let mut tries = 0;
        loop {
            let found = Self::try_to_find(made, database.clone()).await;
            match found {
                // Somebody has the folder for a while: a command that starts an org, or has one of its own.
                Err(StartError::Folder(FolderError::InUse { .. })) if tries < TRIES => {
                    if tries == 1 {
                        printer.note("waiting for another command that works on this folder");
                    }
                    tries += 1;
                    RuntimeSleep.sleep(PAUSE).await;
                }
                Err(StartError::Folder(error @ FolderError::InUse { .. })) => {
                    return Err(Failure::new(Exit::CannotCreate, error.to_string()).hint(
                        "wait until that command has ended, or start the org with `keyholder org start`: then several \
                         commands can use it at once",
                    ));
                }
                Err(error) => return Err(error.into()),
                Ok(Found::Nothing) => return Err(no_local_org(&made.data.data, "--local=DIR")),
                Ok(Found::Running(folder, note)) => {
                    check(&note)?;
                    printer.note(&format!("using the local org that runs at {} (process {})", note.origin, note.pid));
                    return Ok(Self::Elsewhere(folder));
                }
                Ok(Found::Started(org)) => {
                    for note in org.notes() {
                        printer.note(note);
                    }
                    return Ok(Self::Here(org));
                }
            }
        }
    }

    async fn try_to_find(made: Made<'_>, database: Option<SharedDatabase>) -> Result<Found, StartError> {
        let Made { data, listen, settings, is_passing, absent } = made;
        if !data.ephemeral {
            let folder = DataFolder::new(&data.data)?;
            match folder.running()? {
                // It would be gone in the midst of what is to be done.
                Some(note) if note.is_passing => return Err(FolderError::InUse { path: data.data.clone() }.into()),
                Some(note) => return Ok(Found::Running(folder, note)),
                None if absent == Absent::Refuse && !folder.exists()? => return Ok(Found::Nothing),
                None => {}
            }
        }
        let org = start_at(data, listen, settings.clone(), is_passing, database).await?;
        Ok(Found::Started(Box::new(org)))
    }

    pub(crate) fn folder(&self) -> &DataFolder {
        match self {
            Self::Here(org) => org.folder(),
            Self::Elsewhere(folder) => folder,
        }
    }

    /// Stops the org, if it was started here.
    pub(crate) async fn end(self) {
        if let Self::Here(org) = self {
            org.stop().await;
        }
    }
}

/// The sign-in of the administering application of the folder's `org.env`.
pub(crate) fn administrator(folder: &DataFolder) -> Result<Connection, Failure> {
    administrator_by(folder, &folder.env_file())
}

/// The same of a further tenant, by its domain.
pub(crate) fn administrator_of(folder: &DataFolder, domain: &str) -> Result<Connection, Failure> {
    administrator_by(folder, &folder.file(&format!("{domain}.env")))
}

fn administrator_by(folder: &DataFolder, path: &Path) -> Result<Connection, Failure> {
    let damaged = |what: &str| Failure::new(Exit::BadData, format!("`{}` is damaged: {what}", path.display()));
    let lost = || {
        Failure::new(
            Exit::BadConfiguration,
            format!("`{}` is lost or lacks the administrators' secrets", path.display()),
        )
        .hint("make new ones with `keyholder org credentials --reset`")
    };
    let file = match EnvFile::read(path) {
        Err(EnvFileError::File(error)) if error.is_missing() => return Err(lost()),
        read => read.map_err(|error| damaged(&error.to_string()))?,
    };
    let admin = env_file::admin(&file).ok_or_else(lost)?;
    let setting = |name| file.get(name).map(|variable| variable.value.expose().to_owned());
    let url = setting(env_file::names::ORG_URL).ok_or_else(lost)?;
    let origin = setting(env_file::names::ORIGIN).ok_or_else(lost)?;
    Ok(Connection {
        url: url.parse().map_err(|error| damaged(&format!("the org's URL {error}")))?,
        tenant: setting(env_file::names::TENANT_ID),
        authority: Some(origin.parse().map_err(|_| damaged("the origin is no URL"))?),
        client_id: admin.client_id.parse().map_err(|_| damaged("the client id is no GUID"))?,
        credential: admin.client_secret.into(),
        ca_file: Some(folder.ca_file()),
    })
}

/// The control endpoint of the org that runs on a folder.
pub(crate) fn running(path: &Path) -> Result<Control, Failure> {
    let folder = DataFolder::new(path)?;
    match folder.running()? {
        Some(note) => Control::new(&folder, note),
        None => Err(Failure::new(Exit::Failed, format!("no local org runs on `{}` any more", path.display()))),
    }
}

/// A text as one segment of a path of the control endpoint.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// A running org's control endpoint, reached over loopback whatever name the org goes by.
pub(crate) struct Control {
    http: Http,
    note: RunningNote,
}

impl Control {
    fn new(folder: &DataFolder, note: RunningNote) -> Result<Self, Failure> {
        let http = Http::over_network(NetworkOptions { ca_file: Some(folder.ca_file()), ..NetworkOptions::default() })?;
        Ok(Self { http, note })
    }

    /// Asks the running org to do something.
    pub(crate) async fn post(&self, command: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(http::Method::POST, command, body).await
    }

    /// Asks the running org to tell something.
    pub(crate) async fn get(&self, command: &str) -> Result<Value, Failure> {
        self.ask(http::Method::GET, command, &Value::Null).await
    }

    /// Tells the running org how something shall be.
    pub(crate) async fn put(&self, command: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(http::Method::PUT, command, body).await
    }

    /// Tells the running org to forget something.
    pub(crate) async fn delete(&self, command: &str) -> Result<Value, Failure> {
        self.ask(http::Method::DELETE, command, &Value::Null).await
    }

    async fn ask(&self, method: http::Method, command: &str, body: &Value) -> Result<Value, Failure> {
        let wrong =
            |what: String| Failure::new(Exit::Failed, format!("the running org at {}: {what}", self.note.origin));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/_keyholder/{command}", self.note.control))
            .header(http::header::AUTHORIZATION, format!("{} {}", control::KEY_SCHEME, self.note.key().expose()))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .map_err(|error| wrong(error.to_string()))?;
        let answer = self.http.send(&request).await?;
        let value: Value =
            serde_json::from_slice(answer.body()).map_err(|_| wrong("it answered with no JSON".to_owned()))?;
        if answer.status().is_success() {
            Ok(value)
        } else {
            let said = value.pointer("/error/message").and_then(Value::as_str).unwrap_or("it refused");
            let fault = value.pointer("/error/fault").cloned().and_then(|fault| serde_json::from_value(fault).ok());
            let exit = match fault {
                Some(fault) => exit_of(fault),
                None if answer.status().is_client_error() => Exit::Usage,
                None => Exit::Failed,
            };
            Err(Failure::new(exit, format!("the running org at {}: {said}", self.note.origin)))
        }
    }
}
