//! What somebody has accepted: findings that do not count, each with a reason and an end.
//!
//! A file of its own, so that it can be reviewed by itself:
//!
//! ```toml
//! [[accepted]]
//! rule = "KH302"
//! subject = "org-user:https://contoso.crm4.dynamics.com:5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c04"
//! reason = "the vendor's installer needs it until the migration is over"
//! until = "2027-03-31"
//! what = ["warning"]
//! ```
//!
//! `what` is what was accepted, point by point; a finding that comes to say more counts again. An entry without it accepts
//! whatever its rule finds about its subject.

use std::path::Path;
use std::time::Duration;

use keyholder_foundation::Timestamp;
use keyholder_platform::read_bounded;
use serde::Serialize;

use super::facts::Facts;
use super::finding::{Finding, Point};
use super::rules::{self, listed};
use crate::declaration::document::{At, Reader};
use crate::declaration::shape::{Key, Kind, Table, Text};
use crate::declaration::{LARGEST_FILE, Mistakes, ReadError};

/// How long the entries of a new baseline hold when nobody says otherwise.
const SPAN: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest: what is accepted for good is looked at by nobody any more.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What a new baseline has for a reason; a file that still says so is not taken.
const TO_BE_FILLED_IN: &str = "TODO: why is this accepted?";

static FILE: Table = Table {
    title: "baseline",
    keys: &[Key {
        name: "accepted",
        kind: Kind::OneOrMore(&ACCEPTED),
        is_required: false,
        about: "Findings that do not count.",
    }],
    choices: &[],
};

static ACCEPTED: Table = Table {
    title: "accepted finding",
    keys: &[
        required("rule", "The rule's id, `KH302`, or its name."),
        required("subject", "The subject's key, as the report has it."),
        required("reason", "Why it is accepted."),
        required("until", "The last day on which it is: `2027-03-31` (UTC)."),
        Key {
            name: "what",
            kind: Kind::Texts(Text::Any),
            is_required: false,
            about: "What is accepted, point by point as the report has it: a finding that says more counts again. Without: \
                whatever the rule finds about the subject.",
        },
    ],
    choices: &[],
};

const fn required(name: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Text(Text::Any), is_required: true, about }
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// Why.
    pub reason: String,
    /// The last day on which it holds, `2027-03-31`.
    pub until: String,
}

/// What was accepted of a finding that has come to say more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outgrown {
    /// Why it was accepted, and until when.
    #[serde(flatten)]
    pub acceptance: Acceptance,
    /// What was accepted.
    pub what: Vec<String>,
    /// What it says beyond that.
    pub new: Vec<String>,
}

impl Outgrown {
    /// The same as a sentence without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (until, what, new) = (&self.acceptance.until, listed(&self.what), listed(&self.new));
        format!("it was accepted until {until} for {what}; new since: {new}")
    }
}

/// An entry of a baseline that accepts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unused {
    /// The rule.
    pub rule: String,
    /// The subject.
    pub subject: String,
    /// Why it accepts nothing: a sentence without a full stop.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Accepted {
    rule: &'static str,
    subject: String,
    acceptance: Acceptance,
    /// The end of its last day.
    ends: Timestamp,
    /// What is accepted; whatever there is, where it does not say.
    what: Option<Vec<String>>,
}

impl Accepted {
    /// Accepts a finding, or says what it has come to say.
    fn mark(&self, finding: &mut Finding) {
        let what = self.what.as_deref().unwrap_or_default();
        let is_new = |point: &&Point| self.what.is_some() && !point.is_within(what);
        let new: Vec<String> = finding.what.iter().filter(is_new).map(|point| point.said().to_owned()).collect();
        let acceptance = self.acceptance.clone();
        if new.is_empty() {
            finding.accepted = Some(acceptance);
        } else {
            finding.outgrown = Some(Outgrown { acceptance, what: what.to_vec(), new });
        }
    }
}

/// Accepted findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    accepted: Vec<Accepted>,
}

