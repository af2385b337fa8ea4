//! `keyholder non-interactive ...`: the words around the library's non-interactive users.

mod words;

use std::sync::Arc;

use keyholder_foundation::OsRandom;
use keyholder_service_users::Means;
use keyholder_service_users::declaration::{Credential, Sink};
use keyholder_service_users::non_interactive::{
    Access, NonInteractiveDefinition, PasswordFile, PasswordSink, Release, Successor, give_back_left, list, migrate,
    preview, provision, release,
};
use serde_json::json;

use crate::args::{
    NonInteractive, NonInteractiveConvert, NonInteractiveCreate, NonInteractiveList, NonInteractiveMigrate,
    NonInteractiveRelease, NonInteractiveWish, OrgPlace, PasswordPlace, Slot,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::Lines;

pub(crate) async fn run(arguments: &NonInteractive, printer: Printer) -> Result<Exit, Failure> {
    let here = Lending::find(arguments.place(), absent(arguments), printer).await?;
    let outcome = match arguments {
        NonInteractive::Create(arguments) => create(&here, arguments, printer).await,
        NonInteractive::Convert(arguments) => convert(&here, arguments, printer).await,
        NonInteractive::List(arguments) => show(&here, arguments, printer).await.map(|()| Exit::Done),
        NonInteractive::Migrate(arguments) => move_on(&here, arguments, printer).await.map(|()| Exit::Done),
        NonInteractive::Release(arguments) => give_back(&here, arguments, printer).await.map(|()| Exit::Done),
    };
    here.here.end().await;
    outcome
}

/// A person and a licence are in every local org from the start, so what makes things can begin with a new one.
fn absent(arguments: &NonInteractive) -> Absent {
    match arguments {
        NonInteractive::Create(arguments) => Absent::unless(arguments.wish.dry_run),
        NonInteractive::Convert(arguments) => Absent::unless(arguments.wish.dry_run),
        NonInteractive::Migrate(_) => Absent::Make,
        NonInteractive::List(_) | NonInteractive::Release(_) => Absent::Refuse,
    }
}

/// The org and its directory, and what is borrowed there.
struct Lending {
    here: Here,
    access: Access,
}

impl Lending {
    async fn find(flags: &OrgPlace, absent: Absent, printer: Printer) -> Result<Self, Failure> {
        let here = Here::find(flags, absent, printer).await?;
        match Access::new(&here.administrator, here.journal.clone(), Arc::new(OsRandom)) {
            Ok(access) => Ok(Self { here, access }),
            Err(error) => {
                here.end().await;
                Err(error.into())
            }
        }
    }

    /// The same with what a definition says of waiting.
    fn access(&self, wish: &NonInteractiveWish) -> Access {
        Access { wait: wish.wait, ..self.access.clone() }
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

async fn create(here: &Lending, arguments: &NonInteractiveCreate, printer: Printer) -> Result<Exit, Failure> {
    let sink = sink(&arguments.password, &here.access.means)?;
    let definition = NonInteractiveDefinition {
        display_name: arguments.display_name.clone(),
        roles: arguments.role.clone(),
        changes_first_password: arguments.change_first_password,
        ..NonInteractiveDefinition::new(&arguments.user)
    };
    bring_about(here, &with_wish(definition, &arguments.wish), Some(&sink), &arguments.wish, printer).await
}

async fn convert(here: &Lending, arguments: &NonInteractiveConvert, printer: Printer) -> Result<Exit, Failure> {
    let definition = NonInteractiveDefinition {
        roles: arguments.role.clone(),
        ..NonInteractiveDefinition::existing(&arguments.user)
    };
    bring_about(here, &with_wish(definition, &arguments.wish), None, &arguments.wish, printer).await
}

fn sink(place: &PasswordPlace, means: &Means) -> Result<PasswordFile, Failure> {
    let words = |text: &String| text.split_whitespace().map(str::to_owned).collect();
    let (file, secret) = (place.save_kubernetes.clone(), place.kubernetes_secret.clone());
    let sink = match (&place.save_env, &place.save_password, &place.save_with, file.zip(secret.clone())) {
        (Some(path), ..) => Sink::EnvFile(path.clone()),
        (_, Some(path), ..) => Sink::File(path.clone()),
        (.., Some((file, secret))) => Sink::Manifest { file, secret },
        (_, _, Some(text), _) => match secret {
            Some(secret) => Sink::ManifestCommand { words: words(text), secret },
            None => Sink::Command(words(text)),
        },
        _ => match place.save_key_vault.clone() {
            Some(secret) => Sink::KeyVault(secret),
            None => return Err(Failure::new(Exit::Usage, "no place for the password was named")),
        },
    };
    Ok(PasswordFile::new(&sink, Some(means)).map_err(keyholder_service_users::Error::from)?)
}

async fn bring_about(
    here: &Lending,
    definition: &NonInteractiveDefinition,
    sink: Option<&PasswordFile>,
    wish: &NonInteractiveWish,
    printer: Printer,
) -> Result<Exit, Failure> {
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
        return Ok(if changes.is_empty() { Exit::Done } else { Exit::Changes });
    }
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    give_back_left(&access, &[&definition.user_name], &lines).await?;
    let made = provision(&access, definition, sink, &lines).await?;
    for org in &made.orgs {
        printer.line("");
        printer.line(&words::of_result(&made, org));
    }
    printer.json(&json!({"steps": lines.events(), "result": made}));
    Ok(Exit::Done)
}

async fn show(here: &Lending, arguments: &NonInteractiveList, printer: Printer) -> Result<(), Failure> {
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

async fn move_on(here: &Lending, arguments: &NonInteractiveMigrate, printer: Printer) -> Result<(), Failure> {
    let nickname = arguments.user.split('@').next().unwrap_or_default();
    let successor = Successor {
        name: arguments.name.clone().unwrap_or_else(|| nickname.to_owned()),
        credentials: credentials(here, arguments)?,
    };
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    give_back_left(&here.access, &[], &lines).await?;
    let mut notes = Vec::new();
    let migrated =
        migrate(&here.access, &here.here.administrator, &arguments.user, &successor, &mut notes, &lines).await?;
    for note in &notes {
        printer.note(note);
    }
    for line in words::of_migration(&migrated, &successor.name) {
        printer.line(&line);
    }
    printer.json(&json!({"steps": lines.events(), "result": migrated}));
    Ok(())
}

/// How the successor is to sign in.
fn credentials(here: &Lending, arguments: &NonInteractiveMigrate) -> Result<Vec<Credential>, Failure> {
    let tenant = here.here.administrator.org.tokens().authority().tenant();
    let federation = arguments.trust.federation(tenant)?.map(Credential::Federated);
    let lifetime = arguments.lifetime.lifetime;
    let secret = arguments.sink.sink().map(|sink| Credential::Secret { lifetime, sink });
    let all: Vec<_> = federation.into_iter().chain(secret).collect();
    if all.is_empty() {
        return Err(Failure::new(Exit::Usage, "nothing says how the application is to sign in")
            .hint("accept another issuer's tokens with `--trust`, or have a secret written with `--save-env FILE`"));
    }
    Ok(all)
}

async fn give_back(here: &Lending, arguments: &NonInteractiveRelease, printer: Printer) -> Result<(), Failure> {
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
