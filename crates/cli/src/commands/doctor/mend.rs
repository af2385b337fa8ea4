//! `doctor --mend`: what an administrator may do about what failed, after asking.

use keyholder_client::Connection;
use keyholder_service_users::app_users::{self, Wanted};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::doctor::{Check, State, Step};
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
    here: Here,
    printer: Printer,
) -> Result<Exit, Failure> {
    match mend {
        Mend::Enable => {
            let outcome = enable(arguments, connection, &here, printer).await;
            here.end().await;
            outcome
        }
        Mend::User => make(arguments, connection, here, printer).await,
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

/// As `app-user create --adopt` does it, without a new credential; nothing that it has is taken away.
async fn make(arguments: &Doctor, connection: &Connection, here: Here, printer: Printer) -> Result<Exit, Failure> {
    let prepared = async {
        let found = app_users::find(&here.administrator, &connection.client_id.to_string()).await?;
        let wanted = Wanted {
            name: found.name,
            client_id: Some(connection.client_id),
            roles: arguments.role.clone(),
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
    let leave = Leave { prune: false, system_administrator: false, adds: true };
    let manner = Manner { leave, yes: arguments.yes, proving: Proving::default(), whole: true };
    let outcome = carry_out(&declared, manner, None, printer).await;
    declared.end().await;
    outcome
}
