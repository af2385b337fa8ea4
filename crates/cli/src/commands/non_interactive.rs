//! `keyholder non-interactive ...`: the words around the library's non-interactive users.

mod words;

use std::sync::Arc;

use keyholder_foundation::OsRandom;
use keyholder_service_users::declaration::Sink;
use keyholder_service_users::non_interactive::{
    Access, NonInteractiveDefinition, PasswordFile, PasswordSink, Release, Successor, give_back_left, list, migrate,
    preview, provision, release,
};
use keyholder_service_users::{Administrator, Journal};
use serde_json::json;

use crate::args::{
    NonInteractive, NonInteractiveConvert, NonInteractiveCreate, NonInteractiveList, NonInteractiveMigrate,
    NonInteractivePlace, NonInteractiveRelease, NonInteractiveWish, PasswordPlace, Slot,
};
use crate::commands::org::interruption;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, LocalPlace};
use crate::printer::Printer;
use crate::progress::Lines;
use crate::settings;

pub(crate) async fn run(arguments: &NonInteractive, printer: Printer) -> Result<(), Failure> {
    let here = Here::find(arguments.place(), printer).await?;
    let work = async {
        match arguments {
            NonInteractive::Create(arguments) => create(&here, arguments, printer).await,
            NonInteractive::Convert(arguments) => convert(&here, arguments, printer).await,
            NonInteractive::List(arguments) => show(&here, arguments, printer).await,
            NonInteractive::Migrate(arguments) => move_on(&here, arguments, printer).await,
            NonInteractive::Release(arguments) => give_back(&here, arguments, printer).await,
        }
    };
    let mut stop = interruption()?;
    let outcome = tokio::select! {
        outcome = work => outcome,
        _ = stop.wait() => Err(Failure::new(Exit::Failed, "stopped before it was done")
            .hint("run it again: it goes on from there, and gives back what it borrowed")),
    };
    here.end().await;
    outcome
}

/// The org and its directory, and the local org that runs as long as this command.
struct Here {
    administrator: Administrator,
    access: Access,
    place: Option<LocalPlace>,
}

impl Here {
    async fn find(flags: &NonInteractivePlace, printer: Printer) -> Result<Self, Failure> {
        let (administrator, journal, place) = match &flags.local {
            Some(folder) => {
                let place = LocalPlace::find(folder, printer).await?;
                let connection = local::administrator(place.folder())?;
                let http = settings::http(connection.ca_file.clone())?;
                let journal = Journal::new(place.folder().file("journal"));
                (Administrator::connect(connection, http).await?, journal, Some(place))
            }
            None => {
                let folder = settings::state_folder("what is borrowed")?;
                (settings::administrator(&flags.connection, printer).await?, Journal::new(folder.join("journal")), None)
            }
        };
        Ok(Self { access: Access::new(&administrator, journal, Arc::new(OsRandom))?, administrator, place })
    }

    /// The same with what a definition says of waiting.
    fn access(&self, wish: &NonInteractiveWish) -> Access {
        Access { wait: wish.wait, ..self.access.clone() }
    }

    async fn end(self) {
        if let Some(place) = self.place {
            place.end().await;
        }
    }
}

fn with_wish(definition: NonInteractiveDefinition, wish: &NonInteractiveWish) -> NonInteractiveDefinition {
    NonInteractiveDefinition {
        business_unit: wish.business_unit.clone(),
        licence: wish.licence.clone(),
        usage_location: wish.usage_location.clone(),
        limit: wish.limit,
        allows_system_administrator: wish.i_know,
        ..definition
    }
}

async fn create(here: &Here, arguments: &NonInteractiveCreate, printer: Printer) -> Result<(), Failure> {
    let sink = sink(&arguments.password)?;
    let definition = NonInteractiveDefinition {
        display_name: arguments.display_name.clone(),
        roles: arguments.role.clone(),
        changes_first_password: arguments.change_first_password,
        ..NonInteractiveDefinition::new(&arguments.user)
    };
    bring_about(here, &with_wish(definition, &arguments.wish), Some(&sink), &arguments.wish, printer).await
}

