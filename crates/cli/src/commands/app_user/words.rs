//! How application users are told of to people.

use keyholder_foundation::Timestamp;
use keyholder_service_users::app_users::{Detail, Held, Key, KeyKind, Listed, Origin, RoleShown};
use serde_json::{Map, Value};

/// How many sentences of one role are shown; JSON has all.
const SHOWN: usize = 12;

/// What ends later than this is without end, as far as people are concerned: a hundred years.
const MOST_DAYS: i64 = 36_525;

/// One row of a list.
pub(super) fn row(user: &Listed, now: Timestamp) -> Map<String, Value> {
    let roles: Vec<&str> = user.roles.iter().map(|role| role.name.as_str()).collect();
    let columns = [
        ("name", user.name.clone()),
        ("state", if user.enabled { "enabled" } else { "disabled" }.to_owned()),
        ("roles", if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }),
        ("keys", keys_in_short(user, now)),
        ("last sign-in", user.last_sign_in.map(Timestamp::date).unwrap_or_default()),
        ("made by", origin_in_short(user)),
        ("business unit", user.business_unit.clone()),
        ("client id", user.client_id.to_string()),
    ];
    columns.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

fn origin_in_short(user: &Listed) -> String {
    match (user.origin, &user.declaration) {
        (Origin::Keyholder, Some(declaration)) => format!("Keyholder ({declaration})"),
        (Origin::Keyholder, None) => "Keyholder".to_owned(),
        (Origin::Tenant, _) => "others".to_owned(),
        (Origin::Abroad, _) => "another tenant".to_owned(),
        (Origin::Gone, _) => "gone".to_owned(),
    }
}

fn keys_in_short(user: &Listed, now: Timestamp) -> String {
    if matches!(user.origin, Origin::Abroad | Origin::Gone) {
        return String::new();
    }
    let works = || user.keys.iter().filter(|key| !key.is_expired);
    match (user.next_expiry, works().any(|key| key.expires.is_none()), user.keys.is_empty()) {
        (Some(next), ..) => {
            let days = next.unix_seconds().saturating_sub(now.unix_seconds()) / (24 * 60 * 60);
            match days {
                ..=MOST_DAYS => format!("until {} ({days} days)", next.date()),
                _ => "without end".to_owned(),
            }
        }
        (None, true, _) => "without end".to_owned(),
        (None, false, true) => "none".to_owned(),
        (None, false, false) => "EXPIRED".to_owned(),
    }
}

/// Everything about one.
pub(super) fn detail(detail: &Detail) -> Vec<String> {
    let user = &detail.listed;
    let mut lines = vec![
        format!("{} (client id {})", user.name, user.client_id),
        format!("  application user   {}, {}", user.user_id, if user.enabled { "enabled" } else { "DISABLED" }),
        format!("  business unit      {}", user.business_unit),
    ];
    let registered = match user.origin {
        Origin::Keyholder => "by Keyholder",
        Origin::Tenant => "by others, in this tenant",
        Origin::Abroad => "in another tenant",
        Origin::Gone => "not any more: it cannot sign in",
    };
    let declared = user.declaration.as_ref().map(|name| format!(", for the declaration `{name}`")).unwrap_or_default();
    lines.push(format!("  registered         {registered}{declared}"));
    match user.principal_enabled {
        Some(true) => {}
        Some(false) => lines.push("  service principal  DISABLED: it gets no token".to_owned()),
        None => lines.push("  service principal  none: it gets no token".to_owned()),
    }
    let last = user.last_sign_in.map_or_else(|| "not known".to_owned(), |last| last.to_string());
    lines.push(format!("  last sign-in       {last}"));
    lines.push("  keys".to_owned());
    lines.extend(if user.keys.is_empty() {
        vec!["    none that this tenant knows".to_owned()]
    } else {
        user.keys.iter().map(|key| format!("    {}", key_in_words(key))).collect()
    });
    lines.push("  may do".to_owned());
    if detail.grants.is_empty() {
        lines.push("    nothing: it has no role".to_owned());
    }
    lines.extend(detail.grants.iter().flat_map(role_in_words));
    if !detail.teams.is_empty() {
        let teams: Vec<_> = detail.teams.iter().map(|team| team.name.as_str()).collect();
        lines.push(format!("  teams              {}", teams.join(", ")));
    }
    lines
}

fn key_in_words(key: &Key) -> String {
    let kind = match key.kind {
        KeyKind::Secret => "client secret",
        KeyKind::Certificate => "certificate",
        KeyKind::Federated => "tokens of",
    };
    if let Some((issuer, subject)) = &key.trusts {
        return format!("{kind} {issuer} about {subject}");
    }
    let end = match (key.expires, key.is_expired) {
        (Some(end), true) => format!("EXPIRED on {}", end.date()),
        (Some(end), false) => format!("until {}", end.date()),
        (None, _) => "without end".to_owned(),
    };
    let name = key.name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default();
    format!("{kind}{name}, {end} ({})", key.id)
}

fn role_in_words(shown: &RoleShown) -> Vec<String> {
    let Held { name, made_by_keyholder, .. } = &shown.role;
    let through = shown.team.as_ref().map(|team| format!(", through the team `{team}`")).unwrap_or_default();
    let made = if *made_by_keyholder { ", made by Keyholder" } else { "" };
    let mut lines = vec![format!("    by the role `{name}`{through}{made}")];
    match shown.grants.as_deref() {
        None => lines.push("      not all of its privileges can be read".to_owned()),
        Some([]) => lines.push("      nothing beyond what every role grants".to_owned()),
        Some(all) => {
            lines.extend(all.iter().take(SHOWN).map(|one| format!("      {one}")));
            let more = all.len().saturating_sub(SHOWN);
            if more > 0 {
                lines.push(format!("      and so on, in {more} more sentences (--output json has all)"));
            }
        }
    }
    lines
}
