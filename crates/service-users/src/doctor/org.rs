//! In the org: the user, what it may, and what is left of the limits.

use keyholder_client::{Error, ErrorKind, Told};
use keyholder_dataverse::error::grouped;
use keyholder_security::Depth;

use super::needs;
use super::seen::{RoleHeld, Seen, UserSeen, UserSource};
use super::step::{Chart, Check, HERE, Trouble, code_of};
use crate::codes::Code;
use crate::declaration::in_words;
use crate::granted::Privileges;

/// The first release with application users: the update of December 2016.
const FIRST: (u32, u32) = (8, 2);
/// More sentences about what roles allow are counted, not said.
const MOST_SENTENCES: usize = 12;

const NOT_A_MEMBER: u32 = 0x8007_2560;
const NO_ROLES: u32 = 0x8004_2F09;
const WRONG_MODE: u32 = 0x8004_4502;
const NOT_ENABLED: u32 = 0x8004_0225;
const DISABLED: u32 = 0x8004_A112;

/// Who administers an org.
pub(super) const ADMINISTRATOR: &str = "System Administrator of the org";

const STEPS: [Check; 7] =
    [Check::Version, Check::User, Check::Enabled, Check::AccessMode, Check::Licence, Check::Roles, Check::Limits];

/// Judges it.
pub(super) fn judge(seen: &Seen, signed_in: Result<(), Check>, chart: &mut Chart) {
    let row = match &seen.user {
        Some(Ok(row)) => row.as_ref(),
        _ => None,
    };
    match (signed_in, &seen.me) {
        (Ok(()), Some(me)) => {
            version(seen, chart);
            let place = place_of(me);
            user(seen, me, place, row, chart);
            limits(seen, me, place, chart);
            entitlement(seen, chart);
        }
        (signed_in, _) => {
            let blocker = signed_in.err().unwrap_or(Check::Token);
            // Somebody who sees more may have seen the user all the same.
            match row {
                Some(row) => {
                    chart.skip(&[Check::Version, Check::Limits], blocker);
                    chart.ok(Check::User, named(row));
                    enabled(seen, row, chart);
                    mode(seen, Some(row), chart);
                    roles(seen, chart);
                }
                None => chart.skip(&STEPS, blocker),
            }
            chart.skip(&[Check::Entitlement], blocker);
        }
    }
    needs::judge(seen, chart);
}

/// The step at which the org refused; nothing where it did not.
fn place_of<T>(me: &Result<T, Error>) -> Option<Check> {
    let error = me.as_ref().err()?;
    Some(match (code_of(error), error.dataverse().map(|refusal| refusal.status)) {
        (Some(Code::Org(NOT_ENABLED | DISABLED)), _) => Check::Enabled,
        (Some(Code::Org(WRONG_MODE)), _) => Check::AccessMode,
        (Some(Code::Org(NO_ROLES)), _) => Check::Roles,
        (_, Some(429)) => Check::Limits,
        _ => Check::User,
    })
}

fn version(seen: &Seen, chart: &mut Chart) {
    match &seen.version {
        Some(Ok(version)) => {
            let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
            let found = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
            if found < FIRST {
                let trouble = Trouble::new(
                    ErrorKind::Configuration,
                    "Application users exist since the update of December 2016 (8.2). This org is older and has none.",
                    "Have the org updated, or use a non-interactive user there.",
                    "the org's administrator, with Microsoft's support",
                );
                chart.fail(Check::Version, format!("the org is of version {version}"), trouble)
            } else {
                chart.ok(Check::Version, version.clone())
            }
            .fact("version", version);
        }
        Some(Err(error)) => {
            chart.unchecked(Check::Version, error.to_string());
        }
        None => {
            chart.unchecked(Check::Version, "the org does not let the caller ask");
        }
    }
}

fn named(row: &UserSeen) -> String {
    let name = row.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    format!("the org's user {}{name}", row.id)
}

