//! `keyholder org start`: serving the local org until told to stop.

use std::sync::Arc;
use std::time::Duration;

use keyholder_org::env_file::names;
use keyholder_org::{GraphThrottle, LocalOrg, RolePolicy, Settings};
use keyholder_platform::{Interruption, RuntimeSleep};
use serde_json::{Value, json};

use super::schema;
use crate::args::{Behaviour, Policy, Start};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interruption;
use crate::issuers::OutsideIssuers;
use crate::local;
use crate::printer::Printer;

/// In which time `--graph-limit` counts.
const GRAPH_WINDOW: Duration = Duration::from_secs(10);

/// Starts the local org and serves it.
pub(super) async fn start(arguments: &Start, printer: Printer) -> Result<(), Failure> {
    let interruption = interruption::listen()?;
    // Read before anything is made or listens: a file that is wrong shall leave nothing behind.
    let schema = if arguments.schema.is_empty() { None } else { Some(schema::read(&arguments.schema, None)?) };
    let org = local::start(&arguments.data, &arguments.listen, settings(&arguments.behaviour)?, printer).await?;
    for note in org.notes() {
        printer.note(note);
    }
    if let Some(schema) = schema {
        let imported = org.import_schema(schema.definition, schema.provenance).await;
        let imported = match imported {
            Ok(imported) => imported,
            Err(error) => {
                org.stop().await;
                return Err(error.into());
            }
        };
        printer.note(&format!(
            "imported {}: {} tables are new, {} have more than before, {} are as they were",
            if arguments.schema.len() == 1 { "the schema" } else { "the schemas" },
            imported.new.len(),
            imported.changed.len(),
            imported.unchanged
        ));
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
    // A lost file has been noted, with the way to a new one.
    let env_file = org.folder().env_file();
    if env_file.exists() {
        printer.line(&format!("\nThe same with the administrators' secrets: {}", env_file.display()));
    }
    ready_event(&org, printer);
    serve(org, interruption, printer).await
}

/// One line for programs that wait for the org: it answers from here on.
fn ready_event(org: &LocalOrg, printer: Printer) {
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

fn settings(behaviour: &Behaviour) -> Result<Settings, Failure> {
    Ok(Settings {
        pretend: behaviour.pretend.map(Into::into),
        non_interactive_limit: behaviour.non_interactive_limit,
        role_policy: match behaviour.policy.contains(&Policy::CustomRolesOnly) {
            true => RolePolicy::CustomRolesOnly,
            false => RolePolicy::AnyRole,
        },
        directory_lag: behaviour.directory_lag,
        propagation_delay: behaviour.propagation_delay,
        throttle: behaviour.graph_limit.map(|requests| GraphThrottle { requests, window: GRAPH_WINDOW }),
        latency: behaviour.latency,
        limits: behaviour.limits.0,
        sleep: Arc::new(RuntimeSleep),
        issuer_documents: Arc::new(OutsideIssuers::new(behaviour)?),
    })
}
