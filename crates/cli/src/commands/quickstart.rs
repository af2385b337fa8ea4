//! `keyholder quickstart`: the main job on the local org, one line for each step.
//!
//! The steps are the library's and go over HTTP, as they would to the real services. What is
//! here is where the org comes from (the running one of the data folder, else one in this
//! process), and the words.

mod next;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyholder_org::folder::RunningNote;
use keyholder_org::{DataFolder, LocalOrg};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::{Administrator, EnvFileSink, Estate, InOrder, Provisioned, Sinks, bring_about, remove};
use serde_json::json;

use crate::args::{Durability, Quickstart};
use crate::commands::org::{interruption, serve};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::{Lines, shown};
use crate::{local, settings, table};

/// The application of the quickstart, its role and its env file.
const NAME: &str = "orders-sync";
/// How many contacts it reads to prove that it may.
const ROWS: u32 = 3;

pub(crate) async fn run(arguments: &Quickstart, printer: Printer) -> Result<(), Failure> {
    let data = &arguments.data;
    if arguments.remove && !DataFolder::new(&data.data)?.exists()? {
        printer.line(&format!("nothing to remove: there is no local org in {}", data.data.display()));
        printer.json(&json!({"steps": [], "removed": false}));
        return Ok(());
    }
    let place = Place::find(arguments, printer).await?;
    let connection = local::administrator(place.folder())?;
    let http = settings::http(connection.ca_file.clone())?;
    let administrator = Administrator::connect(connection, http).await?;
    let url = administrator.connection.url.clone();
    let path = place.folder().file(&format!("{NAME}.env"));
    let sink = EnvFileSink::new(&path).map_err(keyholder_service_users::Error::from)?.ours();
    let mut declaration = Declaration::reading_contacts(NAME, &url, Sink::EnvFile(path));
    for user in declaration.application_users.values_mut() {
        user.client_id = arguments.client_id;
    }

    let lines = Lines::of_all(printer, place.folder().path());
    if arguments.remove {
        printer.line(&format!("Taking `{NAME}` out of the local org at {url}:\n"));
        for (user, role) in declaration.application_users.values().zip(declaration.roles.values()) {
            remove(&administrator, user, role, &sink, &lines).await?;
        }
        let ended = match (lines.any("kept"), lines.any("removed")) {
            (true, _) => "What is marked `kept` stays: it is not ours, or others use it.",
            (false, true) => "All of it is gone.",
            (false, false) => "There was nothing to remove.",
        };
        printer.line(&format!("\n{ended} The local org itself is the folder {}.", shown(place.folder().path())));
        printer.json(&json!({"steps": lines.events(), "removed": lines.any("removed")}));
        return place.end(false, printer).await;
    }
    printer.line(&format!("Giving `{NAME}` its own way into the local org at {url}:\n"));
    let made = provision(administrator, &declaration, sink, &lines).await?;
    printer.line(&format!("\n{}\n", table::of(&made.rows, false, table::width()).text));
    conclude(&made, &place, arguments, &lines, printer);
    place.end(arguments.serve, printer).await
}

/// The one way in that the quickstart makes, each step told in its order.
async fn provision(
    administrator: Administrator,
    declaration: &Declaration,
    sink: EnvFileSink,
    lines: &Lines,
) -> Result<Provisioned, Failure> {
    let estate = Estate::new(declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]));
    let mut sinks = Sinks::default();
    sinks.insert(NAME, 0, Arc::new(sink));
    let in_order = InOrder::new(lines);
    let done = bring_about(&estate, declaration, &sinks, Proving { all: true, rows: ROWS }, &in_order).await;
    in_order.flush();
    let (_, mut applied) = done?;
    applied.proved.pop().ok_or_else(|| Failure::new(Exit::Failed, format!("`{NAME}` was not proved")))
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
        made.roles.join(", "),
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
        "steps": lines.events(),
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
