//! `doctor --mend`: what an administrator may do about what failed, after asking.

use keyholder_client::Connection;
use keyholder_service_users::Administrator;
use keyholder_service_users::app_users::{self, Found, Wanted};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::doctor::{Check, Seen, State, Step};
use keyholder_service_users::plan::Leave;
use serde_json::json;

use crate::args::Doctor;
use crate::commands::apply::{Manner, carry_out, confirm};
use crate::commands::declared::Declared;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::printer::Printer;
use crate::progress::Lines;

/// The org knows no user for the caller. A refusal with another code, or none, says nothing of whether there is one.
const NOT_A_MEMBER: &str = "0x80072560";
/// Anybody who may give it may give it by its name alone; a plan leaves it where it is.
const SYSTEM_ADMINISTRATOR: &str = "System Administrator";

/// What can be done from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mend {
    /// The org's user is let in again.
    Enable,
    /// The application gets a user with roles, or the roles alone.
    User,
}

/// What can be done about these steps; nothing where it is somebody else's.
pub(super) fn of(steps: &[Step], roles: &[String]) -> Option<Mend> {
    let first = steps.iter().find(|step| step.state == State::Failed)?;
    match first.check {
        Check::Enabled => Some(Mend::Enable),
        Check::User if first.trouble.as_ref()?.code.as_deref() != Some(NOT_A_MEMBER) => None,
        Check::User | Check::Roles | Check::Can if !roles.is_empty() => Some(Mend::User),
        _ => None,
    }
}

pub(super) async fn run(
    mend: Mend,
    arguments: &Doctor,
    connection: &Connection,
    seen: &Seen,
    here: Here,
    printer: Printer,
) -> Result<Exit, Failure> {
    match mend {
        Mend::Enable => {
            let outcome = enable(arguments, connection, &here, printer).await;
            here.end().await;
            outcome
        }
        Mend::User => make(arguments, connection, seen, here, printer).await,
    }
}

async fn enable(arguments: &Doctor, connection: &Connection, here: &Here, printer: Printer) -> Result<Exit, Failure> {
    let found = app_users::find(&here.administrator, &connection.client_id.to_string()).await?;
    printer.ask(&format!("`{}` is let into {} again, with the roles that it has", found.name, connection.url));
    confirm(arguments.yes, "the user stays disabled", printer).await?;
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    app_users::switch(&here.administrator, &found, true, &lines).await?;
    printer.json(&json!({ "mended": "enabled", "steps": lines.events() }));
    Ok(Exit::Done)
}

/// The roles that the user has by itself: it keeps them beside those that it is given.
fn held(found: &Found, seen: &Seen) -> Result<Vec<String>, Failure> {
    match &seen.roles {
        _ if found.user.is_none() => Ok(Vec::new()),
        Some(Ok(held)) => {
            let own = held.iter().filter(|role| role.team.is_none() && role.name != SYSTEM_ADMINISTRATOR);
            Ok(own.map(|role| role.name.clone()).collect())
        }
        _ => Err(Failure::new(
            Exit::NotAllowed,
            "the roles that the user has could not be read, and giving it another could take them away",
        )),
    }
}

/// The name of the business unit that the user is in: it stays there.
async fn unit(administrator: &Administrator, found: &Found) -> Result<Option<String>, Failure> {
    let Some(user) = &found.user else { return Ok(None) };
    let row = administrator.org.get(&format!("systemusers({})?$select=_businessunitid_value", user.id)).await?;
    let Some(id) = row.get("_businessunitid_value").and_then(serde_json::Value::as_str) else { return Ok(None) };
    let row = administrator.org.get(&format!("businessunits({id})?$select=name")).await?;
    Ok(row.get("name").and_then(serde_json::Value::as_str).map(str::to_owned))
}

/// As `app-user create --adopt` does it, without a new credential; nothing that it has is taken away.
async fn make(
    arguments: &Doctor,
    connection: &Connection,
    seen: &Seen,
    here: Here,
    printer: Printer,
) -> Result<Exit, Failure> {
    let prepared = async {
        let found = app_users::find(&here.administrator, &connection.client_id.to_string()).await?;
        let mut roles = held(&found, seen)?;
        roles.extend(arguments.role.iter().cloned());
        let wanted = Wanted {
            business_unit: unit(&here.administrator, &found).await?,
            name: found.name,
            client_id: Some(connection.client_id),
            roles,
            ..Wanted::default()
        };
        let usage = |problem: String| Failure::new(Exit::Usage, problem);
        let declaration = wanted.declaration(&here.administrator.connection.url).map_err(usage)?;
        declaration.check().map_err(|mistakes| usage(mistakes.to_string()))?;
        Ok::<_, Failure>(declaration)
    };
    let declared = match prepared.await {
        Ok(declaration) => Declared::of_one(here, declaration)?,
        Err(failure) => {
            here.end().await;
            return Err(failure);
        }
    };
    let leave = Leave { prune: false, system_administrator: false };
    let manner = Manner { leave, yes: arguments.yes, proving: Proving::default(), whole: true };
    let outcome = carry_out(&declared, manner, None, printer).await;
    declared.end().await;
    outcome
}