fn user(
    seen: &Seen,
    me: &Result<keyholder_client::WhoAmI, Error>,
    place: Option<Check>,
    row: Option<&UserSeen>,
    chart: &mut Chart,
) {
    match (me, place) {
        (Ok(me), _) => {
            let told = row.map_or_else(|| format!("the org's user {}", me.user_id), named);
            let step = chart.ok(Check::User, told);
            step.fact("userId", me.user_id).fact("organizationId", me.organization_id);
            chart.ok(Check::Enabled, "the org lets it in");
        }
        (Err(error), Some(Check::Enabled)) => {
            chart.ok(Check::User, row.map_or_else(|| "the org has one".to_owned(), named));
            chart.fail(Check::Enabled, error.to_string(), Trouble::of(error, ADMINISTRATOR).about(seen));
        }
        (Err(error), Some(Check::Limits)) => {
            chart.unchecked(Check::User, "the org answers nothing before the caller has waited");
            chart.skip(&[Check::Enabled], Check::Limits);
            let _ = error;
        }
        (Err(error), Some(place @ (Check::AccessMode | Check::Roles))) => {
            chart.ok(Check::User, row.map_or_else(|| "the org has one".to_owned(), named));
            chart.ok(Check::Enabled, "it is");
            let trouble = Trouble::of(error, ADMINISTRATOR).about(seen);
            chart.fail(place, error.to_string(), trouble);
        }
        (Err(error), _) => {
            chart.fail(Check::User, error.to_string(), absent(seen, error).about(seen));
            chart.skip(&[Check::Enabled], Check::User);
        }
    }
    // What decides is in the row; where none could be read, the reason is told.
    if place != Some(Check::AccessMode) {
        mode(seen, row, chart);
    } else {
        chart.skip(&[Check::Licence], Check::AccessMode);
    }
    if place != Some(Check::Roles) {
        roles(seen, chart);
    }
}

fn absent(seen: &Seen, error: &Error) -> Trouble {
    let mut trouble = Trouble::of(error, ADMINISTRATOR);
    if code_of(error) == Some(Code::Org(NOT_A_MEMBER)) && seen.is_person {
        trouble.who =
            "License Administrator of the tenant for the licence; System Administrator of the org for the rest"
                .to_owned();
    }
    if error.dataverse().is_some_and(|refusal| refusal.status == 401 && refusal.code.is_empty()) {
        trouble.meaning = Some(
            "The org was given a token and does not take it: it was made for another org or tenant, its time is over by the org's clock, or the application's principal was disabled or deleted since."
                .to_owned(),
        );
        trouble.mends = vec!["Compare the token's claims with the org, and the clocks; sign in anew.".to_owned()];
        trouble.command = Some("keyholder token --decode".to_owned());
        trouble.who = HERE.to_owned();
    }
    trouble
}

fn enabled(seen: &Seen, row: &UserSeen, chart: &mut Chart) {
    if !row.is_disabled {
        chart.ok(Check::Enabled, "it is");
        return;
    }
    let trouble = Trouble::of_code(Code::Org(DISABLED), ErrorKind::NotAllowed).about(seen);
    chart.fail(Check::Enabled, "the user is disabled in the org", trouble);
}

/// Why a row is not known: what the org refused to whoever asked.
fn why_unread<T>(seen: &Seen, read: Option<&Result<T, Error>>) -> String {
    match read {
        Some(Err(error)) => match error.dataverse().and_then(|refusal| refusal.missing_privilege.as_ref()) {
            Some(missing) => format!("it takes {}, which the {} has not", missing.name, whose(seen)),
            None => error.to_string(),
        },
        _ => "nobody who could be asked sees the org's users".to_owned(),
    }
}

pub(super) fn whose(seen: &Seen) -> &'static str {
    match seen.source {
        UserSource::Itself => "caller",
        UserSource::Witness => "administrator",
    }
}

