//! What is wrong, the gravest first, rule by rule; and what is accepted.

use super::markup::Page;
use crate::audit::finding::{Finding, Severity};
use crate::audit::report::{Report, text};
use crate::audit::rules::{self, Rule};

/// How many findings of a rule are shown with all there is to say; of further ones, what is found.
const WHOLE: usize = 40;

pub(super) fn section(page: &mut Page, report: &Report) {
    page.raw("<section id=\"findings\">\n<h2>Findings</h2>\n");
    if report.counted().next().is_none() {
        page.raw("<p>Nothing is wrong.</p>\n");
    }
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let all: Vec<&Finding> = report.counted().filter(|finding| finding.severity == severity).collect();
        for rule in rules::all() {
            let found: Vec<&Finding> = all.iter().filter(|finding| finding.rule == rule.id).copied().collect();
            if !found.is_empty() {
                of_rule(page, rule, severity, &found);
            }
        }
    }
    page.raw("</section>\n");
}

fn of_rule(page: &mut Page, rule: &Rule, severity: Severity, found: &[&Finding]) {
    page.raw("<article class=\"").raw(severity.name()).raw("\">\n<h3><span class=\"tag\">").raw(severity.name());
    page.raw("</span> ").text(rule.title).raw(" <span class=\"soft\">").raw(rule.id);
    if found.len() > 1 {
        page.raw(", ").number(&found.len()).raw(" times");
    }
    page.raw("</span></h3>\n<p class=\"why\">").text(rule.explanation).raw("</p>\n<ul class=\"found\">\n");
    for finding in found.iter().take(WHOLE) {
        whole(page, finding);
    }
    page.raw("</ul>\n");
    if let Some(rest) = found.get(WHOLE..).filter(|rest| !rest.is_empty()) {
        page.raw("<p>And ").number(&rest.len()).raw(" more. ").sentence(rule.mend).raw("</p>\n<ul class=\"more\">\n");
        for finding in rest {
            page.raw("<li>").sentence(&finding.message).raw("</li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("</article>\n");
}

fn whole(page: &mut Page, finding: &Finding) {
    page.raw("<li><p>").sentence(&text::whole(&finding.message));
    if let Some(consequence) = &finding.consequence {
        page.raw(" <strong>").sentence(&text::whole(consequence)).raw("</strong>");
    }
    page.raw("</p>\n");
    if let Some(outgrown) = &finding.outgrown {
        page.raw("<p>").sentence(&text::whole(&outgrown.sentence())).raw("</p>\n");
    }
    if !finding.orgs.is_empty() || finding.when.is_some() {
        page.raw("<p class=\"soft\">");
        for (place, org) in finding.orgs.iter().enumerate() {
            page.raw(if place == 0 { "In " } else { ", " }).name(org);
        }
        if let Some(when) = finding.when {
            page.raw(if finding.orgs.is_empty() { "On " } else { "; on " }).text(&when.date());
        }
        page.raw("</p>\n");
    }
    if !finding.mend.is_empty() {
        page.raw("<ul class=\"mend\" aria-label=\"What mends it\">");
        finding.mend.iter().for_each(|mend| {
            page.raw("<li>").sentence(mend).raw("</li>");
        });
        page.raw("</ul>");
    }
    page.raw("</li>\n");
}

/// What somebody has accepted, with the reasons.
pub(super) fn accepted(page: &mut Page, report: &Report) {
    let accepted: Vec<_> = report.findings.iter().filter_map(|one| Some((one, one.accepted.as_ref()?))).collect();
    if accepted.is_empty() && report.unused_acceptances.is_empty() {
        return;
    }
    page.raw("<section id=\"accepted\">\n<h2>Accepted, and not counted</h2>\n");
    if !accepted.is_empty() {
        page.raw("<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Accepted findings\"><table class=\"cards accepted\">\n");
        page.raw("<thead><tr><th scope=\"col\">Finding</th><th scope=\"col\">Reason</th><th scope=\"col\">Until</th></tr></thead>\n");
        page.raw("<tbody>\n");
        for (finding, acceptance) in accepted {
            page.raw("<tr><th scope=\"row\"><span class=\"soft\">").raw(finding.rule).raw("</span> ");
            page.sentence(&finding.message).raw("</th><td>").sentence(&acceptance.reason);
            page.raw("</td><td class=\"day\">").text(&acceptance.until).raw("</td></tr>\n");
        }
        page.raw("</tbody></table></div>\n");
    }
    if !report.unused_acceptances.is_empty() {
        page.raw("<p>Entries of the baseline that accept nothing:</p>\n<ul>\n");
        for unused in &report.unused_acceptances {
            page.raw("<li>").name(&unused.rule).raw(" of ").name(&unused.subject).raw(": ").sentence(&unused.why);
            page.raw("</li>\n");
        }
        page.raw("</ul>\n");
    }
    page.raw("</section>\n");
}
