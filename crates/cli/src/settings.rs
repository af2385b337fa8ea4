//! From what was typed to what is meant: flags over the env file over the environment.

use std::io::Read;
use std::path::Path;

use keyholder_client::connection::{Flags, resolve};
use keyholder_client::{ConfigurationError, Connection, Dataverse, EnvFile, Http, NetworkOptions};
use keyholder_foundation::Secret;

use crate::args::ConnectionFlags;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// No client secret is longer, in bytes; a larger file is the wrong file.
const LONGEST_SECRET: u64 = 4096;

/// Signs nobody in yet: finds the org's authority and gets ready.
pub(crate) async fn connect(flags: &ConnectionFlags, printer: Printer) -> Result<Dataverse, Failure> {
    let connection = connection(flags, printer)?;
    let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..NetworkOptions::default() })?;
    Ok(Dataverse::connect(&connection, http).await?)
}

fn connection(flags: &ConnectionFlags, printer: Printer) -> Result<Connection, Failure> {
    let env_file = match &flags.env_file {
        None => None,
        Some(path) => {
            let file = EnvFile::read(path).map_err(ConfigurationError::from)?;
            if file.is_exposed {
                printer.note(&format!("others can read `{}`: `chmod 600` it, it may hold a secret", path.display()));
            }
            Some(file)
        }
    };
    let secret = flags.client_secret_file.as_deref().map(read_secret).transpose()?;
    let text = |path: &std::path::PathBuf| path.display().to_string();
    let given = Flags {
        url: flags.url.clone(),
        tenant: flags.tenant.clone(),
        authority: flags.authority.clone(),
        client_id: flags.client_id.clone(),
        client_secret: secret,
        ca_file: flags.ca_file.as_ref().map(text),
    };
    let settings = resolve(&given, env_file.as_ref(), |name| std::env::var(name).ok());
    Ok(Connection::try_from(settings)?)
}

/// Reads a secret from a file or, for `-`, from standard input: its first line, without the line
/// end that editors and `echo` add.
fn read_secret(path: &Path) -> Result<Secret, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(LONGEST_SECRET).read_to_string(&mut text).map_err(|error| {
            Failure::new(Exit::BadData, format!("cannot read the client secret from standard input: {error}"))
        })?;
        text
    } else {
        keyholder_platform::read_bounded(path, LONGEST_SECRET).map_err(|error| {
            Failure::new(Exit::BadConfiguration, error.to_string())
                .hint("`--client-secret-file` names a file that holds the secret and nothing else")
        })?
    };
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        let place = if path == Path::new("-") { "standard input".to_owned() } else { format!("`{}`", path.display()) };
        return Err(Failure::new(Exit::BadConfiguration, format!("{place} holds no client secret")));
    }
    Ok(Secret::new(line))
}
