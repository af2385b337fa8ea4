//! Prometheus' text form (version 0.0.4), for its textfile collector or a file that is served.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use keyholder_foundation::Timestamp;

use super::expiries::expiries;
use super::requests::{Asked, Requests};
use super::{Report, text};
use crate::audit::facts::{OrgFacts, UserKind};
use crate::audit::rules;
use crate::kept::KeyKind;

/// The audit as metrics, each with its help and type.
#[must_use]
pub fn prometheus(report: &Report, requests: Option<&Requests>) -> String {
    let mut metrics = Metrics(String::new(), String::new());
    let facts = &report.facts;
    metrics.family("keyholder_audit_timestamp_seconds", "When the audit was made, in seconds since 1970.");
    metrics.sample(&[], &facts.now.unix_seconds());
    reach(&mut metrics, report);
    findings(&mut metrics, report);
    credentials(&mut metrics, report);
    users(&mut metrics, report);
    if let Some(requests) = requests {
        asked(&mut metrics, report, requests);
    }
    metrics.0
}

/// Which orgs and tenants could be read.
fn reach(metrics: &mut Metrics, report: &Report) {
    let facts = &report.facts;
    metrics.family("keyholder_audit_org_read", "Whether the org could be audited: 1 or 0.");
    for org in &facts.orgs {
        metrics.sample(&[("org", &org.name), ("url", &org.url)], &i32::from(org.trouble.is_none()));
    }
    metrics.family("keyholder_audit_tenant_read", "Whether the tenant's directory could be audited: 1 or 0.");
    for tenant in &facts.tenants {
        let labels = [("tenant", tenant.name.as_str()), ("authority", tenant.authority.as_str())];
        metrics.sample(&labels, &i32::from(tenant.trouble.is_none()));
    }
}

/// How many findings each rule has, none of them too, so that an alert sees a first one.
fn findings(metrics: &mut Metrics, report: &Report) {
    let mut counted: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut accepted: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in &report.findings {
        match finding.counts() {
            true => *counted.entry((finding.rule, finding.severity.name())).or_default() += 1,
            false => *accepted.entry(finding.rule).or_default() += 1,
        }
    }
    metrics.family("keyholder_audit_findings", "Findings of a rule that nobody has accepted.");
    for rule in rules::all() {
        let found = counted.iter().filter(|((id, _), _)| *id == rule.id);
        let mut found: Vec<(&str, u64)> = found.map(|((_, severity), number)| (*severity, *number)).collect();
        if found.is_empty() {
            found.push((rule.severity.name(), 0));
        }
        for (severity, number) in found {
            metrics.sample(&[("rule", rule.id), ("name", rule.name), ("severity", severity)], &number);
        }
    }
    metrics.family("keyholder_audit_findings_accepted", "Findings of a rule that the baseline accepts.");
    for rule in rules::all() {
        let number = accepted.get(rule.id).copied().unwrap_or_default();
        metrics.sample(&[("rule", rule.id), ("name", rule.name)], &number);
    }
    let mut by_org: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.counts()) {
        for org in &finding.orgs {
            *by_org.entry((org, finding.severity.name())).or_default() += 1;
        }
    }
    metrics.family("keyholder_audit_org_findings", "Findings that concern an org and that nobody has accepted.");
    for org in &report.facts.orgs {
        for severity in ["error", "warning", "note"] {
            let number = by_org.get(&(org.name.as_str(), severity)).copied().unwrap_or_default();
            metrics.sample(&[("org", &org.name), ("severity", severity)], &number);
        }
    }
}

