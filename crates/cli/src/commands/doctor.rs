//! `keyholder doctor`.

mod mend;
mod words;

use std::time::Duration;

use keyholder_client::connection::{Flags, resolve};
use keyholder_client::{Connection, Http, RetryPolicy};
use keyholder_service_users::doctor::{Patient, Proxy, Step, examine};
use keyholder_service_users::{Administrator, Journal};
use serde_json::json;

use crate::args::{AdministratorFlags, Doctor};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::{self, Absent, LocalPlace};
use crate::printer::Printer;
use crate::settings;

/// Of what a service refuses for now, the refusal is wanted, and not what comes of waiting.
const RETRIES: RetryPolicy =
    RetryPolicy { attempts: 2, longest_wait: Duration::from_secs(1), first_wait: Duration::from_millis(200) };

pub(crate) async fn run(arguments: &Doctor, printer: Printer) -> Result<Exit, Failure> {
    let place = match &arguments.place.local {
        Some(folder) => Some(LocalPlace::find(folder, Absent::Refuse, printer).await?),
        None => None,
    };
    let outcome = with_place(arguments, place.as_ref(), printer).await;
    if let Some(place) = place {
        place.end().await;
    }
    outcome
}

async fn with_place(arguments: &Doctor, place: Option<&LocalPlace>, printer: Printer) -> Result<Exit, Failure> {
    let connection = match place {
        Some(place) => local::administrator(place.folder())?,
        None => settings::connection(&arguments.place.connection, printer).await?,
    };
    let witness = witness(&arguments.administrator, &connection, printer).await?;
    let outcome = diagnose(arguments, &connection, witness.as_ref(), printer).await;
    let mends = match outcome {
        Ok(Told { exit, failure: None }) => Ok(exit),
        Ok(Told { failure: Some((failure, steps)), .. }) => match (&witness, arguments.mend) {
            (Some(_), true) => return mend_and_end(arguments, &connection, witness, &steps, failure, printer).await,
            _ => Err(failure),
        },
        Err(failure) => Err(failure),
    };
    if let Some(witness) = witness {
        witness.end().await;
    }
    mends
}

/// How an examination went.
struct Told {
    exit: Exit,
    failure: Option<(Failure, Vec<Step>)>,
}

async fn diagnose(
    arguments: &Doctor,
    connection: &Connection,
    witness: Option<&Here>,
    printer: Printer,
) -> Result<Told, Failure> {
    let http = http(connection)?;
    let proxy = Proxy::of(connection.url.as_url(), settings::environment);
    let administrator = witness.map(|witness| &witness.administrator);
    let patient = Patient { connection, http: &http, proxy: &proxy, asked: &arguments.can, witness: administrator };
    let (seen, steps) = examine(&patient).await;
    words::headline(&seen, &connection.url, printer);
    for step in &steps {
        words::tell(step, printer);
    }
    words::summary(&steps, printer);
    let mut document = json!({
        "url": connection.url.to_string(),
        "clientId": seen.client,
        "isPerson": seen.is_person,
        "isHealthy": !words::has_failed(&steps),
        "steps": steps,
    });
    let failure = words::failure(&steps).map(|failure| failure.within(&mut document));
    // With mends, the document of what comes of them is the one.
    if !arguments.mend || failure.is_none() {
        printer.json(&document);
    }
    Ok(Told { exit: Exit::Done, failure: failure.map(|failure| (failure, steps)) })
}

fn http(connection: &Connection) -> Result<Http, Failure> {
    Ok(settings::http(connection.ca_file.clone())?.with_retries(RETRIES))
}

/// Somebody who sees more, signed in to the examined org.
async fn witness(flags: &AdministratorFlags, examined: &Connection, printer: Printer) -> Result<Option<Here>, Failure> {
    if let Some(folder) = &flags.administrator_local {
        let place = LocalPlace::find(folder, Absent::Refuse, printer).await?;
        let journal = Journal::new(place.folder().file("journal"));
        let connected = async {
            let connection = local::administrator(place.folder())?;
            same_org(&connection, examined)?;
            let http = settings::http(connection.ca_file.clone())?;
            Ok::<_, Failure>(Administrator::connect(connection, http).await?)
        };
        return match connected.await {
            Ok(administrator) => Ok(Some(Here::of(administrator, journal, Some(place)))),
            Err(failure) => {
                place.end().await;
                Err(failure)
            }
        };
    }
    let Some(path) = &flags.administrator_env_file else { return Ok(None) };
    let journal = Journal::new(settings::state_folder("what is borrowed")?.join("journal"));
    let file = settings::env_file_at(path, printer)?;
    let connection = Connection::try_from(resolve(&Flags::default(), Some(&file), |_| None))?;
    same_org(&connection, examined)?;
    let http = settings::http(connection.ca_file.clone())?;
    Ok(Some(Here::of(Administrator::connect(connection, http).await?, journal, None)))
}

/// What another org's administrator sees says nothing of this one, and what they mend is mended there.
fn same_org(administrator: &Connection, examined: &Connection) -> Result<(), Failure> {
    if administrator.url == examined.url {
        return Ok(());
    }
    let message = format!("the administrator is {}'s, and {} is examined", administrator.url, examined.url);
    let hint = format!("give the environment file of an administrator with KEYHOLDER_ORG_URL={}", examined.url);
    Err(Failure::new(Exit::BadConfiguration, message).hint(hint))
}

async fn mend_and_end(
    arguments: &Doctor,
    connection: &Connection,
    witness: Option<Here>,
    steps: &[Step],
    failure: Failure,
    printer: Printer,
) -> Result<Exit, Failure> {
    let Some(witness) = witness else { return Err(failure) };
    let Some(mend) = mend::of(steps, &arguments.role) else {
        witness.end().await;
        return Err(failure.hint("`--mend` can do nothing about that: the step says who can"));
    };
    mend::run(mend, arguments, connection, witness, printer).await
}
