//! Usage of a local org, user by user.

use std::path::Path;

use keyholder_dataverse::error::grouped;
use keyholder_org::Entitled;
use serde_json::{Map, Value, json};

use super::plot;
use crate::failure::Failure;
use crate::local::{self, Holder};
use crate::printer::Printer;
use crate::{settings, table};

pub(super) async fn run(folder: &Path, entitled: Entitled, plot: bool, printer: Printer) -> Result<(), Failure> {
    let told = match local::holder(folder).await? {
        Holder::Running(control) => control.get(&format!("usage?{}", entitled.to_query())).await?,
        Holder::Opened(world) => world.usage(entitled).await?,
    };
    for tenant in told.get("tenants").and_then(Value::as_array).into_iter().flatten() {
        let users = tenant.get("users").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let of_today = |user: &&Value| user.get("day").and_then(Value::as_u64) > Some(0);
        let rows: Vec<_> = users.iter().filter(of_today).map(|user| row(user, &told)).collect();
        printer.line(&format!("{}, {} (UTC)\n", text(tenant, "domain"), text(&told, "day")));
        if rows.is_empty() {
            printer.line("Nobody has asked for anything that counts today.\n");
        } else {
            printer.line(&format!("{}\n", table::of(&rows, true, table::width()).text));
        }
        if plot {
            let lines = plot::lines(users, plot::shows_blocks(settings::environment));
            lines.iter().for_each(|line| printer.line(line));
            printer.line("");
        }
        let pool = tenant.get("pool").unwrap_or(&Value::Null);
        printer.line(&format!(
            "The pool of all users without a licence: {} of {} today, {} if the day goes on like this.",
            number(pool, "day"),
            number(pool, "allowance"),
            number(pool, "forecast")
        ));
        let beyond = |value: &Value| value.get("isForecastBeyond").and_then(Value::as_bool).unwrap_or(false);
        for user in users.iter().filter(|user| beyond(user)) {
            printer.note(&format!("{} is on the way beyond the day's allowance", text(user, "name")));
        }
        if beyond(pool) {
            let domain = text(tenant, "domain");
            printer.note(&format!(
                "{domain} is on the way beyond the day's pool: spread the load over days, or buy add-ons"
            ));
        }
    }
    printer.json(&told);
    Ok(())
}

/// A user as a row for people.
fn row(user: &Value, told: &Value) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("user".to_owned(), json!(text(user, "name")));
    row.insert("kind".to_owned(), json!(text(user, "kind")));
    if let Some(seconds) = told.get("windowSeconds").and_then(Value::as_u64) {
        let window = user.get("window").unwrap_or(&Value::Null);
        row.insert(format!("last {seconds} s"), json!(number(window, "requests")));
    }
    row.insert("today".to_owned(), json!(number(user, "day")));
    let allowance = match user.get("allowance") {
        Some(Value::Number(_)) => number(user, "allowance"),
        _ => "pool".to_owned(),
    };
    row.insert("allowance".to_owned(), json!(allowance));
    row.insert("forecast".to_owned(), json!(number(user, "forecast")));
    row
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, name: &str) -> String {
    grouped(value.get(name).and_then(Value::as_u64).unwrap_or_default().into())
}
