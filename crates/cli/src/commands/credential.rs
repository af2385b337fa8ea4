//! `keyholder credential ...`: what one application signs in with.

use std::io::IsTerminal;
use std::path::Path;

use keyholder_foundation::ClientId;
use keyholder_service_users::credentials::{self, Credentials, Kind, Listed, State, Wanted};
use keyholder_service_users::{Answer, Kept, Key, SecretSink, SinkError, answer, open_sink};
use serde_json::{Map, Value, json};

use crate::args::{Credential, CredentialAdd, CredentialList, CredentialRevoke};
use crate::commands::apply::confirm;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::{Lines, quoted};
use crate::table;

/// What works for less than this many days is told of.
const SOON: i64 = 30;

pub(crate) async fn run(arguments: &Credential, printer: Printer) -> Result<(), Failure> {
    if let Credential::Add(arguments) = arguments {
        check(arguments, printer)?;
    }
    let here = Here::find(arguments.place(), Absent::Refuse, printer).await?;
    let outcome = match arguments {
        Credential::List(arguments) => list(&here, arguments, printer).await,
        Credential::Add(arguments) => add(&here, arguments, printer).await,
        Credential::Revoke(arguments) => revoke(&here, arguments, printer).await,
    };
    here.end().await;
    outcome
}

async fn list(here: &Here, arguments: &CredentialList, printer: Printer) -> Result<(), Failure> {
    let found = credentials::list(&here.administrator, &arguments.who).await?;
    printer.line(&format!("{} (client id {})\n", found.name, found.client_id));
    let rows: Vec<Map<String, Value>> = found.credentials.iter().map(row).collect();
    match rows.as_slice() {
        [] => printer.line("It has no credential: nothing signs in as it."),
        rows => printer.line(&table::of(rows, true, table::width()).text),
    }
    for note in notes(&found) {
        printer.note(&note);
    }
    printer.json(&serde_json::to_value(&found).unwrap_or_default());
    Ok(())
}

