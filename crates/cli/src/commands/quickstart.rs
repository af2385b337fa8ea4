//! `keyholder quickstart`: the main job on the local org, one line for each step.
//!
//! The steps are the library's and go over HTTP, as they would to the real services. What is
//! here is where the org comes from (the running one of the data folder, else one in this
//! process), and the words.

mod next;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyholder_foundation::OsRandom;
use keyholder_org::folder::RunningNote;
use keyholder_org::{DataFolder, Settings};
use keyholder_service_users::app_users::{Place, Reach, find_to_remove, remove, strike_removed};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::{
    Administrator, Borrowing, EnvFileSink, Estate, InOrder, Journal, Provisioned, Sinks, bring_about,
};
use serde_json::json;

use crate::args::{Durability, Quickstart};
use crate::commands::org::serve;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interruption::{self, Leaves, unless_stopped};
use crate::local::{self, Absent, LocalPlace, Made};
use crate::printer::Printer;
use crate::progress::{Lines, shown};
use crate::{settings, table};

/// The application of the quickstart, its role and its env file.
const NAME: &str = "orders-sync";
/// How many contacts it reads to prove that it may.
const ROWS: u32 = 3;

pub(crate) async fn run(arguments: &Quickstart, printer: Printer) -> Result<(), Failure> {
    let mut stop = interruption::listen()?;
    let place = unless_stopped(&mut stop, Leaves::Part, work(arguments, printer)).await?;
    match place {
        // Until it is stopped: that is its end.
        Some(LocalPlace::Here(org)) if arguments.serve => serve(*org, stop, printer).await,
        Some(place) => {
            place.end().await;
            Ok(())
        }
        None => Ok(()),
    }
}

/// Does the job; where the local org is that answers on, if there is one.
async fn work(arguments: &Quickstart, printer: Printer) -> Result<Option<LocalPlace>, Failure> {
    let data = &arguments.data;
    if arguments.remove && !DataFolder::new(&data.data)?.exists()? {
        printer.line(&format!("nothing to remove: there is no local org in {}", data.data.display()));
        printer.json(&json!({"steps": [], "removed": false}));
        return Ok(None);
    }
    let mut behaviour = Settings::default();
    if let Some(limits) = arguments.limits {
        behaviour.limits = limits.0;
    }
    let (listen, is_passing) = (&arguments.listen, !arguments.serve);
    let made = Made { data, listen, settings: &behaviour, is_passing, absent: Absent::Make };
    let check = |note: &RunningNote| refuse_idle_flags(arguments, note);
    let place = LocalPlace::find_with(made, check, printer).await?;
    let connection = local::administrator(place.folder())?;
    let http = settings::http(connection.ca_file.clone())?;
    let administrator = Administrator::connect(connection, http).await?;
    let url = administrator.connection.url.clone();
    let path = place.folder().file(&format!("{NAME}.env"));
    let sink = EnvFileSink::new(&path).map_err(keyholder_service_users::Error::from)?.ours();
    let mut declaration = Declaration::reading_contacts(NAME, &url, Sink::EnvFile(path));
    for user in declaration.application_users.values_mut() {
        user.client_id = arguments.adopt;
    }

    let lines = Lines::of_all(printer, place.folder().path());
    if arguments.remove {
        printer.line(&format!("Taking `{NAME}` out of the local org at {url}:\n"));
        for (user, role) in declaration.application_users.values().zip(declaration.roles.values()) {
            let who = user.client_id.map_or_else(|| user.name.clone(), |client| client.to_string());
            let places = [Place { sink: &sink, is_ours: true }];
            let found = find_to_remove(&administrator, &who, &places).await?;
            let reach = Reach { leaves_users_of_others: true, ..Reach::default() };
            remove(&administrator, &user.name, found.as_ref(), &role.name, &places, reach, &lines).await?;
            if let Some(found) = &found {
                strike_removed(found, &administrator, &Journal::new(place.folder().file("journal")))?;
            }
        }
        let ended = match (lines.any("kept"), lines.any("removed")) {
            (true, _) => "What is marked `kept` stays: it is not ours, or others use it.",
            (false, true) => "All of it is gone.",
            (false, false) => "There was nothing to remove.",
        };
        printer.line(&format!("\n{ended} The local org itself is the folder {}.", shown(place.folder().path())));
        printer.json(&json!({"steps": lines.events(), "removed": lines.any("removed")}));
        return Ok(Some(place));
    }
    printer.line(&format!("Giving `{NAME}` its own way into the local org at {url}:\n"));
    let journal = Journal::new(place.folder().file("journal"));
    let made = provision(administrator, &declaration, sink, journal, &lines).await?;
    printer.line(&format!("\n{}\n", table::of(&made.rows, false, table::width()).text));
    conclude(&made, &place, arguments, &lines, printer);
    Ok(Some(place))
}

/// The one way in that the quickstart makes, each step told in its order.
async fn provision(
    administrator: Administrator,
    declaration: &Declaration,
    sink: EnvFileSink,
    journal: Journal,
    lines: &Lines,
) -> Result<Provisioned, Failure> {
    let borrowing = Borrowing { journal, random: Arc::new(OsRandom) };
    let orgs = BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]);
    let estate = Estate::new(declaration, orgs).borrowing(borrowing);
    let mut sinks = Sinks::default();
    sinks.insert(NAME, 0, Arc::new(sink));
    let in_order = InOrder::new(lines);
    let done = bring_about(&estate, declaration, &sinks, Proving { all: true, rows: ROWS }, &in_order).await;
    in_order.flush();
    let (_, mut applied) = done?;
    applied.proved.pop().ok_or_else(|| Failure::new(Exit::Failed, format!("`{NAME}` was not proved")))
}

/// Says what exists now and what to try next.
fn conclude(made: &Provisioned, place: &LocalPlace, arguments: &Quickstart, lines: &Lines, printer: Printer) {
    let stays = stays(arguments);
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

/// Whether the org can be used after this run, or while it serves.
fn stays(arguments: &Quickstart) -> bool {
    !arguments.data.ephemeral || arguments.serve
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
        (arguments.limits.is_some(), "--limits"),
        (arguments.serve, "--serve"),
        (arguments.data.database_url_file.is_some(), "--database-url-file"),
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
