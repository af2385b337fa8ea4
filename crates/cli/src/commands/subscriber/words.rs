//! How far a subscriber is, in words and for programs.

use keyholder_service_users::declaration::Subscriber;
use keyholder_service_users::subscribers::Standing;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

fn yes_or_no(known: Option<bool>) -> &'static str {
    match known {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    }
}

fn proved(standing: &Standing) -> &'static str {
    match (standing.is_proved, &standing.trouble) {
        (true, _) => "yes",
        (false, Some(_)) => "failed",
        (false, None) => "no",
    }
}

/// A row of the table.
pub(super) fn row(name: &str, subscriber: &Subscriber, standing: &Standing) -> Map<String, Value> {
    let mut row = Map::new();
    let mut cell = |column: &str, text: &str| row.insert(column.to_owned(), Value::from(text));
    cell("subscriber", name);
    cell("application", &subscriber.application);
    cell("tenant", &subscriber.tenant);
    cell("consented", yes_or_no(standing.is_consented));
    cell("org user", yes_or_no(standing.has_user));
    cell("roles", &standing.roles.as_ref().map_or_else(String::new, |roles| roles.join(", ")));
    cell("proved", proved(standing));
    row
}

/// What the table has no room for.
pub(super) fn remarks(name: &str, standing: &Standing) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(error) = &standing.trouble {
        let failure = Failure::from(error);
        all.push(format!("{name}: {}", failure.message()));
        all.extend(failure.hints().iter().map(|hint| format!("  {hint}")));
    }
    if !standing.untold.is_empty() {
        all.push(format!(
            "{name}: whether it holds {} cannot be told: it may not read its own rights there",
            standing.untold.join(", ")
        ));
    }
    all
}

/// What went wrong, for programs.
pub(super) fn trouble(failure: &Failure) -> Value {
    json!({"message": failure.message(), "hints": failure.hints(), "exitCode": failure.exit() as u8})
}

/// The same for programs.
pub(super) fn to_json(name: Option<&str>, subscriber: &Subscriber, standing: &Standing) -> Value {
    let trouble = standing.trouble.as_ref().map(|error| trouble(&Failure::from(error)));
    json!({
        "name": name,
        "application": subscriber.application,
        "tenant": subscriber.tenant,
        "url": subscriber.url.as_ref().map(ToString::to_string),
        "consented": standing.is_consented,
        "orgUser": standing.has_user,
        "userId": standing.user_id,
        "roles": standing.roles,
        "tried": standing.tried,
        "untold": standing.untold,
        "proved": standing.is_proved,
        "trouble": trouble,
    })
}
