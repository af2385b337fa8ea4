//! From what was typed to what is meant: flags over the env file over the environment over a profile over
//! keyholder.toml over the kept sign-ins.

use std::io::Read;
use std::path::{Path, PathBuf};

use keyholder_client::connection::{Flags, Given, Origin, Settings, names, resolve};
use keyholder_client::sign_ins::SignIns;
use keyholder_client::{ConfigurationError, Connection, CredentialChoice, Dataverse, EnvFile, Http, NetworkOptions};
use keyholder_foundation::Secret;
use keyholder_org::env_file;
use keyholder_service_users::declaration::{Declaration, ReadError};
use keyholder_service_users::{Administrator, GitHubAccess, variables};

use crate::args::{ConnectionFlags, FederatedSource, PlaceFlags, SourceFlags};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::profiles;

/// No secret or password is longer, in bytes; a larger file is the wrong file.
const LONGEST_SECRET: u64 = 4096;

/// Signs nobody in yet: finds the org's authority and gets ready.
pub(crate) async fn connect(flags: &ConnectionFlags, printer: Printer) -> Result<Dataverse, Failure> {
    let connection = connection(flags, printer).await?;
    Ok(Dataverse::connect(&connection, http(connection.ca_file.clone())?).await?)
}

/// The same by an env file alone: it says who calls and where, whatever else is set.
pub(crate) async fn connect_by_file(path: &Path, printer: Printer) -> Result<Dataverse, Failure> {
    let file = env_file_at(path, printer)?;
    let connection = Connection::try_from(resolve(&Flags::default(), Some(&file), |_| None))?;
    Ok(Dataverse::connect(&connection, http(connection.ca_file.clone())?).await?)
}

/// The same to administer with: the org and its tenant's directory, by one credential. It may be any:
/// an application's, or the sign-in of a person.
pub(crate) async fn administrator(flags: &ConnectionFlags, printer: Printer) -> Result<Administrator, Failure> {
    administrator_of(connection(flags, printer).await?).await
}

/// The same by a connection that was found elsewhere.
pub(crate) async fn administrator_of(connection: Connection) -> Result<Administrator, Failure> {
    let (http, github) = (http(connection.ca_file.clone())?, github()?);
    Ok(Administrator::connect(connection, http).await?.with_github(github))
}

/// The environment's names for the way into GitHub, each as GitHub's own programs know it.
mod github_names {
    /// A token, as `gh` reads it.
    pub(super) const TOKEN: &str = "GH_TOKEN";
    /// A token, as workflows have it; read where the other is not set.
    pub(super) const WORKFLOW_TOKEN: &str = "GITHUB_TOKEN";
    /// A file that holds a token and nothing else; read before both.
    pub(super) const TOKEN_FILE: &str = "KEYHOLDER_GITHUB_TOKEN_FILE";
    /// Where the REST API is, as workflows have it: that of a GitHub Enterprise Server, or GitHub's own.
    pub(super) const API: &str = "GITHUB_API_URL";
}

/// The way into GitHub, where the environment has one.
pub(crate) fn github() -> Result<Option<GitHubAccess>, Failure> {
    let set = |name| environment(name).filter(|value| !value.trim().is_empty());
    let token = match set(github_names::TOKEN_FILE) {
        Some(file) => Some(secret_text(Path::new(&file), "GitHub token", github_names::TOKEN_FILE)?),
        None => set(github_names::TOKEN).or_else(|| set(github_names::WORKFLOW_TOKEN)).map(Secret::new),
    };
    let Some(token) = token else { return Ok(None) };
    let api = set(github_names::API).unwrap_or_else(|| GitHubAccess::PUBLIC.to_owned());
    Ok(Some(GitHubAccess::new(api, token)))
}

/// The kept sign-ins of this user.
pub(crate) fn sign_ins() -> Result<SignIns, Failure> {
    Ok(SignIns::in_folder(state_folder("a sign-in")?))
}

/// The folder for `what` is kept for this user between runs.
pub(crate) fn state_folder(what: &str) -> Result<PathBuf, Failure> {
    keyholder_platform::state_folder(environment).ok_or_else(|| {
        let message = format!("there is no place to keep {what}: the system does not say whose folder");
        Failure::new(Exit::BadConfiguration, message).hint("set `HOME`, or `XDG_STATE_HOME` to a folder of your own")
    })
}

pub(crate) fn http(ca_file: Option<PathBuf>) -> Result<Http, Failure> {
    Ok(Http::over_network(NetworkOptions { ca_file, ..NetworkOptions::default() })?)
}

/// What is asked of the settings: no file with a secret is read for a command that signs nobody in by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Where the org is, and nothing else.
    Place,
    /// The caller too.
    Caller,
    /// The caller, and whatever a weaker place has as well.
    Everything,
}

