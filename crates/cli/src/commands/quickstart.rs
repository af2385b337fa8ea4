//! `keyholder quickstart`: the main job on the local org, one line for each step.
//!
//! The steps are the library's and go over HTTP, as they would to the real services. What is
//! here is where the org comes from (the running one of the data folder, else one in this
//! process), and the words.

mod next;

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyholder_client::{Connection, Http, NetworkOptions};
use keyholder_org::folder::RunningNote;
use keyholder_org::{DataFolder, LocalOrg, env_file};
use keyholder_platform::{EnvFile, EnvFileError};
use keyholder_service_users::{
    Administrator, ApplicationUserDefinition, EnvFileSink, Event, Outcome, Provisioned, Reporter, provision, remove,
};
use serde_json::{Value, json};

use crate::args::{Durability, Quickstart};
use crate::commands::org::{interruption, serve};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::{local, table};

/// The application of the quickstart, its role and its env file.
const NAME: &str = "orders-sync";

pub(crate) async fn run(arguments: &Quickstart, printer: Printer) -> Result<(), Failure> {
    let data = &arguments.data;
    if arguments.remove && !DataFolder::new(&data.data)?.exists()? {
        printer.line(&format!("nothing to remove: there is no local org in {}", data.data.display()));
        printer.json(&json!({"steps": [], "removed": false}));
        return Ok(());
    }
    let place = Place::find(arguments, printer).await?;
    let administrator = administrator(place.folder()).await?;
    let path = place.folder().file(&format!("{NAME}.env"));
    let sink = EnvFileSink::new(&path).map_err(keyholder_service_users::Error::from)?.ours();
    let mut definition = ApplicationUserDefinition::reading_contacts(NAME);
    definition.client_id = arguments.client_id;

    let mut lines = Lines { printer, folder: place.folder().path().to_path_buf(), events: Vec::new() };
    if arguments.remove {
        printer.line(&format!("Taking `{NAME}` out of the local org at {}:\n", administrator.connection.url));
        remove(&administrator, &definition, &sink, &mut lines).await?;
        let any = |outcome: &str| lines.events.iter().any(|event| event["outcome"] == outcome);
        let ended = match (any("kept"), any("removed")) {
            (true, _) => "What is marked `kept` stays: it is not ours, or others use it.",
            (false, true) => "All of it is gone.",
            (false, false) => "There was nothing to remove.",
        };
        printer.line(&format!("\n{ended} The local org itself is the folder {}.", shown(place.folder().path())));
        printer.json(&json!({"steps": lines.events, "removed": any("removed")}));
        return place.end(false, printer).await;
    }
    printer.line(&format!("Giving `{NAME}` its own way into the local org at {}:\n", administrator.connection.url));
    let made = provision(&administrator, &definition, &sink, &mut lines).await?;
    printer.line(&format!("\n{}\n", table::of(&made.rows, false, table::width()).text));
    conclude(&made, &place, arguments, &lines, printer);
    place.end(arguments.serve, printer).await
}

/// Says what exists now and what to try next.
fn conclude(made: &Provisioned, place: &Place, arguments: &Quickstart, lines: &Lines, printer: Printer) {
    let stays = place.stays(arguments);
    printer.line(if made.changed {
        "What was made:"
    } else {
        "Nothing had to be changed; the sign-in was proved again. What exists:"
    });
    printer.line(&format!("  application        {} (client id {})", made.name, made.client_id));
    let until = made.secret_expires.map(|end| format!(", works until {}", end.date())).unwrap_or_default();
    printer.line(&format!("  client secret      in {}{until}", shown(Path::new(&made.secret_place))));
    printer.line(&format!(
        "  security role      {}: may read every contact in the org{}",
        made.role,
        match made.beyond.as_slice() {
            [] => ", and nothing else",
            _ => "; BUT ALSO MORE than that:",
        }
    ));
    for more in &made.beyond {
        printer.line(&format!("                     {more}"));
    }
    printer.line(&format!("  application user   {}", made.user_id));
    let next = next::commands(place.folder(), &made.url, arguments, stays);
    if next.is_empty() {
        printer.line("\nThe org and all of this were in a temporary folder, which is removed now (--ephemeral).");
    } else {
        printer.line("\nTry next:");
        for step in &next {
            printer.line(&format!("  # {}\n  {}", step.why, step.command));
        }
    }
    printer.json(&json!({
        "steps": lines.events,
        "result": made,
        "next": next.iter().map(|step| json!({"why": step.why, "command": step.command})).collect::<Vec<_>>(),
    }));
}

