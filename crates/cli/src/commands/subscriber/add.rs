//! `subscriber add`: consent link, wait, their administrator's one command, proof.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use keyholder_client::Authority;
use keyholder_foundation::{OsRandom, Random};
use keyholder_platform::read_bounded;
use keyholder_service_users::Wishes;
use keyholder_service_users::declaration::{ApplicationUser, Declaration, LARGEST_FILE, Subscriber, print_subscriber};
use keyholder_service_users::subscribers::{Published, Publisher, Standing, consent_link, published};
use serde_json::{Value, json};

use super::theirs::Theirs;
use super::{Known, no_key, publisher, words};
use crate::args::SubscriberAdd;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::{Lines, quoted, shown};

pub(super) async fn run(arguments: &SubscriberAdd, printer: Printer) -> Result<Exit, Failure> {
    let known = Known::read(&arguments.known)?;
    let mut place = arguments.place.clone();
    let home = known.application(&arguments.app).and_then(|(name, _)| known.declaration.home(name));
    if let Some((_, org)) = home
        && place.connection.place.url.is_none()
        && place.connection.place.env_file.is_none()
    {
        // In which tenant the registration is, is the declaration's to say.
        place.connection.place.url = Some(org.url.to_string());
    }
    let here = Here::find(&place, Absent::Make, printer).await?;
    let outcome = Box::pin(take_on(arguments, &known, &here, printer)).await;
    here.end().await;
    outcome
}

async fn take_on(arguments: &SubscriberAdd, known: &Known, here: &Here, printer: Printer) -> Result<Exit, Failure> {
    let administrator = &here.administrator;
    let declared = known.application(&arguments.app);
    let key = known.key(declared.map(|(name, _)| name)).await?;
    let app = match declared {
        Some((_, ApplicationUser { client_id: Some(id), .. })) => id.to_string(),
        Some((_, user)) => user.name.clone(),
        None => arguments.app.clone(),
    };
    let found = published(administrator, &app).await?;
    if let Some(key) = key.as_ref().filter(|key| key.client_id != found.client_id) {
        let message = format!(
            "the key at hand is of the application {}, and `{}` is {}",
            key.client_id, arguments.app, found.client_id
        );
        return Err(Failure::new(Exit::BadConfiguration, message).hint(
            "name the file of its own key with `--key-file`, or with `--app` the application whose key that is",
        ));
    }
    let login = administrator.org.tokens().authority().login();
    let authority = Authority::new(login, &arguments.tenant)?;
    let state = arguments.state.clone().unwrap_or_else(random_state);
    let link = consent_link(&authority, &found, &state);
    let subscriber = Subscriber {
        tenant: arguments.tenant.clone(),
        url: arguments.their_org.clone(),
        application: declared.map_or_else(|| found.name.clone(), |(name, _)| name.to_owned()),
    };

    printer.line(&format!("An administrator of {} lets `{}` in by this link:", arguments.tenant, found.name));
    printer.line(&format!("  {link}"));
    printer.progress(&json!({"event": "consentLink", "link": link.as_str(), "state": state}));
    if printer.is_json() {
        printer.note(&format!("an administrator of {} consents at {link}", arguments.tenant));
    }
    let theirs = subscriber.url.as_ref().map(|url| Theirs::new(&found, declared, &known.declaration, url));
    match &theirs {
        Some(theirs) => tell(theirs, arguments, printer)?,
        None => {
            printer.note("with `--their-org` it is told what their administrator does next, and the way in is proved");
        }
    }
    let name = declared.map(|_| remember(arguments, known, &subscriber, printer)).transpose()?.flatten();

    let standing = match key {
        Some(key) => {
            let publisher = publisher(key, administrator.connection.ca_file.as_deref()).await?;
            look(arguments, known, declared, &publisher, &subscriber, printer).await?
        }
        None => {
            let missing = no_key(&found.name);
            printer.note(missing.message());
            missing.hints().iter().for_each(|hint| printer.note(hint));
            Standing::default()
        }
    };
    let mut result = words::to_json(name.as_deref(), &subscriber, &standing);
    if let Some(result) = result.as_object_mut() {
        result.insert("clientId".to_owned(), json!(found.client_id));
        result.insert("consentLink".to_owned(), json!(link.as_str()));
        result.insert("state".to_owned(), json!(state));
        result.insert("command".to_owned(), json!(theirs.map(|theirs| theirs.command)));
        result.insert("declaration".to_owned(), json!(arguments.write_declaration));
    }
    conclude(arguments, &found, &standing, &result, printer)
}

/// Says what their administrator does, and writes it down where that is wanted.
fn tell(theirs: &Theirs, arguments: &SubscriberAdd, printer: Printer) -> Result<(), Failure> {
    printer.line("Then a System Administrator of their org makes its user there, with one command:");
    printer.line(&format!("  {}", theirs.command));
    if let Some(path) = &arguments.write_declaration {
        theirs.write(path)?;
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        printer.line(&format!("or with the file {}: keyholder apply --file {}", shown(path), quoted(&file)));
    }
    if theirs.lacks_rights() {
        printer.note("no roles of the application are declared: say what it is to be given there");
    }
    Ok(())
}

