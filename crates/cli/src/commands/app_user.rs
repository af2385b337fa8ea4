//! `keyholder app-user ...`: one application's way into one org.

mod admin_api;
mod create;
mod remove;
mod words;

use keyholder_service_users::app_users::{self, Listed, Origin};
use serde_json::{Map, Value, json};

use crate::args::{AppUser, AppUserList, AppUserOne};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::Lines;
use crate::table;

pub(crate) async fn run(arguments: &AppUser, printer: Printer) -> Result<Exit, Failure> {
    if let AppUser::Create(arguments) = arguments {
        return create::run(arguments, printer).await;
    }
    let here = Here::find(arguments.place(), Absent::Refuse, printer).await?;
    let outcome = match arguments {
        AppUser::Create(_) => Ok(Exit::Done),
        AppUser::List(arguments) => list(&here, arguments, printer).await,
        AppUser::Show(arguments) => show(&here, arguments, printer).await,
        AppUser::Enable(arguments) => switch(&here, arguments, true, printer).await,
        AppUser::Disable(arguments) => switch(&here, arguments, false, printer).await,
        AppUser::Remove(arguments) => remove::run(&here, arguments, printer).await,
    };
    here.end().await;
    outcome
}

async fn list(here: &Here, arguments: &AppUserList, printer: Printer) -> Result<Exit, Failure> {
    let survey = app_users::survey(&here.administrator).await?;
    for note in &survey.notes {
        printer.note(note);
    }
    let is_shown = |user: &&Listed| arguments.all || user.origin != Origin::Abroad;
    let shown: Vec<&Listed> = survey.users.iter().filter(is_shown).collect();
    let rows: Vec<Map<String, Value>> = shown.iter().map(|user| words::row(user, survey.now)).collect();
    let hidden = survey.users.len() - shown.len();
    match rows.as_slice() {
        [] => printer.line("The org has no application user."),
        rows => printer.line(&table::of(rows, true, table::width()).text),
    }
    if hidden > 0 {
        printer.line(&format!("\n{hidden} more of other tenants, Microsoft's own as a rule: --all lists them."));
    }
    printer.json(&json!({"applicationUsers": shown, "ofOtherTenants": hidden}));
    Ok(Exit::Done)
}

async fn show(here: &Here, arguments: &AppUserOne, printer: Printer) -> Result<Exit, Failure> {
    let found = app_users::find(&here.administrator, &arguments.who).await?;
    let detail = app_users::show(&here.administrator, &found).await?;
    for note in &detail.notes {
        printer.note(note);
    }
    for line in words::detail(&detail) {
        printer.line(&line);
    }
    printer.json(&serde_json::to_value(&detail).unwrap_or_default());
    Ok(Exit::Done)
}

async fn switch(here: &Here, arguments: &AppUserOne, enable: bool, printer: Printer) -> Result<Exit, Failure> {
    let found = app_users::find(&here.administrator, &arguments.who).await?;
    let lines = Lines::of_all(printer, &std::env::current_dir().unwrap_or_default());
    app_users::switch(&here.administrator, &found, enable, &lines).await?;
    printer.json(&json!({
        "steps": lines.events(),
        "result": {"name": found.name, "clientId": found.client_id, "enabled": enable, "changed": lines.any("changed")},
    }));
    Ok(Exit::Done)
}