fn row(one: &Listed) -> Map<String, Value> {
    let day = |moment: Option<keyholder_foundation::Timestamp>| moment.map(|moment| moment.date()).unwrap_or_default();
    let left = match (one.state, one.days_left) {
        (State::Expired, _) => "EXPIRED".to_owned(),
        (_, Some(days)) => days.to_string(),
        (_, None) => "no end".to_owned(),
    };
    let columns = [
        ("kind", one.kind.noun().to_owned()),
        ("id", one.id.to_string()),
        ("label", one.label.clone().unwrap_or_default()),
        ("starts", day(one.starts)),
        ("ends", day(one.ends)),
        ("days left", left),
        ("made by", if one.made_by_keyholder { "Keyholder" } else { "others" }.to_owned()),
        ("accepts", one.trusts.as_ref().map(|trusts| trusts.subject.clone()).unwrap_or_default()),
    ];
    columns.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

/// What a person should know of the list.
fn notes(found: &Credentials) -> Vec<String> {
    let working = || found.credentials.iter().filter(|one| one.state == State::Working);
    let mut notes = Vec::new();
    if !found.credentials.is_empty() && working().next().is_none() {
        notes.push("none of them works: nothing signs in as this application".to_owned());
    }
    if let Some(soon) = working().find(|one| one.days_left.is_some_and(|days| days < SOON)) {
        let days = soon.days_left.unwrap_or_default();
        notes.push(format!("the {} {} works for {days} more day(s)", soon.kind.noun(), soon.id));
    }
    notes
}

/// What is wrong before anything is asked.
fn check(arguments: &CredentialAdd, printer: Printer) -> Result<(), Failure> {
    let makes = arguments.secret || arguments.sink.certificate;
    if makes && arguments.sink.sink().is_none() && !arguments.show_secret {
        return Err(Failure::new(Exit::Usage, "nothing says where the new credential goes")
            .hint("give `--save-env FILE`, `--save-secret FILE`, `--save-with PROGRAM`, or another `--save-...`"));
    }
    if !makes && arguments.sink.sink().is_some() {
        return Err(Failure::new(Exit::Usage, "there is nothing to save: another issuer's tokens are no secret")
            .hint("leave `--save-...` out, or say `--secret` or `--certificate` instead of `--trust`"));
    }
    if arguments.show_secret && (printer.is_json() || !std::io::stdout().is_terminal()) {
        return Err(Failure::new(
            Exit::Usage,
            "`--show-secret` shows a secret on a terminal only, and this output is none",
        )
        .hint("write it to a file (`--save-secret FILE`) or hand it to a program (`--save-with PROGRAM`)"));
    }
    Ok(())
}

async fn add(here: &Here, arguments: &CredentialAdd, printer: Printer) -> Result<(), Failure> {
    let administrator = &here.administrator;
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    let lifetime = arguments.lifetime.lifetime;
    let sink = match arguments.sink.sink() {
        Some(sink) => {
            Some(open_sink(&sink, Some(&administrator.means())).map_err(keyholder_service_users::Error::from)?)
        }
        None => None,
    };
    let screen = Screen(printer);
    let sink: &dyn SecretSink = sink.as_deref().unwrap_or(&screen);
    let federation = arguments.trust.federation(administrator.org.tokens().authority().tenant())?;
    let wanted = match federation {
        Some(federation) => Wanted::Federated(federation),
        None if arguments.sink.certificate => Wanted::Certificate { lifetime, sink },
        None => Wanted::Secret { lifetime, sink },
    };
    let added = credentials::add(administrator, &arguments.who, wanted, &here.journal, &lines).await?;
    for note in &added.notes {
        printer.note(note);
    }
    if let Some(next) = arguments.sink.next() {
        printer.line(&format!("\n{next}"));
    } else if added.kind == Kind::Federated {
        printer.line(
            "\nIts way in is not proved from here: nobody here has a token of that issuer. Where it runs, `keyholder \
             whoami` proves it (docs/sign-in.md).",
        );
    }
    if let Some(before) = added.before {
        printer.line(&format!(
            "When nothing uses the one before any more: `keyholder credential revoke {} {before}{}`.",
            quoted(&arguments.who),
            if arguments.place.local.is_some() { " --local" } else { "" }
        ));
    }
    printer.json(&json!({"steps": lines.events(), "result": added}));
    Ok(())
}

async fn revoke(here: &Here, arguments: &CredentialRevoke, printer: Printer) -> Result<(), Failure> {
    let administrator = &here.administrator;
    let CredentialRevoke { who, id, even_the_last, yes, .. } = arguments;
    let found = credentials::look(administrator, who, id, *even_the_last).await?;
    if let Some(one) = &found.credential {
        let label = one.label.as_deref().map(|label| format!(" ({label})")).unwrap_or_default();
        printer.line(&format!("  - {} {}{label} of `{who}`", one.kind.noun(), one.id));
        confirm(*yes, "a credential is to be revoked", printer).await?;
    }
    let lines = Lines::of_all(printer, Path::new(""));
    let revoked = credentials::revoke(administrator, found, &here.journal, &lines).await?;
    if !revoked.changed {
        printer.note(&format!("`{who}` has no credential `{id}`; `keyholder credential list` shows those that it has"));
    }
    printer.json(&json!({"steps": lines.events(), "result": revoked}));
    Ok(())
}

/// The terminal that a person reads the secret from, once.
struct Screen(Printer);

impl SecretSink for Screen {
    fn place(&self) -> &str {
        "shown on a terminal"
    }

    fn place_id(&self) -> Result<Option<String>, SinkError> {
        Ok(Some("000000000000".to_owned()))
    }

    fn claim_place_id(&self) -> Result<String, SinkError> {
        Ok("000000000000".to_owned())
    }

    fn load(&self) -> Answer<'_, Kept> {
        answer(Ok(Kept::OutOfSight))
    }

    fn gives_back(&self) -> bool {
        false
    }

    fn save_over<'a>(&'a self, key: &'a Key, _: Option<ClientId>) -> Answer<'a, ()> {
        self.0.line(&format!("  {}", key.secret.expose()));
        self.0.note("that was the secret: it is not shown again");
        answer(Ok(()))
    }

    fn remove(&self) -> Answer<'_, bool> {
        answer(Ok(false))
    }
}
