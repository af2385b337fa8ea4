//! `app-user remove`: what still refers to it, then all of it taken away.

use std::sync::Arc;

use keyholder_service_users::app_users::{
    Belongings, Elsewhere, Found, Place, Reach, UserRow, belongings, find, find_to_remove, remove, strike_removed,
    to_purge,
};
use keyholder_service_users::declaration::Sink;
use keyholder_service_users::{SecretSink, open_sink};
use serde_json::json;

use crate::args::AppUserRemove;
use crate::commands::apply::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::printer::Printer;
use crate::progress::Lines;

pub(crate) async fn run(here: &Here, arguments: &AppUserRemove, printer: Printer) -> Result<Exit, Failure> {
    let administrator = &here.administrator;
    let sinks = sinks(arguments)?;
    let places: Vec<Place<'_>> = sinks.iter().map(|sink| Place { sink: sink.as_ref(), is_ours: false }).collect();
    let found = match find_to_remove(administrator, &arguments.who, &places).await? {
        Some(found) => found,
        None => find(administrator, &arguments.who).await?,
    };
    let before = belongings(administrator, &found).await?;
    for note in before.notes.iter().chain(&before.elsewhere_untold) {
        printer.note(note);
    }
    let is_ours = found.is_ours();
    let reach = Reach {
        others_too: arguments.even_if_not_ours,
        elsewhere: if arguments.even_if_used_elsewhere { Elsewhere::No } else { before.needed_elsewhere() },
        leaves_rows: arguments.leave_rows,
        purges: arguments.purge,
        ..Reach::default()
    };
    let told = json!({"name": found.name, "clientId": found.client_id, "madeByKeyholder": is_ours, "refers": before});
    for line in beforehand(&found, &before, reach, &administrator.connection.url.to_string()) {
        printer.line(&line);
    }
    if arguments.purge {
        for one in to_purge(administrator, &found.name, Some(&found), reach).await? {
            printer.line(&format!("  deleted earlier    client id {}: goes for good", one.app_id));
        }
    }
    for left in found.places() {
        let named = places.iter().any(|place| place.sink.place() == left.place);
        let how = match left.file {
            _ if named && reach.elsewhere != Elsewhere::No => "stays, as the registration does",
            _ if named => "goes too",
            Some(Sink::EnvFile(_)) => "stays: --saved-env with its path removes it",
            Some(_) => "stays: --saved-secret with its path removes it",
            None => "not here, or not as it was left: remove it there",
        };
        printer.line(&format!("  key written to     {}: {how}", left.place));
    }
    if !arguments.leave_rows {
        before.let_go(&found)?;
    }
    let is_idle = found.is_gone() && places.is_empty() && !arguments.purge;
    if arguments.dry_run {
        printer.json(&json!({"before": told}));
        return Ok(if is_idle { Exit::Done } else { Exit::Changes });
    }
    if !is_idle {
        confirm(arguments.yes, &format!("`{}` is still there", found.name), printer).await?;
    }
    printer.line("");
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    remove(administrator, &found.name, Some(&found), &found.name, &places, reach, &lines).await?;
    strike_removed(&found, administrator, &here.journal)?;
    let removed = lines.any("removed");
    printer.line(match (lines.any("kept"), removed) {
        (true, _) => "\nWhat is marked `kept` stays, for the reason that stands below it; the rest is gone.",
        (false, true) if found.user.is_some() => "\nAll of it is gone.",
        // Which further roles it held, its user alone could have told.
        (false, true) => "\nWhat was left of it is gone.",
        (false, false) => "\nNothing was left to remove; --purge deletes for good what can still be restored.",
    });
    printer.json(&json!({"before": told, "steps": lines.events(), "removed": removed}));
    Ok(Exit::Done)
}

fn sinks(arguments: &AppUserRemove) -> Result<Vec<Arc<dyn SecretSink>>, Failure> {
    let env = arguments.saved_env.iter().cloned().map(Sink::EnvFile);
    let all = env.chain(arguments.saved_secret.iter().cloned().map(Sink::File));
    all.map(|sink| Ok(open_sink(&sink, None).map_err(keyholder_service_users::Error::from)?)).collect()
}

/// What there is, what refers to it, and what becomes of it.
fn beforehand(found: &Found, before: &Belongings, reach: Reach, url: &str) -> Vec<String> {
    let mut lines = vec![format!("`{}` (client id {}) in {url}:", found.name, found.client_id)];
    let state = match &found.user {
        Some(UserRow { is_disabled: true, .. }) => "there, disabled",
        Some(_) => "there, enabled",
        None if found.deleted.is_empty() => "not there",
        None => "deleted once, still in the way of a new one",
    };
    lines.push(format!("  application user   {state}"));
    if found.user.is_some() {
        let rows: Vec<String> = before.rows.iter().map(keyholder_service_users::app_users::Owned::in_words).collect();
        lines.push(format!("  owns               {}", or_none(&rows, "no rows in the tables that were asked")));
        if !before.unasked.is_empty() {
            lines.push(format!("  not asked          rows of {}", before.unasked.join(", ")));
        }
        let teams: Vec<String> = before.teams.iter().map(|team| team.name.clone()).collect();
        lines.push(format!("  member of          {}", or_none(&teams, "no team but its business unit's own")));
    }
    for role in &before.roles {
        lines.push(format!("  other role         {} stays: {}", role.name, role.why_it_stays()));
    }
    lines.push(format!(
        "  also in            {}",
        or_none(
            &before.elsewhere,
            if before.elsewhere_untold.is_empty() {
                "no other org of the tenant"
            } else {
                "none that could be asked; further orgs may have it"
            }
        )
    ));
    let registration = match (&found.registration, found.is_ours()) {
        (None, _) => "not there",
        (Some(_), _) if reach.elsewhere == Elsewhere::Yes => {
            "stays, with its keys: other orgs need it (--even-if-used-elsewhere)"
        }
        (Some(_), _) if reach.elsewhere == Elsewhere::Unknown => {
            "stays, with its keys: whether other orgs need it could not be told (--even-if-used-elsewhere)"
        }
        (Some(_), false) if !reach.others_too => "stays: Keyholder did not make it (--even-if-not-ours)",
        (Some(_), _) if reach.purges => "goes for good, with its keys",
        (Some(_), _) => "goes with its keys; the directory keeps it restorable for 30 days (--purge: it does not)",
    };
    lines.push(format!("  registration       {registration}"));
    lines
}

fn or_none(all: &[String], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { all.join(", ") }
}
