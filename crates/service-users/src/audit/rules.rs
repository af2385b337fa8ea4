//! The rules: what an audit holds against what it knows. Each is a pure function over the facts; the time is one of
//! them.
//!
//! A rule has an id that never changes and is never used again for another, a name, a severity of its own that the
//! caller may change, and a text that explains it. docs/audit.md lists them; a test holds it against [`all`].

mod activity;
mod credentials;
mod people;
mod reach;
mod rights;
mod users;

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_foundation::{ClientId, Timestamp};
use keyholder_security::Depth;

use super::facts::{ApplicationFacts, Facts, OrgFacts, ServiceUser};
use super::finding::{Finding, Point, Severity, Subject, SubjectKind};
use crate::declaration::{Declaration, Right, in_words};
use crate::shell::for_shell;

pub(in crate::audit) use rights::far_reaching;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `KH101`.
    pub id: &'static str,
    /// `credential-expired`.
    pub name: &'static str,
    /// How much its findings weigh when nobody says otherwise.
    pub severity: Severity,
    /// What it finds, in a line.
    pub title: &'static str,
    /// Why that matters.
    pub explanation: &'static str,
    /// What mends it.
    pub mend: &'static str,
}

/// Where rules draw their lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long before its end a credential is told of.
    pub expiring: Duration,
    /// The longest life of a credential.
    pub longest_lifetime: Duration,
    /// How long several secrets may live side by side for a rotation.
    pub overlap: Duration,
    /// After how long without a sign-in something is not used.
    pub unused: Duration,
    /// How old a password may be.
    pub password_age: Duration,
    /// How far back it was read what service users created and changed.
    pub activity: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expiring: 30 * DAY,
            longest_lifetime: 366 * DAY,
            overlap: 14 * DAY,
            unused: 90 * DAY,
            password_age: 365 * DAY,
            activity: 30 * DAY,
        }
    }
}

/// What the caller says of rules: another severity, or that one is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Switches(BTreeMap<&'static str, Option<Severity>>);

impl Switches {
    /// Gives a rule another severity; none switches it off.
    pub fn set(&mut self, rule: &Rule, severity: Option<Severity>) {
        self.0.insert(rule.id, severity);
    }

    /// All that is said.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Option<Severity>)> + '_ {
        self.0.iter().map(|(rule, severity)| (*rule, *severity))
    }

    fn of(&self, rule: &Rule) -> Option<Severity> {
        self.0.get(rule.id).copied().unwrap_or(Some(rule.severity))
    }
}

/// Every rule, in the order of the ids.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [
        reach::RULES,
        credentials::RULES,
        users::OF_DIRECTORY,
        rights::ROLES,
        activity::RULES,
        rights::SHIPPED_ROLES,
        users::OF_USE,
        people::RULES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// The rule with that id or name, in any case.
#[must_use]
pub fn find(text: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id.eq_ignore_ascii_case(text) || rule.name.eq_ignore_ascii_case(text))
}

/// Reads what somebody says of a rule: `KH104=off`, `unused=error`.
///
/// # Errors
/// What is wrong with the text: a sentence about "it".
pub fn parse_switch(text: &str) -> Result<(&'static Rule, Option<Severity>), String> {
    let (rule, word) = text.split_once('=').ok_or("it is a rule and a weight, like `KH104=off`")?;
    let (rule, word) = (rule.trim(), word.trim());
    let known =
        find(rule).ok_or_else(|| format!("there is no rule {}; `keyholder audit --rules` lists them", shown(rule)))?;
    let all = [Severity::Note, Severity::Warning, Severity::Error];
    match all.into_iter().find(|severity| severity.name() == word) {
        None if word != "off" => Err("the weight of a rule is off, note, warning or error".to_owned()),
        severity => Ok((known, severity)),
    }
}

/// Holds all rules against the facts; the gravest findings come first.
#[must_use]
pub fn judge(facts: &Facts, declared: Option<&Declaration>, limits: &Limits, switches: &Switches) -> Vec<Finding> {
    let mut judging = Judging { facts, declared, limits, switches, findings: Vec::new() };
    reach::judge(&mut judging);
    credentials::judge(&mut judging);
    users::judge(&mut judging);
    rights::judge(&mut judging);
    activity::judge(&mut judging);
    people::judge(&mut judging);
    let mut findings = judging.findings;
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.when.is_none(), finding.when);
        let rest = |finding: &Finding| (finding.rule, finding.subject.clone());
        key(one).cmp(&key(other)).then_with(|| rest(one).cmp(&rest(other)))
    });
    findings
}

/// What the rules work with.
struct Judging<'a> {
    facts: &'a Facts,
    /// What is declared, where the audit is of a declaration.
    declared: Option<&'a Declaration>,
    limits: &'a Limits,
    switches: &'a Switches,
    findings: Vec<Finding>,
}

impl<'a> Judging<'a> {
    /// Takes a finding, unless its rule is off.
    fn add(&mut self, found: Found) {
        if let Some(severity) = self.switches.of(found.rule) {
            self.findings.push(found.finding(severity, self.facts));
        }
    }

