//! How an audit is told of to people.

use keyholder_foundation::Timestamp;
use keyholder_service_users::audit::facts::{Activity, Facts, OrgFacts, ServiceUser, UserKind};
use keyholder_service_users::audit::{Finding, Report};

/// How many sentences of what one user may do are shown; JSON has all.
const SHOWN: usize = 8;

/// The report, line by line.
pub(super) fn of(report: &Report, who: bool) -> Vec<String> {
    let mut lines = vec![scope(&report.facts)];
    if who {
        for org in &report.facts.orgs {
            lines.extend(everybody(&report.facts, org));
        }
    }
    for finding in report.counted() {
        lines.push(String::new());
        lines.extend(finding_in_words(finding));
    }
    let accepted: Vec<&Finding> = report.findings.iter().filter(|finding| !finding.counts()).collect();
    if !accepted.is_empty() {
        lines.extend([String::new(), "Accepted, and not counted:".to_owned()]);
        for finding in accepted {
            lines.push(one_line(&format!("  {}  {}", finding.rule, finding.message)));
            let accepted = finding.accepted.as_ref();
            lines.extend(accepted.map(|one| one_line(&format!("    accepted until {}: {}", one.until, one.reason))));
        }
    }
    for unused in &report.unused_acceptances {
        lines.push(one_line(&format!("The baseline's entry {} of {}: {}.", unused.rule, unused.subject, unused.why)));
    }
    lines.extend([String::new(), summary(report)]);
    lines
}

fn scope(facts: &Facts) -> String {
    let count = |kind: UserKind| facts.users().filter(|(_, user)| user.kind == kind).count();
    format!(
        "{} of {}: {}, {}; {} beside them. {}",
        counted(facts.orgs.len(), "org"),
        counted(facts.tenants.len(), "tenant"),
        counted(count(UserKind::Application), "application user"),
        counted(count(UserKind::NonInteractive), "non-interactive user"),
        counted(count(UserKind::Administrative), "administrative user"),
        facts.now.date(),
    )
}

fn summary(report: &Report) -> String {
    let counts = report.counts();
    let of = |name: &str, noun: &str| counted(counts.get(name).copied().unwrap_or_default(), noun);
    match report.counted().next() {
        None => "Nothing is wrong.".to_owned(),
        Some(_) => format!("{}, {}, {}.", of("error", "error"), of("warning", "warning"), of("note", "note")),
    }
}

fn finding_in_words(finding: &Finding) -> Vec<String> {
    let mut lines = vec![
        format!("{}  {}  {}", finding.severity.name(), finding.rule, finding.name),
        one_line(&format!("  {}", finding.message)),
    ];
    if let Some(consequence) = &finding.consequence {
        lines.push(one_line(&format!("  so {consequence}")));
    }
    if let Some(outgrown) = &finding.outgrown {
        lines.push(one_line(&format!("  {}", outgrown.sentence())));
    }
    if !finding.orgs.is_empty() {
        lines.push(one_line(&format!("  where: {}", finding.orgs.join(", "))));
    }
    lines.extend(finding.mend.iter().map(|mend| one_line(&format!("  mend: {mend}"))));
    lines
}

/// The service users of an org, and what each may do.
fn everybody(facts: &Facts, org: &OrgFacts) -> Vec<String> {
    let slots = format!("{} of {} places for non-interactive users taken", org.slots_used(), org.slots_limit);
    let mut lines = vec![String::new(), one_line(&format!("{} ({}): {slots}", org.name, org.url))];
    if org.trouble.is_some() {
        lines.push("  could not be read".to_owned());
    }
    for user in &org.users {
        lines.push(one_line(&format!("  {}, {}", user.name, state(user))));
        lines.push(one_line(&format!("    roles: {}", roles(user))));
        if let Some(keys) = org.tenant.as_deref().and_then(|tenant| keys(facts, tenant, user)) {
            lines.push(one_line(&format!("    {keys}")));
        }
        lines.extend(user.activity.iter().map(|activity| format!("    {}", done(activity))));
        let words = user.rights.as_ref().map(|rights| rights.words.as_slice()).unwrap_or_default();
        lines.extend(words.iter().take(SHOWN).map(|word| one_line(&format!("    {word}"))));
        if words.len() > SHOWN {
            lines.push(format!("    and so on, in {} more sentences", words.len() - SHOWN));
        }
    }
    lines
}

fn state(user: &ServiceUser) -> String {
    let kind = match user.kind {
        UserKind::Application => "application user",
        UserKind::NonInteractive => "non-interactive user",
        UserKind::Administrative => "administrative user (settings only, no service user)",
    };
    let state = if user.is_disabled { ", disabled" } else { "" };
    let caller = if user.is_caller { ", who audits" } else { "" };
    let unit = user.business_unit.as_ref().map(|unit| format!(", business unit {unit}")).unwrap_or_default();
    format!("{kind}{state}{caller}{unit}")
}

fn roles(user: &ServiceUser) -> String {
    let Some(roles) = &user.roles else { return "not read".to_owned() };
    if roles.is_empty() {
        return "none".to_owned();
    }
    let named = roles.iter().map(|role| match &role.team {
        Some(team) => format!("{} (by the team {team})", role.name),
        None => role.name.clone(),
    });
    named.collect::<Vec<_>>().join(", ")
}

fn keys(facts: &Facts, tenant: &str, user: &ServiceUser) -> Option<String> {
    let application = facts.application(tenant, user.application?)?;
    let live = application.credentials.iter().filter(|held| held.lives(facts.now));
    let mut keys: Vec<String> = live
        .map(|held| format!("{} until {}", held.kind.noun(), held.ends.map_or("ever".to_owned(), Timestamp::date)))
        .collect();
    keys.extend(application.federations.iter().map(|accepted| format!("tokens of {}", accepted.issuer)));
    let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    let last = match (application.last_sign_in, application.sign_ins_are_known) {
        (Some(last), _) => last.date(),
        (None, true) => "none that the directory knows of".to_owned(),
        (None, false) => "not read".to_owned(),
    };
    Some(format!("keys: {keys}; last sign-in: {last}"))
}

/// What somebody did lately.
fn done(activity: &Activity) -> String {
    let tables =
        activity.tables.iter().map(|one| format!("{} created {}, changed {}", one.table, one.created, one.changed));
    let history = activity.history.map(|entries| format!("{entries} entries in the audit history"));
    let all: Vec<String> = tables.chain(history).collect();
    format!(
        "in the last 30 days: {}",
        if all.is_empty() { "nothing that rows tell".to_owned() } else { all.join("; ") }
    )
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Names that others gave make no lines of their own.
fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}