async fn convert(here: &Here, arguments: &NonInteractiveConvert, printer: Printer) -> Result<(), Failure> {
    let definition = NonInteractiveDefinition {
        roles: arguments.role.clone(),
        ..NonInteractiveDefinition::existing(&arguments.user)
    };
    bring_about(here, &with_wish(definition, &arguments.wish), None, &arguments.wish, printer).await
}

fn sink(place: &PasswordPlace) -> Result<PasswordFile, Failure> {
    let sink = match (&place.save_env, &place.save_password, &place.save_with) {
        (Some(path), ..) => Sink::EnvFile(path.clone()),
        (_, Some(path), _) => Sink::File(path.clone()),
        (.., Some(words)) => Sink::Command(words.split_whitespace().map(str::to_owned).collect()),
        _ => return Err(Failure::new(Exit::Usage, "no place for the password was named")),
    };
    Ok(PasswordFile::new(&sink).map_err(keyholder_service_users::Error::from)?)
}

async fn bring_about(
    here: &Here,
    definition: &NonInteractiveDefinition,
    sink: Option<&PasswordFile>,
    wish: &NonInteractiveWish,
    printer: Printer,
) -> Result<(), Failure> {
    let access = here.access(wish);
    let sink = sink.map(|sink| sink as &dyn PasswordSink);
    if wish.dry_run {
        let changes = preview(&access, definition, sink).await?;
        let orgs: Vec<_> = access.orgs.iter().map(|org| org.name.as_str()).collect();
        for change in &changes {
            printer.line(&words::of_change(change, &definition.user_name, &orgs));
        }
        if changes.is_empty() {
            printer.line("Nothing is left to do.");
        }
        printer.json(&json!({"changes": changes}));
        return Ok(());
    }
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    give_back_left(&access, &[&definition.user_name], &lines).await?;
    let made = provision(&access, definition, sink, &lines).await?;
    for org in &made.orgs {
        printer.line("");
        printer.line(&words::of_result(&made, org));
    }
    printer.json(&json!({"steps": lines.events(), "result": made}));
    Ok(())
}

async fn show(here: &Here, arguments: &NonInteractiveList, printer: Printer) -> Result<(), Failure> {
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    give_back_left(&here.access, &[], &lines).await?;
    let mut notes = Vec::new();
    let listed = list(&here.access, arguments.limit, &mut notes).await?;
    for note in &notes {
        printer.note(note);
    }
    for org in &listed {
        for line in words::of_org(org) {
            printer.line(&line);
        }
    }
    printer.json(&json!({"orgs": listed}));
    Ok(())
}

async fn move_on(here: &Here, arguments: &NonInteractiveMigrate, printer: Printer) -> Result<(), Failure> {
    let nickname = arguments.user.split('@').next().unwrap_or_default();
    let successor = Successor {
        name: arguments.name.clone().unwrap_or_else(|| nickname.to_owned()),
        lifetime: arguments.lifetime,
        sink: Sink::EnvFile(arguments.save_env.clone()),
    };
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    let mut notes = Vec::new();
    let migrated = migrate(&here.access, &here.administrator, &arguments.user, &successor, &mut notes, &lines).await?;
    for note in &notes {
        printer.note(note);
    }
    for line in words::of_migration(&migrated, &successor.name) {
        printer.line(&line);
    }
    printer.json(&json!({"steps": lines.events(), "result": migrated}));
    Ok(())
}

async fn give_back(here: &Here, arguments: &NonInteractiveRelease, printer: Printer) -> Result<(), Failure> {
    let what = match arguments.slot {
        None => Release::Licence,
        Some(Slot::Disable) => Release::Disable,
        Some(Slot::ReadWrite) => Release::ReadWrite,
        Some(Slot::Remove) => Release::Remove { others_too: arguments.even_if_not_ours },
    };
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    give_back_left(&here.access, &[], &lines).await?;
    let released = release(&here.access, &arguments.user, what, &lines).await?;
    printer.line(if released.changed { "\nDone." } else { "\nNothing was left to give back." });
    printer.json(&json!({"steps": lines.events(), "result": released}));
    Ok(())
}