/// A credential's labels, its end, and whether nothing is known to take its place.
type Ending = ([(&'static str, String); 5], Timestamp, bool);

/// When credentials end, and what is left till then.
fn credentials(metrics: &mut Metrics, report: &Report) {
    let all = expiries(&report.facts);
    let samples: Vec<Ending> = all
        .iter()
        .map(|expiry| {
            let kind = match expiry.held.kind {
                KeyKind::Secret => "secret",
                KeyKind::Certificate => "certificate",
            };
            let labels = [
                ("application", expiry.application.name.clone()),
                ("client_id", expiry.application.client_id.to_string()),
                ("tenant", expiry.tenant.clone()),
                ("kind", kind.to_owned()),
                ("key_id", expiry.held.id.to_string()),
            ];
            (labels, expiry.ends, expiry.is_last)
        })
        .collect();
    let mut family = |name: &str, help: &str, value: &dyn Fn(Timestamp, bool) -> i64| {
        metrics.family(name, help);
        for (labels, ends, is_last) in &samples {
            let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            metrics.sample(&labels, &value(*ends, *is_last));
        }
    };
    let now = report.facts.now;
    family(
        "keyholder_credential_expiry_timestamp_seconds",
        "When the credential expires, in seconds since 1970.",
        &|ends, _| ends.unix_seconds(),
    );
    family(
        "keyholder_credential_seconds_until_expiry",
        "Seconds until the credential expires, at the time of the audit; negative once it has.",
        &|ends, _| ends.unix_seconds() - now.unix_seconds(),
    );
    family(
        "keyholder_credential_is_last",
        "Whether nothing is known to take its place when it ends: 1 or 0.",
        &|_, is_last| i64::from(is_last),
    );
    metrics.family(
        "keyholder_application_last_sign_in_timestamp_seconds",
        "When the application signed in last, in seconds since 1970, where the directory tells.",
    );
    for application in &report.facts.applications {
        if let Some(last) = application.last_sign_in {
            let client = application.client_id.to_string();
            let labels = [
                ("application", application.name.as_str()),
                ("client_id", client.as_str()),
                ("tenant", tenant(report, &application.tenant)),
            ];
            metrics.sample(&labels, &last.unix_seconds());
        }
    }
}

fn users(metrics: &mut Metrics, report: &Report) {
    metrics.family("keyholder_service_users", "Users of an org that are for programs, or for settings alone.");
    for org in report.facts.orgs.iter().filter(|org| org.trouble.is_none()) {
        for (kind, name) in [
            (UserKind::Application, "application"),
            (UserKind::NonInteractive, "non-interactive"),
            (UserKind::Administrative, "administrative"),
        ] {
            let number = org.users.iter().filter(|user| user.kind == kind).count();
            metrics.sample(&[("org", &org.name), ("kind", name)], &number);
        }
    }
    type Places = fn(&OrgFacts) -> usize;
    let places: [(&str, &str, Places); 2] = [
        ("keyholder_non_interactive_users_used", "Places for non-interactive users that are taken.", |org| {
            org.slots_used()
        }),
        ("keyholder_non_interactive_users_limit", "How many non-interactive users the org may have.", |org| {
            usize::try_from(org.slots_limit).unwrap_or(usize::MAX)
        }),
    ];
    for (name, help, of) in places {
        metrics.family(name, help);
        for org in report.facts.orgs.iter().filter(|org| org.trouble.is_none()) {
            metrics.sample(&[("org", &org.name)], &of(org));
        }
    }
}

/// What was asked for today, by the users and by those who share a pool.
fn asked(metrics: &mut Metrics, report: &Report, requests: &Requests) {
    type Part = fn(Asked) -> Option<u64>;
    let parts: [(&str, &str, Part); 3] = [
        ("requests_today", "Requests of today (UTC) that count for the entitlement.", |asked| Some(asked.today)),
        ("requests_forecast", "Requests of today when the day goes on like this.", |asked| Some(asked.forecast)),
        ("requests_allowance", "Requests that are allowed in 24 hours.", |asked| asked.allowance),
    ];
    for (part, help, of) in parts {
        metrics.family(&format!("keyholder_user_{part}"), help);
        for (org, user) in report.facts.users() {
            if let Some(value) = requests.of(&org.url, user.id).and_then(|(asked, _)| of(asked)) {
                let id = user.id.to_string();
                metrics.sample(&[("org", &org.name), ("user", &user.name), ("user_id", &id)], &value);
            }
        }
        metrics.family(&format!("keyholder_pool_{part}"), help);
        for tenant in &requests.tenants {
            if let Some(value) = of(tenant.pool) {
                metrics.sample(&[("tenant", &tenant.name)], &value);
            }
        }
    }
}

fn tenant<'a>(report: &'a Report, authority: &'a str) -> &'a str {
    report.facts.tenant(authority).map_or(authority, |tenant| &tenant.name)
}

/// What is printed so far, and the name of the family that was begun last.
struct Metrics(String, String);

impl Metrics {
    fn family(&mut self, name: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge\n");
        name.clone_into(&mut self.1);
    }

    /// A value of the family that was begun last.
    fn sample(&mut self, labels: &[(&str, &str)], value: &dyn std::fmt::Display) {
        self.0.push_str(&self.1);
        for (place, (name, label)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{name}=\"", if place == 0 { '{' } else { ',' });
            for letter in text::name(label).chars() {
                match letter {
                    '\\' => self.0.push_str("\\\\"),
                    '"' => self.0.push_str("\\\""),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}
