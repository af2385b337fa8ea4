//! What a side file asks for and does not get, because a table ships.

use keyholder_dataverse::csdl::{ColumnSide, TableSide};
use keyholder_dataverse::schema::{ColumnDefinition, ColumnKind, TableDefinition};

use super::Imported;

const SHIPS: &str = "what ships counts";

/// Says what of a side file a table that ships does not take; columns that it has beside what ships take everything.
pub(super) fn of_what_ships(
    table: &TableDefinition,
    base: &TableDefinition,
    told: Option<&TableSide>,
    report: &mut Imported,
) {
    let Some(told) = told else { return };
    let place = format!("`{}`", table.logical_name);
    let mut compare = |what: &str, asked: Option<String>, stays: String| {
        if let Some(asked) = asked.filter(|asked| *asked != stays) {
            report.differences.push(line(&place, what, &asked, &stays, SHIPS));
        }
    };
    compare("display_name", told.display_name.as_deref().map(quoted), quoted(&base.display_name));
    compare("schema_name", told.schema_name.as_deref().map(quoted), quoted(&base.schema_name));
    compare("ownership", told.ownership.map(|owner| format!("{owner:?}")), format!("{:?}", base.ownership));
    let named = base.primary_name.as_deref().map_or_else(|| "none".to_owned(), quoted);
    compare("primary_name", told.primary_name.as_deref().map(quoted), named);
    let privileges = base.privileges.as_ref();
    let stem = privileges.and_then(|own| own.stem.as_deref()).unwrap_or(&base.schema_name);
    compare("privilege_stem", told.privilege_stem.as_deref().map(quoted), quoted(stem));
    let verbs = privileges.and_then(|own| own.verbs.as_ref());
    let stays = verbs.map_or_else(|| "all that are usual".to_owned(), |verbs| format!("{verbs:?}"));
    compare("verbs", told.verbs.as_ref().map(|verbs| format!("{verbs:?}")), stays);
    for (name, columns) in &told.keys {
        if let Some((known, same)) = base.keys.iter().find(|(known, same)| known == name || same == columns) {
            compare("keys", Some(key(name, columns)), key(known, same));
        }
    }
    for (name, told) in &told.columns {
        if let Some(base) = base.column(name) {
            of_column(&format!("{place}.`{name}`"), base, told, report);
        }
    }
}

fn of_column(place: &str, base: &ColumnDefinition, told: &ColumnSide, report: &mut Imported) {
    let mut compare = |what: &str, asked: Option<String>, stays: String| {
        if let Some(asked) = asked.filter(|asked| *asked != stays) {
            report.differences.push(line(place, what, &asked, &stays, SHIPS));
        }
    };
    compare("label", told.label.as_deref().map(quoted), quoted(&base.label));
    let schema_name = base.schema_name.as_deref().unwrap_or(&base.name);
    compare("schema_name", told.schema_name.as_deref().map(quoted), quoted(schema_name));
    let length = match base.kind {
        ColumnKind::Text { max_length } | ColumnKind::Memo { max_length } => max_length.to_string(),
        _ => base.kind.edm_type().to_owned(),
    };
    compare("max_length", told.max_length.map(|length| length.to_string()), length);
    if told.options.as_deref().is_some_and(|options| options != base.kind.options()) {
        let count = |options: usize| format!("a list of {options}");
        let asked = told.options.as_ref().map_or(0, Vec::len);
        report.differences.push(line(place, "options", &count(asked), &count(base.kind.options().len()), SHIPS));
    }
    if told.kind.as_ref().is_some_and(|kind| *kind != base.kind) {
        report.differences.push(line(place, "kind", "another", "that of the shipped column", SHIPS));
    }
}

/// One line of the report: what was asked for, what stays, and why.
pub(super) fn line(place: &str, what: &str, asked: &str, stays: &str, why: &str) -> String {
    format!("{place}: `{what}` {asked} was asked for, {stays} stays: {why}")
}

/// A key with its columns, for people.
pub(super) fn key(name: &str, columns: &[String]) -> String {
    format!("`{name}` over {}", columns.join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
