//! The local org of a data folder: the running one, or one opened for this command alone.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use keyholder_client::{Connection, EnvFile, Http, NetworkOptions};
use keyholder_foundation::{Clocks, OsRandom};
use keyholder_org::folder::RunningNote;
use keyholder_org::world::DEFAULT_ORIGIN;
use keyholder_org::{
    DataFolder, Listen, LocalOrg, OpenWorld, Options, Place, Settings, WorldOptions, control, env_file,
};
use keyholder_platform::EnvFileError;
use serde_json::Value;

use crate::args::{Data, Durability, ListenFlags};
use crate::exit::Exit;
use crate::failure::{Failure, exit_of};
use crate::printer::Printer;

/// How a world is opened from the command line.
fn world_options(durability: Durability, settings: Settings) -> WorldOptions {
    WorldOptions {
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

/// Starts the local org that the flags describe.
pub(crate) async fn start(data: &Data, listen: &ListenFlags, settings: Settings) -> Result<LocalOrg, Failure> {
    let place = if data.ephemeral { Place::Ephemeral } else { Place::Folder(data.data.clone()) };
    let listen = Listen {
        address: listen.listen,
        also: listen.also_listen.clone(),
        http: listen.http,
        host: listen.host.clone(),
    };
    let options = Options {
        place,
        listen,
        world: world_options(data.durability, settings),
        provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
    };
    Ok(LocalOrg::start(options).await?)
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
        let message = format!("there is no local org in `{}`", path.display());
        return Err(Failure::new(Exit::BadConfiguration, message)
            .hint("make one with `keyholder org start` or `keyholder quickstart`, or give its folder with `--data`"));
    }
    match folder.running()? {
        Some(note) => Ok(Holder::Running(Control::new(&folder, note)?)),
        None => {
            let world =
                OpenWorld::open(folder, DEFAULT_ORIGIN, &world_options(Durability::Normal, Settings::default()))
                    .await?;
            Ok(Holder::Opened(Box::new(world)))
        }
    }
}

/// The local org of a folder, for one command: the running one, or one that runs as long as the command.
pub(crate) enum LocalPlace {
    /// In this process.
    Here(Box<LocalOrg>),
    /// In another process, which has the folder.
    Elsewhere(DataFolder),
}

impl LocalPlace {
    /// Finds the running org of a folder, or starts one.
    pub(crate) async fn find(path: &Path, printer: Printer) -> Result<Self, Failure> {
        let folder = DataFolder::new(path)?;
        if let Some(note) = folder.running()? {
            printer.note(&format!("using the local org that runs at {} (process {})", note.origin, note.pid));
            return Ok(Self::Elsewhere(folder));
        }
        let data = Data { data: path.to_path_buf(), ephemeral: false, durability: Durability::Normal };
        let listen = ListenFlags { listen: None, also_listen: Vec::new(), http: None, host: None };
        let org = start(&data, &listen, Settings::default()).await?;
        for note in org.notes() {
            printer.note(note);
        }
        Ok(Self::Here(Box::new(org)))
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
    let path = folder.env_file();
    let damaged = |what: &str| Failure::new(Exit::BadData, format!("`{}` is damaged: {what}", path.display()));
    let lost = || {
        Failure::new(
            Exit::BadConfiguration,
            format!("`{}` is lost or lacks the administrators' secrets", path.display()),
        )
        .hint("make new ones with `keyholder org credentials --reset`")
    };
    let file = match EnvFile::read(&path) {
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