/// Where the local org of this run is.
enum Place {
    /// In this process.
    Here(Box<LocalOrg>),
    /// In another process, which has the folder.
    Elsewhere(DataFolder),
}

impl Place {
    async fn find(arguments: &Quickstart, printer: Printer) -> Result<Self, Failure> {
        if !arguments.data.ephemeral {
            let folder = DataFolder::new(&arguments.data.data)?;
            if let Some(note) = folder.running()? {
                refuse_idle_flags(arguments, &note)?;
                printer.note(&format!("using the local org that runs at {} (process {})", note.origin, note.pid));
                return Ok(Self::Elsewhere(folder));
            }
        }
        let org = local::start(&arguments.data, &arguments.listen, keyholder_org::Settings::default()).await?;
        for note in org.notes() {
            printer.note(note);
        }
        Ok(Self::Here(Box::new(org)))
    }

    fn folder(&self) -> &DataFolder {
        match self {
            Self::Here(org) => org.folder(),
            Self::Elsewhere(folder) => folder,
        }
    }

    /// Whether the org can be used after this run, or while it serves.
    fn stays(&self, arguments: &Quickstart) -> bool {
        !arguments.data.ephemeral || arguments.serve
    }

    async fn end(self, keep: bool, printer: Printer) -> Result<(), Failure> {
        match self {
            Self::Here(org) if keep => serve(*org, interruption()?, printer).await,
            Self::Here(org) => {
                org.stop().await;
                Ok(())
            }
            Self::Elsewhere(_) => Ok(()),
        }
    }
}

/// A running org answers where it was told to: flags that say otherwise would do nothing.
fn refuse_idle_flags(arguments: &Quickstart, note: &RunningNote) -> Result<(), Failure> {
    let listen = &arguments.listen;
    let elsewhere = |address: std::net::SocketAddr| !note.origin.ends_with(&format!(":{}", address.port()));
    let given = [
        (listen.listen.is_some_and(elsewhere), "--listen"),
        (!listen.also_listen.is_empty(), "--also-listen"),
        (listen.http.is_some(), "--http"),
        (listen.host.is_some(), "--host"),
        (arguments.serve, "--serve"),
        (arguments.data.durability == Durability::Full, "--durability"),
    ];
    match given.iter().find(|(is_given, _)| *is_given) {
        None => Ok(()),
        Some((_, flag)) => {
            let message = format!("{flag} cannot be had: an org runs on that folder already, at {}", note.origin);
            Err(Failure::new(Exit::Usage, message).hint("leave the flag out, or stop that org with Ctrl-C first"))
        }
    }
}

/// Signs in as the administering application of the folder's `org.env`.
async fn administrator(folder: &DataFolder) -> Result<Administrator, Failure> {
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
    let connection = Connection {
        url: url.parse().map_err(|error| damaged(&format!("the org's URL {error}")))?,
        tenant: setting(env_file::names::TENANT_ID),
        authority: Some(origin.parse().map_err(|_| damaged("the origin is no URL"))?),
        client_id: admin.client_id.parse().map_err(|_| damaged("the client id is no GUID"))?,
        credential: admin.client_secret.into(),
        ca_file: Some(folder.ca_file()),
    };
    let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..NetworkOptions::default() })?;
    Ok(Administrator::connect(connection, http).await?)
}

/// Prints each step as it happens, and remembers it for the JSON at the end.
struct Lines {
    printer: Printer,
    folder: PathBuf,
    events: Vec<Value>,
}

impl Reporter for Lines {
    fn done(&mut self, event: &Event) {
        let word = match event.outcome {
            Outcome::Created => "created",
            Outcome::Found => "found",
            Outcome::Changed => "changed",
            Outcome::Proved => "proved",
            Outcome::Skipped => "skipped",
            Outcome::Removed => "removed",
            Outcome::Absent => "absent",
            Outcome::Kept => "kept",
            _ => "done",
        };
        // The library names a place by its whole path; a person stands beside it.
        let subject = event.subject.replace(&self.folder.display().to_string(), &shown(&self.folder));
        let id = event.facts.get("clientId").map(|id| format!(" (client id {id})")).unwrap_or_default();
        self.printer.line(&format!("  {word:<8} {subject}{id}"));
        for note in &event.notes {
            self.printer.line(&format!("           {note}"));
        }
        self.events.push(serde_json::to_value(event).unwrap_or_default());
    }

    fn waiting(&mut self, what: &str, wait: Duration) {
        self.printer.note(&format!("waiting for {what}, asking again in {:.1} s", wait.as_secs_f64()));
    }
}

/// A path as a person would type it here.
fn shown(path: &Path) -> String {
    let relative = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| path.to_path_buf()).display().to_string()
}
