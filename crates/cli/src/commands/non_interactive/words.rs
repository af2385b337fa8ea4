//! How non-interactive users are told of to people.

use keyholder_service_users::non_interactive::{Change, InOrg, ListedOrg, ListedUser, Migrated, NonInteractive};

/// One line of what would be done.
pub(super) fn of_change(change: &Change, user: &str, orgs: &[&str]) -> String {
    format!("{} {}", change.sign(), change.in_words(user, orgs))
}

/// How it stands at the end.
pub(super) fn of_result(made: &NonInteractive, org: &InOrg) -> String {
    let password =
        made.password_place.as_ref().map(|place| format!(" Its password is in {place}.")).unwrap_or_default();
    let end = if made.changed { "" } else { " Nothing had to be changed." };
    format!(
        "`{}` is a non-interactive user of {}, without a licence; {} of at most {} places are taken.{password}{end}",
        made.user_name, org.org, org.slots_used, org.slots_limit
    )
}

/// What the successor has, and what still uses the old one.
pub(super) fn of_migration(migrated: &Migrated, name: &str) -> Vec<String> {
    let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let mut lines = vec![
        String::new(),
        format!(
            "`{name}` may do what `{}` may: business unit {}; roles: {}; teams: {}.",
            migrated.user_name,
            migrated.business_unit,
            listed(&migrated.roles),
            listed(&migrated.teams)
        ),
    ];
    lines.extend(migrated.missing.iter().map(|missing| format!("  but {missing}")));
    if let Some(unproved) = &migrated.unproved {
        lines.push(format!("Its way in cannot be proved from here: {}.", unproved.reason));
        lines.push(format!("  Prove it {}.", unproved.how));
    }
    if migrated.still_used.is_empty() {
        lines.push(format!("The sign-in log shows nobody who signs in as `{}`.", migrated.user_name));
        return lines;
    }
    lines.push(format!("Still signing in as `{}`, to be moved first:", migrated.user_name));
    lines.extend(migrated.still_used.iter().map(|used| {
        let times = if used.times == 1 { "once".to_owned() } else { format!("{} times", used.times) };
        let end = if used.went_well { "" } else { ", which failed" };
        let from =
            if used.addresses.is_empty() { String::new() } else { format!(" from {}", used.addresses.join(", ")) };
        format!("  {} {times}{from}, last on {}{end}", used.application, used.last)
    }));
    lines
}

/// An org's users.
pub(super) fn of_org(org: &ListedOrg) -> Vec<String> {
    let mut lines = vec![format!(
        "{}: {} of at most {} places for non-interactive users are taken (application users need none)",
        org.org, org.slots_used, org.slots_limit
    )];
    lines.extend(org.non_interactive.iter().map(of_user));
    if !org.administrative.is_empty() {
        lines.push("administrative users (settings only, no data; no service users, and not counted):".to_owned());
        lines.extend(org.administrative.iter().map(|user| {
            let why = if user.is_setup_user { "administers the tenant and has no licence" } else { "made so by hand" };
            format!("  {}  {}, {why}", user.user_name, if user.is_disabled { "disabled" } else { "enabled" })
        }));
    }
    lines
}

fn of_user(user: &ListedUser) -> String {
    let state = if user.is_disabled { "disabled, takes no place" } else { "enabled" };
    let roles: Vec<_> = user.roles.iter().map(|role| role.name.as_str()).collect();
    let roles = if roles.is_empty() { "no role of its own".to_owned() } else { format!("roles: {}", roles.join(", ")) };
    let licences = match user.licences.as_deref() {
        None => "licences unknown".to_owned(),
        Some([]) => "no licence".to_owned(),
        Some(held) => {
            let held: Vec<_> = held.iter().map(|held| held.part_number.as_str()).collect();
            format!("HOLDS FOR NOTHING: {}", held.join(", "))
        }
    };
    format!("  {}  {state}; {roles}; {licences}", user.user_name)
}
