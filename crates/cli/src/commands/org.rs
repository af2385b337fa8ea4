//! `keyholder org ...`.

use keyholder_org::LocalOrg;
use keyholder_org::control::SampleRequest;
use keyholder_org::env_file::names;
use keyholder_platform::Interruption;
use serde_json::{Value, json};

use crate::args::{Credentials, Org, Sample, Start};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Org, printer: Printer) -> Result<(), Failure> {
    match arguments {
        Org::Start(arguments) => start(arguments, printer).await,
        Org::Sample(arguments) => sample(arguments, printer).await,
        Org::Credentials(arguments) => credentials(arguments, printer).await,
    }
}

async fn start(arguments: &Start, printer: Printer) -> Result<(), Failure> {
    let interruption = interruption()?;
    let org = local::start(&arguments.data, &arguments.listen).await?;
    for note in org.notes() {
        printer.note(note);
    }
    let address = org.address();
    printer.line("The local org is ready. What a client needs:\n");
    for (name, value) in [
        (names::ORIGIN, &address.origin),
        (names::CA_FILE, &address.ca_file),
        (names::TENANT_ID, &address.tenant_id),
        (names::TENANT_DOMAIN, &address.tenant_domain),
        (names::ORG_URL, &address.org_url),
    ] {
        printer.line(&format!("  {name}={value}"));
    }
    for address in org.http_addresses() {
        printer.line(&format!("  plain http at http://{address}"));
    }
    printer.line(&format!("\nThe same with the administrators' secrets: {}", org.folder().env_file().display()));
    ready_event(&org, printer);
    serve(org, interruption, printer).await
}

/// Listens for Ctrl-C from here on.
pub(crate) fn interruption() -> Result<Interruption, Failure> {
    Interruption::listen().map_err(|error| Failure::new(Exit::Failed, format!("cannot listen for Ctrl-C: {error}")))
}

/// One line for programs that wait for the org: it answers from here on.
pub(crate) fn ready_event(org: &LocalOrg, printer: Printer) {
    let mut event = json!({"event": "ready"});
    if let (Some(event), Value::Object(status)) = (event.as_object_mut(), org.status()) {
        event.extend(status);
    }
    printer.event(&event);
}

/// Serves until the process is told to stop.
pub(crate) async fn serve(org: LocalOrg, mut interruption: Interruption, printer: Printer) -> Result<(), Failure> {
    printer.line("\nCtrl-C stops it.");
    interruption
        .wait()
        .await
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot wait for Ctrl-C: {error}")))?;
    org.stop().await;
    printer.line("stopped");
    Ok(())
}

async fn sample(arguments: &Sample, printer: Printer) -> Result<(), Failure> {
    let wanted = SampleRequest { rows: arguments.rows, seed: arguments.seed };
    let (accounts, contacts) = match local::holder(&arguments.data).await? {
        Holder::Running(control) => {
            let body = serde_json::to_value(wanted).unwrap_or_default();
            let done = control.post("sample", &body).await?;
            let count = |name: &str| done.get(name).and_then(Value::as_u64).unwrap_or_default();
            (count("accounts"), count("contacts"))
        }
        Holder::Opened(world) => {
            let sampled = world.sample(wanted.rows, wanted.seed).await?;
            (sampled.accounts.into(), sampled.contacts.into())
        }
    };
    printer.line(&format!("added {accounts} accounts and {contacts} contacts (seed {})", arguments.seed));
    printer.json(&json!({"accounts": accounts, "contacts": contacts, "seed": arguments.seed}));
    Ok(())
}

async fn credentials(arguments: &Credentials, printer: Printer) -> Result<(), Failure> {
    match local::holder(&arguments.data).await? {
        Holder::Running(control) => control.post("credentials/reset", &Value::Null).await.map(drop)?,
        Holder::Opened(world) => world.reset_credentials().await?,
    }
    let file = keyholder_org::DataFolder::new(&arguments.data)?.env_file();
    printer.line(&format!(
        "the administrators have new credentials, written to {}; the old ones no longer work",
        file.display()
    ));
    printer.json(&json!({"envFile": file}));
    Ok(())
}
