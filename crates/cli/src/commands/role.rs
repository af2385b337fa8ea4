//! `keyholder role ...`: the security roles of one org.

use std::collections::BTreeMap;
use std::path::Path;

use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, Right, RoleSource, parse_grant, print_rights, read_role_file};
use keyholder_service_users::plan::{Change, Leave, Mark};
use keyholder_service_users::roles::{self, Depth, Detail, Difference, Listed, difference, privileges_of};
use serde_json::{Map, Value, json};

use crate::args::{Role, RoleCreate, RoleDiff, RoleExport};
use crate::commands::apply::{Manner, carry_out};
use crate::commands::declared::Declared;
use crate::commands::plan;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::table;

/// How many sentences are shown of what a role grants; JSON has all.
const SHOWN: usize = 40;

pub(crate) async fn run(arguments: &Role, printer: Printer) -> Result<Exit, Failure> {
    if let Role::Create(arguments) = arguments {
        return create(arguments, printer).await;
    }
    let here = Here::find(arguments.place(), Absent::Refuse, printer).await?;
    let outcome = match arguments {
        Role::Create(_) => Ok(Exit::Done),
        Role::List(_) => list(&here, printer).await,
        Role::Show(arguments) => show(&here, &arguments.role, printer).await,
        Role::Diff(arguments) => diff(&here, arguments, printer).await,
        Role::Export(arguments) => export(&here, arguments, printer).await,
    };
    here.end().await;
    outcome
}

async fn list(here: &Here, printer: Printer) -> Result<Exit, Failure> {
    let listed = roles::list(&here.administrator).await?;
    let rows: Vec<Map<String, Value>> = listed.iter().map(row).collect();
    printer.line(&table::of(&rows, true, table::width()).text);
    printer.json(&json!({"roles": listed}));
    Ok(Exit::Done)
}

fn row(role: &Listed) -> Map<String, Value> {
    let columns = [
        ("name", role.name.clone()),
        ("made by", origin(role).to_owned()),
        ("units", role.units.to_string()),
        ("id", role.id.to_string()),
    ];
    columns.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn origin(role: &Listed) -> &'static str {
    match (role.made_by_keyholder, role.comes_with_the_org) {
        (true, _) => "Keyholder",
        (false, true) => "the org",
        (false, false) => "others",
    }
}

async fn show(here: &Here, role: &str, printer: Printer) -> Result<Exit, Failure> {
    let found = roles::show(&here.administrator, role).await?;
    for line in in_words(&found) {
        printer.line(&line);
    }
    printer.json(&serde_json::to_value(&found).unwrap_or_default());
    Ok(Exit::Done)
}

fn in_words(found: &Detail) -> Vec<String> {
    let role = &found.listed;
    let mut lines = vec![
        format!("{} ({})", role.name, role.id),
        format!("  made by   {}", origin(role)),
        format!("  copies    in {} business unit(s)", role.units),
    ];
    let names = |holders: &[keyholder_service_users::observe::HolderSeen]| {
        let names: Vec<String> = holders
            .iter()
            .map(|one| match one.client_id {
                Some(client) => format!("{} (application {client})", one.name),
                None => one.name.clone(),
            })
            .collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    };
    lines.push(format!("  users     {}", names(&found.held_by.users)));
    if !found.held_by.teams.is_empty() {
        lines.push(format!("  teams     {}", names(&found.held_by.teams)));
    }
    if role.is_system_administrator {
        lines.push("\nIt may do everything in the org.".to_owned());
    }
    lines.push("\nBeyond what every new role gets, who holds it".to_owned());
    lines.extend(found.grants.iter().take(SHOWN).map(|grant| format!("  {grant}")));
    let more = found.grants.len().saturating_sub(SHOWN);
    if found.grants.is_empty() {
        lines.push("  may do nothing".to_owned());
    } else if more > 0 {
        lines.push(format!("  and {more} more sentences: `--output json` has them all"));
    }
    if !found.rights.is_empty() && more == 0 {
        lines.push("\nAs keyholder.toml says it".to_owned());
        lines.extend(print_rights(&found.rights).into_iter().map(|(key, value)| format!("  {key} = \"{value}\"")));
    }
    lines
}

async fn export(here: &Here, arguments: &RoleExport, printer: Printer) -> Result<Exit, Failure> {
    let found = roles::show(&here.administrator, &arguments.role).await?;
    let text = if arguments.xml { found.as_file().print() } else { found.as_declaration() };
    if printer.is_json() {
        printer.json(&json!({"name": found.listed.name, "text": text}));
    } else {
        printer.data(text.trim_end());
    }
    Ok(Exit::Done)
}

