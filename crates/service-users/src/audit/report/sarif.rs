//! SARIF 2.1.0, for code-scanning pages (OASIS, "Static Analysis Results Interchange Format").

use keyholder_foundation::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::places::Declared;
use super::{Report, text};
use crate::audit::finding::{Finding, SubjectKind};
use crate::audit::rules;
use crate::declaration::Position;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What a fingerprint is made of, and the version of that.
const FINGERPRINT: &str = "ruleAndSubject/v1";

/// The findings as a SARIF log: accepted ones are suppressed, and what is declared is pointed at in its file.
#[must_use]
pub fn sarif(report: &Report, declared: Option<&Declared<'_>>) -> String {
    let all: Vec<_> = rules::all().collect();
    let described: Vec<Value> = all
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "name": rule.name,
                "shortDescription": { "text": plain(rule.title) },
                "fullDescription": { "text": plain(rule.explanation) },
                "help": {
                    "text": plain(&format!("{} {}", rule.explanation, rule.mend)),
                    "markdown": format!("{}\n\n**Mend:** {}", rule.explanation, rule.mend),
                },
                "defaultConfiguration": { "level": rule.severity.name() },
                "properties": { "tags": ["security", "service-users"] },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let index = all.iter().position(|rule| rule.id == finding.rule);
            result(report, finding, index, declared)
        })
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Keyholder",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": described,
            } },
            "automationDetails": { "id": "keyholder-audit/" },
            "invocations": [{ "executionSuccessful": true, "endTimeUtc": moment(report.facts.now) }],
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut printed = serde_json::to_string_pretty(&log).unwrap_or_default();
    printed.push('\n');
    printed
}

fn result(report: &Report, finding: &Finding, index: Option<usize>, declared: Option<&Declared<'_>>) -> Value {
    let logical = json!([{
        "name": text::name(&finding.subject.name),
        "fullyQualifiedName": text::sentence(&finding.subject.key),
        "kind": kind(finding.subject.kind),
    }]);
    let mut location = json!({ "logicalLocations": logical });
    if let Some(declared) = declared {
        // Pages show only what has a place in a file: what is declared nowhere stands at its org, or at the start.
        let Position { line, column } =
            declared.place_of(&report.facts, finding).unwrap_or(Position { line: 1, column: 1 });
        location["physicalLocation"] = json!({
            "artifactLocation": { "uri": declared.uri() },
            "region": { "startLine": line, "startColumn": column },
        });
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "level": finding.severity.name(),
        "message": { "text": message(finding) },
        "locations": [location],
        "partialFingerprints": { FINGERPRINT: fingerprint(finding) },
        "properties": {
            "subject": text::sentence(&finding.subject.key),
            "orgs": finding.orgs.iter().map(|org| text::name(org)).collect::<Vec<_>>(),
            "programs": finding.programs.iter().map(|program| text::name(program)).collect::<Vec<_>>(),
        },
    });
    if let Some(index) = index {
        result["ruleIndex"] = json!(index);
    }
    if let Some(when) = finding.when {
        result["properties"]["when"] = json!(moment(when));
    }
    if let Some(accepted) = &finding.accepted {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": text::sentence(&format!("{} (until {})", accepted.reason, accepted.until)),
        }]);
    }
    result
}

/// What is found, what that does, and what mends it.
fn message(finding: &Finding) -> String {
    let mut sentences = vec![text::whole(&text::sentence(&finding.message))];
    sentences.extend(finding.consequence.as_ref().map(|so| text::whole(&text::sentence(so))));
    sentences.extend(finding.outgrown.as_ref().map(|one| text::whole(&text::sentence(&one.sentence()))));
    sentences.extend(finding.mend.iter().map(|mend| format!("Mend: {}", text::sentence(mend))));
    plain(&sentences.join("\n"))
}

/// A text with nothing that SARIF takes for a link (3.11.6) or a placeholder (3.11.5).
fn plain(text: &str) -> String {
    text.replace("](", "] (").replace('{', "{{").replace('}', "}}")
}

/// The same in every run for the same rule and subject.
fn fingerprint(finding: &Finding) -> String {
    let mut hash = Sha256::new();
    hash.update(finding.rule);
    hash.update([0]);
    hash.update(&finding.subject.key);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Tenant => "tenant",
        SubjectKind::Org => "org",
        SubjectKind::Application => "application",
        SubjectKind::Credential => "credential",
        SubjectKind::OrgUser => "orgUser",
        SubjectKind::Person => "person",
    }
}

fn moment(moment: Timestamp) -> String {
    moment.whole_seconds().to_string()
}