/// The settings with what stands in the files that flags and the profile name, not yet checked.
pub(crate) async fn settings(flags: &ConnectionFlags, printer: Printer) -> Result<Settings, Failure> {
    let places = places(flags, Needs::Caller, printer).await?;
    Ok(places.into_iter().fold(Settings::default(), Settings::over))
}

/// Where the org is, for a person who signs in now.
pub(crate) async fn place(place: &PlaceFlags, source: &SourceFlags, printer: Printer) -> Result<Settings, Failure> {
    let flags = ConnectionFlags { place: place.clone(), source: source.clone(), ..ConnectionFlags::default() };
    let places = places(&flags, Needs::Place, printer).await?;
    Ok(places.into_iter().fold(Settings::default(), Settings::over).for_a_person())
}

/// What each place says, the strongest first: flags, env file, environment, profile.
pub(crate) async fn places(flags: &ConnectionFlags, needs: Needs, printer: Printer) -> Result<Vec<Settings>, Failure> {
    let given = flags_of(flags, printer).await?;
    let nothing = Flags::default();
    let env_file = read_env_file(&flags.place, printer)?;
    let mut places = vec![
        resolve(&given, None, |_| None),
        resolve(&nothing, env_file.as_ref(), |_| None),
        resolve(&nothing, None, environment),
    ];
    let above = places.iter().cloned().fold(Settings::default(), Settings::over);
    places.extend(profiles::below(&above, needs, printer)?);
    Ok(places)
}

/// The only org of the declaration in this folder, where no stronger place says which org is meant.
pub(crate) fn declared(above: &Settings) -> Result<Option<Settings>, Failure> {
    let file = Path::new(DECLARATION);
    if above.url.is_some() {
        return Ok(None);
    }
    let declaration = match Declaration::read(file) {
        Err(ReadError::File(error)) if error.is_missing() => return Ok(None),
        read => read?,
    };
    let mut orgs = declaration.orgs.values();
    let (Some(org), None) = (orgs.next(), orgs.next()) else {
        let names: Vec<&str> = declaration.orgs.keys().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let message = format!("the org's URL is not given, and `{DECLARATION}` has several orgs: {}", names.join(", "));
        return Err(Failure::new(Exit::BadConfiguration, message).hint("say with `--url` which one is meant"));
    };
    let only = declaration.tenants.iter().next().filter(|_| declaration.tenants.len() == 1);
    let named = org.tenant.as_ref().and_then(|name| declaration.tenants.get(name));
    let tenant = named.or(only.map(|(_, tenant)| tenant)).map(|tenant| tenant.id.clone());
    let given = |value: String| Some(Given { value, origin: Origin::Declaration(file.to_path_buf()) });
    Ok(Some(Settings { url: given(org.url.to_string()), tenant: tenant.and_then(given), ..Settings::default() }))
}

/// The declaration of service users that stands in a folder.
const DECLARATION: &str = "keyholder.toml";

async fn flags_of(flags: &ConnectionFlags, printer: Printer) -> Result<Flags, Failure> {
    let (place, caller) = (&flags.place, &flags.caller);
    let stdin = Path::new("-");
    if [&caller.client_secret_file, &caller.password_file].iter().all(|file| file.as_deref() == Some(stdin)) {
        return Err(Failure::new(Exit::Usage, "standard input cannot be both the client secret and the password"));
    }
    Ok(Flags {
        url: place.url.clone(),
        tenant: place.tenant.clone(),
        authority: place.authority.clone(),
        ca_file: place.ca_file.as_deref().map(shown),
        client_id: caller.client_id.clone(),
        client_secret: read_secret(&caller.client_secret_file, "client secret", "--client-secret-file", printer)
            .await?,
        certificate_file: caller.certificate_file.as_deref().map(shown),
        federated_token_file: caller.federated_token_file.as_deref().map(shown),
        federated: caller.federated.map(FederatedSource::as_str).map(str::to_owned),
        managed_identity: caller.managed_identity,
        username: caller.username.clone(),
        password: read_secret(&caller.password_file, "password", "--password-file", printer).await?,
        azure_cli: caller.azure_cli,
        profile: flags.source.profile.clone(),
    })
}

/// Who calls which org, checked.
pub(crate) async fn connection(flags: &ConnectionFlags, printer: Printer) -> Result<Connection, Failure> {
    // Whoever wants to know what a command would do does not want it done.
    if flags.source.explain_config {
        return Err(Failure::new(Exit::Usage, "this command does not explain its settings")
            .hint("`keyholder whoami --explain-config` with the same flags does"));
    }
    let settings = settings(flags, printer).await?;
    let settings = match declared(&settings)? {
        Some(declared) => {
            let url = declared.url.as_ref().map(|given| given.value.as_str()).unwrap_or_default();
            printer.note(&format!("the org is {url}, the only one of `{DECLARATION}`"));
            settings.over(declared)
        }
        None => settings,
    };
    let connection = Connection::try_from(settings)?;
    if let CredentialChoice::Certificate(file) | CredentialChoice::ProtectedCertificate { file, .. } =
        &connection.credential
    {
        note_exposed(file, "private key", printer);
    }
    Ok(connection)
}

