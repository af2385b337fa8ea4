//! `keyholder profile`: orgs and callers under names of one's own.

use std::path::{Path, PathBuf};

use keyholder_client::connection::Settings;
use keyholder_client::profiles::{Profile as Kept, is_profile_name};
use keyholder_client::{ConfigurationError, Connection};
use keyholder_platform::{RuntimeSleep, is_private};
use serde_json::{Value, json};

use crate::args::{FederatedSource, Profile, ProfileAdd, ProfileRemove, ProfileUse};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::profiles;

pub(crate) async fn run(arguments: &Profile, printer: Printer) -> Result<(), Failure> {
    match arguments {
        Profile::Add(arguments) => add(arguments, printer).await,
        Profile::List => list(printer),
        Profile::Use(arguments) => choose(arguments, printer).await,
        Profile::Remove(arguments) => remove(arguments, printer).await,
    }
}

async fn add(arguments: &ProfileAdd, printer: Printer) -> Result<(), Failure> {
    let name = &arguments.name;
    if !is_profile_name(name) {
        let message = format!("`{name}` cannot be the name of a profile");
        return Err(Failure::new(Exit::Usage, message)
            .hint("take at most 40 letters, digits, `-`, `_` and `.`, a letter or digit first"));
    }
    let profile = profile_of(arguments)?;
    check(name, &profile, printer)?;
    let profiles = profiles::kept()?;
    profiles
        .change(&RuntimeSleep, |kept| {
            if kept.profiles.contains_key(name) && !arguments.replace {
                let message = format!("there is a profile `{name}` already");
                return Err(
                    Failure::new(Exit::BadConfiguration, message).hint("put another in its place with `--replace`")
                );
            }
            kept.profiles.insert(name.clone(), profile.clone());
            if arguments.in_use {
                kept.in_use = Some(name.clone());
            }
            Ok(())
        })
        .await?;
    printer.sentence("kept        ", &format!("{name}  {}", in_words(&profile)));
    printer.line(&format!("in          {}", profiles.file().display()));
    if arguments.in_use {
        printer.line("in use      from now on, where no other is named");
    } else {
        printer.note(&format!(
            "`keyholder profile use {name}` lets it count where none is named; `--profile {name}` names it"
        ));
    }
    printer.json(&json!({"kept": facts(name, &profile, arguments.in_use), "file": profiles.file()}));
    Ok(())
}

/// What the flags say, with whole paths: they are read from other folders later.
fn profile_of(arguments: &ProfileAdd) -> Result<Kept, Failure> {
    let (place, caller) = (&arguments.place, &arguments.caller);
    let whole = |path: &Option<PathBuf>| -> Result<Option<String>, Failure> {
        let Some(path) = path else { return Ok(None) };
        if path == Path::new("-") {
            let message = "a profile cannot keep what comes from standard input";
            return Err(Failure::new(Exit::Usage, message).hint("put the secret into a file that only you may read"));
        }
        let whole = std::path::absolute(path).ok().and_then(|path| path.to_str().map(str::to_owned));
        let message = || format!("`{}` is no path that a profile can keep: it is no UTF-8 text", path.display());
        whole.map(Some).ok_or_else(|| Failure::new(Exit::BadConfiguration, message()))
    };
    Ok(Kept {
        url: place.url.clone(),
        tenant: place.tenant.clone(),
        authority: place.authority.clone(),
        ca_file: whole(&place.ca_file)?,
        env_file: whole(&place.env_file)?,
        client_id: caller.client_id.clone(),
        client_secret_file: whole(&caller.client_secret_file)?,
        certificate_file: whole(&caller.certificate_file)?,
        federated_token_file: whole(&caller.federated_token_file)?,
        federated: caller.federated.map(FederatedSource::as_str).map(str::to_owned),
        managed_identity: caller.managed_identity,
        username: caller.username.clone(),
        password_file: whole(&caller.password_file)?,
        azure_cli: caller.azure_cli,
    })
}

