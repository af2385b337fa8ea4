//! `--explain-config`: which setting has which value, and where that came from. Nobody is signed in.

use keyholder_client::Connection;
use keyholder_client::connection::{Explained, Settings, explain};
use serde_json::{Value, json};

use crate::args::{Command, ConnectionFlags, Subscriber};
use crate::failure::Failure;
use crate::printer::{Printer, visible};
use crate::settings::{self, Needs};

/// What a command that is to be explained connects to.
#[derive(Debug)]
pub(crate) struct Asked {
    flags: ConnectionFlags,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// An org, as a caller.
    Org,
    /// The orgs of a declaration, as a caller.
    Declared,
    /// A place where a person signs in.
    Place,
    /// The local org of a folder, as its administering application.
    Local,
}

impl Asked {
    /// Nothing for a command that is not to be explained.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        let place = match command {
            Command::AppUser(arguments) => arguments.place(),
            Command::Credential(arguments) => arguments.place(),
            Command::Role(arguments) => arguments.place(),
            Command::NonInteractive(arguments) => arguments.place(),
            Command::Subscriber(Subscriber::Add(arguments)) => &arguments.place,
            Command::Token(arguments) => &arguments.place,
            Command::Whoami(arguments) => &arguments.place,
            Command::Query(arguments) => &arguments.place,
            Command::Load(arguments) => &arguments.place,
            Command::Get(arguments) => &arguments.place,
            Command::Create(arguments) => &arguments.place,
            Command::Update(arguments) | Command::Upsert(arguments) => &arguments.place,
            Command::Delete(arguments) => &arguments.place,
            Command::Call(arguments) => &arguments.place,
            Command::Batch(arguments) => &arguments.place,
            Command::Export(arguments) => &arguments.place,
            other => return Self::of_no_place(other),
        };
        let kind = if place.local.is_some() { Kind::Local } else { Kind::Org };
        Self::to_be_explained(place.connection.clone(), kind)
    }

    fn of_no_place(command: &Command) -> Option<Self> {
        let declared = match command {
            Command::Plan(arguments) => &arguments.declared,
            Command::Apply(arguments) => &arguments.declared,
            Command::Init(arguments) => {
                let kind = if arguments.local.is_some() { Kind::Local } else { Kind::Place };
                return Self::to_be_explained(arguments.connection.clone(), kind);
            }
            Command::Login(arguments) => {
                let (place, source) = (arguments.place.clone(), arguments.source.clone());
                return Self::to_be_explained(
                    ConnectionFlags { place, source, ..ConnectionFlags::default() },
                    Kind::Place,
                );
            }
            Command::Logout(arguments) => {
                let (place, source) = (arguments.place.clone(), arguments.source.clone());
                return Self::to_be_explained(
                    ConnectionFlags { place, source, ..ConnectionFlags::default() },
                    Kind::Place,
                );
            }
            _ => return None,
        };
        let kind = if declared.local.is_some() { Kind::Local } else { Kind::Declared };
        Self::to_be_explained(declared.connection.clone(), kind)
    }

    fn to_be_explained(flags: ConnectionFlags, kind: Kind) -> Option<Self> {
        flags.source.explain_config.then_some(Self { flags, kind })
    }
}

pub(crate) async fn run(asked: &Asked, printer: Printer) -> Result<(), Failure> {
    if matches!(asked.kind, Kind::Local) {
        printer.line("with `--local` no setting is read: the org is that of the folder, the caller its administering application");
        printer.json(&json!({"local": true, "settings": []}));
        return Ok(());
    }
    let needs = if matches!(asked.kind, Kind::Place) { Needs::Place } else { Needs::Everything };
    let mut places = settings::places(&asked.flags, needs, printer).await?;
    let merged = |places: &[Settings]| places.iter().cloned().fold(Settings::default(), Settings::over);
    if matches!(asked.kind, Kind::Org) {
        places.extend(settings::declared(&merged(&places))?);
    }
    let all = explain(&places)?;
    let merged = merged(&places);
    let caller = if matches!(asked.kind, Kind::Place) { None } else { Some(merged.caller_in_words()?) };
    tell(&all, caller.as_deref(), printer);
    let mut document = json!({"settings": all.iter().map(facts).collect::<Vec<Value>>(), "caller": caller});
    // What is wrong with them is told behind them.
    let wrong = match asked.kind {
        Kind::Org => Connection::try_from(merged).err().map(Failure::from),
        _ => None,
    };
    let outcome = wrong.map_or(Ok(()), |failure| Err(failure.within(&mut document)));
    printer.json(&document);
    outcome
}

fn tell(all: &[Explained], caller: Option<&str>, printer: Printer) {
    let value = |one: &Explained| {
        one.value.as_deref().map_or_else(|| "(not shown)".to_owned(), |value| visible(value).into_owned())
    };
    let (mut names, mut values) = (6, 0);
    for one in all {
        names = names.max(one.setting.chars().count());
        values = values.max(value(one).chars().count());
    }
    let mut last = "";
    for one in all {
        // Of several values the first is the one that counts.
        let name = if one.setting == last { "" } else { one.setting };
        last = one.setting;
        let unused = one.unused.map(|why| format!(" (not used: {why})")).unwrap_or_default();
        printer.sentence("", &format!("{name:<names$}  {:<values$}  {}{unused}", value(one), one.origin));
    }
    if all.is_empty() {
        printer.line("no setting is given anywhere");
    }
    if let Some(caller) = caller {
        printer.sentence("", &format!("{:<names$}  {caller}", "caller"));
    }
}

fn facts(one: &Explained) -> Value {
    let mut told = json!({"setting": one.setting, "from": one.origin, "isUsed": one.unused.is_none()});
    if let Some(told) = told.as_object_mut() {
        match &one.value {
            Some(value) => told.insert("value".to_owned(), json!(value)),
            None => told.insert("isSecret".to_owned(), json!(true)),
        };
        told.extend(one.unused.map(|why| ("why".to_owned(), json!(why))));
    }
    told
}
