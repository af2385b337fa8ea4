//! `keyholder subscriber ...`: a published application at its customers' tenants.

mod add;
mod theirs;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt};
use keyholder_client::connection::{Flags, resolve};
use keyholder_client::{ConfigurationError, Connection, EnvFile};
use keyholder_service_users::declaration::{ApplicationUser, Declaration, Subscriber as Declared};
use keyholder_service_users::subscribers::{Publisher, Standing, own_key};
use keyholder_service_users::{Sinks, Wishes};
use serde_json::json;

use crate::args::{KnownFlags, Subscriber, SubscriberList};
use crate::commands::rehearsal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{Absent, LocalPlace};
use crate::printer::Printer;
use crate::settings;
use crate::table;

/// What is called so when nothing else is said.
const FILE: &str = "keyholder.toml";

/// Subscribers that are looked at at once: some publishers have thousands.
const MOST_LOOKS: usize = 8;

pub(crate) async fn run(arguments: &Subscriber, printer: Printer) -> Result<Exit, Failure> {
    match arguments {
        Subscriber::Add(arguments) => add::run(arguments, printer).await,
        Subscriber::List(arguments) => list(arguments, printer).await,
    }
}

/// What is known of applications and subscribers: a declaration, or none.
struct Known {
    /// Where it stands, when there is one.
    file: Option<PathBuf>,
    declaration: Declaration,
    key_file: Option<PathBuf>,
}

impl Known {
    fn read(flags: &KnownFlags) -> Result<Self, Failure> {
        let file = flags.file.clone().or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()));
        let declaration = file.as_deref().map(Declaration::read).transpose()?.unwrap_or_default();
        Ok(Self { file, declaration, key_file: flags.key_file.clone() })
    }

    /// The declared application that is meant by its entry, its name or its client id.
    fn application(&self, app: &str) -> Option<(&str, &ApplicationUser)> {
        let users = &self.declaration.application_users;
        let by_entry = users.get_key_value(app);
        let is_meant = |(_, user): &(&String, &ApplicationUser)| {
            user.name == app || user.client_id.is_some_and(|id| id.to_string().eq_ignore_ascii_case(app))
        };
        by_entry.or_else(|| users.iter().find(is_meant)).map(|(name, user)| (name.as_str(), user))
    }

    /// The application's own key: from the file that was named, or from the declared sink.
    async fn key(&self, application: Option<&str>) -> Result<Option<Connection>, Failure> {
        if let Some(path) = &self.key_file {
            let file = EnvFile::read(path).map_err(ConfigurationError::from)?;
            // What stands in this process's environment is the caller's, not the application's.
            let settings = resolve(&Flags::default(), Some(&file), |_| None);
            return Ok(Some(Connection::try_from(settings)?));
        }
        let Some(application) = application else { return Ok(None) };
        let sinks = Sinks::of(&self.declaration, None).map_err(keyholder_service_users::Error::from)?;
        Ok(own_key(&self.declaration, &sinks, application).await?)
    }
}

/// The key's own token service, trusting what the key's file says, or else `ca_file`.
async fn publisher(key: Connection, ca_file: Option<&Path>) -> Result<Publisher, Failure> {
    let http = settings::http(key.ca_file.clone().or_else(|| ca_file.map(Path::to_path_buf)))?;
    Ok(Publisher::new(key, http).await?)
}

async fn list(arguments: &SubscriberList, printer: Printer) -> Result<Exit, Failure> {
    let mut known = Known::read(&arguments.known)?;
    let Some(folder) = &arguments.local else { return look_at(arguments, &known, printer).await };
    let place = LocalPlace::find(folder, Absent::Refuse, printer).await?;
    let outcome = match rehearsal::keep_apart(&mut known.declaration, place.folder(), printer) {
        Ok(()) => look_at(arguments, &known, printer).await,
        Err(failure) => Err(failure),
    };
    place.end().await;
    outcome
}

/// Looks at each subscriber, and tells.
async fn look_at(arguments: &SubscriberList, known: &Known, printer: Printer) -> Result<Exit, Failure> {
    let Some(file) = &known.file else {
        return Err(Failure::new(Exit::BadConfiguration, format!("there is no `{FILE}` here"))
            .hint("subscribers are declared in keyholder.toml: docs/many-tenants.md; name another with `--file`"));
    };
    let is_meant = |subscriber: &Declared| arguments.app.as_ref().is_none_or(|app| subscriber.application == *app);
    let all: Vec<(&String, &Declared)> =
        known.declaration.subscribers.iter().filter(|(_, subscriber)| is_meant(subscriber)).collect();
    let mut applications: Vec<&str> = all.iter().map(|(_, subscriber)| subscriber.application.as_str()).collect();
    applications.sort_unstable();
    applications.dedup();
    if known.key_file.is_some() && applications.len() > 1 {
        let message = "`--key-file` is one application's, and there are subscribers of several";
        return Err(Failure::new(Exit::Usage, message).hint("say whose with `--app`"));
    }
    let mut publishers = BTreeMap::new();
    for application in applications {
        // What keeps one application's key out of reach is no business of the others' subscribers.
        let reached = match known.key(Some(application)).await {
            Ok(Some(key)) => publisher(key, None).await,
            Ok(None) => Err(no_key(application)),
            Err(failure) => Err(failure),
        };
        publishers.insert(application, reached);
    }
    let wishes = Wishes::of(&known.declaration);
    let looks = all.iter().map(|(name, subscriber)| {
        let user = known.declaration.application_users.get(&subscriber.application);
        let roles = user.map(|user| user.roles.as_slice()).unwrap_or_default();
        let publisher = publishers.get(subscriber.application.as_str()).and_then(|publisher| publisher.as_ref().ok());
        let wishes = &wishes;
        async move {
            let standing = match publisher {
                Some(publisher) => publisher.look(subscriber, wishes, roles).await,
                None => Standing::default(),
            };
            (name.as_str(), *subscriber, standing)
        }
    });
    let looked: Vec<(&str, &Declared, Standing)> = stream::iter(looks).buffered(MOST_LOOKS).collect().await;
    let rows: Vec<_> =
        looked.iter().map(|(name, subscriber, standing)| words::row(name, subscriber, standing)).collect();
    if rows.is_empty() {
        printer.line(&format!("`{}` declares no subscriber; `keyholder subscriber add` does.", file.display()));
    } else {
        printer.line(&table::of(&rows, true, table::width()).text);
    }
    let mut first = None;
    for failure in publishers.values().filter_map(|publisher| publisher.as_ref().err()) {
        printer.line(&format!("trouble: {}", failure.message()));
        first.get_or_insert(failure.exit());
    }
    for (name, _, standing) in &looked {
        for line in words::remarks(name, standing) {
            printer.line(&line);
        }
        if let Some(error) = &standing.trouble {
            first.get_or_insert(Failure::from(error).exit());
        }
    }
    let to_json = |(name, subscriber, standing): &(&str, &Declared, Standing)| {
        let mut row = words::to_json(Some(name), subscriber, standing);
        if let Some(Err(failure)) = publishers.get(subscriber.application.as_str()) {
            row["trouble"] = words::trouble(failure);
        }
        row
    };
    let all: Vec<_> = looked.iter().map(to_json).collect();
    printer.json(&json!({ "subscribers": all }));
    Ok(first.unwrap_or(Exit::Done))
}

fn no_key(application: &str) -> Failure {
    let message = format!("no key of `{application}` is at hand, so nothing can be told of its subscribers");
    Failure::new(Exit::BadConfiguration, message)
        .hint("give its env file with `--key-file`, or run this where its credential is")
}
