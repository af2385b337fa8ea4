//! `--explain-config`: which setting has which value, and where that came from. Nobody is signed in.

use keyholder_client::Connection;
use keyholder_client::connection::{Explained, Settings, explain};
use serde_json::{Value, json};

use crate::args::{Command, ConnectionFlags, Declared, OrgPlace, PlaceFlags, SourceFlags, Subscriber};
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
        // Every command is named: one that was forgotten would be carried out.
        let asked = match command {
            Command::AppUser(arguments) => Self::of_org(arguments.place()),
            Command::Credential(arguments) => Self::of_org(arguments.place()),
            Command::Role(arguments) => Self::of_org(arguments.place()),
            Command::NonInteractive(arguments) => Self::of_org(arguments.place()),
            Command::Subscriber(Subscriber::Add(arguments)) => Self::of_org(&arguments.place),
            Command::Doctor(arguments) => Self::of_org(&arguments.place),
            Command::Token(arguments) => Self::of_org(&arguments.place),
            Command::Whoami(arguments) => Self::of_org(&arguments.place),
            Command::Query(arguments) => Self::of_org(&arguments.place),
            Command::Get(arguments) => Self::of_org(&arguments.place),
            Command::Create(arguments) => Self::of_org(&arguments.place),
            Command::Update(arguments) | Command::Upsert(arguments) => Self::of_org(&arguments.place),
            Command::Delete(arguments) => Self::of_org(&arguments.place),
            Command::Call(arguments) => Self::of_org(&arguments.place),
            Command::Batch(arguments) => Self::of_org(&arguments.place),
            Command::Export(arguments) => Self::of_org(&arguments.place),
            Command::Load(arguments) => Self::of_org(&arguments.place),
            Command::Usage(arguments) => Self::with(&arguments.connection, arguments.local.is_some(), Kind::Org),
            Command::Init(arguments) => Self::with(&arguments.connection, arguments.local.is_some(), Kind::Place),
            Command::Plan(arguments) => Self::of_declared(&arguments.declared),
            Command::Apply(arguments) => Self::of_declared(&arguments.declared),
            Command::Audit(arguments) => {
                let kind = if arguments.connection.place.url.is_some() { Kind::Org } else { Kind::Declared };
                Self::with(&arguments.connection, arguments.local.is_some(), kind)
            }
            Command::Rotate(arguments) if arguments.sink.sink().is_some() || arguments.to.is_some() => {
                Self::with(&arguments.declared.connection, arguments.declared.local.is_some(), Kind::Org)
            }
            Command::Rotate(arguments) => Self::of_declared(&arguments.declared),
            Command::Login(arguments) => Self::of_place(&arguments.place, &arguments.source),
            Command::Logout(arguments) => Self::of_place(&arguments.place, &arguments.source),
            Command::Subscriber(Subscriber::List(_))
            | Command::Quickstart(_)
            | Command::Explain(_)
            | Command::Schema
            | Command::Org(_)
            | Command::Profile(_)
            | Command::Completions(_)
            | Command::Man(_) => return None,
        };
        Some(asked).filter(|asked| asked.flags.source.explain_config)
    }

    fn of_org(place: &OrgPlace) -> Self {
        Self::with(&place.connection, place.local.is_some(), Kind::Org)
    }

    fn of_declared(declared: &Declared) -> Self {
        Self::with(&declared.connection, declared.local.is_some(), Kind::Declared)
    }

    fn of_place(place: &PlaceFlags, source: &SourceFlags) -> Self {
        let (place, source) = (place.clone(), source.clone());
        Self { flags: ConnectionFlags { place, source, ..ConnectionFlags::default() }, kind: Kind::Place }
    }

    fn with(flags: &ConnectionFlags, is_local: bool, kind: Kind) -> Self {
        Self { flags: flags.clone(), kind: if is_local { Kind::Local } else { kind } }
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
