//! `app-user create --via-admin-api`: for a caller who is no user of the org.

use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{RoleSource, in_words};
use keyholder_service_users::plan::Leave;
use serde_json::json;

use crate::commands::apply::{conclude, confirm};
use crate::commands::declared::{Declared, stopped};
use crate::commands::plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interruption::Undone;
use crate::printer::Printer;
use crate::progress::Lines;

/// What cannot be planned is what this way is for: the caller sees nothing of the org.
const UNSEEN: &str = "orgOutOfReach";

/// The directory's part as the caller, the org's as the application itself.
pub(super) async fn carry_out(
    declared: &Declared,
    leave: Leave,
    yes: bool,
    dry_run: bool,
    printer: Printer,
) -> Result<Exit, Failure> {
    let (seen, mut plan) = declared.plan(leave).await?;
    plan.findings.retain(|finding| finding.code != UNSEEN);
    plan::print(&plan, declared, printer);
    for line in in_the_org(declared) {
        printer.line(&line);
    }
    stopped(&plan)?;
    if dry_run {
        printer.json(&plan::to_json(&plan));
        return Ok(Exit::Changes);
    }
    if let Some(missing) = declared.missing_rights(&seen, &plan).await {
        return Err(missing);
    }
    confirm(yes, "an application would have System Administrator for a moment", printer).await?;
    printer.line("");
    let lines = Lines::of_changes(printer, declared.names_orgs());
    let undone = Undone::of(&plan, &lines, printer);
    let applied = declared.apply(&seen, &plan, Proving::default(), &lines).await;
    undone.end();
    if !applied.failures.is_empty() {
        return conclude(&plan, &applied, &lines, printer);
    }
    match declared.by_admin_api(leave, &lines).await? {
        Some(done) => conclude(&plan, &done, &lines, printer),
        None => {
            printer.line("In the org it may do all of that already: nothing was lent to it.");
            let changed = applied.changed || lines.any("removed");
            printer.json(
                &json!({"changed": changed, "steps": lines.events(), "proved": [], "failures": [], "findings": []}),
            );
            Ok(Exit::Done)
        }
    }
}

/// What will be done where the caller cannot look.
fn in_the_org(declared: &Declared) -> Vec<String> {
    let mut lines = vec![
        "In the org, which the caller is no user of, unless the application may do all of it already:".to_owned(),
        "  + application user, made by Power Platform with System Administrator".to_owned(),
    ];
    for role in declared.declaration().roles.values() {
        match &role.source {
            RoleSource::Rights(rights) => {
                lines.push(format!("  + security role `{}`, made by the application itself", role.name));
                lines.extend(in_words(rights).into_iter().map(|grant| format!("      {grant}")));
            }
            RoleSource::Existing => lines.push(format!("  + security role `{}`, as it is", role.name)),
        }
    }
    lines.push("  - System Administrator, which the application takes off itself last".to_owned());
    lines
}