fn mode(seen: &Seen, row: Option<&UserSeen>, chart: &mut Chart) {
    let Some((row, mode)) = row.and_then(|row| Some((row, row.access_mode?))) else {
        let why = why_unread(seen, seen.user.as_ref());
        chart.unchecked(Check::AccessMode, why.clone());
        chart.unchecked(Check::Licence, why);
        return;
    };
    let is_application = row.application.is_some();
    let step = match mode {
        0 | 4 if is_application => chart.ok(Check::AccessMode, "an application's: it reaches data by programs alone"),
        0 => chart.ok(Check::AccessMode, "read-write: a person, in the web interface too"),
        4 => chart.ok(Check::AccessMode, "non-interactive: it reaches data by programs alone"),
        1 => chart.fail(
            Check::AccessMode,
            "administrative: it sees settings, and no data",
            Trouble::new(
                ErrorKind::NotAllowed,
                "Administrators of the tenant without a licence come into an org like this. It is no service user.",
                "Use an application user; or give the account a licence, wait for the org to know, and make it non-interactive.",
                "System Administrator of the org; License Administrator of the tenant for the licence",
            )
            .with_command("keyholder non-interactive convert svc-orders@contoso.com")
            .about(seen),
        ),
        2 => chart.warn(
            Check::AccessMode,
            "read: it changes nothing, whatever its roles say",
            Trouble::new(
                ErrorKind::NotAllowed,
                "Orgs of today do not have this mode any more; a role that only reads does the same.",
                "Give it a role that reads, and make it read-write or non-interactive.",
                ADMINISTRATOR,
            )
            .with_command("keyholder non-interactive convert svc-orders@contoso.com")
            .about(seen),
        ),
        5 => chart.fail(
            Check::AccessMode,
            "delegated administrator: a partner's, who is no user of the org's own",
            Trouble::new(
                ErrorKind::NotAllowed,
                "All administrators of a partner share one user, which belongs to the platform.",
                "Use an application user, made by an administrator of the tenant itself.",
                "Global Administrator of the tenant, with the role System Administrator in the org",
            )
            .with_command(
                "keyholder app-user create orders-sync --role 'Orders integration' --save-env orders-sync.env",
            ),
        ),
        3 => chart.ok(Check::AccessMode, "support: Microsoft's own"),
        other => chart.ok(Check::AccessMode, format!("number {other}")),
    };
    step.fact("accessMode", mode);
    licence(seen, row, mode, chart);
}

fn licence(seen: &Seen, row: &UserSeen, mode: i64, chart: &mut Chart) {
    match (row.application.is_some(), mode, row.is_licensed) {
        (true, ..) => chart.ok(Check::Licence, "an application user takes none"),
        (false, 4, Some(true)) => {
            let trouble = Trouble::new(
                ErrorKind::Other,
                "A non-interactive user needs no licence once it is one: this one is paid for nothing.",
                "Give the licence back; the access mode stays.",
                "License Administrator or User Administrator of the tenant",
            );
            let trouble = trouble.with_command("keyholder non-interactive release svc-orders@contoso.com").about(seen);
            chart.warn(Check::Licence, "it holds a licence that it does not need", trouble)
        }
        (false, 4, _) => chart.ok(Check::Licence, "a non-interactive user takes none"),
        (false, _, Some(false)) => chart.ok(Check::Licence, "it holds none"),
        (false, _, Some(true)) => chart.ok(Check::Licence, "it holds one, as a person needs"),
        (false, _, None) => chart.unchecked(Check::Licence, "the org does not say whether the user has one"),
    };
}

fn roles(seen: &Seen, chart: &mut Chart) {
    let held = match &seen.roles {
        Some(Ok(held)) => held,
        other => {
            if let Some(Err(error)) = other
                && code_of(error) == Some(Code::Org(NO_ROLES))
            {
                let trouble = Trouble::of(error, ADMINISTRATOR).about(seen);
                chart.fail(Check::Roles, error.to_string(), trouble);
                return;
            }
            chart.unchecked(Check::Roles, why_unread(seen, other.as_ref()));
            return;
        }
    };
    if held.is_empty() {
        let trouble = Trouble::of_code(Code::Org(NO_ROLES), ErrorKind::NotAllowed).about(seen);
        chart.fail(Check::Roles, "the user has no security role, and neither has a team of its own", trouble);
        return;
    }
    let named: Vec<String> = held.iter().map(role_in_words).collect();
    let step = chart.ok(Check::Roles, named.join(", "));
    step.fact("roles", held.iter().map(|role| role.name.clone()).collect::<Vec<_>>());
    if seen.is_system_administrator() {
        step.detail("may do everything in the org");
        return;
    }
    if let Some(Ok(privileges)) = &seen.privileges {
        for sentence in allowed(privileges) {
            step.detail(sentence);
        }
        step.fact(
            "privileges",
            privileges.iter().map(|(name, depth)| format!("{name} {}", depth.name())).collect::<Vec<_>>(),
        );
    }
}

