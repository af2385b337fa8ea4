//! JUnit's XML, as pipelines read it: a suite for each rule, a case for each finding.

use std::fmt::Write as _;

use super::{Report, text};
use crate::audit::finding::{Finding, Severity};
use crate::audit::rules::{self, Rule};

/// The findings as test cases: those of at least that weight fail, accepted ones are skipped, others pass and say what was
/// found. A rule that found nothing is one case that passes.
#[must_use]
pub fn junit(report: &Report, least: Severity) -> String {
    let suites: Vec<Suite> = rules::all().map(|rule| suite(report, rule, least)).collect();
    let sum = |of: fn(&Suite) -> usize| suites.iter().map(of).sum::<usize>();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"keyholder audit\"");
    let (tests, failures, skipped) = (sum(|one| one.tests), sum(|one| one.failures), sum(|one| one.skipped));
    counts(&mut xml, tests, failures, skipped);
    xml.push_str(">\n");
    let stamp = report.facts.now.whole_seconds().to_string();
    for suite in &suites {
        xml.push_str("  <testsuite");
        attribute(&mut xml, "name", &format!("{} {}", suite.rule.id, suite.rule.name));
        counts(&mut xml, suite.tests, suite.failures, suite.skipped);
        // JUnit's schema has no time zone here: it is UTC.
        attribute(&mut xml, "timestamp", stamp.trim_end_matches('Z'));
        xml.push_str(">\n");
        xml.push_str(&suite.cases);
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

struct Suite {
    rule: &'static Rule,
    tests: usize,
    failures: usize,
    skipped: usize,
    cases: String,
}

fn suite(report: &Report, rule: &'static Rule, least: Severity) -> Suite {
    let mut suite = Suite { rule, tests: 0, failures: 0, skipped: 0, cases: String::new() };
    for finding in report.findings.iter().filter(|finding| finding.rule == rule.id) {
        case(&mut suite, finding, least);
    }
    if suite.tests == 0 {
        suite.tests = 1;
        suite.cases.push_str("    <testcase");
        attribute(&mut suite.cases, "classname", &class(rule));
        attribute(&mut suite.cases, "name", &format!("nothing found: {}", rule.title));
        suite.cases.push_str(" time=\"0\"/>\n");
    }
    suite
}

fn case(suite: &mut Suite, finding: &Finding, least: Severity) {
    suite.tests += 1;
    let xml = &mut suite.cases;
    xml.push_str("    <testcase");
    attribute(xml, "classname", &class(suite.rule));
    // The key tells apart what people call the same.
    let name = format!("{} ({})", text::name(&finding.subject.name), text::sentence(&finding.subject.key));
    attribute(xml, "name", &name);
    xml.push_str(" time=\"0\">\n");
    let message = text::whole(&text::sentence(&finding.message));
    if let Some(accepted) = &finding.accepted {
        suite.skipped += 1;
        let reason = format!("accepted until {}: {}", accepted.until, accepted.reason);
        xml.push_str("      <skipped");
        attribute(xml, "message", &text::sentence(&reason));
        xml.push_str("/>\n");
    } else if finding.severity >= least {
        suite.failures += 1;
        xml.push_str("      <failure");
        attribute(xml, "message", &message);
        attribute(xml, "type", finding.severity.name());
        xml.push('>');
        text::escape(&details(finding), xml);
        xml.push_str("</failure>\n");
    } else {
        xml.push_str("      <system-out>");
        text::escape(&format!("{}: {message}\n{}", finding.severity.name(), details(finding)), xml);
        xml.push_str("</system-out>\n");
    }
    xml.push_str("    </testcase>\n");
}

fn details(finding: &Finding) -> String {
    let mut lines = vec![text::whole(&text::sentence(&finding.message))];
    lines.extend(finding.consequence.as_ref().map(|so| text::whole(&text::sentence(so))));
    if !finding.orgs.is_empty() {
        lines.push(format!("Where: {}", text::names(&finding.orgs)));
    }
    lines.extend(finding.outgrown.as_ref().map(|one| text::whole(&text::sentence(&one.sentence()))));
    lines.extend(finding.when.map(|when| format!("When: {}", when.date())));
    lines.extend(finding.mend.iter().map(|mend| format!("Mend: {}", text::sentence(mend))));
    lines.join("\n")
}

fn class(rule: &Rule) -> String {
    format!("keyholder.audit.{}", rule.id)
}

fn counts(xml: &mut String, tests: usize, failures: usize, skipped: usize) {
    let _ = write!(xml, " tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"0\"");
}

fn attribute(xml: &mut String, name: &str, value: &str) {
    let _ = write!(xml, " {name}=\"");
    text::escape(value, xml);
    xml.push('"');
}