    /// The same, where it weighs less than the rule's findings do as a rule.
    fn add_at_most(&mut self, most: Severity, found: Found) {
        if let Some(severity) = self.switches.of(found.rule) {
            self.findings.push(found.finding(severity.min(most), self.facts));
        }
    }

    /// The same, where it has a weight of its own; what the caller says of the rule holds all the same.
    fn add_as(&mut self, weight: Severity, found: Found) {
        let severity = self.switches.0.get(found.rule.id).copied().unwrap_or(Some(weight));
        self.findings.extend(severity.map(|severity| found.finding(severity, self.facts)));
    }

    fn now(&self) -> Timestamp {
        self.facts.now
    }

    /// The users of an application in all orgs, whatever their tenants: they sign in with the same credentials.
    fn users_of(&self, client: ClientId) -> impl Iterator<Item = (&'a OrgFacts, &'a ServiceUser)> + use<'a> {
        self.facts.users().filter(move |(_, user)| user.application == Some(client))
    }

    /// The orgs in which an application gets in.
    fn orgs_of(&self, client: ClientId) -> Vec<String> {
        let enabled = self.users_of(client).filter(|(_, user)| !user.is_disabled);
        let mut orgs: Vec<String> = enabled.map(|(org, _)| org.name.clone()).collect();
        orgs.dedup();
        orgs
    }
}

/// A finding in the making.
struct Found {
    rule: &'static Rule,
    subject: Subject,
    message: String,
    what: Vec<Point>,
    orgs: Vec<String>,
    programs: Vec<String>,
    consequence: Option<String>,
    when: Option<Timestamp>,
    mend: Vec<String>,
}

impl Found {
    fn new(rule: &'static Rule, subject: Subject, message: String) -> Self {
        let (what, orgs, programs, mend) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { rule, subject, message, what, orgs, programs, consequence: None, when: None, mend }
    }

    /// What makes it worse when more of it comes, beyond its weight and its orgs.
    fn says(mut self, what: impl IntoIterator<Item = Point>) -> Self {
        self.what.extend(what);
        self
    }

    fn in_orgs(mut self, orgs: Vec<String>) -> Self {
        self.orgs = orgs;
        self
    }

    fn program(mut self, name: &str) -> Self {
        self.programs.push(name.to_owned());
        self
    }

    fn so(mut self, consequence: impl Into<String>) -> Self {
        self.consequence = Some(consequence.into());
        self
    }

    fn when(mut self, when: Option<Timestamp>) -> Self {
        self.when = when;
        self
    }

    fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend.push(mend.into());
        self
    }

    fn finding(self, severity: Severity, facts: &Facts) -> Finding {
        let Self { rule, subject, message, what, orgs, programs, consequence, when, mend } = self;
        let (rule, name) = (rule.id, rule.name);
        let mut all = vec![Point::from(severity)];
        // What is of one org is named by it. Others are told by address: names differ with whoever audits.
        if !matches!(subject.kind, SubjectKind::Org | SubjectKind::OrgUser) {
            let url = |name: &&str| facts.orgs.iter().find(|org| org.name == **name).map(|org| org.url.as_str());
            let named = orgs.iter().map(String::as_str);
            all.extend(named.map(|name| Point::new(format!("in {}", url(&name).unwrap_or(name)))));
        }
        all.extend(what);
        Finding {
            rule,
            name,
            severity,
            subject,
            message,
            what: all,
            orgs,
            programs,
            consequence,
            when,
            mend,
            accepted: None,
            outgrown: None,
        }
    }
}

/// An application as a subject: the same in every tenant that it is in.
fn of_application(application: &ApplicationFacts) -> Subject {
    Subject {
        kind: SubjectKind::Application,
        key: format!("application:{}", application.client_id),
        name: application.name.clone(),
    }
}

/// A user of an org as a subject.
fn of_user(org: &OrgFacts, user: &ServiceUser) -> Subject {
    Subject { kind: SubjectKind::OrgUser, key: format!("org-user:{}:{}", org.url, user.id), name: user.name.clone() }
}

/// A text that others chose, in backticks and on one line.
fn shown(text: &str) -> String {
    let clean: String = text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("`{clean}`")
}

/// Rights one by one, each with what reaches further.
fn rights_as_points(rights: &[Right]) -> impl Iterator<Item = Point> + '_ {
    let words = |right: Right| in_words(&[right]).concat();
    rights.iter().map(move |right| {
        let deeper = Depth::ALL.into_iter().filter(|depth| *depth > right.depth());
        Point::new(words(right.clone())).or(deeper.map(|depth| words(right.at(depth))))
    })
}

/// A span in whole days.
fn days(span: Duration) -> String {
    match span.as_secs() / DAY.as_secs() {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// Several names as a sentence has them.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => "no org".to_owned(),
        [one] => one.clone(),
        [others @ .., last] if others.len() < 6 => format!("{} and {last}", others.join(", ")),
        more => format!("{} and {} more", more.iter().take(5).cloned().collect::<Vec<_>>().join(", "), more.len() - 5),
    }
}
