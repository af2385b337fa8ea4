//! `keyholder org ...`.

mod clock;
mod faults;
mod orgs;
mod people;
mod schema;
mod serve;
mod snapshots;

use keyholder_org::control::SampleRequest;
use serde_json::{Value, json};

use crate::args::{Credentials, Folder, Org, Sample};
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;

pub(crate) use serve::serve;

pub(crate) async fn run(arguments: &Org, printer: Printer) -> Result<(), Failure> {
    match arguments {
        Org::Start(arguments) => serve::start(arguments, printer).await,
        Org::Sample(arguments) => sample(arguments, printer).await,
        Org::ImportSchema(arguments) => schema::import(arguments, printer).await,
        Org::Credentials(arguments) => credentials(arguments, printer).await,
        Org::Clock(arguments) => clock::run(arguments, printer).await,
        Org::Fault(arguments) => faults::run(arguments, printer).await,
        Org::Snapshot(arguments) => snapshots::take(arguments, printer).await,
        Org::Restore(arguments) => snapshots::restore(arguments, printer).await,
        Org::Snapshots(arguments) => snapshots::run(arguments, printer).await,
        Org::Reset(arguments) => snapshots::reset(arguments, printer).await,
        Org::RotateKeys(arguments) => rotate_keys(arguments, printer).await,
        Org::SecurityGroup(arguments) => orgs::security_group(arguments, printer).await,
        Org::ConditionalAccess(arguments) => people::conditional_access(arguments, printer).await,
        Org::MultiFactor(arguments) => people::multi_factor(arguments, printer).await,
        Org::PasswordExpiry(arguments) => people::password_expiry(arguments, printer).await,
        Org::Licences(arguments) => people::licences(arguments, printer).await,
        Org::Persona(arguments) => people::persona(arguments, printer).await,
        Org::Tenant(arguments) => orgs::tenant(arguments, printer).await,
        Org::Add(arguments) => orgs::add(arguments, printer).await,
        Org::List(arguments) => orgs::list(arguments, printer).await,
    }
}

async fn sample(arguments: &Sample, printer: Printer) -> Result<(), Failure> {
    let wanted = SampleRequest { rows: arguments.rows, seed: arguments.seed };
    let (accounts, contacts) = match local::holder(&arguments.folder.data).await? {
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
    match local::holder(&arguments.folder.data).await? {
        Holder::Running(control) => control.post("credentials/reset", &Value::Null).await.map(drop)?,
        Holder::Opened(world) => world.reset_credentials().await?,
    }
    let file = keyholder_org::DataFolder::new(&arguments.folder.data)?.env_file();
    printer.line(&format!(
        "the administrators have new credentials, written to {}; the old ones no longer work",
        file.display()
    ));
    printer.json(&json!({"envFile": file}));
    Ok(())
}

async fn rotate_keys(arguments: &Folder, printer: Printer) -> Result<(), Failure> {
    let key = match local::holder(&arguments.data).await? {
        Holder::Running(control) => {
            let done = control.post("keys/rotate", &Value::Null).await?;
            done.get("keyId").and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        Holder::Opened(world) => world.rotate_keys().await?,
    };
    printer.line(&format!("the token service signs with key {key}; tokens that are out stay good until they expire"));
    printer.json(&json!({"keyId": key}));
    Ok(())
}