fn read_env_file(place: &PlaceFlags, printer: Printer) -> Result<Option<EnvFile>, Failure> {
    place.env_file.as_deref().map(|path| env_file_at(path, printer)).transpose()
}

/// Reads an environment file, and says what is odd about it.
pub(crate) fn env_file_at(path: &Path, printer: Printer) -> Result<EnvFile, Failure> {
    let file = EnvFile::read(path).map_err(ConfigurationError::from)?;
    if file.is_exposed {
        printer.note(&format!("others can read `{}`: `chmod 600` it, it may hold a secret", path.display()));
    }
    for unknown in file.variables().iter().filter(|variable| is_unknown(&variable.name)) {
        let (name, line) = (&unknown.name, unknown.line);
        printer.note(&format!("`{}` line {line}: nothing reads `{name}`; is it misspelt?", path.display()));
    }
    Ok(file)
}

/// The URL of the database of PostgreSQL that the local org is in.
pub(crate) const DATABASE_URL: &str = "KEYHOLDER_DATABASE_URL";
/// The file with the key that seals the token service's keys there.
pub(crate) const MASTER_KEY_FILE: &str = "KEYHOLDER_MASTER_KEY_FILE";

/// Whether a variable looks as if it were ours, and is not.
fn is_unknown(name: &str) -> bool {
    let known = [names::ALL, env_file::names::ALL, variables::ALL, &[DATABASE_URL, MASTER_KEY_FILE]];
    name.starts_with("KEYHOLDER_") && !known.into_iter().flatten().any(|known| *known == name)
}

pub(crate) fn environment(name: &'static str) -> Option<String> {
    std::env::var(name).ok()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Reads a secret from a file or, for `-`, from standard input: its first line, without the line
/// end that editors and `echo` add.
async fn read_secret(
    path: &Option<PathBuf>,
    what: &str,
    flag: &str,
    printer: Printer,
) -> Result<Option<Secret>, Failure> {
    let Some(path) = path.as_deref() else { return Ok(None) };
    let text = if path == Path::new("-") {
        // Aside, so that Ctrl-C is heard while somebody types; one more than fits, so that what is too long shows.
        let read = tokio::task::spawn_blocking(|| {
            let mut text = String::new();
            std::io::stdin().take(LONGEST_SECRET + 1).read_to_string(&mut text).map(|_| text)
        });
        let text = read.await.map_err(std::io::Error::other).flatten().map_err(|error| {
            Failure::new(Exit::BadData, format!("cannot read the {what} from standard input: {error}"))
        })?;
        let (text, longest) = (Secret::new(text), usize::try_from(LONGEST_SECRET).unwrap_or(usize::MAX));
        if text.expose().len() > longest {
            let message = format!("standard input has more than {longest} bytes: that is no {what}");
            return Err(Failure::new(Exit::BadData, message).hint(format!("send the {what} and nothing else")));
        }
        text
    } else {
        let text = secret_text(path, what, flag)?;
        note_exposed(path, what, printer);
        text
    };
    let place = if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) };
    first_line(&text, &place, what).map(Some)
}

/// Says so where others can read a file with a secret in it.
pub(crate) fn note_exposed(path: &Path, what: &str, printer: Printer) {
    if keyholder_platform::is_private(path).is_ok_and(|is_private| !is_private) {
        printer.note(&format!("others can read `{}`: `chmod 600` it, it holds a {what}", path.display()));
    }
}

/// Reads a secret from a file that a flag or a variable names: its first line.
pub(crate) fn secret_file(path: &Path, what: &str, named_by: &str) -> Result<Secret, Failure> {
    first_line(&secret_text(path, what, named_by)?, &format!("`{}`", path.display()), what)
}

fn secret_text(path: &Path, what: &str, named_by: &str) -> Result<Secret, Failure> {
    keyholder_platform::read_bounded(path, LONGEST_SECRET).map(Secret::new).map_err(|error| {
        Failure::new(Exit::BadConfiguration, error.to_string())
            .hint(format!("`{named_by}` names a file that holds the {what} and nothing else"))
    })
}

fn first_line(text: &Secret, place: &str, what: &str) -> Result<Secret, Failure> {
    let line = text.expose().lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(Failure::new(Exit::BadConfiguration, format!("{place} holds no {what}")));
    }
    Ok(Secret::new(line))
}