/// Waits for the consent, and looks how far they are.
async fn look(
    arguments: &SubscriberAdd,
    known: &Known,
    declared: Option<(&str, &ApplicationUser)>,
    publisher: &Publisher,
    subscriber: &Subscriber,
    printer: Printer,
) -> Result<Standing, Failure> {
    if !arguments.wait.is_zero() {
        let lines = Lines::of_changes(printer, false);
        if !publisher.wait_for_consent(&subscriber.tenant, arguments.wait, &lines).await? {
            return Ok(Standing { is_consented: Some(false), ..Standing::default() });
        }
    }
    let roles = declared.map(|(_, user)| user.roles.as_slice()).unwrap_or_default();
    Ok(publisher.look(subscriber, &Wishes::of(&known.declaration), roles).await)
}

fn conclude(
    arguments: &SubscriberAdd,
    found: &Published,
    standing: &Standing,
    result: &Value,
    printer: Printer,
) -> Result<Exit, Failure> {
    let (tenant, name) = (&arguments.tenant, &found.name);
    printer.json(result);
    if let Some(error) = &standing.trouble {
        return Err(Failure::from(error));
    }
    match (standing.is_consented, standing.has_user) {
        (Some(false), _) if arguments.wait.is_zero() => printer.line(&format!("\n{tenant} has not consented yet.")),
        (Some(false), _) => {
            return Err(Failure::new(Exit::NotAllowed, format!("{tenant} did not consent to `{name}` in time"))
                .hint("send them the link; then run the same again, with a longer `--wait` if you like"));
        }
        (Some(true), Some(true)) => {
            let roles = standing.roles.as_ref().filter(|roles| !roles.is_empty());
            let roles = roles.map(|roles| format!(" ({})", roles.join(", "))).unwrap_or_default();
            printer.line(&format!("\nProved: `{name}` gets into their org with its own key{roles}."));
            standing.tried.iter().for_each(|tried| printer.line(&format!("  it may {tried}")));
            words::remarks(tenant, standing).iter().for_each(|line| printer.line(line));
        }
        (Some(true), Some(false)) => {
            printer.line(&format!("\n{tenant} has consented to `{name}`; their org has no user for it yet."));
        }
        (Some(true), None) => printer.line(&format!("\n{tenant} has consented to `{name}`.")),
        (None, _) => {}
    }
    Ok(Exit::Done)
}

/// Adds a subscriber to the end of the declaration, unless it stands there already; its name there.
fn remember(
    arguments: &SubscriberAdd,
    known: &Known,
    subscriber: &Subscriber,
    printer: Printer,
) -> Result<Option<String>, Failure> {
    let Some(file) = &known.file else { return Ok(None) };
    let is_same = |other: &Subscriber| {
        other.tenant.eq_ignore_ascii_case(&subscriber.tenant)
            && other.application == subscriber.application
            && (subscriber.url.is_none() || other.url == subscriber.url)
    };
    let all = &known.declaration.subscribers;
    if let Some((name, _)) = all.iter().find(|(_, other)| is_same(other)) {
        return Ok(Some(name.clone()));
    }
    let name = arguments.name.clone().unwrap_or_else(|| free_name(&arguments.tenant, all));
    let text = read_bounded(file, LARGEST_FILE)?;
    let gap = if text.ends_with('\n') || text.is_empty() { "\n" } else { "\n\n" };
    let entry = format!("{gap}{}", print_subscriber(&name, subscriber));
    // A file that reads wrongly afterwards would be worse than one that lacks an entry.
    if let Err(mistakes) = Declaration::parse(&format!("{text}{entry}"), file) {
        let message = format!("the subscriber cannot be added to `{}`: {mistakes}", file.display());
        return Err(Failure::new(Exit::BadConfiguration, message).hint("give another name with `--as`"));
    }
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::CannotCreate, format!("cannot add to `{}`: {error}", file.display()))
    };
    let mut open = OpenOptions::new().append(true).open(file).map_err(cannot)?;
    open.write_all(entry.as_bytes()).and_then(|()| open.sync_all()).map_err(cannot)?;
    printer.line(&format!("Added [subscribers.{name}] to {}.", shown(file)));
    Ok(Some(name))
}

/// A name that is not taken: the domain up to its first dot, or the beginning of the id.
fn free_name(tenant: &str, taken: &BTreeMap<String, Subscriber>) -> String {
    let first = tenant.split(['.', '-']).next().unwrap_or_default().to_ascii_lowercase();
    let first = if first.is_empty() { "subscriber".to_owned() } else { first };
    let numbered = (2_u32..).map(|number| format!("{first}-{number}"));
    std::iter::once(first.clone()).chain(numbered).find(|name| !taken.contains_key(name)).unwrap_or(first)
}

/// Something that nobody guesses, for the page that the consent comes back to.
fn random_state() -> String {
    let mut bytes = [0; 12];
    OsRandom.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