async fn diff(here: &Here, arguments: &RoleDiff, printer: Printer) -> Result<Exit, Failure> {
    // What is wrong with a file is said before the org is asked.
    let written = match (&arguments.file, &arguments.declared) {
        (Some(path), _) => {
            let (_, rights) = role_file(path)?;
            Some((format!("`{}`", path.display()), privileges_of(&rights)))
        }
        (_, Some(name)) => Some((format!("`{name}` as declared"), privileges_of(&declared(arguments, name)?))),
        _ => None,
    };
    let first = roles::show(&here.administrator, &arguments.role).await?;
    let (second, privileges) = match (written, &arguments.with) {
        (Some(written), _) => written,
        (None, Some(other)) => {
            let other = roles::show(&here.administrator, other).await?;
            (format!("`{}`", other.listed.name), other.privileges)
        }
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "nothing says what to compare it with")
                .hint("name another role, `--file FILE` or `--declared NAME`"));
        }
    };
    let name = format!("`{}`", first.listed.name);
    let found = difference(&first.privileges, &privileges);
    for line in difference_in_words(&found, &name, &second) {
        printer.line(&line);
    }
    printer.json(&json!({"same": found.is_none(), "difference": found}));
    Ok(if found.is_none() { Exit::Done } else { Exit::Changes })
}

fn declared(arguments: &RoleDiff, name: &str) -> Result<Vec<Right>, Failure> {
    let declaration = Declaration::read(&arguments.declaration)?;
    let file = arguments.declaration.display();
    match declaration.roles.get(name).map(|role| &role.source) {
        Some(RoleSource::Rights(rights)) => Ok(rights.clone()),
        Some(RoleSource::Existing) => Err(Failure::new(
            Exit::BadConfiguration,
            format!("the role `{name}` in `{file}` is one that the orgs have, used as it is"),
        )),
        None => Err(Failure::new(Exit::BadConfiguration, format!("`{file}` declares no role `{name}`"))),
    }
}

fn difference_in_words(found: &Difference, first: &str, second: &str) -> Vec<String> {
    if found.is_none() {
        return vec![format!("{first} and {second} grant the same.")];
    }
    let listed = |sign: char, all: &BTreeMap<String, Depth>| {
        all.iter().map(|(name, depth)| format!("{sign} {name} ({})", depth.name())).collect::<Vec<_>>()
    };
    let mut lines = vec![format!("- only {first} grants, + only {second}, ~ both, differently deep:")];
    lines.extend(listed('-', &found.only_first));
    lines.extend(listed('+', &found.only_second));
    let deeper = found.deeper.iter();
    lines.extend(deeper.map(|(name, (one, other))| format!("~ {name} ({} and {})", one.name(), other.name())));
    lines
}

fn role_file(path: &Path) -> Result<(String, Vec<Right>), Failure> {
    read_role_file(path).map_err(|problem| Failure::new(Exit::BadData, problem))
}

async fn create(arguments: &RoleCreate, printer: Printer) -> Result<Exit, Failure> {
    let mut rights = Vec::new();
    for grant in &arguments.grant {
        rights.extend(parse_grant(grant).map_err(|mistakes| Failure::new(Exit::Usage, mistakes.join("; ")))?);
    }
    if let Some(path) = &arguments.from_file {
        rights.extend(role_file(path)?.1);
    }
    let here = Here::find(&arguments.place, Absent::unless(arguments.dry_run), printer).await?;
    if arguments.leave_out_unknown {
        let unknown = roles::leave_out_unknown(&here.administrator, &mut rights).await;
        match unknown {
            Ok(unknown) if !unknown.is_empty() => printer.note(&format!(
                "left out, because the org has no such privilege: {}",
                unknown.into_iter().collect::<Vec<_>>().join(", ")
            )),
            Ok(_) => {}
            Err(error) => {
                here.end().await;
                return Err(error.into());
            }
        }
    }
    let url = here.administrator.connection.url.clone();
    let declaration = roles::declaration(&arguments.name, rights, arguments.update, &url);
    if let Err(mistakes) = declaration.check() {
        here.end().await;
        return Err(Failure::new(Exit::Usage, mistakes.to_string()));
    }
    let declared = Declared::of_one(here, declaration)?;
    let outcome = bring_about(arguments, &declared, printer).await;
    declared.end().await;
    outcome
}

async fn bring_about(arguments: &RoleCreate, declared: &Declared, printer: Printer) -> Result<Exit, Failure> {
    let leave = Leave::default();
    if !arguments.update {
        let (_, planned) = declared.plan(leave).await?;
        if let Some(change) = planned.changes.iter().find(|change| change.mark == Mark::Change) {
            return Err(other_content(&arguments.name, change));
        }
    }
    if arguments.dry_run {
        return plan::show(declared, leave, None, printer).await;
    }
    let manner = Manner { leave, yes: arguments.yes, proving: Proving::default(), whole: true };
    carry_out(declared, manner, None, printer).await
}

/// The role is there and grants something else.
fn other_content(name: &str, change: &Change) -> Failure {
    let differs = change.reasons.iter().filter(|reason| reason.starts_with("it ")).cloned().collect::<Vec<_>>();
    let differs = differs.join("; ").replace(": taken away", "").replace("the declaration", "what you name");
    Failure::new(Exit::BadConfiguration, format!("there is a role `{name}` that grants something else: {differs}"))
        .hint("say `--update` to let it grant exactly what you name, or choose another name")
}