impl Baseline {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ReadError`]; all mistakes together.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Ok(Self::parse(&read_bounded(path, LARGEST_FILE)?, path)?)
    }

    /// Reads the text of the file `place`.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn parse(text: &str, place: &Path) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(text);
        let root = reader.parse(text);
        let root = At::root(&root);
        if reader.mistakes.is_empty() {
            reader.check(&FILE, &root);
        }
        let mut accepted: Vec<Accepted> = Vec::new();
        for at in root.one_or_more("accepted") {
            let Some(read) = entry(&mut reader, &at) else { continue };
            if accepted.iter().any(|known| (known.rule, &known.subject) == (read.rule, &read.subject)) {
                reader.mistake(at.at, format!("{} of `{}` is accepted twice", read.rule, read.subject));
            }
            accepted.push(read);
        }
        if reader.mistakes.is_empty() {
            Ok(Self { accepted })
        } else {
            Err(Mistakes::new(Some(place), reader.mistakes))
        }
    }

    /// Marks the findings that are accepted and those that have outgrown that, and gives the entries that accept nothing
    /// (any more).
    pub fn apply(&self, findings: &mut [Finding], facts: &Facts) -> Vec<Unused> {
        let now = facts.now;
        let mut unused = Vec::new();
        for entry in &self.accepted {
            let is_it = |finding: &&mut Finding| finding.rule == entry.rule && finding.subject.key == entry.subject;
            let mut found = findings.iter_mut().filter(is_it).peekable();
            let is_too_long = entry.ends > now.plus(LONGEST + DAY);
            let why = match (found.peek().is_some(), entry.ends > now) {
                (true, true) if is_too_long => {
                    format!(
                        "`until` is {}, more than a year away: it counts until that is nearer",
                        entry.acceptance.until
                    )
                }
                (true, true) => {
                    found.for_each(|finding| entry.mark(finding));
                    continue;
                }
                (true, false) => format!("it was accepted until {}: it counts again", entry.acceptance.until),
                (false, _) => match not_looked_at(&entry.subject, facts) {
                    Some(what) => format!("{what}: whether there is such a finding is not known, leave the entry in"),
                    None => "there is no such finding any more: take the entry out".to_owned(),
                },
            };
            unused.push(Unused { rule: entry.rule.to_owned(), subject: entry.subject.clone(), why });
        }
        unused
    }

    /// The text of a baseline that accepts these findings, with reasons to be filled in.
    #[must_use]
    pub fn print<'a>(findings: impl Iterator<Item = &'a Finding>, now: Timestamp) -> String {
        let until = now.plus(SPAN).date();
        let mut text =
            "# Findings of `keyholder audit` that are accepted. Write why, and until when, or take the entry out. What comes to say\n\
             # more than `what` counts again.\n"
                .to_owned();
        for finding in findings {
            text.push_str(&format!(
                "\n# {}: {}\n[[accepted]]\nrule = {}\nsubject = {}\nreason = {}\nuntil = {}\nwhat = {}\n",
                finding.severity.name(),
                one_line(&finding.message),
                quoted(finding.rule),
                quoted(&finding.subject.key),
                quoted(TO_BE_FILLED_IN),
                quoted(&until),
                points(&finding.what),
            ));
        }
        text
    }
}

/// What was not read of what a finding about this subject needs.
fn not_looked_at(subject: &str, facts: &Facts) -> Option<String> {
    let of_org = ["org-user:", "org:"].into_iter().find_map(|kind| subject.strip_prefix(kind));
    if let Some(rest) = of_org {
        let is_it = |url: &str| rest.strip_prefix(url).is_some_and(|more| more.is_empty() || more.starts_with(':'));
        let Some(org) = facts.orgs.iter().filter(|org| is_it(&org.url)).max_by_key(|org| org.url.len()) else {
            return Some("its org was not audited".to_owned());
        };
        let tenant = org.tenant.as_deref().and_then(|authority| facts.tenant(authority));
        let is_partly = facts.unread.iter().any(|unread| unread.org.as_ref() == Some(&org.name));
        return match (&org.trouble, tenant.and_then(|tenant| tenant.trouble.as_ref())) {
            (Some(_), _) => Some(format!("the org {} could not be audited", one_line(&org.name))),
            (None, Some(_)) => Some("the directory of its tenant could not be audited".to_owned()),
            (None, None) => is_partly.then(|| format!("the org {} was read in part", one_line(&org.name))),
        };
    }
    // An application is judged by its directory and by all orgs that it may be a user of.
    let tenant = facts.tenants.iter().find(|tenant| tenant.trouble.is_some()).map(|tenant| &tenant.name);
    if let Some(name) = tenant {
        return Some(format!("the directory of the tenant {} could not be audited", one_line(name)));
    }
    let org = facts.orgs.iter().find(|org| org.trouble.is_some())?;
    Some(format!("the org {} could not be audited", one_line(&org.name)))
}

fn entry(reader: &mut Reader<'_>, at: &At<'_, '_>) -> Option<Accepted> {
    let (rule, subject) = (at.text("rule")?, at.text("subject")?);
    let (reason, until) = (at.text("reason")?.trim(), at.text("until")?.trim());
    let known = rules::find(rule);
    if known.is_none() {
        reader.mistake(at.place_of("rule"), format!("there is no rule `{}`", one_line(rule)));
    }
    if reason.is_empty() || reason == TO_BE_FILLED_IN {
        reader.mistake(at.place_of("reason"), "an accepted finding has a reason: say why it is accepted".to_owned());
    }
    let day = Timestamp::parse(until).ok().filter(|_| until.len() == 10);
    if day.is_none() {
        let message = format!("`until` is `{}`, and must be a day like `2027-03-31`", one_line(until));
        reader.mistake(at.place_of("until"), message);
    }
    let what: Option<Vec<String>> =
        at.texts("what").map(|all| all.into_iter().map(|(point, _)| point.to_owned()).collect());
    if what.as_ref().is_some_and(Vec::is_empty) {
        let message = "`what` is empty, which accepts nothing: leave it out to accept whatever is found".to_owned();
        reader.mistake(at.place_of("what"), message);
    }
    let acceptance = Acceptance { reason: reason.to_owned(), until: until.to_owned() };
    Some(Accepted { rule: known?.id, subject: subject.to_owned(), acceptance, ends: day?.plus(DAY), what })
}

/// What a finding says, as a list of TOML: several have a line each, so that a review shows what came and went.
fn points(what: &[Point]) -> String {
    match what {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", quoted(one.said())),
        all => {
            let lines: String = all.iter().map(|point| format!("    {},\n", quoted(point.said()))).collect();
            format!("[\n{lines}]")
        }
    }
}

/// The text without what would end its line.
fn one_line(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text as a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            other if other.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(other))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::facts::{OrgFacts, Purpose, Trouble};
    use super::super::finding::{Severity, Subject, SubjectKind};
    use super::*;

    fn finding(key: &str, message: &str) -> Finding {
        Finding {
            rule: "KH302",
            name: "system-administrator",
            severity: Severity::Warning,
            subject: Subject { kind: SubjectKind::OrgUser, key: key.to_owned(), name: "x".to_owned() },
            message: message.to_owned(),
            what: vec![Severity::Warning.into()],
            orgs: Vec::new(),
            programs: Vec::new(),
            consequence: None,
            when: None,
            mend: Vec::new(),
            accepted: None,
            outgrown: None,
        }
    }

    fn facts(now: Timestamp) -> Facts {
        let (tenants, orgs, applications) = (Vec::new(), Vec::new(), Vec::new());
        Facts { now, tenants, orgs, applications, people: Vec::new(), unread: Vec::new() }
    }

    fn org(name: &str, url: &str, trouble: Option<Trouble>) -> OrgFacts {
        OrgFacts {
            name: name.to_owned(),
            url: url.to_owned(),
            tenant: None,
            purpose: Purpose::Unknown,
            users: Vec::new(),
            slots_limit: 5,
            activity_of: Vec::new(),
            trouble,
        }
    }

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(text, Path::new("b.toml")).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn what_is_written_is_read_once_there_are_reasons() {
        let now = Timestamp::parse("2026-11-28T10:00:00Z").unwrap();
        let wild = finding("org-user:a\"b\\c", "a \"name\"\n[[accepted]]");
        let text = Baseline::print([&wild].into_iter(), now);
        let refused = parse(&text).unwrap_err();
        assert!(refused.contains("has a reason"), "{refused}");
        let filled = text.replace(TO_BE_FILLED_IN, "it is for the migration");
        let baseline = parse(&filled).unwrap();
        let mut findings = [wild, finding("org-user:other", "x")];
        assert_eq!(baseline.apply(&mut findings, &facts(now)), []);
        assert_eq!(findings[0].accepted.as_ref().unwrap().until, "2027-02-26");
        assert!(!findings[0].counts() && findings[1].counts());
    }

    #[test]
    fn what_says_more_than_was_accepted_counts() {
        let entry = |what: &str| {
            format!("[[accepted]]\nrule = \"KH302\"\nsubject = \"a\"\nreason = \"r\"\nuntil = \"2027-01-01\"\n{what}")
        };
        let now = Timestamp::parse("2026-11-28T10:00:00Z").unwrap();
        let said = |severity: Severity, more: &[&str]| {
            let what = [Point::from(severity)].into_iter().chain(more.iter().map(|one| Point::new(*one))).collect();
            Finding { what, ..finding("a", "x") }
        };
        let applied = |text: &str, found: Finding| {
            let mut findings = [found];
            assert_eq!(parse(text).unwrap().apply(&mut findings, &facts(now)), []);
            let [found] = findings;
            assert_eq!(found.counts(), found.outgrown.is_some());
            found.outgrown.map(|one| one.new)
        };
        let two = entry("what = [\"warning\", \"one\", \"two\"]\n");
        assert_eq!(applied(&two, said(Severity::Warning, &["one", "two"])), None);
        assert_eq!(applied(&two, said(Severity::Note, &["two"])), None, "it says less");
        assert_eq!(applied(&two, said(Severity::Error, &["two", "three"])).unwrap(), ["error", "three"]);
        assert_eq!(applied(&entry(""), said(Severity::Error, &["three"])), None, "it says nothing of what");
        let wider = |found: &str| Point::new(found).or(["two".to_owned()]);
        assert_eq!(applied(&two, Finding { what: vec![wider("a part of two")], ..finding("a", "x") }), None);
        assert!(parse(&entry("what = []\n")).unwrap_err().contains("`what` is empty"));
        assert!(parse(&entry("what = \"x\"\n")).unwrap_err().contains("`accepted.0.what` must be"));
    }

    #[test]
    fn an_expired_entry_and_one_for_nothing_are_said() {
        let entry = |subject: &str| {
            format!(
                "[[accepted]]\nrule = \"system-administrator\"\nsubject = \"{subject}\"\nreason = \"r\"\nuntil = \"2026-11-28\"\n"
            )
        };
        let baseline = parse(&(entry("a") + &entry("b"))).unwrap();
        let mut findings = [finding("a", "x")];
        let last = Timestamp::parse("2026-11-28T23:59:59Z").unwrap();
        assert_eq!(baseline.apply(&mut findings, &facts(last)).len(), 1);
        assert!(!findings[0].counts());
        let mut findings = [finding("a", "x")];
        let unused = baseline.apply(&mut findings, &facts(last.plus(Duration::from_secs(1))));
        assert!(findings[0].counts());
        assert!(unused[0].why.contains("counts again") && unused[1].why.contains("no such finding"), "{unused:?}");
    }

    #[test]
    fn entries_of_what_could_not_be_looked_at_are_not_told_as_gone() {
        let entry = |subject: &str| {
            format!("[[accepted]]\nrule = \"KH304\"\nsubject = \"{subject}\"\nreason = \"r\"\nuntil = \"2027-01-01\"\n")
        };
        let subjects = [
            "org-user:https://localhost:1:a",
            "org-user:https://localhost:17:a",
            "org-user:https://elsewhere:a",
            "application:a",
        ];
        let baseline = parse(&subjects.map(entry).concat()).unwrap();
        let mut facts = facts(Timestamp::parse("2026-11-28T10:00:00Z").unwrap());
        let trouble = Trouble { why: "it is out of reach".to_owned(), hints: Vec::new() };
        facts.orgs = vec![org("test", "https://localhost:1", Some(trouble)), org("prod", "https://localhost:17", None)];
        let unused = baseline.apply(&mut [], &facts);
        let said: Vec<&str> = unused.iter().map(|one| one.why.as_str()).collect();
        assert!(said[0].contains("the org test could not be audited") && said[0].contains("leave"), "{said:?}");
        assert!(said[1].contains("take the entry out"), "{said:?}");
        assert!(said[2].contains("its org was not audited"), "{said:?}");
        assert!(said[3].contains("the org test could not be audited"), "{said:?}");
        facts.orgs.remove(0);
        assert!(baseline.apply(&mut [], &facts)[3].why.contains("take the entry out"));
    }

    #[test]
    fn what_is_accepted_for_good_counts() {
        let text = "[[accepted]]\nrule = \"KH302\"\nsubject = \"a\"\nreason = \"r\"\nuntil = \"9999-12-31\"\n";
        let mut findings = [finding("a", "x")];
        let now = Timestamp::parse("2026-11-28T10:00:00Z").unwrap();
        let unused = parse(text).unwrap().apply(&mut findings, &facts(now));
        assert!(findings[0].counts() && unused[0].why.contains("more than a year away"), "{unused:?}");
        let text = text.replace("9999-12-31", "2027-11-28");
        assert_eq!(parse(&text).unwrap().apply(&mut findings, &facts(now)), []);
        assert!(!findings[0].counts());
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let text = "[[accepted]]\nrule = \"KH999\"\nsubject = \"a\"\nreason = \" \"\nuntil = \"soon\"\nextra = 1\n";
        let said = parse(text).unwrap_err();
        for expected in ["line 2", "no rule `KH999`", "has a reason", "must be a day", "unknown key `extra`"] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        let twice = "[[accepted]]\nrule = \"KH302\"\nsubject = \"a\"\nreason = \"r\"\nuntil = \"2027-01-01\"\n";
        assert!(parse(&twice.repeat(2)).unwrap_err().contains("accepted twice"));
        assert_eq!(parse("").unwrap(), Baseline::default());
    }
}
