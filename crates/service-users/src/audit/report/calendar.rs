//! iCalendar (RFC 5545): when credentials and acceptances end, with an alarm before.

use std::collections::BTreeMap;

use keyholder_foundation::Timestamp;

use super::expiries::{Expiry, expiries};
use super::{Report, text};

/// The longest line in octets, without its end (section 3.1).
const LONGEST_LINE: usize = 75;
/// When somebody is reminded, as durations before the end.
const ALARMS: [&str; 2] = ["-P30D", "-P7D"];

/// What ends from now on, as events whose ids are the same in every run.
#[must_use]
pub fn calendar(report: &Report) -> String {
    let mut calendar = Lines(String::new());
    calendar.line("BEGIN:VCALENDAR");
    calendar.line("VERSION:2.0");
    calendar.line("PRODID:-//Keyholder//keyholder audit//EN");
    calendar.line("CALSCALE:GREGORIAN");
    calendar.line("METHOD:PUBLISH");
    calendar.line("X-WR-CALNAME:Service users: what expires");
    let now = report.facts.now;
    for expiry in expiries(&report.facts).iter().filter(|expiry| expiry.ends > now) {
        credential(&mut calendar, expiry, now);
    }
    acceptances(&mut calendar, report);
    calendar.line("END:VCALENDAR");
    calendar.0
}

fn credential(calendar: &mut Lines, expiry: &Expiry<'_>, now: Timestamp) {
    let noun = expiry.held.kind.noun();
    let summary = format!("The {noun} of {} expires", text::name(&expiry.application.name));
    let mut sentences = vec![match expiry.held.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => format!("{} ({})", text::name(name), expiry.held.id),
        None => expiry.held.id.to_string(),
    }];
    sentences.push(format!(
        "Application {} of the tenant {}",
        expiry.application.client_id,
        text::name(&expiry.tenant)
    ));
    if expiry.orgs.is_empty() {
        sentences.push("It is a user of no audited org.".to_owned());
    } else {
        sentences.push(format!("It is a user of {}.", text::names(&expiry.orgs)));
    }
    if expiry.is_last {
        sentences.push("Nothing else that it has works longer.".to_owned());
    }
    sentences.push(format!("keyholder credential add {}", expiry.application.client_id));
    let uid = format!("{}.{}@audit.keyholder", expiry.held.id, expiry.application.client_id);
    event(calendar, &uid, now, &format!("DTSTART:{}", utc(expiry.ends)), &summary, &sentences.join("\n"));
}

/// One event for all that ends on a day.
fn acceptances(calendar: &mut Lines, report: &Report) {
    let mut days: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for finding in &report.findings {
        if let Some(accepted) = &finding.accepted {
            let what =
                format!("{} {}: {}", finding.rule, text::name(&finding.subject.name), text::name(&accepted.reason));
            days.entry(&accepted.until).or_default().push(what);
        }
    }
    for (day, accepted) in days {
        let date: String = day.chars().filter(char::is_ascii_digit).collect();
        if date.len() != 8 {
            continue;
        }
        let summary = format!("The acceptance of {} ends", text::counted(accepted.len(), "finding"));
        let uid = format!("accepted-until-{date}@audit.keyholder");
        let start = format!("DTSTART;VALUE=DATE:{date}");
        event(calendar, &uid, report.facts.now, &start, &summary, &accepted.join("\n"));
    }
}

fn event(calendar: &mut Lines, uid: &str, now: Timestamp, start: &str, summary: &str, description: &str) {
    calendar.line("BEGIN:VEVENT");
    calendar.line(&format!("UID:{uid}"));
    calendar.line(&format!("DTSTAMP:{}", utc(now)));
    calendar.line(start);
    calendar.line(&format!("SUMMARY:{}", value(summary)));
    calendar.line(&format!("DESCRIPTION:{}", value(description)));
    calendar.line("CATEGORIES:Keyholder");
    calendar.line("TRANSP:TRANSPARENT");
    for trigger in ALARMS {
        calendar.line("BEGIN:VALARM");
        calendar.line("ACTION:DISPLAY");
        calendar.line(&format!("TRIGGER:{trigger}"));
        calendar.line(&format!("DESCRIPTION:{}", value(summary)));
        calendar.line("END:VALARM");
    }
    calendar.line("END:VEVENT");
}

/// `20261222T000000Z`.
fn utc(moment: Timestamp) -> String {
    moment.whole_seconds().to_string().chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}

/// A text as a value (section 3.3.11).
fn value(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

struct Lines(String);

impl Lines {
    /// A line, folded where it is long, between characters and never within one.
    fn line(&mut self, line: &str) {
        let mut octets = 0;
        for letter in line.chars() {
            if octets + letter.len_utf8() > LONGEST_LINE {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(letter);
            octets += letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}
