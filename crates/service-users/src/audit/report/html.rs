//! One page that needs nothing beside itself: no script, no picture, no font from elsewhere. It reads on a phone, prints, and
//! follows the reader's light or dark.
//!
//! What comes from orgs and directories gets into it only through [`Page::text`] and its like, which escape it; a content
//! security policy in the page itself lets nothing run or load whatever it holds.

mod expiries;
mod findings;
mod markup;
mod matrix;
mod requests;
mod users;

use keyholder_foundation::Timestamp;

use super::requests::Requests;
use super::{Report, text};
use crate::audit::facts::UserKind;
use markup::Page;
use matrix::Patterns;

const STYLE: &str = include_str!("html/style.css");

/// The report as a page for people.
#[must_use]
pub fn html(report: &Report, requests: Option<&Requests>) -> String {
    let patterns = Patterns::of(&report.facts);
    let mut page = Page::new();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    page.raw("<meta name=\"robots\" content=\"noindex\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.raw("<title>Service users on ").text(&report.facts.now.date()).raw("</title>\n<style>\n");
    page.raw(STYLE).raw("</style>\n</head>\n<body>\n");
    head(&mut page, report);
    page.raw("<main>\n");
    findings::section(&mut page, report);
    expiries::section(&mut page, &report.facts);
    requests::section(&mut page, &report.facts, requests);
    matrix::section(&mut page, &patterns);
    users::section(&mut page, &report.facts, &patterns);
    unread(&mut page, report);
    findings::accepted(&mut page, report);
    page.raw("</main>\n<footer>Made by keyholder audit ").raw(env!("CARGO_PKG_VERSION"));
    page.raw(" at ").text(&minute(report.facts.now)).raw(". It holds no secret.</footer>\n</body>\n</html>\n");
    page.end()
}

/// What it is about, how much there is, and where to find it.
fn head(page: &mut Page, report: &Report) {
    let facts = &report.facts;
    let of = |kind: UserKind| facts.users().filter(|(_, user)| user.kind == kind).count();
    page.raw("<header>\n<h1>Service users, and what they may do</h1>\n<p>");
    page.text(&format!(
        "{} of {}, with {} and {}; read on {}.",
        text::counted(facts.orgs.len(), "org"),
        text::counted(facts.tenants.len(), "tenant"),
        text::counted(of(UserKind::Application), "application user"),
        text::counted(of(UserKind::NonInteractive), "non-interactive user"),
        minute(facts.now),
    ));
    page.raw("</p>\n<ul class=\"tiles\">\n");
    let counts = report.counts();
    for (severity, noun) in [("error", "error"), ("warning", "warning"), ("note", "note")] {
        let number = counts.get(severity).copied().unwrap_or_default();
        let class = if number == 0 { "none" } else { severity };
        page.raw("<li class=\"").raw(class).raw("\"><b>").number(&number).raw("</b> ");
        page.text(
            text::counted(number, noun).trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ' '),
        );
        page.raw("</li>\n");
    }
    let accepted = report.findings.iter().filter(|finding| !finding.counts()).count();
    page.raw("<li class=\"none\"><b>").number(&accepted).raw("</b> accepted</li>\n</ul>\n");
    page.raw("<nav aria-label=\"Sections\"><a href=\"#findings\">Findings</a> <a href=\"#expiries\">What expires</a> ");
    page.raw("<a href=\"#requests\">Requests</a> <a href=\"#rights\">Who may do what</a> <a href=\"#users\">Service users</a>");
    if !facts.unread.is_empty() {
        page.raw(" <a href=\"#unread\">Not read</a>");
    }
    if accepted > 0 || !report.unused_acceptances.is_empty() {
        page.raw(" <a href=\"#accepted\">Accepted</a>");
    }
    page.raw("</nav>\n</header>\n");
}

/// What could not be read, so that nobody takes silence for health.
fn unread(page: &mut Page, report: &Report) {
    if report.facts.unread.is_empty() {
        return;
    }
    page.raw("<section id=\"unread\">\n<h2>What could not be read</h2>\n<p>Of this nothing is known, and rules that need it say \
        nothing.</p>\n<ul>\n");
    for unread in &report.facts.unread {
        let place = match (&unread.org, &unread.tenant) {
            (Some(org), _) => format!("The org {}: ", text::name(org)),
            (None, Some(tenant)) => format!("The tenant {}: ", text::name(tenant)),
            (None, None) => String::new(),
        };
        page.raw("<li>").text(&place).sentence(&format!("{}: {}", unread.what, unread.why));
        if !unread.needs.is_empty() {
            page.raw(" <span class=\"soft\">It needs ").sentence(&unread.needs.join(", or ")).raw("</span>");
        }
        page.raw("</li>\n");
    }
    page.raw("</ul>\n</section>\n");
}

/// A moment for people: `2026-11-28 09:00 UTC`.
fn minute(moment: Timestamp) -> String {
    let text = moment.with_blank();
    format!("{} UTC", text.get(..16).unwrap_or(&text))
}
