//! `keyholder init`: a first keyholder.toml.

use std::path::Path;

use keyholder_client::OrgUrl;
use keyholder_platform::create_new;
use keyholder_service_users::declaration::print_declaration;
use keyholder_service_users::{Administrator, inventory};
use serde_json::json;

use crate::args::Init;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, Absent, LocalPlace};
use crate::printer::Printer;
use crate::progress::shown;
use crate::settings;

/// The declaration that is written from nothing.
const FIRST: &str = include_str!("init/first.toml");

/// What stands in it for the org's address.
const EXAMPLE: &str = "https://contoso.crm4.dynamics.com";

/// Above what was taken from an org.
const TAKEN: &str = "\
# The service users of an org, as they are: `keyholder plan` says that there is nothing to do.
# What each key means: docs/keyholder-toml.md. Completion in editors: `keyholder schema`.

";

pub(crate) async fn run(arguments: &Init, printer: Printer) -> Result<(), Failure> {
    let file = &arguments.file;
    if file.exists() {
        return Err(exists(file));
    }
    let place = match &arguments.local {
        Some(folder) => Some(LocalPlace::find(folder, Absent::unless(arguments.from_org), printer).await?),
        None => None,
    };
    let written = write(arguments, place.as_ref(), printer).await;
    if let Some(place) = place {
        place.end().await;
    }
    let left = written?;
    printer.line(&format!("Wrote {}.", shown(file)));
    for left in &left {
        printer.note(&format!("left out {left}"));
    }
    let local = if arguments.local.is_some() { " --local" } else { "" };
    printer.line(&format!("Next: read it, then `keyholder plan{local}`."));
    printer.json(&json!({"file": file.display().to_string(), "leftOut": left}));
    Ok(())
}

fn exists(file: &Path) -> Failure {
    Failure::new(Exit::CannotCreate, format!("`{}` is there already, and is not written over", file.display()))
        .hint("give another name: `keyholder init FILE`")
}

/// Writes the file; what was left out of it.
async fn write(arguments: &Init, place: Option<&LocalPlace>, printer: Printer) -> Result<Vec<String>, Failure> {
    let (text, left) = if arguments.from_org {
        let administrator = match place {
            Some(place) => {
                let connection = local::administrator(place.folder())?;
                let http = settings::http(connection.ca_file.clone())?;
                Administrator::connect(connection, http).await?
            }
            None => settings::administrator(&arguments.connection, printer).await?,
        };
        let name = name_of(&administrator.connection.url);
        let found = inventory(&administrator, &name).await?;
        let remark = |table: &str, name: &str| {
            found.remarks.get(&(table.to_owned(), name.to_owned())).cloned().unwrap_or_default()
        };
        (format!("{TAKEN}{}", print_declaration(&found.declaration, remark)), found.left)
    } else {
        let url = match place {
            Some(place) => Some(local::administrator(place.folder())?.url),
            None => given(arguments, printer).await?,
        };
        (FIRST.replace(EXAMPLE, &url.map_or_else(|| EXAMPLE.to_owned(), |url| url.to_string())), Vec::new())
    };
    match create_new(&arguments.file, text.as_bytes()) {
        Err(error) if error.is_there_already() => Err(exists(&arguments.file)),
        written => Ok(written.map(|()| left)?),
    }
}

/// The org's address, where one was given: here nobody signs in.
async fn given(arguments: &Init, printer: Printer) -> Result<Option<OrgUrl>, Failure> {
    let Some(url) = settings::settings(&arguments.connection, printer).await?.url else { return Ok(None) };
    let parsed = url.value.parse();
    parsed.map(Some).map_err(|problem| Failure::new(Exit::BadConfiguration, format!("the org's URL {problem}")))
}

/// What an org is called by its address: `contoso` for `https://contoso.crm4.dynamics.com`.
fn name_of(url: &OrgUrl) -> String {
    let host = url.as_url().domain().unwrap_or("org");
    let first: String = host.split('.').next().unwrap_or_default().to_owned();
    if first.is_empty() || first == "localhost" { "org".to_owned() } else { first }
}