/// Refuses what no command could use, and files with secrets that others can read.
fn check(name: &str, profile: &Kept, printer: Printer) -> Result<(), Failure> {
    let secrets = [
        (&profile.client_secret_file, "client secret"),
        (&profile.password_file, "password"),
        (&profile.certificate_file, "private key"),
    ];
    for (file, what) in secrets.into_iter().filter_map(|(file, what)| Some((file.as_deref()?, what))) {
        if !is_private(Path::new(file))? {
            let message = format!("others can read `{file}`, which holds a {what}");
            return Err(Failure::new(Exit::BadConfiguration, message).hint(format!("`chmod 600 {file}`")));
        }
    }
    let files = profiles::files(name, profile, printer)?;
    if let Some(file) = files.env_file.as_ref().filter(|file| file.is_exposed) {
        let path = file.path.display();
        let message = format!("others can read `{path}`, which may hold a secret");
        return Err(Failure::new(Exit::BadConfiguration, message).hint(format!("`chmod 600 {path}`")));
    }
    let settings: Settings = profile.settings(name, &files);
    if settings.url.is_none() {
        let what = "the org's URL";
        return Err(ConfigurationError::Missing {
            what,
            places: vec!["`--url`".to_owned(), "or `--env-file`".to_owned()],
        }
        .into());
    }
    // What a pipeline or Azure tells its programs is not there yet.
    Connection::try_from(Settings { federated: None, managed_identity: None, ..settings })?;
    Ok(())
}

fn list(printer: Printer) -> Result<(), Failure> {
    let kept = profiles::kept()?.read()?;
    if kept.profiles.is_empty() {
        printer.line("there is no profile");
    }
    let widest = kept.profiles.keys().map(String::len).max().unwrap_or_default();
    let is_used = |name: &String| kept.in_use.as_ref() == Some(name);
    for (name, profile) in &kept.profiles {
        let mark = if is_used(name) { "*" } else { " " };
        printer.sentence(&format!("{mark} {name:<widest$}  "), &in_words(profile));
    }
    let all = kept.profiles.iter().map(|(name, profile)| facts(name, profile, is_used(name)));
    printer.json(&Value::Array(all.collect()));
    Ok(())
}

async fn choose(arguments: &ProfileUse, printer: Printer) -> Result<(), Failure> {
    let profiles = profiles::kept()?;
    let name = arguments.name.as_ref().filter(|_| !arguments.none);
    if let Some(name) = name {
        profiles::find(name, "the command line")?;
    }
    profiles
        .change(&RuntimeSleep, |kept| {
            kept.in_use = name.cloned();
            Ok::<(), Failure>(())
        })
        .await?;
    match name {
        Some(name) => printer.sentence("in use      ", name),
        None => printer.line("no profile is in use"),
    }
    printer.json(&json!({"inUse": name}));
    Ok(())
}

async fn remove(arguments: &ProfileRemove, printer: Printer) -> Result<(), Failure> {
    let (profiles, name) = (profiles::kept()?, &arguments.name);
    let gone = profiles
        .change(&RuntimeSleep, |kept| {
            let Some(gone) = kept.profiles.remove(name) else {
                let failure = Failure::new(Exit::BadConfiguration, format!("there is no profile `{name}`"));
                let known: Vec<&str> = kept.profiles.keys().map(String::as_str).collect();
                return Err(profiles::with_those_there_are(failure, name, &known));
            };
            if kept.in_use.as_ref() == Some(name) {
                kept.in_use = None;
            }
            Ok(gone)
        })
        .await?;
    printer.sentence("forgotten   ", name);
    for file in [&gone.client_secret_file, &gone.password_file, &gone.env_file].into_iter().flatten() {
        printer.note(&format!("`{file}` stays, and may hold a secret"));
    }
    printer.json(&json!({"forgotten": name}));
    Ok(())
}

/// A profile in a line.
fn in_words(profile: &Kept) -> String {
    let caller = [
        profile.client_id.as_ref().map(|id| format!("client id {id}")),
        profile.client_secret_file.as_ref().map(|file| format!("secret in {file}")),
        profile.certificate_file.as_ref().map(|file| format!("certificate in {file}")),
        profile.federated_token_file.as_ref().map(|file| format!("token in {file}")),
        profile.federated.as_ref().map(|source| format!("token of {source}")),
        profile.managed_identity.then(|| "managed identity".to_owned()),
        profile.username.as_ref().map(|name| format!("user {name}")),
        profile.password_file.as_ref().map(|file| format!("password in {file}")),
        profile.azure_cli.then(|| "the Azure CLI's sign-in".to_owned()),
        profile.env_file.as_ref().map(|file| format!("what {file} says")),
    ];
    let caller: Vec<String> = caller.into_iter().flatten().collect();
    let url = profile.url.iter().cloned();
    url.chain(caller).collect::<Vec<_>>().join(", ")
}

/// A profile for programs. It holds no secret.
fn facts(name: &str, profile: &Kept, is_used: bool) -> Value {
    json!({"name": name, "inUse": is_used, "settings": profile})
}