fn role_in_words(role: &RoleHeld) -> String {
    match &role.team {
        None => format!("`{}`", role.name),
        Some(team) => format!("`{}` by the team `{team}`", role.name),
    }
}

/// What privileges allow, in words, and how much more there is.
fn allowed(privileges: &[(String, Depth)]) -> Vec<String> {
    let known = Privileges::known();
    let rights = known.rights_of(privileges.iter().map(|(name, depth)| (name.as_str(), *depth)));
    let mut sentences = in_words(&rights);
    if sentences.len() > MOST_SENTENCES {
        let more = sentences.len() - MOST_SENTENCES;
        sentences.truncate(MOST_SENTENCES);
        sentences.push(format!("and {more} more; `keyholder role show ROLE` has all"));
    }
    sentences
}

fn limits(seen: &Seen, me: &Result<keyholder_client::WhoAmI, Error>, place: Option<Check>, chart: &mut Chart) {
    let refused = match (me, &seen.room) {
        (Err(error), _) if place == Some(Check::Limits) => Some(error),
        (_, Some(Err(error))) if error.dataverse().is_some_and(|refusal| refusal.status == 429) => Some(error),
        _ => None,
    };
    if let Some(error) = refused {
        chart.fail_with(Check::Limits, error, "whoever runs the programs that sign in as this user");
        return;
    }
    match &seen.room {
        Some(Ok(told)) => room(told, chart),
        Some(Err(error)) => {
            chart.unchecked(Check::Limits, error.to_string());
        }
        None => chart.skip(&[Check::Limits], place.unwrap_or(Check::User)),
    }
}

fn room(told: &Told, chart: &mut Chart) {
    let mut parts = Vec::new();
    parts.extend(told.requests.map(|left| format!("{} requests", grouped(left.into()))));
    parts.extend(told.execution.map(|left| format!("{} s of execution", grouped(left.as_secs().into()))));
    if parts.is_empty() {
        chart.unchecked(Check::Limits, "the org does not tell");
        return;
    }
    let left = format!("{} in these five minutes", parts.join(", "));
    let is_short =
        told.requests.is_some_and(|left| left < 600) || told.execution.is_some_and(|left| left.as_secs() < 120);
    let step = if is_short {
        let trouble = Trouble::new(
            ErrorKind::OutOfReach,
            "Nine tenths of what one user may ask in five minutes are used: the org soon refuses with 429.",
            "Ask for less at once, send several rows in one request, or share the load among application users.",
            "whoever runs the programs that sign in as this user",
        );
        chart.warn(Check::Limits, left, trouble.with_command("keyholder usage"))
    } else {
        chart.ok(Check::Limits, left)
    };
    step.fact("requests", told.requests).fact("executionSeconds", told.execution.map(|left| left.as_secs()));
}

fn entitlement(seen: &Seen, chart: &mut Chart) {
    match &seen.entitled {
        Some(Ok(to)) => {
            let shared = if to.is_pool { ", shared by all users without a licence" } else { "" };
            let told = format!("{} requests in 24 hours{shared}", grouped(to.allowance.into()));
            chart.ok(Check::Entitlement, told).fact("allowance", to.allowance).fact("isPool", to.is_pool);
        }
        Some(Err(Error::Graph(refusal))) if matches!(refusal.status, 401 | 403) => {
            let why = "the directory does not let the caller read the tenant's licences (Organization.Read.All)";
            chart.unchecked(Check::Entitlement, why);
        }
        Some(Err(error)) => {
            chart.unchecked(Check::Entitlement, error.to_string());
        }
        None => {
            chart.unchecked(Check::Entitlement, "the directory was not asked");
        }
    }
}
